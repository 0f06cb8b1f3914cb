//! A store that fails when it is told to.

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
    Admit, Admitted, Append, Appended, Claim, Claimed, Control, Counts, DedupGroup, DeliveryQuery, Directory,
    EventQuery, EventSummary, Finished, History, Intake, LaneDue, Old, Outbox, Owe, Page, Put, Removal, Roster,
    Settled, Staged, StoreError, StoreErrorKind, Wakes,
};

/// How one call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Nothing is done, and the caller is told this.
    Refused(StoreErrorKind),
    /// It is done, but the answer is lost: the caller is told [`StoreErrorKind::Unknown`].
    AnswerLost,
    /// It is done after this time.
    Delayed(Duration),
}

/// How often calls fail by chance, in thousandths; the same seed and the same calls give the same faults.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "made by tests with struct update syntax")]
pub struct Chances {
    /// Where chance begins.
    pub seed: u64,
    /// Refused as unavailable.
    pub refused: u16,
    /// Done, and the answer lost.
    pub answer_lost: u16,
    /// Done after [`delay`](Self::delay).
    pub delayed: u16,
    /// How long a delayed call takes.
    pub delay: Duration,
}

#[derive(Debug, Default)]
struct Plan {
    /// By the name of the method.
    every: HashMap<&'static str, Fault>,
    next: VecDeque<Fault>,
    chances: Option<Chances>,
}

impl Plan {
    fn draw(&mut self, call: &str) -> Option<Fault> {
        if let Some(fault) = self.every.get(call) {
            return Some(*fault);
        }
        if let Some(fault) = self.next.pop_front() {
            return Some(fault);
        }
        let chances = self.chances.as_mut()?;
        let drawn = u16::try_from(split_mix(&mut chances.seed) % 1_000).unwrap_or(0);
        let Chances { refused, answer_lost, delayed, delay, .. } = *chances;
        if drawn < refused {
            Some(Fault::Refused(StoreErrorKind::Unavailable))
        } else if drawn < refused + answer_lost {
            Some(Fault::AnswerLost)
        } else if drawn < refused + answer_lost + delayed {
            Some(Fault::Delayed(delay))
        } else {
            None
        }
    }
}

/// `SplitMix64` (Steele, Lea and Flood 2014): enough for tests, and the same everywhere.
const fn split_mix(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *seed;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A wrapper around a store that fails when it is told to, and otherwise passes every call on. Clones share the faults.
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
    /// A wrapper that passes everything on until it is told otherwise.
    #[must_use]
    pub fn new(inner: S) -> Self {
        Self { inner, plan: Arc::default() }
    }

    /// The store behind the faults.
    pub const fn inner(&self) -> &S {
        &self.inner
    }

    /// Makes the next call fail; the one after it, when one was to fail already.
    pub fn fail_next(&self, fault: Fault) {
        self.plan().next.push_back(fault);
    }

    /// Makes every call of this method, for instance `extend`, fail from now on; `None` for no more.
    pub fn fail_every(&self, method: &'static str, fault: Option<Fault>) {
        let every = &mut self.plan().every;
        match fault {
            Some(fault) => every.insert(method, fault),
            None => every.remove(method),
        };
    }

    /// How many calls have still to fail.
    #[must_use]
    pub fn faults_left(&self) -> usize {
        self.plan().next.len()
    }

    /// Makes calls fail by chance from now on; `None` for no more.
    pub fn fail_by_chance(&self, chances: Option<Chances>) {
        self.plan().chances = chances;
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

    async fn lanes(&self, work: Work, after: Option<LaneId>, limit: u32) -> Result<Vec<LaneDue>, StoreError> {
        self.call("lanes", self.inner.lanes(work, after, limit)).await
    }
}

#[async_trait]
impl<S: Directory> Directory for FaultyStore<S> {
    async fn put(&self, endpoint: Endpoint) -> Result<Put, StoreError> {
        self.call("put", self.inner.put(endpoint)).await
    }

    async fn create(&self, endpoint: Endpoint, most: u32) -> Result<Put, StoreError> {
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

    async fn delivery(&self, work: Work, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
        self.call("delivery", self.inner.delivery(work, id)).await
    }

    async fn deliveries(&self, query: &DeliveryQuery, page: Page) -> Result<Vec<Delivery>, StoreError> {
        self.call("deliveries", self.inner.deliveries(query, page)).await
    }

    async fn attempts(&self, work: Work, id: DeliveryId) -> Result<Vec<Attempt>, StoreError> {
        self.call("attempts", self.inner.attempts(work, id)).await
    }

    async fn counts(&self, work: Work, lane: Option<LaneId>) -> Result<Counts, StoreError> {
        self.call("counts", self.inner.counts(work, lane)).await
    }

    async fn prune(&self, work: Work, old: Old, limit: u32) -> Result<u64, StoreError> {
        self.call("prune", self.inner.prune(work, old, limit)).await
    }

    async fn shed(
        &self,
        work: Work,
        after: Finished,
        before: Timestamp,
        limit: u32,
    ) -> Result<Option<Finished>, StoreError> {
        self.call("shed", self.inner.shed(work, after, before, limit)).await
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

    async fn owe(&self, batch: Vec<Owe>) -> Result<Vec<bool>, StoreError> {
        self.call("owe", self.inner.owe(batch)).await
    }

    async fn events(&self, query: &EventQuery, page: Page<u64>) -> Result<Vec<EventSummary>, StoreError> {
        self.call("events", self.inner.events(query, page)).await
    }

    async fn expunge(&self, work: Work, tenant: &Tenant, event: &EventId, now: Timestamp) -> Result<bool, StoreError> {
        self.call("expunge", self.inner.expunge(work, tenant, event, now)).await
    }

    async fn waiting(&self, lanes: &[LaneId], most: u32) -> Result<u32, StoreError> {
        self.call("waiting", self.inner.waiting(lanes, most)).await
    }

    async fn forget_received(&self, tenant: &Tenant, groups: &[DedupGroup]) -> Result<Vec<u64>, StoreError> {
        self.call("forget_received", self.inner.forget_received(tenant, groups)).await
    }
}

#[async_trait]
impl<S: Intake> Intake for FaultyStore<S> {
    async fn staged(&self, limit: u32, longest: usize) -> Result<Vec<Staged>, StoreError> {
        self.call("staged", self.inner.staged(limit, longest)).await
    }

    async fn admit(&self, batch: Vec<Admit>) -> Result<Vec<Admitted>, StoreError> {
        self.call("admit", self.inner.admit(batch)).await
    }

    fn wakes(&self) -> Wakes {
        self.inner.wakes()
    }
}

#[async_trait]
impl<S: Roster> Roster for FaultyStore<S> {
    async fn attend(
        &self,
        crew: &'static str,
        worker: WorkerId,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<u32, StoreError> {
        self.call("attend", self.inner.attend(crew, worker, now, until)).await
    }

    async fn leave(&self, worker: WorkerId) -> Result<(), StoreError> {
        self.call("leave", self.inner.leave(worker)).await
    }
}
