//! Timestamps, and the clocks that return them.
//!
//! Only [`SystemClock`] asks the system for the time. Every rule that depends on time takes it as an argument, so that a test can run
//! three days of retries in a millisecond.

pub(crate) mod calendar;
#[cfg(any(feature = "receiver", feature = "worker"))]
mod interval;
#[cfg(any(feature = "sender", feature = "inbox"))]
mod steady;
#[cfg(feature = "system")]
mod system;

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

#[cfg(any(feature = "receiver", feature = "worker"))]
pub(crate) use self::interval::Interval;
#[cfg(any(feature = "sender", feature = "inbox"))]
pub(crate) use self::steady::SteadyClock;
#[cfg(feature = "system")]
pub use self::system::SystemClock;

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
    /// The last representable time; used as "never".
    pub const MAX: Self = Self(i64::MAX);

    /// A timestamp from whole microseconds since the Unix epoch. Stores keep timestamps in this form.
    ///
    /// ```
    /// use hookwire::clock::Timestamp;
    ///
    /// let at = Timestamp::from_micros(1_674_087_231_000_001);
    /// assert_eq!(at.as_micros(), 1_674_087_231_000_001);
    /// ```
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// A timestamp from whole milliseconds since the Unix epoch.
    ///
    /// ```
    /// use hookwire::clock::Timestamp;
    ///
    /// assert_eq!(Timestamp::from_millis(1_500).to_string(), "1970-01-01T00:00:01.5Z");
    /// ```
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// A timestamp from whole seconds since the Unix epoch.
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
    ///
    /// ```
    /// use hookwire::clock::Timestamp;
    ///
    /// assert_eq!(Timestamp::from_millis(1_999).as_secs(), 1);
    /// assert_eq!(Timestamp::from_millis(-1).as_secs(), -1);
    /// ```
    #[must_use]
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// The time between `earlier` and this; zero if `earlier` is later.
    ///
    /// ```
    /// use std::time::Duration;
    /// use hookwire::clock::Timestamp;
    ///
    /// let (noon, later) = (Timestamp::from_secs(43_200), Timestamp::from_secs(43_260));
    /// assert_eq!(later.since(noon), Duration::from_secs(60));
    /// assert_eq!(noon.since(later), Duration::ZERO);
    /// ```
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Whether RFC 3339 can represent the timestamp: from the year 0 to 9999-12-30T22:00:00Z.
    ///
    /// ```
    /// use hookwire::clock::Timestamp;
    ///
    /// assert!(Timestamp::EPOCH.fits_rfc_3339());
    /// assert!(!Timestamp::MAX.fits_rfc_3339());
    /// ```
    #[must_use]
    pub fn fits_rfc_3339(self) -> bool {
        calendar::YEARS.contains(&self.0)
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

/// RFC 3339 in UTC, with as many fractional digits as are needed. A timestamp that RFC 3339 cannot represent is written as a number
/// of microseconds, such as `9223372036854775807us`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.fits_rfc_3339() {
            true => calendar::write_rfc3339(self.0, f),
            false => write!(f, "{}us", self.0),
        }
    }
}

/// The text is not an RFC 3339 time.
///
/// ```
/// use hookwire::clock::Timestamp;
///
/// assert_eq!("2023-01-19T01:13:51+01:00".parse(), Ok(Timestamp::from_secs(1_674_087_231)));
/// assert!("yesterday".parse::<Timestamp>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be an RFC 3339 time, such as 2026-01-31T12:00:00Z")]
#[non_exhaustive]
pub struct TimestampError;

/// Parses RFC 3339 with any offset. A space may take the place of the `T`, and the colon of the offset may be absent. Digits of the
/// fraction beyond the sixth are dropped, and a leap second counts as the second before it.
impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        calendar::read_rfc3339(text).map(Self).ok_or(TimestampError)
    }
}

/// Returns the time. Implement it to simulate time in tests.
///
/// 1. `now` MUST be the wall clock, in UTC. It may step in either direction.
/// 2. `uptime` MUST never go back. Only differences between two of its values have a meaning.
///
/// ```
/// use std::time::Duration;
/// use hookwire::clock::{Clock, Timestamp};
///
/// /// A clock that always returns the same time.
/// #[derive(Debug)]
/// struct Noon;
///
/// impl Clock for Noon {
///     fn now(&self) -> Timestamp {
///         Timestamp::from_secs(43_200)
///     }
///
///     fn uptime(&self) -> Duration {
///         Duration::ZERO
///     }
/// }
///
/// assert_eq!(Noon.now().to_string(), "1970-01-01T12:00:00Z");
/// ```
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The time of the wall clock.
    fn now(&self) -> Timestamp;
    /// The time since an arbitrary fixed origin, to measure how long something takes.
    fn uptime(&self) -> Duration;
}

#[cfg(test)]
mod tests {
    use super::*;

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
