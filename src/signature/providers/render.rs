//! Render.

use crate::signature::standard::dialect;
use crate::signature::{Place, Retries, Scheme};

/// Render: Standard Webhooks. Time and id are signed.
///
/// Source: <https://render.com/docs/webhooks>
pub static RENDER: Scheme = dialect("render", "https://render.com/docs/webhooks")
    .event_type(&[Place::Json("/type")])
    .retries(Retries::unchecked("https://render.com/docs/webhooks"));
