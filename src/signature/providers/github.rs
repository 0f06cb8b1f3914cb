//! GitHub.

use crate::signature::{Encoding, Hash, Place, Scheme, Signature};

/// GitHub: `X-Hub-Signature-256: sha256=…`, over the body. No time and no id are signed, so a captured request can be
/// replayed; dedup looks at the body as well as at `X-GitHub-Delivery`.
///
/// Source: <https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries>
pub static GITHUB: Scheme =
    Scheme::new("github", "https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries")
        .signature(
            Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-hub-signature-256"]).any_length().prefix("sha256="),
        )
        .unsigned_id(&[Place::Header("x-github-delivery")])
        .event_type(&[Place::Header("x-github-event")]);
