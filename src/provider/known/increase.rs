//! Increase.

use crate::provider::{Retries, Scheme};
use crate::signature::{Encoding, Hash, Part, Place, Signature, Stamp};

/// Increase: the signature in `Increase-Webhook-Signature: t=…,v1=…` covers `time.body`, where the time is written as in RFC
/// 3339. Time and id (in the body) are signed. For webhooks of Increase that follow Standard Webhooks, use
/// [`STANDARD`](super::STANDARD).
///
/// Source: <https://increase.com/documentation/webhooks>
pub static INCREASE: Scheme = Scheme::new("increase", "https://increase.com/documentation/webhooks")
    .signature(
        Signature::hmac(Hash::Sha256, Encoding::Hex, &["increase-webhook-signature"])
            .fields(&["v1"])
            .signed(&[Part::Timestamp, Part::Text("."), Part::Body])
            .stamp(Stamp::field("t").rfc3339()),
    )
    .signed_id(&[Place::Json("/id")])
    .event_type(&[Place::Json("/category")])
    .retries(Retries::unchecked("https://increase.com/documentation/webhooks"));
