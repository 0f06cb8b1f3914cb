//! LinkedIn.

use crate::signature::{Encoding, Grammar, Handshake, Hash, Part, Piece, Place, Retries, Scheme, Signature, When};

const CHALLENGE: Place = Place::Query("challengeCode");

/// LinkedIn: `X-LI-Signature`, over `hmacsha256=` and the body, by the client secret. There is neither a signed time nor an id.
/// The validation by `challengeCode` is answered by a MAC under the same secret, so an event must be a JSON object, which no such
/// code is.
///
/// Source: <https://learn.microsoft.com/linkedin/shared/api-guide/webhook-validation>
pub static LINKEDIN: Scheme =
    Scheme::new("linkedin", "https://learn.microsoft.com/linkedin/shared/api-guide/webhook-validation")
        .signature(
            Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-li-signature"])
                .grammar(Grammar::Plain { prefix: "hmacsha256=", optional: true })
                .signed(&[Part::Text("hmacsha256="), Part::Body]),
        )
        .event_type(&[Place::Json("/type")])
        .handshakes(&[Handshake::unsigned(&[When::Method("GET"), When::Has(CHALLENGE)]).body(
            "application/json",
            &[
                Piece::Text(r#"{"challengeCode":"#),
                Piece::Json(CHALLENGE),
                Piece::Text(r#","challengeResponse":""#),
                Piece::Mac(CHALLENGE, Encoding::Hex),
                Piece::Text(r#""}"#),
            ],
        )])
        .retries(Retries::documented("https://learn.microsoft.com/linkedin/shared/api-guide/webhook-validation"));
