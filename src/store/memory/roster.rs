//! Which workers live, in memory.

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
    ) -> Result<Vec<WorkerId>, StoreError> {
        let workers = &mut self.tables().workers;
        workers.retain(|_, (_, ends)| *ends > now);
        workers.insert(worker, (crew, until));
        Ok(workers.iter().filter(|(_, (of, _))| *of == crew).map(|(id, _)| *id).collect())
    }

    async fn leave(&self, worker: WorkerId) -> Result<(), StoreError> {
        self.tables().workers.remove(&worker);
        Ok(())
    }
}
