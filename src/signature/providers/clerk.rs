//! Clerk.

use crate::signature::standard;
use crate::signature::{Place, Scheme};

/// Clerk: Standard Webhooks with the headers of Svix, and none else. Id and time are signed.
///
/// Source: <https://clerk.com/docs/webhooks/sync-data>
pub static CLERK: Scheme = standard::dialect("clerk", "https://clerk.com/docs/webhooks/sync-data")
    .signature(standard::SVIX)
    .signed_id(&[Place::Header("svix-id")]);
