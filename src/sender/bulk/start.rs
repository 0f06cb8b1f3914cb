//! Starts bulk jobs.

use super::plan::Plan;
use super::record::{BulkStatus, Record};
use crate::id::Tenant;
use crate::sender::handle::Sender;
use crate::store::{BulkJob, StoreError};

/// How many jobs of one owner may be open. Each open job costs its worker a page at a time.
pub(in crate::sender) const MAX_OPEN_JOBS: u32 = 8;

impl Sender {
    /// Stores a job, and wakes the worker of this process. Returns its status, or `None` if the owner has too many open
    /// jobs. The status is not read from the store: a read that fails would hide that the job was started.
    pub(in crate::sender) async fn start_job(
        &self,
        owner: Option<&Tenant>,
        plan: &Plan,
        started_by: &str,
    ) -> Result<Option<BulkStatus>, StoreError> {
        let now = self.now();
        let record = Record::new(plan.starting_at(now), started_by, now);
        let job = BulkJob::new(owner.cloned(), now, record.content());
        let number = self.shared.store.add_job(job.clone(), MAX_OPEN_JOBS).await?;
        self.shared.engine.wake_jobs();
        Ok(number.map(|number| BulkStatus::of_record(&BulkJob { number, ..job }, record)))
    }
}
