//! Shopify.

use std::time::Duration;

use crate::provider::{Fact, Retries, Scheme};
use crate::signature::{Encoding, Hash, Place, Signature};

/// Credentials that are often given instead of the secret by mistake.
const NOT_KEYS: &[(&str, &str)] = &[(
    "shpat_",
    "an access token: use the client secret of the app, which begins with shpss_, or the key that the notification settings show",
)];

/// Shopify: the signature in `X-Shopify-Hmac-Sha256` (base64) covers the body; the events API uses the same header names without the `X-`.
/// Neither a time nor an id is signed. An event is identified by webhook id, topic and body together: `X-Shopify-Event-Id` is the same for
/// every topic; the webhook id differs.
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
            .span(Duration::from_secs(4 * 60 * 60)),
    );
