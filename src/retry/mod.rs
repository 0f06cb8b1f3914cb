//! What follows an attempt: a pure function of stored facts.
//!
//! A [`RetryPolicy`] neither sleeps nor sends. It sees the facts of one attempt and answers with a [`Decision`]; given
//! the same facts it gives the same answer, before and after a restart. [`Policy`] is the one to start from; its waiting
//! times are a [`Schedule`], an [`Exponential`], or any [`Delays`].

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

/// What is known when an attempt has ended.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Facts<'a> {
    /// Which attempt this was, from 1. Own faults ([`Outcome::Local`](crate::outcome::Outcome::Local)) do not count.
    pub attempt: u32,
    /// How many own faults this delivery has met before this one.
    pub faults: u32,
    /// When the delivery was made.
    pub created_at: Timestamp,
    /// When the attempt ended.
    pub now: Timestamp,
    /// How it went.
    pub report: &'a Report,
    /// Constant for one delivery, different between deliveries: the source of jitter.
    pub seed: u64,
}

impl<'a> Facts<'a> {
    /// The facts of attempt number `attempt` of a delivery made just now, with no own faults and seed 0.
    #[must_use]
    pub const fn new(attempt: u32, now: Timestamp, report: &'a Report) -> Self {
        Self { attempt, faults: 0, created_at: now, now, report, seed: 0 }
    }

    /// Sets when the delivery was made.
    #[must_use]
    pub const fn with_created_at(mut self, at: Timestamp) -> Self {
        self.created_at = at;
        self
    }

    /// Sets how many own faults went before.
    #[must_use]
    pub const fn with_faults(mut self, faults: u32) -> Self {
        self.faults = faults;
        self
    }

    /// Sets the seed.
    #[must_use]
    pub const fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }
}

/// What follows an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// Done: it was delivered.
    Delivered,
    /// Try again.
    Retry {
        /// No sooner than this.
        at: Timestamp,
        /// The whole lane waits until then, because the endpoint asked for it.
        pause: Option<Timestamp>,
    },
    /// Try again, and do not count this attempt: the fault was ours.
    Again {
        /// No sooner than this.
        at: Timestamp,
    },
    /// Give up on this delivery.
    Fail {
        /// Why.
        reason: FailReason,
    },
    /// Neither try again nor give up: hold this delivery until an operator resends or cancels it.
    Hold {
        /// Why.
        reason: FailReason,
    },
    /// Give up on this delivery and disable the endpoint; its other deliveries are held.
    Disable {
        /// Why.
        reason: FailReason,
    },
}

/// Why a delivery failed for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FailReason {
    /// The last allowed attempt failed.
    Exhausted,
    /// The endpoint answered 410: it is gone.
    Gone,
    /// A status that the policy calls permanent.
    Permanent,
    /// The egress guard refused the target.
    Blocked,
    /// Too many faults of our own in a row.
    Faults,
    /// Every attempt ended with the death of the process: the payload is suspected.
    Poison,
    /// The event's deadline has passed.
    Expired,
    /// A newer event of the same ordering key has taken its place.
    Superseded,
}

impl FailReason {
    /// A stable, short name: what a store keeps.
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

    /// The reverse of [`as_str`](Self::as_str).
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
/// 1. `decide` MUST be pure: equal facts, equal answer.
/// 2. `decide` MUST answer [`Decision::Delivered`] for a success, and for nothing else.
/// 3. After [`Outcome::HandlerRejected`](crate::outcome::Outcome::HandlerRejected) nothing is tried again: the worker takes a
///    retry for [`FailReason::Permanent`].
/// 4. `max_attempts` MUST be at least 1; a delivery claimed more often than that fails as
///    [`FailReason::Poison`] without being sent, so a payload that kills the process is bounded.
pub trait RetryPolicy: fmt::Debug + Send + Sync + 'static {
    /// How often a delivery is attempted at most.
    fn max_attempts(&self) -> u32;
    /// What follows.
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
