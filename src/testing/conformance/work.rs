//! Received work and sent work in one store: neither is seen, found or changed as the other.

use std::collections::HashSet;

use super::subject::{LEASED, MINUTE, NOW, Subject, append, event_with_id, lane, new_event, ok, one, some, tenant};
use crate::clock::Timestamp;
use crate::delivery::{Attempt, DeliveryState, Next, Settlement};
use crate::event::{Audience, Event, NewEvent, Origin};
use crate::id::{DeliveryId, EndpointId, EventId, LaneId, QueueName, Work};
use crate::outcome::Outcome;
use crate::retry::FailReason;
use crate::store::{Appended, DeliveryQuery, EventQuery, LaneDue, Old, Owe, Page, Settled};

const BOTH: [Work; 2] = [Work::Sent, Work::Received];

pub(super) fn queue(name: &str) -> LaneId {
    QueueName::new(name).unwrap_or_else(|error| panic!("{error}")).into()
}

/// An event as an inbox keeps it.
fn received(id: &str) -> Event {
    let origin =
        Origin::of("shop").named(Some("größe/1"), Some("orders/paid")).with_headers([("x-topic", "orders/paid")]);
    let event = new_event(NewEvent::raw("orders_paid", "application/octet-stream", &b"\xff{}"[..]));
    event.tenant("acme").id(EventId::new(id).unwrap_or_else(|error| panic!("{error}"))).received(origin).seal(NOW)
}

/// One of each kind: what it is called is the same.
struct Pair {
    endpoint: LaneId,
    queue: LaneId,
    sent: DeliveryId,
    received: DeliveryId,
}

impl Pair {
    fn of(&self, work: Work) -> (LaneId, DeliveryId) {
        match work {
            Work::Sent => (self.endpoint, self.sent),
            Work::Received => (self.queue, self.received),
        }
    }
}

impl Subject {
    /// Two events of one tenant and one id, each owed once: to an endpoint, and to a queue.
    async fn pair(&self) -> Pair {
        let (endpoint, queue) = (lane(), queue("all"));
        let sent = append(event_with_id("acme", "order-1", "a"), &[endpoint], NOW);
        let received = append(received("order-1"), &[queue], NOW);
        let ids = [one(sent.deliveries.clone()).id, one(received.deliveries.clone()).id];
        assert_eq!(ok(self.store.append(vec![sent, received]).await), [Appended::Stored, Appended::Stored]);
        Pair { endpoint, queue, sent: ids[0], received: ids[1] }
    }

    async fn finish_all(&self, pair: &Pair) {
        for lane in [pair.endpoint, pair.queue] {
            let leased = one(self.claim(lane, 9, NOW).await);
            self.settle(&leased, Next::Delivered).await;
        }
    }

    async fn listed(&self, query: DeliveryQuery) -> Vec<DeliveryId> {
        ok(self.second.deliveries(&query, Page::default()).await).into_iter().map(|delivery| delivery.id).collect()
    }

    async fn has_event(&self, work: Work) -> bool {
        let id = EventId::new("order-1").unwrap_or_else(|error| panic!("{error}"));
        ok(self.second.event(work, &tenant("acme"), &id).await).is_some()
    }
}

/// A queue has no record and no health; everything else is as with an endpoint.
pub async fn a_queue_is_claimed_and_settled_as_an_endpoint_is(subject: &Subject) {
    let Pair { queue, received, .. } = subject.pair().await;
    let first = one(subject.claim(queue, 9, NOW).await);
    assert_eq!((first.lane, first.lease.delivery, first.event.audience), (queue, received, Audience::Inbox));
    let failed = Attempt::new(1, NOW, MINUTE, Outcome::HandlerFailed).with_excerpt(Some("no".into()));
    let retry = Settlement::of(&first, Next::Retry { due: LEASED }, NOW).with_attempt(failed.clone());
    assert_eq!(ok(subject.store.settle(vec![retry]).await), [Settled::Done]);
    let second = one(subject.claim(queue, 9, LEASED).await);
    let rejected = Attempt::new(2, LEASED, MINUTE, Outcome::HandlerRejected);
    let end = Next::Failed { reason: FailReason::Permanent };
    let end = Settlement::of(&second, end, LEASED).with_attempt(rejected.clone());
    assert_eq!(ok(subject.store.settle(vec![end.clone()]).await), [Settled::Done]);
    assert_eq!(ok(subject.store.settle(vec![end]).await), [Settled::LeaseLost]);
    let kept = some(ok(subject.store.delivery(Work::Received, received).await));
    assert_eq!((kept.state, kept.attempts, kept.lane), (DeliveryState::Failed, 2, queue));
    assert_eq!(ok(subject.store.attempts(Work::Received, received).await), [failed, rejected]);
}

/// Names of every length, and one that reads as an endpoint's bytes.
pub async fn a_queue_is_no_endpoint_whatever_its_name(subject: &Subject) {
    let bytes = *b"0123456789abcdef";
    let alike = EndpointId::from_bytes(bytes);
    let names = ["0123456789abcdef", "0123456789abcde", "0123456789abcdefg", "0", &"q".repeat(32)].map(queue);
    for (n, lane) in names.into_iter().chain([alike.into()]).enumerate() {
        let event = match lane {
            LaneId::Endpoint(_) => event_with_id("acme", &format!("order-{n}"), "a"),
            LaneId::Queue(_) => received(&format!("order-{n}")),
        };
        assert_eq!(subject.append(append(event, &[lane], NOW)).await, Appended::Stored);
    }
    for lane in names.into_iter().chain([alike.into()]) {
        assert_eq!(one(subject.claim(lane, 9, NOW).await).lane, lane);
    }
}

/// By the event, and by the claim that brings it.
pub async fn a_received_event_reads_back_whole(subject: &Subject) {
    let event = received("order-1");
    subject.append(append(event.clone(), &[queue("all")], NOW)).await;
    let kept = some(ok(subject.second.event(Work::Received, &event.tenant, &event.id).await));
    assert_eq!(*kept, event);
    let origin = some(kept.origin.clone());
    assert_eq!((origin.event_id.as_deref(), origin.header("X-Topic")), (Some("größe/1"), Some("orders/paid")));
    let claimed = one(subject.claim(queue("all"), 1, NOW).await);
    assert_eq!((claimed.event.audience, &claimed.event.origin), (Audience::Inbox, &event.origin));
    let direct = new_event(NewEvent::json("a.b", &1)).tenant("acme").audience(Audience::Direct).seal(NOW);
    subject.append(append::<LaneId>(direct.clone(), &[], NOW)).await;
    let kept = some(ok(subject.second.event(Work::Sent, &direct.tenant, &direct.id).await));
    assert_eq!(kept.audience, Audience::Direct);
}

/// A provider cannot use up the ids of events that are sent, nor the other way round.
pub async fn an_event_id_is_taken_in_its_kind_of_work_only(subject: &Subject) {
    subject.pair().await;
    let again = append::<LaneId>(received("order-1"), &[], NOW);
    assert_eq!(subject.append(again).await, Appended::Duplicate);
    let again = append::<LaneId>(event_with_id("acme", "order-1", "a"), &[], NOW);
    assert_eq!(subject.append(again).await, Appended::Duplicate);
    let batch = vec![
        append::<LaneId>(received("order-2"), &[], NOW),
        append::<LaneId>(event_with_id("acme", "order-2", "a"), &[], NOW),
        append::<LaneId>(received("order-2"), &[], NOW),
    ];
    let appended = ok(subject.store.append(batch).await);
    assert_eq!(appended, [Appended::Stored, Appended::Stored, Appended::Duplicate]);
}

/// Each worker finds its own lanes, in pages too.
pub async fn lanes_lists_one_kind_of_work(subject: &Subject) {
    let (endpoints, queues) = ([lane(), lane(), lane()], ["a", "b", "0123456789abcde"].map(queue));
    for (n, lane) in endpoints.into_iter().enumerate() {
        subject.append(append(event_with_id("acme", &format!("order-{n}"), "a"), &[lane], NOW)).await;
    }
    for (n, lane) in queues.into_iter().enumerate() {
        subject.append(append(received(&format!("order-{n}")), &[lane], NOW)).await;
    }
    for (work, expected) in BOTH.into_iter().zip([HashSet::from(endpoints), HashSet::from(queues)]) {
        let (mut found, mut after) = (HashSet::new(), None);
        loop {
            let page = ok(subject.store.lanes(work, after, 2).await);
            let Some(LaneDue { lane, due }) = page.last().copied() else { break };
            assert_eq!(due, NOW);
            after = Some(lane);
            found.extend(page.into_iter().map(|lane| lane.lane));
        }
        assert_eq!(found, expected);
    }
}

/// Events, deliveries, attempts, lists and counts.
pub async fn history_shows_one_kind_of_work(subject: &Subject) {
    let pair = subject.pair().await;
    subject.finish_all(&pair).await;
    let id = EventId::new("order-1").unwrap_or_else(|error| panic!("{error}"));
    for work in BOTH {
        let (lane, own) = pair.of(work);
        let (_, other) = pair.of(work.other());
        assert!(ok(subject.store.delivery(work, other).await).is_none());
        assert!(ok(subject.store.attempts(work, other).await).is_empty());
        assert_eq!(some(ok(subject.store.delivery(work, own).await)).lane, lane);
        assert_eq!(ok(subject.store.attempts(work, own).await).len(), 1);
        let event = some(ok(subject.store.event(work, &tenant("acme"), &id).await));
        assert_eq!(event.audience.work(), work);
        let queries = [
            DeliveryQuery::of(work),
            DeliveryQuery { tenant: Some(tenant("acme")), ..DeliveryQuery::of(work) },
            DeliveryQuery { tenant: Some(tenant("acme")), event: Some(id.clone()), ..DeliveryQuery::of(work) },
            DeliveryQuery { event: Some(id.clone()), ..DeliveryQuery::of(work) },
            DeliveryQuery { state: Some(DeliveryState::Delivered), ..DeliveryQuery::of(work) },
            DeliveryQuery { lane: Some(lane), ..DeliveryQuery::of(work) },
            DeliveryQuery { from: Some(NOW), to: Some(NOW + MINUTE), ..DeliveryQuery::of(work) },
        ];
        for query in queries {
            assert_eq!(subject.listed(query.clone()).await, [own], "{query:?}");
        }
        assert_eq!(ok(subject.store.counts(work, None).await).delivered, 1);
        assert_eq!(ok(subject.store.counts(work, Some(lane)).await).delivered, 1);
    }
}

/// The kind that is asked for counts, whatever else is.
pub async fn a_query_for_a_lane_of_the_other_kind_finds_nothing(subject: &Subject) {
    let pair = subject.pair().await;
    for work in BOTH {
        let (lane, _) = pair.of(work.other());
        let query = DeliveryQuery { lane: Some(lane), ..DeliveryQuery::of(work) };
        assert!(subject.listed(query).await.is_empty());
        assert_eq!(ok(subject.store.counts(work, Some(lane)).await).pending, 0);
    }
}

/// Resending, cancelling, owing, expunging.
pub async fn control_changes_one_kind_of_work(subject: &Subject) {
    let pair = subject.pair().await;
    let event = EventId::new("order-1").unwrap_or_else(|error| panic!("{error}"));
    for work in BOTH {
        let (_, other) = pair.of(work.other());
        assert_eq!(ok(subject.store.cancel(work, vec![other], NOW).await), [false]);
    }
    assert!(!ok(subject.store.expunge(Work::Received, &tenant("umbrella"), &event, NOW).await));
    subject.finish_all(&pair).await;
    for work in BOTH {
        let (_, other) = pair.of(work.other());
        assert_eq!(ok(subject.store.resend(work, vec![(other, NOW)]).await), [false]);
        let kept = some(ok(subject.store.delivery(work.other(), other).await));
        assert_eq!(kept.state, DeliveryState::Delivered);
    }
    let owe = |lane, event: &str| Owe {
        tenant: tenant("acme"),
        event: EventId::new(event).unwrap_or_else(|error| panic!("{error}")),
        delivery: DeliveryId::generate(NOW),
        lane,
        due: NOW,
        now: NOW,
    };
    subject.append(append::<LaneId>(received("kept"), &[], NOW)).await;
    subject.append(append::<LaneId>(event_with_id("acme", "sent", "a"), &[], NOW)).await;
    let owed =
        vec![owe(pair.endpoint, "kept"), owe(pair.queue, "sent"), owe(pair.endpoint, "sent"), owe(pair.queue, "kept")];
    assert_eq!(ok(subject.store.owe(owed).await), [false, false, true, true]);
    // One of the two events of this id goes, the other stays.
    assert!(ok(subject.store.expunge(Work::Sent, &tenant("acme"), &event, NOW).await));
    let kept = some(ok(subject.store.event(Work::Received, &tenant("acme"), &event).await));
    assert!(!kept.payload.is_empty());
    assert!(some(ok(subject.store.event(Work::Sent, &tenant("acme"), &event).await)).payload.is_empty());
    assert_eq!(ok(subject.store.resend(Work::Received, vec![(pair.received, NOW)]).await), [true]);
    assert_eq!(ok(subject.store.cancel(Work::Received, vec![pair.received], NOW).await), [true]);
}

/// By no query but that for an inbox; and direct ones can be left out.
pub async fn events_of_an_inbox_are_found_as_such_only(subject: &Subject) {
    subject.pair().await;
    let direct = new_event(NewEvent::json("a.b", &1)).tenant("acme").audience(Audience::Direct).seal(NOW);
    subject.append(append::<LaneId>(direct, &[], NOW)).await;
    let all = EventQuery::of("acme");
    let never_owed = EndpointId::generate(NOW);
    for all in [all.clone(), all.missing_at(never_owed)] {
        let found = async |query: EventQuery| -> Vec<Audience> {
            ok(subject.store.events(&query, Page::of(9)).await).into_iter().map(|event| event.audience).collect()
        };
        assert_eq!(found(all.clone()).await, [Audience::Subscribers, Audience::Direct]);
        for audience in [Audience::Subscribers, Audience::Direct, Audience::Inbox] {
            assert_eq!(found(all.clone().audience(audience)).await, [audience]);
        }
    }
}

/// Each kind has a retention of its own. Events that nobody was owed go by the same rule.
pub async fn prune_forgets_one_kind_of_work(subject: &Subject) {
    let pair = subject.pair().await;
    subject.finish_all(&pair).await;
    subject.append(append::<LaneId>(received("unwanted"), &[], NOW)).await;
    subject.append(append::<LaneId>(event_with_id("acme", "unwanted", "a"), &[], NOW)).await;
    let id = EventId::new("unwanted").unwrap_or_else(|error| panic!("{error}"));
    let old = Old::before(NOW + MINUTE * 60 * 24 * 30);
    for work in BOTH {
        while ok(subject.store.prune(work, old, 9).await) > 0 {}
        let (own, other) = (pair.of(work).1, pair.of(work.other()).1);
        assert!(ok(subject.store.delivery(work, own).await).is_none());
        assert!(!subject.has_event(work).await);
        assert!(ok(subject.store.event(work, &tenant("acme"), &id).await).is_none());
        let is_last = work == Work::Received;
        assert_eq!(ok(subject.store.delivery(work.other(), other).await).is_none(), is_last);
        assert_eq!(subject.has_event(work.other()).await, !is_last);
        let unwanted = ok(subject.store.event(work.other(), &tenant("acme"), &id).await);
        assert_eq!(unwanted.is_none(), is_last);
    }
    // The ids are free again, each in its own kind.
    for event in [received("order-1"), event_with_id("acme", "order-1", "b")] {
        assert_eq!(subject.append(append::<LaneId>(event, &[], NOW)).await, Appended::Stored);
    }
}

/// Payloads of the other kind stay.
pub async fn shed_forgets_one_kind_of_work(subject: &Subject) {
    let pair = subject.pair().await;
    subject.finish_all(&pair).await;
    let id = EventId::new("order-1").unwrap_or_else(|error| panic!("{error}"));
    let start = (Timestamp::from_micros(i64::MIN), DeliveryId::from_bytes([0; 16]));
    let payload = async |work| some(ok(subject.store.event(work, &tenant("acme"), &id).await)).payload.len();
    for work in BOTH {
        assert!(payload(work).await > 0);
        ok(subject.store.shed(work, start, NOW + MINUTE * 9, 9).await);
        assert_eq!(payload(work).await, 0);
    }
}

/// One at a time, the oldest first.
pub async fn a_queue_keeps_the_order_of_its_keys(subject: &Subject) {
    let queue = queue("0123456789abcde");
    let mut ids = Vec::new();
    for n in 0..2 {
        let event = NewEvent::raw("a.b", "application/octet-stream", "x").and_then(|event| event.ordered_by("key"));
        let id = EventId::new(format!("order-{n}")).unwrap_or_else(|error| panic!("{error}"));
        let event = new_event(event).tenant("acme").id(id).received(Origin::of("shop")).seal(NOW);
        let append = append(event, &[queue], NOW);
        ids.push(one(append.deliveries.clone()).id);
        subject.append(append).await;
    }
    for id in ids {
        let leased = one(subject.claim(queue, 9, NOW + MINUTE).await);
        assert_eq!(leased.lease.delivery, id);
        subject.settle(&leased, Next::Delivered).await;
    }
    assert!(subject.claim(queue, 9, NOW + MINUTE).await.is_empty());
}
