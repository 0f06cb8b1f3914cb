//! A list of delays.

use std::time::Duration;

use super::delays::{Delays, jitter};

/// The highest number of entries of a schedule.
pub const MAX_ENTRIES: usize = 1_000;

/// A list of delays, each with jitter of a tenth in both directions. The default is the example of Standard Webhooks: 10 attempts over
/// three days, after 0, 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h and 24 h.
///
/// ```
/// use std::time::Duration;
/// use hookwire::retry::{Policy, RetryPolicy, Schedule};
///
/// let quick: Schedule = [1, 2, 4].map(Duration::from_secs).into_iter().collect();
/// assert_eq!(Policy::new(quick).max_attempts(), 4);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule(Vec<Duration>);

/// Makes a schedule from any iterator of durations: the delay before the first retry, before the second, and so on. Only the first
/// [`MAX_ENTRIES`] are taken, so an infinite iterator is allowed.
impl FromIterator<Duration> for Schedule {
    fn from_iter<I: IntoIterator<Item = Duration>>(delays: I) -> Self {
        Self(delays.into_iter().take(MAX_ENTRIES).collect())
    }
}

impl Default for Schedule {
    fn default() -> Self {
        const MINUTE: u64 = 60;
        const HOUR: u64 = 60 * MINUTE;
        let seconds = [5, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR];
        seconds.map(Duration::from_secs).into_iter().collect()
    }
}

impl Delays for Schedule {
    fn delay(&self, retry: u32, seed: u64) -> Option<Duration> {
        let index = usize::try_from(retry.checked_sub(1)?).ok()?;
        self.0.get(index).map(|delay| jitter(*delay, retry, seed))
    }
}
