//! The role that knows which workers live. The worker does not ask it yet: limits of endpoints count for each process.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::StoreError;
use crate::clock::Timestamp;
use crate::id::WorkerId;

/// Knows which workers live. Those of one crew do the same work: all senders on a store are one, all inboxes another.
///
/// 1. `attend` MUST answer every worker of the crew that has attended until after `now`, the caller included, in id order
///    (`workers_of_a_crew_see_each_other`), and none of another crew (`crews_do_not_see_each_other`).
/// 2. `leave` MUST forget a worker at once (`who_has_left_is_not_seen`).
#[async_trait]
pub trait Roster: fmt::Debug + Send + Sync + 'static {
    /// Says that this worker lives until then; answers the crew.
    ///
    /// # Errors
    /// When the store is in trouble.
    async fn attend(
        &self,
        crew: &'static str,
        worker: WorkerId,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<WorkerId>, StoreError>;

    /// Says that this worker has stopped.
    ///
    /// # Errors
    /// When the store is in trouble.
    async fn leave(&self, worker: WorkerId) -> Result<(), StoreError>;
}

#[async_trait]
impl<S: Roster + ?Sized> Roster for Arc<S> {
    async fn attend(
        &self,
        crew: &'static str,
        worker: WorkerId,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<WorkerId>, StoreError> {
        (**self).attend(crew, worker, now, until).await
    }

    async fn leave(&self, worker: WorkerId) -> Result<(), StoreError> {
        (**self).leave(worker).await
    }
}
