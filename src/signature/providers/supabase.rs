//! Supabase Auth hooks.

use crate::signature::standard;
use crate::signature::{Fact, KeyText, Retries, Scheme};

/// Supabase Auth hooks: Standard Webhooks, the secret shown as `v1,whsec_…`; where the setting holds several,
/// joined by `|`, give each alone. Id and time are signed. The payload has no type: the route is the type. The
/// answer's body means something to Supabase, so the handler should not answer from behind a queue.
///
/// Source: <https://supabase.com/docs/guides/auth/auth-hooks>
pub static SUPABASE: Scheme = standard::dialect("supabase", "https://supabase.com/docs/guides/auth/auth-hooks")
    .signature(standard::SIGNATURE.key(KeyText::StandardBehind("v1,")))
    .event_type(&[])
    .retries(Retries::documented("https://supabase.com/docs/guides/auth/auth-hooks").same_id(Fact::Yes))
    .uses_answer();
