//! Time: a point in it, and who tells it.
//!
//! Nothing else in the crate asks the system for the time; every rule that depends on time takes it as an argument,
//! so that a test can run three days of retries in a millisecond.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// A point in time: whole microseconds since the Unix epoch, UTC. All arithmetic saturates.
///
/// ```
/// use std::time::Duration;
/// use hookwire::clock::Timestamp;
///
/// let at = Timestamp::from_secs(1_674_087_231);
/// assert_eq!((at + Duration::from_secs(9)).as_secs(), 1_674_087_240);
/// assert_eq!(at.to_string(), "2023-01-19T00:13:51Z");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The Unix epoch.
    pub const EPOCH: Self = Self(0);
    /// The last representable point; used as "never".
    pub const MAX: Self = Self(i64::MAX);

    /// From whole microseconds since the Unix epoch.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// From whole milliseconds since the Unix epoch.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// From whole seconds since the Unix epoch.
    #[must_use]
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1_000_000))
    }

    /// Whole microseconds since the Unix epoch.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Whole milliseconds since the Unix epoch, rounded towards the past.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// Whole seconds since the Unix epoch, rounded towards the past.
    #[must_use]
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// How long after `earlier` this is; zero when it is not after.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)))
    }
}

impl std::ops::Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)))
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        match time.duration_since(UNIX_EPOCH) {
            Ok(after) => Self::EPOCH + after,
            Err(before) => Self::EPOCH - before.duration(),
        }
    }
}

impl From<Timestamp> for SystemTime {
    fn from(at: Timestamp) -> Self {
        let span = Duration::from_micros(at.0.unsigned_abs());
        if at.0 < 0 { UNIX_EPOCH - span } else { UNIX_EPOCH + span }
    }
}

impl Timestamp {
    /// Whether it can be written as RFC 3339 has it: from the year 0 to 9999-12-30T22:00:00Z.
    #[must_use]
    pub fn is_written_as_rfc_3339(self) -> bool {
        const YEARS: std::ops::RangeInclusive<i64> = -62_167_219_200_000_000..=253_402_207_200_999_999;
        YEARS.contains(&self.0)
    }
}

/// RFC 3339 in UTC, with as many fractional digits as are needed.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(at) => at.fmt(f),
            Err(_) => write!(f, "{}us", self.0),
        }
    }
}

/// A text is no point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a time as RFC 3339 has it, such as 2026-01-31T12:00:00Z")]
pub struct TimestampError;

/// RFC 3339, with any offset.
impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        let at: jiff::Timestamp = text.parse().map_err(|_| TimestampError)?;
        Ok(Self(at.as_microsecond()))
    }
}

/// Who tells the time. Implement it to simulate; the crate's own tests do.
///
/// 1. `now` MUST be the wall clock, in UTC. It may step in either direction.
/// 2. `uptime` MUST never go back. Only differences between two of its values mean anything.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The wall clock.
    fn now(&self) -> Timestamp;
    /// Time since an arbitrary fixed origin, for measuring how long something took.
    fn uptime(&self) -> Duration;
}

/// The operating system's clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the system")]
    fn now(&self) -> Timestamp {
        SystemTime::now().into()
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that asks the system")]
    fn uptime(&self) -> Duration {
        static ORIGIN: OnceLock<Instant> = OnceLock::new();
        ORIGIN.get_or_init(Instant::now).elapsed()
    }
}

/// A difference that is not caught up with: somebody has set a clock that was never right.
const FAR: Duration = Duration::from_secs(24 * 60 * 60);

/// A clock that follows another one and does not step, so that leases and due times hold although the other does. By
/// [`Clock::uptime`] it goes on evenly, at half the speed while it is ahead, and half as fast again while it is behind.
///
/// ```
/// use std::sync::Arc;
/// use hookwire::clock::{Clock, Steady, SystemClock};
///
/// let steady = Steady::over(Arc::new(SystemClock));
/// let first = steady.now();
/// assert!(steady.now() >= first);
/// ```
#[derive(Debug)]
pub struct Steady {
    of: Arc<dyn Clock>,
    /// When it was last asked, and what it answered.
    last: Mutex<(Duration, Timestamp)>,
}

impl Steady {
    /// Over a clock that may be set.
    #[must_use]
    pub fn over(of: Arc<dyn Clock>) -> Self {
        let last = Mutex::new((of.uptime(), of.now()));
        Self { of, last }
    }
}

impl Clock for Steady {
    fn now(&self) -> Timestamp {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (wall, uptime) = (self.of.now(), self.of.uptime());
        let is_set_by_hand = uptime < last.0;
        let passed = uptime.saturating_sub(last.0);
        let even = last.1 + passed;
        let (ahead, behind) = (even.since(wall), wall.since(even));
        let most = passed / 2;
        let now =
            if is_set_by_hand || ahead.max(behind) > FAR { wall } else { even - ahead.min(most) + behind.min(most) };
        *last = (uptime, now);
        now
    }

    fn uptime(&self) -> Duration {
        self.of.uptime()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    /// Its wall clock is so many seconds ahead, and can be set.
    #[derive(Debug, Default)]
    struct Stepping {
        uptime: AtomicI64,
        ahead: AtomicI64,
    }

    impl Clock for Stepping {
        fn now(&self) -> Timestamp {
            Timestamp::from_secs(1_700_000_000 + self.uptime.load(Ordering::SeqCst) + self.ahead.load(Ordering::SeqCst))
        }

        fn uptime(&self) -> Duration {
            Duration::from_secs(self.uptime.load(Ordering::SeqCst).unsigned_abs())
        }
    }

    impl Stepping {
        /// Passes so many seconds, one by one, and says how far the steady clock is ahead of the right time in the end.
        fn pass(&self, seconds: i64, steady: &Steady) -> i64 {
            let mut before = steady.now();
            for _ in 0..seconds {
                self.uptime.fetch_add(1, Ordering::SeqCst);
                let now = steady.now();
                assert!(now > before && now.since(before) <= Duration::from_millis(1_500), "{before} to {now}");
                before = now;
            }
            before.as_secs() - 1_700_000_000 - self.uptime.load(Ordering::SeqCst)
        }
    }

    #[test]
    fn a_step_of_the_wall_clock_is_followed_slowly() {
        let clock = Arc::new(Stepping::default());
        let steady = Steady::over(clock.clone());
        assert_eq!(clock.pass(100, &steady), 0);
        for step in [7_200, -7_200] {
            clock.ahead.store(step, Ordering::SeqCst);
            let off = clock.pass(12, &steady);
            assert_eq!(off, step.signum() * 6, "after twelve seconds of {step}");
            clock.ahead.store(0, Ordering::SeqCst);
            assert_eq!(clock.pass(12, &steady), 0, "and back");
            clock.ahead.store(step, Ordering::SeqCst);
            assert_eq!(clock.pass(14_400, &steady), step, "when it stays");
            clock.ahead.store(0, Ordering::SeqCst);
            clock.pass(14_400, &steady);
        }
        clock.ahead.store(900_000, Ordering::SeqCst);
        assert_eq!(steady.now(), clock.now(), "it was never right");
    }

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        assert_eq!(Timestamp::MAX + Duration::MAX, Timestamp::MAX);
        assert_eq!(Timestamp::from_micros(i64::MIN) - Duration::MAX, Timestamp::from_micros(i64::MIN));
        assert_eq!(Timestamp::EPOCH.since(Timestamp::MAX), Duration::ZERO);
    }

    #[test]
    fn system_time_converts_both_ways_before_and_after_the_epoch() {
        for micros in [-1_500_000, 0, 1_674_087_231_000_001] {
            let at = Timestamp::from_micros(micros);
            assert_eq!(Timestamp::from(SystemTime::from(at)), at);
        }
    }

    #[test]
    fn seconds_round_towards_the_past() {
        assert_eq!(Timestamp::from_micros(-1).as_secs(), -1);
        assert_eq!(Timestamp::from_micros(1_999_999).as_secs(), 1);
    }
}
