//! Shopify.

use std::time::Duration;

use crate::signature::{Encoding, Fact, Hash, Place, Retries, Scheme, Signature};

/// What is often taken for the secret.
const NOT_KEYS: &[(&str, &str)] = &[(
    "shpat_",
    "an access token: take the client secret of the app, which begins with shpss_, or the key that the notification settings show",
)];

/// Shopify: `X-Shopify-Hmac-Sha256`, base64, over the body; the events API says the same without the `X-`. No time and no
/// id are signed; an event is identified by webhook id, topic and body together: the webhook id differs from topic to
/// topic, and `X-Shopify-Event-Id` does not.
///
/// Source: <https://shopify.dev/docs/apps/build/webhooks/subscribe/https>
pub static SHOPIFY: Scheme = Scheme::new("shopify", "https://shopify.dev/docs/apps/build/webhooks/subscribe/https")
    .signature(
        Signature::hmac(Hash::Sha256, Encoding::Base64, &["x-shopify-hmac-sha256", "shopify-hmac-sha256"]).any_length(),
    )
    .unsigned_id(&[Place::Header("x-shopify-webhook-id"), Place::Header("shopify-webhook-id")])
    .event_type(&[Place::Header("x-shopify-topic"), Place::Header("shopify-topic")])
    .not_keys(NOT_KEYS)
    .retries(
        Retries::documented("https://shopify.dev/apps/build/webhooks/ignore-duplicates")
            .same_id(Fact::Yes)
            .span(Duration::from_hours(4)),
    );
