//! Front.

use crate::provider::{BodyPart, Condition, Handshake, Retries, Scheme};
use crate::signature::{Encoding, Hash, Part, Place, Signature, Stamp};

const CHALLENGE: Place = Place::Header("x-front-challenge");

/// Front, application webhooks: the signature in `X-Front-Signature` (base64) covers `time:body` and is made with the
/// application's signing key. The time is signed, in milliseconds; the id in the body is signed too. When the webhook is saved,
/// Front sends a signed challenge, and the response returns it.
///
/// Source: <https://dev.frontapp.com/docs/application-webhooks>
pub static FRONT: Scheme = Scheme::new("front", "https://dev.frontapp.com/docs/application-webhooks")
    .signature(
        Signature::hmac(Hash::Sha256, Encoding::Base64, &["x-front-signature"])
            .signed(&[Part::Timestamp, Part::Text(":"), Part::Body])
            .stamp(Stamp::header("x-front-request-timestamp").millis()),
    )
    .signed_id(&[Place::Json("/payload/id")])
    .event_type(&[Place::Json("/type")])
    .handshakes(&[Handshake::signed(&[Condition::Has(CHALLENGE)]).body("text/plain", &[BodyPart::Echo(CHALLENGE)])])
    .retries(Retries::documented("https://dev.frontapp.com/docs/application-webhooks"));
