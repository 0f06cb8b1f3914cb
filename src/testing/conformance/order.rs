//! Ordering keys.

use std::sync::Arc;

use super::subject::{LEASED, MINUTE, NOW, Subject, append, lane, new_event, ok, one};
use crate::clock::Timestamp;
use crate::delivery::{DeliveryState, NewDelivery, Next};
use crate::event::{Event, NewEvent};
use crate::id::{DeliveryId, LaneId, Work};
use crate::retry::FailReason;
use crate::store::{Append, Appended};

fn made(event: NewEvent) -> Event {
    event.tenant("acme").seal(NOW)
}

fn fifo(key: &str) -> Event {
    made(new_event(new_event(NewEvent::json("cart.changed", &1)).ordered_by(key)))
}

fn latest(key: &str) -> Event {
    made(new_event(new_event(NewEvent::json("cart.changed", &1)).latest_by(key)))
}

impl Subject {
    async fn owe_event(&self, event: Event, endpoint: LaneId) -> DeliveryId {
        let append = append(event, &[endpoint], NOW);
        let id = one(append.deliveries.clone()).id;
        assert_eq!(self.append(append).await, Appended::Stored);
        id
    }

    async fn three(&self, endpoint: LaneId) -> [DeliveryId; 3] {
        let first = self.owe_event(fifo("cart-1"), endpoint).await;
        let second = self.owe_event(fifo("cart-1"), endpoint).await;
        [first, second, self.owe_event(fifo("cart-1"), endpoint).await]
    }

    async fn claimed(&self, endpoint: LaneId, now: Timestamp) -> Vec<DeliveryId> {
        self.claim(endpoint, 9, now).await.iter().map(|leased| leased.lease.delivery).collect()
    }
}

/// One at a time, oldest first; other keys, other endpoints and what has no key go their own way.
pub async fn fifo_delivers_one_at_a_time_in_order(subject: &Subject) {
    let (lane, elsewhere) = (lane(), lane());
    let [first, second, third] = subject.three(lane).await;
    let other_key = subject.owe_event(fifo("cart-2"), lane).await;
    let no_key = subject.owe(lane).await;
    subject.owe_event(fifo("cart-1"), elsewhere).await;
    assert_eq!(subject.delivery(second).await.due, Timestamp::MAX, "it waits for its turn");
    assert_eq!(subject.claim(elsewhere, 9, NOW).await.len(), 1);

    let mut leased = subject.claim(lane, 9, NOW).await;
    leased.sort_by_key(|one| one.lease.delivery);
    let mut ids: Vec<_> = leased.iter().map(|one| one.lease.delivery).collect();
    ids.sort();
    let mut expected = [first, other_key, no_key];
    expected.sort();
    assert_eq!(ids, expected);
    let Some(head) = leased.iter().find(|one| one.lease.delivery == first) else { panic!("the head was claimed") };
    // A retry keeps its place.
    subject.settle(head, Next::Retry { due: LEASED }).await;
    let again = subject.claim(lane, 1, LEASED - MINUTE / 2).await;
    assert!(again.is_empty(), "the head blocks: {again:?}");
    let mut order = Vec::new();
    for _ in 0..3 {
        let claimed = subject.claim(lane, 9, LEASED).await;
        let Some(next) = claimed.iter().find(|one| [first, second, third].contains(&one.lease.delivery)) else { break };
        order.push(next.lease.delivery);
        subject.settle(next, Next::Delivered).await;
    }
    assert_eq!(order, [first, second, third]);
}

/// The order of events counts, not that in which deliveries are asked for; and born leased is not for ordered ones.
pub async fn an_ordered_delivery_is_never_born_leased(subject: &Subject) {
    let lane = lane();
    let born = |event: Event| {
        let delivery = NewDelivery { id: DeliveryId::generate(NOW), lane, leased_until: Some(LEASED) };
        Append { event: Arc::new(event), deliveries: vec![delivery], now: NOW }
    };
    let batch = vec![born(fifo("cart-1")), born(fifo("cart-1"))];
    let first = one(batch.iter().take(1).flat_map(|append| append.deliveries.clone()).collect()).id;
    assert_eq!(ok(subject.store.append(batch).await), [Appended::Stored; 2]);
    assert_eq!(subject.claimed(lane, NOW).await, [first]);
}

/// What has failed for good is out of the way.
pub async fn a_failed_head_lets_the_next_follow(subject: &Subject) {
    let lane = lane();
    let [_, second, _] = subject.three(lane).await;
    let head = one(subject.claim(lane, 9, NOW).await);
    subject.settle(&head, Next::Failed { reason: FailReason::Exhausted }).await;
    assert_eq!(subject.claimed(lane, LEASED).await, [second]);
}

/// What is held by decision stays in the way until somebody resends or cancels it.
pub async fn a_held_head_parks_its_key(subject: &Subject) {
    let lane = lane();
    let [first, second, _] = subject.three(lane).await;
    let head = one(subject.claim(lane, 9, NOW).await);
    subject.settle(&head, Next::Held { reason: FailReason::Exhausted }).await;
    let held = subject.delivery(first).await;
    assert_eq!((held.state, held.reason), (DeliveryState::Held, Some(FailReason::Exhausted)));
    assert!(subject.claim(lane, 9, LEASED).await.is_empty());
    subject.owe_event(fifo("cart-1"), lane).await;
    assert!(subject.claim(lane, 9, LEASED).await.is_empty(), "nor does a later one pass");

    assert_eq!(ok(subject.store.resend(Work::Sent, vec![(first, LEASED)]).await), [true]);
    let head = one(subject.claim(lane, 9, LEASED).await);
    assert_eq!((head.lease.delivery, head.attempt), (first, 1));
    subject.settle(&head, Next::Held { reason: FailReason::Exhausted }).await;
    assert_eq!(ok(subject.store.cancel(Work::Sent, vec![first], LEASED).await), [true]);
    assert_eq!(subject.claimed(lane, LEASED).await, [second]);
}

/// The newest takes the place of what still waits.
pub async fn latest_supersedes_what_waits(subject: &Subject) {
    let lane = lane();
    let old = subject.owe_event(latest("cart-1"), lane).await;
    let other = subject.owe_event(latest("cart-2"), lane).await;
    let new = subject.owe_event(latest("cart-1"), lane).await;
    let superseded = subject.delivery(old).await;
    assert_eq!((superseded.state, superseded.reason), (DeliveryState::Cancelled, Some(FailReason::Superseded)));
    let mut claimed = subject.claimed(lane, NOW).await;
    claimed.sort();
    assert_eq!(claimed, [other, new]);
}

/// What is in flight ends as it ends; if that is not the end, the newer one takes its place.
pub async fn latest_supersedes_a_retry(subject: &Subject) {
    let lane = lane();
    let old = subject.owe_event(latest("cart-1"), lane).await;
    let flying = one(subject.claim(lane, 9, NOW).await);
    let newer = subject.owe_event(latest("cart-1"), lane).await;
    let newest = subject.owe_event(latest("cart-1"), lane).await;
    assert_eq!(subject.delivery(newer).await.state, DeliveryState::Cancelled);
    assert!(subject.claim(lane, 9, NOW).await.is_empty(), "one at a time");
    subject.settle(&flying, Next::Retry { due: LEASED }).await;
    assert_eq!(subject.delivery(old).await.reason, Some(FailReason::Superseded));
    let next = one(subject.claim(lane, 9, LEASED).await);
    assert_eq!(next.lease.delivery, newest);
    // A retry that nobody has overtaken goes on.
    subject.settle(&next, Next::Retry { due: LEASED }).await;
    assert_eq!(subject.claimed(lane, LEASED).await, [newest]);
}
