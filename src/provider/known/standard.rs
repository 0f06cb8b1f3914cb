//! Standard Webhooks 1.0.0: <https://www.standardwebhooks.com>.

use crate::provider::{Fact, Retries, Scheme};
use crate::signature::{self, Place};

const DOCS: &str = "https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md";

const BASE: Scheme = Scheme::new("standard", DOCS)
    .signature(signature::STANDARD)
    .signed_id(&[Place::Header("webhook-id")])
    .event_type(&[Place::Json("/type")])
    .retries(Retries::documented(DOCS).same_id(Fact::Yes).signed_anew(Fact::Yes));

/// The scheme of a provider that follows Standard Webhooks; the provider's file changes what differs.
pub(in crate::provider) const fn dialect(name: &'static str, docs: &'static str) -> Scheme {
    BASE.renamed(name, docs)
}

/// Standard Webhooks, signed as [`signature::STANDARD`]: `v1` (HMAC-SHA256) and `v1a` (Ed25519), over `id.timestamp.body`.
///
/// Source: <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>
pub static STANDARD: Scheme = BASE;

/// [`STANDARD`], signed as [`signature::STANDARD_STRICT`]: an id with other characters than `A-Z a-z 0-9 _ -` is rejected.
pub static STANDARD_STRICT: Scheme = BASE.signature(signature::STANDARD_STRICT);
