//! Stored events; and the separation of sent and received work in one store.

use super::exact::{all_kinds_of_events, assert_same_event};
use super::given::{NOW, append, event_id, event_with_id, lane, ok, one, queue, received, some, tenant, unwanted};
use super::subject::Subject;
use crate::delivery::DeliveryState;
use crate::event::{Audience, Event};
use crate::id::{DeliveryId, LaneId, Work};
use crate::retry::Decision;
use crate::store::{Appended, DeliveryQuery, History, Outbox, Page};

pub(super) const BOTH: [Work; 2] = [Work::Sent, Work::Received];

/// One delivery of each kind. Their events have the same tenant and the same id.
pub(super) struct Pair {
    pub(super) endpoint: LaneId,
    pub(super) queue: LaneId,
    pub(super) sent: DeliveryId,
    pub(super) received: DeliveryId,
}

impl Pair {
    pub(super) fn of(&self, work: Work) -> (LaneId, DeliveryId) {
        match work {
            Work::Sent => (self.endpoint, self.sent),
            Work::Received => (self.queue, self.received),
        }
    }
}

impl<S: Outbox + ?Sized> Subject<S> {
    pub(super) async fn pair(&self) -> Pair {
        let (endpoint, queue) = (lane(), queue("all"));
        let sent = append(event_with_id("acme", "order-1", "a"), &[endpoint], NOW);
        let received = append(received("order-1"), &[queue], NOW);
        let ids = [one(sent.deliveries.clone()).id, one(received.deliveries.clone()).id];
        assert_eq!(ok(self.store.append(vec![sent, received]).await), [Appended::Stored, Appended::Stored]);
        Pair { endpoint, queue, sent: ids[0], received: ids[1] }
    }

    pub(super) async fn finish_all(&self, pair: &Pair) {
        for lane in [pair.endpoint, pair.queue] {
            let leased = one(self.claim(lane, 9, NOW).await);
            self.settle(&leased, Decision::Delivered).await;
        }
    }
}

/// An event is read back as it was appended, the payload byte for byte, and only by its tenant.
pub(super) async fn an_event_reads_back_whole<S: Outbox + History + ?Sized>(subject: &Subject<S>) {
    let events = all_kinds_of_events();
    ok(subject.store.append(events.iter().cloned().map(unwanted).collect()).await);
    for event in events {
        let kept = some(subject.event_of(&event).await);
        assert_same_event(&kept, &event);
        let other = Event { tenant: tenant("another tenant"), ..event.clone() };
        assert!(subject.event_of(&other).await.is_none(), "another tenant's");
        let upper = Event { tenant: tenant(&event.tenant.as_str().to_uppercase()), ..event.clone() };
        assert_eq!(subject.event_of(&upper).await.is_some(), upper.tenant == event.tenant, "in another case");
    }
}

/// A received event is read back complete, by its id and by the claim that returns it.
pub(super) async fn a_received_event_reads_back_whole<S: Outbox + History + ?Sized>(subject: &Subject<S>) {
    let event = received("order-1");
    subject.append(append(event.clone(), &[queue("all")], NOW)).await;
    let kept = some(subject.event_of(&event).await);
    assert_same_event(&kept, &event);
    let origin = some(kept.origin.clone());
    assert_eq!((origin.event_id.as_deref(), origin.header("X-Topic")), (Some("größe/1"), Some("orders/paid")));
    let claimed = one(subject.claim(queue("all"), 1, NOW).await);
    assert_eq!((claimed.event.audience, &claimed.event.origin), (Audience::Inbox, &event.origin));
}

/// Events, deliveries, attempts, lists and counts contain one kind of work.
pub(super) async fn history_shows_one_kind_of_work<S: Outbox + History + ?Sized>(subject: &Subject<S>) {
    let pair = subject.pair().await;
    subject.finish_all(&pair).await;
    let id = event_id("order-1");
    for work in BOTH {
        let (lane, own) = pair.of(work);
        let (_, other) = pair.of(work.other());
        assert!(ok(subject.store.delivery(work, other).await).is_none());
        assert!(ok(subject.store.attempts(work, &[other]).await).concat().is_empty());
        assert_eq!(some(ok(subject.store.delivery(work, own).await)).lane, lane);
        assert_eq!(ok(subject.store.attempts(work, &[own]).await).concat().len(), 1);
        let event = some(ok(subject.store.event(work, &tenant("acme"), &id).await));
        assert_eq!(event.audience.work(), work);
        let of = || DeliveryQuery { work, ..DeliveryQuery::default() };
        let queries = [
            of(),
            DeliveryQuery { tenant: Some(tenant("acme")), ..of() },
            DeliveryQuery { tenant: Some(tenant("acme")), event: Some(id.clone()), ..of() },
            DeliveryQuery { state: Some(DeliveryState::Delivered), ..of() },
            DeliveryQuery { lane: Some(lane), ..of() },
            DeliveryQuery { from: Some(NOW), to: Some(NOW + super::given::MINUTE), ..of() },
        ];
        for query in queries {
            let listed = ok(subject.second.deliveries(&query, Page::default()).await).items;
            assert_eq!(one(listed).id, own, "{query:?}");
        }
        assert_eq!(ok(subject.store.counts(work, None).await).delivered, 1);
        assert_eq!(ok(subject.store.counts(work, Some(lane)).await).delivered, 1);
    }
}

/// A lane of one kind in a query for the other kind matches nothing.
pub(super) async fn a_query_for_a_lane_of_the_other_kind_finds_nothing<S: Outbox + History + ?Sized>(
    subject: &Subject<S>,
) {
    let pair = subject.pair().await;
    for work in BOTH {
        let (lane, _) = pair.of(work.other());
        let query = DeliveryQuery { lane: Some(lane), work, ..DeliveryQuery::default() };
        assert!(ok(subject.second.deliveries(&query, Page::default()).await).items.is_empty());
        assert_eq!(ok(subject.store.counts(work, Some(lane)).await).pending, 0);
    }
}
