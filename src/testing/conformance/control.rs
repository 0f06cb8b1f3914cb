//! What operators change by hand, and the health of endpoints.

use super::subject::{LEASED, MINUTE, NOW, Subject, append, event, lane, ok, one, settlement, some, tenant};
use crate::delivery::{DeliveryState, Next, Settlement};
use crate::endpoint::{Endpoint, EndpointState};
use crate::id::{DeliveryId, EventId, LaneId, Work};
use crate::retry::FailReason;
use crate::store::{Appended, EventQuery, Owe, Page, Put, Settled};

const EXHAUSTED: Next = Next::Failed { reason: FailReason::Exhausted };

fn owe(event: &EventId, endpoint: LaneId) -> Owe {
    let (tenant, delivery) = (tenant("acme"), DeliveryId::generate(NOW));
    Owe { tenant, event: event.clone(), delivery, lane: endpoint, due: NOW, now: NOW }
}

/// Final or held, it is tried from the start again; what was tried stays on record.
pub async fn resend_makes_a_finished_delivery_pending_again(subject: &Subject) {
    let leased = subject.leased().await;
    let id = leased.lease.delivery;
    assert_eq!(ok(subject.store.resend(Work::Sent, vec![(id, NOW)]).await), [false], "it is pending");
    subject.settle(&leased, EXHAUSTED).await;
    let unknown = DeliveryId::generate(NOW);
    assert_eq!(ok(subject.store.resend(Work::Sent, vec![(unknown, LEASED), (id, LEASED)]).await), [false, true]);
    let pending = subject.delivery(id).await;
    assert_eq!((pending.state, pending.attempts, pending.reason), (DeliveryState::Pending, 0, None));
    assert_eq!((pending.due, pending.finished_at), (LEASED, None));
    assert!(subject.claim(leased.lane, 9, NOW).await.is_empty());
    let again = one(subject.claim(leased.lane, 9, LEASED).await);
    assert_eq!((again.attempt, again.faults), (1, 0));
    assert_eq!(again.event.payload, leased.event.payload);
    assert!(again.lease.fence > leased.lease.fence);
    subject.settle(&again, Next::Delivered).await;
    assert_eq!(ok(subject.store.attempts(Work::Sent, id).await).len(), 2);
    assert_eq!(ok(subject.store.counts(Work::Sent, None).await).delivered, 1);
}

/// What is leased is pending too; what is final or another lane's does not count.
pub async fn waiting_counts_what_is_pending_up_to_a_bound(subject: &Subject) {
    let (here, there) = (subject.endpoint().await.id, subject.endpoint().await.id);
    for _ in 0..3 {
        subject.owe(here).await;
    }
    subject.owe(there).await;
    let waiting = async |lanes: &[LaneId], most| ok(subject.store.waiting(lanes, most).await);
    assert_eq!(waiting(&[here.into()], 9).await, 3);
    assert_eq!(waiting(&[here.into(), there.into(), lane()], 9).await, 4);
    assert_eq!(waiting(&[here.into(), there.into()], 2).await, 2, "no more than is asked for");
    assert_eq!((waiting(&[], 9).await, waiting(&[lane()], 9).await), (0, 0));
    let leased = subject.claim(here, 2, NOW).await;
    subject.settle(&leased[0], Next::Delivered).await;
    assert_eq!(waiting(&[here.into()], 9).await, 2);
}

/// It is no longer owed, whoever holds it.
pub async fn cancel_ends_the_lease(subject: &Subject) {
    let leased = subject.leased().await;
    let id = leased.lease.delivery;
    assert_eq!(ok(subject.store.cancel(Work::Sent, vec![id, DeliveryId::generate(NOW)], NOW).await), [true, false]);
    let cancelled = subject.delivery(id).await;
    assert_eq!((cancelled.state, cancelled.finished_at), (DeliveryState::Cancelled, Some(NOW)));
    assert_eq!(subject.settle(&leased, Next::Delivered).await, Settled::LeaseLost);
    assert_eq!(ok(subject.store.cancel(Work::Sent, vec![id], NOW).await), [false], "it is final");
    assert!(subject.claim(leased.lane, 9, LEASED).await.is_empty());
    assert_eq!(ok(subject.store.counts(Work::Sent, None).await).cancelled, 1);
}

/// A cancelled head is out of the way of its ordering key; what waits behind it may be cancelled too.
pub async fn a_cancelled_head_lets_the_next_follow(subject: &Subject) {
    let endpoint = lane();
    let mut ids = Vec::new();
    for _ in 0..3 {
        let mut ordered = event("acme");
        ordered.order = crate::event::OrderingKey::new("cart").ok().map(crate::event::Order::Fifo);
        let append = append(ordered, &[endpoint], NOW);
        ids.push(one(append.deliveries.clone()).id);
        assert_eq!(subject.append(append).await, Appended::Stored);
    }
    let [head, waiting, last] = ids[..] else { panic!("three") };
    assert_eq!(ok(subject.store.cancel(Work::Sent, vec![waiting], NOW).await), [true]);
    let still = subject.delivery(last).await;
    assert_eq!((still.state, still.due), (DeliveryState::Pending, crate::clock::Timestamp::MAX));
    assert_eq!(ok(subject.store.cancel(Work::Sent, vec![head], NOW).await), [true]);
    assert_eq!(one(subject.claim(endpoint, 9, NOW).await).lease.delivery, last);
}

/// An endpoint that came later gets what it missed.
pub async fn owe_adds_a_delivery_to_a_stored_event(subject: &Subject) {
    let (old, new) = (lane(), lane());
    let event = event("acme");
    subject.append(append(event.clone(), &[old], NOW)).await;
    let owed = owe(&event.id, new);
    let unknown = owe(&EventId::generate(NOW), new);
    let foreign = Owe { tenant: tenant("umbrella"), ..owe(&event.id, new) };
    assert_eq!(ok(subject.store.owe(vec![owed.clone(), unknown, foreign]).await), [true, false, false]);
    let leased = one(subject.claim(new, 9, NOW).await);
    assert_eq!((leased.lease.delivery, &leased.event.payload), (owed.delivery, &event.payload));
    subject.settle(&leased, Next::Delivered).await;
    assert_eq!(subject.claim(old, 9, NOW).await.len(), 1, "the first is still owed");
}

/// In the order of appending, or the other way round, whatever the page.
pub async fn events_obey_the_query_and_page_without_gaps(subject: &Subject) {
    let (endpoint, later) = (lane(), NOW + MINUTE);
    let mut ids = Vec::new();
    for at in [NOW, NOW, later, later] {
        let event = event("acme");
        ids.push(event.id.clone());
        subject.append(append(event, &[endpoint], at)).await;
    }
    subject.append(append::<LaneId>(event("umbrella"), &[], NOW)).await;
    let pages = async |query: &EventQuery, mut page: Page<u64>| -> Vec<EventId> {
        let mut found = Vec::new();
        loop {
            let events = ok(subject.store.events(query, page).await);
            let Some(last) = events.last() else { return found };
            page = page.after(last.cursor);
            found.extend(events.into_iter().map(|event| event.id));
        }
    };
    let found = async |query: &EventQuery| pages(query, Page::of(3)).await;
    let all = EventQuery::of("acme");
    assert_eq!(found(&all).await, ids);
    let reversed: Vec<_> = ids.iter().rev().cloned().collect();
    assert_eq!(pages(&all, Page::of(3).newest_first()).await, reversed);
    assert_eq!(found(&all.clone().between(NOW, later)).await, ids[..2]);
    assert_eq!(found(&all.clone().between(later, later + MINUTE)).await, ids[2..]);
    assert_eq!(found(&all.clone().missing_at(some(endpoint.endpoint()))).await, Vec::<EventId>::new());
    let other = lane();
    assert_eq!(found(&all.clone().missing_at(some(other.endpoint()))).await, ids);
    ok(subject.store.owe(vec![owe(&ids[1], other)]).await);
    assert_eq!(found(&all.missing_at(some(other.endpoint()))).await, [ids[0].clone(), ids[2].clone(), ids[3].clone()]);
}

/// Somebody asked to be forgotten: the words are gone, that they were said is not.
pub async fn expunge_forgets_the_payload_and_cancels_what_is_owed(subject: &Subject) {
    let (done, owed) = (lane(), lane());
    let event = event("acme");
    let append = append(event.clone(), &[done, owed], NOW);
    subject.append(append.clone()).await;
    let leased = one(subject.claim(done, 9, NOW).await);
    subject.settle(&leased, Next::Delivered).await;
    assert!(ok(subject.store.expunge(Work::Sent, &event.tenant, &event.id, NOW).await));
    assert!(!ok(subject.store.expunge(Work::Sent, &tenant("umbrella"), &event.id, NOW).await));
    assert!(some(ok(subject.store.event(Work::Sent, &event.tenant, &event.id).await)).payload.is_empty());
    let states: Vec<_> = [append.deliveries[0].id, append.deliveries[1].id].into();
    assert_eq!(subject.delivery(states[0]).await.state, DeliveryState::Delivered);
    assert_eq!(subject.delivery(states[1]).await.state, DeliveryState::Cancelled);
    assert_eq!(
        ok(subject.store.resend(Work::Sent, states.into_iter().map(|id| (id, NOW)).collect()).await),
        [false, false],
        "there is nothing to send"
    );
    assert_eq!(ok(subject.store.owe(vec![owe(&event.id, owed)]).await), [false]);
    assert!(ok(subject.store.events(&EventQuery::of("acme"), Page::of(9)).await).is_empty());
    assert!(matches!(subject.append(append).await, Appended::Duplicate | Appended::Conflict), "its id stays taken");
}

/// Failures are counted until the next success, in the same transaction as the attempt.
pub async fn settle_keeps_the_endpoints_health(subject: &Subject) {
    let endpoint = subject.endpoint().await;
    let rest = NOW + MINUTE * 9;
    let health = async || some(ok(subject.second.get(endpoint.id).await)).health;
    for pause in [None, Some(rest)] {
        subject.owe(endpoint.id).await;
        let leased = one(subject.claim(endpoint.id, 1, NOW).await);
        let failed = Settlement { pause, ..settlement(&leased, EXHAUSTED) };
        assert_eq!(ok(subject.store.settle(vec![failed]).await), [Settled::Done]);
    }
    let failing = health().await;
    let at = NOW + MINUTE / 2;
    assert_eq!((failing.failures, failing.failing_since, failing.last_failure), (2, Some(at), Some(at)));
    assert_eq!((failing.last_success, failing.paused_until), (None, Some(rest)));

    subject.owe(endpoint.id).await;
    let leased = one(subject.claim(endpoint.id, 1, NOW).await);
    subject.settle(&leased, Next::Delivered).await;
    let well = health().await;
    assert_eq!((well.failures, well.failing_since, well.last_success), (0, None, Some(at)));
}

/// Whoever enables an endpoint gives it a fresh start; any other change does not.
pub async fn enabling_forgives_failures(subject: &Subject) {
    let endpoint = subject.endpoint().await;
    subject.owe(endpoint.id).await;
    let leased = one(subject.claim(endpoint.id, 1, NOW).await);
    subject.settle(&leased, Next::Retry { due: LEASED }).await;
    let disabled = subject.disable(&endpoint).await;
    assert_eq!(some(ok(subject.store.get(endpoint.id).await)).health.failures, 1);
    let enabled = Endpoint { state: EndpointState::Enabled, version: disabled.version + 1, ..disabled };
    assert_eq!(ok(subject.store.put(enabled).await), Put::Stored);
    assert_eq!(some(ok(subject.store.get(endpoint.id).await)).health.failures, 0);
    assert_eq!(subject.claim(endpoint.id, 9, LEASED).await.len(), 1, "what was held is owed");
}

/// The policy may disable an endpoint for any reason.
pub async fn disable_fails_the_delivery_and_disables_the_endpoint(subject: &Subject) {
    let endpoint = subject.endpoint().await;
    subject.owe(endpoint.id).await;
    let leased = one(subject.claim(endpoint.id, 1, NOW).await);
    subject.settle(&leased, Next::Disable { reason: FailReason::Permanent }).await;
    let failed = subject.delivery(leased.lease.delivery).await;
    assert_eq!((failed.state, failed.reason), (DeliveryState::Failed, Some(FailReason::Permanent)));
    assert!(!some(ok(subject.store.get(endpoint.id).await)).is_enabled());
}
