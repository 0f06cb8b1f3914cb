//! Nothing is recorded without the feature `metrics`.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::id::{Tenant, Work};
use crate::outcome::Outcome;

/// Does nothing.
pub(crate) const fn attempt(_work: Work, _outcome: Outcome, _took: Duration) {}

/// Does nothing.
pub(crate) const fn first_attempt(_work: Work, _after: Duration) {}

/// Does nothing.
pub(crate) const fn given_up(_work: Work, _reason: &'static str) {}

/// Does nothing.
pub(crate) const fn lease_lost() {}

/// Does nothing.
pub(crate) const fn lanes_failing(_work: Work, _count: usize) {}

/// Does nothing.
pub(crate) const fn workers_alive(_work: Work, _count: u32) {}

/// Records nothing.
#[derive(Debug)]
pub(crate) struct Oldest {}

impl Oldest {
    /// Records nothing.
    #[must_use]
    pub(crate) const fn of(_work: Work) -> Self {
        Self {}
    }

    /// Does nothing.
    pub(crate) fn record(&mut self, _overdue: impl FnOnce() -> (Vec<(Option<Tenant>, Timestamp)>, Timestamp)) {}
}
