//! The role that keeps rollups: numbers of attempts and deliveries for each minute and hour.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::{FailureList, FailureQuery, RollupStep, StoreError};
use crate::clock::Timestamp;
use crate::delivery::Settlement;
use crate::id::{LaneId, Tenant, Work};
use crate::outcome::Outcome;
use crate::retry::Decision;

/// The deliveries that a [`Rollup`] counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "complete: every store keeps all three")]
pub enum RollupGroup {
    /// All deliveries of this kind of work.
    All(Work),
    /// The deliveries to the endpoints of this tenant.
    Tenant(Tenant),
    /// The deliveries of this lane: an endpoint, or a queue.
    Lane(LaneId),
}

/// The number of classes of [durations](Rollup::durations).
const CLASSES: usize = Rollup::DURATION_LIMITS.len() + 1;

/// What happened in one minute or hour. A default rollup counts nothing.
///
/// Attempts are counted by their [outcome](Outcome): each attempt is in exactly one of `succeeded`, `client_errors`, `server_errors`,
/// `timeouts`, `unreachable` and `other`.
///
/// ```
/// use std::time::Duration;
///
/// use hookwire::store::Rollup;
///
/// let mut hour = Rollup::default();
/// (hour.succeeded, hour.server_errors) = (98, 2);
/// hour.durations[1] = 100; // more than 10 ms, at most 25 ms
/// assert_eq!(hour.attempts(), 100);
/// assert_eq!(hour.duration_at(0.99), Some(Duration::from_millis(25)));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rollup {
    /// The beginning of the minute or hour.
    pub at: Timestamp,
    /// Deliveries that were delivered.
    pub delivered: u64,
    /// Deliveries that failed finally.
    pub failed: u64,
    /// Attempts that succeeded: a status from 200 to 299, or a handler that returned success.
    pub succeeded: u64,
    /// Attempts with another status below 500.
    pub client_errors: u64,
    /// Attempts with a status of 500 or more.
    pub server_errors: u64,
    /// Attempts that got no response in time.
    pub timeouts: u64,
    /// Attempts that got no response: the look-up of the name, the connection, TLS or HTTP failed.
    pub unreachable: u64,
    /// All other attempts: refused by the egress guard, local faults, and handlers that failed.
    pub other: u64,
    /// The number of attempts by duration. Each place counts the attempts up to the [limit](Self::DURATION_LIMITS) at that place, and above
    /// the limit before. The last place counts the attempts above the last limit.
    pub durations: [u64; CLASSES],
}

impl Rollup {
    /// The limits of the classes of [`durations`](Self::durations).
    pub const DURATION_LIMITS: [Duration; 11] = [
        Duration::from_millis(10),
        Duration::from_millis(25),
        Duration::from_millis(50),
        Duration::from_millis(100),
        Duration::from_millis(250),
        Duration::from_millis(500),
        Duration::from_secs(1),
        Duration::from_millis(2_500),
        Duration::from_secs(5),
        Duration::from_secs(10),
        Duration::from_secs(30),
    ];

    /// Creates an empty rollup of the minute or hour that begins at `at`.
    #[must_use]
    pub fn starting(at: Timestamp) -> Self {
        Self { at, ..Self::default() }
    }

    /// The number of attempts.
    #[must_use]
    pub const fn attempts(&self) -> u64 {
        self.succeeded + self.client_errors + self.server_errors + self.timeouts + self.unreachable + self.other
    }

    /// Whether nothing happened.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.attempts() == 0 && self.delivered == 0 && self.failed == 0
    }

    /// Counts the end of an attempt and what it decided.
    pub fn record(&mut self, settlement: &Settlement) {
        for place in Self::places(settlement) {
            if let Some(counter) = self.counters_mut().into_iter().nth(place.into()) {
                *counter += 1;
            }
        }
    }

    /// Adds the numbers of another rollup.
    pub fn merge(&mut self, other: &Self) {
        for (sum, number) in self.counters_mut().into_iter().zip(other.counters()) {
            *sum = sum.saturating_add(number);
        }
    }

    /// The duration that this share of the attempts did not exceed, rounded up to a limit of its class. Returns `None` if there were no
    /// attempts. Durations above the last limit count as the last limit.
    #[must_use]
    pub fn duration_at(&self, share: f64) -> Option<Duration> {
        let all: u64 = self.durations.iter().sum();
        let mut rest = (all as f64 * share).ceil().max(1.0);
        let reached = self.durations.iter().position(|count| {
            rest -= *count as f64;
            rest <= 0.0
        });
        let last = Self::DURATION_LIMITS.len() - 1;
        reached.filter(|_| all > 0).and_then(|class| Self::DURATION_LIMITS.get(class.min(last)).copied())
    }

    /// The places of the [counters](Self::counters) that a settlement raises by one.
    pub(in crate::store) fn places(settlement: &Settlement) -> impl Iterator<Item = u8> {
        let end = match settlement.decision {
            Decision::Delivered => Some(0),
            Decision::Fail { .. } | Decision::Disable { .. } => Some(1),
            Decision::Retry { .. } | Decision::RetryUncounted { .. } | Decision::Hold { .. } => None,
        };
        let attempt = settlement.attempt.as_ref();
        let outcome = attempt.map(|attempt| place_of(attempt.outcome));
        let duration = attempt.map(|attempt| FIRST_DURATION + class_of(attempt.duration));
        [end, outcome, duration].into_iter().flatten()
    }

    /// All numbers, in the order in which they are stored.
    pub(in crate::store) fn counters(&self) -> Vec<u64> {
        self.clone().counters_mut().into_iter().map(|number| *number).collect()
    }

    /// The same numbers, to be changed.
    pub(in crate::store) fn counters_mut(&mut self) -> impl IntoIterator<Item = &mut u64> {
        let Self {
            at: _,
            delivered,
            failed,
            succeeded,
            client_errors,
            server_errors,
            timeouts,
            unreachable,
            other,
            durations,
        } = self;
        [delivered, failed, succeeded, client_errors, server_errors, timeouts, unreachable, other]
            .into_iter()
            .chain(durations)
    }
}

/// The place of the first of [`Rollup::durations`] among the counters.
const FIRST_DURATION: u8 = 8;

/// The place of a duration in [`Rollup::durations`].
fn class_of(duration: Duration) -> u8 {
    let place = Rollup::DURATION_LIMITS.partition_point(|limit| *limit < duration);
    u8::try_from(place).unwrap_or(u8::MAX)
}

/// The place of the counter of an outcome.
const fn place_of(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Status(200..=299) | Outcome::Handled => 2,
        Outcome::Status(0..500) => 3,
        Outcome::Status(_) => 4,
        Outcome::Timeout => 5,
        Outcome::Dns | Outcome::Connect | Outcome::Tls | Outcome::Reset | Outcome::Protocol => 6,
        Outcome::Blocked | Outcome::Local | Outcome::Panic | Outcome::HandlerFailed | Outcome::HandlerRejected => 7,
    }
}

/// Keeps rollups.
///
/// A settlement is counted under the time [`Settlement::at`], in the minute and in the hour, for its lane, for the tenant of its endpoint
/// (if the endpoint was ever stored), and for its kind of work. A store may write a short note of each settlement, and count the notes in
/// [`fold`](Self::fold): the module [`sql`](super::sql) has functions for both.
/// 1. Every settlement whose lease was valid MUST be counted exactly once, in the transaction of
///    [`Outbox::settle`](super::Outbox::settle), and no other settlement (`rollups_count_each_settlement_once`,
///    `a_lost_lease_is_in_no_rollup`,
///    `a_dropped_settlement_is_counted_once`).
/// 2. `fold` MUST make visible what was settled before (`fold_shows_what_was_settled`). Before a call of `fold`, `rollups` MAY leave out
///    settlements. A call MAY leave the work to a call that runs at the same time. Nothing MUST be counted twice
///    (`concurrent_folds_count_once`).
/// 3. `rollups` MUST return one list for each group of the request, in order. Each list contains the rollups that begin at `from` or later,
///    and before `to`, sorted by time. It leaves out minutes and hours without settlements (`rollups_obey_their_group_and_span`).
/// 4. `fold` MUST delete rollups that began longer than [`RollupStep::retention`] before `now`, a bounded number in each call, and no others
///    (`old_rollups_are_deleted`).
/// 5. The two kinds of work are counted separately (`rollups_count_one_kind_of_work`).
/// 6. A delivery to an endpoint that is given up ([`Decision::Fail`], [`Decision::Disable`]) MUST be counted exactly once, in the
///    [group](super::FailureGroup) of its endpoint and [kind](super::FailureKind::of) in the hour of [`Settlement::at`]. Rules 1 and 2 apply
///    (`failures_are_counted_in_groups`, `failures_of_a_kind_are_one_group`, `only_a_final_failure_is_in_a_group`,
///    `concurrent_folds_count_failures_once`, `a_dropped_failure_is_counted_once`, `a_dropped_fold_counts_failures_once`). Jobs of an inbox
///    are in no group. A group MUST have the tenant of its endpoint, also after the endpoint was removed
///    (`a_group_of_a_removed_endpoint_keeps_its_tenant`).
/// 7. `failures` MUST merge the hours that begin in the [span](FailureQuery::span) of the query. It MUST return the largest groups, the
///    largest first. Of two groups with the same count, the one with the later failure comes first (`failures_obey_their_span_and_limit`,
///    `a_long_span_is_cut_to_its_last_part`, `one_call_returns_a_bounded_number_of_groups`). It MUST return no group of another tenant or
///    endpoint (`failures_obey_their_tenant_and_endpoint`). It SHOULD read at most [`FailureQuery::MAX_EXAMINED`] stored groups, those of
///    the newest hours, and [`FailureList::from`] MUST say since when every failure is counted: [`FailureList::merged`] does both. A stored
///    group that cannot be read SHOULD be logged and left out.
/// 8. The number of groups of one endpoint in one hour MUST be bounded, and every failure MUST be counted nevertheless
///    (`groups_of_failures_are_bounded`): [`sql::limit_failure_kinds`](super::sql::limit_failure_kinds) does this. `fold` MUST delete groups
///    of failures as it deletes rollups of hours (`old_failures_are_deleted`).
#[async_trait]
pub trait Rollups: fmt::Debug + Send + Sync + 'static {
    /// Counts what was settled, and deletes old rollups. Each call does a bounded amount of work. Returns whether more is left to do.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    async fn fold(&self, now: Timestamp) -> Result<bool, StoreError>;

    /// Reads the rollups of these groups that begin at `from` or later, and before `to`. The cost is proportional to the number of groups
    /// and steps in that span.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    async fn rollups(
        &self,
        groups: &[RollupGroup],
        step: RollupStep,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Vec<Rollup>>, StoreError>;

    /// Reads deliveries that failed finally, in groups: the largest group first, at most [`FailureQuery::MAX_LIMIT`]. The groups of several
    /// hours are merged. The cost is proportional to the number of stored groups in the span, one for each endpoint, kind and hour. It is
    /// bounded: a call reads at most [`FailureQuery::MAX_EXAMINED`] of them, those of the newest hours.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    async fn failures(&self, query: &FailureQuery) -> Result<FailureList, StoreError>;
}

delegate_store! { [S: Rollups + ?Sized] Arc<S>, |shared| **shared; Rollups }
