//! Test data for a store.

use std::sync::Arc;
use std::time::Duration;

use hookwire::clock::Timestamp;
use hookwire::delivery::{Attempt, Leased, NewDelivery, Settlement};
use hookwire::event::NewEvent;
use hookwire::id::EndpointId;
use hookwire::outcome::Outcome;
use hookwire::retry::Decision;
use hookwire::store::{Append, Claim};

pub(super) const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

/// One event of `bytes` bytes with a delivery to `lane`.
pub(super) fn append(lane: EndpointId, bytes: usize) -> Append {
    let event = NewEvent::raw("invoice.paid", "application/json", vec![b'1'; bytes]).unwrap().tenant("acme");
    let delivery = NewDelivery::new(lane, NOW);
    Append { event: Arc::new(event.seal(NOW)), deliveries: vec![delivery], now: NOW }
}

/// A claim of up to `max` deliveries of a lane, for a minute from `now`.
pub(super) fn claim(lane: EndpointId, max: u32, now: Timestamp) -> Claim {
    Claim { lanes: vec![(lane.into(), max)], now, until: now + Duration::from_secs(60) }
}

pub(super) fn delivered(leased: &Leased) -> Settlement {
    let attempt = Attempt::new(leased.attempt, NOW, Duration::from_millis(7), Outcome::Status(204));
    Settlement::of(leased, Decision::Delivered, NOW).with_attempt(attempt)
}
