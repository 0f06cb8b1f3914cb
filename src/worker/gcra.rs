//! The generic cell rate algorithm: `count` steps in any span `per`, spread out, with a burst of `count` after an idle time.
//!
//! A limiter is one timestamp: the time at which the next step would be due if all steps were spread out. A step may come earlier
//! than this, but at most by the duration of the burst.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::clock::Timestamp;

/// A rate, as the algorithm uses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quota {
    /// The time between two steps, in nanoseconds.
    interval: u128,
    /// How much earlier than due a step may come, in nanoseconds.
    tolerance: u128,
}

/// The state of one limiter: when the next step is due, in nanoseconds since the Unix epoch. A new one allows a whole burst.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Due(u128);

impl Quota {
    /// Returns `None` if the steps are less than a nanosecond apart, which is no limit.
    pub(crate) fn new(count: NonZeroU32, per: Duration) -> Option<Self> {
        let interval = per.as_nanos() / u128::from(count.get());
        (interval > 0).then(|| Self { interval, tolerance: interval * u128::from(count.get() - 1) })
    }

    /// Takes a step: returns the next state, or fails with the first time at which a step is allowed.
    pub(crate) fn take(self, due: Due, now: Timestamp) -> Result<Due, Timestamp> {
        let now = nanos(now);
        // A limiter is further ahead than this only if the clock was set back after its last step. It counts as used up.
        let due = due.0.min(now + self.tolerance + self.interval);
        if now + self.tolerance >= due {
            return Ok(Due(due.max(now) + self.interval));
        }
        // Rounded up to the clock's microsecond, so that a step is allowed at the returned time.
        let micros = (due - self.tolerance).div_ceil(1_000);
        Err(i64::try_from(micros).map_or(Timestamp::MAX, Timestamp::from_micros))
    }

    /// The state of a limiter whose whole burst has just been taken.
    pub(crate) fn used_up(self, now: Timestamp) -> Due {
        Due(nanos(now) + self.tolerance + self.interval)
    }
}

impl Due {
    /// Whether a new limiter would behave the same, so that this one need not be kept.
    pub(crate) fn is_plain(self, now: Timestamp) -> bool {
        self.0 <= nanos(now)
    }
}

/// Nanoseconds since the Unix epoch. Earlier times become zero, because no limit matters before the epoch.
fn nanos(at: Timestamp) -> u128 {
    u128::try_from(at.as_micros()).unwrap_or(0) * 1_000
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

    fn quota(count: u32, per: Duration) -> Quota {
        Quota::new(NonZeroU32::new(count).unwrap(), per).unwrap()
    }

    /// A bucket of `count` tokens that gains one token in each interval. It describes the same limiter, in whole numbers.
    struct Bucket {
        interval: u128,
        full: u128,
        /// The tokens, each worth an interval of nanoseconds.
        level: u128,
        filled_at: u128,
    }

    impl Bucket {
        fn take(&mut self, now: u128) -> bool {
            self.level = (self.level + now - self.filled_at).min(self.full);
            self.filled_at = now;
            let allowed = self.level >= self.interval;
            self.level -= if allowed { self.interval } else { 0 };
            allowed
        }
    }

    #[test]
    fn a_burst_is_allowed_and_then_one_step_in_each_interval() {
        let quota = quota(3, Duration::from_secs(3));
        let mut due = Due::default();
        for _ in 0..3 {
            due = quota.take(due, NOW).unwrap();
        }
        assert_eq!(due, quota.used_up(NOW));
        let next = NOW + Duration::from_secs(1);
        assert_eq!(quota.take(due, NOW), Err(next));
        assert_eq!(quota.take(due, next - Duration::from_micros(1)), Err(next));
        due = quota.take(due, next).unwrap();
        assert_eq!(quota.take(due, next), Err(next + Duration::from_secs(1)));
        assert!(!due.is_plain(next) && due.is_plain(next + Duration::from_secs(3)));
    }

    #[test]
    fn an_interval_between_two_microseconds_is_rounded_up() {
        let quota = quota(3, Duration::from_micros(100));
        let next = quota.take(quota.used_up(NOW), NOW).unwrap_err();
        assert_eq!(next, NOW + Duration::from_micros(34));
        assert!(quota.take(quota.used_up(NOW), next).is_ok());
    }

    #[test]
    fn a_clock_that_is_set_back_leaves_a_limiter_used_up_at_most() {
        let quota = quota(2, Duration::from_secs(2));
        let due = quota.take(Due::default(), NOW).unwrap();
        let earlier = NOW - Duration::from_secs(86_400);
        assert_eq!(quota.take(due, earlier), Err(earlier + Duration::from_secs(1)));
    }

    #[test]
    fn the_largest_and_smallest_numbers_do_not_overflow() {
        assert_eq!(Quota::new(NonZeroU32::MAX, Duration::from_secs(1)), None);
        assert_eq!(Quota::new(NonZeroU32::MIN, Duration::ZERO), None);
        let slowest = quota(u32::MAX, Duration::MAX);
        for now in [Timestamp::from_micros(i64::MIN), Timestamp::EPOCH, NOW, Timestamp::MAX] {
            let due = slowest.take(Due::default(), now).unwrap();
            assert!(slowest.take(due, now).is_ok());
            assert!(slowest.take(slowest.used_up(now), now).is_err());
        }
    }

    proptest! {
        #[test]
        fn the_same_steps_are_allowed_as_by_a_token_bucket(
            count in 1u32..6, per in 1u64..40_000, waits in proptest::collection::vec(0u64..9_000, 1..60),
        ) {
            let quota = quota(count, Duration::from_micros(per));
            let full = quota.interval * u128::from(count);
            let mut bucket = Bucket { interval: quota.interval, full, level: full, filled_at: nanos(NOW) };
            let (mut now, mut due) = (NOW, Due::default());
            for wait in waits {
                now = now + Duration::from_micros(wait);
                let taken = quota.take(due, now);
                prop_assert_eq!(taken.is_ok(), bucket.take(nanos(now)));
                match taken {
                    Ok(next) => due = next,
                    Err(at) => {
                        prop_assert!(at > now && quota.take(due, at).is_ok());
                        prop_assert!(quota.take(due, at - Duration::from_micros(1)).is_err());
                    }
                }
            }
        }
    }
}
