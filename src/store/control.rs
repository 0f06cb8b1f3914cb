//! The role that changes by hand what is owed.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::{DedupGroup, Page, StoreError};
use crate::clock::Timestamp;
use crate::event::{Audience, EventType};
use crate::id::{DeliveryId, EndpointId, EventId, LaneId, Tenant, Work};

/// A delivery to be added to an event that is stored already.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "made by whoever replays")]
pub struct Owe {
    /// Whose event it is.
    pub tenant: Tenant,
    /// The event.
    pub event: EventId,
    /// The id of the new delivery.
    pub delivery: DeliveryId,
    /// To whom it is owed. An event of the other kind of work is not found.
    pub lane: LaneId,
    /// When it is due.
    pub due: Timestamp,
    /// When it is made.
    pub now: Timestamp,
}

/// Which events are asked for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EventQuery {
    /// Of this tenant.
    pub tenant: Tenant,
    /// Appended then or later.
    pub from: Timestamp,
    /// Appended before then.
    pub to: Timestamp,
    /// For this audience. `None`: [`Subscribers`](Audience::Subscribers) and [`Direct`](Audience::Direct), all that a sender
    /// has. What an inbox has kept is found only under [`Audience::Inbox`].
    pub audience: Option<Audience>,
    /// Only those of which this endpoint was never owed a delivery.
    pub missing_at: Option<EndpointId>,
}

impl EventQuery {
    /// All events that were sent for a tenant.
    #[must_use]
    pub fn of(tenant: impl Into<Tenant>) -> Self {
        let (from, to) = (Timestamp::from_micros(i64::MIN), Timestamp::MAX);
        Self { tenant: tenant.into(), from, to, audience: None, missing_at: None }
    }

    /// Those for this audience.
    #[must_use]
    pub const fn audience(mut self, audience: Audience) -> Self {
        self.audience = Some(audience);
        self
    }

    /// The kind of work that is asked for.
    #[must_use]
    pub fn work(&self) -> Work {
        self.audience.unwrap_or_default().work()
    }

    /// Whether an event for this audience is asked for.
    #[must_use]
    pub fn is_for(&self, audience: Audience) -> bool {
        self.audience.map_or(audience != Audience::Inbox, |wanted| wanted == audience)
    }

    /// Those appended from `from` on and before `to`.
    #[must_use]
    pub const fn between(mut self, from: Timestamp, to: Timestamp) -> Self {
        (self.from, self.to) = (from, to);
        self
    }

    /// Those of which this endpoint was never owed a delivery.
    #[must_use]
    pub const fn missing_at(mut self, endpoint: EndpointId) -> Self {
        self.missing_at = Some(endpoint);
        self
    }
}

/// An event without its payload, as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "made by stores")]
pub struct EventSummary {
    /// Its place in the order of appending: the cursor of the next page.
    pub cursor: u64,
    /// Its id.
    pub id: EventId,
    /// Its type.
    pub event_type: EventType,
    /// Who gets it.
    pub audience: Audience,
    /// When it was appended.
    pub appended_at: Timestamp,
}

/// Changes by hand what is owed.
///
/// 1. `resend` MUST make a delivery that is final or held pending again, due then, with its attempts and faults counted from
///    zero and its history kept (`resend_makes_a_finished_delivery_pending_again`); it MUST leave others alone and answer
///    which it changed. Under an ordering key it MUST wait for its turn (`fifo_delivers_one_at_a_time_in_order`).
/// 2. `cancel` MUST make a pending or held delivery cancelled and end its lease (`cancel_ends_the_lease`), and let the next
///    of its ordering key follow (`a_cancelled_head_lets_the_next_follow`).
/// 3. `owe` MUST add a pending delivery to a stored event, and answer `false` for an unknown or expunged one
///    (`owe_adds_a_delivery_to_a_stored_event`).
/// 4. `events` MUST answer in the order of appending, obey every field of the query, and page without gaps
///    (`events_obey_the_query_and_page_without_gaps`).
/// 5. `expunge` MUST forget the payload, cancel what is owed of it, and keep the event's id taken
///    (`expunge_forgets_the_payload_and_cancels_what_is_owed`).
/// 6. `forget_received` MUST free the ids and the signed bytes of a group's received events, so that the event is stored again when it
///    comes again, keep what was stored under ids of its own, and leave other groups and tenants alone
///    (`a_forgotten_event_is_received_again`).
/// 7. `waiting` MUST count pending deliveries only, of the lanes that are named only, and stop at `most`
///    (`waiting_counts_what_is_pending_up_to_a_bound`).
/// 8. No method may find, or change, work of another kind than the one that it is asked about
///    (`control_changes_one_kind_of_work`, `events_of_an_inbox_are_found_as_such_only`).
#[async_trait]
pub trait Control: fmt::Debug + Send + Sync + 'static {
    /// Makes final or held deliveries pending again, each due when it says. Answers in the order of `deliveries`.
    ///
    /// # Errors
    /// When the store is in trouble; then nothing is changed.
    async fn resend(&self, work: Work, deliveries: Vec<(DeliveryId, Timestamp)>) -> Result<Vec<bool>, StoreError>;

    /// Cancels pending and held deliveries. Answers in the order of `deliveries`.
    ///
    /// # Errors
    /// When the store is in trouble; then nothing is changed.
    async fn cancel(&self, work: Work, deliveries: Vec<DeliveryId>, now: Timestamp) -> Result<Vec<bool>, StoreError>;

    /// Adds deliveries to stored events. Answers in the order of `batch`.
    ///
    /// # Errors
    /// When the store is in trouble; then nothing is added.
    async fn owe(&self, batch: Vec<Owe>) -> Result<Vec<bool>, StoreError>;

    /// Events, a page at a time, by their [cursors](EventSummary::cursor).
    ///
    /// # Errors
    /// When the store is in trouble.
    async fn events(&self, query: &EventQuery, page: Page<u64>) -> Result<Vec<EventSummary>, StoreError>;

    /// Forgets an event's payload and cancels what is owed of it. Answers whether there was one.
    ///
    /// # Errors
    /// When the store is in trouble; then nothing is changed.
    async fn expunge(&self, work: Work, tenant: &Tenant, event: &EventId, now: Timestamp) -> Result<bool, StoreError>;

    /// How many deliveries of these lanes are pending, counted up to `most`: the cost is that of what is counted.
    ///
    /// # Errors
    /// When the store is in trouble.
    async fn waiting(&self, lanes: &[LaneId], most: u32) -> Result<u32, StoreError>;

    /// Frees the ids of received events, by their groups. Returns of each group how many events were concerned, in the order of
    /// `groups`. What was stored of them stays, under ids that nobody else has.
    ///
    /// # Errors
    /// When the store is in trouble; then nothing is changed.
    async fn forget_received(&self, tenant: &Tenant, groups: &[DedupGroup]) -> Result<Vec<u64>, StoreError>;
}

#[async_trait]
impl<S: Control + ?Sized> Control for Arc<S> {
    async fn resend(&self, work: Work, deliveries: Vec<(DeliveryId, Timestamp)>) -> Result<Vec<bool>, StoreError> {
        (**self).resend(work, deliveries).await
    }

    async fn cancel(&self, work: Work, deliveries: Vec<DeliveryId>, now: Timestamp) -> Result<Vec<bool>, StoreError> {
        (**self).cancel(work, deliveries, now).await
    }

    async fn owe(&self, batch: Vec<Owe>) -> Result<Vec<bool>, StoreError> {
        (**self).owe(batch).await
    }

    async fn events(&self, query: &EventQuery, page: Page<u64>) -> Result<Vec<EventSummary>, StoreError> {
        (**self).events(query, page).await
    }

    async fn expunge(&self, work: Work, tenant: &Tenant, event: &EventId, now: Timestamp) -> Result<bool, StoreError> {
        (**self).expunge(work, tenant, event, now).await
    }

    async fn waiting(&self, lanes: &[LaneId], most: u32) -> Result<u32, StoreError> {
        (**self).waiting(lanes, most).await
    }

    async fn forget_received(&self, tenant: &Tenant, groups: &[DedupGroup]) -> Result<Vec<u64>, StoreError> {
        (**self).forget_received(tenant, groups).await
    }
}
