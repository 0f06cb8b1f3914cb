//! incident.io.

use std::time::Duration;

use super::standard::dialect;
use crate::provider::{Fact, Retries, Scheme};
use crate::signature::Place;

/// incident.io: Standard Webhooks. Time and id are signed.
///
/// Source: <https://api-docs.incident.io/tag/Webhooks>
pub static INCIDENT_IO: Scheme = dialect("incident_io", "https://api-docs.incident.io/tag/Webhooks")
    .event_type(&[Place::Json("/event_type")])
    .retries(
        Retries::unchecked("https://docs.svix.com/retries")
            .same_id(Fact::Yes)
            .signed_anew(Fact::Yes)
            .span(Duration::from_secs(28 * 60 * 60)),
    );
