//! Appending events with their deliveries.

use std::collections::HashSet;

use super::given::{
    LEASED, MINUTE, NOW, append, claim, event, event_with_id, fifo, lane, ok, one, queue, received, some, unwanted,
};
use super::subject::Subject;
use crate::delivery::{Leased, NewDelivery};
use crate::id::{DeliveryId, LaneId};
use crate::retry::Decision;
use crate::store::{Append, Appended, Outbox, Settled};

/// An event that one handle has appended can be claimed through the other.
pub(super) async fn append_is_visible_to_a_second_handle<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let lane = lane();
    let event = event("acme");
    assert_eq!(subject.append(append(event.clone(), &[lane], NOW)).await, Appended::Stored);
    let claimed = ok(subject.second.claim(claim(&[(lane, 9)], NOW)).await);
    assert_eq!(one(claimed.leased).event.id, event.id);
}

/// The same id with the same fingerprint changes nothing.
pub(super) async fn append_of_the_same_event_is_a_duplicate<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let (lane, other) = (lane(), lane());
    let event = event_with_id("acme", "order-1", "a");
    assert_eq!(subject.append(append(event.clone(), &[lane], NOW)).await, Appended::Stored);
    assert_eq!(subject.append(append(event.clone(), &[lane], NOW)).await, Appended::Duplicate);
    let from_second = ok(subject.second.append(vec![append(event, &[other], NOW + MINUTE)]).await);
    assert_eq!(from_second, [Appended::Duplicate]);
    assert_eq!(subject.claim(lane, 9, NOW + MINUTE).await.len(), 1, "the duplicate made no delivery");
    assert!(subject.claim(other, 9, NOW + MINUTE).await.is_empty(), "the duplicate made no delivery for another lane");
}

/// Even if the event was delivered long ago, its id remains taken.
pub(super) async fn append_of_a_delivered_event_is_a_duplicate<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let lane = lane();
    let event = event_with_id("acme", "order-1", "a");
    subject.append(append(event.clone(), &[lane], NOW)).await;
    let leased = one(subject.claim(lane, 9, NOW).await);
    subject.settle(&leased, Decision::Delivered).await;
    assert_eq!(subject.append(append(event, &[lane], LEASED)).await, Appended::Duplicate);
    assert_eq!(
        subject.append(append(event_with_id("acme", "order-1", "b"), &[lane], LEASED)).await,
        Appended::Conflict
    );
    assert!(subject.claim(lane, 9, LEASED).await.is_empty());
}

/// The same id with another fingerprint changes nothing, and the caller gets a conflict.
pub(super) async fn append_of_another_payload_under_the_same_id_is_a_conflict<S: Outbox + ?Sized>(
    subject: &Subject<S>,
) {
    let lane = lane();
    let first = event_with_id("acme", "order-1", "a");
    subject.append(append(first.clone(), &[lane], NOW)).await;
    let other = event_with_id("acme", "order-1", "b");
    assert_eq!(subject.append(append(other, &[lane], NOW)).await, Appended::Conflict);
    assert_eq!(one(subject.claim(lane, 9, NOW).await).event.payload, first.payload);
}

/// Tenants do not share their ids.
pub(super) async fn equal_event_ids_of_two_tenants_are_two_events<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let lane = lane();
    for (tenant, data) in [("acme", "a"), ("umbrella", "b")] {
        let append = append(event_with_id(tenant, "order-1", data), &[lane], NOW);
        assert_eq!(subject.append(append).await, Appended::Stored);
    }
    let claimed = subject.claim(lane, 9, NOW).await;
    let tenants: HashSet<_> = claimed.iter().map(|leased| leased.event.tenant.as_str()).collect();
    assert_eq!(tenants, HashSet::from(["acme", "umbrella"]));
}

/// A conflict does not stop the other elements of its batch.
pub(super) async fn a_conflict_leaves_the_rest_of_the_batch_alone<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let lane = lane();
    subject.append(unwanted(event_with_id("acme", "order-1", "a"))).await;
    let batch = vec![
        append(event("acme"), &[lane], NOW),
        append(event_with_id("acme", "order-1", "b"), &[lane], NOW),
        append(event("acme"), &[lane], NOW),
        append(event_with_id("acme", "order-1", "a"), &[lane], NOW),
        append(event("acme"), &[lane], NOW),
    ];
    let appended = ok(subject.store.append(batch).await);
    let expected = [Appended::Stored, Appended::Conflict, Appended::Stored, Appended::Duplicate, Appended::Stored];
    assert_eq!(appended, expected);
    assert_eq!(subject.claim(lane, 9, NOW).await.len(), 3);
}

/// Elements of a batch count as appended in their order.
pub(super) async fn an_event_repeated_in_a_batch_is_a_duplicate<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let lane = lane();
    let first = event_with_id("acme", "order-1", "a");
    let other = event_with_id("acme", "order-1", "b");
    let batch = [first.clone(), first.clone(), other].map(|event| append(event, &[lane], NOW));
    let appended = ok(subject.store.append(batch.into()).await);
    assert_eq!(appended, [Appended::Stored, Appended::Duplicate, Appended::Conflict]);
    assert_eq!(one(subject.claim(lane, 9, NOW).await).event.payload, first.payload);
}

/// Every event of a large batch is stored, with its own deliveries.
pub(super) async fn every_event_of_a_batch_is_stored<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let lanes = [lane(), lane(), lane()];
    let batch: Vec<_> = (0..120).map(|n| append(event("acme"), &lanes[..n % 4], NOW)).collect();
    let expected: HashSet<_> = batch
        .iter()
        .flat_map(|one| one.deliveries.iter().map(|delivery| (one.event.id.clone(), delivery.id, delivery.lane)))
        .collect();
    assert_eq!(ok(subject.store.append(batch).await), [Appended::Stored; 120]);
    let claimed = subject.claim_lanes(&lanes.map(|lane| (lane, 999)), NOW).await.leased;
    assert_eq!(claimed.len(), expected.len());
    let found: HashSet<_> =
        claimed.iter().map(|leased| (leased.event.id.clone(), leased.lease.delivery, leased.lane)).collect();
    assert_eq!(found, expected);
}

/// One endpoint may have two deliveries of one event.
pub(super) async fn an_event_may_be_owed_twice_to_one_lane<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let lane = lane();
    let append = append(event("acme"), &[lane, lane], NOW);
    let expected: HashSet<_> = append.deliveries.iter().map(|delivery| delivery.id).collect();
    assert_eq!(subject.append(append).await, Appended::Stored);
    let claimed = subject.claim(lane, 9, NOW).await;
    assert_eq!(claimed.len(), 2);
    assert_eq!(claimed.iter().map(|leased| leased.lease.delivery).collect::<HashSet<_>>(), expected);
}

/// An event without deliveries is stored too, and its id is taken.
pub(super) async fn an_event_without_subscribers_is_kept<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let event = event_with_id("acme", "order-1", "a");
    assert_eq!(subject.append(unwanted(event.clone())).await, Appended::Stored);
    assert_eq!(ok(subject.second.append(vec![unwanted(event)]).await), [Appended::Duplicate]);
}

/// A delivery may be leased to its appender from the start.
pub(super) async fn a_born_leased_delivery_is_claimable_only_after_its_lease<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let lane = lane();
    let (append, born) = born_leased(lane);
    subject.append(append).await;
    let before = subject.claim_lanes(&[(lane, 9)], NOW).await;
    assert!(before.leased.is_empty());
    assert_eq!(before.next, [(lane, LEASED)]);

    let later = subject.assert_due(lane, LEASED).await;
    assert_eq!((later.attempt, later.lease.fence), (2, born.lease.fence + 1));
    assert_eq!(subject.settle(&born, Decision::Delivered).await, Settled::LeaseLost);
    assert_eq!(subject.settle(&later, Decision::Delivered).await, Settled::Done);
}

/// The appender settles, extends and releases under fence 1.
pub(super) async fn a_born_lease_is_a_lease_like_any_other<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let lane = lane();
    let (append, born) = born_leased(lane);
    subject.append(append).await;
    assert_eq!(ok(subject.store.extend(vec![born.lease], LEASED + MINUTE).await), [Settled::Done]);
    assert!(subject.claim(lane, 9, LEASED).await.is_empty());
    assert_eq!(subject.settle(&born, Decision::retry(NOW)).await, Settled::Done);
    let second = one(subject.claim(lane, 9, NOW).await);
    assert_eq!((second.attempt, second.faults), (2, 0));
    subject.settle(&second, Decision::Delivered).await;

    let (append, born) = born_leased(lane);
    subject.append(append).await;
    assert_eq!(ok(subject.store.release(vec![born.lease], NOW).await), [Settled::Done]);
    assert_eq!(one(subject.claim(lane, 9, NOW).await).attempt, 1);
}

/// An event with one delivery that is leased to the appender, and the appender's lease.
fn born_leased(lane: LaneId) -> (Append, Leased) {
    let mut append = append(event("acme"), &[lane], NOW);
    for delivery in &mut append.deliveries {
        delivery.leased_until = Some(LEASED);
    }
    let born = Leased::first(&one(append.deliveries.clone()), LEASED, NOW, append.event.clone());
    (append, born)
}

/// Under an ordering key an older delivery may be waiting, so the appender gets no lease.
pub(super) async fn an_ordered_delivery_is_never_born_leased<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let lane = lane();
    let born = || {
        let delivery = NewDelivery { id: DeliveryId::generate(NOW), lane, leased_until: Some(LEASED) };
        Append { deliveries: vec![delivery], ..unwanted(fifo("cart-1")) }
    };
    let batch = vec![born(), born()];
    let first = some(batch.iter().flat_map(|append| append.deliveries.clone()).next()).id;
    assert_eq!(ok(subject.store.append(batch).await), [Appended::Stored; 2]);
    assert_eq!(subject.claimed(lane, NOW).await, [first]);
}

/// Received events cannot use up the ids of sent events, nor the other way round.
pub(super) async fn an_event_id_is_taken_in_its_kind_of_work_only<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let (lane, queue) = (lane(), queue("all"));
    let batch = || {
        vec![
            append(received("order-2"), &[queue], NOW),
            append(event_with_id("acme", "order-2", "a"), &[lane], NOW),
            append(received("order-2"), &[queue], NOW),
        ]
    };
    let appended = ok(subject.store.append(batch()).await);
    assert_eq!(appended, [Appended::Stored, Appended::Stored, Appended::Duplicate]);
    assert_eq!(ok(subject.store.append(batch()).await), [Appended::Duplicate; 3]);
    assert_eq!(subject.claim_lanes(&[(lane, 9), (queue, 9)], NOW).await.leased.len(), 2);
}
