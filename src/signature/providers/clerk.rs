//! Clerk.

use std::time::Duration;

use crate::signature::standard;
use crate::signature::{Fact, Place, Retries, Scheme};

/// Clerk: Standard Webhooks with the headers of Svix, and none else. Id and time are signed.
///
/// Source: <https://clerk.com/docs/webhooks/sync-data>
pub static CLERK: Scheme = standard::dialect("clerk", "https://clerk.com/docs/webhooks/sync-data")
    .signature(standard::SVIX)
    .signed_id(&[Place::Header("svix-id")])
    .retries(
        Retries::documented("https://docs.svix.com/retries")
            .same_id(Fact::Yes)
            .signed_anew(Fact::Yes)
            .span(Duration::from_secs(99305)),
    );
