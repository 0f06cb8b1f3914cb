//! Dedup records in memory.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::clock::Timestamp;
use crate::store::{
    BeginResult, Dedup, DedupEntry, DedupGroup, DedupKey, DedupLease, FirstResponse, Settled, StoreError,
    StoreErrorKind,
};

/// How many records [`MemoryDedup::new`] keeps at most.
const DEFAULT_CAPACITY: usize = 1_000_000;

/// Dedup records in memory: for tests, and for a single process that may handle an event again after a restart.
///
/// Clones share the records. The store keeps at most 1,000,000 of them (about 200 bytes each), or as many as
/// [`with_capacity`](Self::with_capacity) sets. When it is full and nothing has expired, `begin` fails with
/// [`StoreErrorKind::Full`]: forgetting a live record would let a duplicate through.
///
/// ```
/// use hookwire::clock::Timestamp;
/// use hookwire::store::{BeginResult, Dedup, DedupKey, FirstResponse, MemoryDedup};
///
/// # tokio_test(async {
/// let store = MemoryDedup::new();
/// let (now, end) = (Timestamp::from_secs(0), Timestamp::from_secs(60));
/// let entry = DedupKey::new([7; 32]).into();
///
/// let begun = store.begin(&[entry], now, end).await?;
/// let [BeginResult::Fresh(lease)] = begun[..] else { panic!("no call has begun this key before") };
/// assert_eq!(store.begin(&[entry], now, end).await?, [BeginResult::Busy { until: end }]);
///
/// store.finish(&[lease], &FirstResponse::status(204), Timestamp::from_secs(3_600)).await?;
/// assert_eq!(store.begin(&[entry], now, end).await?, [BeginResult::Done(FirstResponse::status(204))]);
/// # Ok(()) });
/// # fn tokio_test(run: impl Future<Output = Result<(), hookwire::store::StoreError>>) {
/// #     tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(run).unwrap();
/// # }
/// ```
#[derive(Clone)]
pub struct MemoryDedup {
    records: Arc<Mutex<Records>>,
}

impl MemoryDedup {
    /// An empty store of the default capacity.
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(DEFAULT_CAPACITY)
    }

    /// An empty store of at most `records` records; at least one.
    #[must_use]
    pub fn with_capacity(records: usize) -> Self {
        let records = Records { capacity: records.max(1), ..Records::default() };
        Self { records: Arc::new(Mutex::new(records)) }
    }

    /// No user code runs under the lock, and every change below is complete before a panic is possible. So the records are valid
    /// even after the lock is poisoned.
    fn lock(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryDedup {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryDedup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let records = self.lock();
        f.debug_struct("MemoryDedup")
            .field("records", &records.by_key.len())
            .field("capacity", &records.capacity)
            .finish()
    }
}

#[async_trait]
impl Dedup for MemoryDedup {
    async fn begin(
        &self,
        entries: &[DedupEntry],
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Vec<BeginResult>, StoreError> {
        let mut records = self.lock();
        records.make_room(entries, now)?;
        Ok(entries.iter().map(|entry| records.begin(*entry, now, lease_until)).collect())
    }

    async fn finish(
        &self,
        leases: &[DedupLease],
        answer: &FirstResponse,
        expires: Timestamp,
    ) -> Result<Vec<Settled>, StoreError> {
        let mut records = self.lock();
        let done = State::Done { answer: answer.clone(), expires };
        Ok(leases.iter().map(|lease| records.settle(lease, Some(done.clone()))).collect())
    }

    async fn abandon(&self, leases: &[DedupLease]) -> Result<Vec<Settled>, StoreError> {
        let mut records = self.lock();
        Ok(leases.iter().map(|lease| records.settle(lease, None)).collect())
    }

    async fn forget(&self, groups: &[DedupGroup]) -> Result<Vec<u64>, StoreError> {
        let mut records = self.lock();
        Ok(groups.iter().map(|group| records.forget(*group)).collect())
    }

    async fn prune(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        Ok(self.lock().prune(now, u64::from(limit)))
    }
}

#[derive(Clone, Debug)]
enum State {
    Processing { until: Timestamp },
    Done { answer: FirstResponse, expires: Timestamp },
}

impl State {
    /// The time from which the record has no effect.
    const fn ends(&self) -> Timestamp {
        match self {
            Self::Processing { until } => *until,
            Self::Done { expires, .. } => *expires,
        }
    }
}

#[derive(Debug)]
struct Record {
    fence: u64,
    group: Option<DedupGroup>,
    state: State,
}

/// Invariant: `by_end` holds exactly one pair `(state.ends(), key)` for each record of `by_key`, and `by_group` one pair
/// `(group, key)` for each that has a group.
#[derive(Debug, Default)]
struct Records {
    by_key: HashMap<DedupKey, Record>,
    by_end: BTreeSet<(Timestamp, DedupKey)>,
    by_group: BTreeSet<(DedupGroup, DedupKey)>,
    /// One counter for all keys, so that a key that was pruned in between still gets a higher fence.
    last_fence: u64,
    capacity: usize,
}

impl Records {
    fn begin(&mut self, DedupEntry { key, group }: DedupEntry, now: Timestamp, lease_until: Timestamp) -> BeginResult {
        match self.by_key.get(&key).map(|record| &record.state) {
            Some(State::Done { answer, expires }) if now < *expires => BeginResult::Done(answer.clone()),
            Some(State::Processing { until }) if now < *until => BeginResult::Busy { until: *until },
            _ => {
                self.last_fence = self.last_fence.saturating_add(1);
                let fence = self.last_fence;
                self.put(key, Record { fence, group, state: State::Processing { until: lease_until } });
                BeginResult::Fresh(DedupLease { key, fence })
            }
        }
    }

    /// Stores the next state, or removes the record, if the lease is still valid.
    fn settle(&mut self, lease: &DedupLease, next: Option<State>) -> Settled {
        let owned = self
            .by_key
            .get(&lease.key)
            .filter(|record| record.fence == lease.fence && matches!(record.state, State::Processing { .. }));
        let Some(&Record { fence, group, .. }) = owned else { return Settled::LeaseLost };
        match next {
            Some(state) => self.put(lease.key, Record { fence, group, state }),
            None => self.remove(lease.key),
        }
        Settled::Done
    }

    fn put(&mut self, key: DedupKey, record: Record) {
        self.remove(key);
        self.by_end.insert((record.state.ends(), key));
        self.by_group.extend(record.group.map(|group| (group, key)));
        self.by_key.insert(key, record);
    }

    fn remove(&mut self, key: DedupKey) {
        if let Some(old) = self.by_key.remove(&key) {
            self.by_end.remove(&(old.state.ends(), key));
            old.group.map(|group| self.by_group.remove(&(group, key)));
        }
    }

    fn forget(&mut self, group: DedupGroup) -> u64 {
        let of_group = (group, DedupKey::new([0; 32]))..=(group, DedupKey::new([0xff; 32]));
        let is_done =
            |key: &DedupKey| self.by_key.get(key).is_some_and(|record| matches!(record.state, State::Done { .. }));
        let done: Vec<_> = self.by_group.range(of_group).map(|(_, key)| *key).filter(is_done).collect();
        for key in &done {
            self.remove(*key);
        }
        done.len() as u64
    }

    fn prune(&mut self, now: Timestamp, limit: u64) -> u64 {
        let mut pruned = 0;
        while pruned < limit
            && let Some((end, key)) = self.by_end.first().copied()
            && end < now
        {
            self.remove(key);
            pruned += 1;
        }
        pruned
    }

    /// Deletes expired records before a call fails because the store is full.
    fn make_room(&mut self, entries: &[DedupEntry], now: Timestamp) -> Result<(), StoreError> {
        let new = entries.iter().filter(|entry| !self.by_key.contains_key(&entry.key)).count();
        let excess = self.by_key.len().saturating_add(new).saturating_sub(self.capacity);
        let pruned = self.prune(now, u64::try_from(excess).unwrap_or(u64::MAX));
        if usize::try_from(pruned).unwrap_or(usize::MAX) < excess {
            return Err(StoreError::new(StoreErrorKind::Full));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    const fn key(byte: u8) -> DedupKey {
        DedupKey::new([byte; 32])
    }

    async fn begin(store: &MemoryDedup, byte: u8, now: i64) -> Result<BeginResult, StoreError> {
        Ok(store.begin(&[key(byte).into()], at(now), at(now + 60)).await?.remove(0))
    }

    #[tokio::test]
    async fn a_full_store_refuses_rather_than_forgets() {
        let store = MemoryDedup::with_capacity(2);
        for byte in 0..2 {
            assert!(matches!(begin(&store, byte, 0).await, Ok(BeginResult::Fresh(_))));
        }
        assert_eq!(begin(&store, 2, 0).await.unwrap_err().kind(), StoreErrorKind::Full);
        assert!(matches!(begin(&store, 1, 0).await, Ok(BeginResult::Busy { .. })), "a known key still gets its result");
    }

    #[tokio::test]
    async fn a_full_store_forgets_what_has_expired_to_make_room() {
        let store = MemoryDedup::with_capacity(2);
        let Ok(BeginResult::Fresh(first)) = begin(&store, 0, 0).await else { panic!("fresh") };
        store.finish(&[first], &FirstResponse::status(200), at(100)).await.unwrap();
        begin(&store, 1, 90).await.unwrap();
        assert!(matches!(begin(&store, 2, 101).await, Ok(BeginResult::Fresh(_))));
        assert!(matches!(begin(&store, 1, 101).await, Ok(BeginResult::Busy { .. })), "the live record stays");
    }

    #[tokio::test]
    async fn a_pruned_key_begins_with_a_higher_fence() {
        let store = MemoryDedup::new();
        let Ok(BeginResult::Fresh(first)) = begin(&store, 0, 0).await else { panic!("fresh") };
        assert_eq!(store.prune(at(61), 10).await.unwrap(), 1);
        let Ok(BeginResult::Fresh(second)) = begin(&store, 0, 61).await else { panic!("fresh") };
        assert!(second.fence > first.fence);
        assert_eq!(store.finish(&[first], &FirstResponse::status(200), at(100)).await.unwrap(), [Settled::LeaseLost]);
    }

    #[tokio::test]
    async fn the_index_holds_one_entry_a_record_through_every_change() {
        let store = MemoryDedup::new();
        for round in 0..50_i64 {
            let byte = u8::try_from(round % 7).unwrap();
            if let Ok(BeginResult::Fresh(lease)) = begin(&store, byte, round * 20).await {
                match round % 3 {
                    0 => {
                        drop(store.finish(&[lease], &FirstResponse::status(200), at(round * 20 + 50)).await.unwrap());
                    }
                    1 => drop(store.abandon(&[lease]).await.unwrap()),
                    _ => drop(store.prune(at(round * 20), 1).await.unwrap()),
                }
            }
            let records = store.lock();
            let expected: BTreeSet<_> = records.by_key.iter().map(|(key, r)| (r.state.ends(), *key)).collect();
            assert_eq!(records.by_end, expected);
        }
    }

    #[tokio::test]
    async fn prune_obeys_its_limit_and_takes_the_oldest_first() {
        let store = MemoryDedup::new();
        for byte in 0..10 {
            begin(&store, byte, i64::from(byte)).await.unwrap();
        }
        assert_eq!(store.prune(at(1_000), 4).await.unwrap(), 4);
        assert_eq!(store.lock().by_end.first(), Some(&(at(64), key(4))));
    }
}
