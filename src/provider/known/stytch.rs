//! Stytch.

use std::time::Duration;

use super::standard::dialect;
use crate::provider::{Fact, Retries, Scheme};
use crate::signature::{Place, SVIX};

/// Stytch sends through Svix: Standard Webhooks with the header names of Svix. Time and id are signed.
///
/// Source: <https://stytch.com/docs/api/webhooks>
pub static STYTCH: Scheme = dialect("stytch", "https://stytch.com/docs/api/webhooks")
    .signature(SVIX)
    .signed_id(&[Place::Header("svix-id")])
    .event_type(&[Place::Join { separator: ".", places: &[Place::Json("/object_type"), Place::Json("/action")] }])
    .retries(
        Retries::documented("https://docs.svix.com/retries")
            .same_id(Fact::Yes)
            .signed_anew(Fact::Yes)
            .span(Duration::from_secs(99305)),
    );
