//! Policies of the `backoff` crate as waiting times (feature `backoff`).
//!
//! That crate is unmaintained (RUSTSEC-2025-0012); this adapter is for applications that have tuned a policy with it.

use std::time::Duration;

use backoff::backoff::Backoff;

use super::schedule::{MAX_ENTRIES, Schedule};

impl Schedule {
    /// Records what a `backoff` policy would wait: its first `retries` waits, fewer when it ends sooner. Such a policy keeps
    /// state in memory; the record gives the same answer after a restart. A policy that ends by the wall clock
    /// (`max_elapsed_time`) is taken as if no time passed while it was recorded.
    ///
    /// ```
    /// use backoff::backoff::Constant;
    /// use hookwire::retry::{Policy, RetryPolicy, Schedule};
    ///
    /// let schedule = Schedule::from_backoff(Constant::new(std::time::Duration::from_secs(30)), 4);
    /// assert_eq!(Policy::new(schedule).max_attempts(), 5);
    /// ```
    #[must_use]
    pub fn from_backoff(mut policy: impl Backoff, retries: usize) -> Self {
        policy.reset();
        let waits = std::iter::from_fn(|| policy.next_backoff());
        waits.take(retries.min(MAX_ENTRIES)).collect::<Vec<Duration>>().into_iter().collect()
    }
}
