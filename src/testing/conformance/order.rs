//! Ordering keys as a worker gets them.

use std::collections::HashSet;

use super::given::{LEASED, MINUTE, NOW, append, event, fifo, lane, latest, ok, one, some, sorted};
use super::subject::Subject;
use crate::delivery::Leased;
use crate::id::{DeliveryId, LaneId};
use crate::retry::{Decision, FailReason};
use crate::store::{Appended, Outbox};

const EXHAUSTED: FailReason = FailReason::Exhausted;

async fn three<S: Outbox + ?Sized>(subject: &Subject<S>, lane: LaneId) -> [DeliveryId; 3] {
    let first = subject.owe_event(fifo("cart-1"), lane).await;
    let second = subject.owe_event(fifo("cart-1"), lane).await;
    [first, second, subject.owe_event(fifo("cart-1"), lane).await]
}

async fn head<S: Outbox + ?Sized>(subject: &Subject<S>, lane: LaneId) -> Leased {
    one(subject.claim(lane, 9, NOW).await)
}

/// One delivery at a time, oldest first; other keys, other endpoints and deliveries without a key do not wait.
pub(super) async fn fifo_delivers_one_at_a_time_in_order<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let (lane, elsewhere) = (lane(), lane());
    let [first, second, third] = three(subject, lane).await;
    let other_key = subject.owe_event(fifo("cart-2"), lane).await;
    let no_key = subject.owe(lane).await;
    subject.owe_event(fifo("cart-1"), elsewhere).await;
    assert_eq!(subject.claim(elsewhere, 9, NOW).await.len(), 1);

    let leased = subject.claim(lane, 9, NOW).await;
    let ids = sorted(leased.iter().map(|one| one.lease.delivery).collect());
    assert_eq!(ids, sorted(vec![first, other_key, no_key]));
    let head = some(leased.iter().find(|one| one.lease.delivery == first));
    // A retry keeps its place.
    subject.settle(head, Decision::retry(LEASED)).await;
    let again = subject.claim(lane, 9, LEASED - MINUTE / 2).await;
    assert!(again.is_empty(), "the head blocks the key: {again:?}");
    let mut order = Vec::new();
    for _ in 0..3 {
        let claimed = subject.claim(lane, 9, LEASED).await;
        let Some(next) = claimed.iter().find(|one| [first, second, third].contains(&one.lease.delivery)) else { break };
        order.push(next.lease.delivery);
        subject.settle(next, Decision::Delivered).await;
    }
    assert_eq!(order, [first, second, third]);
}

/// A delivery that waits behind another has no due time, so that the worker does not claim again at once.
pub(super) async fn what_waits_for_its_turn_is_not_due<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let lane = lane();
    three(subject, lane).await;
    let claimed = subject.claim_lanes(&[(lane, 9)], NOW).await;
    assert_eq!((claimed.leased.len(), claimed.next), (1, vec![(lane, LEASED)]));
    let again = subject.claim_lanes(&[(lane, 9)], NOW + MINUTE / 2).await;
    assert_eq!((again.leased.len(), again.next), (0, vec![(lane, LEASED)]));
}

/// The order is that of appending, not that of ids or of the times at which the events occurred.
pub(super) async fn fifo_follows_the_order_of_appending<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let lane = lane();
    let mut appends: Vec<_> = (0..4_u32)
        .map(|n| {
            let mut event = fifo("cart-1");
            event.occurred_at = NOW + MINUTE * n;
            append(event, &[lane], NOW)
        })
        .collect();
    appends.reverse();
    let expected: Vec<_> = appends.iter().flat_map(|one| one.deliveries.iter().map(|delivery| delivery.id)).collect();
    let later = appends.split_off(2);
    assert_eq!(ok(subject.store.append(appends).await), [Appended::Stored; 2]);
    assert_eq!(ok(subject.second.append(later).await), [Appended::Stored; 2]);
    for id in expected {
        let head = one(subject.claim(lane, 9, LEASED).await);
        assert_eq!(head.lease.delivery, id);
        subject.settle(&head, Decision::Delivered).await;
    }
    assert!(subject.claim(lane, 9, LEASED).await.is_empty());
}

/// A failed delivery no longer blocks its key.
pub(super) async fn a_failed_head_lets_the_next_follow<S: Outbox + ?Sized>(subject: &Subject<S>) {
    for next in [Decision::Fail { reason: EXHAUSTED }, Decision::Disable { reason: EXHAUSTED }, Decision::Delivered] {
        let lane = lane();
        let [_, second, _] = three(subject, lane).await;
        let head = head(subject, lane).await;
        subject.settle(&head, next).await;
        assert_eq!(subject.claimed(lane, LEASED).await, [second], "{next:?}");
    }
}

/// A held delivery blocks its key, for later events too.
pub(super) async fn a_held_head_parks_its_key<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let lane = lane();
    three(subject, lane).await;
    let head = head(subject, lane).await;
    subject.settle(&head, Decision::Hold { reason: EXHAUSTED }).await;
    assert!(subject.claim(lane, 9, LEASED).await.is_empty());
    subject.owe_event(fifo("cart-1"), lane).await;
    assert!(subject.claim(lane, 9, LEASED).await.is_empty(), "a later delivery of the key waits");
    let other = subject.owe_event(fifo("cart-2"), lane).await;
    assert_eq!(subject.claimed(lane, LEASED).await, [other], "another key does not wait");
}

/// A head whose lease has ended, that was released, or that had a local fault, goes before the deliveries behind it.
pub(super) async fn an_unfinished_head_keeps_its_place<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let lane = lane();
    let [first, second, _] = three(subject, lane).await;
    let head = head(subject, lane).await;
    ok(subject.store.release(vec![head.lease], NOW).await);
    let again = one(subject.claim(lane, 9, NOW).await);
    assert_eq!(again.lease.delivery, first, "after a release");
    let again = one(subject.claim(lane, 9, LEASED).await);
    assert_eq!(again.lease.delivery, first, "after the end of the lease");
    subject.settle(&again, Decision::RetryUncounted { at: LEASED }).await;
    let again = one(subject.claim(lane, 9, LEASED).await);
    assert_eq!(again.lease.delivery, first, "after a fault");
    subject.settle(&again, Decision::Delivered).await;
    assert_eq!(subject.claimed(lane, LEASED).await, [second]);
}

/// If nothing blocks the key, an event with the key is due at once.
pub(super) async fn a_key_that_is_free_is_due_at_once<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let lane = lane();
    for _ in 0..3 {
        let id = subject.owe_event(fifo("cart-1"), lane).await;
        let leased = head(subject, lane).await;
        assert_eq!(leased.lease.delivery, id);
        subject.settle(&leased, Decision::Delivered).await;
    }
}

/// The newest delivery replaces the waiting ones.
pub(super) async fn latest_supersedes_what_waits<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let (lane, elsewhere) = (lane(), lane());
    subject.owe_event(latest("cart-1"), lane).await;
    let other = subject.owe_event(latest("cart-2"), lane).await;
    let no_key = subject.owe(lane).await;
    let there = subject.owe_event(latest("cart-1"), elsewhere).await;
    let new = subject.owe_event(latest("cart-1"), lane).await;
    assert_eq!(sorted(subject.claimed(lane, NOW).await), sorted(vec![other, no_key, new]));
    assert_eq!(subject.claimed(elsewhere, NOW).await, [there], "the key of another endpoint is separate");
}

/// If a batch has several events of the key, the last one remains.
pub(super) async fn latest_supersedes_within_a_batch<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let lane = lane();
    let batch: Vec<_> = (0..4).map(|_| append(latest("cart-1"), &[lane], NOW)).collect();
    let last = some(batch.last().and_then(|append| append.deliveries.first())).id;
    assert_eq!(ok(subject.store.append(batch).await), [Appended::Stored; 4]);
    assert_eq!(subject.claimed(lane, NOW).await, [last]);
}

/// A leased delivery is not superseded; if it ends with a retry and a newer one waits, the newer one is sent instead.
pub(super) async fn latest_supersedes_a_retry<S: Outbox + ?Sized>(subject: &Subject<S>) {
    for next in [Decision::retry(LEASED), Decision::RetryUncounted { at: LEASED }, Decision::Delivered] {
        let lane = lane();
        subject.owe_event(latest("cart-1"), lane).await;
        let flying = head(subject, lane).await;
        subject.owe_event(latest("cart-1"), lane).await;
        let newest = subject.owe_event(latest("cart-1"), lane).await;
        assert!(subject.claim(lane, 9, NOW).await.is_empty(), "one at a time");
        subject.settle(&flying, next).await;
        let sent = one(subject.claim(lane, 9, LEASED).await);
        assert_eq!(sent.lease.delivery, newest, "{next:?}");
        // A retry that has not been overtaken is sent again.
        subject.settle(&sent, Decision::retry(LEASED)).await;
        assert_eq!(subject.claimed(lane, LEASED).await, [newest]);
    }
}

/// Deliveries without a key are independent of keys.
pub(super) async fn deliveries_without_a_key_never_wait<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let lane = lane();
    let mut expected = HashSet::new();
    for _ in 0..3 {
        expected.insert(subject.owe_event(event("acme"), lane).await);
    }
    assert_eq!(subject.claimed(lane, NOW).await.into_iter().collect::<HashSet<_>>(), expected);
}
