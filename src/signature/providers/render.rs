//! Render.

use std::time::Duration;

use crate::signature::standard::dialect;
use crate::signature::{Fact, Place, Retries, Scheme};

/// Render: Standard Webhooks. Time and id are signed. Render repeats a request for about 33 hours; by the specification,
/// the time is that of the attempt.
///
/// Source: <https://render.com/docs/webhooks>
pub static RENDER: Scheme =
    dialect("render", "https://render.com/docs/webhooks").event_type(&[Place::Json("/type")]).retries(
        Retries::documented("https://render.com/docs/webhooks")
            .same_id(Fact::Yes)
            .signed_anew(Fact::Yes)
            .span(Duration::from_hours(33)),
    );
