//! The invariants that must hold after a run.

use std::collections::HashMap;

use hookwire::delivery::DeliveryState;
use hookwire::id::Work;
use hookwire::retry::{FailReason, RetryPolicy};
use hookwire::store::{EventQuery, History, Page};

use super::world::{Sent, World, policy};

pub async fn judge(world: &World) {
    let known = std::mem::take(&mut *world.known.lock().unwrap());
    let store = world.store.inner().clone();
    let most = policy().max_attempts();
    let by_delivery = |id| known.sent.iter().filter(move |sent| sent.delivery == id);
    for (id, (event, _)) in &known.acknowledged {
        let delivery = store.delivery(Work::Sent, *id).await.unwrap().expect("I1: an acknowledged delivery is there");
        assert!(delivery.state.is_final(), "I1, I6: {delivery:?} after hours without faults");
        assert_eq!(delivery.event, *event);
        let sends = by_delivery(*id).count();
        assert!(sends <= most as usize, "I3: {sends} sends of {id}");
        // I8, one direction: the receiver has seen every event that the store recorded as delivered.
        let seen = by_delivery(*id).any(|sent| sent.succeeded);
        if delivery.state == DeliveryState::Delivered {
            assert!(seen, "I8: {id} was recorded as delivered and the receiver has not seen it");
        } else {
            assert!(delivery.reason.is_some(), "I1: {id} is {:?} without a reason", delivery.state);
        }
        // I8, the other direction: every success that the store recorded was seen by the receiver in the same attempt.
        let attempts = store.attempts(Work::Sent, &[*id]).await.unwrap().concat();
        for attempt in attempts.iter().filter(|attempt| attempt.outcome.is_success()) {
            assert!(by_delivery(*id).any(|sent| sent.succeeded && sent.attempt == attempt.number), "I8: {attempt:?}");
        }
        if let Some((state, at)) = known.finals.get(id) {
            assert_eq!((delivery.state, delivery.finished_at), (*state, *at), "I5: {id} changed");
        }
    }
    for sent in &known.sent {
        assert!(known.attempted.contains(&sent.event), "I2: {sent:?}");
    }
    let stored = store.events(&EventQuery::of("default"), Page::of(10_000)).await.unwrap().items;
    let place: HashMap<_, _> = stored.iter().map(|event| (event.id.clone(), event.cursor)).collect();
    order(&known.sent, |sent| place[&sent.event]);
    // The run proves something only if enough requests were sent and some of them failed.
    assert!(known.sent.len() > 50 && known.sent.iter().any(|sent| !sent.succeeded), "{} sends", known.sent.len());
    let reasons = [FailReason::Exhausted, FailReason::Expired, FailReason::Poison, FailReason::Faults];
    for id in known.acknowledged.keys() {
        let delivery = store.delivery(Work::Sent, *id).await.unwrap().unwrap();
        let fits = delivery.reason.is_none_or(|reason| reason == FailReason::Superseded || reasons.contains(&reason));
        assert!(fits, "{delivery:?}");
    }
}

/// With the same key, no older event is sent after a newer one.
fn order(sent: &[Sent], place: impl Fn(&Sent) -> u64) {
    let mut newest: HashMap<_, u64> = HashMap::new();
    for sent in sent {
        let Some(order) = &sent.order else { continue };
        let (last, this) = (newest.entry((sent.endpoint, order.clone())).or_default(), place(sent));
        assert!(*last <= this, "{sent:?} came after a newer one of its key");
        *last = this;
    }
}
