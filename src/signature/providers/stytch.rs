//! Stytch.

use std::time::Duration;

use crate::signature::standard::{SVIX, dialect};
use crate::signature::{Fact, Place, Retries, Scheme};

/// Stytch: Svix, so Standard Webhooks in headers of its own. Time and id are signed.
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
