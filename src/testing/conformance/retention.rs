//! Deletion of old data.

use super::given::{
    DAY, LEASED, MICRO, MINUTE, NOW, append, event, event_id, event_with_id, lane, ok, one, received, settlement, some,
    tenant, unwanted,
};
use super::kinds::BOTH;
use super::queues::of_acme;
use super::subject::{Subject, assert_ends};
use crate::clock::Timestamp;
use crate::delivery::{DeliveryState, Settlement};
use crate::event::Event;
use crate::id::{DeliveryId, Work};
use crate::retry::{Decision, FailReason};
use crate::store::{
    Append, Appended, DeliveryQuery, Directory, EventQuery, FinishedCursor, History, Outbox, Page, Retention,
    RetentionCutoff,
};

/// A cutoff by which all data of a case is old, also for a store that keeps work for a day longer.
const OLD: RetentionCutoff =
    RetentionCutoff::before(Timestamp::from_micros(1_700_000_000_123_457 + 40 * 86_400_000_000));
/// Before every finished delivery.
const START: FinishedCursor = (Timestamp::from_micros(i64::MIN), DeliveryId::from_bytes([0; 16]));

impl<S: Retention + ?Sized> Subject<S> {
    /// Prunes until nothing is left to delete.
    async fn prune_all(&self, work: Work, cutoff: RetentionCutoff) {
        for round in 0.. {
            assert_ends(round);
            if ok(self.store.prune(work, cutoff, 9).await) < 9 {
                break;
            }
        }
    }

    /// Drops payloads page by page, from the start.
    async fn drop_all(&self, work: Work, before: Timestamp, limit: u32) {
        let mut from = Some(START);
        for round in 0.. {
            assert_ends(round);
            let Some(at) = from else { break };
            from = ok(self.store.drop_payloads(work, at, before, limit).await);
        }
    }
}

async fn has_payload<S: History + ?Sized>(subject: &Subject<S>, event: &Event) -> bool {
    !some(subject.event_of(event).await).payload.is_empty()
}

/// Final deliveries are deleted, with their attempts and events; pending, leased and held ones are kept.
pub(super) async fn prune_forgets_finished_work_only<S>(subject: &Subject<S>)
where
    S: Outbox + Directory + History + Retention + ?Sized,
{
    let reason = FailReason::Exhausted;
    let mut gone = Vec::new();
    for decision in [Decision::Delivered, Decision::Fail { reason }] {
        let leased = subject.leased().await;
        subject.settle(&leased, decision).await;
        gone.push((leased.lease.delivery, leased.event));
    }
    let removed = subject.endpoint().await;
    let cancelled = append(event("acme"), &[removed.id], NOW);
    gone.push((one(cancelled.deliveries.clone()).id, cancelled.event.clone()));
    subject.append(cancelled).await;
    ok(subject.store.remove(removed.id, None, NOW).await);

    let disabled = subject.endpoint().await;
    let mut kept =
        vec![subject.owe(lane()).await, subject.owe(disabled.id).await, subject.leased().await.lease.delivery];
    subject.disable(&disabled).await;
    for decision in [Decision::Hold { reason }, Decision::retry(NOW)] {
        let leased = subject.leased().await;
        subject.settle(&leased, decision).await;
        kept.push(leased.lease.delivery);
    }
    subject.prune_all(Work::Sent, OLD).await;
    for (id, event) in gone {
        assert!(ok(subject.second.delivery(Work::Sent, id).await).is_none());
        assert_eq!(subject.attempts(id).await, 0);
        assert!(subject.event_of(&event).await.is_none(), "nothing is left of it");
    }
    for id in kept.clone() {
        let found = subject.delivery(id).await;
        let event = some(ok(subject.second.event(Work::Sent, &found.tenant, &found.event).await));
        assert!(!event.payload.is_empty());
    }
    let listed = ok(subject.second.deliveries(&DeliveryQuery::default(), Page::default()).await).items;
    assert_eq!(listed.len(), kept.len());
    assert_eq!(subject.attempts(some(kept.pop())).await, 1, "attempts at a pending delivery stay");
}

/// Work that finished or was appended at the cutoff is not old yet.
pub(super) async fn prune_keeps_what_is_not_old<S: Outbox + History + Retention + ?Sized>(subject: &Subject<S>) {
    let done = subject.leased().await;
    subject.settle(&done, Decision::Delivered).await;
    let late = subject.leased().await;
    let long_after = Settlement { at: NOW + DAY * 30, ..settlement(&late, Decision::Delivered) };
    ok(subject.store.settle(vec![long_after]).await);
    let finished_at = settlement(&done, Decision::Delivered).at;
    subject.prune_all(Work::Sent, RetentionCutoff::before(finished_at)).await;
    assert_eq!(subject.delivery(done.lease.delivery).await.state, DeliveryState::Delivered);
    assert_eq!(subject.attempts(done.lease.delivery).await, 1);
    assert!(has_payload(subject, &done.event).await);

    let alone = event("acme");
    subject.append(unwanted(alone.clone())).await;
    subject.prune_all(Work::Sent, RetentionCutoff::before(NOW)).await;
    assert!(has_payload(subject, &alone).await);

    subject.prune_all(Work::Sent, RetentionCutoff::before(NOW + DAY * 30)).await;
    assert!(ok(subject.second.delivery(Work::Sent, done.lease.delivery).await).is_none());
    assert_eq!(subject.delivery(late.lease.delivery).await.state, DeliveryState::Delivered, "it finished later");
    assert!(subject.event_of(&alone).await.is_none());
}

/// No call deletes more than its limit, and the calls together delete everything.
pub(super) async fn prune_is_bounded<S: Outbox + History + Retention + ?Sized>(subject: &Subject<S>) {
    for _ in 0..5 {
        subject.append(unwanted(event("acme"))).await;
        let leased = subject.leased().await;
        subject.settle(&leased, Decision::Delivered).await;
    }
    let count = async || ok(subject.second.deliveries(&DeliveryQuery::default(), Page::default()).await).items.len();
    let events = async || ok(subject.second.events(&EventQuery::of("acme"), Page::of(99)).await).items.len();
    let (mut deliveries_left, mut events_left) = (count().await, events().await);
    assert_eq!((deliveries_left, events_left), (5, 10));
    for round in 0.. {
        assert_ends(round);
        let pruned = ok(subject.store.prune(Work::Sent, OLD, 2).await);
        let (deliveries, events) = (count().await, events().await);
        assert!(deliveries_left - deliveries <= 2 && events_left - events <= 2, "two of each at most");
        (deliveries_left, events_left) = (deliveries, events);
        if pruned < 2 {
            break;
        }
    }
    assert_eq!((deliveries_left, events_left), (0, 0), "a result below the limit means that nothing is left");
}

/// An event is deleted with the last of its deliveries, and not earlier.
pub(super) async fn prune_keeps_an_event_that_is_still_owed<S>(subject: &Subject<S>)
where
    S: Outbox + History + Retention + ?Sized,
{
    let (first, second) = (lane(), lane());
    let event = event("acme");
    subject.append(append(event.clone(), &[first, second], NOW)).await;
    for lane in [first, second] {
        assert!(subject.event_of(&event).await.is_some());
        let leased = one(subject.claim(lane, 1, NOW).await);
        assert_eq!(leased.event.payload, event.payload);
        subject.settle(&leased, Decision::Delivered).await;
        subject.prune_all(Work::Sent, OLD).await;
    }
    assert!(subject.event_of(&event).await.is_none());
}

/// An id remains taken for its own time, whether the event is kept or not.
pub(super) async fn an_event_id_outlives_its_event<S: Outbox + History + Retention + ?Sized>(subject: &Subject<S>) {
    let lane = lane();
    let event = event_with_id("acme", "order-1", "a");
    let other = event_with_id("acme", "order-1", "b");
    subject.append(append(event.clone(), &[lane], NOW)).await;
    let leased = one(subject.claim(lane, 1, NOW).await);
    subject.settle(&leased, Decision::Delivered).await;
    let keys_later = RetentionCutoff { keys: NOW, ..OLD };
    for _ in 0..2 {
        subject.prune_all(Work::Sent, keys_later).await;
        assert!(subject.event_of(&event).await.is_none(), "the event is gone");
        assert_eq!(subject.append(append(event.clone(), &[lane], NOW)).await, Appended::Duplicate);
        assert_eq!(subject.append(append(other.clone(), &[lane], NOW)).await, Appended::Conflict);
        let elsewhere = event_with_id("umbrella", "order-1", "b");
        subject.append(unwanted(elsewhere)).await;
    }
    assert!(subject.claim(lane, 9, LEASED).await.is_empty());
    subject.prune_all(Work::Sent, OLD).await;
    assert_eq!(subject.append(append(other, &[lane], NOW)).await, Appended::Stored);
    assert_eq!(subject.claim(lane, 9, NOW).await.len(), 1);
}

/// The id of a stored event remains taken, however old the event is.
pub(super) async fn prune_makes_an_event_id_new_again<S: Outbox + History + Retention + ?Sized>(subject: &Subject<S>) {
    let (owed, gone) = (event_with_id("acme", "order-1", "a"), event_with_id("acme", "order-2", "a"));
    let lane = lane();
    subject.append(append(owed.clone(), &[lane], NOW)).await;
    subject.append(unwanted(gone.clone())).await;
    subject.prune_all(Work::Sent, RetentionCutoff::before(NOW)).await;
    assert_eq!(subject.append(unwanted(gone.clone())).await, Appended::Duplicate, "not before its time");
    subject.prune_all(Work::Sent, OLD).await;
    assert_eq!(subject.append(unwanted(gone)).await, Appended::Stored);
    assert_eq!(subject.append(append(owed, &[lane], NOW)).await, Appended::Duplicate, "it is still pending");
    assert_eq!(subject.claim(lane, 9, NOW).await.len(), 1);
}

/// Each kind of work has its own retention.
pub(super) async fn prune_forgets_one_kind_of_work<S: Outbox + History + Retention + ?Sized>(subject: &Subject<S>) {
    let pair = subject.pair().await;
    subject.finish_all(&pair).await;
    subject.append(unwanted(received("unwanted"))).await;
    subject.append(unwanted(event_with_id("acme", "unwanted", "a"))).await;
    let has = async |work: Work| {
        let acme = tenant("acme");
        let events = [event_id("order-1"), event_id("unwanted")];
        let mut found = vec![ok(subject.second.delivery(work, pair.of(work).1).await).is_some()];
        for id in &events {
            found.push(ok(subject.second.event(work, &acme, id).await).is_some());
        }
        assert!(found.iter().all(|one| *one == found[0]), "all of it, or nothing: {found:?}");
        found[0]
    };
    for work in BOTH {
        subject.prune_all(work, OLD).await;
        assert!(!has(work).await);
        assert_eq!(has(work.other()).await, work == Work::Sent);
    }
    // The ids are free again, each in its own kind.
    for event in [received("order-1"), event_with_id("acme", "order-1", "b")] {
        assert_eq!(subject.append(unwanted(event)).await, Appended::Stored);
    }
}

/// The digest of signed bytes is freed together with the id of its event.
pub(super) async fn signed_bytes_are_forgotten_with_the_id<S: Outbox + Retention + ?Sized>(subject: &Subject<S>) {
    let early = Append { deliveries: Vec::new(), ..of_acme(1, Some(7)) };
    assert_eq!(subject.append(early.clone()).await, Appended::Stored);
    subject.prune_all(Work::Received, RetentionCutoff { keys: NOW, ..OLD }).await;
    let copy = subject.append(of_acme(2, Some(7))).await;
    assert_eq!(copy, Appended::Duplicate, "the event is gone, and its bytes are not");
    subject.prune_all(Work::Received, OLD).await;
    assert_eq!(subject.append(early).await, Appended::Stored);
}

/// Payloads are deleted before the other data; pending, leased and held deliveries keep their payloads.
pub(super) async fn drop_payloads_forgets_the_payloads_of_finished_work_only<S>(subject: &Subject<S>)
where
    S: Outbox + Directory + History + Retention + ?Sized,
{
    let (done, pending, held) = (lane(), lane(), lane());
    let disabled = subject.endpoint().await;
    let events = [(); 5].map(|()| event("acme"));
    let others = [Vec::new(), vec![pending], vec![held], vec![disabled.id.into()], vec![done]];
    for (event, others) in events.iter().zip(others) {
        let lanes: Vec<_> = [done].into_iter().chain(others).collect();
        subject.append(append(event.clone(), &lanes, NOW)).await;
    }
    for leased in subject.claim(done, 9, NOW).await {
        subject.settle(&leased, Decision::Delivered).await;
    }
    let leased = one(subject.claim(held, 9, NOW).await);
    subject.settle(&leased, Decision::Hold { reason: FailReason::Exhausted }).await;
    subject.disable(&disabled).await;
    subject.drop_all(Work::Sent, NOW + MINUTE, 1).await;
    for (event, kept) in events.iter().zip([false, true, true, true, false]) {
        assert_eq!(has_payload(subject, event).await, kept);
    }
    let leased = one(subject.claim(pending, 9, NOW).await);
    assert_eq!(leased.event.payload, events[1].payload);
    subject.drop_all(Work::Sent, NOW + MINUTE, 9).await;
    assert!(has_payload(subject, &events[1]).await, "it is leased");
    subject.settle(&leased, Decision::Fail { reason: FailReason::Exhausted }).await;
    subject.drop_all(Work::Sent, NOW + MINUTE, 9).await;
    assert!(!has_payload(subject, &events[1]).await, "it has failed");
}

/// Failed and cancelled deliveries are finished like delivered ones.
pub(super) async fn drop_payloads_knows_every_final_state<S>(subject: &Subject<S>)
where
    S: Outbox + Directory + History + Retention + ?Sized,
{
    let failed = subject.leased().await;
    subject.settle(&failed, Decision::Fail { reason: FailReason::Exhausted }).await;
    let (removed, event) = (subject.endpoint().await, event("acme"));
    subject.append(append(event.clone(), &[removed.id], NOW)).await;
    ok(subject.store.remove(removed.id, None, NOW).await);
    subject.drop_all(Work::Sent, NOW + MINUTE, 9).await;
    assert!(!has_payload(subject, &failed.event).await, "it has failed");
    assert!(!has_payload(subject, &event).await, "it is cancelled");
}

/// Everything except the payload is kept: the other fields, the deliveries, the attempts, the id.
pub(super) async fn drop_payloads_keeps_the_rest<S>(subject: &Subject<S>)
where
    S: Outbox + History + Retention + ?Sized,
{
    let lane = lane();
    let event = Event { expires_at: Some(LEASED), ..event_with_id("acme", "order-1", "a") };
    let id = subject.owe_event(event.clone(), lane).await;
    let leased = one(subject.claim(lane, 9, NOW).await);
    subject.settle(&leased, Decision::Delivered).await;
    let before = subject.delivery(id).await;
    subject.drop_all(Work::Sent, NOW + MINUTE, 9).await;
    let kept = some(subject.event_of(&event).await);
    super::exact::assert_same_event(&kept, &Event { payload: bytes::Bytes::new(), ..event.clone() });
    assert_eq!(subject.delivery(id).await, before);
    assert_eq!(subject.attempts(id).await, 1);
    assert!(ok(subject.store.events(&EventQuery::of("acme"), Page::of(9)).await).items.is_empty());
    assert_eq!(subject.append(unwanted(event)).await, Appended::Duplicate, "its id stays taken");
}

/// Only deliveries between the cursor and the time are examined, at most the limit; the last examined one is returned.
pub(super) async fn drop_payloads_obeys_its_span_and_limit<S>(subject: &Subject<S>)
where
    S: Outbox + History + Retention + ?Sized,
{
    let at = |n: usize| NOW + MICRO * u32::try_from(n).unwrap_or(0);
    let mut finished: Vec<(FinishedCursor, Event)> = Vec::new();
    for n in 0..6 {
        let leased = subject.leased().await;
        let end = Settlement { at: at(n), ..settlement(&leased, Decision::Delivered) };
        ok(subject.store.settle(vec![end]).await);
        finished.push(((at(n), leased.lease.delivery), Event::clone(&leased.event)));
    }
    let kept = async |expected: [bool; 6]| {
        for (n, (_, event)) in finished.iter().enumerate() {
            assert_eq!(has_payload(subject, event).await, expected[n], "the payload of {n}");
        }
    };
    let drop = async |after, before, limit| ok(subject.store.drop_payloads(Work::Sent, after, before, limit).await);
    assert_eq!(drop(START, at(0), 9).await, None, "nothing finished before");
    kept([true; 6]).await;
    assert_eq!(drop(finished[0].0, at(2), 9).await, None, "fewer than the limit were left");
    kept([true, false, true, true, true, true]).await;
    assert_eq!(drop(finished[2].0, at(9), 2).await, Some(finished[4].0), "the last one examined");
    kept([true, false, true, false, false, true]).await;
    assert_eq!(drop(finished[4].0, at(9), 9).await, None);
    kept([true, false, true, false, false, false]).await;
    subject.drop_all(Work::Sent, at(9), 1).await;
    kept([false; 6]).await;
}

/// Payloads of the other kind are kept.
pub(super) async fn drop_payloads_forgets_one_kind_of_work<S>(subject: &Subject<S>)
where
    S: Outbox + History + Retention + ?Sized,
{
    let pair = subject.pair().await;
    subject.finish_all(&pair).await;
    let (sent, received) = (event_with_id("acme", "order-1", "a"), received("order-1"));
    subject.drop_all(Work::Sent, NOW + MINUTE * 9, 9).await;
    assert_eq!((has_payload(subject, &sent).await, has_payload(subject, &received).await), (false, true));
    subject.drop_all(Work::Received, NOW + MINUTE * 9, 9).await;
    assert!(!has_payload(subject, &received).await);
}
