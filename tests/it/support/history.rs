//! A history that one search does not examine to its end.

use std::sync::Arc;

use hookwire::clock::Timestamp;
use hookwire::delivery::NewDelivery;
use hookwire::event::NewEvent;
use hookwire::id::EndpointId;
use hookwire::store::{Append, MOST_EXAMINED, Outbox};

/// Stores one delivery of the type `rare.made` of tenant `acme`, and then more deliveries of other types than one search examines.
pub async fn fill(store: &impl Outbox, endpoint: EndpointId) {
    let first = Timestamp::from_secs(1_700_000_000);
    owe(store, endpoint, ("rare.made", 1), first).await;
    for turn in 0..=MOST_EXAMINED / 1_000 {
        owe(store, endpoint, ("invoice.paid", 1_000), first + std::time::Duration::from_secs(60) * (turn + 1)).await;
    }
}

async fn owe(store: &impl Outbox, endpoint: EndpointId, (event_type, deliveries): (&str, usize), now: Timestamp) {
    let event = NewEvent::json(event_type, &1).unwrap().tenant("acme").seal(now);
    let deliveries = (0..deliveries).map(|_| NewDelivery::new(endpoint, now)).collect();
    store.append(vec![Append { event: Arc::new(event), deliveries, now }]).await.unwrap();
}
