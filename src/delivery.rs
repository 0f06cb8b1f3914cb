//! A delivery is one event for one endpoint, or for one queue of an inbox: its attempts, and which state may follow which.
//!
//! ```text
//!            claim            settle
//! pending ---------> leased ---------> delivered | failed | held | pending (retry)
//!    ^                  |
//!    +------------------+  the lease ends, or is released
//!
//! held: the endpoint of a pending delivery is disabled; it is claimed again when the endpoint is enabled. Or the policy decided to
//! hold it, until an operator resends or cancels it.
//! cancelled: by an operator, with its endpoint, or because a newer event has superseded it.
//! ```

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::event::{Event, EventType};
use crate::id::{DeliveryId, EndpointId, EventId, LaneId, Tenant};
use crate::outcome::Outcome;
use crate::retry::{Decision, FailReason};

/// The state of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DeliveryState {
    /// It waits for its next attempt, or is being attempted.
    Pending,
    /// The endpoint has accepted it.
    Delivered,
    /// It failed finally, for a recorded reason.
    Failed,
    /// It waits until its endpoint is enabled, or for an operator.
    Held,
    /// It was cancelled, superseded by a newer event, or its endpoint was removed.
    Cancelled,
}

impl DeliveryState {
    /// Whether no other state follows, unless an operator resends the delivery.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Delivered | Self::Failed | Self::Cancelled)
    }

    /// The name, as it is serialized.
    ///
    /// ```
    /// use hookwire::delivery::DeliveryState;
    ///
    /// assert_eq!(DeliveryState::Pending.as_str(), "pending");
    /// ```
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Held => "held",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A delivery as history shows it: one event for one endpoint, or a job in one queue.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivery {
    /// The id.
    pub id: DeliveryId,
    /// The tenant of the event.
    pub tenant: Tenant,
    /// The event.
    pub event: EventId,
    /// The type of the event.
    pub event_type: EventType,
    /// Who gets the event: an endpoint, or a queue of an inbox.
    pub lane: LaneId,
    /// The state.
    pub state: DeliveryState,
    /// The number of started attempts, without local faults.
    pub attempts: u32,
    /// When it is due; while it is leased: when the lease ends. [`Timestamp::MAX`] while another delivery of its
    /// ordering key goes first.
    pub due: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it reached a final state.
    pub finished_at: Option<Timestamp>,
    /// Why it failed, why it is held by decision, or [`Superseded`](FailReason::Superseded).
    pub reason: Option<FailReason>,
}

impl Delivery {
    /// A delivery that is pending, was never attempted, and was made and is due at the [epoch](Timestamp::EPOCH). A store sets the
    /// other fields to what it has stored.
    ///
    /// ```
    /// use hookwire::clock::Timestamp;
    /// use hookwire::delivery::{Delivery, DeliveryState};
    /// use hookwire::event::EventType;
    /// use hookwire::id::{DeliveryId, EndpointId, EventId};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (now, endpoint) = (Timestamp::from_secs(1), EndpointId::generate(Timestamp::EPOCH));
    /// let (id, event, kind) = (DeliveryId::generate(now), EventId::new("order-1")?, EventType::new("order.paid")?);
    /// let mut delivery = Delivery::new(id, endpoint.into(), "acme".into(), event, kind);
    /// assert_eq!(delivery.endpoint(), Some(endpoint));
    /// assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Pending, 0));
    /// delivery.due = now;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub const fn new(id: DeliveryId, lane: LaneId, tenant: Tenant, event: EventId, event_type: EventType) -> Self {
        Self {
            id,
            tenant,
            event,
            event_type,
            lane,
            state: DeliveryState::Pending,
            attempts: 0,
            due: Timestamp::EPOCH,
            created_at: Timestamp::EPOCH,
            finished_at: None,
            reason: None,
        }
    }

    /// The endpoint that gets the event; `None` for a job of an inbox.
    #[must_use]
    pub const fn endpoint(&self) -> Option<EndpointId> {
        self.lane.endpoint()
    }
}

/// The right to settle a delivery, which a claim gives. A later claim on the same delivery has a higher fence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_structs, reason = "complete: made by stores")]
pub struct Lease {
    /// The delivery.
    pub delivery: DeliveryId,
    /// The fencing token, which rises with every claim of this delivery.
    pub fence: u64,
}

/// A delivery that a worker has claimed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Leased {
    /// The lease.
    pub lease: Lease,
    /// When the lease ends unless it is extended.
    pub until: Timestamp,
    /// The lane it was claimed from.
    pub lane: LaneId,
    /// The number of this attempt, from 1.
    pub attempt: u32,
    /// The number of local faults in a row.
    pub faults: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// The event.
    pub event: Arc<Event>,
}

impl Leased {
    /// The first claim of a delivery, with fence 1 and attempt 1, as for a [born leased](NewDelivery::leased_until) delivery.
    #[must_use]
    pub const fn first(delivery: &NewDelivery, until: Timestamp, now: Timestamp, event: Arc<Event>) -> Self {
        Self::new(Lease { delivery: delivery.id, fence: 1 }, delivery.lane, event, until).made_at(now)
    }

    /// A delivery that a store has just leased. Unless set otherwise, it is attempt 1 of a delivery made at the
    /// [epoch](Timestamp::EPOCH).
    #[must_use]
    pub const fn new(lease: Lease, lane: LaneId, event: Arc<Event>, until: Timestamp) -> Self {
        Self { lease, until, lane, attempt: 1, faults: 0, created_at: Timestamp::EPOCH, event }
    }

    /// Sets when the delivery was made.
    #[must_use]
    pub const fn made_at(mut self, at: Timestamp) -> Self {
        self.created_at = at;
        self
    }

    /// Sets the number of this attempt, and the number of earlier local faults.
    #[must_use]
    pub const fn with_counts(mut self, attempt: u32, faults: u32) -> Self {
        self.attempt = attempt;
        self.faults = faults;
        self
    }
}

/// A delivery to be appended with its event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewDelivery {
    /// The id, [generated](DeliveryId::generate) when the delivery is made. Lists are sorted by it, and a query by time searches the ids of
    /// that time.
    pub id: DeliveryId,
    /// Who gets the event.
    pub lane: LaneId,
    /// Until when the delivery is leased to the process that appends it, with fence 1 and attempt 1. `None`: it is pending and due at
    /// once.
    pub leased_until: Option<Timestamp>,
}

impl NewDelivery {
    /// A delivery that is pending and due at once, under a new id.
    ///
    /// ```
    /// use hookwire::clock::Timestamp;
    /// use hookwire::delivery::NewDelivery;
    /// use hookwire::id::EndpointId;
    ///
    /// let now = Timestamp::from_secs(1);
    /// let delivery = NewDelivery::new(EndpointId::generate(now), now);
    /// assert_eq!(delivery.leased_until, None);
    /// ```
    #[must_use]
    pub fn new(lane: impl Into<LaneId>, now: Timestamp) -> Self {
        Self { id: DeliveryId::generate(now), lane: lane.into(), leased_until: None }
    }

    /// Leases it until this time to the process that appends it.
    #[must_use]
    pub const fn leased_until(mut self, until: Option<Timestamp>) -> Self {
        self.leased_until = until;
        self
    }
}

/// One attempt at a delivery, as history keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attempt {
    /// The number of the attempt, from 1. An attempt with a local fault has the number of the next counted attempt.
    pub number: u32,
    /// When it began.
    pub at: Timestamp,
    /// How long it took.
    pub duration: Duration,
    /// The outcome.
    pub outcome: Outcome,
    /// The beginning of the response body, bounded and free of control characters.
    pub excerpt: Option<Box<str>>,
}

impl Attempt {
    /// An attempt without an excerpt.
    #[must_use]
    pub const fn new(number: u32, at: Timestamp, duration: Duration, outcome: Outcome) -> Self {
        Self { number, at, duration, outcome, excerpt: None }
    }

    /// Adds an excerpt of the response body.
    #[must_use]
    pub fn with_excerpt(mut self, excerpt: Option<Box<str>>) -> Self {
        self.excerpt = excerpt;
        self
    }
}

/// The end of an attempt, for the store to record.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settlement {
    /// The lease under which the attempt was made.
    pub lease: Lease,
    /// The lane of the delivery. The store keeps the health of the endpoint that the lane belongs to.
    pub lane: LaneId,
    /// Whether the event has an ordering key, so that other deliveries may wait behind this one.
    pub ordered: bool,
    /// The attempt; `None` if no attempt was made (the delivery was poisoned or has expired).
    pub attempt: Option<Attempt>,
    /// What the store does with the delivery.
    pub decision: Decision,
    /// The lane starts no attempt before this time. A store takes the pause from here, not from the [decision](Self::decision).
    pub paused_until: Option<Timestamp>,
    /// When the attempt ended.
    pub at: Timestamp,
}

impl Settlement {
    /// The end of a lease without an attempt. It pauses the lane if the decision does.
    #[must_use]
    pub fn of(leased: &Leased, decision: Decision, at: Timestamp) -> Self {
        let (lease, lane, ordered) = (leased.lease, leased.lane, leased.event.order.is_some());
        Self { lease, lane, ordered, attempt: None, decision, paused_until: decision.paused_until(), at }
    }

    /// Adds the attempt that was made.
    #[must_use]
    pub fn with_attempt(mut self, attempt: Attempt) -> Self {
        self.attempt = Some(attempt);
        self
    }

    /// Pauses the lane until this time, whatever the decision is.
    #[must_use]
    pub const fn with_paused_until(mut self, until: Option<Timestamp>) -> Self {
        self.paused_until = until;
        self
    }
}
