//! The values that the cases use.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::delivery::{Attempt, Leased, NewDelivery, Settlement};
use crate::endpoint::{Endpoint, NewEndpoint, Target};
use crate::event::{Event, NewEvent, Origin};
use crate::field::FieldError;
use crate::id::{DeliveryId, EndpointId, EventId, LaneId, QueueName, Tenant};
use crate::outcome::Outcome;
use crate::retry::Decision;
use crate::secret::{Key, Keyring};
use crate::store::{Append, Claim, StoreError};

/// The time at which every case begins. It is not a whole millisecond, so that a store that rounds times fails.
pub(super) const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_123_457);
/// The end of a lease that was taken at [`NOW`].
pub(super) const LEASED: Timestamp = Timestamp::from_micros(1_700_000_060_123_457);
pub(super) const MINUTE: Duration = Duration::from_secs(60);
pub(super) const DAY: Duration = Duration::from_secs(86_400);
/// The resolution of a [`Timestamp`].
pub(super) const MICRO: Duration = Duration::from_micros(1);

/// A lane of an endpoint that has no record.
pub(super) fn lane() -> LaneId {
    EndpointId::generate(NOW).into()
}

pub(super) fn queue(name: &str) -> LaneId {
    QueueName::new(name).unwrap_or_else(|error| panic!("{error}")).into()
}

pub(super) fn tenant(name: &str) -> Tenant {
    Tenant::from(name)
}

pub(super) fn event_id(text: &str) -> EventId {
    EventId::new(text).unwrap_or_else(|error| panic!("{error}"))
}

pub(super) fn event(tenant: &str) -> Event {
    let data = serde_json::json!({ "text": "größer", "null": "\u{0}" });
    new_event(NewEvent::json("invoice.paid", &data)).tenant(tenant).seal(NOW)
}

/// An event with the caller's id. `data` determines its fingerprint.
pub(super) fn event_with_id(tenant: &str, id: &str, data: &str) -> Event {
    new_event(NewEvent::json("invoice.paid", data)).tenant(tenant).id(event_id(id)).seal(NOW)
}

pub(super) fn fifo(key: &str) -> Event {
    new_event(new_event(NewEvent::json("cart.changed", &1)).ordered_by(key)).tenant("acme").seal(NOW)
}

pub(super) fn latest(key: &str) -> Event {
    new_event(new_event(NewEvent::json("cart.changed", &1)).latest_by(key)).tenant("acme").seal(NOW)
}

/// An event as an inbox stores it.
pub(super) fn received(id: &str) -> Event {
    let origin =
        Origin::new("shop").with_event(Some("größe/1"), Some("orders/paid")).with_headers([("x-topic", "orders/paid")]);
    let event = new_event(NewEvent::raw("orders_paid", "application/octet-stream", &b"\xff{}"[..]));
    event.tenant("acme").id(event_id(id)).received(origin).seal(NOW)
}

pub(super) fn new_event(event: Result<NewEvent, FieldError>) -> NewEvent {
    event.unwrap_or_else(|error| panic!("{error}"))
}

pub(super) fn append<L: Into<LaneId> + Copy>(event: Event, lanes: &[L], now: Timestamp) -> Append {
    let delivery = |lane: &L| NewDelivery { id: DeliveryId::generate(now), lane: (*lane).into(), leased_until: None };
    Append { event: Arc::new(event), deliveries: lanes.iter().map(delivery).collect(), now }
}

/// An event without deliveries.
pub(super) fn unwanted(event: Event) -> Append {
    append::<LaneId>(event, &[], NOW)
}

pub(super) fn claim<L: Into<LaneId> + Copy>(lanes: &[(L, u32)], now: Timestamp) -> Claim {
    let lanes = lanes.iter().map(|(lane, max)| ((*lane).into(), *max)).collect();
    Claim { lanes, now, until: now + MINUTE }
}

pub(super) fn settlement(leased: &Leased, next: Decision) -> Settlement {
    let outcome = if next == Decision::Delivered { Outcome::Status(200) } else { Outcome::Status(500) };
    Settlement::of(leased, next, NOW + MINUTE / 2).with_attempt(attempt(leased.attempt, outcome))
}

pub(super) fn attempt(number: u32, outcome: Outcome) -> Attempt {
    Attempt::new(number, NOW, Duration::from_micros(1_234), outcome).with_excerpt(Some("größer than \"that\"".into()))
}

pub(super) fn endpoint(tenant: &str) -> Endpoint {
    let target = Target::parse("https://hooks.example.com/in?token=a%20b").unwrap_or_else(|error| panic!("{error}"));
    let keys = Keyring::new(Key::generate().unwrap_or_else(|error| panic!("{error}")));
    let new = NewEndpoint::at(target).tenant(tenant).events(["invoice.*", "user.made"]);
    Endpoint::new(new.unwrap_or_else(|error| panic!("{error}")), keys, NOW)
}

/// The endpoint with its next version, as a caller puts it after a change.
pub(super) fn next_version(endpoint: &Endpoint) -> Endpoint {
    Endpoint { version: endpoint.version + 1, ..endpoint.clone() }
}

/// Asserts that the store call succeeded.
pub(super) fn ok<T>(result: Result<T, StoreError>) -> T {
    result.unwrap_or_else(|error| panic!("the store failed: {error:?}"))
}

/// Asserts that there is exactly one element, and returns it.
pub(super) fn one<T: std::fmt::Debug>(mut all: Vec<T>) -> T {
    match (all.pop(), all.is_empty()) {
        (Some(one), true) => one,
        (last, _) => panic!("expected exactly one, found {} and {last:?}", all.len()),
    }
}

/// Asserts that there is a value, and returns it.
pub(super) fn some<T>(option: Option<T>) -> T {
    option.unwrap_or_else(|| panic!("expected a value, found none"))
}

pub(super) fn sorted<T: Ord>(mut all: Vec<T>) -> Vec<T> {
    all.sort();
    all
}

/// Texts of at most 128 bytes that a database may treat as equal: by case, by trailing spaces, by accents, by Unicode normalization, or
/// because it truncates long texts.
pub(super) fn lookalikes() -> Vec<String> {
    let long = "x".repeat(127);
    ["acme", "ACME", "Acme", "acme ", " acme", "ácme", "a\u{301}cme", "acme\u{200b}", "ａcme", "strasse", "straße"]
        .map(String::from)
        .into_iter()
        .chain([format!("{long}a"), format!("{long}b"), long])
        .collect()
}
