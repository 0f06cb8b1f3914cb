//! What happened, and forgetting it.

use super::subject::{
    MINUTE, NOW, Subject, append, event, event_with_id, lane, new_event, ok, one, settlement, some, tenant,
};
use crate::clock::Timestamp;
use crate::delivery::{DeliveryState, Next};
use crate::event::{EventType, NewEvent};
use crate::id::{DeliveryId, LaneId, Work};
use crate::retry::FailReason;
use crate::store::{Appended, DeliveryQuery, Old, Page};

/// Pending and leased deliveries are held while the endpoint is disabled, and only those.
pub async fn pending_reads_as_held_while_the_endpoint_is_disabled(subject: &Subject) {
    let endpoint = subject.endpoint().await;
    let id = subject.owe(endpoint.id).await;
    let elsewhere = subject.owe(lane()).await;
    let mut disabled = subject.disable(&endpoint).await;
    assert_eq!(subject.delivery(id).await.state, DeliveryState::Held);
    assert_eq!(subject.delivery(elsewhere).await.state, DeliveryState::Pending);
    let held = DeliveryQuery { state: Some(DeliveryState::Held), ..DeliveryQuery::default() };
    assert_eq!(one(ok(subject.store.deliveries(&held, Page::default()).await)).id, id);
    disabled.state = crate::endpoint::EndpointState::Enabled;
    disabled.version += 1;
    subject.put(&disabled).await;
    assert_eq!(subject.delivery(id).await.state, DeliveryState::Pending);
}

/// Every field of a query counts.
pub async fn deliveries_obey_the_query(subject: &Subject) {
    let (first, second) = (lane(), lane());
    let paid = event("acme");
    let made = new_event(NewEvent::json("user.made", &1)).tenant("umbrella").seal(NOW);
    subject.append(append(paid.clone(), &[first, second], NOW)).await;
    subject.append(append(made.clone(), &[second], NOW)).await;
    let done = one(subject.claim(first, 1, NOW).await);
    subject.settle(&done, Next::Delivered).await;

    let all = DeliveryQuery::default;
    let found = async |query: DeliveryQuery| ok(subject.store.deliveries(&query, Page::default()).await).len();
    assert_eq!(found(all()).await, 3);
    assert_eq!(found(DeliveryQuery { tenant: Some(tenant("acme")), ..all() }).await, 2);
    assert_eq!(found(DeliveryQuery { lane: Some(second), ..all() }).await, 2);
    assert_eq!(found(DeliveryQuery { state: Some(DeliveryState::Delivered), ..all() }).await, 1);
    assert_eq!(found(DeliveryQuery { state: Some(DeliveryState::Failed), ..all() }).await, 0);
    assert_eq!(found(DeliveryQuery { from: Some(NOW), to: Some(NOW + MINUTE), ..all() }).await, 3);
    assert_eq!(found(DeliveryQuery { from: Some(NOW + MINUTE), ..all() }).await, 0);
    assert_eq!(found(DeliveryQuery { to: Some(NOW), ..all() }).await, 0);
    let days = MINUTE * 60 * 24 * 3;
    assert_eq!(found(DeliveryQuery { from: Some(NOW - days), to: Some(NOW + days), ..all() }).await, 3);
    assert_eq!(found(DeliveryQuery { from: Some(NOW + days), ..all() }).await, 0);
    let everything = (Some(Timestamp::from_micros(i64::MIN)), Some(Timestamp::MAX));
    assert_eq!(found(DeliveryQuery { from: everything.0, to: everything.1, ..all() }).await, 3);
    let user_made = EventType::new("user.made").ok();
    assert_eq!(found(DeliveryQuery { event_type: user_made, ..all() }).await, 1);
    let of_event = DeliveryQuery { tenant: Some(paid.tenant.clone()), event: Some(paid.id.clone()), ..all() };
    assert_eq!(found(of_event.clone()).await, 2);
    assert_eq!(found(DeliveryQuery { lane: Some(first), ..of_event.clone() }).await, 1);
    assert_eq!(found(DeliveryQuery { tenant: Some(made.tenant), ..of_event }).await, 0, "another tenant's event");
}

/// Pages together cover every delivery once, in the order of making, or the other way round; those of a tenant, too, beside others'.
pub async fn deliveries_page_without_gaps(subject: &Subject) {
    let (lane, other) = (lane(), lane());
    let (mut own, mut all) = (Vec::new(), Vec::new());
    for _ in 0..7 {
        let owed = subject.owe(lane).await;
        let umbrella = append(event("umbrella"), &[other], NOW);
        own.push(owed);
        all.extend([owed, one(umbrella.deliveries.clone()).id]);
        subject.append(umbrella).await;
    }
    for leased in subject.claim(lane, 3, NOW).await {
        subject.settle(&leased, Next::Delivered).await;
    }
    all.sort();
    for (tenant, mut expected) in [(None, all), (Some(tenant("acme")), own), (Some(tenant("nobody")), Vec::new())] {
        let query = DeliveryQuery { tenant, ..DeliveryQuery::default() };
        for limit in [3, 100] {
            assert_eq!(all_pages(subject, &query, Page::of(limit)).await, expected);
        }
        expected.reverse();
        for limit in [3, 100] {
            assert_eq!(all_pages(subject, &query, Page::of(limit).newest_first()).await, expected);
        }
    }
}

async fn all_pages(subject: &Subject, query: &DeliveryQuery, first: Page) -> Vec<DeliveryId> {
    let mut found: Vec<DeliveryId> = Vec::new();
    loop {
        let page = first.after(found.last().copied());
        let deliveries = ok(subject.store.deliveries(query, page).await);
        if deliveries.is_empty() {
            return found;
        }
        found.extend(deliveries.iter().map(|delivery| delivery.id));
    }
}

/// In the order made, with outcome, time, duration and excerpt.
pub async fn attempts_read_back_whole(subject: &Subject) {
    let first = subject.leased().await;
    let retry = Next::Retry { due: NOW };
    subject.settle(&first, retry).await;
    let second = one(subject.claim(first.lane, 1, NOW).await);
    subject.settle(&second, Next::Delivered).await;
    let expected: Vec<_> = [settlement(&first, retry), settlement(&second, Next::Delivered)]
        .into_iter()
        .filter_map(|it| it.attempt)
        .collect();
    assert_eq!(ok(subject.second.attempts(Work::Sent, first.lease.delivery).await), expected);
}

/// Byte for byte.
pub async fn an_event_reads_back_whole(subject: &Subject) {
    let event = event_with_id("größer", "order-1", "a\u{0}b");
    subject.append(append::<LaneId>(event.clone(), &[], NOW)).await;
    let kept = some(ok(subject.second.event(Work::Sent, &event.tenant, &event.id).await));
    assert_eq!(*kept, event);
    assert!(ok(subject.store.event(Work::Sent, &tenant("acme"), &event.id).await).is_none(), "another tenant's");
}

/// Of one endpoint, and of all.
pub async fn counts_follow_the_states(subject: &Subject) {
    let endpoint = subject.endpoint().await;
    for _ in 0..3 {
        subject.owe(endpoint.id).await;
    }
    let mut leased = subject.claim(endpoint.id, 2, NOW).await;
    subject.settle(&some(leased.pop()), Next::Delivered).await;
    subject.settle(&some(leased.pop()), Next::Failed { reason: FailReason::Exhausted }).await;
    subject.owe(lane()).await;
    let counts = ok(subject.store.counts(Work::Sent, Some(endpoint.id.into())).await);
    assert_eq!((counts.pending, counts.delivered, counts.failed, counts.held), (1, 1, 1, 0));
    subject.disable(&endpoint).await;
    let counts = ok(subject.store.counts(Work::Sent, None).await);
    assert_eq!((counts.pending, counts.delivered, counts.failed, counts.held), (1, 1, 1, 1));
}

/// Finished and old goes; pending, or finished lately, stays.
pub async fn prune_forgets_finished_work_only(subject: &Subject) {
    let done = subject.leased().await;
    subject.settle(&done, Next::Delivered).await;
    let pending = subject.owe(lane()).await;
    let finished_at = settlement(&done, Next::Delivered).at;
    ok(subject.store.prune(Work::Sent, Old::before(finished_at), 9).await);
    assert!(ok(subject.store.delivery(Work::Sent, done.lease.delivery).await).is_some(), "not before its time");

    let gone = ok(subject.store.prune(Work::Sent, Old::before(finished_at + MINUTE), 9).await);
    assert_eq!(gone, 1);
    assert!(ok(subject.store.delivery(Work::Sent, done.lease.delivery).await).is_none());
    assert!(ok(subject.store.attempts(Work::Sent, done.lease.delivery).await).is_empty());
    let event = &done.event;
    assert!(ok(subject.store.event(Work::Sent, &event.tenant, &event.id).await).is_none(), "nothing is left of it");
    let kept = subject.delivery(pending).await;
    assert!(ok(subject.store.event(Work::Sent, &kept.tenant, &kept.event).await).is_some());
}

/// No call forgets more than it was allowed to.
pub async fn prune_is_bounded(subject: &Subject) {
    for _ in 0..5 {
        subject.append(append::<LaneId>(event("acme"), &[], NOW)).await;
        let leased = subject.leased().await;
        subject.settle(&leased, Next::Delivered).await;
    }
    let mut calls = 0;
    while ok(subject.store.prune(Work::Sent, Old::before(NOW + MINUTE * 9), 2).await) > 0 {
        calls += 1;
        assert!(calls < 20, "it ends");
    }
    assert!(calls >= 3, "five deliveries by twos");
    assert!(ok(subject.store.deliveries(&DeliveryQuery::default(), Page::default()).await).is_empty());
}

/// An event goes with the last of its deliveries, and not before.
pub async fn prune_keeps_an_event_that_is_still_owed(subject: &Subject) {
    let (first, second) = (lane(), lane());
    let event = event("acme");
    subject.append(append(event.clone(), &[first, second], NOW)).await;
    for lane in [first, second] {
        assert!(ok(subject.store.event(Work::Sent, &event.tenant, &event.id).await).is_some());
        let leased = one(subject.claim(lane, 1, NOW).await);
        assert_eq!(leased.event.payload, event.payload);
        subject.settle(&leased, Next::Delivered).await;
        ok(subject.store.prune(Work::Sent, Old::before(NOW + MINUTE * 9), 9).await);
    }
    assert!(ok(subject.store.event(Work::Sent, &event.tenant, &event.id).await).is_none());
}

/// Idempotency lasts for its own time, whatever becomes of the event.
pub async fn an_event_id_outlives_its_event(subject: &Subject) {
    let event = event_with_id("acme", "order-1", "a");
    subject.append(append::<LaneId>(event.clone(), &[], NOW)).await;
    let keys_later = Old { work: NOW + MINUTE, keys: NOW };
    ok(subject.store.prune(Work::Sent, keys_later, 9).await);
    assert!(ok(subject.store.event(Work::Sent, &event.tenant, &event.id).await).is_none(), "the event is gone");
    assert_eq!(subject.append(append::<LaneId>(event.clone(), &[], NOW)).await, Appended::Duplicate);
    let other = event_with_id("acme", "order-1", "b");
    assert_eq!(subject.append(append::<LaneId>(other, &[], NOW)).await, Appended::Conflict);
    ok(subject.store.prune(Work::Sent, keys_later, 9).await);
    assert_eq!(subject.append(append::<LaneId>(event.clone(), &[], NOW)).await, Appended::Duplicate, "still");
    ok(subject.store.prune(Work::Sent, Old::before(NOW + MINUTE), 9).await);
    assert_eq!(subject.append(append::<LaneId>(event, &[], NOW)).await, Appended::Stored);
}

/// The words go before the record of them; what is still owed keeps them.
pub async fn shed_forgets_the_payloads_of_finished_work_only(subject: &Subject) {
    let (done, owed) = (lane(), lane());
    let (first, second) = (event("acme"), event("acme"));
    subject.append(append(first.clone(), &[done], NOW)).await;
    subject.append(append(second.clone(), &[done, owed], NOW)).await;
    for leased in subject.claim(done, 9, NOW).await {
        subject.settle(&leased, Next::Delivered).await;
    }
    let start = (NOW, DeliveryId::from_bytes([0; 16]));
    let empty = async |event: &crate::event::Event| {
        some(ok(subject.store.event(Work::Sent, &event.tenant, &event.id).await)).payload.is_empty()
    };
    assert_eq!(ok(subject.store.shed(Work::Sent, start, NOW + MINUTE / 2, 9).await), None, "finished later");
    assert!(!empty(&first).await);
    let (mut from, mut calls) = (Some(start), 0);
    while let Some(at) = from {
        from = ok(subject.store.shed(Work::Sent, at, NOW + MINUTE, 1).await);
        calls += 1;
        assert!(calls < 9, "it ends");
    }
    assert!(empty(&first).await && !empty(&second).await);
    let leased = one(subject.claim(owed, 9, NOW).await);
    assert_eq!(leased.event.payload, second.payload);
}

/// Idempotency lasts as long as the event is kept, or longer.
pub async fn prune_makes_an_event_id_new_again(subject: &Subject) {
    let event = event_with_id("acme", "order-1", "a");
    subject.append(append::<LaneId>(event.clone(), &[], NOW)).await;
    ok(subject.store.prune(Work::Sent, Old::before(NOW), 9).await);
    assert_eq!(
        subject.append(append::<LaneId>(event.clone(), &[], NOW)).await,
        Appended::Duplicate,
        "not before its time"
    );
    ok(subject.store.prune(Work::Sent, Old::before(NOW + MINUTE), 9).await);
    assert_eq!(subject.append(append::<LaneId>(event, &[], NOW)).await, Appended::Stored);
}
