//! beehiiv.

use std::time::Duration;

use super::standard::dialect;
use crate::provider::{Fact, Retries, Scheme};
use crate::signature::{Place, SVIX};

/// beehiiv sends through Svix: Standard Webhooks with the header names of Svix. Time and id are signed.
///
/// Source: <https://developers.beehiiv.com/webhooks/verify-webhooks>
pub static BEEHIIV: Scheme = dialect("beehiiv", "https://developers.beehiiv.com/webhooks/verify-webhooks")
    .signature(SVIX)
    .signed_id(&[Place::Header("svix-id")])
    .event_type(&[Place::Json("/event_type")])
    .retries(
        Retries::documented("https://docs.svix.com/retries")
            .same_id(Fact::Yes)
            .signed_anew(Fact::Yes)
            .span(Duration::from_secs(99305)),
    );
