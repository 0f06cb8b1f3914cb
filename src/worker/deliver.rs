//! What the worker does not know: how an attempt is made, and what a lane may use.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;

use async_trait::async_trait;

use super::gate::PROBE_AFTER;
use crate::clock::Timestamp;
use crate::delivery::{Leased, Settlement};
use crate::endpoint::{OnFailure, Rate};
use crate::id::{LaneId, Tenant, Work};
use crate::outcome::Report;
use crate::retry::RetryPolicy;
use crate::store::StoreError;

/// What a lane may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    pub(super) concurrency: u32,
    pub(super) rate: Option<Rate>,
    pub(super) tenant: Option<Tenant>,
    pub(super) rest_until: Option<Timestamp>,
    pub(super) failing: bool,
    pub(super) proven: bool,
    pub(super) on_failure: OnFailure,
}

impl Terms {
    /// So many attempts at the same time.
    #[must_use]
    pub const fn open(concurrency: NonZeroU32) -> Self {
        Self {
            concurrency: concurrency.get(),
            rate: None,
            tenant: None,
            rest_until: None,
            failing: false,
            proven: false,
            on_failure: OnFailure::Skip,
        }
    }

    /// Nothing, for now: the endpoint is disabled, removed or unknown.
    #[must_use]
    pub const fn closed() -> Self {
        let mut closed = Self::open(NonZeroU32::MIN);
        closed.concurrency = 0;
        closed
    }

    /// At most so many attempts in a span of time.
    #[must_use]
    pub const fn with_rate(mut self, rate: Option<Rate>) -> Self {
        self.rate = rate;
        self
    }

    /// Whose lane it is: tenants take turns. Lanes that are nobody's share one turn.
    #[must_use]
    pub fn of_tenant(mut self, tenant: Tenant) -> Self {
        self.tenant = Some(tenant);
        self
    }

    /// Nothing is started before then.
    #[must_use]
    pub const fn resting_until(mut self, until: Option<Timestamp>) -> Self {
        self.rest_until = until;
        self
    }

    /// The lane has failed so often in a row: from three on, a worker that meets it anew begins with one attempt at a time.
    #[must_use]
    pub const fn after_failures(mut self, failures: u32) -> Self {
        self.failing = failures >= PROBE_AFTER;
        self
    }

    /// The lane is known to have succeeded: it does not have to share places with those of which nothing is known.
    #[must_use]
    pub const fn known_to_succeed(mut self, proven: bool) -> Self {
        self.proven = proven;
        self
    }

    /// What becomes of an ordering key when its head has failed.
    #[must_use]
    pub const fn on_failure(mut self, rule: OnFailure) -> Self {
        self.on_failure = rule;
        self
    }
}

/// One attempt at a time.
impl Default for Terms {
    fn default() -> Self {
        Self::open(NonZeroU32::MIN)
    }
}

/// What a round of [`Deliver::tend`] has done.
#[derive(Clone, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "made by implementors of Deliver")]
pub struct Tended {
    /// Lanes that have new work, due now.
    pub due: Vec<LaneId>,
    /// There is more to do at once.
    pub more: bool,
}

/// Makes attempts. The sender's signs and posts.
///
/// 1. `deliver` MUST end within the longest attempt that the worker was built for. A panic in it costs one attempt.
/// 2. `terms` SHOULD answer from memory; it is asked before every claim from a lane.
/// 3. `policy` MUST answer the same policy for the same delivery.
#[async_trait]
pub trait Deliver: fmt::Debug + Send + Sync + 'static {
    /// Which kind of work it does: the worker claims from lanes of that kind, and forgets what is old of that kind, and touches
    /// nothing of the other.
    fn work(&self) -> Work;

    /// Whose work it is: workers of one crew on one store share what each lane may use.
    fn crew(&self) -> &'static str;

    /// Makes one attempt and says how it went; `None` when nothing was tried and the delivery is to be given back.
    async fn deliver(&self, leased: &Leased) -> Option<Report>;

    /// What a lane may use now.
    ///
    /// # Errors
    /// When that cannot be told because the store is in trouble.
    async fn terms(&self, lane: LaneId) -> Result<Terms, StoreError>;

    /// What decides on retries of this delivery.
    async fn policy(&self, leased: &Leased) -> Arc<dyn RetryPolicy>;

    /// Told after the store has recorded the end of an attempt.
    fn settled(&self, settlement: &Settlement);

    /// Looks after whatever else there is to do, in small pieces; called again and again while a worker runs.
    ///
    /// # Errors
    /// When the store is in trouble; the call is repeated later.
    async fn tend(&self) -> Result<Tended, StoreError>;
}
