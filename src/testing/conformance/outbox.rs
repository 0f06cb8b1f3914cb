//! Appending and claiming.

use std::collections::HashSet;
use std::sync::Arc;

use super::subject::{
    LEASED, MINUTE, NOW, Subject, append, claim, event, event_with_id, lane, new_event, ok, one, some, tenant,
};
use crate::delivery::{DeliveryState, Leased, Next};
use crate::event::NewEvent;
use crate::id::{DeliveryId, LaneId, Work};
use crate::store::{Append, Appended, LaneDue, Removal, Settled};

/// What one handle has appended, another can read and claim.
pub async fn append_is_visible_to_a_second_handle(subject: &Subject) {
    let lane = lane();
    let event = event("acme");
    assert_eq!(subject.append(append(event.clone(), &[lane], NOW)).await, Appended::Stored);
    assert!(ok(subject.second.event(Work::Sent, &event.tenant, &event.id).await).is_some());
    assert_eq!(ok(subject.second.claim(claim(&[(lane, 9)], NOW)).await).leased.len(), 1);
}

/// The same id with the same fingerprint changes nothing.
pub async fn append_of_the_same_event_is_a_duplicate(subject: &Subject) {
    let lane = lane();
    let event = event_with_id("acme", "order-1", "a");
    assert_eq!(subject.append(append(event.clone(), &[lane], NOW)).await, Appended::Stored);
    assert_eq!(subject.append(append(event, &[lane], NOW)).await, Appended::Duplicate);
    assert_eq!(subject.claim(lane, 9, NOW).await.len(), 1, "the second append made no delivery");
}

/// The same id with another fingerprint changes nothing, and says so.
pub async fn append_of_another_payload_under_the_same_id_is_a_conflict(subject: &Subject) {
    let lane = lane();
    let first = event_with_id("acme", "order-1", "a");
    subject.append(append(first.clone(), &[lane], NOW)).await;
    let other = event_with_id("acme", "order-1", "b");
    assert_eq!(subject.append(append(other, &[lane], NOW)).await, Appended::Conflict);
    let kept = some(ok(subject.store.event(Work::Sent, &first.tenant, &first.id).await));
    assert_eq!(kept.payload, first.payload);
    assert_eq!(subject.claim(lane, 9, NOW).await.len(), 1);
}

/// Tenants do not see each other's ids.
pub async fn equal_event_ids_of_two_tenants_are_two_events(subject: &Subject) {
    let lane = lane();
    for (tenant, data) in [("acme", "a"), ("umbrella", "b")] {
        let append = append(event_with_id(tenant, "order-1", data), &[lane], NOW);
        assert_eq!(subject.append(append).await, Appended::Stored);
    }
    assert_eq!(subject.claim(lane, 9, NOW).await.len(), 2);
}

/// Each element of a batch has its own fate.
pub async fn a_conflict_leaves_the_rest_of_the_batch_alone(subject: &Subject) {
    let lane = lane();
    subject.append(append::<LaneId>(event_with_id("acme", "order-1", "a"), &[], NOW)).await;
    let batch = vec![
        append(event("acme"), &[lane], NOW),
        append(event_with_id("acme", "order-1", "b"), &[lane], NOW),
        append(event("acme"), &[lane], NOW),
    ];
    let appended = ok(subject.store.append(batch).await);
    assert_eq!(appended, [Appended::Stored, Appended::Conflict, Appended::Stored]);
    assert_eq!(subject.claim(lane, 9, NOW).await.len(), 2);
}

/// Elements of a batch count in order.
pub async fn an_event_repeated_in_a_batch_is_a_duplicate(subject: &Subject) {
    let event = event_with_id("acme", "order-1", "a");
    let batch = vec![append::<LaneId>(event.clone(), &[], NOW), append::<LaneId>(event, &[], NOW)];
    assert_eq!(ok(subject.store.append(batch).await), [Appended::Stored, Appended::Duplicate]);
}

/// An event without deliveries is stored all the same.
pub async fn an_event_that_nobody_wants_is_kept(subject: &Subject) {
    let event = event("acme");
    assert_eq!(subject.append(append::<LaneId>(event.clone(), &[], NOW)).await, Appended::Stored);
    assert!(ok(subject.store.event(Work::Sent, &event.tenant, &event.id).await).is_some());
}

/// A caller that goes away leaves no half event behind.
pub async fn a_dropped_append_is_whole_or_absent(subject: &Subject) {
    let lane = lane();
    let event = event_with_id("acme", "order-1", "a");
    let append = || append(event.clone(), &[lane, lane], NOW);
    {
        let mut dropped = std::pin::pin!(subject.store.append(vec![append()]));
        let polled_once =
            std::future::poll_fn(|context| std::task::Poll::Ready(dropped.as_mut().poll(context).is_ready()));
        let _finished_at_once: bool = polled_once.await;
    }
    let again = subject.append(append()).await;
    assert!(matches!(again, Appended::Stored | Appended::Duplicate), "{again:?}");
    assert_eq!(subject.claim(lane, 9, NOW).await.len(), 2, "both deliveries, once");
}

/// Many callers at once lose nothing.
pub async fn concurrent_appends_are_all_kept(subject: &Subject) {
    let lane = lane();
    let mut tasks = tokio::task::JoinSet::new();
    for turn in 0..64 {
        let store = if turn % 2 == 0 { subject.store.clone() } else { subject.second.clone() };
        tasks.spawn(async move { store.append(vec![append(event("acme"), &[lane], NOW)]).await });
    }
    while let Some(appended) = tasks.join_next().await {
        let appended = appended.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(ok(appended), [Appended::Stored]);
    }
    assert_eq!(subject.claim(lane, 99, NOW).await.len(), 64);
}

/// A delivery may be leased to its appender from birth.
pub async fn a_born_leased_delivery_is_claimable_only_after_its_lease(subject: &Subject) {
    let lane = lane();
    let mut append = append(event("acme"), &[lane], NOW);
    for delivery in &mut append.deliveries {
        delivery.leased_until = Some(LEASED);
    }
    let Append { event, deliveries, .. } = append.clone();
    subject.append(append).await;
    let before = subject.claim_lanes(&[(lane, 9)], NOW).await;
    assert!(before.leased.is_empty());
    assert_eq!(before.next, [LaneDue { lane, due: LEASED }]);

    let born = Leased::first(&one(deliveries), LEASED, NOW, event);
    let later = one(subject.claim(lane, 9, LEASED).await);
    assert_eq!((later.attempt, later.lease.fence), (2, born.lease.fence + 1));
    assert_eq!(subject.settle(&born, Next::Delivered).await, Settled::LeaseLost);
    assert_eq!(subject.settle(&later, Next::Delivered).await, Settled::Done);
}

/// Only the lanes asked for, only what is due, and no more than the quota.
pub async fn claim_obeys_lanes_quotas_and_due_times(subject: &Subject) {
    let (asked, full, other) = (lane(), lane(), lane());
    for lane in [asked, full, full, full, other] {
        subject.owe(lane).await;
    }
    subject.owe_at(asked, NOW + MINUTE).await;
    let claimed = subject.claim_lanes(&[(asked, 9), (full, 2)], NOW).await.leased;
    let of = |lane: LaneId| claimed.iter().filter(|leased| leased.lane == lane).count();
    assert_eq!((of(asked), of(full), of(other)), (1, 2, 0));
}

/// Within a lane, what has waited longest goes first.
pub async fn claim_takes_the_earliest_due_first(subject: &Subject) {
    let lane = lane();
    let late = subject.owe_at(lane, NOW - MINUTE).await;
    let early = subject.owe_at(lane, NOW - MINUTE * 2).await;
    let latest = subject.owe_at(lane, NOW).await;
    let claimed: Vec<_> = subject.claim(lane, 2, NOW).await.iter().map(|leased| leased.lease.delivery).collect();
    assert_eq!(claimed, [early, late]);
    assert_eq!(one(subject.claim(lane, 2, NOW).await).lease.delivery, latest);
}

/// So that the worker knows when to come again.
pub async fn claim_answers_when_each_lane_is_due_next(subject: &Subject) {
    let (waiting, taken, empty) = (lane(), lane(), lane());
    subject.owe(waiting).await;
    subject.owe_at(waiting, NOW + MINUTE / 3).await;
    subject.owe(taken).await;
    let lanes = [(waiting, 1), (taken, 1), (empty, 1)];
    let next: HashSet<_> = subject.claim_lanes(&lanes, NOW).await.next.iter().map(|it| (it.lane, it.due)).collect();
    assert_eq!(next, HashSet::from([(waiting, NOW + MINUTE / 3), (taken, LEASED)]));
}

/// A worker needs nothing else to make the attempt.
pub async fn claim_brings_the_event_whole(subject: &Subject) {
    let lane = lane();
    let raw = NewEvent::raw("blob.made", "application/octet-stream", &b"\xff\x00'\""[..]);
    let event = new_event(raw).tenant("acme").occurred_at(NOW - MINUTE).seal(NOW);
    let append = append(event.clone(), &[lane], NOW);
    let id = one(append.deliveries.clone()).id;
    subject.append(append).await;
    let leased = one(subject.claim(lane, 1, NOW + MINUTE).await);
    assert_eq!(*leased.event, event);
    assert_eq!((leased.lease.delivery, leased.lane, leased.created_at), (id, lane, NOW));
    assert_eq!((leased.attempt, leased.faults, leased.until), (1, 0, NOW + MINUTE * 2));
}

/// A disabled endpoint's deliveries wait, and go on when it is enabled.
pub async fn claim_leaves_a_disabled_endpoint_alone(subject: &Subject) {
    let endpoint = subject.endpoint().await;
    subject.owe(endpoint.id).await;
    let mut disabled = subject.disable(&endpoint).await;
    let claimed = subject.claim_lanes(&[(endpoint.id, 9)], NOW).await;
    assert!(claimed.leased.is_empty() && claimed.next.is_empty());
    disabled.state = crate::endpoint::EndpointState::Enabled;
    disabled.version += 1;
    subject.put(&disabled).await;
    assert_eq!(subject.claim(endpoint.id, 9, NOW).await.len(), 1);
}

/// What is appended for a removed endpoint by somebody who did not know is never sent, and does not stay for ever.
pub async fn claim_leaves_a_removed_endpoint_alone(subject: &Subject) {
    let endpoint = subject.endpoint().await;
    assert_eq!(ok(subject.store.remove(endpoint.id, None, NOW).await), Removal::Removed);
    let late = subject.owe(endpoint.id).await;
    let claimed = subject.claim_lanes(&[(endpoint.id, 9)], NOW).await;
    assert!(claimed.leased.is_empty() && claimed.next.is_empty());
    let late = subject.delivery(late).await;
    assert_eq!((late.state, late.finished_at), (DeliveryState::Cancelled, Some(NOW)));
    assert!(ok(subject.store.lanes(Work::Sent, None, 9).await).is_empty());
}

/// The inbox has lanes that no directory knows.
pub async fn a_lane_without_an_endpoint_record_is_served(subject: &Subject) {
    let lane = lane();
    subject.owe(lane).await;
    assert_eq!(subject.claim(lane, 1, NOW).await.len(), 1);
}

/// While a lease lasts, nobody else gets the delivery.
pub async fn a_lease_excludes_other_claims(subject: &Subject) {
    let leased = subject.leased().await;
    let just_before = LEASED - std::time::Duration::from_micros(1);
    assert!(ok(subject.second.claim(claim(&[(leased.lane, 9)], just_before)).await).leased.is_empty());
}

/// Any number of workers share a lane without a delivery going to two of them.
pub async fn concurrent_claims_never_overlap(subject: &Subject) {
    let lane = lane();
    let batch = (0..200).map(|_| append(event("acme"), &[lane], NOW)).collect();
    ok(subject.store.append(batch).await);
    let mut tasks = tokio::task::JoinSet::new();
    for turn in 0..20 {
        let store = if turn % 2 == 0 { Arc::clone(&subject.store) } else { Arc::clone(&subject.second) };
        tasks.spawn(async move { store.claim(claim(&[(lane, 10)], NOW)).await });
    }
    let mut seen: HashSet<DeliveryId> = HashSet::new();
    while let Some(claimed) = tasks.join_next().await {
        for leased in ok(claimed.unwrap_or_else(|error| panic!("{error}"))).leased {
            assert!(seen.insert(leased.lease.delivery), "claimed twice");
        }
    }
    assert_eq!(seen.len(), 200);
    assert!(ok(subject.store.event(Work::Sent, &tenant("acme"), &event("acme").id).await).is_none());
}
