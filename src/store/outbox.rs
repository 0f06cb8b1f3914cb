//! The role that stores events and their deliveries, and leases deliveries to workers.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::{
    Append, Appended, AuditLog, BulkJobs, Control, Diagnostics, Directory, History, Retention, Rollups, Settled,
    Staging, StoreError, WorkerRegistry,
};
use crate::clock::Timestamp;
use crate::delivery::{Lease, Leased, Settlement};
use crate::id::{LaneId, Work};

/// A request for due deliveries.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "complete: made by callers of Outbox")]
pub struct Claim {
    /// The lanes to claim from, each with its quota: the most deliveries to claim. With the quotas, the caller makes the claims fair. With a
    /// quota of 0 nothing is claimed, and [`Claimed::next`] still reports the lane.
    pub lanes: Vec<(LaneId, u32)>,
    /// Deliveries due at or before this time are claimed.
    pub now: Timestamp,
    /// When the leases end.
    pub until: Timestamp,
}

/// The result of a [`Claim`].
#[derive(Clone, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "complete: made by stores")]
pub struct Claimed {
    /// The deliveries, now leased.
    pub leased: Vec<Leased>,
    /// The next due time of each lane of the request that is served and has pending deliveries, including the deliveries just claimed. It
    /// is the earliest time at which a delivery is due or a lease ends, and the worker sleeps until then. It is [`Timestamp::MAX`] if all
    /// deliveries wait behind a held delivery of their ordering key.
    pub next: Vec<(LaneId, Timestamp)>,
}

/// Stores events and their deliveries, and leases deliveries to workers.
///
/// # Append
///
/// 1. `append` MUST be atomic for each element, and durable when it returns (`append_is_visible_to_a_second_handle`). When it fails,
///    no element is stored.
/// 2. `append` MUST be idempotent on (tenant, event id). An element with the same fingerprint is a duplicate, and an element with another
///    fingerprint is a conflict. Neither changes anything (`append_of_the_same_event_is_a_duplicate`,
///    `append_of_another_payload_under_the_same_id_is_a_conflict`, `equal_event_ids_of_two_tenants_are_two_events`). Two events without a
///    fingerprint count as equal. Ids are compared byte by byte: case and trailing spaces count.
/// 3. The result of one element MUST NOT depend on other elements, except that the elements of one batch count as appended in order
///    (`a_conflict_leaves_the_rest_of_the_batch_alone`, `an_event_repeated_in_a_batch_is_a_duplicate`).
/// 4. A delivery with [`leased_until`](crate::delivery::NewDelivery::leased_until) MUST be stored leased, with fence 1 and attempt 1, and
///    MUST be claimable only after that time (`a_born_leased_delivery_is_claimable_only_after_its_lease`). A delivery whose event has an
///    ordering key is never stored leased (`an_ordered_delivery_is_never_born_leased`).
/// 5. If a pending or held delivery already has the id of a new delivery, the call MUST fail with
///    [`Invalid`](super::StoreErrorKind::Invalid) and store nothing (`a_delivery_id_that_exists_is_invalid`). The same holds for
///    [`Control::add_deliveries`]. [`NewDelivery::new`](crate::delivery::NewDelivery::new) never generates the same id twice.
/// 6. Received events have their own namespace of ids: a sent event may have an equal id (`an_event_id_is_taken_in_its_kind_of_work_only`).
/// 7. The [fingerprint](crate::event::Event::fingerprint) of a received event is the digest of its signed bytes. Of received events with
///    the same fingerprint, exactly one MUST be stored, whatever their ids. The others are duplicates and do not take an id
///    (`signed_bytes_are_taken_beside_the_id`). The fingerprint MUST stay taken as long as the id
///    (`signed_bytes_are_forgotten_with_the_id`).
///
/// # Claim
///
/// 8. `claim` MUST return only deliveries of the lanes in the request, due at or before `now`, at most the quota of each, the earliest due
///    first (`claim_obeys_lanes_quotas_and_due_times`, `claim_takes_the_earliest_due_first`). It MUST report the next due time of each lane
///    that it serves (`claim_returns_when_each_lane_is_due_next`). A caller names a lane at most once; the result for a second entry of the
///    same lane is not specified.
/// 9. `claim` MUST NOT return deliveries of an endpoint that is disabled or removed (`claim_leaves_a_disabled_endpoint_alone`,
///    `claim_leaves_a_removed_endpoint_alone`). It MUST NOT report such a lane in [`Claimed::next`], because the caller would claim again
///    at once. It MUST cancel pending deliveries of a removed endpoint; it MAY cancel a part of them in each call. Lanes of endpoints that
///    were never stored are served (`a_lane_without_an_endpoint_record_is_served`), and so are queues, which have no endpoint
///    (`a_queue_is_claimed_and_settled_as_an_endpoint_is`).
/// 10. A claimed delivery MUST NOT be claimed again before `until`, unless it was settled or released (`a_lease_excludes_other_claims`,
///     `concurrent_claims_never_overlap`), and MUST be claimable after `until` (`an_ended_lease_is_claimed_again_with_a_higher_fence`).
///     `claim` MAY skip rows that another transaction has locked. It MUST then report them in [`Claimed::next`] with the due time that it
///     sees, so that the next call claims them.
/// 11. Each claim MUST raise the fence and the attempt count by one (same case).
/// 12. Under one ordering key at most one delivery MUST be claimable or leased at a time; the others are due at [`Timestamp::MAX`]. The
///     module [`ordering`](super::ordering) has the rules, and a function that keeps them (`fifo_delivers_one_at_a_time_in_order`,
///     `a_failed_head_lets_the_next_follow`, `a_held_head_parks_its_key`, `latest_supersedes_what_waits`, `latest_supersedes_a_retry`,
///     `fifo_and_latest_keys_are_apart`, `a_resent_older_delivery_goes_first`, `a_settled_delivery_lets_an_older_one_go_first`,
///     `latest_supersedes_what_is_held`, `latest_supersedes_what_was_resent`, `a_release_supersedes_an_overtaken_latest`,
///     `an_older_latest_never_takes_the_place_of_the_newest`, `an_ended_lease_of_an_overtaken_latest_is_claimed_again`).
///
/// # Settle
///
/// 13. `settle` MUST be fenced, and MUST end the lease. If the fence differs, or the lease was settled before, nothing changes and the
///     result is [`Settled::LeaseLost`] (`settle_with_a_lost_lease_changes_nothing`, `settle_twice_counts_once`). If one batch contains two
///     settlements of one lease, the first counts. A lease that has ended still counts if its delivery was not claimed since
///     (`settle_after_the_end_of_an_unclaimed_lease_counts`, `of_two_leases_in_one_batch_the_later_counts`). A delivery that was never
///     claimed has no lease (`a_delivery_that_was_never_claimed_has_no_lease`). The lane in a settlement is that of the delivery, and
///     `ordered` is true if the delivery has an ordering key; a store MAY rely on both.
/// 14. The delivery, the attempt and the effect on the endpoint MUST be written in one transaction (`settle_records_the_attempt`,
///     `gone_disables_the_endpoint`, `disable_fails_the_delivery_and_disables_the_endpoint`, `blocked_flags_the_endpoint`,
///     `settle_keeps_the_endpoints_health`). [`Health::after`](crate::endpoint::Health::after) and
///     [`Endpoint::affected_by`](crate::endpoint::Endpoint::affected_by) compute that effect. Leases on other deliveries of an endpoint
///     that is disabled stay valid.
/// 15. [`Decision::RetryUncounted`](crate::retry::Decision::RetryUncounted) MUST take back the attempt and raise the fault count;
///     [`Decision::Retry`](crate::retry::Decision::Retry), [`Decision::Hold`](crate::retry::Decision::Hold) and every final state MUST
///     reset the fault count (`a_local_fault_does_not_use_up_an_attempt`).
/// 16. `extend` MUST move the end of valid leases and of no others (`extend_moves_the_end_of_a_valid_lease`). A lease that has ended is
///     still valid if its delivery was not claimed since.
/// 17. `release` MUST end valid leases, take back the attempt, and make the deliveries due at `due`
///     (`release_gives_the_attempt_back`, `release_ends_the_lease`).
///
/// # Lanes, queues, cost
///
/// 18. `lanes` MUST list lanes of the requested kind that have pending deliveries, each with its earliest due time. It lists at most
///     `limit` lanes that come after `after` in a fixed order, so that the pages together list all lanes
///     (`lanes_lists_pending_work_in_pages`, `lanes_lists_one_kind_of_work`). It MAY list lanes of disabled or removed endpoints.
/// 19. A queue and an endpoint MUST never be confused, whatever their names and ids
///     (`a_queue_is_never_an_endpoint_whatever_its_name`). An event keeps its audience and its origin
///     (`a_received_event_reads_back_whole`).
/// 20. The cost of `claim` and `settle` MUST depend on the due deliveries in the lanes of the request, not on the amount of stored data
///     (`benches/claim`).
/// 21. When a future is dropped, the operation MUST happen completely or not at all (`a_dropped_append_is_whole_or_absent`).
#[async_trait]
pub trait Outbox: fmt::Debug + Send + Sync + 'static {
    /// Stores events with their deliveries. Returns one result for each element, in order.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails. Then nothing of the batch is stored, except with
    /// [`Unknown`](super::StoreErrorKind::Unknown): then the whole batch may be stored.
    async fn append(&self, batch: Vec<Append>) -> Result<Vec<Appended>, StoreError>;

    /// Leases due deliveries to the caller.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails. Then nothing is claimed, except with [`Unknown`](super::StoreErrorKind::Unknown): then
    /// deliveries may be leased until the leases end.
    async fn claim(&self, claim: Claim) -> Result<Claimed, StoreError>;

    /// Records the ends of attempts. Returns one result for each element, in order.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails. Nothing of the batch is recorded then.
    async fn settle(&self, batch: Vec<Settlement>) -> Result<Vec<Settled>, StoreError>;

    /// Moves the ends of leases to `until`. Returns one result for each lease, in order.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails. No lease is moved then.
    async fn extend(&self, leases: Vec<Lease>, until: Timestamp) -> Result<Vec<Settled>, StoreError>;

    /// Releases claimed deliveries that were not attempted. Returns one result for each lease, in order.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails. No lease is ended then.
    async fn release(&self, leases: Vec<Lease>, due: Timestamp) -> Result<Vec<Settled>, StoreError>;

    /// Lists lanes of one kind of work that have pending deliveries, a page at a time.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    async fn lanes(
        &self,
        work: Work,
        after: Option<LaneId>,
        limit: u32,
    ) -> Result<Vec<(LaneId, Timestamp)>, StoreError>;
}

delegate_store! { [S: Outbox + ?Sized] Arc<S>, |shared| **shared; Outbox }

/// The eleven roles that a sender or an inbox needs, as one bound.
pub trait Store:
    Outbox
    + Directory
    + History
    + Retention
    + Control
    + Staging
    + WorkerRegistry
    + Rollups
    + AuditLog
    + Diagnostics
    + BulkJobs
{
}

impl<
    S: Outbox
        + Directory
        + History
        + Retention
        + Control
        + Staging
        + WorkerRegistry
        + Rollups
        + AuditLog
        + Diagnostics
        + BulkJobs
        + ?Sized,
> Store for S
{
}
