//! Rollups: what happened in each minute and hour.

use std::time::Duration;

use super::drops::{Polls, dropped_after};
use super::given::{
    DAY, MICRO, MINUTE, NOW, append, attempt, endpoint, event, lane, ok, one, queue, settlement, tenant,
};
use super::subject::Subject;
use super::together::at_once;
use crate::clock::Timestamp;
use crate::delivery::{Leased, Settlement};
use crate::id::{LaneId, Work};
use crate::outcome::Outcome;
use crate::retry::{Decision, FailReason};
use crate::store::{Directory, Outbox, Rollup, RollupGroup, RollupStep, Rollups, Settled};

const HOUR: Duration = Duration::from_secs(3_600);

/// Folds until nothing is left to do.
pub(super) async fn fold_all<S: Rollups + ?Sized>(store: &S, now: Timestamp) {
    for _ in 0..1_000 {
        if !ok(store.fold(now).await) {
            return;
        }
    }
    panic!("fold always returns that more is left to do");
}

/// The same, for the store of a subject.
async fn fold<S: Rollups + ?Sized>(subject: &Subject<S>, now: Timestamp) {
    fold_all(&*subject.store, now).await;
}

/// The rollups of one group that begin within two days of [`NOW`], through the second handle.
async fn of<S: Rollups + ?Sized>(subject: &Subject<S>, group: RollupGroup, step: RollupStep) -> Vec<Rollup> {
    one(ok(subject.second.rollups(&[group], step, NOW - DAY, NOW + DAY).await))
}

/// Appends one delivery for each decision, claims all and settles them at `at`.
async fn settle_at<S: Outbox + ?Sized>(subject: &Subject<S>, lane: LaneId, at: Timestamp, decisions: &[Decision]) {
    for decision in decisions {
        let leased = leased(subject, lane).await;
        assert_eq!(
            ok(subject.store.settle(vec![Settlement { at, ..settlement(&leased, *decision) }]).await),
            [Settled::Done]
        );
    }
}

/// A new delivery, claimed.
async fn leased<S: Outbox + ?Sized>(subject: &Subject<S>, lane: LaneId) -> Leased {
    let append = append(event("acme"), &[lane], NOW);
    let id = one(append.deliveries.clone()).id;
    subject.append(append).await;
    let claimed = subject.claim(lane, 9, NOW).await;
    one(claimed.into_iter().filter(|leased| leased.lease.delivery == id).collect())
}

fn delivered(count: u64) -> Rollup {
    let mut rollup = Rollup::default();
    (rollup.delivered, rollup.succeeded, rollup.durations[0]) = (count, count, count);
    rollup
}

fn starting(at: Timestamp, rollup: Rollup) -> Rollup {
    Rollup { at, ..rollup }
}

/// Each settlement is counted by its decision, its outcome and its duration, for its lane, its tenant and all, in its minute and its hour.
pub(super) async fn rollups_count_each_settlement_once<S: Outbox + Directory + Rollups + ?Sized>(subject: &Subject<S>) {
    let stored = endpoint("größer ' acme");
    let lane = LaneId::from(stored.id);
    ok(subject.store.put(stored).await);
    let retry = Decision::retry(NOW + HOUR);
    let ends = [
        (Decision::Delivered, Some((Outcome::Status(204), 25))),
        (retry, Some((Outcome::Status(503), 26))),
        (retry, Some((Outcome::Status(302), 40_000))),
        (Decision::Fail { reason: FailReason::Permanent }, Some((Outcome::Status(499), 10))),
        (Decision::Fail { reason: FailReason::Exhausted }, Some((Outcome::Timeout, 30_000))),
        (Decision::Hold { reason: FailReason::Exhausted }, Some((Outcome::Tls, 1))),
        (Decision::RetryUncounted { at: NOW + HOUR }, Some((Outcome::Local, 1))),
        (Decision::Fail { reason: FailReason::Expired }, None),
    ];
    let mut batch = Vec::new();
    for (decision, made) in ends {
        let leased = leased(subject, lane).await;
        let mut end = Settlement::of(&leased, decision, NOW + MINUTE / 2);
        end.attempt = made.map(|(outcome, millis)| {
            let mut made = attempt(1, outcome);
            made.duration = Duration::from_millis(millis);
            made
        });
        batch.push(end);
    }
    ok(subject.store.settle(batch).await);
    fold(subject, NOW).await;
    let mut expected = Rollup::default();
    (expected.delivered, expected.failed) = (1, 3);
    (expected.succeeded, expected.client_errors, expected.server_errors) = (1, 2, 1);
    (expected.timeouts, expected.unreachable, expected.other) = (1, 1, 1);
    expected.durations = [3, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1];
    for step in [RollupStep::Minute, RollupStep::Hour] {
        let expected = vec![starting(step.start(NOW + MINUTE / 2), expected.clone())];
        for group in
            [RollupGroup::Lane(lane), RollupGroup::Tenant(tenant("größer ' acme")), RollupGroup::All(Work::Sent)]
        {
            assert_eq!(of(subject, group.clone(), step).await, expected, "{group:?} by {step:?}");
        }
    }
}

/// A settlement whose lease is lost is not counted, also in one batch with others.
pub(super) async fn a_lost_lease_is_in_no_rollup<S: Outbox + Rollups + ?Sized>(subject: &Subject<S>) {
    let lane = lane();
    let (first, second) = (leased(subject, lane).await, leased(subject, lane).await);
    let ends = |leased: &Leased| Settlement { at: NOW, ..settlement(leased, Decision::Delivered) };
    let mut stale = ends(&second);
    stale.lease.fence += 1;
    ok(subject.store.settle(vec![ends(&first), ends(&first), stale]).await);
    ok(subject.store.settle(vec![ends(&first)]).await);
    fold(subject, NOW).await;
    let expected = vec![starting(RollupStep::Minute.start(NOW), delivered(1))];
    assert_eq!(of(subject, RollupGroup::Lane(lane), RollupStep::Minute).await, expected);
}

/// A fold adds to what earlier folds have counted, and counts nothing twice.
pub(super) async fn fold_shows_what_was_settled<S: Outbox + Rollups + ?Sized>(subject: &Subject<S>) {
    let lane = lane();
    for round in 1..=3 {
        settle_at(subject, lane, NOW, &[Decision::Delivered; 2]).await;
        fold(subject, NOW).await;
        fold(subject, NOW).await;
        for step in [RollupStep::Minute, RollupStep::Hour] {
            let expected = vec![starting(step.start(NOW), delivered(round * 2))];
            assert_eq!(of(subject, RollupGroup::Lane(lane), step).await, expected, "round {round}");
        }
    }
}

/// Folds and settlements that run at the same time count every settlement once.
pub(super) async fn concurrent_folds_count_once<S: Outbox + Rollups + ?Sized>(subject: &Subject<S>) {
    let lane = lane();
    let mut ends = Vec::new();
    for _ in 0..24 {
        ends.push(Settlement { at: NOW, ..settlement(&leased(subject, lane).await, Decision::Delivered) });
    }
    let work = at_once(subject, 24, |caller, store| {
        let end = ends.get(caller).cloned();
        async move {
            ok(store.settle(Vec::from_iter(end)).await);
            ok(store.fold(NOW).await);
        }
    });
    work.await;
    fold(subject, NOW).await;
    let expected = vec![starting(RollupStep::Hour.start(NOW), delivered(24))];
    assert_eq!(of(subject, RollupGroup::All(Work::Sent), RollupStep::Hour).await, expected);
}

/// A list contains the rollups of one group in a span of time. The lists are in the order of the request.
pub(super) async fn rollups_obey_their_group_and_span<S: Outbox + Directory + Rollups + ?Sized>(subject: &Subject<S>) {
    let stored = ["acme", "ACME", "acme "].map(endpoint);
    let lanes = stored.clone().map(|endpoint| LaneId::from(endpoint.id));
    for endpoint in stored {
        ok(subject.store.put(endpoint).await);
    }
    let first = RollupStep::Minute.start(NOW);
    let times = [first, first + MINUTE - MICRO, first + MINUTE * 2, first + MINUTE * 70];
    for (lane, count) in lanes.into_iter().zip(1..) {
        for at in times {
            settle_at(subject, lane, at, &vec![Decision::Delivered; count]).await;
        }
    }
    fold(subject, NOW).await;
    let unknown = [RollupGroup::Tenant(tenant("nobody")), RollupGroup::Lane(lane()), RollupGroup::All(Work::Received)];
    let groups = [RollupGroup::Lane(lanes[2]), RollupGroup::Tenant(tenant("ACME")), RollupGroup::Lane(lanes[0])];
    let requested: Vec<_> = groups.into_iter().chain(unknown).collect();
    let minutes = ok(subject.store.rollups(&requested, RollupStep::Minute, first, first + MINUTE * 70).await);
    let of = |count| vec![starting(first, delivered(count * 2)), starting(first + MINUTE * 2, delivered(count))];
    assert_eq!(minutes, [of(3), of(2), of(1), vec![], vec![], vec![]]);
    let later =
        ok(subject.store.rollups(&requested, RollupStep::Minute, first + MICRO, first + MINUTE * 70 + MICRO).await);
    let of =
        |count| vec![starting(first + MINUTE * 2, delivered(count)), starting(first + MINUTE * 70, delivered(count))];
    assert_eq!(later, [of(3), of(2), of(1), vec![], vec![], vec![]]);
    let all = RollupGroup::All(Work::Sent);
    let hours = one(ok(subject.second.rollups(&[all], RollupStep::Hour, NOW - DAY, NOW + DAY).await));
    assert_eq!(hours.iter().map(|hour| hour.delivered).collect::<Vec<_>>(), [18, 6]);
    assert_eq!(ok(subject.store.rollups(&[], RollupStep::Hour, NOW - DAY, NOW + DAY).await), Vec::<Vec<Rollup>>::new());
    let nothing = ok(subject.store.rollups(&requested, RollupStep::Minute, first + MINUTE, first + MINUTE).await);
    assert_eq!(nothing, vec![Vec::new(); 6], "an empty span");
}

/// Minutes are deleted after two days, and hours after 90 days.
pub(super) async fn old_rollups_are_deleted<S: Outbox + Rollups + ?Sized>(subject: &Subject<S>) {
    let lane = lane();
    settle_at(subject, lane, NOW, &[Decision::Delivered]).await;
    settle_at(subject, lane, NOW + MINUTE, &[Decision::Delivered]).await;
    let found = async |step| of(subject, RollupGroup::Lane(lane), step).await.len();
    let minute = RollupStep::Minute.start(NOW);
    fold(subject, minute + DAY * 2).await;
    assert_eq!((found(RollupStep::Minute).await, found(RollupStep::Hour).await), (2, 1), "not yet old");
    fold(subject, minute + DAY * 2 + MICRO).await;
    assert_eq!((found(RollupStep::Minute).await, found(RollupStep::Hour).await), (1, 1), "one minute is old");
    fold(subject, RollupStep::Hour.start(NOW) + DAY * 90).await;
    assert_eq!((found(RollupStep::Minute).await, found(RollupStep::Hour).await), (0, 1), "the hour is not yet old");
    fold(subject, RollupStep::Hour.start(NOW) + DAY * 90 + MICRO).await;
    assert_eq!((found(RollupStep::Minute).await, found(RollupStep::Hour).await), (0, 0));
}

/// The jobs of a queue are counted apart from deliveries.
pub(super) async fn rollups_count_one_kind_of_work<S: Outbox + Rollups + ?Sized>(subject: &Subject<S>) {
    let (lane, queue) = (lane(), queue("orders"));
    settle_at(subject, lane, NOW, &[Decision::Delivered]).await;
    settle_at(subject, queue, NOW, &[Decision::Delivered; 2]).await;
    fold(subject, NOW).await;
    let groups = [RollupGroup::All(Work::Sent), RollupGroup::All(Work::Received), RollupGroup::Lane(queue)];
    let found = ok(subject.second.rollups(&groups, RollupStep::Hour, NOW - DAY, NOW + DAY).await);
    let of = |count| vec![starting(RollupStep::Hour.start(NOW), delivered(count))];
    assert_eq!(found, [of(1), of(2), of(2)]);
}

/// A settlement whose future is dropped is counted if it has happened.
pub(super) async fn a_dropped_settlement_is_counted_once<S: Outbox + Rollups + ?Sized>(subject: &Subject<S>) {
    let lane = lane();
    let (mut polls, mut last, mut settled) = (Polls::new(), None, 0);
    while let Some(count) = polls.next(last.as_ref()) {
        let leased = leased(subject, lane).await;
        let end = Settlement { at: NOW, ..settlement(&leased, Decision::Delivered) };
        last = dropped_after(count, subject.store.settle(vec![end.clone()])).await;
        // This call waits until the dropped one has happened, or happens in its place.
        ok(subject.store.settle(vec![end]).await);
        settled += 1;
        fold(subject, NOW).await;
        let expected = vec![starting(RollupStep::Minute.start(NOW), delivered(settled))];
        assert_eq!(of(subject, RollupGroup::Lane(lane), RollupStep::Minute).await, expected, "after {count} polls");
    }
}
