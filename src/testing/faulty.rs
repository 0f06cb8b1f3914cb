//! A store that fails when it is told to.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::clock::Timestamp;
use crate::delivery::{Attempt, Delivery, Lease, Settlement};
use crate::endpoint::Endpoint;
use crate::event::Event;
use crate::id::{DeliveryId, EndpointId, EventId, Tenant};
use crate::store::{
    Admit, Admitted, Append, Appended, Claim, Claimed, Control, Counts, DeliveryQuery, Directory, EventQuery,
    EventSummary, History, Intake, LaneDue, Outbox, Owe, Page, Put, Settled, Staged, StoreError, StoreErrorKind,
};

/// How one call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Nothing is done, and the caller is told this.
    Refused(StoreErrorKind),
    /// It is done, but the answer is lost: the caller is told [`StoreErrorKind::Unknown`].
    AnswerLost,
}

/// A wrapper around a store that fails when it is told to, and otherwise passes every call on. Clones share the faults.
///
/// ```
/// use hookwire::id::{EventId, Tenant};
/// use hookwire::store::{History, MemoryStore, StoreErrorKind};
/// use hookwire::testing::{Fault, FaultyStore};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = FaultyStore::new(MemoryStore::new());
/// store.fail_next(Fault::Refused(StoreErrorKind::Full));
/// let id = EventId::new("order-1")?;
/// assert!(store.event(&Tenant::default(), &id).await.is_err());
/// assert!(store.event(&Tenant::default(), &id).await?.is_none());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct FaultyStore<S> {
    inner: S,
    faults: Arc<Mutex<VecDeque<Fault>>>,
}

impl<S> FaultyStore<S> {
    /// A wrapper that passes everything on until it is told otherwise.
    #[must_use]
    pub fn new(inner: S) -> Self {
        Self { inner, faults: Arc::default() }
    }

    /// Makes the next call fail; the one after it, when one was to fail already.
    pub fn fail_next(&self, fault: Fault) {
        self.faults().push_back(fault);
    }

    /// How many calls have still to fail.
    #[must_use]
    pub fn faults_left(&self) -> usize {
        self.faults().len()
    }

    fn faults(&self) -> MutexGuard<'_, VecDeque<Fault>> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn call<T>(&self, call: impl Future<Output = Result<T, StoreError>> + Send) -> Result<T, StoreError> {
        let fault = self.faults().pop_front();
        match fault {
            None => call.await,
            Some(Fault::Refused(kind)) => Err(StoreError::new(kind)),
            Some(Fault::AnswerLost) => {
                call.await?;
                Err(StoreError::new(StoreErrorKind::Unknown))
            }
        }
    }
}

#[async_trait]
impl<S: Outbox> Outbox for FaultyStore<S> {
    async fn append(&self, batch: Vec<Append>) -> Result<Vec<Appended>, StoreError> {
        self.call(self.inner.append(batch)).await
    }

    async fn claim(&self, claim: Claim) -> Result<Claimed, StoreError> {
        self.call(self.inner.claim(claim)).await
    }

    async fn settle(&self, batch: Vec<Settlement>) -> Result<Vec<Settled>, StoreError> {
        self.call(self.inner.settle(batch)).await
    }

    async fn extend(&self, leases: Vec<Lease>, until: Timestamp) -> Result<Vec<Settled>, StoreError> {
        self.call(self.inner.extend(leases, until)).await
    }

    async fn release(&self, leases: Vec<Lease>, due: Timestamp) -> Result<Vec<Settled>, StoreError> {
        self.call(self.inner.release(leases, due)).await
    }

    async fn lanes(&self, after: Option<EndpointId>, limit: u32) -> Result<Vec<LaneDue>, StoreError> {
        self.call(self.inner.lanes(after, limit)).await
    }
}

#[async_trait]
impl<S: Directory> Directory for FaultyStore<S> {
    async fn put(&self, endpoint: Endpoint) -> Result<Put, StoreError> {
        self.call(self.inner.put(endpoint)).await
    }

    async fn get(&self, id: EndpointId) -> Result<Option<Arc<Endpoint>>, StoreError> {
        self.call(self.inner.get(id)).await
    }

    async fn list(
        &self,
        tenant: Option<&Tenant>,
        after: Option<EndpointId>,
        limit: u32,
    ) -> Result<Vec<Arc<Endpoint>>, StoreError> {
        self.call(self.inner.list(tenant, after, limit)).await
    }

    async fn of_tenant(&self, tenant: &Tenant) -> Result<Vec<Arc<Endpoint>>, StoreError> {
        self.call(self.inner.of_tenant(tenant)).await
    }

    async fn remove(&self, id: EndpointId, now: Timestamp) -> Result<bool, StoreError> {
        self.call(self.inner.remove(id, now)).await
    }
}

#[async_trait]
impl<S: History> History for FaultyStore<S> {
    async fn event(&self, tenant: &Tenant, id: &EventId) -> Result<Option<Arc<Event>>, StoreError> {
        self.call(self.inner.event(tenant, id)).await
    }

    async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
        self.call(self.inner.delivery(id)).await
    }

    async fn deliveries(&self, query: &DeliveryQuery, page: Page) -> Result<Vec<Delivery>, StoreError> {
        self.call(self.inner.deliveries(query, page)).await
    }

    async fn attempts(&self, id: DeliveryId) -> Result<Vec<Attempt>, StoreError> {
        self.call(self.inner.attempts(id)).await
    }

    async fn counts(&self, endpoint: Option<EndpointId>) -> Result<Counts, StoreError> {
        self.call(self.inner.counts(endpoint)).await
    }

    async fn prune(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.call(self.inner.prune(before, limit)).await
    }
}

#[async_trait]
impl<S: Control> Control for FaultyStore<S> {
    async fn resend(&self, deliveries: Vec<DeliveryId>, due: Timestamp) -> Result<Vec<bool>, StoreError> {
        self.call(self.inner.resend(deliveries, due)).await
    }

    async fn cancel(&self, deliveries: Vec<DeliveryId>, now: Timestamp) -> Result<Vec<bool>, StoreError> {
        self.call(self.inner.cancel(deliveries, now)).await
    }

    async fn owe(&self, batch: Vec<Owe>) -> Result<Vec<bool>, StoreError> {
        self.call(self.inner.owe(batch)).await
    }

    async fn events(&self, query: &EventQuery, after: u64, limit: u32) -> Result<Vec<EventSummary>, StoreError> {
        self.call(self.inner.events(query, after, limit)).await
    }

    async fn expunge(&self, tenant: &Tenant, event: &EventId, now: Timestamp) -> Result<bool, StoreError> {
        self.call(self.inner.expunge(tenant, event, now)).await
    }
}

#[async_trait]
impl<S: Intake> Intake for FaultyStore<S> {
    async fn staged(&self, limit: u32) -> Result<Vec<Staged>, StoreError> {
        self.call(self.inner.staged(limit)).await
    }

    async fn admit(&self, batch: Vec<Admit>) -> Result<Vec<Admitted>, StoreError> {
        self.call(self.inner.admit(batch)).await
    }
}
