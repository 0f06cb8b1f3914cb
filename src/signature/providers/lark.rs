//! Lark and Feishu.

use std::time::Duration;

use crate::signature::{
    Algorithm, Encoding, Handshake, Hash, Part, Piece, Place, Retries, Scheme, Signature, Stamp, When,
};

const CHALLENGE: Place = Place::Json("/challenge");

/// Lark and Feishu, events with an encrypt key: `X-Lark-Signature`, the SHA-256 of time, nonce, encrypt key and body. The time is
/// signed. Lark repeats an event four times, the last one after seven hours; whether with a new time is not documented, so the time may
/// be that old. **The body is encrypted with the same key**, and so are id, type and the challenge that is sent when the URL is saved:
/// decrypt it with Lark's own library. A challenge that is not encrypted, because no key is set yet, is sent back; it is not signed.
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
.handshakes(&[Handshake::unsigned(&[When::Is(Place::Json("/type"), "url_verification"), When::Has(CHALLENGE)])
    .body("application/json", &[Piece::Text(r#"{"challenge":"#), Piece::Json(CHALLENGE), Piece::Text("}")])])
.retries(
    Retries::documented("https://open.feishu.cn/document/server-docs/event-subscription-guide/overview")
        .span(Duration::from_mins(426)),
);
