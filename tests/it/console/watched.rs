//! A store with damaged records, which counts how often endpoints and lists of deliveries are read.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use hookwire::clock::Timestamp;
use hookwire::delivery::{Attempt, Delivery};
use hookwire::endpoint::Endpoint;
use hookwire::event::Event;
use hookwire::id::{DeliveryId, EndpointId, EventId, LaneId, Tenant, Work};
use hookwire::store::{
    Counts, DeliveryQuery, Directory, EventQuery, EventSummary, History, Listed, MemoryStore, Page, PutResult, Removal,
    StoreError, StoreErrorKind,
};

/// Calls that need a damaged record fail, as those of the other stores do.
#[derive(Clone, Debug, Default)]
pub struct Watched {
    inner: MemoryStore,
    deliveries: Arc<Mutex<Vec<DeliveryId>>>,
    attempts: Arc<Mutex<Vec<DeliveryId>>>,
    reads: Arc<AtomicUsize>,
    lists: Arc<AtomicUsize>,
    are_events_damaged: Arc<AtomicBool>,
    are_lists_damaged: Arc<AtomicBool>,
}

hookwire::delegate_store! {
    Watched, |watched| watched.inner;
    Outbox, Retention, Control, Staging, WorkerRegistry, Rollups, AuditLog, Diagnostics, BulkJobs
}

fn corrupt() -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt)
}

impl Watched {
    pub fn over(inner: MemoryStore) -> Self {
        Self { inner, ..Self::default() }
    }

    pub fn damage_delivery(&self, id: DeliveryId) {
        self.deliveries.lock().unwrap().push(id);
    }

    pub fn damage_attempts(&self, id: DeliveryId) {
        self.attempts.lock().unwrap().push(id);
    }

    /// Damages an event that each list of events contains.
    pub fn damage_events(&self) {
        self.are_events_damaged.store(true, Ordering::Relaxed);
    }

    /// Makes every list of deliveries fail, also one of a span without deliveries.
    pub fn damage_lists(&self) {
        self.are_lists_damaged.store(true, Ordering::Relaxed);
    }

    pub fn repair_deliveries(&self) {
        self.deliveries.lock().unwrap().clear();
    }

    /// How often a list of deliveries was read since the last call.
    pub fn lists(&self) -> usize {
        self.lists.swap(0, Ordering::Relaxed)
    }

    /// How often an endpoint was read since the last call.
    pub fn reads(&self) -> usize {
        self.reads.swap(0, Ordering::Relaxed)
    }

    fn is_damaged(&self, id: DeliveryId) -> bool {
        self.deliveries.lock().unwrap().contains(&id)
    }
}

#[async_trait]
impl History for Watched {
    async fn event(&self, work: Work, tenant: &Tenant, id: &EventId) -> Result<Option<Arc<Event>>, StoreError> {
        self.inner.event(work, tenant, id).await
    }

    async fn events(&self, query: &EventQuery, page: Page<u64>) -> Result<Listed<EventSummary, u64>, StoreError> {
        match self.are_events_damaged.load(Ordering::Relaxed) {
            true => Err(corrupt()),
            false => self.inner.events(query, page).await,
        }
    }

    async fn delivery(&self, work: Work, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
        if self.is_damaged(id) { Err(corrupt()) } else { self.inner.delivery(work, id).await }
    }

    /// Reads one delivery more than it returns, as the other stores do.
    async fn deliveries(&self, query: &DeliveryQuery, page: Page) -> Result<Listed<Delivery>, StoreError> {
        self.lists.fetch_add(1, Ordering::Relaxed);
        let mut longer = page;
        longer.limit += 1;
        let read = self.inner.deliveries(query, longer).await?;
        let are_damaged = self.are_lists_damaged.load(Ordering::Relaxed);
        if are_damaged || read.items.iter().any(|one| self.is_damaged(one.id)) {
            return Err(corrupt());
        }
        self.inner.deliveries(query, page).await
    }

    async fn attempts(&self, work: Work, ids: &[DeliveryId]) -> Result<Vec<Vec<Attempt>>, StoreError> {
        if ids.iter().any(|id| self.attempts.lock().unwrap().contains(id)) {
            return Err(corrupt());
        }
        self.inner.attempts(work, ids).await
    }

    async fn counts(&self, work: Work, lane: Option<LaneId>) -> Result<Counts, StoreError> {
        self.inner.counts(work, lane).await
    }

    async fn backlog(&self, lanes: &[LaneId], limit: u32) -> Result<u32, StoreError> {
        self.inner.backlog(lanes, limit).await
    }

    async fn oldest_due(&self, lanes: &[LaneId]) -> Result<Option<Timestamp>, StoreError> {
        self.inner.oldest_due(lanes).await
    }
}

#[async_trait]
impl Directory for Watched {
    async fn put(&self, endpoint: Endpoint) -> Result<PutResult, StoreError> {
        self.inner.put(endpoint).await
    }

    async fn create(&self, endpoint: Endpoint, limit: u32) -> Result<PutResult, StoreError> {
        self.inner.create(endpoint, limit).await
    }

    async fn get(&self, id: EndpointId) -> Result<Option<Arc<Endpoint>>, StoreError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
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
