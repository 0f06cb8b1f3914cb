//! Lithic.

use crate::signature::standard::dialect;
use crate::signature::{Place, Retries, Scheme};

/// Lithic: Standard Webhooks. Time and id are signed.
///
/// Source: <https://docs.lithic.com/docs/events-api>
pub static LITHIC: Scheme = dialect("lithic", "https://docs.lithic.com/docs/events-api")
    .event_type(&[Place::Json("/event_type")])
    .retries(Retries::unchecked("https://docs.lithic.com/docs/events-api"));
