//! Increase.

use crate::signature::{Encoding, Hash, Part, Place, Retries, Scheme, Signature, Stamp, Unit};

/// Increase: `Increase-Webhook-Signature: t=…,v1=…`, over `time.body`, the time as RFC 3339. Webhooks that follow Standard
/// Webhooks are checked by [`STANDARD`](super::STANDARD). The time is signed; the id in the body is.
///
/// Source: <https://increase.com/documentation/webhooks>
pub static INCREASE: Scheme = Scheme::new("increase", "https://increase.com/documentation/webhooks")
    .signature(
        Signature::hmac(Hash::Sha256, Encoding::Hex, &["increase-webhook-signature"])
            .fields(&["v1"])
            .signed(&[Part::Timestamp, Part::Text("."), Part::Body])
            .stamp(Stamp::field("t").unit(Unit::Rfc3339)),
    )
    .signed_id(&[Place::Json("/id")])
    .event_type(&[Place::Json("/category")])
    .retries(Retries::unchecked("https://increase.com/documentation/webhooks"));
