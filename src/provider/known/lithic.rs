//! Lithic.

use super::standard::dialect;
use crate::provider::{Fact, Retries, Scheme};
use crate::signature::Place;

/// Lithic: Standard Webhooks. Time and id are signed.
///
/// Source: <https://docs.lithic.com/docs/events-api>
pub static LITHIC: Scheme = dialect("lithic", "https://docs.lithic.com/docs/events-api")
    .event_type(&[Place::Json("/event_type")])
    .retries(Retries::documented("https://docs.lithic.com/docs/events-api").same_id(Fact::Yes).signed_anew(Fact::Yes));
