//! The audit log in memory.

use async_trait::async_trait;

use super::MemoryStore;
use super::tables::{beyond, in_order, listed};
use crate::clock::Timestamp;
use crate::store::{AuditEntry, AuditLog, AuditQuery, Listed, Page, StoreError};

#[async_trait]
impl AuditLog for MemoryStore {
    async fn audit(&self, entry: AuditEntry) -> Result<u64, StoreError> {
        let audit = &mut self.tables().audit;
        audit.last += 1;
        let number = audit.last;
        audit.by_time.insert((entry.at, number));
        audit.entries.insert(number, AuditEntry { number, ..entry });
        Ok(number)
    }

    async fn conclude(&self, number: u64, succeeded: bool) -> Result<(), StoreError> {
        if let Some(entry) = self.tables().audit.entries.get_mut(&number) {
            entry.succeeded = Some(succeeded);
        }
        Ok(())
    }

    async fn audit_log(&self, query: &AuditQuery, page: Page<u64>) -> Result<Listed<AuditEntry, u64>, StoreError> {
        let tables = self.tables();
        let rows = tables.audit.entries.range(beyond(page)).map(|(number, entry)| (*number, entry));
        Ok(listed(page, in_order(page, rows), |_, entry| query.matches(entry).then(|| entry.clone())))
    }

    async fn prune_audit(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let audit = &mut self.tables().audit;
        let mut pruned = 0;
        while pruned < u64::from(limit)
            && let Some(&(at, number)) = audit.by_time.first()
            && at < before
        {
            audit.by_time.pop_first();
            audit.entries.remove(&number);
            pruned += 1;
        }
        Ok(pruned)
    }
}
