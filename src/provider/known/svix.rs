//! Svix.

use std::time::Duration;

use super::standard::dialect;
use crate::provider::{Fact, Retries, Scheme};
use crate::signature;
use crate::signature::Place;

/// Svix, and senders that use it: Standard Webhooks with `svix-` headers. Id and time are signed. For senders with their own brand,
/// Svix sends `webhook-` headers. All headers must be of one of these two families; a mixture is rejected.
///
/// Source: <https://docs.svix.com/receiving/verifying-payloads/how-manual>
pub static SVIX: Scheme = dialect("svix", "https://docs.svix.com/receiving/verifying-payloads/how-manual")
    .signature(signature::SVIX.otherwise(&signature::STANDARD))
    .signed_id(&[Place::Header("svix-id"), Place::Header("webhook-id")])
    .retries(
        Retries::documented("https://docs.svix.com/retries")
            .same_id(Fact::Yes)
            .signed_anew(Fact::Yes)
            .span(Duration::from_secs(99305)),
    );
