//! The limits of one lane.

use std::num::NonZeroU32;

use crate::clock::Timestamp;
use crate::endpoint::{OnFailure, Rate};
use crate::id::Tenant;

/// After this number of failures in a row, a lane is probed with one attempt at a time.
pub(super) const PROBE_AFTER: u32 = 3;

/// The limits of one lane, and its recorded health.
///
/// ```
/// use std::num::NonZeroU32;
/// use hookwire::worker::LanePolicy;
///
/// let policy = LanePolicy::open(NonZeroU32::new(4).unwrap()).tenant("acme".into());
/// assert_ne!(policy, LanePolicy::closed());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LanePolicy {
    pub(super) concurrency: u32,
    pub(super) rate: Option<Rate>,
    pub(super) tenant: Option<Tenant>,
    pub(super) paused_until: Option<Timestamp>,
    pub(super) failing: bool,
    pub(super) proven: bool,
    pub(super) on_failure: OnFailure,
}

impl LanePolicy {
    /// Creates the policy of a lane that may have this number of attempts in flight, without other limits.
    #[must_use]
    pub const fn open(concurrency: NonZeroU32) -> Self {
        Self {
            concurrency: concurrency.get(),
            rate: None,
            tenant: None,
            paused_until: None,
            failing: false,
            proven: false,
            on_failure: OnFailure::Skip,
        }
    }

    /// Creates the policy of a lane that starts nothing, because its endpoint is disabled, removed or unknown.
    #[must_use]
    pub const fn closed() -> Self {
        let mut closed = Self::open(NonZeroU32::MIN);
        closed.concurrency = 0;
        closed
    }

    /// Limits the attempts in a span of time. Default: no limit.
    #[must_use]
    pub const fn rate(mut self, rate: Option<Rate>) -> Self {
        self.rate = rate;
        self
    }

    /// Sets the tenant that the lane belongs to. Tenants take turns; all lanes without a tenant share one turn.
    #[must_use]
    pub fn tenant(mut self, tenant: Tenant) -> Self {
        self.tenant = Some(tenant);
        self
    }

    /// Sets the time before which no attempt starts. Default: no pause.
    #[must_use]
    pub const fn paused_until(mut self, until: Option<Timestamp>) -> Self {
        self.paused_until = until;
        self
    }

    /// Sets the number of failed attempts in a row. If it is at least three, a worker that does not know the lane yet starts with one
    /// attempt at a time. Default: 0.
    #[must_use]
    pub const fn failures(mut self, failures: u32) -> Self {
        self.failing = failures >= PROBE_AFTER;
        self
    }

    /// Sets whether an attempt has ever succeeded. Lanes that never succeeded share a part of the slots. Default: `false`.
    #[must_use]
    pub const fn proven(mut self, proven: bool) -> Self {
        self.proven = proven;
        self
    }

    /// Sets what happens to an ordering key when its first delivery has failed. Default: [`OnFailure::Skip`].
    #[must_use]
    pub const fn on_failure(mut self, rule: OnFailure) -> Self {
        self.on_failure = rule;
        self
    }
}

/// Allows one attempt at a time.
impl Default for LanePolicy {
    fn default() -> Self {
        Self::open(NonZeroU32::MIN)
    }
}
