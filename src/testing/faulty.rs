//! A store whose calls fail on request of a test.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use crate::clock::Timestamp;
use crate::delivery::{Attempt, Delivery, Lease, Settlement};
use crate::endpoint::Endpoint;
use crate::event::Event;
use crate::id::{DeliveryId, EndpointId, EventId, LaneId, Tenant, Work, WorkerId};
use crate::store::{
    AddDelivery, Append, Appended, AuditEntry, AuditLog, AuditQuery, BulkJob, BulkJobs, ChangeListener, Claim, Claimed,
    Control, Counts, DedupGroup, DeliveryQuery, DiagnosticNote, Diagnostics, Directory, EventQuery, EventSummary,
    FailureList, FailureQuery, FinishedCursor, History, Import, ImportResult, Listed, Outbox, Page, Placement,
    Placements, PutResult, Removal, Retention, RetentionCutoff, Rollup, RollupGroup, RollupStep, Rollups, Settled,
    StagedRow, Staging, StoreError, StoreErrorKind, WorkerRegistry,
};
use crate::testing::random::Random;

/// How one call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The call changes nothing and fails with this kind of error.
    Refused(StoreErrorKind),
    /// The call takes effect, but fails with [`StoreErrorKind::Unknown`], as if the answer were lost.
    AnswerLost,
    /// The call succeeds after this time.
    Delayed(Duration),
}

#[derive(Debug, Default)]
struct Plan {
    /// The fault of each method that always fails, by the name of the method.
    every: HashMap<&'static str, Fault>,
    next: VecDeque<Fault>,
    /// Random faults, each with the number of calls in a thousand that have it.
    chances: Option<(Vec<(u16, Fault)>, Random)>,
    /// The number of calls of each method.
    calls: HashMap<&'static str, u64>,
}

impl Plan {
    fn draw(&mut self, call: &'static str) -> Option<Fault> {
        *self.calls.entry(call).or_default() += 1;
        if let Some(fault) = self.every.get(call) {
            return Some(*fault);
        }
        if let Some(fault) = self.next.pop_front() {
            return Some(fault);
        }
        let (chances, random) = self.chances.as_mut()?;
        let mut drawn = u16::try_from(random.below(1_000)).unwrap_or(0);
        for (share, fault) in chances {
            match drawn.checked_sub(*share) {
                Some(rest) => drawn = rest,
                None => return Some(*fault),
            }
        }
        None
    }
}

/// A wrapper around a store that passes every call on, unless a test has set a fault. Clones share the faults.
///
/// ```
/// use hookwire::id::{EventId, Tenant, Work};
/// use hookwire::store::{History, MemoryStore, StoreErrorKind};
/// use hookwire::testing::{Fault, FaultyStore};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = FaultyStore::new(MemoryStore::new());
/// store.fail_next(Fault::Refused(StoreErrorKind::Full));
/// let id = EventId::new("order-1")?;
/// assert!(store.event(Work::Sent, &Tenant::default(), &id).await.is_err());
/// assert!(store.event(Work::Sent, &Tenant::default(), &id).await?.is_none());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct FaultyStore<S> {
    inner: S,
    plan: Arc<Mutex<Plan>>,
}

impl<S> FaultyStore<S> {
    /// A wrapper without faults.
    #[must_use]
    pub fn new(inner: S) -> Self {
        Self { inner, plan: Arc::default() }
    }

    /// The inner store.
    pub const fn inner(&self) -> &S {
        &self.inner
    }

    /// Makes the next call fail. If it is called several times, that many calls fail, one after the other.
    pub fn fail_next(&self, fault: Fault) {
        self.plan().next.push_back(fault);
    }

    /// Makes every call of this method fail from now on, for instance `extend`. `None` ends that.
    pub fn fail_every(&self, method: &'static str, fault: Option<Fault>) {
        let every = &mut self.plan().every;
        match fault {
            Some(fault) => every.insert(method, fault),
            None => every.remove(method),
        };
    }

    /// The number of calls of this method, for instance `get`.
    #[must_use]
    pub fn calls(&self, method: &str) -> u64 {
        self.plan().calls.get(method).copied().unwrap_or_default()
    }

    /// The number of faults set by [`fail_next`](Self::fail_next) that have not occurred yet.
    #[must_use]
    pub fn faults_left(&self) -> usize {
        self.plan().next.len()
    }

    /// Makes calls fail at random from now on: each fault comes with the number of calls in a thousand that have it. The same seed and the
    /// same calls cause the same faults. An empty list ends that.
    ///
    /// ```
    /// use hookwire::store::{MemoryStore, StoreErrorKind};
    /// use hookwire::testing::{Fault, FaultyStore};
    ///
    /// let store = FaultyStore::new(MemoryStore::new());
    /// store.fail_by_chance(7, &[(15, Fault::Refused(StoreErrorKind::Unavailable)), (15, Fault::AnswerLost)]);
    /// ```
    pub fn fail_by_chance(&self, seed: u64, chances: &[(u16, Fault)]) {
        self.plan().chances = (!chances.is_empty()).then(|| (chances.to_vec(), Random::new(seed)));
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn call<T>(
        &self,
        name: &'static str,
        call: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let fault = self.plan().draw(name);
        match fault {
            None => call.await,
            Some(Fault::Delayed(delay)) => {
                tokio::time::sleep(delay).await;
                call.await
            }
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
        self.call("append", self.inner.append(batch)).await
    }

    async fn claim(&self, claim: Claim) -> Result<Claimed, StoreError> {
        self.call("claim", self.inner.claim(claim)).await
    }

    async fn settle(&self, batch: Vec<Settlement>) -> Result<Vec<Settled>, StoreError> {
        self.call("settle", self.inner.settle(batch)).await
    }

    async fn extend(&self, leases: Vec<Lease>, until: Timestamp) -> Result<Vec<Settled>, StoreError> {
        self.call("extend", self.inner.extend(leases, until)).await
    }

    async fn release(&self, leases: Vec<Lease>, due: Timestamp) -> Result<Vec<Settled>, StoreError> {
        self.call("release", self.inner.release(leases, due)).await
    }

    async fn lanes(
        &self,
        work: Work,
        after: Option<LaneId>,
        limit: u32,
    ) -> Result<Vec<(LaneId, Timestamp)>, StoreError> {
        self.call("lanes", self.inner.lanes(work, after, limit)).await
    }
}

#[async_trait]
impl<S: Directory> Directory for FaultyStore<S> {
    async fn put(&self, endpoint: Endpoint) -> Result<PutResult, StoreError> {
        self.call("put", self.inner.put(endpoint)).await
    }

    async fn create(&self, endpoint: Endpoint, most: u32) -> Result<PutResult, StoreError> {
        self.call("create", self.inner.create(endpoint, most)).await
    }

    async fn get(&self, id: EndpointId) -> Result<Option<Arc<Endpoint>>, StoreError> {
        self.call("get", self.inner.get(id)).await
    }

    async fn list(
        &self,
        tenant: Option<&Tenant>,
        after: Option<EndpointId>,
        limit: u32,
    ) -> Result<Vec<Arc<Endpoint>>, StoreError> {
        self.call("list", self.inner.list(tenant, after, limit)).await
    }

    async fn of_tenant(&self, tenant: &Tenant) -> Result<Vec<Arc<Endpoint>>, StoreError> {
        self.call("of_tenant", self.inner.of_tenant(tenant)).await
    }

    async fn remove(&self, id: EndpointId, version: Option<u64>, now: Timestamp) -> Result<Removal, StoreError> {
        self.call("remove", self.inner.remove(id, version, now)).await
    }
}

#[async_trait]
impl<S: History> History for FaultyStore<S> {
    async fn event(&self, work: Work, tenant: &Tenant, id: &EventId) -> Result<Option<Arc<Event>>, StoreError> {
        self.call("event", self.inner.event(work, tenant, id)).await
    }

    async fn events(&self, query: &EventQuery, page: Page<u64>) -> Result<Listed<EventSummary, u64>, StoreError> {
        self.call("events", self.inner.events(query, page)).await
    }

    async fn delivery(&self, work: Work, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
        self.call("delivery", self.inner.delivery(work, id)).await
    }

    async fn deliveries(&self, query: &DeliveryQuery, page: Page) -> Result<Listed<Delivery>, StoreError> {
        self.call("deliveries", self.inner.deliveries(query, page)).await
    }

    async fn attempts(&self, work: Work, ids: &[DeliveryId]) -> Result<Vec<Vec<Attempt>>, StoreError> {
        self.call("attempts", self.inner.attempts(work, ids)).await
    }

    async fn counts(&self, work: Work, lane: Option<LaneId>) -> Result<Counts, StoreError> {
        self.call("counts", self.inner.counts(work, lane)).await
    }

    async fn backlog(&self, lanes: &[LaneId], most: u32) -> Result<u32, StoreError> {
        self.call("backlog", self.inner.backlog(lanes, most)).await
    }

    async fn oldest_due(&self, lanes: &[LaneId]) -> Result<Option<Timestamp>, StoreError> {
        self.call("oldest_due", self.inner.oldest_due(lanes)).await
    }
}

#[async_trait]
impl<S: Retention> Retention for FaultyStore<S> {
    async fn prune(&self, work: Work, old: RetentionCutoff, limit: u32) -> Result<u64, StoreError> {
        self.call("prune", self.inner.prune(work, old, limit)).await
    }

    async fn drop_payloads(
        &self,
        work: Work,
        after: FinishedCursor,
        before: Timestamp,
        limit: u32,
    ) -> Result<Option<FinishedCursor>, StoreError> {
        self.call("drop_payloads", self.inner.drop_payloads(work, after, before, limit)).await
    }
}

#[async_trait]
impl<S: Control> Control for FaultyStore<S> {
    async fn resend(&self, work: Work, deliveries: Vec<(DeliveryId, Timestamp)>) -> Result<Vec<bool>, StoreError> {
        self.call("resend", self.inner.resend(work, deliveries)).await
    }

    async fn cancel(&self, work: Work, deliveries: Vec<DeliveryId>, now: Timestamp) -> Result<Vec<bool>, StoreError> {
        self.call("cancel", self.inner.cancel(work, deliveries, now)).await
    }

    async fn add_deliveries(&self, batch: Vec<AddDelivery>) -> Result<Vec<bool>, StoreError> {
        self.call("add_deliveries", self.inner.add_deliveries(batch)).await
    }

    async fn expunge(&self, work: Work, tenant: &Tenant, event: &EventId, now: Timestamp) -> Result<bool, StoreError> {
        self.call("expunge", self.inner.expunge(work, tenant, event, now)).await
    }

    async fn forget_received(&self, tenant: &Tenant, groups: &[DedupGroup]) -> Result<Vec<u64>, StoreError> {
        self.call("forget_received", self.inner.forget_received(tenant, groups)).await
    }
}

#[async_trait]
impl<S: Staging> Staging for FaultyStore<S> {
    async fn staged(&self, limit: u32, longest: usize) -> Result<Vec<StagedRow>, StoreError> {
        self.call("staged", self.inner.staged(limit, longest)).await
    }

    async fn import(&self, batch: Vec<Import>) -> Result<Vec<ImportResult>, StoreError> {
        self.call("import", self.inner.import(batch)).await
    }

    fn changes(&self) -> ChangeListener {
        self.inner.changes()
    }

    fn writes(&self) -> ChangeListener {
        self.inner.writes()
    }
}

#[async_trait]
impl<S: WorkerRegistry> WorkerRegistry for FaultyStore<S> {
    async fn heartbeat(
        &self,
        group: &'static str,
        worker: WorkerId,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<u32, StoreError> {
        self.call("heartbeat", self.inner.heartbeat(group, worker, now, until)).await
    }

    async fn alive(&self, group: &'static str, now: Timestamp) -> Result<u32, StoreError> {
        self.call("alive", self.inner.alive(group, now)).await
    }

    async fn leave(&self, worker: WorkerId) -> Result<(), StoreError> {
        self.call("leave", self.inner.leave(worker)).await
    }
}

#[async_trait]
impl<S: Rollups> Rollups for FaultyStore<S> {
    async fn fold(&self, now: Timestamp) -> Result<bool, StoreError> {
        self.call("fold", self.inner.fold(now)).await
    }

    async fn rollups(
        &self,
        groups: &[RollupGroup],
        step: RollupStep,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Vec<Rollup>>, StoreError> {
        self.call("rollups", self.inner.rollups(groups, step, from, to)).await
    }

    async fn failures(&self, query: &FailureQuery) -> Result<FailureList, StoreError> {
        self.call("failures", self.inner.failures(query)).await
    }
}

#[async_trait]
impl<S: AuditLog> AuditLog for FaultyStore<S> {
    async fn audit(&self, entry: AuditEntry) -> Result<u64, StoreError> {
        self.call("audit", self.inner.audit(entry)).await
    }

    async fn conclude(&self, number: u64, succeeded: bool) -> Result<(), StoreError> {
        self.call("conclude", self.inner.conclude(number, succeeded)).await
    }

    async fn audit_log(&self, query: &AuditQuery, page: Page<u64>) -> Result<Listed<AuditEntry, u64>, StoreError> {
        self.call("audit_log", self.inner.audit_log(query, page)).await
    }

    async fn prune_audit(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.call("prune_audit", self.inner.prune_audit(before, limit)).await
    }
}

#[async_trait]
impl<S: Diagnostics> Diagnostics for FaultyStore<S> {
    async fn note(&self, notes: Vec<DiagnosticNote>) -> Result<(), StoreError> {
        self.call("note", self.inner.note(notes)).await
    }

    async fn notes(&self, subject: &str) -> Result<Vec<DiagnosticNote>, StoreError> {
        self.call("notes", self.inner.notes(subject)).await
    }

    async fn prune_notes(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.call("prune_notes", self.inner.prune_notes(before, limit)).await
    }
}

#[async_trait]
impl<S: BulkJobs> BulkJobs for FaultyStore<S> {
    async fn add_job(&self, job: BulkJob, most_open: u32) -> Result<Option<u64>, StoreError> {
        self.call("add_job", self.inner.add_job(job, most_open)).await
    }

    async fn update_job(&self, job: &BulkJob) -> Result<bool, StoreError> {
        self.call("update_job", self.inner.update_job(job)).await
    }

    async fn job(&self, number: u64) -> Result<Option<BulkJob>, StoreError> {
        self.call("job", self.inner.job(number)).await
    }

    async fn jobs(&self, tenant: Option<&Tenant>, page: Page<u64>) -> Result<Listed<BulkJob, u64>, StoreError> {
        self.call("jobs", self.inner.jobs(tenant, page)).await
    }

    async fn due_jobs(&self, now: Timestamp, limit: u32) -> Result<Vec<BulkJob>, StoreError> {
        self.call("due_jobs", self.inner.due_jobs(now, limit)).await
    }
}

#[async_trait]
impl<S: Placements> Placements for FaultyStore<S> {
    async fn placement(&self, tenant: &Tenant) -> Result<Option<Placement>, StoreError> {
        self.call("placement", self.inner.placement(tenant)).await
    }

    async fn place(&self, tenant: &Tenant, placement: &Placement) -> Result<bool, StoreError> {
        self.call("place", self.inner.place(tenant, placement)).await
    }

    async fn moving(&self, after: Option<&Tenant>, limit: u32) -> Result<Vec<(Tenant, Placement)>, StoreError> {
        self.call("moving", self.inner.moving(after, limit)).await
    }
}
