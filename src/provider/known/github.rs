//! GitHub.

use crate::provider::{Fact, Retries, Scheme};
use crate::signature::{self, Place};

/// Credentials that are often given instead of the secret by mistake.
const NOT_KEYS: &[(&str, &str)] = &[
    ("ghp_", "a personal access token: use the secret that you typed for the webhook"),
    ("github_pat_", "a personal access token: use the secret that you typed for the webhook"),
    ("gho_", "an OAuth token: use the secret that you typed for the webhook"),
    ("ghs_", "an installation token: use the secret that you typed for the webhook"),
];

/// GitHub: the signature in `X-Hub-Signature-256: sha256=…` covers the body. Neither a time nor the id is signed, so a captured
/// request can be replayed. An event is identified by `X-GitHub-Delivery` and its body together.
///
/// Source: <https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries>
pub static GITHUB: Scheme =
    Scheme::new("github", "https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries")
        .signature(signature::GITHUB)
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
