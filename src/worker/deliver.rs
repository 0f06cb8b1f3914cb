//! What the worker does not know: how an attempt is made, and what a lane may use.

use std::fmt;
use std::num::NonZeroU32;

use async_trait::async_trait;

use crate::delivery::{Leased, Next};
use crate::id::EndpointId;
use crate::outcome::Report;
use crate::retry::RetryPolicy;
use crate::store::StoreError;

/// What a lane may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms(Option<NonZeroU32>);

impl Terms {
    /// So many attempts at the same time.
    #[must_use]
    pub const fn open(concurrency: NonZeroU32) -> Self {
        Self(Some(concurrency))
    }

    /// Nothing, for now: the endpoint is disabled, removed or unknown.
    #[must_use]
    pub const fn closed() -> Self {
        Self(None)
    }

    pub(super) const fn concurrency(self) -> u32 {
        match self.0 {
            Some(concurrency) => concurrency.get(),
            None => 0,
        }
    }
}

/// One attempt at a time.
impl Default for Terms {
    fn default() -> Self {
        Self::open(NonZeroU32::MIN)
    }
}

/// Makes attempts. The sender's signs and posts.
///
/// 1. `deliver` MUST end within the longest attempt that the worker was built for. A panic in it costs one attempt.
/// 2. `terms` SHOULD answer from memory; it is asked before every claim from a lane.
/// 3. `policy` MUST answer the same policy for the same delivery.
#[async_trait]
pub trait Deliver: fmt::Debug + Send + Sync + 'static {
    /// Makes one attempt and says how it went; `None` when nothing was tried and the delivery is to be given back.
    async fn deliver(&self, leased: &Leased) -> Option<Report>;

    /// What a lane may use now.
    ///
    /// # Errors
    /// When that cannot be told because the store is in trouble.
    async fn terms(&self, lane: EndpointId) -> Result<Terms, StoreError>;

    /// What decides on retries of this delivery.
    fn policy(&self, leased: &Leased) -> &dyn RetryPolicy;

    /// Told after the store has recorded the end of an attempt.
    fn settled(&self, lane: EndpointId, next: &Next);
}
