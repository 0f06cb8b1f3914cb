//! Samples of failures.

use super::Scoped;
use crate::delivery::Attempt;
use crate::store::{FailureGroup, StoreError};

impl Scoped {
    /// Reads one failed attempt of each group, in order: the last attempt at its sample with the outcome of the group. An element is `None`
    /// if the sample was pruned, if there was no attempt, or if the group is out of scope.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    pub(crate) async fn failure_samples(&self, groups: &[FailureGroup]) -> Result<Vec<Option<Attempt>>, StoreError> {
        let is_covered = |group: &FailureGroup| match &group.tenant {
            Some(tenant) => self.scope.covers(tenant),
            None => self.scope.as_tenant().is_none(),
        };
        let ids: Vec<_> = groups.iter().filter(|group| is_covered(group)).map(|group| group.sample).collect();
        if ids.is_empty() {
            return Ok(vec![None; groups.len()]);
        }
        let mut found = self.sender.history().attempts_of(&ids).await?.into_iter();
        let sample = |group: &FailureGroup| {
            let attempts = if is_covered(group) { found.next() } else { None };
            // A sample that was resent may have later attempts.
            let is_alike = |attempt: &Attempt| group.kind.outcome.is_none_or(|outcome| outcome == attempt.outcome);
            attempts?.into_iter().rev().find(is_alike)
        };
        Ok(groups.iter().map(sample).collect())
    }
}
