//! Render.

use std::time::Duration;

use super::standard::dialect;
use crate::provider::{Fact, Retries, Scheme};
use crate::signature::Place;

/// Render: Standard Webhooks. Time and id are signed. Render repeats a request for about 33 hours; by the specification of Standard
/// Webhooks, the time is that of the attempt.
///
/// Source: <https://render.com/docs/webhooks>
pub static RENDER: Scheme =
    dialect("render", "https://render.com/docs/webhooks").event_type(&[Place::Json("/type")]).retries(
        Retries::documented("https://render.com/docs/webhooks")
            .same_id(Fact::Yes)
            .signed_anew(Fact::Yes)
            .span(Duration::from_secs(33 * 60 * 60)),
    );
