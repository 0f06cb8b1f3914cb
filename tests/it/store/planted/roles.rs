//! The roles of the simple store: each call is a transaction, and the faults concern transactions.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use hookwire::clock::Timestamp;
use hookwire::delivery::{Lease, Settlement};
use hookwire::endpoint::Endpoint;
use hookwire::event::NewEvent;
use hookwire::id::{EndpointId, LaneId, Tenant, Work};
use hookwire::store::{
    Append, Appended, Claim, Claimed, Directory, Outbox, PutResult, Removal, Settled, StoreError, StoreErrorKind,
};
use tokio::sync::Mutex;

use super::bug::Bug;
use super::db::Db;

/// A simple store: tables in memory, a lock as transaction, and possibly a fault.
#[derive(Clone, Debug)]
pub struct Simple {
    db: Arc<Mutex<Db>>,
    bug: Option<Bug>,
}

impl Simple {
    pub fn new(bug: Option<Bug>) -> Self {
        Self { db: Arc::new(Mutex::new(Db { bug, ..Db::default() })), bug }
    }

    /// Another handle to the same tables.
    pub fn second(&self) -> Self {
        if self.has(Bug::HandlesDoNotShare) { Self::new(self.bug) } else { self.clone() }
    }

    pub const fn bug(&self) -> Option<Bug> {
        self.bug
    }

    pub fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    /// Lets other tasks run, as during a query to a database.
    pub async fn pause(&self) {
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
    }

    /// Changes the tables in one transaction. If the future is dropped inside it, nothing is changed.
    pub async fn change<T: Send>(&self, run: impl FnOnce(&mut Db) -> T + Send) -> T {
        let result = {
            let mut db = self.db.lock().await;
            let mut copy = db.clone();
            let result = run(&mut copy);
            tokio::task::yield_now().await;
            *db = copy;
            result
        };
        tokio::task::yield_now().await;
        result
    }

    pub async fn read<T: Send>(&self, run: impl FnOnce(&Db) -> T + Send) -> T {
        let db = self.db.lock().await;
        run(&db)
    }

    pub async fn stage(&self, event: NewEvent) {
        self.change(|db| db.stage(event)).await;
    }
}

/// Applies a change to every element of a batch, in one transaction or, with the fault `split`, in one for each.
pub async fn each<A, T>(
    store: &Simple,
    split: Bug,
    batch: Vec<A>,
    run: impl Fn(&mut Db, &A) -> T + Send + Sync,
) -> Vec<T>
where
    A: Send + Sync,
    T: Send,
{
    if !store.has(split) {
        return store.change(|db| batch.iter().map(|one| run(db, one)).collect()).await;
    }
    let mut results = Vec::new();
    for one in &batch {
        results.push(store.change(|db| run(db, one)).await);
    }
    results
}

fn reversed<T>(mut results: Vec<T>, reverse: bool) -> Vec<T> {
    if reverse {
        results.reverse();
    }
    results
}

pub const fn invalid() -> StoreError {
    StoreError::new(StoreErrorKind::Invalid)
}

impl Simple {
    async fn append_unlocked(&self, batch: &[Append]) -> Vec<Appended> {
        let found = self.read(|db| batch.iter().map(|one| db.check(one)).collect::<Vec<_>>()).await;
        self.pause().await;
        let store = |db: &mut Db| {
            let one = |(one, found): (&Append, Option<Appended>)| {
                found.unwrap_or_else(|| {
                    if batch.len() > 1 && !self.has(Bug::RepeatInBatchIsStored) {
                        return db.append(one);
                    }
                    db.store(one);
                    Appended::Stored
                })
            };
            batch.iter().zip(found).map(one).collect()
        };
        self.change(store).await
    }

    /// Stores the events first, and the deliveries in a second transaction.
    async fn append_split(&self, batch: &[Append]) -> Vec<Appended> {
        let store = |db: &mut Db| {
            let one = |one: &Append| match db.check(one) {
                Some(found) => (found, None),
                None => (Appended::Stored, Some(db.store_event(one))),
            };
            batch.iter().map(one).collect::<Vec<_>>()
        };
        let stored = self.change(store).await;
        let deliver = |db: &mut Db| {
            for (one, (_, seq)) in batch.iter().zip(&stored) {
                seq.iter().for_each(|seq| db.store_deliveries(one, *seq));
            }
        };
        self.change(deliver).await;
        stored.into_iter().map(|(appended, _)| appended).collect()
    }

    /// Reads whether a key is free before the transaction that uses the answer.
    async fn append_unordered(&self, batch: &[Append]) -> Vec<Appended> {
        let busy = self.read(|db| batch.iter().map(|one| db.is_key_busy(one)).collect::<Vec<_>>()).await;
        self.pause().await;
        let store = |db: &mut Db| {
            let one = |(one, busy): (&Append, bool)| {
                let appended = db.append(one);
                if one.event.order.is_some() && appended == Appended::Stored && !busy {
                    for delivery in &one.deliveries {
                        db.deliveries.get_mut(&delivery.id).unwrap().due = one.now;
                    }
                }
                appended
            };
            batch.iter().zip(busy).map(one).collect()
        };
        self.change(store).await
    }

    async fn append_in_parts(&self, batch: &[Append]) -> Vec<Appended> {
        let store = |db: &mut Db| {
            let mut is_stopped = false;
            let one = |(n, one): (usize, &Append)| {
                if is_stopped {
                    return Appended::Conflict;
                }
                if n == 1 && self.has(Bug::SecondOfBatchIsLost) {
                    return db.check(one).unwrap_or(Appended::Stored);
                }
                let appended = db.append(one);
                is_stopped = appended == Appended::Conflict && self.has(Bug::ConflictStopsTheBatch);
                appended
            };
            batch.iter().enumerate().map(one).collect()
        };
        self.change(store).await
    }

    async fn settle_in_parts(&self, batch: &[Settlement]) -> Vec<Settled> {
        let mut lanes = HashSet::new();
        let mut is_stopped = false;
        let settle = |db: &mut Db| {
            let one = |one: &Settlement| {
                if is_stopped {
                    return Settled::LeaseLost;
                }
                let before = one.lane.endpoint().and_then(|id| db.endpoints.get(&id).cloned());
                let settled = db.settle(one);
                is_stopped = settled == Settled::LeaseLost && self.has(Bug::LostLeaseStopsTheBatch);
                if self.has(Bug::HealthCountsOnceABatch)
                    && !lanes.insert(one.lane)
                    && let (Some(id), Some(before)) = (one.lane.endpoint(), before)
                {
                    db.endpoints.insert(id, before);
                }
                settled
            };
            batch.iter().map(one).collect()
        };
        self.change(settle).await
    }

    /// Checks the lease in one transaction, and makes the changes in others.
    async fn settle_split(&self, batch: &[Settlement]) -> Vec<Settled> {
        let first = |db: &mut Db| {
            let one = |one: &Settlement| {
                if !db.is_leased_by(one.lease) {
                    return Settled::LeaseLost;
                }
                db.decide(one);
                if self.has(Bug::SplitHealth) {
                    db.record(one);
                }
                if self.has(Bug::SplitFollow) {
                    db.record(one);
                    db.affect(one);
                }
                Settled::Done
            };
            batch.iter().map(one).collect::<Vec<_>>()
        };
        let settled = self.change(first).await;
        let second = |db: &mut Db| {
            for (one, _) in batch.iter().zip(&settled).filter(|(_, settled)| **settled == Settled::Done) {
                match self.bug {
                    Some(Bug::SplitFollow) => db.follow(one),
                    Some(Bug::SplitHealth) => db.affect(one),
                    _ => {
                        db.record(one);
                        db.affect(one);
                    }
                }
            }
        };
        self.change(second).await;
        settled
    }

    async fn settle_unlocked(&self, batch: &[Settlement]) -> Vec<Settled> {
        let valid = self.read(|db| batch.iter().map(|one| db.is_leased_by(one.lease)).collect::<Vec<_>>()).await;
        self.pause().await;
        let settle = |db: &mut Db| {
            let one = |(one, valid): (&Settlement, bool)| {
                if !valid || batch.len() > 1 && !db.is_leased_by(one.lease) {
                    return Settled::LeaseLost;
                }
                db.decide(one);
                db.record(one);
                db.affect(one);
                Settled::Done
            };
            batch.iter().zip(valid).map(one).collect()
        };
        self.change(settle).await
    }

    /// Reads the endpoint before the transaction, and writes all its fields in the transaction.
    /// Writes the notes for the rollups in a second transaction.
    async fn settle_then_note(&self, batch: &[Settlement]) -> Vec<Settled> {
        let settled = self.settle_in_parts(batch).await;
        let note = |db: &mut Db| {
            let done = batch.iter().zip(&settled).filter(|(_, settled)| **settled == Settled::Done);
            done.for_each(|(one, _)| db.note(one));
        };
        self.change(note).await;
        settled
    }

    async fn settle_over_puts(&self, batch: &[Settlement]) -> Vec<Settled> {
        let stale = self.read(|db| db.endpoints.clone()).await;
        self.pause().await;
        let settle = |db: &mut Db| {
            let settled: Vec<_> = batch.iter().map(|one| db.settle(one)).collect();
            for (one, _) in batch.iter().zip(&settled).filter(|(_, settled)| **settled == Settled::Done) {
                if let Some((id, Some(Some(old)))) = one.lane.endpoint().map(|id| (id, stale.get(&id).cloned())) {
                    let (mut old, batch_of_one) = (old, batch.len() == 1);
                    db.keep_health(&mut old, one);
                    db.keep_state(&mut old, one);
                    if batch_of_one {
                        db.endpoints.insert(id, Some(old));
                    }
                }
            }
            settled
        };
        self.change(settle).await
    }
}

#[async_trait]
impl Outbox for Simple {
    async fn append(&self, batch: Vec<Append>) -> Result<Vec<Appended>, StoreError> {
        if self.read(|db| batch.iter().any(|one| db.has_delivery_of(one))).await {
            return Err(invalid());
        }
        let appended = match self.bug {
            Some(Bug::UnlockedAppend | Bug::RepeatInBatchIsStored) => self.append_unlocked(&batch).await,
            Some(Bug::SplitAppend) => self.append_split(&batch).await,
            Some(Bug::UnlockedFollow) => self.append_unordered(&batch).await,
            Some(Bug::SplitBatch) => each(self, Bug::SplitBatch, batch, Db::append).await,
            _ => self.append_in_parts(&batch).await,
        };
        Ok(reversed(appended, self.has(Bug::AppendAnswersReversed)))
    }

    async fn claim(&self, claim: Claim) -> Result<Claimed, StoreError> {
        if !self.has(Bug::UnlockedClaim) {
            return Ok(self.change(|db| db.claim(&claim)).await);
        }
        let find = |db: &Db| {
            let served = claim.lanes.iter().filter(|(lane, _)| db.is_served(*lane));
            served.flat_map(|(lane, max)| db.claimable(*lane, *max, claim.now)).collect::<Vec<_>>()
        };
        let found = self.read(find).await;
        self.pause().await;
        let lease = |db: &mut Db| {
            let leased = found.into_iter().map(|id| db.lease(id, &claim)).collect();
            let none = claim.lanes.iter().map(|(lane, _)| (*lane, 0)).collect();
            Claimed { leased, ..db.claim(&Claim { lanes: none, ..claim.clone() }) }
        };
        Ok(self.change(lease).await)
    }

    async fn settle(&self, batch: Vec<Settlement>) -> Result<Vec<Settled>, StoreError> {
        let settled = match self.bug {
            Some(Bug::UnlockedSettle) => self.settle_unlocked(&batch).await,
            Some(Bug::SplitAttempt | Bug::SplitHealth | Bug::SplitFollow) => self.settle_split(&batch).await,
            Some(Bug::SettleOverwritesThePut) => self.settle_over_puts(&batch).await,
            Some(Bug::SplitSettleBatch) => each(self, Bug::SplitSettleBatch, batch, Db::settle).await,
            Some(Bug::SplitNote) => self.settle_then_note(&batch).await,
            _ => self.settle_in_parts(&batch).await,
        };
        Ok(reversed(settled, self.has(Bug::SettleAnswersReversed)))
    }

    async fn extend(&self, leases: Vec<Lease>, until: Timestamp) -> Result<Vec<Settled>, StoreError> {
        Ok(self.change(|db| leases.into_iter().map(|lease| db.extend(lease, until)).collect()).await)
    }

    async fn release(&self, leases: Vec<Lease>, due: Timestamp) -> Result<Vec<Settled>, StoreError> {
        Ok(each(self, Bug::SplitRelease, leases, |db, lease| db.release(*lease, due)).await)
    }

    async fn lanes(
        &self,
        work: Work,
        after: Option<LaneId>,
        limit: u32,
    ) -> Result<Vec<(LaneId, Timestamp)>, StoreError> {
        Ok(self.read(|db| db.lanes(work, after, limit)).await)
    }
}

#[async_trait]
impl Directory for Simple {
    async fn put(&self, endpoint: Endpoint) -> Result<PutResult, StoreError> {
        if self.read(|db| db.changes_tenant(&endpoint)).await {
            return Err(invalid());
        }
        if !self.has(Bug::UnlockedPut) {
            return Ok(self.change(|db| db.put(endpoint)).await);
        }
        let found = self.read(|db| db.clone().put(endpoint.clone())).await;
        self.pause().await;
        if found == PutResult::Stored {
            let write = |db: &mut Db| {
                let kept = db.endpoints.get(&endpoint.id).cloned().flatten();
                db.write(endpoint, kept.as_ref());
            };
            self.change(write).await;
        }
        Ok(found)
    }

    async fn create(&self, endpoint: Endpoint, limit: u32) -> Result<PutResult, StoreError> {
        if self.has(Bug::UnlockedCreate) {
            let full = self.read(|db| db.is_full(&endpoint, limit)).await;
            self.pause().await;
            return Ok(if full { PutResult::TooMany } else { self.change(|db| db.put(endpoint)).await });
        }
        let tenant = endpoint.tenant.clone();
        let id = endpoint.id;
        let split = self.has(Bug::SplitCreate);
        let create = |db: &mut Db| {
            let created = db.create(endpoint, limit);
            if let Some(Some(kept)) = db.endpoints.get_mut(&id).filter(|_| split && created == PutResult::Stored) {
                kept.tenant = Tenant::from("nobody yet");
            }
            created
        };
        let created = self.change(create).await;
        if split && created == PutResult::Stored {
            let finish = |db: &mut Db| db.endpoints.get_mut(&id).and_then(Option::as_mut).unwrap().tenant = tenant;
            self.change(finish).await;
        }
        Ok(created)
    }

    async fn get(&self, id: EndpointId) -> Result<Option<Arc<Endpoint>>, StoreError> {
        let found = self.read(|db| db.get(id)).await;
        let is_corrupt = self.has(Bug::RefusesNoKeys) && found.as_ref().is_some_and(|it| it.keys.entries().is_empty());
        if is_corrupt { Err(StoreError::new(StoreErrorKind::Corrupt)) } else { Ok(found) }
    }

    async fn list(
        &self,
        tenant: Option<&Tenant>,
        after: Option<EndpointId>,
        limit: u32,
    ) -> Result<Vec<Arc<Endpoint>>, StoreError> {
        Ok(self.read(|db| db.list(tenant, after, limit)).await)
    }

    async fn of_tenant(&self, tenant: &Tenant) -> Result<Vec<Arc<Endpoint>>, StoreError> {
        Ok(self.read(|db| db.of_tenant(tenant)).await)
    }

    async fn remove(&self, id: EndpointId, version: Option<u64>, now: Timestamp) -> Result<Removal, StoreError> {
        Ok(self.change(|db| db.remove(id, version, now)).await)
    }
}

/// The ids of a batch that may change, checked before the transaction that changes them.
pub async fn checked<A: Send + Sync>(
    store: &Simple,
    batch: &[A],
    check: impl Fn(&Db, &A) -> bool + Send + Sync,
) -> Vec<bool> {
    let found = store.read(|db| batch.iter().map(|one| check(db, one)).collect()).await;
    store.pause().await;
    found
}
