//! The store that a case checks.

use std::any::Any;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use super::given::{NOW, append, claim, endpoint, event, lane, next_version, ok, one, settlement, some};
use crate::clock::Timestamp;
use crate::delivery::{Delivery, Leased};
use crate::endpoint::{DisableReason, Endpoint, EndpointState};
use crate::event::{Event, NewEvent};
use crate::id::{DeliveryId, EndpointId, LaneId, Work};
use crate::retry::Decision;
use crate::store::{Append, Appended, Claimed, Directory, History, Outbox, PutResult, Settled};

/// Writes one event into the table of the transactional outbox and commits.
type Stage = Box<dyn Fn(NewEvent) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// An empty store that a case checks, through two handles. `S` is the store: its type needs only the roles that are checked.
///
/// ```
/// use std::sync::Arc;
/// use hookwire::store::MemoryStore;
/// use hookwire::testing::conformance::{Subject, outbox};
///
/// # #[tokio::main] async fn main() {
/// let store = Arc::new(MemoryStore::new());
/// let subject = Subject::new(store.clone(), store);
/// let cases = outbox::<MemoryStore>();
/// let case = cases.iter().find(|case| case.name() == "append_of_the_same_event_is_a_duplicate").unwrap();
/// case.run(&subject).await; // panics if the store breaks the rule
/// # }
/// ```
pub struct Subject<S: ?Sized> {
    pub(super) store: Arc<S>,
    pub(super) second: Arc<S>,
    pub(super) forgets_by_itself: bool,
    stage: Option<Stage>,
    keep: Option<Box<dyn Any + Send + Sync>>,
}

impl<S: ?Sized> Subject<S> {
    /// An empty store and a second handle to it. If the backend can be opened twice, open it twice, as two processes would;
    /// otherwise give a clone.
    #[must_use]
    pub fn new(store: Arc<S>, second: Arc<S>) -> Self {
        Self { store, second, forgets_by_itself: false, stage: None, keep: None }
    }

    /// Keeps a value alive until the case has ended, such as a temporary directory.
    #[must_use]
    pub fn keeping(mut self, keep: impl Any + Send + Sync) -> Self {
        self.keep = Some(Box::new(keep));
        self
    }

    /// For the cases of `staging`: writes an event into the store's outbox table, as an application does in its own
    /// transaction, and commits.
    #[must_use]
    pub fn staging<F>(mut self, stage: impl Fn(NewEvent) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.stage = Some(Box::new(move |event| Box::pin(stage(event))));
        self
    }

    /// For the [`dedup`](super::dedup) cases: the backend removes expired records by its own clock, as Redis does, and `prune`
    /// removes nothing.
    #[must_use]
    pub const fn forgetting_by_itself(mut self) -> Self {
        self.forgets_by_itself = true;
        self
    }

    pub(super) async fn stage(&self, event: NewEvent) {
        let Some(stage) = &self.stage else { panic!("the cases of `staging` need `Subject::staging`") };
        stage(event).await;
    }

    /// One of the two handles, in turn.
    pub(super) fn handle(&self, turn: usize) -> Arc<S> {
        Arc::clone(if turn.is_multiple_of(2) { &self.store } else { &self.second })
    }
}

impl<S: ?Sized> fmt::Debug for Subject<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject").field("forgets_by_itself", &self.forgets_by_itself).finish_non_exhaustive()
    }
}

impl<S: Outbox + ?Sized> Subject<S> {
    pub(super) async fn append(&self, append: Append) -> Appended {
        one(ok(self.store.append(vec![append]).await))
    }

    /// Appends one event with one pending delivery.
    pub(super) async fn owe(&self, lane: impl Into<LaneId>) -> DeliveryId {
        self.owe_at(lane, NOW).await
    }

    pub(super) async fn owe_at(&self, lane: impl Into<LaneId>, now: Timestamp) -> DeliveryId {
        self.owe_event_at(event("acme"), lane, now).await
    }

    pub(super) async fn owe_event(&self, event: Event, lane: impl Into<LaneId>) -> DeliveryId {
        self.owe_event_at(event, lane, NOW).await
    }

    pub(super) async fn owe_event_at(&self, event: Event, lane: impl Into<LaneId>, now: Timestamp) -> DeliveryId {
        let append = append(event, &[lane.into()], now);
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

    /// The ids that a claim returns, in its order.
    pub(super) async fn claimed(&self, lane: impl Into<LaneId>, now: Timestamp) -> Vec<DeliveryId> {
        self.claim(lane, 99, now).await.iter().map(|leased| leased.lease.delivery).collect()
    }

    /// Appends one delivery for a new lane and claims it.
    pub(super) async fn leased(&self) -> Leased {
        let lane = lane();
        self.owe(lane).await;
        one(self.claim(lane, 1, NOW).await)
    }

    pub(super) async fn settle(&self, leased: &Leased, next: Decision) -> Settled {
        one(ok(self.store.settle(vec![settlement(leased, next)]).await))
    }

    /// Asserts that the delivery is due at this time, and not a microsecond earlier. It is then claimed.
    pub(super) async fn assert_due(&self, lane: LaneId, due: Timestamp) -> Leased {
        let early = self.claim(lane, 99, due - super::given::MICRO).await;
        assert!(early.is_empty(), "claimed a microsecond before it is due: {early:?}");
        one(self.claim(lane, 99, due).await)
    }
}

impl<S: Directory + ?Sized> Subject<S> {
    pub(super) async fn put(&self, endpoint: &Endpoint) {
        assert_eq!(ok(self.store.put(endpoint.clone()).await), PutResult::Stored);
    }

    /// Stores a new, enabled endpoint.
    pub(super) async fn endpoint(&self) -> Endpoint {
        let endpoint = endpoint("acme");
        self.put(&endpoint).await;
        endpoint
    }

    /// Stores the endpoint as disabled.
    pub(super) async fn disable(&self, endpoint: &Endpoint) -> Endpoint {
        let disabled = EndpointState::Disabled { reason: DisableReason::Requested, at: NOW };
        let disabled = Endpoint { state: disabled, ..next_version(endpoint) };
        self.put(&disabled).await;
        disabled
    }

    /// Stores the endpoint as enabled.
    pub(super) async fn enable(&self, endpoint: &Endpoint) -> Endpoint {
        let enabled = Endpoint { state: EndpointState::Enabled, ..next_version(endpoint) };
        self.put(&enabled).await;
        enabled
    }

    pub(super) async fn kept(&self, id: EndpointId) -> Endpoint {
        let kept = some(ok(self.second.get(id).await));
        Endpoint::clone(&kept)
    }
}

impl<S: History + ?Sized> Subject<S> {
    pub(super) async fn delivery(&self, id: DeliveryId) -> Delivery {
        some(ok(self.second.delivery(Work::Sent, id).await))
    }

    pub(super) async fn event_of(&self, event: &Event) -> Option<Arc<Event>> {
        ok(self.second.event(event.audience.work(), &event.tenant, &event.id).await)
    }

    /// The number of recorded attempts at the delivery.
    pub(super) async fn attempts(&self, id: DeliveryId) -> usize {
        ok(self.second.attempts(Work::Sent, &[id]).await).concat().len()
    }
}

/// Makes a loop over pages end even if the store repeats a page without end.
pub(super) fn assert_ends(rounds: usize) {
    assert!(rounds < 200, "the pages do not end");
}
