//! Coinbase Commerce.

use crate::signature::{Encoding, Hash, Place, Scheme, Signature};

/// Coinbase Commerce: `X-CC-Webhook-Signature`, over the body. The event's id is signed; no time is judged.
///
/// Source: <https://docs.cdp.coinbase.com/commerce/docs/webhooks>
pub static COINBASE_COMMERCE: Scheme =
    Scheme::new("coinbase_commerce", "https://docs.cdp.coinbase.com/commerce/docs/webhooks")
        .signature(Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-cc-webhook-signature"]))
        .signed_id(&[Place::Json("/event/id")])
        .event_type(&[Place::Json("/event/type")]);
