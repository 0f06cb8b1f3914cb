//! What a store appends, and the result.

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::delivery::NewDelivery;
use crate::event::Event;

/// One event with the deliveries it causes.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "complete: made by callers of Outbox")]
pub struct Append {
    /// The event.
    pub event: Arc<Event>,
    /// One for each lane that gets it; may be empty. The lanes are of the event's kind of work: endpoints for an event that is
    /// sent, queues for one that was received.
    pub deliveries: Vec<NewDelivery>,
    /// When the event is appended. Its deliveries are due then.
    pub now: Timestamp,
}

/// The result of one [`Append`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Appended {
    /// The event and its deliveries are stored, durably.
    Stored,
    /// The tenant has an event with this id and the same fingerprint. Nothing was changed.
    Duplicate,
    /// The tenant has an event with this id and another fingerprint. Nothing was changed.
    Conflict,
}
