//! Clerk.

use std::time::Duration;

use super::standard::dialect;
use crate::provider::{Fact, Retries, Scheme};
use crate::signature;
use crate::signature::Place;

/// Clerk: Standard Webhooks with the header names of Svix only. Id and time are signed.
///
/// Source: <https://clerk.com/docs/webhooks/sync-data>
pub static CLERK: Scheme = dialect("clerk", "https://clerk.com/docs/webhooks/sync-data")
    .signature(signature::SVIX)
    .signed_id(&[Place::Header("svix-id")])
    .retries(
        Retries::documented("https://docs.svix.com/retries")
            .same_id(Fact::Yes)
            .signed_anew(Fact::Yes)
            .span(Duration::from_secs(99305)),
    );
