//! Conditions on the last attempt and on labels, with faults.

use hookwire::delivery::Attempt;
use hookwire::endpoint::Endpoint;
use hookwire::id::{DeliveryId, LaneId};
use hookwire::outcome::{Outcome, OutcomeFilter};
use hookwire::store::DeliveryQuery;

use super::bug::Bug;
use super::db::{Db, Row};

impl Db {
    /// Whether the last attempt at a delivery, and the labels of its endpoint, match the query.
    pub fn fits_last_attempt(&self, query: &DeliveryQuery, id: DeliveryId, row: &Row) -> bool {
        let made: Vec<_> = self.attempts.iter().filter(|(of, _)| *of == id).map(|(_, attempt)| attempt).collect();
        (self.has(Bug::QueryIgnoresOutcome) || query.outcome.is_none_or(|wanted| self.fits_outcome(wanted, &made, row)))
            && self.fits_time(query, &made)
            && (self.has(Bug::QueryIgnoresTheLabel)
                || query.label.as_ref().is_none_or(|(name, value)| self.has_label(row.lane, name, value)))
    }

    fn fits_outcome(&self, wanted: OutcomeFilter, made: &[&Attempt], row: &Row) -> bool {
        let is_wanted = |attempt: &Attempt| match (self.bug, attempt.outcome, wanted.statuses()) {
            (Some(Bug::QueryIgnoresTheStatus), outcome, _) => outcome.class() == wanted.class(),
            (Some(Bug::QueryStatusIsAClass), Outcome::Status(code), Some((first, last))) => {
                (first / 100..=last / 100).contains(&(code / 100))
            }
            (_, outcome, _) => wanted.matches(outcome),
        };
        match self.bug {
            Some(Bug::QueryOutcomeIsOfAnyAttempt) => made.iter().any(|attempt| is_wanted(attempt)),
            Some(Bug::QueryOutcomeEndsWithAResend) if row.attempts == 0 => false,
            Some(Bug::QueryOutcomeOfFinalOnly) if !row.state.is_final() => false,
            _ => made.last().is_some_and(|attempt| is_wanted(attempt)),
        }
    }

    fn fits_time(&self, query: &DeliveryQuery, made: &[&Attempt]) -> bool {
        let counted = if self.has(Bug::QueryAttemptedIsTheFirst) { made.first() } else { made.last() };
        let Some(attempt) = counted else {
            let is_set = query.attempted_from.is_some() || query.attempted_to.is_some();
            return !is_set || self.has(Bug::QueryShowsTheUnattempted);
        };
        let at = if self.has(Bug::QueryAttemptedIsTheEnd) { attempt.at + attempt.duration } else { attempt.at };
        let since = |from| from < at || from == at && !self.has(Bug::QueryAttemptedFromIsExclusive);
        let before = |to| at < to || at == to && self.has(Bug::QueryAttemptedToIsInclusive);
        (self.has(Bug::QueryIgnoresAttemptedFrom) || query.attempted_from.is_none_or(since))
            && (self.has(Bug::QueryIgnoresAttemptedTo) || query.attempted_to.is_none_or(before))
    }

    fn has_label(&self, lane: LaneId, name: &str, value: &str) -> bool {
        let Some(id) = lane.endpoint() else { return false };
        let kept = self.endpoints.get(&id).and_then(Option::as_ref);
        let removed = self.removed.get(&id).filter(|_| self.has(Bug::QueryLabelOfRemoved));
        let has = |endpoint: &Endpoint| match self.bug {
            Some(Bug::QueryIgnoresTheValueOfALabel) => endpoint.labels.get(name).is_some(),
            Some(Bug::QueryLabelIsAPart) => endpoint.labels.get(name).is_some_and(|found| found.starts_with(value)),
            Some(Bug::QueryLabelIsFolded) => {
                endpoint.labels.iter().any(|(known, found)| known.eq_ignore_ascii_case(name) && found == value)
            }
            Some(Bug::QueryLabelIsAnyText) => {
                format!("{:?}", endpoint.labels.iter().collect::<Vec<_>>()).contains(value)
            }
            _ => endpoint.labels.get(name) == Some(value),
        };
        kept.or(removed).is_some_and(has)
    }
}
