//! Zendesk.

use crate::signature::{Encoding, Fact, Hash, Part, Place, Retries, Scheme, Signature, Stamp, Tolerance, Unit};

/// Zendesk: `X-Zendesk-Webhook-Signature`, base64, over time (RFC 3339) and body. The time is signed; the
/// invocation's id is not. Webhooks may be sent by other methods than POST. Tests before a webhook exists are
/// signed with a published secret: never configure that one.
///
/// Source: <https://developer.zendesk.com/documentation/webhooks/verifying/>
pub static ZENDESK: Scheme = Scheme::new("zendesk", "https://developer.zendesk.com/documentation/webhooks/verifying/")
    .signature(
        Signature::hmac(Hash::Sha256, Encoding::Base64, &["x-zendesk-webhook-signature"])
            .signed(&[Part::Timestamp, Part::Body])
            .stamp(Stamp::header("x-zendesk-webhook-signature-timestamp").unit(Unit::Rfc3339)),
    )
    .unsigned_id(&[Place::Header("x-zendesk-webhook-invocation-id")])
    .event_type(&[Place::Json("/type")])
    .event_methods(&["GET", "PUT", "PATCH", "DELETE"])
    .retries(
        Retries::documented("https://developer.zendesk.com/api-reference/webhooks/introduction").same_id(Fact::Yes),
    )
    .tolerance(Tolerance::secs(86_400, 300));
