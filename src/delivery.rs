//! One event owed to one endpoint, or to one queue of an inbox: the attempts at it, and which state may follow which.
//!
//! ```text
//!            claim            settle
//! pending ---------> leased ---------> delivered | failed | held | pending (retry)
//!    ^                  |
//!    +------------------+  the lease ends, or is released
//!
//! held: a pending delivery whose endpoint is disabled; it is claimed again when the endpoint is enabled. Or one that the
//! policy decided to hold, until an operator resends or cancels it.
//! cancelled: its endpoint was removed before it was delivered.
//! ```

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::event::{Event, EventType};
use crate::id::{DeliveryId, EndpointId, EventId, LaneId, Tenant};
use crate::outcome::Outcome;
use crate::retry::FailReason;

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DeliveryState {
    /// Waiting for its next attempt, or in one.
    Pending,
    /// The endpoint answered with success.
    Delivered,
    /// Given up, for a reason that is recorded.
    Failed,
    /// Waiting for its endpoint to be enabled, or for an operator.
    Held,
    /// No longer owed.
    Cancelled,
}

impl DeliveryState {
    /// Whether nothing follows it any more.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Delivered | Self::Failed | Self::Cancelled)
    }
}

/// One event owed to one endpoint, or a job in one queue, as history shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivery {
    /// Its id.
    pub id: DeliveryId,
    /// Whose it is.
    pub tenant: Tenant,
    /// The event owed.
    pub event: EventId,
    /// The event's type.
    pub event_type: EventType,
    /// To whom it is owed: an endpoint, or a queue of an inbox.
    pub lane: LaneId,
    /// Where it stands.
    pub state: DeliveryState,
    /// How many attempts were begun, own faults excepted.
    pub attempts: u32,
    /// When it is due, or while it is leased: when the lease ends. [`Timestamp::MAX`] while an older delivery of its
    /// ordering key is in its way.
    pub due: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it reached a final state.
    pub finished_at: Option<Timestamp>,
    /// Why it failed, is held by decision, or was superseded.
    pub reason: Option<FailReason>,
}

impl Delivery {
    /// A pending delivery without attempts, as it is made.
    #[must_use]
    pub fn pending(id: DeliveryId, event: &Event, lane: impl Into<LaneId>, now: Timestamp) -> Self {
        Self {
            id,
            tenant: event.tenant.clone(),
            event: event.id.clone(),
            event_type: event.event_type.clone(),
            lane: lane.into(),
            state: DeliveryState::Pending,
            attempts: 0,
            due: now,
            created_at: now,
            finished_at: None,
            reason: None,
        }
    }

    /// The endpoint that it is owed to; `None` for a job of an inbox.
    #[must_use]
    pub const fn endpoint(&self) -> Option<EndpointId> {
        self.lane.endpoint()
    }
}

/// A claim on a delivery: whose settlement counts. A later claim on the same delivery has a higher fence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lease {
    /// The delivery.
    pub delivery: DeliveryId,
    /// Rises with every claim of this delivery.
    pub fence: u64,
}

/// A delivery that a worker has claimed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Leased {
    /// The claim.
    pub lease: Lease,
    /// When the claim ends unless it is extended.
    pub until: Timestamp,
    /// The lane it was claimed from.
    pub lane: LaneId,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// How many own faults it has met.
    pub faults: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// The event owed.
    pub event: Arc<Event>,
}

impl Leased {
    /// A first claim, as a delivery is born with.
    #[must_use]
    pub const fn first(delivery: &NewDelivery, until: Timestamp, now: Timestamp, event: Arc<Event>) -> Self {
        let lease = Lease { delivery: delivery.id, fence: 1 };
        Self { lease, until, lane: delivery.lane, attempt: 1, faults: 0, created_at: now, event }
    }

    /// A later claim: its place among the claims, and the counts so far.
    #[must_use]
    pub const fn with_counts(mut self, fence: u64, attempt: u32, faults: u32) -> Self {
        self.lease.fence = fence;
        self.attempt = attempt;
        self.faults = faults;
        self
    }
}

/// A delivery to be appended with its event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewDelivery {
    /// Its id, [generated](DeliveryId::generate) when it is made: lists sort by it, and look for those of a time among the ids of
    /// that time.
    pub id: DeliveryId,
    /// To whom it is owed.
    pub lane: LaneId,
    /// Born leased to the appending process until then: fence 1, attempt 1. `None`: pending and due at once.
    pub leased_until: Option<Timestamp>,
}

/// One try at a delivery, as history keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attempt {
    /// Which attempt, from 1. A try that met our own fault bears the number of the attempt it did not use up.
    pub number: u32,
    /// When it began.
    pub at: Timestamp,
    /// How long it took.
    pub duration: Duration,
    /// What it met.
    pub outcome: Outcome,
    /// The beginning of the answer, bounded and free of control characters.
    pub excerpt: Option<Box<str>>,
}

impl Attempt {
    /// An attempt.
    #[must_use]
    pub const fn new(number: u32, at: Timestamp, duration: Duration, outcome: Outcome) -> Self {
        Self { number, at, duration, outcome, excerpt: None }
    }

    /// Adds an excerpt of the answer.
    #[must_use]
    pub fn with_excerpt(mut self, excerpt: Option<Box<str>>) -> Self {
        self.excerpt = excerpt;
        self
    }
}

/// The end of an attempt, for the store to record.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// The claim under which the attempt was made.
    pub lease: Lease,
    /// The lane of the delivery; of an endpoint, it tells of its health.
    pub lane: LaneId,
    /// Whether the event has an ordering key, so that others may wait behind it.
    pub ordered: bool,
    /// The attempt; `None` when nothing was tried (a poisoned delivery).
    pub attempt: Option<Attempt>,
    /// What follows.
    pub next: Next,
    /// The endpoint asked to be left alone until then.
    pub pause: Option<Timestamp>,
    /// When the attempt ended.
    pub at: Timestamp,
}

impl Settlement {
    /// The end of a claim without an attempt.
    #[must_use]
    pub fn of(leased: &Leased, next: Next, at: Timestamp) -> Self {
        let (lease, lane, ordered) = (leased.lease, leased.lane, leased.event.order.is_some());
        Self { lease, lane, ordered, attempt: None, next, pause: None, at }
    }

    /// With the attempt that was made.
    #[must_use]
    pub fn with_attempt(mut self, attempt: Attempt) -> Self {
        self.attempt = Some(attempt);
        self
    }

    /// The endpoint asked to be left alone until then.
    #[must_use]
    pub const fn with_pause(mut self, until: Option<Timestamp>) -> Self {
        self.pause = until;
        self
    }
}

/// What follows an attempt, for a delivery and, at times, for its endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Next {
    /// `delivered`.
    Delivered,
    /// `pending` again, due then.
    Retry {
        /// When it is due.
        due: Timestamp,
    },
    /// `pending` again, due then; the attempt does not count, the fault does.
    Again {
        /// When it is due.
        due: Timestamp,
    },
    /// `held` until it is resent or cancelled.
    Held {
        /// Why.
        reason: FailReason,
    },
    /// `failed`. With [`FailReason::Blocked`] the endpoint is flagged.
    Failed {
        /// Why.
        reason: FailReason,
    },
    /// `failed`, and the endpoint is disabled.
    Disable {
        /// Why.
        reason: FailReason,
    },
}
