//! When a lane may start its next attempt: pauses, rates, and how many at a time after failures.

use std::sync::Arc;
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use crate::clock::Timestamp;
use crate::endpoint::Rate;
use crate::outcome::Outcome;

/// So many failures in a row make a lane a failing one, which is probed by one attempt at a time.
pub(super) const PROBE_AFTER: u32 = 3;

/// A limiter that is told the time.
type Limiter = RateLimiter<NotKeyed, InMemoryState, Hand, NoOpMiddleware<Duration>>;

/// A clock whose hand is moved before the limiter looks at it.
#[derive(Clone, Debug)]
struct Hand(Arc<std::sync::atomic::AtomicI64>);

impl Hand {
    fn at(now: Timestamp) -> Self {
        Self(Arc::new(now.as_micros().into()))
    }

    fn set(&self, now: Timestamp) {
        self.0.store(now.as_micros(), std::sync::atomic::Ordering::Relaxed);
    }
}

impl Clock for Hand {
    type Instant = Duration;

    fn now(&self) -> Duration {
        let micros = self.0.load(std::sync::atomic::Ordering::Relaxed);
        Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    }
}

#[derive(Debug)]
struct Limit {
    rate: Rate,
    limiter: Limiter,
    hand: Hand,
}

impl Limit {
    /// `None` for a rate so high that it is none.
    fn new(rate: Rate, now: Timestamp) -> Option<Self> {
        let quota = Quota::with_period(rate.per / rate.count.get())?.allow_burst(rate.count);
        let hand = Hand::at(now);
        Some(Self { rate, limiter: RateLimiter::direct_with_clock(quota, hand.clone()), hand })
    }

    fn use_up(&self) {
        // The burst is the rate's count, so that there is room for it; and what does not fit is not there.
        let _all = self.limiter.check_n(self.rate.count);
    }

    /// Takes a place, or says when there is one.
    fn take(&self, now: Timestamp) -> Result<(), Timestamp> {
        self.hand.set(now);
        let wait = self.limiter.check().map_err(|not_until| not_until.wait_time_from(self.hand.now()));
        // Rounded up, so that whoever waits so long is not sent back for a microsecond.
        wait.map_err(|wait| now + wait + Duration::from_micros(1))
    }
}

/// What is to be expected of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It succeeds.
    Proven,
    /// It has not answered yet.
    Unknown,
    /// Its last attempt failed.
    Failing,
}

/// One lane's gate.
#[derive(Debug, Default)]
pub(super) struct Gate {
    /// Shut until then: by `Retry-After`, or because the rate is used up.
    shut_until: Option<Timestamp>,
    limit: Option<Limit>,
    /// Failures in a row.
    failures: u32,
    /// It has succeeded.
    proven: bool,
    /// Attempts at a time while the lane fails or recovers; `None`: as many as its terms say.
    allowed: Option<u32>,
}

impl Gate {
    /// Whether there is nothing that must not be forgotten.
    pub(super) fn is_plain(&self, now: Timestamp) -> bool {
        self.allowed.is_none() && self.failures == 0 && self.limit.is_none() && self.shut_until(now).is_none()
    }

    /// Until when nothing starts, if that is later than now.
    pub(super) fn shut_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.shut_until.filter(|until| *until > now)
    }

    /// What is to be expected of its next attempt.
    pub(super) const fn standing(&self) -> Standing {
        match (self.failures, self.proven) {
            (0, true) => Standing::Proven,
            (0, false) => Standing::Unknown,
            _ => Standing::Failing,
        }
    }

    /// It has succeeded before, in an earlier life.
    pub(super) const fn set_proven(&mut self) {
        self.proven = true;
    }

    pub(super) fn shut(&mut self, until: Timestamp) {
        self.shut_until = self.shut_until.max(Some(until));
    }

    /// The lane begins with one attempt at a time: it is known to be failing, or has much to catch up on.
    pub(super) fn begin_narrow(&mut self) {
        self.allowed = self.allowed.or(Some(1));
    }

    /// The rate may have changed; a limiter that fits is kept with what it remembers. One that follows another begins used up:
    /// nobody gets more by changing it.
    pub(super) fn set_rate(&mut self, rate: Option<Rate>, now: Timestamp) {
        if self.limit.as_ref().map(|limit| limit.rate) != rate {
            let follows = self.limit.is_some();
            self.limit = rate.and_then(|rate| Limit::new(rate, now));
            if let Some(limit) = self.limit.as_ref().filter(|_| follows) {
                limit.use_up();
            }
        }
    }

    /// How many attempts at a time, where the terms allow `concurrency`.
    pub(super) fn concurrency(&self, concurrency: u32) -> u32 {
        self.allowed.map_or(concurrency, |allowed| allowed.min(concurrency))
    }

    /// The most that could start at once by the rate.
    pub(super) fn burst(&self) -> u32 {
        self.limit.as_ref().map_or(u32::MAX, |limit| limit.rate.count.get())
    }

    /// Takes leave to start an attempt, or says when to ask again.
    pub(super) fn take(&mut self, now: Timestamp) -> Result<(), Timestamp> {
        if let Some(until) = self.shut_until(now) {
            return Err(until);
        }
        self.shut_until = None;
        let taken = self.limit.as_ref().map_or(Ok(()), |limit| limit.take(now));
        taken.inspect_err(|until| self.shut(*until))
    }

    /// Learns from an outcome. Faults of our own say nothing about the endpoint.
    pub(super) fn learn(&mut self, outcome: Outcome, concurrency: u32) {
        if outcome.is_success() {
            (self.failures, self.proven) = (0, true);
            let doubled = self.allowed.map(|allowed| allowed.saturating_mul(2));
            self.allowed = doubled.filter(|allowed| *allowed < concurrency);
        } else if outcome.is_endpoint_failure() {
            self.failures = self.failures.saturating_add(1);
            if self.failures >= PROBE_AFTER {
                self.allowed = Some(1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

    #[test]
    fn a_failing_lane_is_probed_and_ramps_up_by_doubling() {
        let mut gate = Gate::default();
        for _ in 0..PROBE_AFTER {
            assert_eq!(gate.concurrency(8), 8);
            gate.learn(Outcome::Timeout, 8);
        }
        assert_eq!(gate.concurrency(8), 1);
        let mut ramp = Vec::new();
        for _ in 0..3 {
            gate.learn(Outcome::Status(200), 8);
            ramp.push(gate.concurrency(8));
        }
        assert_eq!(ramp, [2, 4, 8]);
        assert_eq!(gate.allowed, None);
    }

    #[test]
    fn our_own_faults_and_single_failures_narrow_nothing() {
        let mut gate = Gate::default();
        for outcome in [Outcome::Local; 9].into_iter().chain([Outcome::Status(500), Outcome::Status(200)]) {
            gate.learn(outcome, 8);
        }
        assert_eq!(gate.allowed, None);
    }

    #[test]
    fn a_rate_lets_through_its_count_and_says_when_there_is_room() {
        let mut gate = Gate::default();
        gate.set_rate(Some(Rate { count: NonZeroU32::new(2).unwrap(), per: Duration::from_secs(10) }), NOW);
        assert_eq!((gate.take(NOW), gate.take(NOW)), (Ok(()), Ok(())));
        let at = gate.take(NOW).unwrap_err();
        assert!((5_000..5_010).contains(&at.since(NOW).as_millis()), "{at}");
        assert_eq!(gate.take(at), Ok(()));
        gate.set_rate(Some(Rate { count: NonZeroU32::new(4).unwrap(), per: Duration::from_secs(20) }), at);
        let next = gate.take(at).unwrap_err();
        assert!((5_000..5_010).contains(&next.since(at).as_millis()), "a change gives nothing for nothing");
        assert_eq!(gate.take(next), Ok(()));
        gate.set_rate(None, at);
        assert_eq!(gate.take(at), Ok(()));
    }

    #[test]
    fn a_pause_ends_when_it_was_asked_to() {
        let mut gate = Gate::default();
        gate.shut(NOW + Duration::from_secs(30));
        gate.shut(NOW + Duration::from_secs(10));
        assert_eq!(gate.take(NOW), Err(NOW + Duration::from_secs(30)));
        assert_eq!(gate.take(NOW + Duration::from_secs(30)), Ok(()));
    }
}
