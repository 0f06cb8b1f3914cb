//! Limits an action to once in each interval. The first caller in an interval performs it.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use super::Timestamp;

/// The action was never performed.
const NEVER: i64 = i64::MIN;

/// The time of the last action, and the minimum time until the next one.
#[derive(Debug)]
pub(crate) struct Interval {
    length: Duration,
    /// Microseconds since the Unix epoch.
    last: AtomicI64,
}

impl Interval {
    /// The first action is due at once.
    pub(crate) const fn new(length: Duration) -> Self {
        Self { length, last: AtomicI64::new(NEVER) }
    }

    /// Whether the action is due. If it is due, it counts as performed: of several simultaneous callers, only one gets `true`.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        let last = self.last.load(Ordering::Relaxed);
        let at = Timestamp::from_micros(last);
        // If the clock was set back, the action is due at once. Otherwise it would wait until the clock has caught up.
        let is_due = last == NEVER || now < at || now.since(at) >= self.length;
        is_due && self.last.compare_exchange(last, now.as_micros(), Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_occasion_is_due_once_in_the_interval_and_again_after_the_clock_was_set_back() {
        let interval = Interval::new(Duration::from_secs(60));
        let due = [100, 100, 159, 160, 219, 40, 99, 100].map(|secs| interval.is_due(Timestamp::from_secs(secs)));
        assert_eq!(due, [true, false, false, true, false, true, false, true]);
    }
}
