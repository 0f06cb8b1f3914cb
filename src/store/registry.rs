//! The role that counts the live workers, so that they can share the limits of each lane.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::StoreError;
use crate::clock::Timestamp;
use crate::id::WorkerId;

/// Counts the live workers. Workers of one group do the same work: all senders on a store are one group, all inboxes another.
/// 1. `heartbeat` MUST count every worker of the group whose `until` is after `now`, including the caller
///    (`workers_of_a_group_are_counted`), and no worker of another group (`groups_are_counted_separately`).
/// 2. `leave` MUST remove the worker at once (`a_worker_that_left_is_not_counted`).
/// 3. `alive` MUST count the same workers and change nothing (`live_workers_are_counted_without_a_heartbeat`).
#[async_trait]
pub trait WorkerRegistry: fmt::Debug + Send + Sync + 'static {
    /// Records that this worker counts as alive until `until`. Returns the number of live workers in its group.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    async fn heartbeat(
        &self,
        group: &'static str,
        worker: WorkerId,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<u32, StoreError>;

    /// Returns the number of workers of the group that are alive at `now`. A process without a worker calls it.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    async fn alive(&self, group: &'static str, now: Timestamp) -> Result<u32, StoreError>;

    /// Removes a worker that has stopped.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    async fn leave(&self, worker: WorkerId) -> Result<(), StoreError>;
}

delegate_store! { [S: WorkerRegistry + ?Sized] Arc<S>, |shared| **shared; WorkerRegistry }
