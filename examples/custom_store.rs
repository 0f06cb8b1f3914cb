//! A store of your own: here one that wraps another and counts what is appended and settled. A whole new backend implements
//! the same five traits, and proves itself with `hookwire::store_conformance!`.
//!
//! `cargo run --example custom_store`
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use hookwire::clock::Timestamp;
use hookwire::delivery::{Attempt, Delivery, Lease, Settlement};
use hookwire::endpoint::{Endpoint, NewEndpoint};
use hookwire::event::{Event, NewEvent};
use hookwire::id::{DeliveryId, EndpointId, EventId, LaneId, Tenant, Work, WorkerId};
use hookwire::sender::Sender;
use hookwire::store::{
    Admit, Admitted, Append, Appended, Claim, Claimed, Control, Counts, DedupGroup, DeliveryQuery, Directory,
    EventQuery, EventSummary, Finished, History, Intake, LaneDue, MemoryStore, Old, Outbox, Owe, Page, Put, Removal,
    Roster, Settled, Staged, StoreError, Wakes,
};

#[derive(Clone, Debug, Default)]
struct Counting {
    inner: MemoryStore,
    appended: Arc<AtomicUsize>,
}

#[async_trait]
impl Outbox for Counting {
    async fn append(&self, batch: Vec<Append>) -> Result<Vec<Appended>, StoreError> {
        let appended = self.inner.append(batch).await?;
        let stored = appended.iter().filter(|one| **one == Appended::Stored).count();
        self.appended.fetch_add(stored, Ordering::Relaxed);
        Ok(appended)
    }
    async fn claim(&self, claim: Claim) -> Result<Claimed, StoreError> {
        self.inner.claim(claim).await
    }
    async fn settle(&self, batch: Vec<Settlement>) -> Result<Vec<Settled>, StoreError> {
        self.inner.settle(batch).await
    }
    async fn extend(&self, leases: Vec<Lease>, until: Timestamp) -> Result<Vec<Settled>, StoreError> {
        self.inner.extend(leases, until).await
    }
    async fn release(&self, leases: Vec<Lease>, due: Timestamp) -> Result<Vec<Settled>, StoreError> {
        self.inner.release(leases, due).await
    }
    async fn lanes(&self, work: Work, after: Option<LaneId>, limit: u32) -> Result<Vec<LaneDue>, StoreError> {
        self.inner.lanes(work, after, limit).await
    }
}

#[async_trait]
impl Directory for Counting {
    async fn put(&self, endpoint: Endpoint) -> Result<Put, StoreError> {
        self.inner.put(endpoint).await
    }
    async fn create(&self, endpoint: Endpoint, most: u32) -> Result<Put, StoreError> {
        self.inner.create(endpoint, most).await
    }
    async fn get(&self, id: EndpointId) -> Result<Option<Arc<Endpoint>>, StoreError> {
        self.inner.get(id).await
    }
    async fn list(
        &self,
        tenant: Option<&Tenant>,
        after: Option<EndpointId>,
        limit: u32,
    ) -> Result<Vec<Arc<Endpoint>>, StoreError> {
        self.inner.list(tenant, after, limit).await
    }
    async fn of_tenant(&self, tenant: &Tenant) -> Result<Vec<Arc<Endpoint>>, StoreError> {
        self.inner.of_tenant(tenant).await
    }
    async fn remove(&self, id: EndpointId, version: Option<u64>, now: Timestamp) -> Result<Removal, StoreError> {
        self.inner.remove(id, version, now).await
    }
}

#[async_trait]
impl History for Counting {
    async fn event(&self, work: Work, tenant: &Tenant, id: &EventId) -> Result<Option<Arc<Event>>, StoreError> {
        self.inner.event(work, tenant, id).await
    }
    async fn delivery(&self, work: Work, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
        self.inner.delivery(work, id).await
    }
    async fn deliveries(&self, query: &DeliveryQuery, page: Page) -> Result<Vec<Delivery>, StoreError> {
        self.inner.deliveries(query, page).await
    }
    async fn attempts(&self, work: Work, id: DeliveryId) -> Result<Vec<Attempt>, StoreError> {
        self.inner.attempts(work, id).await
    }
    async fn counts(&self, work: Work, lane: Option<LaneId>) -> Result<Counts, StoreError> {
        self.inner.counts(work, lane).await
    }
    async fn prune(&self, work: Work, old: Old, limit: u32) -> Result<u64, StoreError> {
        History::prune(&self.inner, work, old, limit).await
    }
    async fn shed(
        &self,
        work: Work,
        after: Finished,
        before: Timestamp,
        limit: u32,
    ) -> Result<Option<Finished>, StoreError> {
        self.inner.shed(work, after, before, limit).await
    }
}

#[async_trait]
impl Control for Counting {
    async fn resend(&self, work: Work, deliveries: Vec<(DeliveryId, Timestamp)>) -> Result<Vec<bool>, StoreError> {
        self.inner.resend(work, deliveries).await
    }
    async fn cancel(&self, work: Work, deliveries: Vec<DeliveryId>, now: Timestamp) -> Result<Vec<bool>, StoreError> {
        self.inner.cancel(work, deliveries, now).await
    }
    async fn owe(&self, batch: Vec<Owe>) -> Result<Vec<bool>, StoreError> {
        self.inner.owe(batch).await
    }
    async fn events(&self, query: &EventQuery, page: Page<u64>) -> Result<Vec<EventSummary>, StoreError> {
        self.inner.events(query, page).await
    }
    async fn expunge(&self, work: Work, tenant: &Tenant, event: &EventId, now: Timestamp) -> Result<bool, StoreError> {
        self.inner.expunge(work, tenant, event, now).await
    }
    async fn waiting(&self, lanes: &[LaneId], most: u32) -> Result<u32, StoreError> {
        self.inner.waiting(lanes, most).await
    }
    async fn forget_received(&self, tenant: &Tenant, groups: &[DedupGroup]) -> Result<Vec<u64>, StoreError> {
        self.inner.forget_received(tenant, groups).await
    }
}

#[async_trait]
impl Intake for Counting {
    async fn staged(&self, limit: u32, longest: usize) -> Result<Vec<Staged>, StoreError> {
        self.inner.staged(limit, longest).await
    }
    async fn admit(&self, batch: Vec<Admit>) -> Result<Vec<Admitted>, StoreError> {
        self.inner.admit(batch).await
    }
    fn wakes(&self) -> Wakes {
        self.inner.wakes()
    }
}

#[async_trait]
impl Roster for Counting {
    async fn attend(
        &self,
        crew: &'static str,
        worker: WorkerId,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<u32, StoreError> {
        self.inner.attend(crew, worker, now, until).await
    }
    async fn leave(&self, worker: WorkerId) -> Result<(), StoreError> {
        self.inner.leave(worker).await
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let store = Counting::default();
    let sender = Sender::builder(store.clone()).build()?;
    sender.endpoints().create(NewEndpoint::https("https://acme.example/hooks")?).await?;
    for n in 0..10 {
        sender.dispatch(NewEvent::json("number.counted", &n)?).await?;
    }
    let counted = store.appended.load(Ordering::Relaxed);
    println!("{counted} events appended, {} deliveries pending", sender.history().counts(None).await?.pending);
    if counted == 10 { Ok(()) } else { Err("an event was not counted".into()) }
}
