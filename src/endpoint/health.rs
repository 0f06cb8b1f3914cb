//! How an endpoint has been answering: facts that a store keeps, and what follows from them.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::delivery::Settlement;

/// A success is noted at most so often, so that a busy, healthy endpoint costs a store nothing.
const SUCCESS_GRAIN: Duration = Duration::from_secs(60);

/// How an endpoint has been answering. Kept by the store in the transaction that settles an attempt; attempts that met a
/// fault of our own do not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// The first failure since the last success.
    pub failing_since: Option<Timestamp>,
    /// The last failure since the last success.
    pub last_failure: Option<Timestamp>,
    /// Failures since the last success.
    pub failures: u32,
    /// The last success, to the minute.
    pub last_success: Option<Timestamp>,
    /// It asked to be left alone until then (`Retry-After`).
    pub paused_until: Option<Timestamp>,
}

impl Health {
    /// The facts as a store reads them back.
    #[must_use]
    pub const fn restore(
        failing: Option<(Timestamp, Timestamp, u32)>,
        last_success: Option<Timestamp>,
        paused_until: Option<Timestamp>,
    ) -> Self {
        match failing {
            Some((since, last, failures)) => {
                Self { failing_since: Some(since), last_failure: Some(last), failures, last_success, paused_until }
            }
            None => Self { failing_since: None, last_failure: None, failures: 0, last_success, paused_until },
        }
    }

    /// The facts after a settlement; `None` when it changes nothing that is worth writing.
    #[must_use]
    pub fn after(&self, settlement: &Settlement) -> Option<Self> {
        let outcome = settlement.attempt.as_ref()?.outcome;
        let at = settlement.at;
        if outcome.is_success() {
            let noted = self.last_success.is_some_and(|last| last <= at && at.since(last) < SUCCESS_GRAIN);
            let same = self.failures == 0 && noted;
            // Others of its attempts may have been asked to wait meanwhile: that stands.
            let paused_until = self.paused_until.filter(|until| *until > at);
            return (!same).then_some(Self { last_success: Some(at), paused_until, ..Self::default() });
        }
        if !outcome.is_endpoint_failure() {
            return None;
        }
        Some(Self {
            failing_since: self.failing_since.or(Some(at)),
            last_failure: Some(at),
            failures: self.failures.saturating_add(1),
            last_success: self.last_success,
            paused_until: self.paused_until.max(settlement.pause),
        })
    }

    /// What is remembered when an endpoint is enabled again.
    #[must_use]
    pub fn forgiven(&self) -> Self {
        Self { last_success: self.last_success, ..Self::default() }
    }
}

/// From when on an endpoint that only fails is worth a warning, is served slowly, and is disabled. Each can be switched off
/// with `None`.
///
/// ```
/// use std::time::Duration;
/// use hookwire::endpoint::HealthRules;
///
/// let rules = HealthRules { disable_after: None, ..HealthRules::default() }; // never disable
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "made by the application with struct update syntax")]
pub struct HealthRules {
    /// Nothing but failures for so long: a notice. Default 1 h.
    pub warn_after: Option<Duration>,
    /// For so long: one attempt a minute. Default 24 h.
    pub slow_after: Option<Duration>,
    /// For so long: disabled, deliveries held. Default 5 days.
    pub disable_after: Option<Duration>,
    /// Whatever the other rules say, no endpoint is disabled unless its last failure is so long after its first: one bad
    /// hour is not a verdict. Default 12 h.
    pub spread: Duration,
}

impl Default for HealthRules {
    fn default() -> Self {
        let hours = |hours: u64| Duration::from_secs(hours * 60 * 60);
        Self {
            warn_after: Some(hours(1)),
            slow_after: Some(hours(24)),
            disable_after: Some(hours(5 * 24)),
            spread: hours(12),
        }
    }
}

/// What the rules say of an endpoint. In rising order of gravity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Condition {
    /// Nothing to say.
    Fine,
    /// It has been failing for long enough to be worth a word.
    Failing,
    /// It is served slowly.
    Slow,
    /// It is to be disabled.
    Hopeless,
}

impl HealthRules {
    /// What the rules say of these facts. Only a failure moves it on: silence is no failure.
    #[must_use]
    pub fn judge(&self, health: &Health) -> Condition {
        let (Some(since), Some(last)) = (health.failing_since, health.last_failure) else { return Condition::Fine };
        let failing = last.since(since);
        let past = |limit: Option<Duration>| limit.is_some_and(|limit| health.failures > 1 && failing >= limit);
        if past(self.disable_after) && failing >= self.spread {
            Condition::Hopeless
        } else if past(self.slow_after) {
            Condition::Slow
        } else if past(self.warn_after) {
            Condition::Failing
        } else {
            Condition::Fine
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::{Attempt, Lease, Next};
    use crate::id::DeliveryId;
    use crate::outcome::Outcome;

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
    const HOUR: Duration = Duration::from_secs(3_600);

    fn settlement(outcome: Outcome, at: Timestamp) -> Settlement {
        let lease = Lease { delivery: DeliveryId::generate(NOW), fence: 1 };
        let attempt = Some(Attempt::new(1, at, Duration::ZERO, outcome));
        let lane = crate::id::EndpointId::generate(NOW).into();
        Settlement { lease, lane, ordered: false, attempt, next: Next::Delivered, pause: None, at }
    }

    fn failing(hours: u32) -> Health {
        let fail = |health: Health, at| health.after(&settlement(Outcome::Status(500), at)).unwrap();
        fail(fail(Health::default(), NOW), NOW + HOUR * hours)
    }

    #[test]
    fn an_endpoint_is_warned_of_then_slowed_then_disabled() {
        let rules = HealthRules::default();
        let judged = [0, 1, 24, 119, 120].map(|hours| rules.judge(&failing(hours)));
        let expected = [Condition::Fine, Condition::Failing, Condition::Slow, Condition::Slow, Condition::Hopeless];
        assert_eq!(judged, expected);
        let never = HealthRules { disable_after: None, ..rules };
        assert_eq!(never.judge(&failing(10_000)), Condition::Slow);
    }

    #[test]
    fn no_endpoint_is_disabled_before_its_failures_spread_over_twelve_hours() {
        let rules = HealthRules { disable_after: Some(HOUR), ..HealthRules::default() };
        assert_eq!(rules.judge(&failing(11)), Condition::Failing);
        assert_eq!(rules.judge(&failing(12)), Condition::Hopeless);
    }

    #[test]
    fn a_success_wipes_the_failures_and_is_noted_once_a_minute() {
        let health = failing(200).after(&settlement(Outcome::Status(204), NOW)).unwrap();
        assert_eq!((health.failures, health.failing_since, health.last_success), (0, None, Some(NOW)));
        assert_eq!(health.after(&settlement(Outcome::Status(200), NOW + Duration::from_secs(59))), None);
        assert!(health.after(&settlement(Outcome::Status(200), NOW + Duration::from_secs(60))).is_some());
    }

    #[test]
    fn our_own_faults_are_not_held_against_an_endpoint() {
        for outcome in [Outcome::Local, Outcome::Panic] {
            assert_eq!(Health::default().after(&settlement(outcome, NOW)), None);
        }
    }
}
