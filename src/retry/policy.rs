//! The default policy: a table from outcomes to decisions.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::delays::Delays;
use super::schedule::Schedule;
use super::{Decision, Facts, FailReason, RetryPolicy};
use crate::outcome::Outcome;

/// The first and the longest delay after a local fault.
const FAULT_WAITS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// The highest number of attempts of any policy.
const MAX_ATTEMPTS: u32 = 1_001;

/// Decides according to the table below, with [`Delays`] of your choice.
///
/// | outcome | decision |
/// |---|---|
/// | 2xx, `handled` | delivered |
/// | 410 | failed; the endpoint is disabled and its other deliveries are held |
/// | 429, 503 with `Retry-After` | retry not before the requested time, up to [`max_retry_after`](Self::max_retry_after); the lane waits |
/// | a status named by [`permanent`](Self::permanent), `handler_rejected` | failed |
/// | any other status, `dns connect tls timeout reset protocol panic handler_failed` | retry after the next delay; failed after the last |
/// | `blocked` | failed; the endpoint is flagged |
/// | `local` | early retry, and the attempt is not counted; failed after [`max_faults`](Self::max_faults) in a row |
///
/// Sources: Standard Webhooks 1.0.0, "Deliverability and reliability"; RFC 9110 section 10.2.3; RFC 6585 section 4.
///
/// ```
/// use std::time::Duration;
/// use hookwire::clock::Timestamp;
/// use hookwire::outcome::{Outcome, Report};
/// use hookwire::retry::{Decision, Facts, FailReason, Policy, RetryPolicy};
///
/// let policy = Policy::default().permanent([400, 422]);
/// let report = Report::new(Outcome::Status(422), Duration::from_millis(80));
/// let decision = policy.decide(&Facts::new(1, Timestamp::from_secs(1_700_000_000), &report));
/// assert_eq!(decision, Decision::Fail { reason: FailReason::Permanent });
/// ```
#[derive(Clone, Debug)]
pub struct Policy {
    delays: Arc<dyn Delays>,
    permanent: BTreeSet<u16>,
    max_retry_after: Duration,
    max_faults: u32,
    max_attempts: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Self::new(Schedule::default())
    }
}

impl Policy {
    /// Creates the policy with these delays.
    #[must_use]
    pub fn new(delays: impl Delays) -> Self {
        let retries = (1..MAX_ATTEMPTS).take_while(|retry| delays.delay(*retry, 0).is_some()).count();
        Self {
            delays: Arc::new(delays),
            permanent: BTreeSet::new(),
            max_retry_after: Duration::from_secs(24 * 60 * 60),
            max_faults: 100,
            max_attempts: u32::try_from(retries).unwrap_or(0) + 1,
        }
    }

    /// Sets the statuses after which there is no retry. The default is an empty list, as in Standard Webhooks. Successes remain successes.
    #[must_use]
    pub fn permanent(mut self, statuses: impl IntoIterator<Item = u16>) -> Self {
        self.permanent.extend(statuses);
        self
    }

    /// Sets the longest `Retry-After` that is obeyed. Default 24 h, so that an endpoint cannot stop a lane for years.
    #[must_use]
    pub const fn max_retry_after(mut self, span: Duration) -> Self {
        self.max_retry_after = span;
        self
    }

    /// Sets the number of local faults in a row after which a delivery fails. Default 100.
    #[must_use]
    pub const fn max_faults(mut self, faults: u32) -> Self {
        self.max_faults = faults;
        self
    }

    fn retry(&self, facts: &Facts<'_>) -> Decision {
        let Some(delay) = self.delays.delay(facts.attempt, facts.seed).filter(|_| facts.attempt < self.max_attempts)
        else {
            return Decision::Fail { reason: FailReason::Exhausted };
        };
        let scheduled = facts.now + delay;
        let requested = facts.report.retry_after.filter(|_| matches!(facts.report.outcome, Outcome::Status(429 | 503)));
        let paused_until = requested.map(|until| until.clamp(facts.now, facts.now + self.max_retry_after));
        Decision::Retry { at: paused_until.map_or(scheduled, |until| scheduled.max(until)), paused_until }
    }

    fn again(&self, facts: &Facts<'_>) -> Decision {
        if facts.faults >= self.max_faults {
            return Decision::Fail { reason: FailReason::Faults };
        }
        let wait = FAULT_WAITS.0.saturating_mul(2u32.saturating_pow(facts.faults)).min(FAULT_WAITS.1);
        Decision::RetryUncounted { at: facts.now + wait }
    }
}

impl RetryPolicy for Policy {
    fn max_attempts(&self) -> u32 {
        self.max_attempts
    }

    fn decide(&self, facts: &Facts<'_>) -> Decision {
        match facts.report.outcome {
            outcome if outcome.is_success() => Decision::Delivered,
            Outcome::Status(410) => Decision::Disable { reason: FailReason::Gone },
            Outcome::Status(code) if self.permanent.contains(&code) => Decision::Fail { reason: FailReason::Permanent },
            Outcome::HandlerRejected => Decision::Fail { reason: FailReason::Permanent },
            Outcome::Blocked => Decision::Fail { reason: FailReason::Blocked },
            Outcome::Local => self.again(facts),
            _ => self.retry(facts),
        }
    }
}
