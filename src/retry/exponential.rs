//! Delays that grow by a factor.

use std::time::Duration;

use super::delays::{Delays, jitter};

/// Delays that grow by a factor up to a cap. Each has jitter of a tenth in both directions, applied before the cap. By default the delays
/// start with 5 s and double up to 12 h, for 15 retries.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exponential {
    first: Duration,
    factor: u32,
    cap: Duration,
    retries: u32,
}

impl Default for Exponential {
    fn default() -> Self {
        Self { first: Duration::from_secs(5), factor: 2, cap: Duration::from_secs(12 * 60 * 60), retries: 15 }
    }
}

impl Exponential {
    /// Creates delays that start with `first`; all other settings have their defaults.
    #[must_use]
    pub fn from(first: Duration) -> Self {
        Self { first, ..Self::default() }
    }

    /// Sets the factor from one delay to the next. 0 counts as 1.
    #[must_use]
    pub fn factor(mut self, factor: u32) -> Self {
        self.factor = factor.max(1);
        self
    }

    /// Sets the longest delay.
    #[must_use]
    pub const fn cap(mut self, cap: Duration) -> Self {
        self.cap = cap;
        self
    }

    /// Sets the number of retries after the first attempt.
    #[must_use]
    pub const fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }
}

impl Delays for Exponential {
    fn delay(&self, retry: u32, seed: u64) -> Option<Duration> {
        let growth = self.factor.saturating_pow(retry.checked_sub(1).filter(|_| retry <= self.retries)?);
        Some(jitter(self.first.saturating_mul(growth), retry, seed).min(self.cap))
    }
}
