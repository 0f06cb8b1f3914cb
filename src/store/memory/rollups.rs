//! Rollups in memory.

use std::collections::HashMap;
use std::ops::Range;

use async_trait::async_trait;

use super::MemoryStore;
use super::tables::Tables;
use crate::clock::Timestamp;
use crate::delivery::Settlement;
use crate::id::{EndpointId, Tenant, Work};
use crate::store::sql::{RollupFold, note_settlement};
use crate::store::{FailureList, FailureQuery, Rollup, RollupGroup, RollupStep, Rollups, StoreError};

#[async_trait]
impl Rollups for MemoryStore {
    async fn fold(&self, now: Timestamp) -> Result<bool, StoreError> {
        self.tables().fold(now);
        Ok(false)
    }

    async fn rollups(
        &self,
        groups: &[RollupGroup],
        step: RollupStep,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Vec<Rollup>>, StoreError> {
        let tables = self.tables();
        let of = |group| tables.rollups_of(group, step, from, to);
        Ok(groups.iter().map(of).collect())
    }

    async fn failures(&self, query: &FailureQuery) -> Result<FailureList, StoreError> {
        Ok(self.tables().failures.find(query))
    }
}

/// The limit of notes, in bytes. If no worker folds, what is above it is counted at once.
const MAX_NOTES: usize = 4 * 1024 * 1024;

impl Tables {
    /// Notes a settlement for the rollups.
    pub(super) fn note(&mut self, settlement: &Settlement) {
        note_settlement(&mut self.notes, settlement);
        if self.notes.len() > MAX_NOTES {
            self.count_notes();
        }
    }

    fn fold(&mut self, now: Timestamp) {
        self.count_notes();
        for step in [RollupStep::Minute, RollupStep::Hour] {
            let old = older_than(step, now - step.retention());
            // The oldest come first, so this reads nothing that stays.
            while let Some((key, _)) = self.rollups.range(old.clone()).next() {
                let key = key.clone();
                self.rollups.remove(&key);
            }
        }
        self.failures.prune(now - RollupStep::Hour.retention());
    }

    fn count_notes(&mut self) {
        let mut settled = RollupFold::default();
        settled.add(&std::mem::take(&mut self.notes));
        let tenant = |id: EndpointId| {
            let stored = self.endpoints.get(&id).and_then(Option::as_ref).map(|endpoint| &endpoint.tenant);
            Some((id, stored.or_else(|| self.removed.get(&id))?.clone()))
        };
        let tenants: HashMap<EndpointId, Tenant> =
            settled.lanes().filter_map(|lane| lane.endpoint()).filter_map(tenant).collect();
        self.failures.add(settled.failures(&tenants));
        for (key, rollup) in settled.finish(&tenants) {
            let at = key.1;
            self.rollups.entry(key).or_insert_with(|| Rollup::starting(at)).merge(&rollup);
        }
    }

    fn rollups_of(&self, group: &RollupGroup, step: RollupStep, from: Timestamp, to: Timestamp) -> Vec<Rollup> {
        let found = step.starts(from, to).filter_map(|at| self.rollups.get(&(step, at, group.clone())));
        found.cloned().collect()
    }
}

/// The keys of the rollups of a step that began before this time.
fn older_than(step: RollupStep, before: Timestamp) -> Range<(RollupStep, Timestamp, RollupGroup)> {
    // No group sorts before this one.
    let first = RollupGroup::All(Work::Sent);
    (step, Timestamp::from_micros(i64::MIN), first.clone())..(step, before, first)
}
