//! Checkout.com.

use crate::provider::{Retries, Scheme};
use crate::signature::{Encoding, Hash, Place, Signature};

/// Checkout.com: the signature in `Cko-Signature` covers the body and is made with the key of the webhook. The id in the body is
/// signed; no time is signed.
///
/// Source: <https://www.checkout.com/docs/developer-resources/webhooks/webhooks-overview>
pub static CHECKOUT_COM: Scheme =
    Scheme::new("checkout_com", "https://www.checkout.com/docs/developer-resources/webhooks/webhooks-overview")
        .signature(Signature::hmac(Hash::Sha256, Encoding::Hex, &["cko-signature"]))
        .signed_id(&[Place::Json("/id")])
        .event_type(&[Place::Json("/type")])
        .retries(Retries::documented("https://www.checkout.com/docs/workflows/set-up-your-webhook-receiver"));
