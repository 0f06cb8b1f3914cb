//! Svix.

use std::time::Duration;

use crate::signature::standard;
use crate::signature::{Fact, Place, Retries, Scheme};

/// Svix, and who sends through it: Standard Webhooks with `svix-` headers. Id and time are signed. Under a brand of
/// its own, Svix sends `webhook-` headers: either family counts, a mixture never.
///
/// Source: <https://docs.svix.com/receiving/verifying-payloads/how-manual>
pub static SVIX: Scheme = standard::dialect("svix", "https://docs.svix.com/receiving/verifying-payloads/how-manual")
    .signature(standard::SVIX.otherwise(&standard::SIGNATURE))
    .signed_id(&[Place::Header("svix-id"), Place::Header("webhook-id")])
    .retries(
        Retries::documented("https://docs.svix.com/retries")
            .same_id(Fact::Yes)
            .signed_anew(Fact::Yes)
            .span(Duration::from_secs(99305)),
    );
