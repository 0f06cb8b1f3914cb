//! Rules that concern several roles at once.

use super::control::owed;
use super::given::{DAY, MINUTE, NOW, event, lane, ok, one, some, unwanted};
use super::subject::{Subject, assert_ends};
use crate::clock::Timestamp;
use crate::delivery::DeliveryState;
use crate::id::{DeliveryId, Work};
use crate::retry::{Decision, FailReason};
use crate::store::{FinishedCursor, RetentionCutoff, Store};

const START: FinishedCursor = (Timestamp::from_micros(i64::MIN), DeliveryId::from_bytes([0; 16]));

async fn prune_all<S: Store + ?Sized>(subject: &Subject<S>) {
    for round in 0.. {
        assert_ends(round);
        if ok(subject.store.prune(Work::Sent, RetentionCutoff::before(NOW + DAY * 40), 9).await) < 9 {
            break;
        }
    }
}

/// A resent delivery is no longer finished: retention keeps it and its payload.
pub(super) async fn a_resent_delivery_is_not_old<S: Store + ?Sized>(subject: &Subject<S>) {
    let leased = subject.leased().await;
    let id = leased.lease.delivery;
    subject.settle(&leased, Decision::Fail { reason: FailReason::Exhausted }).await;
    assert!(subject.resend(id, NOW).await);
    ok(subject.store.drop_payloads(Work::Sent, START, NOW + DAY * 40, 99).await);
    prune_all(subject).await;
    assert_eq!(subject.delivery(id).await.state, DeliveryState::Pending);
    let again = one(subject.claim(leased.lane, 1, NOW).await);
    assert_eq!(again.event.payload, leased.event.payload);
    subject.settle(&again, Decision::Delivered).await;
    prune_all(subject).await;
    assert!(ok(subject.store.delivery(Work::Sent, id).await).is_none(), "finished again, it is old");
}

/// An event without a payload is not sent again.
pub(super) async fn a_dropped_payload_is_never_sent<S: Store + ?Sized>(subject: &Subject<S>) {
    let leased = subject.leased().await;
    subject.settle(&leased, Decision::Delivered).await;
    ok(subject.store.drop_payloads(Work::Sent, START, NOW + DAY, 99).await);
    assert!(some(subject.event_of(&leased.event).await).payload.is_empty());
    assert!(!subject.resend(leased.lease.delivery, NOW).await);
    assert_eq!(ok(subject.store.add_deliveries(vec![owed(&leased.event.id, lane())]).await), [false]);
    assert!(ok(subject.store.lanes(Work::Sent, None, 9).await).is_empty());
}

/// A pruned delivery cannot be changed any more.
pub(super) async fn a_pruned_delivery_is_unknown<S: Store + ?Sized>(subject: &Subject<S>) {
    let leased = subject.leased().await;
    subject.settle(&leased, Decision::Delivered).await;
    prune_all(subject).await;
    let id = leased.lease.delivery;
    assert!(!subject.resend(id, NOW).await && !subject.cancel(id, NOW).await);
    assert_eq!(ok(subject.store.add_deliveries(vec![owed(&leased.event.id, lane())]).await), [false]);
    assert_eq!(ok(subject.store.counts(Work::Sent, None).await), crate::store::Counts::default());
}

/// An event without deliveries becomes old only when a delivery that was added to it has finished.
pub(super) async fn an_event_with_an_added_delivery_is_not_old<S: Store + ?Sized>(subject: &Subject<S>) {
    let (event, lane) = (event("acme"), lane());
    subject.append(unwanted(event.clone())).await;
    assert_eq!(ok(subject.store.add_deliveries(vec![owed(&event.id, lane)]).await), [true]);
    prune_all(subject).await;
    let leased = one(subject.claim(lane, 1, NOW + MINUTE).await);
    assert_eq!(leased.event.payload, event.payload);
    subject.settle(&leased, Decision::Delivered).await;
    prune_all(subject).await;
    assert!(subject.event_of(&event).await.is_none());
}

/// An expunged event is deleted with its last delivery, like every other event.
pub(super) async fn an_expunged_event_becomes_old<S: Store + ?Sized>(subject: &Subject<S>) {
    let leased = subject.leased().await;
    let event = &leased.event;
    assert!(ok(subject.store.expunge(Work::Sent, &event.tenant, &event.id, NOW).await));
    prune_all(subject).await;
    assert!(subject.event_of(event).await.is_none());
    assert!(ok(subject.store.delivery(Work::Sent, leased.lease.delivery).await).is_none());
    assert!(!ok(subject.store.expunge(Work::Sent, &event.tenant, &event.id, NOW).await), "its id is free");
}
