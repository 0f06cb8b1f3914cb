//! Clocks for tests: one that is set by hand, one that follows tokio's.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::clock::{Clock, Timestamp};

/// A clock that stands still until it is moved. Clones are the same clock.
///
/// It does not move tokio's timers: a worker under this clock sees new due times at its next poll or wake-up.
#[derive(Clone, Debug)]
pub struct ManualClock {
    micros: Arc<AtomicI64>,
}

impl ManualClock {
    /// A clock that stands at `at`.
    #[must_use]
    pub fn at(at: Timestamp) -> Self {
        Self { micros: Arc::new(AtomicI64::new(at.as_micros())) }
    }

    /// Moves it on.
    pub fn advance(&self, span: Duration) {
        self.set(self.now() + span);
    }

    /// Sets it, also backwards.
    pub fn set(&self, at: Timestamp) {
        self.micros.store(at.as_micros(), Ordering::SeqCst);
    }
}

/// 2023-11-14T22:13:20Z.
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

/// A clock that follows tokio's: under `#[tokio::test(start_paused = true)]` hours of retries pass in a moment, because
/// tokio moves its time on whenever everybody waits.
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

/// It begins at 2023-11-14T22:13:20Z.
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
