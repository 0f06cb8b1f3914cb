//! Brex.

use super::standard::dialect;
use crate::provider::{Retries, Scheme};
use crate::signature::Place;

/// Brex: Standard Webhooks. Time and id are signed.
///
/// Source: <https://developer.brex.com/docs/webhooks/>
pub static BREX: Scheme = dialect("brex", "https://developer.brex.com/docs/webhooks/")
    .event_type(&[Place::Json("/event_type")])
    .retries(Retries::unchecked("https://developer.brex.com/docs/webhooks/"));
