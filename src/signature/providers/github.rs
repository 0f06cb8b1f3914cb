//! GitHub.

use crate::signature::{Encoding, Fact, Hash, Place, Retries, Scheme, Signature};

/// What is often taken for the secret.
const NOT_KEYS: &[(&str, &str)] = &[
    ("ghp_", "a personal access token: take the secret that you typed for the webhook"),
    ("github_pat_", "a personal access token: take the secret that you typed for the webhook"),
    ("gho_", "an OAuth token: take the secret that you typed for the webhook"),
    ("ghs_", "an installation token: take the secret that you typed for the webhook"),
];

/// GitHub: `X-Hub-Signature-256: sha256=…`, over the body. No time and no id are signed, so a captured request can be
/// replayed; an event is identified by `X-GitHub-Delivery` and its body together.
///
/// Source: <https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries>
pub static GITHUB: Scheme =
    Scheme::new("github", "https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries")
        .signature(
            Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-hub-signature-256"]).any_length().prefix("sha256="),
        )
        .unsigned_id(&[Place::Header("x-github-delivery")])
        .event_type(&[Place::Header("x-github-event")])
        .not_keys(NOT_KEYS)
        .max_body(25 << 20)
        .retries(
            Retries::documented(
                "https://docs.github.com/en/webhooks/using-webhooks/handling-failed-webhook-deliveries",
            )
            .same_id(Fact::Yes),
        );
