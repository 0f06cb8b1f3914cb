//! When a lane may start its next attempt: its pause, its rate limit, and fewer attempts at a time after failures.

use super::gcra::{Due, Quota};
use super::policy::PROBE_AFTER;
use crate::clock::Timestamp;
use crate::endpoint::Rate;
use crate::outcome::Outcome;

/// The rate limit of one lane.
#[derive(Debug)]
struct RateLimit {
    rate: Rate,
    quota: Quota,
    due: Due,
}

impl RateLimit {
    /// Returns `None` if the rate is too high to be a limit.
    fn new(rate: Rate) -> Option<Self> {
        Some(Self { rate, quota: Quota::new(rate.count, rate.per)?, due: Due::default() })
    }

    fn use_up(&mut self, now: Timestamp) {
        self.due = self.quota.used_up(now);
    }

    /// Takes a token, or returns when the next one is available.
    fn take(&mut self, now: Timestamp) -> Result<(), Timestamp> {
        self.due = self.quota.take(self.due, now)?;
        Ok(())
    }
}

/// Whether a lane's next attempt is likely to succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LaneHealth {
    /// An attempt has succeeded, and none has failed since.
    Proven,
    /// No attempt has succeeded or failed yet.
    Unknown,
    /// The last attempt failed.
    Failing,
}

/// What limits the attempts of one lane, and what its past attempts have shown.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    /// Set by `Retry-After`, or while the rate is used up.
    paused_until: Option<Timestamp>,
    rate: Option<RateLimit>,
    /// Failures in a row.
    failures: u32,
    /// Whether an attempt has succeeded.
    proven: bool,
    /// Attempts at a time while the lane fails or recovers; `None`: as many as its policy allows.
    reduced_to: Option<u32>,
}

impl Throttle {
    /// Whether a new throttle would behave the same, so that this one need not be kept.
    pub(super) fn is_plain(&self, now: Timestamp) -> bool {
        self.reduced_to.is_none() && self.failures == 0 && self.rate.is_none() && self.paused_until(now).is_none()
    }

    /// The end of the pause, if it is later than now.
    pub(super) fn paused_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.paused_until.filter(|until| *until > now)
    }

    pub(super) const fn health(&self) -> LaneHealth {
        match (self.failures, self.proven) {
            (0, true) => LaneHealth::Proven,
            (0, false) => LaneHealth::Unknown,
            _ => LaneHealth::Failing,
        }
    }

    /// Notes that the lane succeeded before this worker knew it.
    pub(super) const fn set_proven(&mut self) {
        self.proven = true;
    }

    /// Starts nothing before this time. A longer pause stays.
    pub(super) fn pause(&mut self, until: Timestamp) {
        self.paused_until = self.paused_until.max(Some(until));
    }

    /// Begins with one attempt at a time, because the lane is known to fail or has a long backlog.
    pub(super) fn start_slowly(&mut self) {
        self.reduced_to = self.reduced_to.or(Some(1));
    }

    /// Sets the rate. An unchanged rate keeps its limiter. A replacement limiter starts empty, so that changing the rate grants no
    /// extra burst.
    pub(super) fn set_rate(&mut self, rate: Option<Rate>, now: Timestamp) {
        if self.rate.as_ref().map(|limit| limit.rate) == rate {
            return;
        }
        let replaces = self.rate.is_some();
        self.rate = rate.and_then(RateLimit::new);
        if let Some(limit) = self.rate.as_mut().filter(|_| replaces) {
            limit.use_up(now);
        }
    }

    /// How many attempts may be in flight, if the policy allows `concurrency`.
    pub(super) fn concurrency(&self, concurrency: u32) -> u32 {
        self.reduced_to.map_or(concurrency, |reduced| reduced.min(concurrency))
    }

    /// How many attempts the rate lets start at once, at the most.
    pub(super) fn burst(&self) -> u32 {
        self.rate.as_ref().map_or(u32::MAX, |limit| limit.rate.count.get())
    }

    /// Permits one attempt, or returns when to ask again.
    pub(super) fn take(&mut self, now: Timestamp) -> Result<(), Timestamp> {
        if let Some(until) = self.paused_until(now) {
            return Err(until);
        }
        self.paused_until = None;
        let taken = self.rate.as_mut().map_or(Ok(()), |limit| limit.take(now));
        taken.inspect_err(|until| self.pause(*until))
    }

    /// Updates the health from an outcome. A local fault shows nothing about the endpoint.
    pub(super) fn learn(&mut self, outcome: Outcome, concurrency: u32) {
        if outcome.is_success() {
            (self.failures, self.proven) = (0, true);
            let doubled = self.reduced_to.map(|reduced| reduced.saturating_mul(2));
            self.reduced_to = doubled.filter(|reduced| *reduced < concurrency);
        } else if outcome.is_endpoint_failure() {
            self.failures = self.failures.saturating_add(1);
            if self.failures >= PROBE_AFTER {
                self.reduced_to = Some(1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::time::Duration;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

    #[test]
    fn a_failing_lane_is_probed_and_ramps_up_by_doubling() {
        let mut throttle = Throttle::default();
        for _ in 0..PROBE_AFTER {
            assert_eq!(throttle.concurrency(8), 8);
            throttle.learn(Outcome::Timeout, 8);
        }
        assert_eq!(throttle.concurrency(8), 1);
        let mut ramp = Vec::new();
        for _ in 0..3 {
            throttle.learn(Outcome::Status(200), 8);
            ramp.push(throttle.concurrency(8));
        }
        assert_eq!(ramp, [2, 4, 8]);
        assert_eq!(throttle.reduced_to, None);
    }

    #[test]
    fn our_own_faults_and_single_failures_reduce_nothing() {
        let mut throttle = Throttle::default();
        for outcome in [Outcome::Local; 9].into_iter().chain([Outcome::Status(500), Outcome::Status(200)]) {
            throttle.learn(outcome, 8);
        }
        assert_eq!(throttle.reduced_to, None);
    }

    #[test]
    fn a_rate_permits_its_count_and_then_returns_when_the_next_attempt_may_start() {
        let mut throttle = Throttle::default();
        throttle.set_rate(Some(Rate { count: NonZeroU32::new(2).unwrap(), per: Duration::from_secs(10) }), NOW);
        assert_eq!((throttle.take(NOW), throttle.take(NOW)), (Ok(()), Ok(())));
        let at = throttle.take(NOW).unwrap_err();
        assert!((5_000..5_010).contains(&at.since(NOW).as_millis()), "{at}");
        assert_eq!(throttle.take(at), Ok(()));
        throttle.set_rate(Some(Rate { count: NonZeroU32::new(4).unwrap(), per: Duration::from_secs(20) }), at);
        let next = throttle.take(at).unwrap_err();
        assert!((5_000..5_010).contains(&next.since(at).as_millis()), "changing the rate grants no burst");
        assert_eq!(throttle.take(next), Ok(()));
        throttle.set_rate(None, at);
        assert_eq!(throttle.take(at), Ok(()));
    }

    #[test]
    fn the_longest_pause_counts() {
        let mut throttle = Throttle::default();
        throttle.pause(NOW + Duration::from_secs(30));
        throttle.pause(NOW + Duration::from_secs(10));
        assert_eq!(throttle.take(NOW), Err(NOW + Duration::from_secs(30)));
        assert_eq!(throttle.take(NOW + Duration::from_secs(30)), Ok(()));
    }
}
