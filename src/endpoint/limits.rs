//! Limits on the attempts at one endpoint.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Limits on the attempts at one endpoint. Workers that share a store share them.
///
/// ```
/// use std::num::NonZeroU32;
/// use std::time::Duration;
/// use hookwire::endpoint::{Limits, Rate};
///
/// let rate = Rate { count: NonZeroU32::MIN, per: Duration::from_secs(60) };
/// let limits = Limits::default().with_rate(Some(rate));
/// assert_eq!(limits.to_string(), "at most 8 at a time, at most 1 in 60s");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Limits {
    /// Maximum number of attempts in flight at the same time. Default 8.
    pub concurrency: NonZeroU32,
    /// Maximum number of attempts that begin in a span of time. Default: no limit.
    #[serde(default)]
    pub rate: Option<Rate>,
}

/// At most `count` attempts begin in any span `per`. They are spread out; after an idle time up to `count` may begin at once.
///
/// ```
/// use std::num::NonZeroU32;
/// use std::time::Duration;
/// use hookwire::endpoint::Rate;
///
/// let rate = Rate { count: NonZeroU32::MIN, per: Duration::from_millis(100) }; // one every 100 ms
/// assert_eq!(rate.count.get(), 1);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::exhaustive_structs,
    reason = "complete: a rate is a count in a span of time, and the application builds it"
)]
pub struct Rate {
    /// Number of attempts.
    pub count: NonZeroU32,
    /// The span of time.
    pub per: Duration,
}

impl Rate {
    /// Whether this rate allows more over time, or more at once.
    fn is_faster_than(self, other: Self) -> bool {
        let over_time = |rate: Self, per: Duration| per.as_nanos().saturating_mul(rate.count.get().into());
        self.count > other.count || over_time(self, other.per) > over_time(other, self.per)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { concurrency: NonZeroU32::MIN.saturating_add(7), rate: None }
    }
}

impl Limits {
    /// Sets the maximum number of attempts in flight at the same time.
    ///
    /// ```
    /// use std::num::NonZeroU32;
    /// use hookwire::endpoint::Limits;
    ///
    /// let one_at_a_time = Limits::default().with_concurrency(NonZeroU32::MIN);
    /// assert_eq!(one_at_a_time.to_string(), "at most 1 at a time");
    /// ```
    #[must_use]
    pub const fn with_concurrency(mut self, concurrency: NonZeroU32) -> Self {
        self.concurrency = concurrency;
        self
    }

    /// Sets the rate; `None` for no limit.
    #[must_use]
    pub const fn with_rate(mut self, rate: Option<Rate>) -> Self {
        self.rate = rate;
        self
    }

    /// The name of a limit that is higher than in `ceiling`; `None` if all are within it.
    ///
    /// ```
    /// use std::num::NonZeroU32;
    /// use hookwire::endpoint::Limits;
    ///
    /// let ceiling = Limits::default().with_concurrency(NonZeroU32::MIN);
    /// assert_eq!(Limits::default().exceeded(ceiling), Some("concurrency"));
    /// assert_eq!(ceiling.exceeded(Limits::default()), None);
    /// ```
    #[must_use]
    pub fn exceeded(self, ceiling: Self) -> Option<&'static str> {
        let is_faster = ceiling.rate.is_some_and(|most| self.rate.is_none_or(|rate| rate.is_faster_than(most)));
        if self.concurrency > ceiling.concurrency {
            Some("concurrency")
        } else if is_faster {
            Some("rate")
        } else {
            None
        }
    }
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at most {} at a time", self.concurrency)?;
        match self.rate {
            Some(rate) => write!(f, ", at most {} in {:?}", rate.count, rate.per),
            None => Ok(()),
        }
    }
}
