//! A cache of the places of tenants: bounded, and read again after a short time.

use std::sync::Arc;
use std::time::Duration;

use quick_cache::sync::Cache;

use crate::clock::{Clock as _, SystemClock, Timestamp};
use crate::id::Tenant;
use crate::sender::SendersError;
use crate::store::{Placement, Placements, StoreError};

/// The number of tenants whose places are cached.
const CAPACITY: usize = 100_000;

/// How often a frozen place is read again, and how often at most.
const THAW_PAUSE: Duration = Duration::from_millis(50);
const THAW_READS: u32 = 100;

/// A placement, and when it was read.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) placement: Arc<Placement>,
    read_at: Reading,
}

/// A point in time on both clocks. The wall clock may be set; the other clock may stop while the machine is suspended.
#[derive(Clone, Copy, Debug)]
struct Reading(Duration, Timestamp);

impl Reading {
    fn now() -> Self {
        Self(SystemClock.uptime(), SystemClock.now())
    }

    /// The longest time that may have passed.
    fn age(self) -> Duration {
        let now = Self::now();
        let by_wall = now.1.since(self.1).max(self.1.since(now.1));
        now.0.saturating_sub(self.0).max(by_wall)
    }
}

#[derive(Debug)]
pub(super) struct Places {
    pub(super) table: Arc<dyn Placements>,
    fresh_for: Duration,
    known: Cache<Tenant, Known>,
}

impl Places {
    pub(super) fn new(table: Arc<dyn Placements>, fresh_for: Duration) -> Self {
        Self { table, fresh_for, known: Cache::new(CAPACITY) }
    }

    /// Where the tenant is, after a move that is copying its deliveries has ended. A tenant without a place gets the `first` one.
    pub(super) async fn settled<F>(&self, tenant: &Tenant, first: impl Fn() -> F) -> Result<Known, SendersError>
    where
        F: Future<Output = Result<Arc<str>, StoreError>>,
    {
        if let Some(known) = self.known.get(tenant).filter(|known| known.read_at.age() < self.fresh_for) {
            return Ok(known);
        }
        for _ in 0..THAW_READS {
            let read_at = Reading::now();
            let placement = match self.read(tenant).await? {
                Some(placement) => placement,
                None => self.place_first(tenant, first().await?).await?,
            };
            if !placement.is_frozen {
                let known = Known { placement: Arc::new(placement), read_at };
                self.known.insert(tenant.clone(), known.clone());
                return Ok(known);
            }
            tokio::time::sleep(THAW_PAUSE).await;
        }
        Err(SendersError::Moving(tenant.clone()))
    }

    pub(super) async fn place_first(&self, tenant: &Tenant, shard: Arc<str>) -> Result<Placement, StoreError> {
        let placement = Placement::new(shard);
        if self.table.place(tenant, &placement).await? {
            return Ok(placement);
        }
        // Another process was faster.
        Ok(self.read(tenant).await?.unwrap_or(placement))
    }

    /// Whether the tenant may have left this place since it was read. A move waits until no caller uses an older place, except those that
    /// took longer than that.
    pub(super) async fn has_changed_since(&self, tenant: &Tenant, known: &Known) -> Result<bool, SendersError> {
        if known.read_at.age() < self.fresh_for {
            return Ok(false);
        }
        let now = self.read(tenant).await?;
        let is_same = now.is_some_and(|now| now.shard == known.placement.shard && !now.is_frozen);
        if !is_same {
            self.known.remove(tenant);
        }
        Ok(!is_same)
    }

    pub(super) async fn read(&self, tenant: &Tenant) -> Result<Option<Placement>, StoreError> {
        self.table.placement(tenant).await
    }

    /// Stores the next version of a placement.
    ///
    /// # Errors
    /// Returns [`SendersError::Moving`] if another call has changed it.
    pub(super) async fn store(&self, tenant: &Tenant, mut next: Placement) -> Result<Placement, SendersError> {
        next.version += 1;
        let stored = self.table.place(tenant, &next).await;
        self.known.remove(tenant);
        if stored? { Ok(next) } else { Err(SendersError::Moving(tenant.clone())) }
    }

    /// Waits until every process has read the present place, or notices that it took too long.
    pub(super) async fn wait_for_others(&self) {
        tokio::time::sleep(self.fresh_for + self.fresh_for / 10 + THAW_PAUSE).await;
    }
}
