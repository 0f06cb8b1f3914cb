//! Texts, times and payloads reach the worker exactly as they were appended.

use std::collections::HashMap;
use std::sync::Arc;

use super::given::{
    DAY, MICRO, MINUTE, NOW, append, event, event_id, event_with_id, fifo, lane, latest, lookalikes, new_event, ok,
    one, queue, received,
};
use super::subject::Subject;
use crate::clock::Timestamp;
use crate::event::{Audience, Event, NewEvent, Origin};
use crate::id::LaneId;
use crate::retry::Decision;
use crate::store::{Appended, Outbox};

/// Events that set every field, each in more than one way.
pub(super) fn all_kinds_of_events() -> Vec<Event> {
    let raw = |bytes: &'static [u8]| new_event(NewEvent::raw("blob.made", "application/octet-stream", bytes));
    let long = "x".repeat(128);
    let longest = new_event(NewEvent::raw(&long, &format!("text/{}", "y".repeat(123)), vec![b'z'; 300_000]));
    let longest = new_event(longest.ordered_by("k".repeat(128)));
    let headers: Vec<_> = (0..20).map(|n| (format!("x-header-{n}"), "größe ".repeat(n))).collect();
    let origin = Origin::new("shop").with_event(Some(&"é".repeat(128)), Some(&"t".repeat(256)));
    let origin = origin.with_headers(headers.iter().map(|(name, value)| (&**name, &**value)));
    let json = new_event(NewEvent::json("invoice.paid", &"größer \u{0} \u{1f600} ' \" \\"));
    vec![
        event("acme"),
        raw(b"\xff\x00\xfe'\"\\\n\r\x1a").occurred_at(NOW - MICRO).seal(NOW),
        raw(b"").id(event_id("empty")).seal(NOW),
        raw(b"x").occurred_at(Timestamp::from_micros(-1)).expires_at(NOW + MICRO).seal(NOW),
        raw(b"x").occurred_at(Timestamp::from_secs(-2_000_000_000)).expires_at(Timestamp::MAX).seal(NOW),
        longest.tenant(long.clone()).id(event_id(&long)).expires_at(NOW + DAY * 3_650).seal(NOW),
        json.tenant("größer ' \" \\ \u{1f600} %_").id(event_id("chosen_-9")).seal(NOW),
        new_event(fifo_of("Cart ' \u{1f600} ")).tenant("acme").seal(NOW),
        new_event(NewEvent::json("a", &1).and_then(|event| event.latest_by("Cart/1"))).tenant("acme").seal(NOW),
        raw(b"x").audience(Audience::Direct).tenant("acme").seal(NOW),
        raw(b"x").tenant("acme").received(origin).seal(NOW),
        raw(b"x").tenant("acme").received(Origin::new("shop")).replay_digest(Some([0xfe; 32])).seal(NOW),
        received("order-1"),
    ]
}

fn fifo_of(key: &str) -> Result<NewEvent, crate::field::FieldError> {
    NewEvent::json("a", &1).and_then(|event| event.ordered_by(key))
}

/// Asserts that two events are equal, and names the field in which they differ.
pub(super) fn assert_same_event(found: &Event, put: &Event) {
    assert_eq!(found.id, put.id, "id");
    assert_eq!(found.tenant, put.tenant, "tenant");
    assert_eq!(found.event_type, put.event_type, "event_type");
    assert_eq!(found.occurred_at, put.occurred_at, "occurred_at");
    assert_eq!(found.content_type, put.content_type, "content_type");
    assert_eq!(found.order, put.order, "order");
    assert_eq!(found.expires_at, put.expires_at, "expires_at");
    assert_eq!(found.audience, put.audience, "audience");
    assert_eq!(found.origin, put.origin, "origin");
    assert!(found.payload == put.payload, "payload: {} of {} bytes", found.payload.len(), put.payload.len());
}

fn lane_for(event: &Event) -> LaneId {
    if event.audience == Audience::Inbox { queue("all") } else { lane() }
}

/// A claim returns all data of the event, byte for byte.
pub(super) async fn claim_brings_the_event_whole<S: Outbox + ?Sized>(subject: &Subject<S>) {
    for event in all_kinds_of_events() {
        let lane = lane_for(&event);
        let append = append(event.clone(), &[lane], NOW);
        let id = one(append.deliveries.clone()).id;
        assert_eq!(subject.append(append).await, Appended::Stored, "{event:?}");
        let leased = one(subject.claim(lane, 1, NOW + MINUTE).await);
        assert_same_event(&leased.event, &event);
        assert_eq!((leased.lease.delivery, leased.lane, leased.created_at), (id, lane, NOW));
        assert_eq!((leased.attempt, leased.faults, leased.until), (1, 0, NOW + MINUTE * 2));
        subject.settle(&leased, Decision::Delivered).await;
    }
}

/// In a batch, each delivery is claimed with its own event.
pub(super) async fn a_batch_of_events_is_claimed_whole<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let lanes = [lane(), queue("all")];
    let events = all_kinds_of_events();
    let of = |event: &Event| lanes[usize::from(event.audience == Audience::Inbox)];
    let batch: Vec<_> = events.iter().map(|event| append(event.clone(), &[of(event)], NOW)).collect();
    let by_delivery: HashMap<_, Arc<Event>> =
        batch.iter().flat_map(|one| one.deliveries.iter().map(|delivery| (delivery.id, one.event.clone()))).collect();
    ok(subject.store.append(batch).await);
    let claimed = subject.claim_lanes(&lanes.map(|lane| (lane, 99)), NOW).await.leased;
    assert_eq!(claimed.len(), events.len());
    for leased in claimed {
        assert_same_event(&leased.event, &by_delivery[&leased.lease.delivery]);
    }
}

/// Two tenants that differ only in case, in accents, in trailing spaces or in the 128th byte are different.
pub(super) async fn similar_tenants_are_distinct<S: Outbox + ?Sized>(subject: &Subject<S>) {
    for name in lookalikes() {
        let lane = lane();
        let event = event_with_id(&name, "order-1", &name);
        assert_eq!(subject.append(append(event.clone(), &[lane], NOW)).await, Appended::Stored, "tenant {name:?}");
        assert_same_event(&one(subject.claim(lane, 1, NOW).await).event, &event);
    }
}

/// Event ids are compared byte by byte.
pub(super) async fn similar_event_ids_are_distinct<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let long = "x".repeat(127);
    for id in [
        "order-a",
        "order-A",
        "ORDER-a",
        "order_a",
        "order-a_",
        "1",
        "01",
        "1e0",
        &long,
        &format!("{long}a"),
        &format!("{long}b"),
    ] {
        let lane = lane();
        let event = event_with_id("acme", id, id);
        assert_eq!(subject.append(append(event.clone(), &[lane], NOW)).await, Appended::Stored, "id {id}");
        assert_same_event(&one(subject.claim(lane, 1, NOW).await).event, &event);
    }
}

/// Ordering keys are compared byte by byte: a key never waits for another.
pub(super) async fn similar_ordering_keys_are_distinct<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let (firsts, newest) = (lane(), lane());
    for key in lookalikes() {
        subject.owe_event(fifo(&key), firsts).await;
        subject.owe_event(latest(&key), newest).await;
    }
    for lane in [firsts, newest] {
        assert_eq!(subject.claim(lane, 99, NOW).await.len(), lookalikes().len());
    }
}

/// Names of queues are compared byte by byte, and a queue is never treated as an endpoint.
pub(super) async fn a_queue_is_never_an_endpoint_whatever_its_name<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let alike = crate::id::EndpointId::from_bytes(*b"0123456789abcdef");
    let long = "q".repeat(31);
    let names = [
        "0123456789abcdef",
        "0123456789abcde",
        "0123456789abcdefg",
        "0",
        "00",
        "orders",
        "Orders",
        "ORDERS",
        "orders.",
        &long,
        &format!("{long}a"),
        &format!("{long}b"),
        &format!("{alike}")[..32],
    ];
    let lanes: Vec<LaneId> = names.map(queue).into_iter().chain([alike.into()]).collect();
    for (n, lane) in lanes.iter().enumerate() {
        let event = match lane {
            LaneId::Endpoint(_) => event_with_id("acme", &format!("order-{n}"), "a"),
            LaneId::Queue(_) => received(&format!("order-{n}")),
        };
        assert_eq!(subject.append(append(event, &[*lane], NOW)).await, Appended::Stored);
    }
    for lane in lanes {
        assert_eq!(one(subject.claim(lane, 9, NOW).await).lane, lane);
    }
}

/// Due times may be far away in both directions.
pub(super) async fn due_times_may_be_far_away<S: Outbox + ?Sized>(subject: &Subject<S>) {
    for due in [NOW + DAY * 365, NOW + DAY * 365_000] {
        let leased = subject.leased().await;
        subject.settle(&leased, Decision::retry(due)).await;
        assert_eq!(subject.claim_lanes(&[(leased.lane, 1)], NOW).await.next[0].1, due);
        subject.assert_due(leased.lane, due).await;
    }
    let past = lane();
    subject.owe_at(past, Timestamp::from_secs(-1)).await;
    assert_eq!(one(subject.claim(past, 1, NOW).await).created_at, Timestamp::from_secs(-1));
}
