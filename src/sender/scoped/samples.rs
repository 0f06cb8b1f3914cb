//! Samples of failures.

use super::Scoped;
use crate::delivery::Attempt;
use crate::store::{FailureGroup, FailureKind, StoreError};

/// The sample of a group.
#[derive(Clone, Debug, Default)]
pub(crate) struct FailureSample {
    /// Whether attempts at the sample are stored. A pruned delivery has none, and neither has one that expired before its first attempt.
    pub(crate) has_attempts: bool,
    /// The last attempt that failed as the group says. `None` if the deliveries were given up without another attempt.
    pub(crate) attempt: Option<Attempt>,
}

impl FailureSample {
    fn of(kind: &FailureKind, attempts: Vec<Attempt>) -> Self {
        let has_attempts = !attempts.is_empty();
        // A sample that was resent may have later attempts, which failed in another way.
        let attempt = attempts.into_iter().rev().find(|attempt| is_alike(kind, attempt));
        Self { has_attempts, attempt }
    }
}

/// Whether an attempt failed as the kind says.
fn is_alike(kind: &FailureKind, attempt: &Attempt) -> bool {
    let excerpt = attempt.excerpt.as_deref().unwrap_or_default();
    kind.outcome == Some(attempt.outcome) && (kind.shape == 0 || kind.shape == FailureKind::shape_of(excerpt))
}

impl Scoped {
    /// Reads the sample of each group, in order. A group that is out of scope has an empty one.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    pub(crate) async fn failure_samples(&self, groups: &[FailureGroup]) -> Result<Vec<FailureSample>, StoreError> {
        let is_covered = |group: &FailureGroup| match &group.tenant {
            Some(tenant) => self.scope.covers(tenant),
            None => self.scope.as_tenant().is_none(),
        };
        let ids: Vec<_> = groups.iter().filter(|group| is_covered(group)).map(|group| group.sample).collect();
        if ids.is_empty() {
            return Ok(vec![FailureSample::default(); groups.len()]);
        }
        let mut found = self.sender.history().attempts_of(&ids).await?.into_iter();
        let sample = |group: &FailureGroup| {
            let attempts = if is_covered(group) { found.next() } else { None };
            FailureSample::of(&group.kind, attempts.unwrap_or_default())
        };
        Ok(groups.iter().map(sample).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::Timestamp;
    use crate::outcome::Outcome;

    #[test]
    fn a_sample_shows_the_attempt_that_failed_as_the_group_says() {
        let attempt = |number, status, text: &str| {
            let attempt = Attempt::new(number, Timestamp::EPOCH, Duration::ZERO, Outcome::Status(status));
            attempt.with_excerpt(Some(text.into()))
        };
        let attempts = vec![
            attempt(1, 500, "user 17 is unknown"),
            attempt(2, 500, "user 4 is unknown"),
            attempt(3, 500, "no such page"),
            attempt(4, 502, "user 9 is unknown"),
        ];
        let shape = FailureKind::shape_of("user 1 is unknown");
        let shown = |outcome, shape| {
            let mut kind = FailureKind::REST;
            (kind.outcome, kind.shape) = (outcome, shape);
            let sample = FailureSample::of(&kind, attempts.clone());
            assert!(sample.has_attempts);
            sample.attempt.map(|attempt| attempt.number)
        };
        let status = |status| Some(Outcome::Status(status));
        assert_eq!(shown(status(500), shape), Some(2), "the last one of this outcome and shape");
        assert_eq!(shown(status(500), 0), Some(3), "any shape");
        assert_eq!(shown(status(500), FailureKind::shape_of("down")), None);
        assert_eq!(shown(status(503), 0), None);
        assert_eq!(shown(None, 0), None, "given up without another attempt");
        assert!(!FailureSample::of(&FailureKind::REST, Vec::new()).has_attempts);
    }
}
