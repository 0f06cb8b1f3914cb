//! The role that keeps what is owed.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::{Control, Directory, History, Intake, Roster, Settled, StoreError};
use crate::clock::Timestamp;
use crate::delivery::{Lease, Leased, NewDelivery, Settlement};
use crate::event::Event;
use crate::id::{LaneId, Work};

/// One event with the deliveries it causes.
#[derive(Clone, Debug)]
pub struct Append {
    /// The event.
    pub event: Arc<Event>,
    /// One for each lane that wants it; may be empty. Lanes are of the event's kind of work: endpoints for an event that is
    /// sent, queues for one that was received.
    pub deliveries: Vec<NewDelivery>,
    /// When it is appended; the deliveries are due then.
    pub now: Timestamp,
}

/// What became of one [`Append`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Appended {
    /// Event and deliveries are stored, durably.
    Stored,
    /// The tenant has this event id with the same fingerprint: nothing was changed.
    Duplicate,
    /// The tenant has this event id with another fingerprint: nothing was changed.
    Conflict,
}

/// A request for work.
#[derive(Clone, Debug)]
pub struct Claim {
    /// From which lanes, and how much of each. The quotas are the caller's fairness.
    pub lanes: Vec<LaneClaim>,
    /// Deliveries due at or before this are claimed.
    pub now: Timestamp,
    /// When the leases end.
    pub until: Timestamp,
}

/// How much to claim from one lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneClaim {
    /// The lane.
    pub lane: LaneId,
    /// At most so many.
    pub max: u32,
}

/// What a claim found.
#[derive(Clone, Debug, Default)]
pub struct Claimed {
    /// The deliveries, now leased.
    pub leased: Vec<Leased>,
    /// For each lane asked for that is served and still has pending deliveries, those just claimed included: when its
    /// earliest one is due, or its lease ends. The worker sleeps until then.
    pub next: Vec<LaneDue>,
}

/// When the earliest pending delivery of a lane is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneDue {
    /// The lane.
    pub lane: LaneId,
    /// When its earliest delivery is due, or its lease ends.
    pub due: Timestamp,
}

/// Keeps events and what is owed of them.
///
/// 1. `append` MUST be atomic for each element, and durable when it returns
///    (`append_is_visible_to_a_second_handle`).
/// 2. It MUST be idempotent on (tenant, event id): same fingerprint is a duplicate, another is a conflict, and
///    neither changes anything (`append_of_the_same_event_is_a_duplicate`,
///    `append_of_another_payload_under_the_same_id_is_a_conflict`, `equal_event_ids_of_two_tenants_are_two_events`).
/// 3. One element's fate MUST NOT touch another's (`a_conflict_leaves_the_rest_of_the_batch_alone`). Elements of one
///    batch count as appended in order.
/// 4. A delivery with `leased_until` MUST be born with fence 1 and attempt 1, claimable only after that time
///    (`a_born_leased_delivery_is_claimable_only_after_its_lease`).
/// 5. `claim` MUST return only deliveries of the lanes asked for, due at or before `now`, at most `max` of each,
///    earliest due first (`claim_obeys_lanes_quotas_and_due_times`, `claim_takes_the_earliest_due_first`).
///    It MUST answer the next due time of each lane asked for that it serves
///    (`claim_answers_when_each_lane_is_due_next`).
/// 6. It MUST NOT return deliveries of an endpoint that is disabled or removed
///    (`claim_leaves_a_disabled_endpoint_alone`, `claim_leaves_a_removed_endpoint_alone`), nor when those are due: the
///    caller would ask again at once. What is found owed to a removed endpoint it MUST cancel, at least in part
///    (the latter case). Lanes without any endpoint record are served (`a_lane_without_an_endpoint_record_is_served`), and
///    queues, which never have one (`a_queue_is_claimed_and_settled_as_an_endpoint_is`).
/// 7. A claimed delivery MUST NOT be claimed again before `until`, unless settled or released
///    (`a_lease_excludes_other_claims`, `concurrent_claims_never_overlap`), and MUST be claimable after it
///    (`an_ended_lease_is_claimed_again_with_a_higher_fence`).
/// 8. Each claim MUST raise the fence and the attempt count by one (same case).
/// 9. `settle` MUST be fenced, and MUST end the lease: with another fence, or when the lease was settled before, nothing
///    changes and the answer is [`Settled::LeaseLost`] (`settle_with_a_lost_lease_changes_nothing`,
///    `settle_twice_counts_once`, `of_two_leases_in_one_batch_the_later_counts`). A lease past its end that nobody has
///    claimed since still counts (`settle_after_the_end_of_an_unclaimed_lease_counts`). What was never claimed has no
///    lease (`a_delivery_that_was_never_claimed_has_no_lease`).
///     It MAY rely on the lane that a settlement names: it is that of the delivery.
/// 10. State, attempt record and the effect on the endpoint MUST be one transaction (`settle_records_the_attempt`,
///     `gone_disables_the_endpoint`, `disable_fails_the_delivery_and_disables_the_endpoint`, `blocked_flags_the_endpoint`).
/// 11. `Next::Again` MUST take back the attempt count and raise the fault count; `Next::Retry` and every final state
///     MUST reset the fault count (`an_own_fault_does_not_use_up_an_attempt`).
/// 12. `extend` MUST move the end of valid leases and no others (`extend_moves_the_end_of_a_valid_lease`).
/// 13. `release` MUST make valid leases due at `due` and take back the attempt count
///     (`release_gives_the_attempt_back`).
/// 14. `lanes` MUST list lanes of the kind asked for that have pending deliveries, in one order after `after`, at most
///     `limit`, each with its earliest due time, so that pages together cover all (`lanes_lists_pending_work_in_pages`,
///     `lanes_lists_one_kind_of_work`). It MAY list lanes of disabled or removed endpoints.
/// 15. The cost of `claim` and `settle` MUST depend on what is due in the lanes asked for, not on what is stored
///     (`benches/claim`).
/// 16. Of one endpoint and ordering key at most one delivery MUST be claimable or leased at a time, the oldest event first; the
///     others MUST be due at [`Timestamp::MAX`] until it is delivered, cancelled or has failed
///     (`fifo_delivers_one_at_a_time_in_order`, `a_failed_head_lets_the_next_follow`); a held one stays in the way
///     (`a_held_head_parks_its_key`). No such delivery is born leased
///     (`an_ordered_delivery_is_never_born_leased`).
/// 17. Under [`Order::Latest`](crate::event::Order) an append MUST cancel, as `superseded`, what waits under the key and is not
///     leased (`latest_supersedes_what_waits`), and a retry of what was leased MUST become that too when a newer one waits
///     (`latest_supersedes_a_retry`).
/// 18. `settle` MUST keep the endpoint's [`Health`](crate::endpoint::Health) by [`Health::after`](crate::endpoint::Health::after)
///     in the same transaction (`settle_keeps_the_endpoints_health`), and enabling a disabled endpoint MUST forgive it
///     (`enabling_forgives_failures`).
/// 19. A queue and an endpoint are never taken for each other, whatever their names and ids
///     (`a_queue_is_no_endpoint_whatever_its_name`); an event keeps its audience and its origin
///     (`a_received_event_reads_back_whole`).
/// 20. The ids of events that are received are apart from those of events that are sent: an equal one is another event
///     (`an_event_id_is_taken_in_its_kind_of_work_only`).
/// 21. Of received events with one [fingerprint](crate::event::Event::fingerprint), the digest of the signed bytes, one MUST be stored,
///     whatever their ids; the others are duplicates and take nothing (`signed_bytes_are_taken_beside_the_id`). The digest MUST stay
///     taken as long as the id (`signed_bytes_are_forgotten_with_the_id`).
/// 22. A future that is dropped MUST leave the operation either done or not done (`a_dropped_append_is_whole_or_absent`).
#[async_trait]
pub trait Outbox: fmt::Debug + Send + Sync + 'static {
    /// Stores events with their deliveries. Answers in the order of `batch`.
    ///
    /// # Errors
    /// When the store is in trouble; then none of the batch is stored, except as the error's kind says.
    async fn append(&self, batch: Vec<Append>) -> Result<Vec<Appended>, StoreError>;

    /// Claims due deliveries.
    ///
    /// # Errors
    /// When the store is in trouble; then nothing is claimed.
    async fn claim(&self, claim: Claim) -> Result<Claimed, StoreError>;

    /// Records the ends of attempts. Answers in the order of `batch`.
    ///
    /// # Errors
    /// When the store is in trouble; then none of the batch is recorded.
    async fn settle(&self, batch: Vec<Settlement>) -> Result<Vec<Settled>, StoreError>;

    /// Moves the ends of leases to `until`. Answers in the order of `leases`.
    ///
    /// # Errors
    /// When the store is in trouble; then no lease is moved.
    async fn extend(&self, leases: Vec<Lease>, until: Timestamp) -> Result<Vec<Settled>, StoreError>;

    /// Gives claimed deliveries back untried. Answers in the order of `leases`.
    ///
    /// # Errors
    /// When the store is in trouble; then no lease is given back.
    async fn release(&self, leases: Vec<Lease>, due: Timestamp) -> Result<Vec<Settled>, StoreError>;

    /// Lists lanes of one kind of work with pending deliveries, a page at a time.
    ///
    /// # Errors
    /// When the store is in trouble.
    async fn lanes(&self, work: Work, after: Option<LaneId>, limit: u32) -> Result<Vec<LaneDue>, StoreError>;
}

#[async_trait]
impl<S: Outbox + ?Sized> Outbox for Arc<S> {
    async fn append(&self, batch: Vec<Append>) -> Result<Vec<Appended>, StoreError> {
        (**self).append(batch).await
    }

    async fn claim(&self, claim: Claim) -> Result<Claimed, StoreError> {
        (**self).claim(claim).await
    }

    async fn settle(&self, batch: Vec<Settlement>) -> Result<Vec<Settled>, StoreError> {
        (**self).settle(batch).await
    }

    async fn extend(&self, leases: Vec<Lease>, until: Timestamp) -> Result<Vec<Settled>, StoreError> {
        (**self).extend(leases, until).await
    }

    async fn release(&self, leases: Vec<Lease>, due: Timestamp) -> Result<Vec<Settled>, StoreError> {
        (**self).release(leases, due).await
    }

    async fn lanes(&self, work: Work, after: Option<LaneId>, limit: u32) -> Result<Vec<LaneDue>, StoreError> {
        (**self).lanes(work, after, limit).await
    }
}

/// The six roles a sender needs, as one bound.
pub trait Store: Outbox + Directory + History + Control + Intake + Roster {}

impl<S: Outbox + Directory + History + Control + Intake + Roster + ?Sized> Store for S {}
