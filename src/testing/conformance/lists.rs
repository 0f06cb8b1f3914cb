//! Lists and counts of events and deliveries.

use std::time::Duration;

use super::given::{
    DAY, LEASED, MICRO, MINUTE, NOW, append, event, event_with_id, lane, lookalikes, new_event, ok, one, queue,
    received, some, sorted, tenant, unwanted,
};
use super::subject::{Subject, assert_ends};
use crate::clock::Timestamp;
use crate::delivery::DeliveryState;
use crate::event::{Audience, EventType, NewEvent};
use crate::id::{DeliveryId, EventId, LaneId, Work};
use crate::retry::{Decision, FailReason};
use crate::store::{Counts, DeliveryQuery, Directory, EventQuery, History, Outbox, Page};

async fn found<S: History + ?Sized>(subject: &Subject<S>, query: &DeliveryQuery) -> Vec<DeliveryId> {
    ok(subject.second.deliveries(query, Page::default()).await).items.iter().map(|delivery| delivery.id).collect()
}

async fn all_pages<S: History + ?Sized>(subject: &Subject<S>, query: &DeliveryQuery, first: Page) -> Vec<DeliveryId> {
    let (mut found, mut page) = (Vec::new(), first);
    for round in 0.. {
        assert_ends(round);
        let listed = ok(subject.store.deliveries(query, page).await);
        assert!(listed.items.len() <= page.limit as usize, "no more than the limit");
        found.extend(listed.items.iter().map(|delivery| delivery.id));
        let Some(next) = listed.next else { break };
        page = page.after(next);
    }
    found
}

/// Every field of a query applies, alone and with all others.
pub(super) async fn deliveries_obey_the_query<S: Outbox + History + ?Sized>(subject: &Subject<S>) {
    let (first, second) = (lane(), lane());
    let paid = event("acme");
    let made = new_event(NewEvent::json("user.made", &1)).tenant("umbrella").seal(NOW);
    let appends = [append(paid.clone(), &[first, second], NOW), append(made.clone(), &[second], NOW)];
    let ids: Vec<_> = appends.iter().flat_map(|one| one.deliveries.iter().map(|delivery| delivery.id)).collect();
    ok(subject.store.append(appends.into()).await);
    let done = one(subject.claim(first, 1, NOW).await);
    subject.settle(&done, Decision::Delivered).await;

    let all = DeliveryQuery::default;
    let acme = || DeliveryQuery { tenant: Some(tenant("acme")), ..all() };
    let umbrella = || DeliveryQuery { tenant: Some(tenant("umbrella")), ..all() };
    let of_event = || DeliveryQuery { event: Some(paid.id.clone()), ..acme() };
    let days = DAY * 3;
    let expected: [(DeliveryQuery, &[DeliveryId]); 24] = [
        (all(), &ids),
        (acme(), &ids[..2]),
        (umbrella(), &ids[2..]),
        (DeliveryQuery { lane: Some(second), ..all() }, &ids[1..]),
        (DeliveryQuery { lane: Some(second), ..umbrella() }, &ids[2..]),
        (DeliveryQuery { lane: Some(first), ..umbrella() }, &[]),
        (DeliveryQuery { state: Some(DeliveryState::Delivered), ..all() }, &ids[..1]),
        (DeliveryQuery { state: Some(DeliveryState::Pending), ..all() }, &ids[1..]),
        (DeliveryQuery { state: Some(DeliveryState::Pending), ..acme() }, &ids[1..2]),
        (DeliveryQuery { state: Some(DeliveryState::Pending), lane: Some(first), ..all() }, &[]),
        (DeliveryQuery { state: Some(DeliveryState::Failed), ..all() }, &[]),
        (DeliveryQuery { from: Some(NOW), to: Some(NOW + MICRO), ..all() }, &ids),
        (DeliveryQuery { from: Some(NOW + MICRO), ..all() }, &[]),
        (DeliveryQuery { to: Some(NOW), ..all() }, &[]),
        (DeliveryQuery { from: Some(NOW - days), to: Some(NOW + days), ..acme() }, &ids[..2]),
        (DeliveryQuery { from: Some(NOW + days), ..all() }, &[]),
        (DeliveryQuery { from: Some(Timestamp::from_micros(i64::MIN)), to: Some(Timestamp::MAX), ..all() }, &ids),
        (DeliveryQuery { event_type: EventType::new("user.made").ok(), ..all() }, &ids[2..]),
        (DeliveryQuery { event_type: EventType::new("User.made").ok(), ..all() }, &[]),
        (DeliveryQuery { event_type: EventType::new("user.made").ok(), ..acme() }, &[]),
        (of_event(), &ids[..2]),
        (DeliveryQuery { lane: Some(first), ..of_event() }, &ids[..1]),
        (DeliveryQuery { state: Some(DeliveryState::Pending), ..of_event() }, &ids[1..2]),
        (DeliveryQuery { tenant: Some(made.tenant.clone()), ..of_event() }, &[]),
    ];
    for (query, expected) in expected {
        assert_eq!(found(subject, &query).await, expected, "{query:?}");
    }
}

/// Texts of a query are compared byte by byte.
pub(super) async fn similar_tenants_have_separate_lists<S>(subject: &Subject<S>)
where
    S: Outbox + History + ?Sized,
{
    let lane = lane();
    let mut made = Vec::new();
    for name in lookalikes() {
        let event = event_with_id(&name, "order-1", &name);
        made.push((name, event.clone(), subject.owe_event(event, lane).await));
    }
    for (name, event, id) in made {
        let query = DeliveryQuery { tenant: Some(tenant(&name)), ..DeliveryQuery::default() };
        assert_eq!(found(subject, &query).await, [id], "tenant {name:?}");
        let query = DeliveryQuery { event: Some(event.id.clone()), ..query };
        assert_eq!(found(subject, &query).await, [id], "an event of tenant {name:?}");
        assert_eq!(some(subject.event_of(&event).await).payload, event.payload, "tenant {name:?}");
        let events = ok(subject.store.events(&EventQuery::of(name.as_str()), Page::of(9)).await);
        assert_eq!(events.items.len(), 1, "tenant {name:?}");
    }
}

/// The pages together list every delivery once, in the order of creation or in reverse; also for a tenant, and for a state.
pub(super) async fn deliveries_page_without_gaps<S: Outbox + History + ?Sized>(subject: &Subject<S>) {
    let (lane, other) = (lane(), lane());
    let (mut own, mut all) = (Vec::new(), Vec::new());
    for n in 0..7 {
        let owed = subject.owe_at(lane, NOW + MINUTE * n).await;
        let umbrella = append(event("umbrella"), &[other], NOW + MINUTE * n);
        own.push(owed);
        all.extend([owed, one(umbrella.deliveries.clone()).id]);
        subject.append(umbrella).await;
    }
    for leased in subject.claim(lane, 3, NOW + DAY).await {
        subject.settle(&leased, Decision::Delivered).await;
    }
    let query = |tenant, state| DeliveryQuery { tenant, state, ..DeliveryQuery::default() };
    let (delivered, pending) = (Some(DeliveryState::Delivered), Some(DeliveryState::Pending));
    for (query, mut expected) in [
        (query(None, None), sorted(all.clone())),
        (query(Some(tenant("acme")), None), own.clone()),
        (query(Some(tenant("acme")), delivered), own[..3].to_vec()),
        (query(Some(tenant("acme")), pending), own[3..].to_vec()),
        (DeliveryQuery { lane: Some(lane), ..query(None, None) }, own.clone()),
        (DeliveryQuery { lane: Some(lane), ..query(None, pending) }, own[3..].to_vec()),
        (
            DeliveryQuery { from: Some(NOW + MINUTE), to: Some(NOW + MINUTE * 3), ..query(None, None) },
            all[2..6].to_vec(),
        ),
        (query(Some(tenant("nobody")), None), Vec::new()),
    ] {
        for limit in [1, 2, 3, 7, 100] {
            assert_eq!(all_pages(subject, &query, Page::of(limit)).await, expected, "{query:?} by {limit}");
        }
        expected.reverse();
        for limit in [1, 3, 100] {
            let page = Page::of(limit).newest_first();
            assert_eq!(all_pages(subject, &query, page).await, expected, "{query:?} by {limit}, newest first");
        }
        let nothing = ok(subject.store.deliveries(&query, Page::of(0)).await);
        assert!(nothing.items.is_empty() && nothing.next.is_none(), "a page of 0: {nothing:?}");
    }
}

async fn event_pages<S: History + ?Sized>(
    subject: &Subject<S>,
    query: &EventQuery,
    mut page: Page<u64>,
) -> Vec<EventId> {
    let mut found = Vec::new();
    for round in 0.. {
        assert_ends(round);
        let listed = ok(subject.second.events(query, page).await);
        assert!(listed.items.len() <= page.limit as usize, "no more than the limit");
        found.extend(listed.items.into_iter().map(|event| event.id));
        let Some(next) = listed.next else { break };
        page = page.after(next);
    }
    found
}

/// Events are listed in the order of appending, or in reverse, with pages of any size; every field of the query applies.
pub(super) async fn events_obey_the_query_and_page_without_gaps<S: Outbox + History + ?Sized>(subject: &Subject<S>) {
    let (endpoint, other, later) = (lane(), lane(), NOW + MINUTE);
    let times = [NOW, NOW, NOW + MICRO, later, later];
    let events = times.map(|_| event("acme"));
    // The times are not in the order of the ids.
    let ids: Vec<_> = events.iter().rev().map(|event| event.id.clone()).collect();
    for (n, (event, at)) in events.into_iter().rev().zip(times).enumerate() {
        let lanes: &[LaneId] = if n == 1 { &[endpoint, other] } else { &[endpoint] };
        subject.append(append(event, lanes, at)).await;
    }
    subject.append(unwanted(event("umbrella"))).await;
    let all = EventQuery::of("acme");
    let mut reversed = ids.clone();
    reversed.reverse();
    for limit in [1, 2, 3, 5, 99] {
        assert_eq!(event_pages(subject, &all, Page::of(limit)).await, ids);
        assert_eq!(event_pages(subject, &all, Page::of(limit).newest_first()).await, reversed);
    }
    let nothing = ok(subject.store.events(&all, Page::of(0)).await);
    assert!(nothing.items.is_empty() && nothing.next.is_none(), "a page of 0: {nothing:?}");
    let found = async |query: EventQuery| event_pages(subject, &query, Page::of(2)).await;
    let of = |places: &[usize]| places.iter().map(|place| ids[*place].clone()).collect::<Vec<_>>();
    assert_eq!(found(all.clone().between(NOW, NOW + MICRO)).await, of(&[0, 1]));
    assert_eq!(found(all.clone().between(NOW + MICRO, later)).await, of(&[2]));
    assert_eq!(found(all.clone().between(later, later + MICRO)).await, of(&[3, 4]));
    assert_eq!(found(all.clone().between(later + MICRO, Timestamp::MAX)).await, of(&[]));
    assert_eq!(found(all.clone().missing_at(some(endpoint.endpoint()))).await, of(&[]));
    assert_eq!(found(all.clone().missing_at(some(lane().endpoint()))).await, ids);
    let missing = all.missing_at(some(other.endpoint()));
    assert_eq!(found(missing.clone()).await, of(&[0, 2, 3, 4]));
    assert_eq!(found(missing.between(NOW, later)).await, of(&[0, 2]));
    assert_eq!(found(EventQuery::of("nobody")).await, of(&[]));
    let summary = some(
        ok(subject.store.events(&EventQuery::of("acme").between(later, Timestamp::MAX), Page::of(1)).await).items.pop(),
    );
    assert_eq!((summary.event_type.as_str(), summary.appended_at), ("invoice.paid", later));
    assert_eq!((summary.id, summary.audience), (ids[3].clone(), Audience::Subscribers));
}

/// Events of an inbox are found only by a query for them, and direct events can be excluded.
pub(super) async fn events_of_an_inbox_are_found_as_such_only<S: Outbox + History + ?Sized>(subject: &Subject<S>) {
    subject.append(append(event_with_id("acme", "order-1", "a"), &[lane()], NOW)).await;
    subject.append(append(received("order-1"), &[queue("all")], NOW)).await;
    let direct = new_event(NewEvent::json("a.b", &1)).tenant("acme").audience(Audience::Direct).seal(NOW);
    subject.append(unwanted(direct)).await;
    let all = EventQuery::of("acme");
    let never_owed = some(lane().endpoint());
    for all in [all.clone(), all.missing_at(never_owed)] {
        let found = async |query: EventQuery| -> Vec<Audience> {
            ok(subject.store.events(&query, Page::of(9)).await).items.into_iter().map(|event| event.audience).collect()
        };
        assert_eq!(found(all.clone()).await, [Audience::Subscribers, Audience::Direct]);
        for audience in [Audience::Subscribers, Audience::Direct, Audience::Inbox] {
            assert_eq!(found(all.clone().audience(audience)).await, [audience]);
        }
    }
}

/// The counts of one lane and of all agree with the list, in every state.
pub(super) async fn counts_follow_the_states<S: Outbox + Directory + History + ?Sized>(subject: &Subject<S>) {
    let endpoint = subject.endpoint().await;
    let counts = async |lane: Option<LaneId>| {
        let found = ok(subject.second.counts(Work::Sent, lane).await);
        let query = DeliveryQuery { lane, ..DeliveryQuery::default() };
        let mut listed = Counts::default();
        for delivery in ok(subject.store.deliveries(&query, Page::default()).await).items {
            listed.add(delivery.state, 1);
        }
        assert_eq!(found, listed, "as the list has it");
        [found.pending, found.delivered, found.failed, found.held, found.cancelled]
    };
    assert_eq!(counts(None).await, [0; 5]);
    for _ in 0..6 {
        subject.owe(endpoint.id).await;
    }
    let reason = FailReason::Exhausted;
    let leased = subject.claim(endpoint.id, 4, NOW).await;
    let decisions =
        [Decision::Delivered, Decision::Fail { reason }, Decision::Hold { reason }, Decision::retry(LEASED)];
    for (leased, decision) in leased.iter().zip(decisions) {
        subject.settle(leased, decision).await;
    }
    let other = subject.endpoint().await;
    subject.owe(other.id).await;
    subject.owe(other.id).await;
    let own = Some(endpoint.id.into());
    assert_eq!((counts(own).await, counts(None).await), ([3, 1, 1, 1, 0], [5, 1, 1, 1, 0]));
    let disabled = subject.disable(&endpoint).await;
    assert_eq!((counts(own).await, counts(None).await), ([0, 1, 1, 4, 0], [2, 1, 1, 4, 0]));
    subject.enable(&disabled).await;
    assert_eq!((counts(own).await, counts(None).await), ([3, 1, 1, 1, 0], [5, 1, 1, 1, 0]));
    ok(subject.store.remove(other.id, None, NOW).await);
    assert_eq!((counts(own).await, counts(None).await), ([3, 1, 1, 1, 0], [3, 1, 1, 1, 2]));
    assert_eq!(counts(Some(lane())).await, [0; 5]);
}

/// A leased delivery counts as pending; final deliveries and those of other lanes do not count.
pub(super) async fn backlog_counts_what_is_pending_up_to_a_bound<S>(subject: &Subject<S>)
where
    S: Outbox + History + ?Sized,
{
    let (here, there) = (lane(), lane());
    for _ in 0..3 {
        subject.owe(here).await;
    }
    subject.owe(there).await;
    let backlog = async |lanes: &[LaneId], limit| ok(subject.second.backlog(lanes, limit).await);
    assert_eq!(backlog(&[here], 9).await, 3);
    assert_eq!(backlog(&[here, there, lane()], 9).await, 4);
    for limit in 0..4 {
        assert_eq!(backlog(&[here, there], limit).await, limit, "no more than the limit");
    }
    assert_eq!((backlog(&[], 9).await, backlog(&[lane()], 9).await), (0, 0));
    let leased = subject.claim(here, 3, NOW).await;
    subject.settle(&leased[0], Decision::Delivered).await;
    subject.settle(&leased[1], Decision::Hold { reason: FailReason::Exhausted }).await;
    assert_eq!(backlog(&[here], 9).await, 1);
}

/// A leased delivery counts with the end of its lease; final deliveries and those of other lanes do not count.
pub(super) async fn the_oldest_due_time_is_that_of_the_named_lanes<S>(subject: &Subject<S>)
where
    S: Outbox + History + ?Sized,
{
    let (here, there) = (lane(), lane());
    let oldest = async |lanes: &[LaneId]| ok(subject.second.oldest_due(lanes).await);
    assert_eq!((oldest(&[]).await, oldest(&[here]).await), (None, None));
    for lane in [here, here, there] {
        subject.owe(lane).await;
    }
    let leased = subject.claim(here, 1, NOW).await;
    let later = NOW + Duration::from_secs(7);
    subject.settle(&leased[0], Decision::retry(later)).await;
    assert!(oldest(&[here]).await.is_some_and(|due| due <= NOW), "the other delivery is due already");
    let leased = subject.claim(here, 1, NOW).await;
    subject.settle(&leased[0], Decision::Delivered).await;
    assert_eq!(oldest(&[here]).await, Some(later));
    assert!(oldest(&[here, there]).await.is_some_and(|due| due <= NOW), "the delivery of the other lane");
    let leased = subject.claim(there, 1, NOW).await;
    assert_eq!(oldest(&[there]).await, Some(leased[0].until));
    let last = subject.claim(here, 1, later).await;
    subject.settle(&last[0], Decision::Fail { reason: FailReason::Exhausted }).await;
    assert_eq!(oldest(&[here]).await, None);
}
