//! Zendesk.

use crate::provider::{Fact, Retries, Scheme};
use crate::signature::{Encoding, Hash, Part, Place, Signature, Stamp, Tolerance};

/// Zendesk: the signature in `X-Zendesk-Webhook-Signature` (base64) covers time (RFC 3339) and body. The time is signed; the
/// invocation's id is not. A webhook may use other methods than POST. Tests before a webhook exists are signed with a secret that
/// Zendesk publishes: never configure that one.
///
/// Source: <https://developer.zendesk.com/documentation/webhooks/verifying/>
pub static ZENDESK: Scheme = Scheme::new("zendesk", "https://developer.zendesk.com/documentation/webhooks/verifying/")
    .signature(
        Signature::hmac(Hash::Sha256, Encoding::Base64, &["x-zendesk-webhook-signature"])
            .signed(&[Part::Timestamp, Part::Body])
            .stamp(Stamp::header("x-zendesk-webhook-signature-timestamp").rfc3339()),
    )
    .unsigned_id(&[Place::Header("x-zendesk-webhook-invocation-id")])
    .event_type(&[Place::Json("/type")])
    .event_methods(&["GET", "PUT", "PATCH", "DELETE"])
    .retries(
        Retries::documented("https://developer.zendesk.com/api-reference/webhooks/introduction").same_id(Fact::Yes),
    )
    .tolerance(Tolerance::secs(86_400, 300));
