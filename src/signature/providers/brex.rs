//! Brex.

use crate::signature::standard::dialect;
use crate::signature::{Place, Retries, Scheme};

/// Brex: Standard Webhooks. Time and id are signed.
///
/// Source: <https://developer.brex.com/docs/webhooks/>
pub static BREX: Scheme = dialect("brex", "https://developer.brex.com/docs/webhooks/")
    .event_type(&[Place::Json("/event_type")])
    .retries(Retries::unchecked("https://developer.brex.com/docs/webhooks/"));
