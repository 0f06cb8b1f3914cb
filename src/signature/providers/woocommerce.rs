//! WooCommerce.

use crate::signature::{Encoding, Handshake, Hash, Place, Retries, Scheme, Signature, When};

/// WooCommerce: `X-WC-Webhook-Signature`, base64, over the body. Neither the delivery's id, which is another on
/// each attempt, nor the topic nor any time is signed. The ping of an activation is not signed and no event.
///
/// Source: <https://woocommerce.com/document/webhooks/>
pub static WOOCOMMERCE: Scheme = Scheme::new("woocommerce", "https://woocommerce.com/document/webhooks/")
    .signature(Signature::hmac(Hash::Sha256, Encoding::Base64, &["x-wc-webhook-signature"]))
    .unsigned_id(&[Place::Header("x-wc-webhook-delivery-id")])
    .event_type(&[Place::Header("x-wc-webhook-topic")])
    .handshakes(&[Handshake::unsigned(&[
        When::Lacks(Place::Header("x-wc-webhook-signature")),
        When::Method("POST"),
        When::Has(Place::Form("webhook_id")),
    ])])
    .retries(Retries::documented("https://woocommerce.com/document/webhooks/"));
