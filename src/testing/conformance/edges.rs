//! Edge cases: repeated ids, removed endpoints, reasons, tenants, endpoints without keys.

use super::given::{LEASED, NOW, append, endpoint, event, lane, ok, one, some, tenant, unwanted};
use super::subject::Subject;
use crate::delivery::{DeliveryState, NewDelivery};
use crate::endpoint::Endpoint;
use crate::id::{DeliveryId, Work};
use crate::retry::{Decision, FailReason};
use crate::secret::Keyring;
use crate::store::{
    AddDelivery, Append, Appended, Control, DeliveryQuery, Directory, History, Outbox, PutResult, StoreErrorKind,
};

/// A second delivery with the same id is refused, and nothing of the call is stored.
pub(super) async fn a_delivery_id_that_exists_is_invalid<S>(subject: &Subject<S>)
where
    S: Outbox + Directory + History + Control + ?Sized,
{
    let (here, there) = (lane(), lane());
    let taken = subject.owe(here).await;
    let repeated = || {
        let mut delivery = NewDelivery::new(there, NOW);
        delivery.id = taken;
        delivery
    };
    let (good, bad) = (event("acme"), event("acme"));
    let good_append = append(good.clone(), &[there], NOW);
    let bad_append = Append { deliveries: vec![repeated()], ..unwanted(bad) };
    let failed = subject.store.append(vec![good_append.clone(), bad_append]).await;
    assert_eq!(failed.map_err(|error| error.kind()), Err(StoreErrorKind::Invalid));
    assert!(ok(subject.store.event(Work::Sent, &good.tenant, &good.id).await).is_none(), "nothing is stored");
    assert_eq!(subject.append(good_append).await, Appended::Stored);

    let add = |delivery| AddDelivery {
        tenant: tenant("acme"),
        event: good.id.clone(),
        delivery,
        lane: there,
        due: NOW,
        now: NOW,
    };
    let failed = subject.store.add_deliveries(vec![add(DeliveryId::generate(NOW)), add(taken)]).await;
    assert_eq!(failed.map_err(|error| error.kind()), Err(StoreErrorKind::Invalid));
    let query = DeliveryQuery { lane: Some(there), ..DeliveryQuery::of(Work::Sent) };
    assert_eq!(ok(subject.store.deliveries(&query, Default::default()).await).items.len(), 1);
    assert_eq!(subject.delivery(taken).await.lane, here, "the first one is as it was");
}

/// A dispatch that ran before the removal was visible to it may still append. Nothing is sent, and history shows the delivery as cancelled.
pub(super) async fn pending_to_a_removed_endpoint_reads_as_cancelled<S>(subject: &Subject<S>)
where
    S: Outbox + Directory + History + Control + ?Sized,
{
    let endpoint = subject.endpoint().await;
    ok(subject.store.remove(endpoint.id, None, NOW).await);
    let id = subject.owe(endpoint.id).await;
    assert_eq!(subject.delivery(id).await.state, DeliveryState::Cancelled);
    for (state, expected) in [(DeliveryState::Pending, 0), (DeliveryState::Cancelled, 1)] {
        let query = DeliveryQuery { state: Some(state), ..DeliveryQuery::of(Work::Sent) };
        assert_eq!(ok(subject.store.deliveries(&query, Default::default()).await).items.len(), expected);
    }
    for lane in [None, Some(endpoint.id.into())] {
        let counts = ok(subject.store.counts(Work::Sent, lane).await);
        assert_eq!((counts.pending, counts.cancelled), (0, 1));
    }
    assert!(subject.claim(endpoint.id, 9, NOW).await.is_empty());
}

/// The reason explains the state; a cancellation by hand has no reason.
pub(super) async fn a_cancelled_delivery_has_no_reason<S>(subject: &Subject<S>)
where
    S: Outbox + Directory + History + Control + ?Sized,
{
    let hold = Decision::Hold { reason: FailReason::Exhausted };
    let endpoint = subject.endpoint().await;
    let mut ids = Vec::new();
    for lane in [lane(), endpoint.id.into()] {
        ids.push(subject.owe(lane).await);
        let leased = one(subject.claim(lane, 9, NOW).await);
        subject.settle(&leased, hold).await;
    }
    assert_eq!(ok(subject.store.cancel(Work::Sent, ids[..1].to_vec(), LEASED).await), [true]);
    ok(subject.store.remove(endpoint.id, None, LEASED).await);
    for id in ids {
        let cancelled = subject.delivery(id).await;
        assert_eq!((cancelled.state, cancelled.reason), (DeliveryState::Cancelled, None));
    }
}

/// A resend to a removed endpoint changes nothing, because the delivery would never be sent.
pub(super) async fn resend_to_a_removed_endpoint_changes_nothing<S>(subject: &Subject<S>)
where
    S: Outbox + Directory + History + Control + ?Sized,
{
    let endpoint = subject.endpoint().await;
    let event = event("acme");
    let append = append(event.clone(), &[endpoint.id], NOW);
    let id = one(append.deliveries.clone()).id;
    subject.append(append).await;
    let leased = one(subject.claim(endpoint.id, 9, NOW).await);
    subject.settle(&leased, Decision::Delivered).await;
    ok(subject.store.remove(endpoint.id, None, NOW).await);
    assert_eq!(ok(subject.store.resend(Work::Sent, vec![(id, NOW)]).await), [false]);
    assert_eq!(subject.delivery(id).await.state, DeliveryState::Delivered);
    let (delivery, lane) = (DeliveryId::generate(NOW), endpoint.id.into());
    let added = AddDelivery { tenant: tenant("acme"), event: event.id, delivery, lane, due: NOW, now: NOW };
    assert_eq!(ok(subject.store.add_deliveries(vec![added]).await), [false]);
    assert!(ok(subject.store.delivery(Work::Sent, delivery).await).is_none());
}

/// An endpoint never changes its tenant: its deliveries, keys and history belong to one tenant.
pub(super) async fn an_endpoint_keeps_its_tenant<S>(subject: &Subject<S>)
where
    S: Outbox + Directory + History + Control + ?Sized,
{
    let endpoint = subject.endpoint().await;
    let moved = Endpoint { tenant: tenant("umbrella"), version: endpoint.version + 1, ..endpoint.clone() };
    let put = subject.store.put(moved).await;
    assert_eq!(put.map_err(|error| error.kind()), Err(StoreErrorKind::Invalid));
    let kept = some(ok(subject.store.get(endpoint.id).await));
    assert_eq!((&kept.tenant, kept.version), (&endpoint.tenant, endpoint.version));
    assert!(ok(subject.store.of_tenant(&tenant("umbrella")).await).is_empty());
}

/// An endpoint may have no keys, for instance if the application's own scheme signs its requests, or if they are not signed.
pub(super) async fn an_endpoint_without_keys_reads_back<S>(subject: &Subject<S>)
where
    S: Outbox + Directory + History + Control + ?Sized,
{
    let made = Endpoint { keys: Keyring::empty(), ..endpoint("acme") };
    assert_eq!(ok(subject.store.put(made.clone()).await), PutResult::Stored);
    assert!(some(ok(subject.second.get(made.id).await)).keys.entries().is_empty());
    assert_eq!(ok(subject.store.of_tenant(&made.tenant).await).len(), 1);
    assert_eq!(ok(subject.store.list(None, None, 9).await).len(), 1);
}
