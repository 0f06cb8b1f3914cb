//! Without the feature: nothing.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::id::{Tenant, Work};
use crate::outcome::Outcome;

/// An attempt has ended.
pub const fn attempt(_work: Work, _outcome: Outcome, _took: Duration) {}

/// A delivery is tried for the first time, so long after it was made.
pub const fn first_attempt(_work: Work, _after: Duration) {}

/// A lease was lost: an attempt may be made twice.
pub const fn lease_lost() {}

/// How many lanes of this worker fail.
pub const fn lanes_failing(_work: Work, _count: usize) {}

/// Something came twice and was left alone: at `dispatch` or at the `receiver`.
pub const fn duplicate(_at: &'static str) {}

/// Since when the oldest due work of each tenant waits.
#[derive(Debug, Default)]
pub struct Oldest {}

impl Oldest {
    /// Of this kind of work.
    #[must_use]
    pub const fn of(_work: Work) -> Self {
        Self {}
    }

    /// What is late now.
    pub fn record(&mut self, _late: impl FnOnce() -> (Vec<(Option<Tenant>, Timestamp)>, Timestamp)) {}
}
