//! Failures of the simple store in groups, with faults.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use hookwire::clock::Timestamp;
use hookwire::delivery::Settlement;
use hookwire::id::EndpointId;
use hookwire::retry::{Decision, FailReason};
use hookwire::store::sql::{FoldedFailures, failure_kind_column, limit_failure_kinds, restore_failure_kind};
use hookwire::store::{FailureGroup, FailureList, FailureQuery, RollupStep};

use super::bug::Bug;
use super::db::Db;

/// The groups by hour, endpoint and the column of their kind.
pub type FailureTable = BTreeMap<(Timestamp, EndpointId, Vec<u8>), FailureGroup>;

/// The settlement as a store with a fault notes it.
pub fn noted(db: &Db, mut settlement: Settlement) -> Settlement {
    match (db.bug, settlement.decision) {
        (Some(Bug::RetriesAreFailures), Decision::Retry { .. }) => {
            settlement.decision = Decision::Fail { reason: FailReason::Exhausted };
        }
        (Some(Bug::FailuresIgnoreTheReason), Decision::Fail { .. } | Decision::Disable { .. }) => {
            settlement.decision = Decision::Fail { reason: FailReason::Exhausted };
        }
        _ => {}
    }
    if let Some(attempt) = settlement.attempt.as_mut().filter(|_| db.has(Bug::FailuresCompareTheText)) {
        // Letters are not replaced.
        let text = attempt.excerpt.as_deref().unwrap_or_default().replace(|c: char| c.is_ascii_digit(), "x");
        *attempt = attempt.clone().with_excerpt(Some(text.into()));
    }
    settlement
}

/// Adds what was counted.
pub fn add_failures(db: &mut Db, folded: FoldedFailures) {
    if db.has(Bug::FailuresAreNotCounted) {
        return;
    }
    for ((hour, endpoint), groups) in folded {
        let groups = groups.into_iter().map(|group| with_fault(db, group)).collect();
        for group in limited(db, (hour, endpoint), groups) {
            let key = (hour, endpoint, failure_kind_column(&group.kind));
            match db.rollups.failures.get(&key).filter(|_| !db.has(Bug::FailuresOverwrite)).cloned() {
                None => drop(db.rollups.failures.insert(key, group)),
                Some(before) => drop(db.rollups.failures.insert(key, merged(db, before, &group))),
            }
        }
    }
}

fn with_fault(db: &Db, mut group: FailureGroup) -> FailureGroup {
    match db.bug {
        Some(Bug::FailuresLoseTheTenant) => group.tenant = None,
        Some(Bug::FailureTenantsAreFolded) => {
            group.tenant = group.tenant.map(|tenant| tenant.as_str().trim().to_lowercase().into());
        }
        Some(Bug::FailuresIgnoreTheShape) => group.kind.shape = 0,
        Some(Bug::FailuresIgnoreTheOutcome) => group.kind.outcome = None,
        Some(Bug::FailureLosesWhenMade) => (group.oldest, group.newest) = (group.first, group.last),
        _ => {}
    }
    group
}

fn limited(db: &Db, (hour, endpoint): (Timestamp, EndpointId), groups: Vec<FailureGroup>) -> Vec<FailureGroup> {
    let of_this = db.rollups.failures.keys().filter(|(at, id, _)| (*at, *id) == (hour, endpoint));
    let stored: Vec<_> = of_this.map(|(.., kind)| restore_failure_kind(kind).unwrap()).collect();
    match db.bug {
        Some(Bug::FailureKindsAreUnbounded) => groups,
        Some(Bug::FailuresAboveTheBoundAreLost) => {
            let mut kept = limit_failure_kinds(groups.clone(), &stored);
            kept.retain(|group| groups.iter().any(|given| given.kind == group.kind));
            kept
        }
        _ => limit_failure_kinds(groups, &stored),
    }
}

fn merged(db: &Db, mut before: FailureGroup, group: &FailureGroup) -> FailureGroup {
    let (first, sample) = (before.first, before.sample);
    before.merge(group);
    match db.bug {
        Some(Bug::FailureSampleIsTheFirst) => before.sample = sample,
        Some(Bug::FailureFirstIsTheLast) => before.first = first.max(group.first),
        _ => {}
    }
    before
}

pub fn delete_old_failures(db: &mut Db, now: Timestamp) {
    let oldest = now - RollupStep::Hour.retention();
    match db.bug {
        Some(Bug::FailuresAreNeverDeleted) => {}
        Some(Bug::FailuresAreDeletedEarly) => db.rollups.failures.retain(|(hour, ..), _| *hour > oldest),
        _ => db.rollups.failures.retain(|(hour, ..), _| *hour >= oldest),
    }
}

pub fn find_failures(db: &Db, query: &FailureQuery) -> FailureList {
    let span = match db.bug {
        Some(Bug::FailuresOfALongSpanAreAll) => query.from..query.to,
        _ => query.span(),
    };
    let (from, to) = (span.start, span.end);
    let is_wanted = |hour: Timestamp| match db.bug {
        Some(Bug::FailuresIgnoreTheSpan) => true,
        Some(Bug::FailureFromIsExclusive) => from < hour && hour < to,
        Some(Bug::FailureFromIsRounded) => RollupStep::Hour.start(from) <= hour && hour < to,
        Some(Bug::FailureToIsInclusive) => from <= hour && hour <= to,
        _ => from <= hour && hour < to,
    };
    let mut requested = query.clone();
    match db.bug {
        Some(Bug::FailuresIgnoreTheTenant) => requested.tenant = None,
        Some(Bug::FailuresIgnoreTheEndpoint) => requested.endpoint = None,
        Some(Bug::FailureEndpointIgnoresTheTenant) if requested.endpoint.is_some() => requested.tenant = None,
        _ => {}
    }
    let rows = db.rollups.failures.iter().rev();
    let rows = rows.filter(|((hour, ..), group)| is_wanted(*hour) && requested.is_for(group));
    let rows = rows.map(|((hour, ..), group)| (*hour, group.clone()));
    let limit = match db.bug {
        Some(Bug::FailuresIgnoreTheLimit) => FailureQuery::MAX_LIMIT,
        Some(Bug::FailuresHaveNoMaximum) => query.limit,
        _ => query.bounded_limit(),
    };
    match db.bug {
        Some(Bug::FailureHoursAreNotMerged) => FailureList::new(first(rows.map(|(_, group)| group), limit), from),
        Some(Bug::FailuresIgnoreTheLimit | Bug::FailuresHaveNoMaximum) => {
            FailureList::new(first(all_merged(rows), limit), from)
        }
        Some(Bug::FailuresAreSmallestFirst) => FailureList::new(first(all_merged(rows).into_iter().rev(), limit), from),
        Some(Bug::FailureTiesAreOldestFirst) => {
            let mut found = all_merged(rows);
            found.sort_by_key(|group| (Reverse(group.count), group.last));
            FailureList::new(first(found, limit), from)
        }
        Some(Bug::FailuresClaimTheWholePast) => {
            FailureList::new(FailureList::merged(query, rows).groups, Timestamp::EPOCH)
        }
        _ => FailureList::merged(query, rows),
    }
}

/// All groups, the largest first. Failures that came later are first among equals.
fn all_merged(rows: impl Iterator<Item = (Timestamp, FailureGroup)>) -> Vec<FailureGroup> {
    let mut sums: BTreeMap<_, FailureGroup> = BTreeMap::new();
    for (_, group) in rows {
        sums.entry((group.endpoint, failure_kind_column(&group.kind)))
            .and_modify(|sum| sum.merge(&group))
            .or_insert(group);
    }
    let mut found: Vec<_> = sums.into_values().collect();
    found.sort_by_key(|group| Reverse((group.count, group.last, group.sample)));
    found
}

fn first(groups: impl IntoIterator<Item = FailureGroup>, limit: u32) -> Vec<FailureGroup> {
    groups.into_iter().take(limit as usize).collect()
}
