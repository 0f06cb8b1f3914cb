//! Policies of the `backoff` crate as delays (feature `backoff`). That crate is unmaintained (RUSTSEC-2025-0012); this adapter is for
//! applications that already use one of its policies.

use std::time::Duration;

use backoff::backoff::Backoff;

use super::schedule::{MAX_ENTRIES, Schedule};

impl Schedule {
    /// Records the first `retries` delays of a `backoff` policy, or fewer if it ends earlier. Such a policy keeps its state in memory,
    /// whereas the recorded delays are the same after a restart. A policy that ends by the wall clock (`max_elapsed_time`) is recorded as
    /// if no time passed.
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

#[cfg(test)]
mod tests {
    use backoff::backoff::{Constant, Stop, Zero};
    use backoff::exponential::ExponentialBackoffBuilder;

    use super::super::delays::Delays;
    use super::*;

    fn retries(schedule: &Schedule) -> usize {
        (1..2_000).take_while(|retry| schedule.delay(*retry, 0).is_some()).count()
    }

    #[test]
    fn an_endless_policy_is_cut_off_and_a_finished_one_is_kept_short() {
        assert_eq!(retries(&Schedule::from_backoff(Zero {}, 7)), 7);
        assert_eq!(retries(&Schedule::from_backoff(Constant::new(Duration::from_secs(1)), usize::MAX)), MAX_ENTRIES);
        assert_eq!(retries(&Schedule::from_backoff(Stop {}, 7)), 0);
    }

    #[test]
    fn a_policy_that_was_in_use_is_recorded_from_its_beginning() {
        let build = || {
            ExponentialBackoffBuilder::<backoff::SystemClock>::new()
                .with_initial_interval(Duration::from_secs(1))
                .with_multiplier(2.0)
                .with_randomization_factor(0.0)
                .build()
        };
        let mut used = build();
        used.next_backoff();
        used.next_backoff();
        let schedule = Schedule::from_backoff(used, 4);
        assert_eq!(schedule, Schedule::from_backoff(build(), 4));
        assert_eq!(schedule, [1, 2, 4, 8].map(Duration::from_secs).into_iter().collect());
    }
}
