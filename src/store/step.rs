//! The lengths of time that rollups cover.

use std::time::Duration;

use crate::clock::Timestamp;

/// The length of time that one [`Rollup`](super::Rollup) covers.
///
/// ```
/// use hookwire::clock::Timestamp;
/// use hookwire::store::RollupStep;
///
/// assert_eq!(RollupStep::Minute.start(Timestamp::from_secs(125)), Timestamp::from_secs(120));
/// assert_eq!(RollupStep::Hour.start(Timestamp::from_secs(7_199)), Timestamp::from_secs(3_600));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "complete: every store keeps both")]
pub enum RollupStep {
    /// A minute. Minutes are kept for 48 hours.
    Minute,
    /// An hour. Hours are kept for 90 days.
    Hour,
}

impl RollupStep {
    /// The length of a step.
    #[must_use]
    pub const fn length(self) -> Duration {
        match self {
            Self::Minute => Duration::from_secs(60),
            Self::Hour => Duration::from_secs(3_600),
        }
    }

    /// How long rollups of this step are kept.
    #[must_use]
    pub const fn retention(self) -> Duration {
        match self {
            Self::Minute => Duration::from_secs(48 * 3_600),
            Self::Hour => Duration::from_secs(90 * 86_400),
        }
    }

    /// The beginning of the step that contains this time.
    #[must_use]
    pub fn start(self, at: Timestamp) -> Timestamp {
        let length = i64::try_from(self.length().as_micros()).unwrap_or(i64::MAX);
        Timestamp::from_micros(at.as_micros().div_euclid(length).saturating_mul(length))
    }

    /// The beginnings of the steps that begin at `from` or later, and before `to`. A span that is longer than the
    /// [`retention`](Self::retention) is cut to its last part.
    ///
    /// ```
    /// use hookwire::clock::Timestamp;
    /// use hookwire::store::RollupStep;
    ///
    /// let starts = RollupStep::Minute.starts(Timestamp::from_secs(1), Timestamp::from_secs(121));
    /// assert_eq!(starts.collect::<Vec<_>>(), [60, 120].map(Timestamp::from_secs));
    /// ```
    pub fn starts(self, from: Timestamp, to: Timestamp) -> impl Iterator<Item = Timestamp> {
        let from = from.max(to - self.retention() - self.length());
        let first = self.start(from);
        let first = if first < from { first + self.length() } else { first };
        std::iter::successors(Some(first), move |at| Some(*at + self.length())).take_while(move |at| *at < to)
    }
}
