//! Changes by operators.

use super::drops::{Polls, claim_all, dropped_after};
use super::given::{
    LEASED, MICRO, MINUTE, NOW, append, event, event_id, event_with_id, fifo, lane, ok, one, received, some, tenant,
    unwanted,
};
use super::kinds::BOTH;
use super::subject::Subject;
use super::together::at_once;
use crate::clock::Timestamp;
use crate::delivery::{DeliveryState, Leased};
use crate::id::{DeliveryId, EventId, LaneId, Work};
use crate::retry::{Decision, FailReason};
use crate::store::{AddDelivery, Appended, Control, EventQuery, History, Outbox, Page, Settled};

const EXHAUSTED: Decision = Decision::Fail { reason: FailReason::Exhausted };
const HOLD: Decision = Decision::Hold { reason: FailReason::Exhausted };

pub(super) fn owed(event: &EventId, lane: LaneId) -> AddDelivery {
    let (tenant, delivery) = (tenant("acme"), DeliveryId::generate(NOW));
    AddDelivery { tenant, event: event.clone(), delivery, lane, due: NOW, now: NOW }
}

impl<S: Control + ?Sized> Subject<S> {
    pub(super) async fn resend(&self, id: DeliveryId, due: Timestamp) -> bool {
        one(ok(self.store.resend(Work::Sent, vec![(id, due)]).await))
    }

    pub(super) async fn cancel(&self, id: DeliveryId, now: Timestamp) -> bool {
        one(ok(self.store.cancel(Work::Sent, vec![id], now).await))
    }
}

/// The delivery is attempted from the start again; its earlier attempts remain recorded.
pub(super) async fn resend_makes_a_finished_delivery_pending_again<S>(subject: &Subject<S>)
where
    S: Outbox + History + Control + ?Sized,
{
    for decision in [EXHAUSTED, HOLD, Decision::Delivered] {
        let leased = subject.leased().await;
        let (id, due) = (leased.lease.delivery, LEASED + MICRO);
        assert!(!subject.resend(id, NOW).await, "it is leased");
        subject.settle(&leased, Decision::RetryUncounted { at: NOW }).await;
        assert!(!subject.resend(id, NOW).await, "it is pending");
        let leased = one(subject.claim(leased.lane, 1, NOW).await);
        subject.settle(&leased, decision).await;
        let unknown = DeliveryId::generate(NOW);
        assert_eq!(ok(subject.store.resend(Work::Sent, vec![(unknown, due), (id, due)]).await), [false, true]);
        assert!(!subject.resend(id, NOW).await, "it is pending again");
        let pending = subject.delivery(id).await;
        assert_eq!((pending.state, pending.attempts, pending.reason), (DeliveryState::Pending, 0, None));
        assert_eq!((pending.due, pending.finished_at), (due, None));
        let again = subject.assert_due(leased.lane, due).await;
        assert_eq!((again.attempt, again.faults), (1, 0));
        assert_eq!(again.event.payload, leased.event.payload);
        assert!(again.lease.fence > leased.lease.fence);
        assert_eq!(subject.settle(&leased, Decision::Delivered).await, Settled::LeaseLost);
        subject.settle(&again, Decision::Delivered).await;
        assert_eq!(subject.attempts(id).await, 3);
    }
    assert_eq!(ok(subject.store.counts(Work::Sent, None).await).delivered, 3);
}

/// A cancelled delivery can be resent too.
pub(super) async fn resend_takes_a_cancellation_back<S: Outbox + History + Control + ?Sized>(subject: &Subject<S>) {
    let lane = lane();
    let id = subject.owe(lane).await;
    assert!(subject.cancel(id, NOW).await);
    assert!(subject.resend(id, NOW).await);
    let found = subject.delivery(id).await;
    assert_eq!((found.state, found.finished_at, found.reason), (DeliveryState::Pending, None, None));
    assert_eq!(subject.claimed(lane, NOW).await, [id]);
}

/// Each delivery has its own requested due time.
pub(super) async fn resend_gives_each_its_own_due_time<S: Outbox + History + Control + ?Sized>(subject: &Subject<S>) {
    let mut leases: Vec<Leased> = Vec::new();
    for _ in 0..4 {
        let leased = subject.leased().await;
        subject.settle(&leased, EXHAUSTED).await;
        leases.push(leased);
    }
    let due = |n: usize| NOW + MINUTE * u32::try_from(n).unwrap_or(0) + MICRO;
    let batch = leases.iter().enumerate().map(|(n, leased)| (leased.lease.delivery, due(n))).collect();
    assert_eq!(ok(subject.store.resend(Work::Sent, batch).await), [true; 4]);
    for (n, leased) in leases.iter().enumerate() {
        subject.assert_due(leased.lane, due(n)).await;
    }
}

/// A cancelled delivery is final even if it was leased.
pub(super) async fn cancel_ends_the_lease<S: Outbox + History + Control + ?Sized>(subject: &Subject<S>) {
    let leased = subject.leased().await;
    let id = leased.lease.delivery;
    let batch = vec![id, DeliveryId::generate(NOW)];
    assert_eq!(ok(subject.store.cancel(Work::Sent, batch, NOW + MICRO).await), [true, false]);
    let cancelled = subject.delivery(id).await;
    assert_eq!((cancelled.state, cancelled.finished_at), (DeliveryState::Cancelled, Some(NOW + MICRO)));
    assert_eq!(subject.settle(&leased, Decision::Delivered).await, Settled::LeaseLost);
    assert_eq!(ok(subject.store.extend(vec![leased.lease], LEASED).await), [Settled::LeaseLost]);
    assert_eq!(ok(subject.store.release(vec![leased.lease], NOW).await), [Settled::LeaseLost]);
    assert!(!subject.cancel(id, NOW).await, "it is final");
    assert!(subject.claim(leased.lane, 9, LEASED).await.is_empty());
    assert_eq!(subject.delivery(id).await, cancelled);
    assert_eq!(ok(subject.store.counts(Work::Sent, None).await).cancelled, 1);
}

/// Pending and held deliveries are cancelled; final ones do not change.
pub(super) async fn cancel_changes_what_is_not_final<S: Outbox + History + Control + ?Sized>(subject: &Subject<S>) {
    let mut ids = vec![subject.owe(lane()).await];
    for decision in [HOLD, Decision::retry(LEASED), Decision::Delivered, EXHAUSTED] {
        let leased = subject.leased().await;
        subject.settle(&leased, decision).await;
        ids.push(leased.lease.delivery);
    }
    let cancelled = ok(subject.store.cancel(Work::Sent, ids.clone(), NOW).await);
    assert_eq!(cancelled, [true, true, true, false, false]);
    let expected = [DeliveryState::Cancelled, DeliveryState::Cancelled, DeliveryState::Cancelled];
    for (id, state) in
        ids.into_iter().zip(expected.into_iter().chain([DeliveryState::Delivered, DeliveryState::Failed]))
    {
        assert_eq!(subject.delivery(id).await.state, state);
    }
}

/// A cancelled head no longer blocks its ordering key; a delivery that waits behind it may be cancelled too.
pub(super) async fn a_cancelled_head_lets_the_next_follow<S>(subject: &Subject<S>)
where
    S: Outbox + History + Control + ?Sized,
{
    let endpoint = lane();
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(subject.owe_event(fifo("cart"), endpoint).await);
    }
    let [head, waiting, last] = ids[..] else { panic!("three were appended") };
    assert!(subject.cancel(waiting, NOW).await);
    let still = subject.delivery(last).await;
    assert_eq!((still.state, still.due), (DeliveryState::Pending, Timestamp::MAX));
    assert!(subject.cancel(head, NOW).await);
    assert_eq!(one(subject.claim(endpoint, 9, NOW).await).lease.delivery, last);
}

/// A held head blocks its key until it is resent or cancelled.
pub(super) async fn a_held_head_waits_for_an_operator<S: Outbox + Control + ?Sized>(subject: &Subject<S>) {
    let lane = lane();
    let first = subject.owe_event(fifo("cart"), lane).await;
    let second = subject.owe_event(fifo("cart"), lane).await;
    let head = one(subject.claim(lane, 9, NOW).await);
    subject.settle(&head, HOLD).await;
    assert!(subject.claim(lane, 9, LEASED).await.is_empty());
    assert!(subject.resend(first, LEASED).await);
    let head = one(subject.claim(lane, 9, LEASED).await);
    assert_eq!((head.lease.delivery, head.attempt), (first, 1));
    subject.settle(&head, HOLD).await;
    assert!(subject.cancel(first, LEASED).await);
    assert_eq!(subject.claimed(lane, LEASED).await, [second]);
}

/// An endpoint that was created later can get an earlier event.
pub(super) async fn add_deliveries_adds_a_delivery_to_a_stored_event<S>(subject: &Subject<S>)
where
    S: Outbox + History + Control + ?Sized,
{
    let (old, new) = (lane(), lane());
    let event = event("acme");
    subject.append(append(event.clone(), &[old], NOW)).await;
    let added = AddDelivery { due: NOW + MICRO * 9, now: NOW + MICRO, ..owed(&event.id, new) };
    let unknown = owed(&EventId::generate(NOW), new);
    let foreign = AddDelivery { tenant: tenant("umbrella"), ..owed(&event.id, new) };
    let alike = AddDelivery { tenant: tenant("Acme"), ..owed(&event.id, new) };
    let batch = vec![added.clone(), unknown, foreign, alike];
    assert_eq!(ok(subject.store.add_deliveries(batch).await), [true, false, false, false]);
    let found = subject.delivery(added.delivery).await;
    assert_eq!((found.due, found.created_at, found.attempts), (added.due, added.now, 0));
    assert_eq!((found.event, found.lane, found.state), (event.id, new, DeliveryState::Pending));
    let leased = subject.assert_due(new, added.due).await;
    assert_eq!((leased.lease.delivery, &leased.event.payload), (added.delivery, &event.payload));
    subject.settle(&leased, Decision::Delivered).await;
    assert_eq!(subject.claim(old, 9, NOW).await.len(), 1, "the first is still pending");
}

/// Under an ordering key an added delivery waits for its turn.
pub(super) async fn an_added_delivery_waits_for_its_turn<S: Outbox + Control + ?Sized>(subject: &Subject<S>) {
    let lane = lane();
    let events = [fifo("cart"), fifo("cart")];
    for event in &events {
        subject.append(unwanted(event.clone())).await;
    }
    let batch = events.each_ref().map(|event| owed(&event.id, lane));
    let expected = batch.each_ref().map(|one| one.delivery);
    assert_eq!(ok(subject.store.add_deliveries(batch.into()).await), [true; 2]);
    for id in expected {
        let head = one(subject.claim(lane, 9, LEASED).await);
        assert_eq!(head.lease.delivery, id);
        subject.settle(&head, Decision::Delivered).await;
    }
}

/// The payload is deleted and unfinished deliveries are cancelled; the event's record is kept.
pub(super) async fn expunge_forgets_the_payload_and_cancels_what_is_owed<S>(subject: &Subject<S>)
where
    S: Outbox + History + Control + ?Sized,
{
    let (done, owed_to) = (lane(), lane());
    let event = event("acme");
    let append = append(event.clone(), &[done, owed_to], NOW);
    subject.append(append.clone()).await;
    let leased = one(subject.claim(done, 9, NOW).await);
    subject.settle(&leased, Decision::Delivered).await;
    let flying = one(subject.claim(owed_to, 9, NOW).await);
    let bystander = subject.owe(owed_to).await;
    let (of, at) = (&event.tenant, NOW + MICRO);
    for other in ["umbrella", "Acme"] {
        assert!(!ok(subject.store.expunge(Work::Sent, &tenant(other), &event.id, at).await));
    }
    assert!(ok(subject.store.expunge(Work::Sent, of, &event.id, at).await));
    assert!(some(subject.event_of(&event).await).payload.is_empty());
    let ids = [append.deliveries[0].id, append.deliveries[1].id];
    assert_eq!(subject.delivery(ids[0]).await.state, DeliveryState::Delivered);
    let cancelled = subject.delivery(ids[1]).await;
    assert_eq!((cancelled.state, cancelled.finished_at), (DeliveryState::Cancelled, Some(at)));
    assert_eq!(subject.settle(&flying, Decision::Delivered).await, Settled::LeaseLost);
    let resent = ids.into_iter().map(|id| (id, NOW)).collect();
    assert_eq!(ok(subject.store.resend(Work::Sent, resent).await), [false, false], "there is nothing to send");
    assert_eq!(ok(subject.store.add_deliveries(vec![owed(&event.id, owed_to)]).await), [false]);
    let listed = ok(subject.store.events(&EventQuery::of("acme"), Page::of(9)).await).items;
    assert_eq!(listed.len(), 1, "the event of the other tenant is still listed");
    assert!(matches!(subject.append(append).await, Appended::Duplicate | Appended::Conflict), "its id stays taken");
    assert!(ok(subject.store.expunge(Work::Sent, of, &event.id, at).await), "a second time");
    let left = one(subject.claim(owed_to, 9, LEASED).await);
    assert_eq!((left.lease.delivery, left.event.payload.is_empty()), (bystander, false));
}

/// Resending, cancelling, adding and expunging.
pub(super) async fn control_changes_one_kind_of_work<S>(subject: &Subject<S>)
where
    S: Outbox + History + Control + ?Sized,
{
    let pair = subject.pair().await;
    let event = event_id("order-1");
    for work in BOTH {
        let (_, other) = pair.of(work.other());
        assert_eq!(ok(subject.store.cancel(work, vec![other], NOW).await), [false]);
    }
    subject.finish_all(&pair).await;
    for work in BOTH {
        let (_, other) = pair.of(work.other());
        assert_eq!(ok(subject.store.resend(work, vec![(other, NOW)]).await), [false]);
        let kept = some(ok(subject.store.delivery(work.other(), other).await));
        assert_eq!(kept.state, DeliveryState::Delivered);
    }
    subject.append(unwanted(received("kept"))).await;
    subject.append(unwanted(event_with_id("acme", "sent", "a"))).await;
    let (kept, sent) = (event_id("kept"), event_id("sent"));
    let added =
        vec![owed(&kept, pair.endpoint), owed(&sent, pair.queue), owed(&sent, pair.endpoint), owed(&kept, pair.queue)];
    assert_eq!(ok(subject.store.add_deliveries(added).await), [false, false, true, true]);
    // One of the two events with this id loses its payload, the other keeps it.
    assert!(ok(subject.store.expunge(Work::Sent, &tenant("acme"), &event, NOW).await));
    let kept = some(ok(subject.store.event(Work::Received, &tenant("acme"), &event).await));
    assert!(!kept.payload.is_empty());
    assert!(some(ok(subject.store.event(Work::Sent, &tenant("acme"), &event).await)).payload.is_empty());
    assert_eq!(ok(subject.store.resend(Work::Received, vec![(pair.received, NOW)]).await), [true]);
    assert_eq!(ok(subject.store.cancel(Work::Received, vec![pair.received], NOW).await), [true]);
}

/// A resend, a cancellation and a settlement at the same time each happen completely.
pub(super) async fn concurrent_changes_to_one_delivery_are_whole<S>(subject: &Subject<S>)
where
    S: Outbox + History + Control + ?Sized,
{
    for _ in 0..6 {
        let leased = subject.leased().await;
        let id = leased.lease.delivery;
        subject.settle(&leased, HOLD).await;
        let resent =
            at_once(subject, 6, |_, store| async move { one(ok(store.resend(Work::Sent, vec![(id, NOW)]).await)) });
        assert_eq!(resent.await.into_iter().filter(|one| *one).count(), 1, "it is pending after the first");
        let cancelled =
            at_once(subject, 6, |_, store| async move { one(ok(store.cancel(Work::Sent, vec![id], NOW).await)) });
        assert_eq!(cancelled.await.into_iter().filter(|one| *one).count(), 1, "it is final after the first");
        assert_eq!(ok(subject.store.counts(Work::Sent, Some(leased.lane)).await).cancelled, 1);
    }
}

/// A dropped expunge has deleted the payload and cancelled the deliveries, or neither.
pub(super) async fn a_dropped_expunge_is_whole_or_absent<S>(subject: &Subject<S>)
where
    S: Outbox + History + Control + ?Sized,
{
    let (mut polls, mut last) = (Polls::new(), None);
    while let Some(polls) = polls.next(last.as_ref()) {
        let lane = lane();
        let append = append(event("acme"), &[lane, lane], NOW);
        subject.append(append.clone()).await;
        let event = &append.event;
        last = dropped_after(polls, subject.store.expunge(Work::Sent, &event.tenant, &event.id, NOW)).await;
        assert!(!subject.resend(append.deliveries[0].id, NOW).await, "pending, or its payload is gone");
        let is_gone = async || some(subject.event_of(event).await).payload.is_empty();
        // The server may finish the dropped call at any time, so two reads may see different states.
        let (gone, states) = loop {
            let before = is_gone().await;
            let states = [0, 1].map(|place| append.deliveries[place].id);
            let states = [subject.delivery(states[0]).await.state, subject.delivery(states[1]).await.state];
            if before == is_gone().await {
                break (before, states);
            }
        };
        let state = if gone { DeliveryState::Cancelled } else { DeliveryState::Pending };
        assert_eq!(states, [state; 2], "after {polls} polls");
        // A claim may skip what the dropped call has locked.
        let mut claimed = subject.claim(lane, 9, NOW).await.len();
        assert!(claimed == 0 || !gone, "{claimed} claimed after {polls} polls");
        let mut rounds = 0;
        while claimed < 2 && !is_gone().await {
            rounds += 1;
            assert!(rounds < 10_000, "{claimed} claimed and nothing expunged after {polls} polls");
            claimed += subject.claim(lane, 9, NOW).await.len();
        }
    }
}

/// A dropped resend or cancellation of a batch has changed all of the batch, or nothing.
pub(super) async fn a_dropped_resend_is_whole_or_absent<S>(subject: &Subject<S>)
where
    S: Outbox + History + Control + ?Sized,
{
    let (mut polls, mut last) = (Polls::new(), None);
    while let Some(polls) = polls.next(last.as_ref()) {
        let leased = [subject.leased().await, subject.leased().await];
        for leased in &leased {
            subject.settle(leased, EXHAUSTED).await;
        }
        let batch = || leased.iter().map(|leased| (leased.lease.delivery, NOW)).collect();
        last = dropped_after(polls, subject.store.resend(Work::Sent, batch())).await;
        let again = ok(subject.second.resend(Work::Sent, batch()).await);
        assert_eq!(again[0], again[1], "after {polls} polls");
        for leased in leased {
            let again = one(claim_all(subject, leased.lane, 1, NOW).await);
            assert_eq!(again.attempt, 1, "after {polls} polls");
        }
    }
}
