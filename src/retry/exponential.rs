//! Waiting times that grow by a factor.

use std::time::Duration;

use super::delays::{Delays, jitter};

/// Waiting times that grow by a factor up to a cap, each with a tenth of jitter to either side (applied before the cap).
/// Default: 5 s, doubling, at most 12 h, 15 retries.
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
    /// Begins with `first` and doubles; the rest as by default.
    #[must_use]
    pub fn from(first: Duration) -> Self {
        Self { first, ..Self::default() }
    }

    /// Each wait is so many times the one before. 0 counts as 1.
    #[must_use]
    pub fn factor(mut self, factor: u32) -> Self {
        self.factor = factor.max(1);
        self
    }

    /// No wait is longer than this.
    #[must_use]
    pub const fn cap(mut self, cap: Duration) -> Self {
        self.cap = cap;
        self
    }

    /// So many retries after the first attempt.
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
