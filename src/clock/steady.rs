//! A clock that follows the wall clock, but does not jump when the wall clock does.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{Clock, Timestamp};

/// A larger difference is adopted at once, because then the wall clock was wrong before and has been corrected.
const MAX_DIFFERENCE: Duration = Duration::from_secs(24 * 60 * 60);

/// A clock that follows another one without its jumps, so that leases and due times remain valid when the other clock is set. It advances
/// with [`Clock::uptime`], at half the speed while it is ahead and at one and a half times the speed while it is behind.
#[derive(Debug)]
pub(crate) struct SteadyClock {
    wall: Arc<dyn Clock>,
    /// Uptime and time of the last reading.
    last: Mutex<(Duration, Timestamp)>,
}

impl SteadyClock {
    /// Follows `wall`, which may be set at any time.
    pub(crate) fn new(wall: Arc<dyn Clock>) -> Self {
        let last = Mutex::new((wall.uptime(), wall.now()));
        Self { wall, last }
    }
}

impl Clock for SteadyClock {
    fn now(&self) -> Timestamp {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (wall, uptime) = (self.wall.now(), self.wall.uptime());
        // A real uptime never goes back. A simulated uptime goes back when a test sets it; then the wall clock is right.
        let is_reset = uptime < last.0;
        let passed = uptime.saturating_sub(last.0);
        let even = last.1 + passed;
        let (ahead, behind) = (even.since(wall), wall.since(even));
        let correction = passed / 2;
        let now = if is_reset || ahead.max(behind) > MAX_DIFFERENCE {
            wall
        } else {
            even - ahead.min(correction) + behind.min(correction)
        };
        *last = (uptime, now);
        now
    }

    fn uptime(&self) -> Duration {
        self.wall.uptime()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    const START: i64 = 1_700_000_000;

    /// A wall clock that is `ahead` seconds from the right time.
    #[derive(Debug, Default)]
    struct WallClock {
        uptime: AtomicI64,
        ahead: AtomicI64,
    }

    impl Clock for WallClock {
        fn now(&self) -> Timestamp {
            Timestamp::from_secs(START + self.uptime.load(Ordering::SeqCst) + self.ahead.load(Ordering::SeqCst))
        }

        fn uptime(&self) -> Duration {
            Duration::from_secs(self.uptime.load(Ordering::SeqCst).unsigned_abs())
        }
    }

    impl WallClock {
        /// Lets this many seconds pass, one by one, and returns how far the steady clock is ahead of the right time then.
        fn pass(&self, seconds: i64, steady: &SteadyClock) -> i64 {
            let mut before = steady.now();
            for _ in 0..seconds {
                self.uptime.fetch_add(1, Ordering::SeqCst);
                let now = steady.now();
                assert!(now > before && now.since(before) <= Duration::from_millis(1_500), "{before} to {now}");
                before = now;
            }
            before.as_secs() - START - self.uptime.load(Ordering::SeqCst)
        }
    }

    #[test]
    fn a_step_of_the_wall_clock_is_followed_slowly() {
        let wall = Arc::new(WallClock::default());
        let steady = SteadyClock::new(wall.clone());
        assert_eq!(wall.pass(100, &steady), 0);
        for step in [7_200, -7_200] {
            wall.ahead.store(step, Ordering::SeqCst);
            assert_eq!(wall.pass(12, &steady), step.signum() * 6, "twelve seconds after a step of {step}");
            wall.ahead.store(0, Ordering::SeqCst);
            assert_eq!(wall.pass(12, &steady), 0, "twelve seconds after the step was undone");
            wall.ahead.store(step, Ordering::SeqCst);
            assert_eq!(wall.pass(14_400, &steady), step, "four hours after a step that stays");
            wall.ahead.store(0, Ordering::SeqCst);
            wall.pass(14_400, &steady);
        }
    }

    #[test]
    fn a_step_of_more_than_a_day_is_followed_at_once() {
        let wall = Arc::new(WallClock::default());
        let steady = SteadyClock::new(wall.clone());
        wall.ahead.store(900_000, Ordering::SeqCst);
        assert_eq!(steady.now(), wall.now());
    }
}
