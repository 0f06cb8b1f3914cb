//! Bulk jobs in memory.

use async_trait::async_trait;

use super::MemoryStore;
use super::tables::{beyond, in_order, listed};
use crate::clock::Timestamp;
use crate::id::Tenant;
use crate::store::{BulkJob, BulkJobs, FINISHED_JOBS_KEPT, Listed, Page, StoreError};

#[async_trait]
impl BulkJobs for MemoryStore {
    async fn add_job(&self, job: BulkJob, most_open: u32) -> Result<Option<u64>, StoreError> {
        let table = &mut self.tables().jobs;
        let of_owner = || table.by_number.values().filter(|other| other.tenant == job.tenant);
        if of_owner().filter(|other| other.wake_at.is_some()).count() >= most_open as usize {
            return Ok(None);
        }
        let finished = of_owner().rev().filter(|other| other.wake_at.is_none());
        let old: Vec<_> = finished.skip(FINISHED_JOBS_KEPT as usize).map(|old| old.number).collect();
        for number in old {
            table.by_number.remove(&number);
        }
        table.last += 1;
        let number = table.last;
        table.put(BulkJob { number, ..job });
        Ok(Some(number))
    }

    async fn update_job(&self, job: &BulkJob) -> Result<bool, StoreError> {
        let table = &mut self.tables().jobs;
        let stored = table.by_number.get(&job.number).filter(|stored| stored.version + 1 == job.version);
        let Some(tenant) = stored.map(|stored| stored.tenant.clone()) else { return Ok(false) };
        table.put(BulkJob { tenant, ..job.clone() });
        Ok(true)
    }

    async fn job(&self, number: u64) -> Result<Option<BulkJob>, StoreError> {
        Ok(self.tables().jobs.by_number.get(&number).cloned())
    }

    async fn jobs(&self, tenant: Option<&Tenant>, page: Page<u64>) -> Result<Listed<BulkJob, u64>, StoreError> {
        let tables = self.tables();
        let rows = tables.jobs.by_number.range(beyond(page)).map(|(number, job)| (*number, job));
        let is_listed = |job: &BulkJob| tenant.is_none_or(|tenant| job.tenant.as_ref() == Some(tenant));
        Ok(listed(page, in_order(page, rows), |_, job| is_listed(job).then(|| job.clone())))
    }

    async fn due_jobs(&self, now: Timestamp, limit: u32) -> Result<Vec<BulkJob>, StoreError> {
        let tables = self.tables();
        let due = tables.jobs.open.range(..=(now, u64::MAX)).take(limit as usize);
        Ok(due.filter_map(|(_, number)| tables.jobs.by_number.get(number).cloned()).collect())
    }
}
