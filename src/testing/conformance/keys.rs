//! Ordering keys when deliveries are resent, added, held and released.

use std::sync::Arc;

use super::given::{LEASED, MINUTE, NOW, append, lane, new_event, ok, one, tenant, unwanted};
use super::subject::Subject;
use crate::clock::Timestamp;
use crate::delivery::{DeliveryState, Leased};
use crate::event::{Event, NewEvent};
use crate::id::{DeliveryId, EventId, LaneId, Work};
use crate::retry::{Decision, FailReason};
use crate::store::{AddDelivery, Append, Appended, Control, History, Outbox};

const HOLD: Decision = Decision::Hold { reason: FailReason::Exhausted };
const SUPERSEDED: (DeliveryState, Option<FailReason>) = (DeliveryState::Cancelled, Some(FailReason::Superseded));

/// The name of a key of both orders.
const KEY: &str = "cart-1";

fn event() -> NewEvent {
    new_event(NewEvent::json("cart.changed", &1)).tenant("acme")
}

/// One lane with events under one key.
struct Key<'a, S: ?Sized> {
    subject: &'a Subject<S>,
    lane: LaneId,
    latest: bool,
}

impl<'a, S: Outbox + History + Control + ?Sized> Key<'a, S> {
    fn fifo(subject: &'a Subject<S>) -> Self {
        Self { subject, lane: lane(), latest: false }
    }

    fn latest(subject: &'a Subject<S>) -> Self {
        Self { latest: true, ..Self::fifo(subject) }
    }

    fn event(&self) -> Event {
        let event = if self.latest { event().latest_by(KEY) } else { event().ordered_by(KEY) };
        new_event(event).seal(NOW)
    }

    /// Appends one more event with a delivery.
    async fn add(&self) -> DeliveryId {
        let append = append(self.event(), &[self.lane], NOW);
        let id = one(append.deliveries.clone()).id;
        assert_eq!(self.subject.append(append).await, Appended::Stored);
        id
    }

    /// Claims all due deliveries, at most one.
    async fn claim(&self, now: Timestamp) -> Option<Leased> {
        let mut claimed = self.subject.claim(self.lane, 9, now).await;
        assert!(claimed.len() <= 1, "one at a time: {claimed:?}");
        claimed.pop()
    }

    async fn settle(&self, id: DeliveryId, now: Timestamp, decision: Decision) {
        match self.claim(now).await {
            Some(leased) if leased.lease.delivery == id => drop(self.subject.settle(&leased, decision).await),
            other => panic!("expected {id}, claimed {other:?}"),
        }
    }

    async fn resend(&self, id: DeliveryId) {
        assert_eq!(ok(self.subject.store.resend(Work::Sent, vec![(id, NOW)]).await), [true]);
    }

    async fn cancel(&self, id: DeliveryId) {
        assert_eq!(ok(self.subject.store.cancel(Work::Sent, vec![id], NOW).await), [true]);
    }

    async fn shown(&self, id: DeliveryId) -> (DeliveryState, Option<FailReason>) {
        let delivery = self.subject.delivery(id).await;
        (delivery.state, delivery.reason)
    }

    /// All deliveries that are sent from now on, in order.
    async fn sent(&self) -> Vec<DeliveryId> {
        let mut sent = Vec::new();
        while let Some(leased) = self.claim(LEASED + MINUTE * 9).await {
            assert!(sent.len() < 9, "it ends: {sent:?}");
            sent.push(leased.lease.delivery);
            self.subject.settle(&leased, Decision::Delivered).await;
        }
        sent
    }
}

/// Equal names of the two orders are two keys: neither waits for the other, and neither supersedes the other.
pub(super) async fn fifo_and_latest_keys_are_apart<S>(subject: &Subject<S>)
where
    S: Outbox + History + Control + ?Sized,
{
    let (fifo, latest) = (Key::fifo(subject), Key::latest(subject));
    let latest = Key { lane: fifo.lane, ..latest };
    let [first, second] = [fifo.add().await, fifo.add().await];
    let newest = latest.add().await;
    let mut claimed: Vec<_> =
        subject.claim(fifo.lane, 9, NOW).await.iter().map(|leased| leased.lease.delivery).collect();
    claimed.sort();
    let mut expected = [first, newest];
    expected.sort();
    assert_eq!(claimed, expected);
    assert_eq!(fifo.shown(second).await, (DeliveryState::Pending, None));
}

/// The oldest event goes first, whenever its delivery was made or resent.
pub(super) async fn a_resent_older_delivery_goes_first<S>(subject: &Subject<S>)
where
    S: Outbox + History + Control + ?Sized,
{
    let key = Key::fifo(subject);
    let [first, second, third] = [key.add().await, key.add().await, key.add().await];
    key.settle(first, NOW, Decision::Delivered).await;
    key.resend(first).await;
    assert_eq!(subject.delivery(second).await.due, Timestamp::MAX, "it waits again");
    assert_eq!(key.sent().await, [first, second, third]);

    // The same for a delivery that is added to an older event.
    let key = Key::fifo(subject);
    let old = key.event();
    subject.append(unwanted(old.clone())).await;
    let new = key.add().await;
    let added = add(&old.id, key.lane);
    assert_eq!(ok(subject.store.add_deliveries(vec![added.clone()]).await), [true]);
    assert_eq!(key.sent().await, [added.delivery, new]);
}

fn add(event: &EventId, lane: LaneId) -> AddDelivery {
    let delivery = DeliveryId::generate(NOW);
    AddDelivery { tenant: tenant("acme"), event: event.clone(), delivery, lane, due: NOW, now: NOW }
}

/// A lease is not taken away; if it ends with a retry, the older delivery goes first.
pub(super) async fn a_settled_delivery_lets_an_older_one_go_first<S>(subject: &Subject<S>)
where
    S: Outbox + History + Control + ?Sized,
{
    let key = Key::fifo(subject);
    let [first, second] = [key.add().await, key.add().await];
    key.settle(first, NOW, Decision::Delivered).await;
    let leased = key.claim(LEASED).await;
    key.resend(first).await;
    assert!(key.claim(LEASED).await.is_none(), "the second one is being sent");
    let Some(leased) = leased else { panic!("the second one is claimed") };
    subject.settle(&leased, Decision::retry(LEASED)).await;
    assert_eq!(key.sent().await, [first, second]);
}

/// A newer state never waits behind an older one that is not being sent.
pub(super) async fn latest_supersedes_what_is_held<S>(subject: &Subject<S>)
where
    S: Outbox + History + Control + ?Sized,
{
    let key = Key::latest(subject);
    let old = key.add().await;
    key.settle(old, NOW, HOLD).await;
    let new = key.add().await;
    assert_eq!(key.shown(old).await, SUPERSEDED);
    assert_eq!(key.sent().await, [new]);

    // The same if the newer one arrived before the decision.
    let key = Key::latest(subject);
    let old = key.add().await;
    let leased = key.claim(NOW).await;
    let new = key.add().await;
    subject.settle(&leased.unwrap_or_else(|| panic!("it is claimed")), HOLD).await;
    assert_eq!(key.shown(old).await, SUPERSEDED);
    assert_eq!(key.sent().await, [new]);
}

/// Every older delivery that is not leased is superseded, whatever has happened to it.
pub(super) async fn latest_supersedes_what_was_resent<S>(subject: &Subject<S>)
where
    S: Outbox + History + Control + ?Sized,
{
    let held = Key::latest(subject);
    let old = held.add().await;
    held.settle(old, NOW, HOLD).await;
    held.resend(old).await;

    let cancelled = Key::latest(subject);
    let gone = cancelled.add().await;
    cancelled.cancel(gone).await;
    cancelled.resend(gone).await;

    let released = Key::latest(subject);
    let untried = released.add().await;
    let lease = released.claim(NOW).await.map(|leased| leased.lease);
    ok(subject.store.release(lease.into_iter().collect(), NOW).await);

    let retried = Key::latest(subject);
    let failed = retried.add().await;
    retried.settle(failed, NOW, Decision::retry(LEASED)).await;
    let lease = retried.claim(LEASED).await.map(|leased| leased.lease);
    ok(subject.store.release(lease.into_iter().collect(), LEASED).await);

    for (key, old) in [(held, old), (cancelled, gone), (released, untried), (retried, failed)] {
        let new = key.add().await;
        assert_eq!(key.shown(old).await, SUPERSEDED);
        assert_eq!(key.sent().await, [new]);
    }
}

/// A released delivery is superseded like a retry: it is no longer being sent, and a newer one exists.
pub(super) async fn a_release_supersedes_an_overtaken_latest<S>(subject: &Subject<S>)
where
    S: Outbox + History + Control + ?Sized,
{
    let key = Key::latest(subject);
    let old = key.add().await;
    let lease = key.claim(NOW).await.map(|leased| leased.lease);
    let new = key.add().await;
    assert!(key.claim(NOW).await.is_none(), "one at a time");
    ok(subject.store.release(lease.into_iter().collect(), NOW).await);
    assert_eq!(key.shown(old).await, SUPERSEDED);
    assert_eq!(key.sent().await, [new]);
}

/// Replaying an older event does not cancel the newest state, and is not sent after it.
pub(super) async fn an_older_latest_never_takes_the_place_of_the_newest<S>(subject: &Subject<S>)
where
    S: Outbox + History + Control + ?Sized,
{
    // A delivery that is added to the older event.
    let key = Key::latest(subject);
    let old = key.event();
    subject.append(unwanted(old.clone())).await;
    let new = key.add().await;
    let added = add(&old.id, key.lane);
    assert_eq!(ok(subject.store.add_deliveries(vec![added.clone()]).await), [true]);
    assert_eq!(key.shown(added.delivery).await, SUPERSEDED);
    assert_eq!(key.sent().await, [new]);

    // A delivery of the older event that is resent; the newer one waits, is held, or is being sent.
    for ends in [None, Some(HOLD)] {
        let key = Key::latest(subject);
        let old = key.add().await;
        key.settle(old, NOW, Decision::Fail { reason: FailReason::Exhausted }).await;
        let new = key.add().await;
        if let Some(decision) = ends {
            key.settle(new, NOW, decision).await;
        }
        key.resend(old).await;
        assert_eq!(key.shown(old).await, SUPERSEDED);
        if ends.is_some() {
            assert_eq!(key.sent().await, [], "the newest waits for the operator");
            key.resend(new).await;
        }
        assert_eq!(key.sent().await, [new]);
    }

    // If no newer one is left, the resent delivery is sent, as requested.
    let key = Key::latest(subject);
    let [old, new] = [key.add().await, key.add().await];
    assert_eq!(key.sent().await, [new]);
    key.resend(old).await;
    assert_eq!(key.sent().await, [old]);
}

/// It is unknown whether the delivery was sent, so it is sent again, and the newest after it.
pub(super) async fn an_ended_lease_of_an_overtaken_latest_is_claimed_again<S>(subject: &Subject<S>)
where
    S: Outbox + History + Control + ?Sized,
{
    let key = Key::latest(subject);
    let old = key.add().await;
    assert!(key.claim(NOW).await.is_some());
    let new = key.add().await;
    assert_eq!(key.shown(old).await.0, DeliveryState::Pending);
    assert_eq!(key.sent().await, [old, new]);
}

/// Several deliveries of a batch under one key are ordered as in the batch.
pub(super) async fn a_batch_under_one_key_counts_in_order<S>(subject: &Subject<S>)
where
    S: Outbox + History + Control + ?Sized,
{
    for key in [Key::fifo(subject), Key::latest(subject)] {
        let appends: Vec<Append> = (0..3)
            .map(|_| append(key.event(), &[key.lane], NOW))
            .map(|append| Append { event: Arc::clone(&append.event), ..append })
            .collect();
        let ids: Vec<_> = appends.iter().flat_map(|append| append.deliveries.iter().map(|new| new.id)).collect();
        assert_eq!(ok(subject.store.append(appends).await), [Appended::Stored; 3]);
        let expected = ids.iter().skip(if key.latest { 2 } else { 0 });
        assert_eq!(key.sent().await, expected.copied().collect::<Vec<_>>());
    }
}
