//! Lists and counts cost the same however much is stored.

use super::given::{MINUTE, NOW, append, event, lane, new_event, ok, one, sorted, unwanted};
use super::subject::{Subject, assert_ends};
use crate::delivery::{DeliveryState, NewDelivery};
use crate::event::{Audience, EventType, NewEvent};
use crate::id::{DeliveryId, LaneId, Work};
use crate::retry::{Decision, FailReason};
use crate::store::{
    Append, Appended, Counts, DeliveryQuery, Directory, EventQuery, History, Listed, MOST_EXAMINED, Outbox, Page,
};

/// The number of deliveries of one event, or of events of one batch: many at once are stored in little time.
const BATCH: u32 = 1_000;

/// The pages of a list: the items of each, in order.
async fn pages<S: History + ?Sized>(subject: &Subject<S>, query: &DeliveryQuery, first: Page) -> Vec<Vec<DeliveryId>> {
    let (mut pages, mut page) = (Vec::new(), first);
    for round in 0.. {
        assert_ends(round);
        let Listed { items, next } = ok(subject.second.deliveries(query, page).await);
        assert!(items.len() <= page.limit as usize, "no more than the limit");
        pages.push(items.into_iter().map(|delivery| delivery.id).collect());
        let Some(next) = next else { break };
        page = page.after(next);
    }
    pages
}

/// The pages together list every match once, in both directions, also if few match, or none. `next` is `None` only at the end.
pub(super) async fn pages_list_every_match_once<S: Outbox + History + ?Sized>(subject: &Subject<S>) {
    let (busy, quiet) = (lane(), lane());
    let (mut all, mut rare, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for n in 0..9 {
        let at = NOW + MINUTE * n;
        let is_rare = n % 4 == 0;
        let event_type = if is_rare { "user.made" } else { "invoice.paid" };
        let event =
            new_event(NewEvent::json(event_type, &n)).tenant(if is_rare { "umbrella" } else { "acme" }).seal(at);
        let id = subject.owe_event_at(event, if is_rare { quiet } else { busy }, at).await;
        all.push(id);
        if is_rare {
            rare.push(id);
        }
    }
    for (leased, decision) in subject.claim(busy, 6, NOW + MINUTE * 99).await.iter().zip([true, false].iter().cycle()) {
        let reason = FailReason::Exhausted;
        let decision = if *decision { Decision::Fail { reason } } else { Decision::Delivered };
        if matches!(decision, Decision::Fail { .. }) {
            failed.push(leased.lease.delivery);
        }
        subject.settle(leased, decision).await;
    }
    let every = DeliveryQuery::default;
    let of_state = |state| DeliveryQuery { state: Some(state), ..every() };
    let of_type = |name| DeliveryQuery { event_type: EventType::new(name).ok(), ..every() };
    let queries = [
        (every(), all),
        (of_type("user.made"), rare.clone()),
        (of_type("nothing.made"), Vec::new()),
        (DeliveryQuery { lane: Some(quiet), ..every() }, rare.clone()),
        (DeliveryQuery { lane: Some(quiet), ..of_type("invoice.paid") }, Vec::new()),
        (DeliveryQuery { tenant: Some("umbrella".into()), ..every() }, rare.clone()),
        (DeliveryQuery { lane: Some(quiet), ..of_state(DeliveryState::Pending) }, rare),
        (of_state(DeliveryState::Failed), sorted(failed)),
        (of_state(DeliveryState::Cancelled), Vec::new()),
        (of_state(DeliveryState::Held), Vec::new()),
    ];
    for (query, mut expected) in queries {
        for limit in [1, 2, 3, 100] {
            assert_eq!(pages(subject, &query, Page::of(limit)).await.concat(), expected, "{query:?} by {limit}");
        }
        expected.reverse();
        for limit in [1, 2, 100] {
            let found = pages(subject, &query, Page::of(limit).newest_first()).await;
            assert_eq!(found.concat(), expected, "{query:?} by {limit}, newest first");
        }
        let nothing = ok(subject.store.deliveries(&query, Page::of(0)).await);
        assert!(nothing.items.is_empty() && nothing.next.is_none(), "a page of 0: {nothing:?}");
    }
}

/// Appends many deliveries of events of one type.
async fn owe_many<S: Outbox + ?Sized>(subject: &Subject<S>, lane: LaneId, count: u32) {
    for _ in 0..count.div_ceil(BATCH) {
        let deliveries = (0..BATCH).map(|_| NewDelivery { id: DeliveryId::generate(NOW), lane, leased_until: None });
        let append = Append { deliveries: deliveries.collect(), ..unwanted(event("acme")) };
        assert_eq!(subject.append(append).await, Appended::Stored);
    }
}

/// A store may have an index for a lane and one for a type, but none leads to the deliveries of a type in a lane that has only others.
pub(super) async fn a_list_examines_a_bounded_number_of_rows<S: Outbox + History + ?Sized>(subject: &Subject<S>) {
    let (lane, other) = (lane(), lane());
    let rare = |at| new_event(NewEvent::json("user.made", &1)).tenant("acme").seal(at);
    let first = subject.owe_event_at(rare(NOW - MINUTE), lane, NOW - MINUTE).await;
    owe_many(subject, lane, MOST_EXAMINED + BATCH).await;
    let last = subject.owe_event_at(rare(NOW + MINUTE), lane, NOW + MINUTE).await;
    subject.owe_event_at(rare(NOW), other, NOW).await;
    let query =
        DeliveryQuery { event_type: EventType::new("user.made").ok(), lane: Some(lane), ..DeliveryQuery::default() };
    for (page, expected) in [(Page::of(10), [first, last]), (Page::of(10).newest_first(), [last, first])] {
        let found = pages(subject, &query, page).await;
        assert_eq!(found.concat(), expected, "{page:?}");
        assert_eq!(found[0], expected[..1], "the first page ends before the other match: {page:?}");
        let found = pages(subject, &query, Page { limit: 1, ..page }).await;
        assert_eq!(found.concat(), expected, "{page:?} by one");
    }
    let nothing = DeliveryQuery { event_type: EventType::new("nothing.made").ok(), ..query };
    for page in [Page::of(10), Page::of(10).newest_first()] {
        let found = pages(subject, &nothing, page).await;
        assert!(
            found.len() > 1 && found.concat().is_empty(),
            "the first page is empty, but not the last one: {found:?}"
        );
    }
}

/// The same for events: no index leads to the events of one audience of a tenant.
pub(super) async fn a_list_of_events_examines_a_bounded_number_of_rows<S>(subject: &Subject<S>)
where
    S: Outbox + History + ?Sized,
{
    let direct = || new_event(NewEvent::json("a.b", &1)).tenant("acme").audience(Audience::Direct).seal(NOW);
    let (first, last) = (direct(), direct());
    let expected = [first.id.clone(), last.id.clone()];
    subject.append(unwanted(first)).await;
    for _ in 0..=MOST_EXAMINED / BATCH {
        let batch = (0..BATCH).map(|_| unwanted(new_event(NewEvent::json("a.b", &1)).tenant("acme").seal(NOW)));
        ok(subject.store.append(batch.collect()).await);
    }
    subject.append(unwanted(last)).await;
    let query = EventQuery::of("acme").audience(Audience::Direct);
    let (mut found, mut page) = (Vec::new(), Page::of(10));
    for round in 0.. {
        assert_ends(round);
        let Listed { items, next } = ok(subject.second.events(&query, page).await);
        found.push(items.into_iter().map(|event| event.id).collect::<Vec<_>>());
        let Some(next) = next else { break };
        page = page.after(next);
    }
    assert_eq!(found.concat(), expected);
    assert_eq!(found[0], expected[..1], "the first page ends before the other match");
}

/// A number stops at [`Counts::MOST`], for a lane and for all, whatever the state.
pub(super) async fn counts_stop_at_a_bound<S: Outbox + Directory + History + ?Sized>(subject: &Subject<S>) {
    let (endpoint, other) = (subject.endpoint().await, subject.endpoint().await);
    owe_many(subject, endpoint.id.into(), u32::try_from(Counts::MOST).unwrap_or(u32::MAX) + BATCH).await;
    subject.append(append(event("acme"), &[other.id, other.id, other.id], NOW)).await;
    let leased = one(subject.claim(other.id, 1, NOW).await);
    subject.settle(&leased, Decision::Delivered).await;
    let counts = async |lane: Option<LaneId>| {
        let found = ok(subject.second.counts(Work::Sent, lane).await);
        [found.pending, found.delivered, found.failed, found.held, found.cancelled]
    };
    let (own, all) = (Some(endpoint.id.into()), None);
    assert_eq!(counts(own).await, [Counts::MOST, 0, 0, 0, 0]);
    assert_eq!(counts(Some(other.id.into())).await, [2, 1, 0, 0, 0]);
    assert_eq!(counts(all).await, [Counts::MOST, 1, 0, 0, 0]);
    subject.disable(&endpoint).await;
    assert_eq!(counts(own).await, [0, 0, 0, Counts::MOST, 0]);
    assert_eq!(counts(all).await, [2, 1, 0, Counts::MOST, 0]);
}
