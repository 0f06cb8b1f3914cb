//! Coinbase Commerce.

use std::time::Duration;

use crate::signature::{Encoding, Fact, Hash, Place, Retries, Scheme, Signature};

/// Coinbase Commerce: `X-CC-Webhook-Signature`, over the body. The event's id is signed; no time is judged.
///
/// Source: <https://docs.cdp.coinbase.com/commerce/docs/webhooks>
pub static COINBASE_COMMERCE: Scheme =
    Scheme::new("coinbase_commerce", "https://docs.cdp.coinbase.com/commerce/docs/webhooks")
        .signature(Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-cc-webhook-signature"]))
        .signed_id(&[Place::Json("/event/id")])
        .event_type(&[Place::Json("/event/type")])
        .retries(
            Retries::documented("https://docs.cdp.coinbase.com/commerce/docs/webhooks")
                .same_id(Fact::Yes)
                .span(Duration::from_hours(72)),
        );
