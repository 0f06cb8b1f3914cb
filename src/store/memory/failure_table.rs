//! The table of failures in groups.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::clock::Timestamp;
use crate::id::EndpointId;
use crate::store::sql::{FoldedFailures, limit_failure_kinds};
use crate::store::{FailureGroup, FailureQuery};

/// The groups of each hour and endpoint. The number of groups in a list is limited.
#[derive(Debug, Default)]
pub(super) struct FailureTable(BTreeMap<(Timestamp, EndpointId), Vec<FailureGroup>>);

impl FailureTable {
    pub(super) fn add(&mut self, folded: FoldedFailures) {
        for (key, groups) in folded {
            let stored = self.0.entry(key).or_default();
            let kinds: Vec<_> = stored.iter().map(|group| group.kind).collect();
            for group in limit_failure_kinds(groups, &kinds) {
                match stored.iter_mut().find(|known| known.kind == group.kind) {
                    Some(known) => known.merge(&group),
                    None => stored.push(group),
                }
            }
        }
    }

    /// Deletes the hours that began before this time.
    pub(super) fn prune(&mut self, before: Timestamp) {
        while self.0.first_key_value().is_some_and(|((hour, _), _)| *hour < before) {
            self.0.pop_first();
        }
    }

    pub(super) fn find(&self, query: &FailureQuery) -> Vec<FailureGroup> {
        let first = |at| (at, EndpointId::from_bytes([0; 16]));
        if query.from >= query.to {
            return Vec::new();
        }
        let hours = self.0.range((Bound::Included(first(query.from)), Bound::Excluded(first(query.to))));
        let groups = hours.flat_map(|(_, groups)| groups).filter(|group| query.is_for(group)).cloned();
        FailureGroup::merged(groups, query.bounded_limit())
    }
}
