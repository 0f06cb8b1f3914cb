//! Coinbase Commerce.

use std::time::Duration;

use crate::provider::{Fact, Retries, Scheme};
use crate::signature::{Encoding, Hash, Place, Signature};

/// Coinbase Commerce: the signature in `X-CC-Webhook-Signature` covers the body. The event's id is signed; no time is checked.
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
                .span(Duration::from_secs(72 * 60 * 60)),
        );
