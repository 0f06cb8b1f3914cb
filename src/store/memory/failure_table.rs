//! The table of failures in groups.

use std::collections::BTreeMap;

use crate::clock::Timestamp;
use crate::id::EndpointId;
use crate::store::sql::{FoldedFailures, limit_failure_kinds};
use crate::store::{FailureGroup, FailureList, FailureQuery};

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

    pub(super) fn find(&self, query: &FailureQuery) -> FailureList {
        let span = query.span();
        match query.endpoint {
            Some(endpoint) => {
                let hours = query.newest_hours().into_iter();
                let found = hours.filter_map(|hour| Some((hour, self.0.get(&(hour, endpoint))?)));
                FailureList::merged(query, found.flat_map(|(hour, groups)| matching(query, hour, groups)))
            }
            // A range that ends before it begins is an error.
            None if span.is_empty() => FailureList::merged(query, []),
            None => {
                let first = |at| (at, EndpointId::from_bytes([0; 16]));
                let found = self.0.range(first(span.start)..first(span.end)).rev();
                FailureList::merged(query, found.flat_map(|((hour, _), groups)| matching(query, *hour, groups)))
            }
        }
    }
}

/// The groups of an hour that match, each with the hour.
fn matching<'a>(
    query: &'a FailureQuery,
    hour: Timestamp,
    groups: &'a [FailureGroup],
) -> impl Iterator<Item = (Timestamp, FailureGroup)> + use<'a> {
    groups.iter().filter(|group| query.is_for(group)).map(move |group| (hour, group.clone()))
}
