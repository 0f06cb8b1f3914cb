//! The live workers, in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::MemoryStore;
use crate::clock::Timestamp;
use crate::id::WorkerId;
use crate::store::{StoreError, WorkerRegistry};

/// How many workers of the group live until after `now`.
fn count(workers: &BTreeMap<WorkerId, (&'static str, Timestamp)>, group: &str, now: Timestamp) -> u32 {
    let alive = workers.values().filter(|(of, ends)| *of == group && *ends > now).count();
    u32::try_from(alive).unwrap_or(u32::MAX)
}

#[async_trait]
impl WorkerRegistry for MemoryStore {
    async fn heartbeat(
        &self,
        group: &'static str,
        worker: WorkerId,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<u32, StoreError> {
        let workers = &mut self.tables().workers;
        workers.retain(|_, (_, ends)| *ends > now);
        workers.insert(worker, (group, until));
        Ok(count(workers, group, now))
    }

    async fn alive(&self, group: &'static str, now: Timestamp) -> Result<u32, StoreError> {
        Ok(count(&self.tables().workers, group, now))
    }

    async fn leave(&self, worker: WorkerId) -> Result<(), StoreError> {
        self.tables().workers.remove(&worker);
        Ok(())
    }
}
