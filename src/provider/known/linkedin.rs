//! LinkedIn.

use crate::provider::{BodyPart, Condition, Handshake, Retries, Scheme};
use crate::signature::{Encoding, Hash, Part, Place, Signature};

const CHALLENGE: Place = Place::Query("challengeCode");

/// LinkedIn: the signature in `X-LI-Signature` covers `hmacsha256=` and the body and is made with the client secret. There is neither a
/// signed time nor an id. The validation with a `challengeCode` is answered with a MAC with the same secret. An attacker could send an
/// event as the code and get its signature. Therefore an event must be a JSON object; a code is never a JSON object.
///
/// Source: <https://learn.microsoft.com/linkedin/shared/api-guide/webhook-validation>
pub static LINKEDIN: Scheme =
    Scheme::new("linkedin", "https://learn.microsoft.com/linkedin/shared/api-guide/webhook-validation")
        .signature(
            Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-li-signature"])
                .optional_prefix("hmacsha256=")
                .signed(&[Part::Text("hmacsha256="), Part::Body]),
        )
        .event_type(&[Place::Json("/type")])
        .handshakes(&[Handshake::unsigned(&[Condition::Method("GET"), Condition::Has(CHALLENGE)]).body(
            "application/json",
            &[
                BodyPart::Text(r#"{"challengeCode":"#),
                BodyPart::Json(CHALLENGE),
                BodyPart::Text(r#","challengeResponse":""#),
                BodyPart::Mac(CHALLENGE, Encoding::Hex),
                BodyPart::Text(r#""}"#),
            ],
        )])
        .retries(Retries::documented("https://learn.microsoft.com/linkedin/shared/api-guide/webhook-validation"));
