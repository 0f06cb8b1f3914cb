//! Log records about deliveries, so that no delivery fails silently.

use crate::clock::Timestamp;
use crate::delivery::{Leased, Settlement};
use crate::id::Work;
use crate::outcome::Outcome;
use crate::retry::{Decision, FailReason};
use crate::telemetry;

/// Logs how an attempt has ended: a failed attempt at DEBUG, a delivery that is given up or held at WARN.
pub(super) fn log(work: Work, leased: &Leased, settlement: &Settlement) {
    let outcome = settlement.attempt.as_ref().map(|attempt| attempt.outcome);
    if let Some(outcome) = outcome.filter(|outcome| !outcome.is_success()) {
        log_attempt(work, leased, outcome, settlement.decision);
    }
    match settlement.decision {
        Decision::Fail { reason } => {
            telemetry::given_up(work, reason.as_str());
            log_stopped(work, leased, outcome, reason, "is given up; it can be resent");
        }
        Decision::Hold { reason } => log_stopped(work, leased, outcome, reason, "is held; resend or cancel it"),
        _ => {}
    }
}

fn log_attempt(work: Work, leased: &Leased, outcome: Outcome, decision: Decision) {
    let (delivery, lane, event_type) = (leased.lease.delivery, leased.lane, &leased.event.event_type);
    let attempt = leased.attempt;
    // The fields stay inside the macro, so that they cost nothing while no subscriber is interested.
    tracing::debug!(
        %delivery, %lane, %event_type, attempt, ?outcome, retry_at = retry_at(decision).map(tracing::field::display),
        "{} failed", attempt_at(work)
    );
}

fn log_stopped(work: Work, leased: &Leased, outcome: Option<Outcome>, reason: FailReason, what: &str) {
    let (delivery, lane, event_type) = (leased.lease.delivery, leased.lane, &leased.event.event_type);
    let (attempt, reason) = (leased.attempt, reason.as_str());
    tracing::warn!(%delivery, %lane, %event_type, attempt, ?outcome, reason, "{} {what}", name(work));
}

const fn name(work: Work) -> &'static str {
    match work {
        Work::Sent => "the delivery",
        Work::Received => "the job",
    }
}

const fn attempt_at(work: Work) -> &'static str {
    match work {
        Work::Sent => "the attempt",
        Work::Received => "the handler of the job",
    }
}

/// When the delivery is attempted again; `None` if it is not.
const fn retry_at(decision: Decision) -> Option<Timestamp> {
    match decision {
        Decision::Retry { at, .. } | Decision::RetryUncounted { at } => Some(at),
        _ => None,
    }
}
