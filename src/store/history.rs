//! The role that reads what is stored.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::{Counts, Listed, Page, StoreError};
use crate::clock::Timestamp;
use crate::delivery::{Attempt, Delivery, DeliveryState};
use crate::event::{Audience, Event, EventType};
use crate::id::{DeliveryId, EndpointId, EventId, LaneId, Tenant, Work};
use crate::outcome::OutcomeFilter;

/// A filter for deliveries: a delivery matches when it matches every field that is set.
///
/// ```
/// use hookwire::delivery::DeliveryState;
/// use hookwire::id::Work;
/// use hookwire::store::DeliveryQuery;
///
/// let mut failed = DeliveryQuery::of(Work::Sent);
/// failed.state = Some(DeliveryState::Failed);
/// assert_eq!(failed.work, Work::Sent);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeliveryQuery {
    /// The kind of work: deliveries of a sender, or jobs of an inbox, but never both.
    pub work: Work,
    /// The tenant.
    pub tenant: Option<Tenant>,
    /// The event. If no tenant is set, the events of all tenants with this id.
    pub event: Option<EventId>,
    /// The lane: an endpoint, or a queue.
    pub lane: Option<LaneId>,
    /// The state.
    pub state: Option<DeliveryState>,
    /// The type of the event.
    pub event_type: Option<EventType>,
    /// Only deliveries that were created at this time or later.
    pub from: Option<Timestamp>,
    /// Only deliveries that were created before this time.
    pub to: Option<Timestamp>,
    /// The outcome of the last attempt. A delivery that was never attempted does not match.
    pub outcome: Option<OutcomeFilter>,
    /// Only deliveries whose last attempt began at this time or later.
    pub attempted_from: Option<Timestamp>,
    /// Only deliveries whose last attempt began before this time.
    pub attempted_to: Option<Timestamp>,
    /// Name and value of a [label](crate::endpoint::Labels) that the endpoint has now. A delivery to a removed endpoint and a job of an
    /// inbox do not match.
    pub label: Option<(String, String)>,
}

impl DeliveryQuery {
    /// Creates a query for all deliveries of this kind of work.
    #[must_use]
    pub fn of(work: Work) -> Self {
        Self { work, ..Self::default() }
    }
}

/// A filter for events: an event matches when it matches every field.
///
/// ```
/// use hookwire::event::Audience;
/// use hookwire::id::Work;
/// use hookwire::store::EventQuery;
///
/// assert_eq!(EventQuery::of("acme").work(), Work::Sent);
/// assert_eq!(EventQuery::of("acme").audience(Audience::Inbox).work(), Work::Received);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EventQuery {
    /// The tenant.
    pub tenant: Tenant,
    /// Only events that were appended at this time or later.
    pub from: Timestamp,
    /// Only events that were appended before this time.
    pub to: Timestamp,
    /// The audience. With `None`, all events of a sender match: [`Subscribers`](Audience::Subscribers) and [`Direct`](Audience::Direct).
    /// Events of an inbox match only [`Audience::Inbox`].
    pub audience: Option<Audience>,
    /// Only events that have no delivery to this endpoint, in any state.
    pub missing_at: Option<EndpointId>,
}

impl EventQuery {
    /// Creates a query for all events of a tenant's sender.
    #[must_use]
    pub fn of(tenant: impl Into<Tenant>) -> Self {
        let (from, to) = (Timestamp::from_micros(i64::MIN), Timestamp::MAX);
        Self { tenant: tenant.into(), from, to, audience: None, missing_at: None }
    }

    /// Limits the query to this audience.
    #[must_use]
    pub const fn audience(mut self, audience: Audience) -> Self {
        self.audience = Some(audience);
        self
    }

    /// Returns the kind of work of the events.
    #[must_use]
    pub fn work(&self) -> Work {
        self.audience.unwrap_or_default().work()
    }

    /// Returns whether an event for this audience matches.
    #[must_use]
    pub fn is_for(&self, audience: Audience) -> bool {
        self.audience.map_or(audience != Audience::Inbox, |wanted| wanted == audience)
    }

    /// Limits the query to events that were appended at `from` or later, and before `to`.
    #[must_use]
    pub const fn between(mut self, from: Timestamp, to: Timestamp) -> Self {
        (self.from, self.to) = (from, to);
        self
    }

    /// Limits the query to events that have no delivery to this endpoint.
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
    /// The position in the order of appending. It is the cursor for the next page.
    pub cursor: u64,
    /// The id.
    pub id: EventId,
    /// The type.
    pub event_type: EventType,
    /// The audience.
    pub audience: Audience,
    /// When the event was appended.
    pub appended_at: Timestamp,
}

/// Reads what is stored.
///
/// 1. Every method MUST read only the requested kind of [`Work`]. The kind of a delivery is that of its lane, and the kind of an event is
///    that of its [audience](crate::event::Audience) (`history_shows_one_kind_of_work`,
///    `a_query_for_a_lane_of_the_other_kind_finds_nothing`, `events_of_an_inbox_are_found_as_such_only`).
/// 2. `event` MUST return the event as it was appended, the payload byte for byte (`an_event_reads_back_whole`). If the payload was
///    [dropped](super::Retention::drop_payloads) or [expunged](super::Control::expunge), it is empty.
/// 3. `events` MUST list in the order of appending, or in reverse if [`Page::newest_first`] is set. It MUST match every field of the query,
///    and page without gaps (`events_obey_the_query_and_page_without_gaps`). It MUST leave out events whose payload was dropped or
///    expunged.
/// 4. A pending delivery MUST read as `held` while its endpoint is disabled
///    (`pending_reads_as_held_while_the_endpoint_is_disabled`), and as `cancelled` once its endpoint is removed
///    (`pending_to_a_removed_endpoint_reads_as_cancelled`). `state` in a query, and `counts`, refer to the state that is shown.
/// 5. `deliveries` MUST list in the order of ids, which is the order of creation, or in reverse if [`Page::newest_first`] is set. It MUST
///    match every field of the query, and page without gaps or repetitions (`deliveries_obey_the_query`, `deliveries_page_without_gaps`).
///    A condition on the last attempt MUST refer to the attempt that was recorded last, also if the delivery is pending again after it, and
///    MUST NOT match a delivery without attempts (`deliveries_are_listed_by_the_outcome_of_the_last_attempt`,
///    `deliveries_are_listed_by_the_time_of_the_last_attempt`, `a_resent_delivery_is_listed_by_its_last_attempt`). A condition on a label
///    MUST refer to the endpoint as it is now, and compare name and value byte by byte (`deliveries_are_listed_by_a_label_of_the_endpoint`).
///    Conditions MAY be combined (`conditions_on_the_last_attempt_page_without_gaps`).
/// 6. A delivery's `reason` MUST explain its present state: why it failed, why it is held by decision, or
///    [`Superseded`](crate::retry::FailReason::Superseded). A delivery that was cancelled by hand or with its endpoint has no reason,
///    whatever reason it had before (`a_cancelled_delivery_has_no_reason`).
/// 7. `attempts` MUST return one list for each id, in the order of the ids. Each list contains the attempts in the order they were made
///    (`attempts_read_back_whole`, `attempts_of_several_deliveries_come_in_the_order_asked_for`, `every_attempt_of_a_long_life_is_kept`),
///    including attempts before a [`resend`](super::Control::resend).
/// 8. `counts` MUST agree with `deliveries` (`counts_follow_the_states`) up to [`Counts::MOST`] in each state, and MUST stop there, so that
///    its cost is bounded (`counts_stop_at_a_bound`). Only `delivered` may be less than that, if the store has no index for it; then
///    [`Counts::delivered_is_lower_bound`] is set.
/// 9. A call of `deliveries` or `events` MUST examine at most [`MOST_EXAMINED`](super::MOST_EXAMINED) rows one by one. If no index leads to
///    the matches, it returns what it has found until then, which may be nothing (`a_list_examines_a_bounded_number_of_rows`,
///    `a_list_of_events_examines_a_bounded_number_of_rows`).
/// 10. [`Listed::next`] MUST be `None` only if no match is left after the page, and MUST be `None` in the end. Otherwise it is the cursor of
///    the last row that was listed or examined, so that the pages together list every match once, in both directions, also if few match, or
///    none (`pages_list_every_match_once`). A page of limit 0 is empty, and its `next` is `None`.
/// 11. `backlog` MUST count pending deliveries, leased ones included, of the named lanes only, and MUST stop at `limit`
///    (`backlog_counts_what_is_pending_up_to_a_bound`).
/// 12. `oldest_due` MUST consider pending deliveries of the named lanes only, leased ones included
///    (`the_oldest_due_time_is_that_of_the_named_lanes`).
/// 13. Times are kept to the microsecond, and ids, tenants, keys and texts byte by byte.
#[async_trait]
pub trait History: fmt::Debug + Send + Sync + 'static {
    /// Reads one event, with its payload.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    async fn event(&self, work: Work, tenant: &Tenant, id: &EventId) -> Result<Option<Arc<Event>>, StoreError>;

    /// Lists events, a page at a time, by their [cursors](EventSummary::cursor). A page may be short although the list goes on: see
    /// [`Listed`].
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    async fn events(&self, query: &EventQuery, page: Page<u64>) -> Result<Listed<EventSummary, u64>, StoreError>;

    /// Reads one delivery.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    async fn delivery(&self, work: Work, id: DeliveryId) -> Result<Option<Delivery>, StoreError>;

    /// Lists deliveries, a page at a time. A page may be short although the list goes on: see [`Listed`].
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    async fn deliveries(&self, query: &DeliveryQuery, page: Page) -> Result<Listed<Delivery>, StoreError>;

    /// Reads the attempts at each of these deliveries. Returns one list for each, in order. The list of an unknown delivery is empty.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    async fn attempts(&self, work: Work, ids: &[DeliveryId]) -> Result<Vec<Vec<Attempt>>, StoreError>;

    /// Counts the deliveries in each state, of one lane or of all, up to [`Counts::MOST`] in each.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    async fn counts(&self, work: Work, lane: Option<LaneId>) -> Result<Counts, StoreError>;

    /// Counts the pending deliveries of these lanes, up to `limit`. The cost is proportional to the number of counted deliveries.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    async fn backlog(&self, lanes: &[LaneId], limit: u32) -> Result<u32, StoreError>;

    /// Returns the earliest time at which a pending delivery of these lanes is due, or the lease of one ends. Returns `None` if none of them
    /// is pending. The cost is proportional to the number of lanes.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    async fn oldest_due(&self, lanes: &[LaneId]) -> Result<Option<Timestamp>, StoreError>;
}

delegate_store! { [S: History + ?Sized] Arc<S>, |shared| **shared; History }
