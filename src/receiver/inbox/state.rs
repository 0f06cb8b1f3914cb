//! The state of an inbox, for the console.

use super::setup::{Inbox, lanes_of};
use crate::clock::Timestamp;
use crate::id::{QueueName, Work};
use crate::store::{Rollup, RollupGroup, RollupStep, StoreError};

impl Inbox {
    /// The names of the queues.
    pub(crate) fn queues(&self) -> impl Iterator<Item = QueueName> {
        self.shared.queues.iter().map(|queue| queue.name)
    }

    /// The number of pending jobs of a queue, counted up to `limit`, and the earliest time at which one is due.
    pub(crate) async fn waiting(&self, queue: QueueName, limit: u32) -> Result<(u32, Option<Timestamp>), StoreError> {
        let lanes: Vec<_> = lanes_of(queue).collect();
        Ok((self.shared.store.backlog(&lanes, limit).await?, self.shared.store.oldest_due(&lanes).await?))
    }

    /// What happened in each minute or hour that begins at `from` or later, and before `to`.
    pub(crate) async fn rollups(
        &self,
        step: RollupStep,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Rollup>, StoreError> {
        let all = [RollupGroup::All(Work::Received)];
        Ok(self.shared.store.rollups(&all, step, from, to).await?.pop().unwrap_or_default())
    }

    /// The number of workers of inboxes that are alive on the store.
    pub(crate) async fn workers_alive(&self, now: Timestamp) -> Result<u32, StoreError> {
        self.shared.engine.workers_alive(now).await
    }
}
