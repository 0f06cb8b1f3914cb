//! Rollups of the simple store, with faults.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use hookwire::clock::Timestamp;
use hookwire::delivery::Settlement;
use hookwire::id::{EndpointId, Tenant, Work};
use hookwire::store::sql::{Folded, RollupFold, restore_rollup, rollup_column, settled_column};
use hookwire::store::{FailureList, FailureQuery, Rollup, RollupGroup, RollupStep, Rollups, StoreError};

use super::bug::Bug;
use super::db::Db;
use super::failures::{FailureTable, add_failures, delete_old_failures, find_failures, noted};
use super::roles::Simple;

/// The three tables: notes of settlements, rollups with their numbers as a column, and failures.
#[derive(Clone, Debug, Default)]
pub struct RollupTables {
    pub notes: Vec<Vec<u8>>,
    rollups: BTreeMap<(RollupStep, Timestamp, RollupGroup), Vec<u8>>,
    pub failures: FailureTable,
}

impl Db {
    pub fn note(&mut self, settlement: &Settlement) {
        let mut settlement = noted(self, settlement.clone());
        if let Some(attempt) = settlement.attempt.as_ref().filter(|_| self.has(Bug::NoteHasTheTimeOfTheAttempt)) {
            settlement.at = attempt.at;
        }
        if self.has(Bug::NoteForgetsExpired) && settlement.attempt.is_none() {
            return;
        }
        self.rollups.notes.push(settled_column(&settlement));
    }

    fn tenants(&self) -> HashMap<EndpointId, Tenant> {
        let fold = |tenant: &Tenant| match self.bug {
            Some(Bug::RollupTenantsAreFolded) => Tenant::from(tenant.as_str().trim().to_lowercase()),
            _ => tenant.clone(),
        };
        let stored = self.endpoints.values().flatten().map(|endpoint| (endpoint.id, fold(&endpoint.tenant)));
        let removed = self.removed.values().filter(|_| !self.has(Bug::RemovedEndpointsLoseTheirTenant));
        stored.chain(removed.map(|endpoint| (endpoint.id, fold(&endpoint.tenant)))).collect()
    }

    fn fold(&mut self, notes: &[Vec<u8>], now: Timestamp) {
        let mut fold = RollupFold::default();
        assert!(notes.iter().all(|note| fold.add(note)));
        if self.has(Bug::FoldKeepsTheNotes) {
            self.rollups.notes = notes.to_vec();
        }
        let tenants = self.tenants();
        add_failures(self, fold.failures(&tenants));
        self.add_rollups(fold.finish(&tenants));
        delete_old_failures(self, now);
        let kept = |step: RollupStep| match self.bug {
            Some(Bug::HoursAreKeptAsLongAsMinutes) => RollupStep::Minute.retention(),
            _ => step.retention(),
        };
        let is_old = |step: RollupStep, at: Timestamp| match self.bug {
            Some(Bug::RollupsAreNeverDeleted) => false,
            Some(Bug::RollupsAreDeletedEarly) => at <= now - kept(step),
            _ => at < now - kept(step),
        };
        let old: Vec<_> = self.rollups.rollups.keys().filter(|(step, at, _)| is_old(*step, *at)).cloned().collect();
        for key in old {
            self.rollups.rollups.remove(&key);
        }
    }

    fn add_rollups(&mut self, folded: Folded) {
        for ((step, at, group), mut rollup) in folded {
            let group = match group {
                RollupGroup::All(_) if self.has(Bug::RollupsMixKinds) => RollupGroup::All(Work::Sent),
                group => group,
            };
            let is_lost = match group {
                RollupGroup::Tenant(_) => self.has(Bug::TenantsHaveNoRollups),
                RollupGroup::Lane(_) => self.has(Bug::LanesHaveNoHours) && step == RollupStep::Hour,
                RollupGroup::All(_) => false,
            };
            if is_lost {
                continue;
            }
            if self.has(Bug::RollupLosesSlowAttempts) {
                rollup.durations[11] = 0;
            }
            let key = (step, at, group);
            let before = self.rollups.rollups.get(&key).filter(|_| !self.has(Bug::FoldOverwrites));
            rollup.merge(&before.and_then(|numbers| restore_rollup(at, numbers)).unwrap_or_default());
            self.rollups.rollups.insert(key, rollup_column(&rollup));
        }
    }

    fn rollups_of(&self, group: &RollupGroup, step: RollupStep, from: Timestamp, to: Timestamp) -> Vec<Rollup> {
        let is_wanted = |at: Timestamp| match self.bug {
            Some(Bug::RollupFromIsExclusive) => from < at && at < to,
            Some(Bug::RollupFromIsRounded) => step.start(from) <= at && at < to,
            Some(Bug::RollupToIsInclusive) => from <= at && at <= to,
            Some(Bug::RollupIgnoresTheSpan) => true,
            _ => from <= at && at < to,
        };
        let rows =
            self.rollups.rollups.iter().filter(|((of, at, whose), _)| *of == step && whose == group && is_wanted(*at));
        let mut found: Vec<_> = rows.map(|((_, at, _), numbers)| restore_rollup(*at, numbers).unwrap()).collect();
        if self.has(Bug::RollupsAreNewestFirst) {
            found.reverse();
        }
        found
    }
}

#[async_trait]
impl Rollups for Simple {
    async fn fold(&self, now: Timestamp) -> Result<bool, StoreError> {
        if self.has(Bug::UnlockedFold) {
            let notes = self.read(|db| db.rollups.notes.clone()).await;
            self.pause().await;
            let fold = |db: &mut Db| {
                db.rollups.notes.retain(|note| !notes.contains(note));
                db.fold(&notes, now);
            };
            self.change(fold).await;
        } else if self.has(Bug::SplitFold) {
            let notes = self.change(|db| std::mem::take(&mut db.rollups.notes)).await;
            self.pause().await;
            self.change(|db| db.fold(&notes, now)).await;
        } else {
            let fold = |db: &mut Db| {
                let notes = std::mem::take(&mut db.rollups.notes);
                db.fold(&notes, now);
            };
            self.change(fold).await;
        }
        Ok(false)
    }

    async fn rollups(
        &self,
        groups: &[RollupGroup],
        step: RollupStep,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Vec<Rollup>>, StoreError> {
        let mut groups = groups.to_vec();
        if self.has(Bug::RollupListsAreSorted) {
            groups.sort();
        }
        let find = |db: &Db| groups.iter().map(|group| db.rollups_of(group, step, from, to)).collect::<Vec<_>>();
        let mut found = self.read(find).await;
        if self.has(Bug::EmptyRollupListsAreLeftOut) {
            found.retain(|list| !list.is_empty());
        }
        Ok(found)
    }

    async fn failures(&self, query: &FailureQuery) -> Result<FailureList, StoreError> {
        Ok(self.read(|db| find_failures(db, query)).await)
    }
}
