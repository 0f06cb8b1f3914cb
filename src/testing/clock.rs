//! Clocks for tests: one that the test sets, and one that follows tokio's time.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::clock::{Clock, Timestamp};

/// A clock that the test sets. Clones share the time.
///
/// It does not change tokio's timers: a worker with this clock reads a new due time at its next poll or wake-up.
///
/// ```
/// use std::time::Duration;
/// use hookwire::clock::{Clock, Timestamp};
/// use hookwire::testing::ManualClock;
///
/// let clock = ManualClock::at(Timestamp::from_secs(60));
/// clock.advance(Duration::from_secs(5));
/// assert_eq!(clock.now(), Timestamp::from_secs(65));
/// ```
#[derive(Clone, Debug)]
pub struct ManualClock {
    micros: Arc<AtomicI64>,
}

impl ManualClock {
    /// A clock that shows `at` until it is set.
    #[must_use]
    pub fn at(at: Timestamp) -> Self {
        Self { micros: Arc::new(AtomicI64::new(at.as_micros())) }
    }

    /// Moves the clock forward.
    pub fn advance(&self, span: Duration) {
        self.set(self.now() + span);
    }

    /// Sets the clock, forward or back.
    pub fn set(&self, at: Timestamp) {
        self.micros.store(at.as_micros(), Ordering::SeqCst);
    }
}

/// Shows 2023-11-14T22:13:20Z.
impl Default for ManualClock {
    fn default() -> Self {
        Self::at(Timestamp::from_secs(1_700_000_000))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.micros.load(Ordering::SeqCst))
    }

    fn uptime(&self) -> Duration {
        self.now().since(Timestamp::EPOCH)
    }
}

/// A clock that follows tokio's time. In a test with `#[tokio::test(start_paused = true)]` hours of retries take a moment, because
/// tokio advances its time whenever all tasks wait.
///
/// ```
/// use std::time::Duration;
/// use hookwire::clock::{Clock, Timestamp};
/// use hookwire::testing::TokioClock;
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?.block_on(async {
/// let clock = TokioClock::starting_at(Timestamp::EPOCH);
/// tokio::time::sleep(Duration::from_secs(3_600)).await; // returns at once
/// assert_eq!(clock.now(), Timestamp::from_secs(3_600));
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct TokioClock {
    base: Timestamp,
    origin: tokio::time::Instant,
}

impl TokioClock {
    /// A clock that shows `base` now.
    #[must_use]
    pub fn starting_at(base: Timestamp) -> Self {
        Self { base, origin: tokio::time::Instant::now() }
    }
}

/// Starts at 2023-11-14T22:13:20Z.
impl Default for TokioClock {
    fn default() -> Self {
        Self::starting_at(Timestamp::from_secs(1_700_000_000))
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        self.base + self.uptime()
    }

    fn uptime(&self) -> Duration {
        self.origin.elapsed()
    }
}
