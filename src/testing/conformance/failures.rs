//! Failed deliveries in groups.

use std::time::Duration;

use super::drops::{Polls, dropped_after};
use super::given::{DAY, MICRO, MINUTE, NOW, append, endpoint, event, lane, lookalikes, ok, one, queue, tenant};
use super::rollups::fold_all;
use super::subject::Subject;
use super::together::at_once;
use crate::clock::Timestamp;
use crate::delivery::{Attempt, Leased, Settlement};
use crate::endpoint::Endpoint;
use crate::id::{DeliveryId, LaneId};
use crate::outcome::Outcome;
use crate::retry::{Decision, FailReason};
use crate::store::{Directory, FailureGroup, FailureQuery, Outbox, Removal, RollupStep, Rollups, Settled};

const HOUR: Duration = Duration::from_secs(3_600);

const GIVEN_UP: Decision = Decision::Fail { reason: FailReason::Exhausted };

/// How a delivery ends.
#[derive(Clone, Copy)]
struct End<'a> {
    made: Timestamp,
    at: Timestamp,
    decision: Decision,
    response: Option<(Outcome, &'a str)>,
}

/// A delivery that is given up at [`NOW`].
const FAILED: End<'static> =
    End { made: NOW, at: NOW, decision: GIVEN_UP, response: Some((Outcome::Status(500), "no such user")) };

impl End<'_> {
    fn of(&self, leased: &Leased) -> Settlement {
        let mut settlement = Settlement::of(leased, self.decision, self.at);
        settlement.attempt = self.response.map(|(outcome, text)| {
            Attempt::new(leased.attempt, NOW, Duration::from_millis(3), outcome).with_excerpt(Some(text.into()))
        });
        settlement
    }
}

/// Appends a delivery, claims it and ends it.
async fn end<S: Outbox + ?Sized>(subject: &Subject<S>, lane: impl Into<LaneId>, end: End<'_>) -> DeliveryId {
    let leased = leased(subject, lane.into(), end.made).await;
    assert_eq!(ok(subject.store.settle(vec![end.of(&leased)]).await), [Settled::Done]);
    leased.lease.delivery
}

/// A new delivery that was made at this time, claimed.
async fn leased<S: Outbox + ?Sized>(subject: &Subject<S>, lane: LaneId, made: Timestamp) -> Leased {
    let append = append(event("acme"), &[lane], made);
    let id = one(append.deliveries.clone()).id;
    subject.append(append).await;
    let claimed = subject.claim(lane, 99, made).await;
    one(claimed.into_iter().filter(|leased| leased.lease.delivery == id).collect())
}

/// A stored endpoint of this tenant.
async fn stored<S: Directory + ?Sized>(subject: &Subject<S>, tenant: &str) -> Endpoint {
    let endpoint = endpoint(tenant);
    ok(subject.store.put(endpoint.clone()).await);
    endpoint
}

/// A query for all groups within two days of [`NOW`].
fn all() -> FailureQuery {
    let mut query = FailureQuery::between(NOW - DAY, NOW + DAY);
    query.limit = FailureQuery::MAX_LIMIT;
    query
}

/// The groups that match, after everything was counted, through the second handle.
async fn found<S: Rollups + ?Sized>(subject: &Subject<S>, query: &FailureQuery) -> Vec<FailureGroup> {
    fold_all(&*subject.store, NOW).await;
    ok(subject.second.failures(query).await).groups
}

fn counts(groups: &[FailureGroup]) -> Vec<u64> {
    groups.iter().map(|group| group.count).collect()
}

/// A group has the number of its failures, the times of the first and the last one, the times at which they were made, and the last one as
/// a sample. Each fold adds to the group.
pub(super) async fn failures_are_counted_in_groups<S>(subject: &Subject<S>)
where
    S: Outbox + Directory + Rollups + ?Sized,
{
    let endpoint = stored(subject, "größer ' acme").await;
    let millis = |at: Timestamp| Timestamp::from_millis(at.as_millis());
    let ends = [
        (NOW + MINUTE, NOW + MINUTE * 3),
        (NOW + MINUTE * 2, NOW + MINUTE * 3 + MICRO),
        (NOW, NOW + MINUTE + MICRO),
        (NOW, NOW + MINUTE * 4),
    ];
    let (mut ids, mut times): (Vec<_>, Vec<Timestamp>) = (Vec::new(), Vec::new());
    for (made, at) in ends {
        ids.push(end(subject, endpoint.id, End { made, at, ..FAILED }).await);
        times.push(at);
        let group = one(found(subject, &all()).await);
        let last = times.iter().max().copied().unwrap_or_default();
        let sample = ids.iter().zip(&times).find(|(_, at)| **at == last).map(|(id, _)| *id);
        assert_eq!((group.endpoint, group.tenant.clone()), (endpoint.id, Some(tenant("größer ' acme"))));
        assert_eq!(group.kind.outcome, Some(Outcome::Status(500)));
        assert_eq!(group.kind.reason, Some(FailReason::Exhausted));
        assert_eq!(group.count, ids.len() as u64);
        assert_eq!((Some(group.first), group.last), (times.iter().min().copied(), last));
        assert_eq!(Some(group.sample), sample, "the delivery that failed last");
        let made = ends.iter().take(ids.len()).map(|(made, _)| millis(*made));
        assert_eq!((Some(group.oldest), Some(group.newest)), (made.clone().min(), made.max()));
        assert_eq!(found(subject, &all()).await, [group], "another fold counts nothing");
    }
}

/// Failures are in one group if the endpoint, the outcome, the reason and the shape of the response are the same. The shape has no numbers.
pub(super) async fn failures_of_a_kind_are_one_group<S: Outbox + Rollups + ?Sized>(subject: &Subject<S>) {
    let (lane, other) = (lane(), lane());
    let with = |outcome, text| End { response: Some((outcome, text)), ..FAILED };
    let expired = End { decision: Decision::Fail { reason: FailReason::Expired }, response: None, ..FAILED };
    let status = Outcome::Status;
    let groups = [
        (lane, vec![with(status(500), "request 17: größer"), with(status(500), "request 4c: größer")]),
        (lane, vec![FAILED]),
        (lane, vec![with(status(500), "request 17: kleiner")]),
        (lane, vec![with(status(502), "request 17: größer"); 2]),
        (lane, vec![with(Outcome::Timeout, "")]),
        (lane, vec![with(Outcome::Connect, "")]),
        (lane, vec![End { decision: Decision::Fail { reason: FailReason::Permanent }, ..FAILED }]),
        (lane, vec![End { decision: Decision::Disable { reason: FailReason::Gone }, ..FAILED }]),
        (lane, vec![expired]),
        (other, vec![with(status(500), "request 17: größer")]),
    ];
    for (lane, ends) in &groups {
        for one in ends {
            end(subject, *lane, *one).await;
        }
    }
    let found = found(subject, &all()).await;
    assert_eq!(counts(&found), [2, 2, 1, 1, 1, 1, 1, 1, 1, 1], "{found:?}");
    let of = |outcome, reason| {
        let is_of = |group: &&FailureGroup| (group.kind.outcome, group.kind.reason) == (outcome, Some(reason));
        found.iter().filter(is_of).count()
    };
    assert_eq!(of(Some(status(500)), FailReason::Exhausted), 4);
    assert_eq!(of(Some(status(502)), FailReason::Exhausted), 1);
    assert_eq!(of(Some(Outcome::Timeout), FailReason::Exhausted), 1);
    assert_eq!(of(Some(Outcome::Connect), FailReason::Exhausted), 1);
    assert_eq!(of(Some(status(500)), FailReason::Permanent), 1);
    assert_eq!(of(Some(status(500)), FailReason::Gone), 1);
    assert_eq!(of(None, FailReason::Expired), 1);
    assert_eq!(found.iter().filter(|group| Some(group.endpoint) == other.endpoint()).count(), 1);
}

/// Retries, faults of our own, held deliveries, successes, lost leases and jobs of an inbox are in no group. A delivery that was retried
/// and delivered is in no group.
pub(super) async fn only_a_final_failure_is_in_a_group<S: Outbox + Rollups + ?Sized>(subject: &Subject<S>) {
    let lane = lane();
    let later = NOW + MINUTE * 2;
    let retried = end(subject, lane, End { decision: Decision::retry(later), ..FAILED }).await;
    for decision in [
        Decision::Hold { reason: FailReason::Exhausted },
        Decision::RetryUncounted { at: NOW + HOUR },
        Decision::Delivered,
    ] {
        end(subject, lane, End { decision, ..FAILED }).await;
    }
    end(subject, queue("orders"), FAILED).await;
    let mut stale = FAILED.of(&leased(subject, lane, NOW).await);
    stale.lease.fence += 1;
    assert_eq!(ok(subject.store.settle(vec![stale]).await), [Settled::LeaseLost]);
    let again = subject.claim(lane, 99, later).await;
    let again = one(again.into_iter().filter(|leased| leased.lease.delivery == retried).collect());
    let delivered =
        End { decision: Decision::Delivered, at: later, response: Some((Outcome::Status(200), "")), ..FAILED };
    assert_eq!(ok(subject.store.settle(vec![delivered.of(&again)]).await), [Settled::Done]);
    assert_eq!(found(subject, &all()).await, []);
    end(subject, lane, FAILED).await;
    assert_eq!(counts(&found(subject, &all()).await), [1]);
}

/// A query for a tenant or an endpoint returns the groups of exactly that tenant or endpoint. Tenants are compared byte by byte.
pub(super) async fn failures_obey_their_tenant_and_endpoint<S>(subject: &Subject<S>)
where
    S: Outbox + Directory + Rollups + ?Sized,
{
    let mut endpoints = Vec::new();
    for name in lookalikes() {
        let endpoint = stored(subject, &name).await;
        end(subject, endpoint.id, FAILED).await;
        endpoints.push(endpoint);
    }
    let unknown = lane();
    end(subject, unknown, FAILED).await;
    let everything = found(subject, &all()).await;
    assert_eq!(everything.len(), endpoints.len() + 1);
    let without = one(everything.iter().filter(|group| group.tenant.is_none()).collect());
    assert_eq!(Some(without.endpoint), unknown.endpoint(), "its endpoint is not stored");
    let ask = async |tenant, endpoint| {
        let mut query = all();
        (query.tenant, query.endpoint) = (tenant, endpoint);
        let found = ok(subject.second.failures(&query).await).groups;
        found.into_iter().map(|group| (group.endpoint, group.tenant)).collect::<Vec<_>>()
    };
    for (endpoint, next) in endpoints.iter().zip(endpoints.iter().cycle().skip(1)) {
        let expected = [(endpoint.id, Some(endpoint.tenant.clone()))];
        assert_eq!(ask(Some(endpoint.tenant.clone()), None).await, expected);
        assert_eq!(ask(None, Some(endpoint.id)).await, expected);
        assert_eq!(ask(Some(endpoint.tenant.clone()), Some(endpoint.id)).await, expected);
        assert_eq!(ask(Some(next.tenant.clone()), Some(endpoint.id)).await, [], "of another tenant");
    }
    assert_eq!(ask(Some(tenant("nobody")), None).await, []);
    assert_eq!(ask(None, lane().endpoint()).await, []);
}

/// A failure that is counted after its endpoint was removed has the tenant of the endpoint. A tenant sees its own failures.
pub(super) async fn a_group_of_a_removed_endpoint_keeps_its_tenant<S>(subject: &Subject<S>)
where
    S: Outbox + Directory + Rollups + ?Sized,
{
    let endpoint = stored(subject, "acme").await;
    end(subject, endpoint.id, FAILED).await;
    let other = stored(subject, "other").await;
    end(subject, other.id, FAILED).await;
    for id in [endpoint.id, other.id] {
        assert_eq!(ok(subject.store.remove(id, None, NOW).await), Removal::Removed);
    }
    let mut query = all();
    query.tenant = Some(tenant("acme"));
    let group = one(found(subject, &query).await);
    assert_eq!((group.endpoint, group.tenant), (endpoint.id, query.tenant));
}

/// The hours that begin in the span are merged. The largest groups come first, at most as many as requested.
pub(super) async fn failures_obey_their_span_and_limit<S>(subject: &Subject<S>)
where
    S: Outbox + Directory + Rollups + ?Sized,
{
    let first = RollupStep::Hour.start(NOW);
    let times = [first, first + HOUR - MICRO, first + HOUR, first + HOUR * 2];
    let large = stored(subject, "acme").await;
    for at in times {
        end(subject, large.id, End { at, ..FAILED }).await;
    }
    let (early, late) = (lane(), lane());
    end(subject, late, End { at: first + MICRO, ..FAILED }).await;
    end(subject, early, End { at: first, ..FAILED }).await;
    let ordered = [Some(large.id), late.endpoint(), early.endpoint()];
    fold_all(&*subject.store, NOW).await;
    let ask = async |from, to, limit| {
        let mut query = FailureQuery::between(from, to);
        query.limit = limit;
        let found = ok(subject.second.failures(&query).await);
        assert_eq!(found.from, from, "all of the span was examined");
        found.groups
    };
    let groups = ask(first, first + HOUR * 2 + MICRO, 9).await;
    assert_eq!(groups.iter().map(|group| Some(group.endpoint)).collect::<Vec<_>>(), ordered);
    assert_eq!(counts(&groups), [4, 1, 1]);
    assert_eq!(counts(&ask(first, first + HOUR, 9).await), [2, 1, 1], "the end is not included");
    let later = one(ask(first + MICRO, first + HOUR * 2 + MICRO, 9).await);
    assert_eq!((later.count, later.first, later.last), (2, first + HOUR, first + HOUR * 2));
    for limit in 0..3_u32 {
        let largest: Vec<_> = groups.iter().take(limit as usize).cloned().collect();
        assert_eq!(ask(first, first + HOUR * 2 + MICRO, limit).await, largest);
    }
    assert_eq!(ask(first + MICRO, first + HOUR, 9).await, [], "no hour begins in this span");
    assert_eq!(ask(first, first, 9).await, [], "an empty span");
    assert_eq!(ask(first + HOUR, first, 9).await, [], "a reversed span");
    for (endpoint, tenant) in [(Some(large.id), None), (None, Some(large.tenant.clone()))] {
        let mut query = FailureQuery::between(first + MICRO, first + HOUR * 2);
        (query.endpoint, query.tenant) = (endpoint, tenant);
        assert_eq!(counts(&ok(subject.second.failures(&query).await).groups), [1], "{query:?}");
    }
}

/// A span longer than the retention of hours is cut to its last part, for every kind of query.
pub(super) async fn a_long_span_is_cut_to_its_last_part<S>(subject: &Subject<S>)
where
    S: Outbox + Directory + Rollups + ?Sized,
{
    let endpoint = stored(subject, "acme").await;
    let first = RollupStep::Hour.start(NOW);
    end(subject, endpoint.id, End { at: first, ..FAILED }).await;
    fold_all(&*subject.store, NOW).await;
    let last = first + DAY * 90 + HOUR;
    for (endpoint, tenant) in [
        (None, None),
        (Some(endpoint.id), None),
        (None, Some(endpoint.tenant.clone())),
        (Some(endpoint.id), Some(endpoint.tenant.clone())),
    ] {
        for (to, expected) in [(last, vec![1]), (last + MICRO, vec![])] {
            let mut query = FailureQuery::between(Timestamp::EPOCH, to);
            (query.endpoint, query.tenant) = (endpoint, tenant.clone());
            let found = ok(subject.second.failures(&query).await);
            assert_eq!((found.from, counts(&found.groups)), (to - DAY * 90 - HOUR, expected), "{query:?}");
        }
    }
}

/// A call returns at most [`FailureQuery::MAX_LIMIT`] groups.
pub(super) async fn one_call_returns_a_bounded_number_of_groups<S: Outbox + Rollups + ?Sized>(subject: &Subject<S>) {
    let lanes: Vec<_> = (0..=FailureQuery::MAX_LIMIT).map(|_| (lane(), 1)).collect();
    let only: Vec<_> = lanes.iter().map(|(lane, _)| *lane).collect();
    subject.append(append(event("acme"), &only, NOW)).await;
    let leased = subject.claim_lanes(&lanes, NOW).await.leased;
    assert_eq!(leased.len(), lanes.len());
    ok(subject.store.settle(leased.iter().map(|leased| FAILED.of(leased)).collect()).await);
    let mut query = all();
    query.limit = u32::MAX;
    assert_eq!(found(subject, &query).await.len(), FailureQuery::MAX_LIMIT as usize);
}

/// An endpoint whose responses are all different has a bounded number of groups in one hour, and each failure is counted.
pub(super) async fn groups_of_failures_are_bounded<S: Outbox + Rollups + ?Sized>(subject: &Subject<S>) {
    let lane = lane();
    for round in 0..3_u32 {
        let batch: Vec<_> = (0..100).map(|_| append(event("acme"), &[lane], NOW)).collect();
        ok(subject.store.append(batch).await);
        let leased = subject.claim(lane, 100, NOW).await;
        let settle = |(leased, number): (&Leased, u32)| {
            let letter = |number: u32| char::from_digit(number % 20 + 10, 36).unwrap_or_default();
            let text: String = [number, number / 20, round].map(letter).into_iter().collect();
            End { response: Some((Outcome::Status(500), &text)), ..FAILED }.of(leased)
        };
        ok(subject.store.settle(leased.iter().zip(0..).map(settle).collect()).await);
        fold_all(&*subject.store, NOW).await;
    }
    let found = found(subject, &all()).await;
    assert_eq!(counts(&found).iter().sum::<u64>(), 300);
    assert!(found.len() <= 150, "{}", found.len());
}

/// The groups of an hour are deleted after 90 days, and no others.
pub(super) async fn old_failures_are_deleted<S: Outbox + Rollups + ?Sized>(subject: &Subject<S>) {
    let lane = lane();
    end(subject, lane, FAILED).await;
    end(subject, lane, End { at: NOW + HOUR, ..FAILED }).await;
    let first = RollupStep::Hour.start(NOW);
    let left = async |now| {
        fold_all(&*subject.store, now).await;
        counts(&ok(subject.second.failures(&all()).await).groups).iter().sum::<u64>()
    };
    assert_eq!(left(first + DAY * 90).await, 2, "not yet old");
    assert_eq!(left(first + DAY * 90 + MICRO).await, 1, "one hour is old");
    assert_eq!(left(first + HOUR + DAY * 90).await, 1, "the other hour is not yet old");
    assert_eq!(left(first + HOUR + DAY * 90 + MICRO).await, 0);
}

/// Folds and failures at the same time count every failure once.
pub(super) async fn concurrent_folds_count_failures_once<S: Outbox + Rollups + ?Sized>(subject: &Subject<S>) {
    let lane = lane();
    let mut ends = Vec::new();
    for _ in 0..24 {
        ends.push(FAILED.of(&leased(subject, lane, NOW).await));
    }
    let work = at_once(subject, 24, |caller, store| {
        let end = ends.get(caller).cloned();
        async move {
            ok(store.settle(Vec::from_iter(end)).await);
            ok(store.fold(NOW).await);
        }
    });
    work.await;
    assert_eq!(counts(&found(subject, &all()).await), [24]);
}

/// A failure whose settlement is dropped is counted once.
pub(super) async fn a_dropped_failure_is_counted_once<S: Outbox + Rollups + ?Sized>(subject: &Subject<S>) {
    let lane = lane();
    let (mut polls, mut last, mut failed) = (Polls::new(), None, 0);
    while let Some(count) = polls.next(last.as_ref()) {
        let end = FAILED.of(&leased(subject, lane, NOW).await);
        last = dropped_after(count, subject.store.settle(vec![end.clone()])).await;
        // This call waits until the dropped one has happened, or happens in its place.
        ok(subject.store.settle(vec![end]).await);
        failed += 1;
        assert_eq!(counts(&found(subject, &all()).await), [failed], "after {count} polls");
    }
}

/// How often a case reads while a server may still execute a dropped fold.
const MOST_READS: usize = 1_000;

/// A fold that is dropped counts each failure once, together with the fold after it.
pub(super) async fn a_dropped_fold_counts_failures_once<S: Outbox + Rollups + ?Sized>(subject: &Subject<S>) {
    let lane = lane();
    let (mut polls, mut last, mut failed) = (Polls::new(), None, 0);
    while let Some(count) = polls.next(last.as_ref()) {
        end(subject, lane, FAILED).await;
        failed += 1;
        last = dropped_after(count, subject.store.fold(NOW)).await;
        let mut sums = counts(&found(subject, &all()).await);
        // The dropped fold may still run; the others leave the work to it.
        for _ in 0..MOST_READS {
            if sums == [failed] {
                break;
            }
            tokio::task::yield_now().await;
            sums = counts(&found(subject, &all()).await);
        }
        assert_eq!(sums, [failed], "after {count} polls");
    }
}
