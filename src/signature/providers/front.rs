//! Front.

use crate::signature::{Encoding, Handshake, Hash, Part, Piece, Place, Retries, Scheme, Signature, Stamp, Unit, When};

const CHALLENGE: Place = Place::Header("x-front-challenge");

/// Front, application webhooks: `X-Front-Signature`, base64, over `time:body`, by the application's signing key. The time is
/// signed, in milliseconds; the id in the body is. When the webhook is saved, Front sends a signed challenge, which is sent back.
///
/// Source: <https://dev.frontapp.com/docs/application-webhooks>
pub static FRONT: Scheme = Scheme::new("front", "https://dev.frontapp.com/docs/application-webhooks")
    .signature(
        Signature::hmac(Hash::Sha256, Encoding::Base64, &["x-front-signature"])
            .signed(&[Part::Timestamp, Part::Text(":"), Part::Body])
            .stamp(Stamp::header("x-front-request-timestamp").unit(Unit::Millis)),
    )
    .signed_id(&[Place::Json("/payload/id")])
    .event_type(&[Place::Json("/type")])
    .handshakes(&[Handshake::signed(&[When::Has(CHALLENGE)]).body("text/plain", &[Piece::Echo(CHALLENGE)])])
    .retries(Retries::documented("https://dev.frontapp.com/docs/application-webhooks"));
