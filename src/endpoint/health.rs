//! The last successes and failures of an endpoint.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::delivery::Settlement;

/// A success is recorded at most this often, so that a busy, healthy endpoint costs the store no writes.
const SUCCESS_INTERVAL: Duration = Duration::from_secs(60);

/// The last successes and failures of an endpoint. A store updates them in the transaction that settles an attempt. Attempts that
/// failed because of a local fault do not count.
///
/// ```
/// use hookwire::clock::Timestamp;
/// use hookwire::endpoint::Health;
///
/// let (first, last) = (Timestamp::from_secs(1_700_000_000), Timestamp::from_secs(1_700_003_600));
/// let health = Health::restore(Some((first, last, 7)), None, None);
/// assert_eq!((health.failing_since, health.failures), (Some(first), 7));
/// assert_eq!(health.cleared(), Health::default());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// The first failure since the last success.
    pub failing_since: Option<Timestamp>,
    /// The last failure since the last success.
    pub last_failure: Option<Timestamp>,
    /// Failures since the last success.
    pub failures: u32,
    /// The last success, accurate to a minute.
    pub last_success: Option<Timestamp>,
    /// No attempt starts before this time, because the endpoint asked for it (`Retry-After`).
    pub paused_until: Option<Timestamp>,
}

impl Health {
    /// Restores what a store has kept. `failing` holds the first failure, the last failure and their number.
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

    /// The health after a settlement; `None` if there is nothing to write.
    #[must_use]
    pub fn after(&self, settlement: &Settlement) -> Option<Self> {
        let outcome = settlement.attempt.as_ref()?.outcome;
        let at = settlement.at;
        if outcome.is_success() {
            let recorded = self.last_success.is_some_and(|last| last <= at && at.since(last) < SUCCESS_INTERVAL);
            let same = self.failures == 0 && recorded;
            // The endpoint may have requested a pause in the response to another attempt. That pause is kept.
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
            paused_until: self.paused_until.max(settlement.paused_until),
        })
    }

    /// The health without failures and pause, as it is written when an endpoint is enabled again.
    ///
    /// ```
    /// use hookwire::clock::Timestamp;
    /// use hookwire::endpoint::Health;
    ///
    /// let (failed, succeeded) = (Timestamp::from_secs(90), Timestamp::from_secs(60));
    /// let health = Health::restore(Some((failed, failed, 1)), Some(succeeded), None).cleared();
    /// assert_eq!((health.failures, health.last_success), (0, Some(succeeded)));
    /// ```
    #[must_use]
    pub fn cleared(&self) -> Self {
        Self { last_success: self.last_success, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::{Attempt, Lease};
    use crate::id::DeliveryId;
    use crate::outcome::Outcome;
    use crate::retry::Decision;

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
    const HOUR: Duration = Duration::from_secs(3_600);

    fn settlement(outcome: Outcome, at: Timestamp) -> Settlement {
        let lease = Lease { delivery: DeliveryId::generate(NOW), fence: 1 };
        let attempt = Some(Attempt::new(1, at, Duration::ZERO, outcome));
        let lane = crate::id::EndpointId::generate(NOW).into();
        Settlement { lease, lane, ordered: false, attempt, decision: Decision::Delivered, paused_until: None, at }
    }

    fn failing(hours: u32) -> Health {
        let fail = |health: Health, at| health.after(&settlement(Outcome::Status(500), at)).unwrap();
        fail(fail(Health::default(), NOW), NOW + HOUR * hours)
    }

    #[test]
    fn a_success_clears_the_failures_and_is_recorded_once_a_minute() {
        let health = failing(200).after(&settlement(Outcome::Status(204), NOW)).unwrap();
        assert_eq!((health.failures, health.failing_since, health.last_success), (0, None, Some(NOW)));
        assert_eq!(health.after(&settlement(Outcome::Status(200), NOW + Duration::from_secs(59))), None);
        assert!(health.after(&settlement(Outcome::Status(200), NOW + Duration::from_secs(60))).is_some());
    }

    #[test]
    fn local_faults_do_not_count_against_an_endpoint() {
        for outcome in [Outcome::Local, Outcome::Panic] {
            assert_eq!(Health::default().after(&settlement(outcome, NOW)), None);
        }
    }
}
