//! WooCommerce.

use crate::provider::{Condition, Handshake, Retries, Scheme};
use crate::signature::{Encoding, Hash, Place, Signature};

/// WooCommerce: the signature in `X-WC-Webhook-Signature` (base64) covers the body. The id of the delivery and the topic are not signed,
/// and no time is signed. The id is different in each attempt. The ping that is sent when a webhook is activated is not signed and is not
/// an event.
///
/// Source: <https://woocommerce.com/document/webhooks/>
pub static WOOCOMMERCE: Scheme = Scheme::new("woocommerce", "https://woocommerce.com/document/webhooks/")
    .signature(Signature::hmac(Hash::Sha256, Encoding::Base64, &["x-wc-webhook-signature"]))
    .unsigned_id(&[Place::Header("x-wc-webhook-delivery-id")])
    .event_type(&[Place::Header("x-wc-webhook-topic")])
    .handshakes(&[Handshake::unsigned(&[
        Condition::Lacks(Place::Header("x-wc-webhook-signature")),
        Condition::Method("POST"),
        Condition::Has(Place::Form("webhook_id")),
    ])])
    .retries(Retries::documented("https://woocommerce.com/document/webhooks/"));
