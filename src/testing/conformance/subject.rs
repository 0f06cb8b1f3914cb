//! What a case works with.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::delivery::{Attempt, Delivery, Leased, NewDelivery, Next, Settlement};
use crate::endpoint::{Endpoint, EndpointState, NewEndpoint, Target};
use crate::event::{Event, NewEvent};
use crate::id::{DeliveryId, EndpointId, EventId, LaneId, Tenant, Work};
use crate::outcome::Outcome;
use crate::secret::{Key, Keyring};
use crate::store::{Append, Appended, Claim, Claimed, Dedup, LaneClaim, Settled, Store, StoreError};

/// When every case begins.
pub(super) const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
pub(super) const MINUTE: Duration = Duration::from_secs(60);
/// When a lease taken at [`NOW`] ends.
pub(super) const LEASED: Timestamp = Timestamp::from_secs(1_700_000_060);

/// An empty store, by two handles; and whatever has to live as long as it does.
#[derive(Debug)]
pub struct Subject {
    pub(super) store: Arc<dyn Store>,
    pub(super) second: Arc<dyn Store>,
    _keep: Box<dyn Any + Send + Sync>,
}

impl Subject {
    /// A store and a second handle to the same one: where the backend can be opened twice, opened a second time.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, second: Arc<dyn Store>) -> Self {
        Self { store, second, _keep: Box::new(()) }
    }

    /// Keeps something alive until the case has ended, such as a temporary directory.
    #[must_use]
    pub fn keeping(mut self, keep: impl Any + Send + Sync) -> Self {
        self._keep = Box::new(keep);
        self
    }

    pub(super) async fn append(&self, append: Append) -> Appended {
        one(ok(self.store.append(vec![append]).await))
    }

    /// Appends one event with one pending delivery.
    pub(super) async fn owe(&self, lane: impl Into<LaneId>) -> DeliveryId {
        self.owe_at(lane, NOW).await
    }

    pub(super) async fn owe_at(&self, lane: impl Into<LaneId>, now: Timestamp) -> DeliveryId {
        let append = append(event("acme"), &[lane.into()], now);
        let id = one(append.deliveries.clone()).id;
        assert_eq!(self.append(append).await, Appended::Stored);
        id
    }

    pub(super) async fn claim(&self, lane: impl Into<LaneId>, max: u32, now: Timestamp) -> Vec<Leased> {
        self.claim_lanes(&[(lane.into(), max)], now).await.leased
    }

    pub(super) async fn claim_lanes<L: Into<LaneId> + Copy>(&self, lanes: &[(L, u32)], now: Timestamp) -> Claimed {
        ok(self.store.claim(claim(lanes, now)).await)
    }

    /// Owes one delivery to a fresh lane and claims it.
    pub(super) async fn leased(&self) -> Leased {
        let lane = lane();
        self.owe(lane).await;
        one(self.claim(lane, 1, NOW).await)
    }

    pub(super) async fn settle(&self, leased: &Leased, next: Next) -> Settled {
        one(ok(self.store.settle(vec![settlement(leased, next)]).await))
    }

    pub(super) async fn delivery(&self, id: DeliveryId) -> Delivery {
        some(ok(self.store.delivery(Work::Sent, id).await))
    }

    pub(super) async fn put(&self, endpoint: &Endpoint) {
        assert_eq!(ok(self.store.put(endpoint.clone()).await), crate::store::Put::Stored);
    }

    /// A stored, enabled endpoint.
    pub(super) async fn endpoint(&self) -> Endpoint {
        let endpoint = endpoint("acme");
        self.put(&endpoint).await;
        endpoint
    }

    /// Stores the endpoint as disabled.
    pub(super) async fn disable(&self, endpoint: &Endpoint) -> Endpoint {
        let mut disabled = Endpoint { version: endpoint.version + 1, ..endpoint.clone() };
        disabled.state = EndpointState::Disabled { reason: crate::endpoint::DisableReason::Requested, at: NOW };
        self.put(&disabled).await;
        disabled
    }
}

/// An empty dedup store, by two handles.
#[derive(Debug)]
pub struct DedupSubject {
    pub(super) store: Arc<dyn Dedup>,
    pub(super) second: Arc<dyn Dedup>,
    pub(super) forgets_by_itself: bool,
    _keep: Box<dyn Any + Send + Sync>,
}

impl DedupSubject {
    /// A store and a second handle to the same one.
    #[must_use]
    pub fn new(store: Arc<dyn Dedup>, second: Arc<dyn Dedup>) -> Self {
        Self { store, second, forgets_by_itself: false, _keep: Box::new(()) }
    }

    /// What has expired goes by itself, by the backend's own clock: pruning finds nothing to do.
    #[must_use]
    pub const fn forgetting_by_itself(mut self) -> Self {
        self.forgets_by_itself = true;
        self
    }

    /// Keeps something alive until the case has ended.
    #[must_use]
    pub fn keeping(mut self, keep: impl Any + Send + Sync) -> Self {
        self._keep = Box::new(keep);
        self
    }
}

/// A lane of an endpoint that no directory knows.
pub(super) fn lane() -> LaneId {
    EndpointId::generate(NOW).into()
}

pub(super) fn event(tenant: &str) -> Event {
    let data = serde_json::json!({ "text": "größer", "null": "\u{0}" });
    new_event(NewEvent::json("invoice.paid", &data)).tenant(tenant).seal(NOW)
}

/// An event under a chosen id, told from others under the same by `data`.
pub(super) fn event_with_id(tenant: &str, id: &str, data: &str) -> Event {
    let id = EventId::new(id).unwrap_or_else(|error| panic!("{error}"));
    new_event(NewEvent::json("invoice.paid", data)).tenant(tenant).id(id).seal(NOW)
}

pub(super) fn new_event(event: Result<NewEvent, crate::event::EventError>) -> NewEvent {
    event.unwrap_or_else(|error| panic!("{error}"))
}

pub(super) fn append<L: Into<LaneId> + Copy>(event: Event, lanes: &[L], now: Timestamp) -> Append {
    let delivery = |lane: &L| NewDelivery { id: DeliveryId::generate(now), lane: (*lane).into(), leased_until: None };
    Append { event: Arc::new(event), deliveries: lanes.iter().map(delivery).collect(), now }
}

pub(super) fn claim<L: Into<LaneId> + Copy>(lanes: &[(L, u32)], now: Timestamp) -> Claim {
    let lanes = lanes.iter().map(|(lane, max)| LaneClaim { lane: (*lane).into(), max: *max }).collect();
    Claim { lanes, now, until: now + MINUTE }
}

pub(super) fn settlement(leased: &Leased, next: Next) -> Settlement {
    let outcome = if next == Next::Delivered { Outcome::Status(200) } else { Outcome::Status(500) };
    let attempt = Attempt::new(leased.attempt, NOW, Duration::from_micros(1_234), outcome)
        .with_excerpt(Some("größer than \"that\"".into()));
    Settlement::of(leased, next, NOW + MINUTE / 2).with_attempt(attempt)
}

pub(super) fn endpoint(tenant: &str) -> Endpoint {
    let target = Target::parse("https://hooks.example.com/in?token=a%20b").unwrap_or_else(|error| panic!("{error}"));
    let keys = Keyring::new(Key::generate().unwrap_or_else(|error| panic!("{error}")));
    let new = NewEndpoint::at(target).tenant(tenant).events(["invoice.*", "user.made"]);
    Endpoint::new(new.unwrap_or_else(|error| panic!("{error}")), keys, NOW)
}

pub(super) fn tenant(name: &str) -> Tenant {
    Tenant::from(name)
}

/// The store was not in trouble.
pub(super) fn ok<T>(result: Result<T, StoreError>) -> T {
    result.unwrap_or_else(|error| panic!("the store failed: {error:?}"))
}

/// There was exactly one.
pub(super) fn one<T: std::fmt::Debug>(mut all: Vec<T>) -> T {
    match (all.pop(), all.is_empty()) {
        (Some(one), true) => one,
        (last, _) => panic!("expected exactly one, found {} more than {last:?}", all.len()),
    }
}

pub(super) fn some<T>(option: Option<T>) -> T {
    option.unwrap_or_else(|| panic!("expected something, found nothing"))
}
