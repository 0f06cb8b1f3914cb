//! Retry policies: the decision after an attempt, as a pure function of stored facts.
//!
//! A [`RetryPolicy`] neither waits nor sends. It gets the facts of one attempt and returns a [`Decision`]. For the same facts it returns
//! the same decision, before and after a restart. Start with [`Policy`]; its delays are a [`Schedule`], an [`Exponential`], or any
//! [`Delays`].

#[cfg(feature = "backoff")]
mod backoff;
mod delays;
mod exponential;
mod policy;
pub mod retry_after;
mod schedule;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use self::delays::Delays;
pub use self::exponential::Exponential;
pub use self::policy::Policy;
pub use self::schedule::{MAX_ENTRIES, Schedule};
use crate::clock::Timestamp;
use crate::outcome::Report;

/// The facts at the end of an attempt.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Facts<'a> {
    /// The number of the attempt, from 1. Local faults ([`Outcome::Local`](crate::outcome::Outcome::Local)) do not count.
    pub attempt: u32,
    /// The number of local faults of this delivery before this one.
    pub faults: u32,
    /// When the delivery was created.
    pub created_at: Timestamp,
    /// When the attempt ended.
    pub now: Timestamp,
    /// The outcome of the attempt.
    pub report: &'a Report,
    /// Constant for one delivery and different for each delivery: the source of jitter.
    pub seed: u64,
}

impl<'a> Facts<'a> {
    /// Creates the facts of attempt number `attempt` of a delivery that was created at `now`, without local faults and with seed 0.
    #[must_use]
    pub const fn new(attempt: u32, now: Timestamp, report: &'a Report) -> Self {
        Self { attempt, faults: 0, created_at: now, now, report, seed: 0 }
    }

    /// Sets when the delivery was created.
    #[must_use]
    pub const fn created_at(mut self, at: Timestamp) -> Self {
        self.created_at = at;
        self
    }

    /// Sets the number of earlier local faults.
    #[must_use]
    pub const fn faults(mut self, faults: u32) -> Self {
        self.faults = faults;
        self
    }

    /// Sets the seed.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }
}

/// What happens to a delivery after an attempt: a [`RetryPolicy`] returns it, and a store records it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// The delivery is `delivered`.
    Delivered,
    /// The delivery stays `pending` and is attempted again.
    Retry {
        /// When the next attempt is due.
        at: Timestamp,
        /// The whole lane starts no attempt before this time, because the endpoint asked for a pause.
        paused_until: Option<Timestamp>,
    },
    /// The delivery stays `pending`, and the attempt does not count against its limit, because the fault was local.
    RetryUncounted {
        /// When the next attempt is due.
        at: Timestamp,
    },
    /// The delivery is `held` until an operator resends or cancels it.
    Hold {
        /// Why it is held.
        reason: FailReason,
    },
    /// The delivery is `failed`. With [`FailReason::Blocked`] its endpoint is flagged as well.
    Fail {
        /// Why it failed.
        reason: FailReason,
    },
    /// The delivery is `failed` and its endpoint is disabled. The other deliveries of the endpoint are held.
    Disable {
        /// Why it failed.
        reason: FailReason,
    },
}

impl Decision {
    /// Creates a retry at this time that does not pause the lane.
    ///
    /// ```
    /// use hookwire::clock::Timestamp;
    /// use hookwire::retry::Decision;
    ///
    /// let at = Timestamp::from_secs(1_700_000_000);
    /// assert_eq!(Decision::retry(at), Decision::Retry { at, paused_until: None });
    /// ```
    #[must_use]
    pub const fn retry(at: Timestamp) -> Self {
        Self::Retry { at, paused_until: None }
    }

    /// The time until which the decision pauses the lane.
    #[must_use]
    pub const fn paused_until(self) -> Option<Timestamp> {
        match self {
            Self::Retry { paused_until, .. } => paused_until,
            _ => None,
        }
    }
}

/// Why a delivery failed finally.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FailReason {
    /// The last allowed attempt failed.
    Exhausted,
    /// The endpoint returned 410 Gone.
    Gone,
    /// The policy treats the status as permanent.
    Permanent,
    /// The egress guard refused the target.
    Blocked,
    /// Too many local faults in a row.
    Faults,
    /// The process died during every attempt, so the payload may be the cause.
    Poison,
    /// The deadline of the event has passed.
    Expired,
    /// A newer event of the same ordering key has replaced it.
    Superseded,
}

impl FailReason {
    /// A short, stable name, for stores.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exhausted => "exhausted",
            Self::Gone => "gone",
            Self::Permanent => "permanent",
            Self::Blocked => "blocked",
            Self::Faults => "faults",
            Self::Poison => "poison",
            Self::Expired => "expired",
            Self::Superseded => "superseded",
        }
    }

    /// Parses a name that [`as_str`](Self::as_str) returned.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let all = [Self::Exhausted, Self::Gone, Self::Permanent, Self::Blocked, Self::Faults, Self::Poison];
        all.into_iter().chain([Self::Expired, Self::Superseded]).find(|reason| reason.as_str() == name)
    }
}

impl fmt::Display for FailReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Decides what follows an attempt.
///
/// 1. `decide` MUST be pure: it returns the same decision for the same facts.
/// 2. `decide` MUST return [`Decision::Delivered`] for a success, and for nothing else.
/// 3. After [`Outcome::HandlerRejected`](crate::outcome::Outcome::HandlerRejected) there is no retry: the worker replaces a retry by
///    [`FailReason::Permanent`].
/// 4. `max_attempts` MUST be at least 1. If a delivery is claimed more often, it fails as [`FailReason::Poison`] without an attempt, so
///    that a payload that kills the process cannot kill it again and again.
pub trait RetryPolicy: fmt::Debug + Send + Sync + 'static {
    /// The maximum number of attempts at a delivery.
    fn max_attempts(&self) -> u32;
    /// Returns the decision after an attempt.
    fn decide(&self, facts: &Facts<'_>) -> Decision;
}

impl<P: RetryPolicy + ?Sized> RetryPolicy for Arc<P> {
    fn max_attempts(&self) -> u32 {
        (**self).max_attempts()
    }

    fn decide(&self, facts: &Facts<'_>) -> Decision {
        (**self).decide(facts)
    }
}
