//! Shopify.

use crate::signature::{Encoding, Grammar, Hash, KeyText, Part, Place, Scheme, Stamp};

/// Shopify: `X-Shopify-Hmac-Sha256`, base64, over the body; the events API says the same without the `X-`. No time and no
/// id are signed; dedup looks at the body as well as at the webhook id.
///
/// Source: <https://shopify.dev/docs/apps/build/webhooks/subscribe/https>
pub static SHOPIFY: Scheme = Scheme {
    name: "shopify",
    docs: "https://shopify.dev/docs/apps/build/webhooks/subscribe/https",
    key: KeyText::Text,
    hash: Hash::Sha256,
    headers: &["x-shopify-hmac-sha256", "shopify-hmac-sha256"],
    grammar: Grammar::Plain { prefix: "" },
    encoding: Encoding::Base64,
    signed: &[Part::Body],
    stamp: Stamp::None,
    id_header: None,
    id: &[Place::Header("x-shopify-webhook-id"), Place::Header("shopify-webhook-id")],
    id_authenticated: false,
    event_type: &[Place::Header("x-shopify-topic"), Place::Header("shopify-topic")],
    handshake: None,
};
