//! The audit log of the simple store, with faults.

use async_trait::async_trait;
use hookwire::clock::Timestamp;
use hookwire::id::Tenant;
use hookwire::store::{AuditEntry, AuditLog, AuditQuery, Listed, Page, StoreError};

use super::bug::Bug;
use super::db::Db;
use super::roles::Simple;

impl Db {
    fn next_number(&self) -> u64 {
        let last = self.audit.iter().map(|entry| entry.number).max().unwrap_or_default();
        if self.has(Bug::AuditNumbersAreUsedAgain) { last + 1 } else { last.max(self.audited) + 1 }
    }

    fn record_change(&mut self, mut entry: AuditEntry, number: u64) -> u64 {
        entry.number = number;
        match self.bug {
            Some(Bug::AuditLosesTenant) => entry.tenant = entry.tenant.or_else(|| Some(Tenant::default())),
            Some(Bug::AuditLosesActor) => entry.actor = "".into(),
            Some(Bug::AuditLosesOperator) => entry.by_operator = false,
            Some(Bug::AuditLosesDetail) => entry.detail = "".into(),
            Some(Bug::AuditLosesResult) => entry.succeeded = None,
            Some(Bug::AuditTextCutAt255) => entry.actor = entry.actor.chars().take(255).collect::<String>().into(),
            Some(Bug::AuditNumbersByTime) => entry.number = u64::try_from(entry.at.as_micros()).unwrap_or(0),
            _ => {}
        }
        self.audited = self.audited.max(entry.number);
        let number = entry.number;
        self.audit.push(entry);
        number
    }

    fn conclude(&mut self, number: u64, succeeded: bool) {
        let (all, once) = (self.has(Bug::ConcludeConcludesAll), self.has(Bug::ConcludeConcludesOnce));
        let is_one = |entry: &&mut AuditEntry| entry.number == number || all;
        let mut known = false;
        for entry in self.audit.iter_mut().filter(is_one) {
            known = true;
            // The fault mixes up "failed" and "unknown".
            entry.succeeded = if once { succeeded.then_some(true) } else { Some(succeeded) };
        }
        if !known && self.has(Bug::ConcludeRecords) {
            let mut entry = self.audit[0].clone();
            (entry.number, entry.succeeded) = (number, Some(succeeded));
            self.audit.push(entry);
        }
    }

    fn audit_log(&self, query: &AuditQuery, page: Page<u64>) -> Listed<AuditEntry, u64> {
        let of_tenant = |entry: &AuditEntry| match (&query.tenant, &entry.tenant, self.bug) {
            (None, ..) | (_, _, Some(Bug::AuditIgnoresTenant)) => true,
            (Some(wanted), Some(found), Some(Bug::AuditFoldsTenants)) => {
                wanted.as_str().to_lowercase() == found.as_str().to_lowercase()
            }
            (Some(wanted), found, _) => found.as_ref() == Some(wanted),
        };
        let of_object = |entry: &AuditEntry| match (&query.object, self.bug) {
            (None, _) | (_, Some(Bug::AuditIgnoresObject)) => true,
            (Some(wanted), Some(Bug::AuditFoldsObjects)) => wanted.to_lowercase() == entry.object.to_lowercase(),
            (Some(wanted), _) => *wanted == entry.object,
        };
        let mut found: Vec<_> =
            self.audit.iter().filter(|entry| of_tenant(entry) && of_object(entry)).cloned().collect();
        found.sort_by_key(|entry| entry.number);
        let newest_first = page.newest_first || self.has(Bug::AuditIsNewestFirst);
        if newest_first {
            found.reverse();
        }
        let repeats = self.has(Bug::AuditRepeatsTheCursor);
        let is_beyond = |entry: &AuditEntry| match page.after {
            None => true,
            Some(after) if repeats => {
                if newest_first {
                    entry.number <= after
                } else {
                    entry.number >= after
                }
            }
            Some(after) => {
                if newest_first {
                    entry.number < after
                } else {
                    entry.number > after
                }
            }
        };
        found.retain(is_beyond);
        let limit = page.limit as usize + usize::from(self.has(Bug::AuditIgnoresTheLimit));
        let is_last = found.len() <= limit || self.has(Bug::AuditStopsAfterAPage);
        found.truncate(limit);
        let next = found.last().map(|entry| entry.number).filter(|_| !is_last);
        Listed { items: found, next }
    }

    fn prune_audit(&mut self, before: Timestamp, limit: u32) -> u64 {
        let limit = if self.has(Bug::PruneAuditIgnoresTheLimit) { usize::MAX } else { limit as usize };
        let is_old = |entry: &&AuditEntry| match self.bug {
            Some(Bug::PruneAuditIsInclusive) => entry.at <= before,
            Some(Bug::PruneAuditDoesNothing) => false,
            _ => entry.at < before,
        };
        let mut old: Vec<_> = self.audit.iter().filter(is_old).map(|entry| entry.number).take(limit).collect();
        if self.has(Bug::PruneAuditByNumber) {
            let first = self.audit.iter().map(|entry| entry.number).take(old.len());
            old = first.collect();
        }
        self.audit.retain(|entry| !old.contains(&entry.number));
        old.len() as u64 + u64::from(self.has(Bug::PruneAuditCountsWrong))
    }
}

#[async_trait]
impl AuditLog for Simple {
    async fn audit(&self, entry: AuditEntry) -> Result<u64, StoreError> {
        if self.has(Bug::UnlockedAudit) {
            let number = self.read(Db::next_number).await;
            self.pause().await;
            return Ok(self.change(|db| db.record_change(entry, number)).await);
        }
        let record = |db: &mut Db| {
            let number = db.next_number();
            db.record_change(entry, number)
        };
        Ok(self.change(record).await)
    }

    async fn conclude(&self, number: u64, succeeded: bool) -> Result<(), StoreError> {
        self.change(|db| db.conclude(number, succeeded)).await;
        Ok(())
    }

    async fn audit_log(&self, query: &AuditQuery, page: Page<u64>) -> Result<Listed<AuditEntry, u64>, StoreError> {
        Ok(self.read(|db| db.audit_log(query, page)).await)
    }

    async fn prune_audit(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        Ok(self.change(|db| db.prune_audit(before, limit)).await)
    }
}
