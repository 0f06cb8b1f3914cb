//! The role that answers what happened.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::StoreError;
use crate::clock::Timestamp;
use crate::delivery::{Attempt, Delivery, DeliveryState};
use crate::event::{Event, EventType};
use crate::id::{DeliveryId, EventId, LaneId, Tenant, Work};

/// Which deliveries are asked for: all that fit every field that is set.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct DeliveryQuery {
    /// Of this kind of work: deliveries of a sender, or jobs of an inbox. Never both.
    pub work: Work,
    /// Of this tenant.
    pub tenant: Option<Tenant>,
    /// Of this event; needs the tenant too.
    pub event: Option<EventId>,
    /// Of this lane: an endpoint, or a queue.
    pub lane: Option<LaneId>,
    /// In this state.
    pub state: Option<DeliveryState>,
    /// Of events of this type.
    pub event_type: Option<EventType>,
    /// Made then or later.
    pub from: Option<Timestamp>,
    /// Made before then.
    pub to: Option<Timestamp>,
}

impl DeliveryQuery {
    /// All deliveries of this kind of work.
    #[must_use]
    pub fn of(work: Work) -> Self {
        Self { work, ..Self::default() }
    }
}

/// Which part of a long answer is asked for, and from which end: the first 100, the oldest first, unless said otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page<C = DeliveryId> {
    /// Where the page before has ended; from the start without it.
    pub after: Option<C>,
    /// At most so many.
    pub limit: u32,
    /// The newest first, and older ones on every further page.
    pub newest_first: bool,
}

impl<C> Default for Page<C> {
    fn default() -> Self {
        Self::of(100)
    }
}

impl<C> Page<C> {
    /// The first so many.
    #[must_use]
    pub const fn of(limit: u32) -> Self {
        Self { after: None, limit, newest_first: false }
    }

    /// What comes after this, in the order that is asked for.
    #[must_use]
    pub fn after(self, last: impl Into<Option<C>>) -> Self {
        Self { after: last.into(), ..self }
    }

    /// From the newest to the oldest.
    #[must_use]
    pub fn newest_first(self) -> Self {
        Self { newest_first: true, ..self }
    }
}

/// A place among finished deliveries: when one finished, and which.
pub type Finished = (Timestamp, DeliveryId);

/// What is old enough to be forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "made by workers")]
pub struct Old {
    /// Deliveries that finished before this go, with their attempts; and events that were appended before it, once nothing of
    /// them is left, with their payload.
    pub work: Timestamp,
    /// The ids of events that were appended before this are free again, once the event is gone.
    pub keys: Timestamp,
}

impl Old {
    /// Everything before this.
    #[must_use]
    pub const fn before(at: Timestamp) -> Self {
        Self { work: at, keys: at }
    }
}

/// How many deliveries are in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the states of DeliveryState")]
pub struct Counts {
    pub pending: u64,
    pub delivered: u64,
    pub failed: u64,
    pub held: u64,
    pub cancelled: u64,
}

impl Counts {
    /// Adds deliveries that are in `state`.
    pub const fn add(&mut self, state: DeliveryState, count: u64) {
        *self.of(state) += count;
    }

    /// Takes one away that is in `state`.
    pub const fn take(&mut self, state: DeliveryState) {
        let sum = self.of(state);
        *sum = sum.saturating_sub(1);
    }

    const fn of(&mut self, state: DeliveryState) -> &mut u64 {
        match state {
            DeliveryState::Pending => &mut self.pending,
            DeliveryState::Delivered => &mut self.delivered,
            DeliveryState::Failed => &mut self.failed,
            DeliveryState::Held => &mut self.held,
            DeliveryState::Cancelled => &mut self.cancelled,
        }
    }
}

/// Answers what happened, and forgets what is old.
///
/// 1. A delivery that is pending while its endpoint is disabled MUST read as `held`
///    (`pending_reads_as_held_while_the_endpoint_is_disabled`).
/// 2. `deliveries` MUST answer in id order (which is the order of making) or, where [`Page::newest_first`] says so, the other
///    way round, obey every field of the query, and page without gaps or repeats (`deliveries_obey_the_query`,
///    `deliveries_page_without_gaps`).
/// 3. `attempts` MUST answer in the order made (`attempts_read_back_whole`,
///    `every_attempt_of_a_long_life_is_kept`).
/// 4. `event` MUST answer the payload byte for byte (`an_event_reads_back_whole`).
/// 5. `prune` MUST remove deliveries that reached a final state before [`Old::work`], with their attempts, and events that
///    were appended before it and have no delivery left; at most `limit` of each a call; and nothing else
///    (`prune_forgets_finished_work_only`, `prune_is_bounded`, `prune_keeps_an_event_that_is_still_owed`). The id of an
///    event MUST stay taken until [`Old::keys`], whether the event is there or not (`an_event_id_outlives_its_event`).
/// 6. `shed` MUST forget the payloads of events of which a delivery finished in the span asked for and none is pending or
///    held, and of no others (`shed_forgets_the_payloads_of_finished_work_only`).
/// 7. Every method MUST answer for, and change, the kind of [`Work`] that it is asked about and nothing of the other:
///    deliveries are of the kind of their lane, events of that of their [audience](crate::event::Audience)
///    (`history_shows_one_kind_of_work`, `a_query_for_a_lane_of_the_other_kind_finds_nothing`,
///    `prune_forgets_one_kind_of_work`, `shed_forgets_one_kind_of_work`).
#[async_trait]
pub trait History: fmt::Debug + Send + Sync + 'static {
    /// One event, with its payload.
    ///
    /// # Errors
    /// When the store is in trouble.
    async fn event(&self, work: Work, tenant: &Tenant, id: &EventId) -> Result<Option<Arc<Event>>, StoreError>;

    /// One delivery.
    ///
    /// # Errors
    /// When the store is in trouble.
    async fn delivery(&self, work: Work, id: DeliveryId) -> Result<Option<Delivery>, StoreError>;

    /// Deliveries, a page at a time.
    ///
    /// # Errors
    /// When the store is in trouble.
    async fn deliveries(&self, query: &DeliveryQuery, page: Page) -> Result<Vec<Delivery>, StoreError>;

    /// The attempts at one delivery.
    ///
    /// # Errors
    /// When the store is in trouble.
    async fn attempts(&self, work: Work, id: DeliveryId) -> Result<Vec<Attempt>, StoreError>;

    /// How many deliveries are in each state; of one lane, or of all. The cost is proportional to what is counted.
    ///
    /// # Errors
    /// When the store is in trouble.
    async fn counts(&self, work: Work, lane: Option<LaneId>) -> Result<Counts, StoreError>;

    /// Forgets what is old, at most `limit` of each kind. Answers how many
    /// went of the kind of which more did; less than `limit` means that nothing is left to forget.
    ///
    /// # Errors
    /// When the store is in trouble.
    async fn prune(&self, work: Work, old: Old, limit: u32) -> Result<u64, StoreError>;

    /// Forgets the payloads of finished events, looking at no more than `limit` deliveries after that place that finished before
    /// `before`. Answers the last one looked at; `None` when there is no more.
    ///
    /// # Errors
    /// When the store is in trouble.
    async fn shed(
        &self,
        work: Work,
        after: Finished,
        before: Timestamp,
        limit: u32,
    ) -> Result<Option<Finished>, StoreError>;
}

#[async_trait]
impl<S: History + ?Sized> History for Arc<S> {
    async fn event(&self, work: Work, tenant: &Tenant, id: &EventId) -> Result<Option<Arc<Event>>, StoreError> {
        (**self).event(work, tenant, id).await
    }

    async fn delivery(&self, work: Work, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
        (**self).delivery(work, id).await
    }

    async fn deliveries(&self, query: &DeliveryQuery, page: Page) -> Result<Vec<Delivery>, StoreError> {
        (**self).deliveries(query, page).await
    }

    async fn attempts(&self, work: Work, id: DeliveryId) -> Result<Vec<Attempt>, StoreError> {
        (**self).attempts(work, id).await
    }

    async fn counts(&self, work: Work, lane: Option<LaneId>) -> Result<Counts, StoreError> {
        (**self).counts(work, lane).await
    }

    async fn prune(&self, work: Work, old: Old, limit: u32) -> Result<u64, StoreError> {
        (**self).prune(work, old, limit).await
    }

    async fn shed(
        &self,
        work: Work,
        after: Finished,
        before: Timestamp,
        limit: u32,
    ) -> Result<Option<Finished>, StoreError> {
        (**self).shed(work, after, before, limit).await
    }
}
