//! Supabase Auth hooks.

use super::standard::dialect;
use crate::provider::{Fact, Retries, Scheme};
use crate::signature;
use crate::signature::KeyText;

/// Supabase Auth hooks: Standard Webhooks, with a secret of the form `v1,whsec_…`. If Supabase shows several secrets joined by `|`,
/// configure each one separately. Id and time are signed. The payload has no type: use one route for each type. Supabase reads the
/// body of the response, so do not answer from a queue.
///
/// Source: <https://supabase.com/docs/guides/auth/auth-hooks>
pub static SUPABASE: Scheme = dialect("supabase", "https://supabase.com/docs/guides/auth/auth-hooks")
    .signature(signature::STANDARD.key(KeyText::StandardBehind("v1,")))
    .event_type(&[])
    .retries(Retries::documented("https://supabase.com/docs/guides/auth/auth-hooks").same_id(Fact::Yes))
    .uses_answer();
