//! The trait [`Deliver`], which an application implements to make deliveries of its own kind.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::policy::LanePolicy;
use crate::delivery::{Leased, Settlement};
use crate::id::{LaneId, Work};
use crate::outcome::Report;
use crate::retry::RetryPolicy;
use crate::store::StoreError;

/// The result of one round of [`Deliver::maintain`] or [`Deliver::work_off`].
///
/// This type is complete: implementors of [`Deliver`] construct it.
#[derive(Clone, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "made by implementors of Deliver")]
pub struct Maintenance {
    /// Lanes that have new deliveries, due now.
    pub due: Vec<LaneId>,
    /// Whether the method should be called again at once, because more work is left.
    pub more: bool,
}

/// Makes attempts. The sender's implementation signs and sends requests. The inbox's implementation calls the application's
/// handler.
///
/// 1. `deliver` MUST end within the attempt duration for which the settings were [checked](super::Config::check). A panic in it costs one
///    attempt.
/// 2. `lane_policy` SHOULD return from memory: it is called before every claim from a lane.
/// 3. `retry_policy` MUST return the same policy for the same delivery.
#[async_trait]
pub trait Deliver: fmt::Debug + Send + Sync + 'static {
    /// The kind of work. The worker claims from lanes of this kind and prunes finished work of this kind.
    fn work(&self) -> Work;

    /// The worker group. Workers of one group on one store share the limits of each lane.
    fn group(&self) -> &'static str;

    /// Makes one attempt and returns its outcome. Returns `None` if no attempt was made; the delivery is then released.
    async fn deliver(&self, leased: &Leased) -> Option<Report>;

    /// Returns the current limits of a lane.
    ///
    /// # Errors
    /// Returns the store's error if the limits cannot be read.
    async fn lane_policy(&self, lane: LaneId) -> Result<LanePolicy, StoreError>;

    /// Returns the policy that decides on retries of this delivery.
    async fn retry_policy(&self, leased: &Leased) -> Arc<dyn RetryPolicy>;

    /// Called after the store has recorded the end of an attempt.
    fn settled(&self, settlement: &Settlement);

    /// Stores what is not stored yet. Called when a worker stops, after the last attempt.
    async fn flush(&self) {}

    /// Does a piece of work that may take long, such as a page of a bulk job. Called every few seconds, and again at once while
    /// [`Maintenance::more`] is set.
    ///
    /// # Errors
    /// Returns the store's error. The worker logs it and calls again later.
    async fn work_off(&self) -> Result<Maintenance, StoreError> {
        Ok(Maintenance::default())
    }

    /// Does other recurring work in small pieces, such as importing events from an outbox table. Called every
    /// [`Config::outbox_poll`](super::Config::outbox_poll) while there is work, and less often after a time without work.
    ///
    /// # Errors
    /// Returns the store's error. The worker calls again later, unless the error [cannot pass](StoreError::is_retryable).
    async fn maintain(&self) -> Result<Maintenance, StoreError>;
}
