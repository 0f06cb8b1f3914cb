//! Lark and Feishu.

use std::time::Duration;

use crate::provider::{BodyPart, Condition, Handshake, Retries, Scheme};
use crate::signature::{Algorithm, Encoding, Hash, Part, Place, Signature, Stamp};

const CHALLENGE: Place = Place::Json("/challenge");

/// Lark and Feishu, events with an encrypt key: `X-Lark-Signature`, the SHA-256 of time, nonce, encrypt key and body. The time is
/// signed. Lark repeats an event four times, the last time after seven hours. It does not document whether a repeated request has a
/// new time, so a time of that age is accepted. **The body is encrypted with the same key**, and with it the id, the type and the
/// challenge that is sent when the URL is saved: decrypt it with Lark's own library. As long as no key is set, the challenge is
/// neither encrypted nor signed, and the response returns it.
///
/// Source: <https://open.larksuite.com/document/server-docs/event-subscription-guide/event-subscription-configure-/request-url-configuration-case>
pub static LARK: Scheme = Scheme::new(
    "lark",
    "https://open.larksuite.com/document/server-docs/event-subscription-guide/event-subscription-configure-/request-url-configuration-case",
)
.signature(
    Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-lark-signature"])
        .algorithm(Algorithm::Digest(Hash::Sha256))
        .signed(&[Part::Timestamp, Part::At(Place::Header("x-lark-request-nonce")), Part::Secret, Part::Body])
        .stamp(Stamp::header("x-lark-request-timestamp")),
)
.signed_id(&[Place::Json("/header/event_id")])
.event_type(&[Place::Json("/header/event_type")])
.handshakes(&[Handshake::unsigned(&[Condition::Is(Place::Json("/type"), "url_verification"), Condition::Has(CHALLENGE)])
    .body("application/json", &[BodyPart::Text(r#"{"challenge":"#), BodyPart::Json(CHALLENGE), BodyPart::Text("}")])])
.retries(
    Retries::documented("https://open.feishu.cn/document/server-docs/event-subscription-guide/overview")
        .span(Duration::from_secs(426 * 60)),
);
