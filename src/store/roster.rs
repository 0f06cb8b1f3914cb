//! The role that knows how many workers live, so that they share what each endpoint allows.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::StoreError;
use crate::clock::Timestamp;
use crate::id::WorkerId;

/// Knows how many workers live. Those of one crew do the same work: all senders on a store are one, all inboxes another.
///
/// 1. `attend` MUST count every worker of the crew that has attended until after `now`, the caller included
///    (`workers_of_a_crew_are_counted`), and none of another crew (`crews_are_counted_apart`).
/// 2. `leave` MUST forget a worker at once (`who_has_left_is_not_counted`).
#[async_trait]
pub trait Roster: fmt::Debug + Send + Sync + 'static {
    /// Says that this worker lives until then; answers how many of its crew live.
    ///
    /// # Errors
    /// When the store is in trouble.
    async fn attend(
        &self,
        crew: &'static str,
        worker: WorkerId,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<u32, StoreError>;

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
    ) -> Result<u32, StoreError> {
        (**self).attend(crew, worker, now, until).await
    }

    async fn leave(&self, worker: WorkerId) -> Result<(), StoreError> {
        (**self).leave(worker).await
    }
}
