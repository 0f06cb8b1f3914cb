//! The number of live workers.

use super::given::{MICRO, MINUTE, NOW, ok};
use super::subject::Subject;
use super::together::at_once;
use crate::id::WorkerId;
use crate::store::WorkerRegistry;

const GROUP: &str = "sender";

fn worker(number: u128) -> WorkerId {
    WorkerId::from_bytes(number.to_be_bytes())
}

fn workers() -> [WorkerId; 3] {
    [1, 2, 3].map(worker)
}

/// Workers are counted through either handle, once each, until the time of their heartbeat.
pub(super) async fn workers_of_a_group_are_counted<S: WorkerRegistry + ?Sized>(subject: &Subject<S>) {
    let [a, b, c] = workers();
    assert_eq!(ok(subject.store.heartbeat(GROUP, b, NOW, NOW + MINUTE).await), 1);
    assert_eq!(ok(subject.store.heartbeat(GROUP, b, NOW, NOW + MINUTE).await), 1, "the same again");
    assert_eq!(ok(subject.second.heartbeat(GROUP, a, NOW, NOW + MINUTE * 2).await), 2);
    let just_before = NOW + MINUTE - MICRO;
    assert_eq!(ok(subject.second.heartbeat(GROUP, a, just_before, NOW + MINUTE * 2).await), 2);
    assert_eq!(ok(subject.store.heartbeat(GROUP, c, NOW + MINUTE, NOW + MINUTE * 3).await), 2, "b's time has ended");
    assert_eq!(ok(subject.store.heartbeat(GROUP, b, NOW + MINUTE, NOW + MINUTE * 3).await), 3);
    assert_eq!(ok(subject.store.heartbeat(GROUP, b, NOW + MINUTE * 2, NOW + MINUTE * 3).await), 2, "a's has too");
}

/// A later heartbeat replaces an earlier one, even if it ends earlier.
pub(super) async fn the_last_heartbeat_counts<S: WorkerRegistry + ?Sized>(subject: &Subject<S>) {
    let [a, b, _] = workers();
    ok(subject.store.heartbeat(GROUP, a, NOW, NOW + MINUTE).await);
    ok(subject.store.heartbeat(GROUP, a, NOW, NOW + MINUTE * 5).await);
    assert_eq!(ok(subject.second.heartbeat(GROUP, b, NOW + MINUTE, NOW + MINUTE * 9).await), 2);
    ok(subject.store.heartbeat(GROUP, a, NOW + MINUTE, NOW + MINUTE * 2).await);
    assert_eq!(ok(subject.second.heartbeat(GROUP, b, NOW + MINUTE * 2, NOW + MINUTE * 9).await), 1);
}

/// Workers of another group are not counted.
pub(super) async fn groups_are_counted_separately<S: WorkerRegistry + ?Sized>(subject: &Subject<S>) {
    let [a, b, c] = workers();
    assert_eq!(ok(subject.store.heartbeat(GROUP, a, NOW, NOW + MINUTE).await), 1);
    assert_eq!(ok(subject.second.heartbeat("inbox", b, NOW, NOW + MINUTE).await), 1);
    assert_eq!(ok(subject.second.heartbeat("Sender", c, NOW, NOW + MINUTE).await), 1, "in another case");
}

/// A worker that has left is not counted, even before its time has ended.
pub(super) async fn a_worker_that_left_is_not_counted<S: WorkerRegistry + ?Sized>(subject: &Subject<S>) {
    let [a, b, c] = workers();
    ok(subject.store.heartbeat(GROUP, a, NOW, NOW + MINUTE).await);
    ok(subject.store.heartbeat(GROUP, c, NOW, NOW + MINUTE).await);
    ok(subject.store.leave(a).await);
    ok(subject.store.leave(a).await);
    assert_eq!(ok(subject.second.heartbeat(GROUP, b, NOW, NOW + MINUTE).await), 2, "the others stay");
}

/// A process without a worker counts the workers of one group that are alive, and is not counted itself.
pub(super) async fn live_workers_are_counted_without_a_heartbeat<S: WorkerRegistry + ?Sized>(subject: &Subject<S>) {
    let [a, b, _] = workers();
    assert_eq!(ok(subject.store.alive(GROUP, NOW).await), 0);
    ok(subject.store.heartbeat(GROUP, a, NOW, NOW + MINUTE).await);
    ok(subject.store.heartbeat(GROUP, b, NOW, NOW + MINUTE * 2).await);
    assert_eq!(ok(subject.second.alive(GROUP, NOW).await), 2);
    assert_eq!(ok(subject.second.alive(GROUP, NOW).await), 2, "asking changes nothing");
    assert_eq!(ok(subject.second.alive("inbox", NOW).await), 0);
    assert_eq!(ok(subject.second.alive(GROUP, NOW + MINUTE - MICRO).await), 2);
    assert_eq!(ok(subject.second.alive(GROUP, NOW + MINUTE).await), 1, "a's time has ended");
    ok(subject.store.leave(b).await);
    assert_eq!(ok(subject.second.alive(GROUP, NOW + MINUTE).await), 0);
}

/// If many workers start at once, all are counted.
pub(super) async fn concurrent_heartbeats_all_count<S: WorkerRegistry + ?Sized>(subject: &Subject<S>) {
    let counted = at_once(subject, 16, |caller, store| async move {
        ok(store.heartbeat(GROUP, worker(100 + caller as u128), NOW, NOW + MINUTE).await)
    });
    assert!(counted.await.into_iter().all(|count| (1..=16).contains(&count)));
    assert_eq!(ok(subject.store.heartbeat(GROUP, worker(1), NOW, NOW + MINUTE).await), 17);
}
