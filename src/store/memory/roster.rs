//! How many workers live, in memory.

use async_trait::async_trait;

use super::MemoryStore;
use crate::clock::Timestamp;
use crate::id::WorkerId;
use crate::store::{Roster, StoreError};

#[async_trait]
impl Roster for MemoryStore {
    async fn attend(
        &self,
        crew: &'static str,
        worker: WorkerId,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<u32, StoreError> {
        let workers = &mut self.tables().workers;
        workers.retain(|_, (_, ends)| *ends > now);
        workers.insert(worker, (crew, until));
        let live = workers.values().filter(|(of, _)| *of == crew).count();
        Ok(u32::try_from(live).unwrap_or(u32::MAX))
    }

    async fn leave(&self, worker: WorkerId) -> Result<(), StoreError> {
        self.tables().workers.remove(&worker);
        Ok(())
    }
}
