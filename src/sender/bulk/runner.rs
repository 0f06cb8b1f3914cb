//! Works on the stored bulk jobs: takes up one job, handles a page, and records how far the job is.

use std::sync::Arc;
use std::time::Duration;

use super::plan::Action;
use super::record::{BulkState, Record};
use super::step::{Repeated, Stepper};
use crate::clock::{Clock, Timestamp};
use crate::endpoint::Endpoint;
use crate::id::Tenant;
use crate::sender::directory::CachedDirectory;
use crate::sender::error::EndpointError;
use crate::sender::quotas::Backlog;
use crate::store::{BulkJob, Store, StoreError};
use crate::worker::Maintenance;

/// How long a worker may take for a page. Then another worker takes the job over, and checks what was done.
const LEASE: Duration = Duration::from_secs(60);

/// How far a job with a rate makes deliveries ahead of their time. A job that is stopped has made no further ones.
const AHEAD: Duration = Duration::from_secs(30);

/// How long a job waits while too many deliveries of its tenant are pending, or after an error that may pass.
const PAUSE: Duration = Duration::from_secs(5);

/// How long a job waits whose record is unreadable.
const UNREADABLE: Duration = Duration::from_secs(60 * 60);

/// Works on the jobs of a store.
#[derive(Debug)]
pub(in crate::sender) struct JobRunner {
    pub(in crate::sender) store: Arc<dyn Store>,
    pub(in crate::sender) directory: Arc<CachedDirectory>,
    pub(in crate::sender) clock: Arc<dyn Clock>,
    pub(in crate::sender) backlog: Backlog,
}

/// What follows a page.
enum Next {
    /// The job goes on at this time.
    At(Timestamp),
    /// The job cannot go on.
    Fail(String),
}

impl JobRunner {
    /// Handles a page of the job that waits longest. `more` is set if a job was worked on.
    pub(in crate::sender) async fn advance(&self) -> Result<Maintenance, StoreError> {
        let now = self.clock.now();
        let Some(job) = self.store.due_jobs(now, 1).await?.pop() else { return Ok(Maintenance::default()) };
        let mut record = match Record::of(&job) {
            Ok(record) => record,
            Err(error) => return self.leave_unreadable(job, &error).await,
        };
        let repeated = Repeated { job: job.number, since: record.page_began };
        record.page_began.get_or_insert(now);
        let taken = record.update(&job, now + LEASE);
        if !self.store.update_job(&taken).await? {
            // Another worker has taken it, or a caller has stopped it.
            return Ok(Maintenance { due: Vec::new(), more: true });
        }
        let mut due = Vec::new();
        let next = match self.page(&mut record, &taken, repeated, now).await {
            Ok((lanes, at)) => {
                due = lanes;
                Next::At(at)
            }
            Err(EndpointError::Store(error)) if error.is_retryable() => {
                tracing::warn!(job = job.number, %error, "a page of a bulk job failed; the job goes on later");
                record.error = Some(error.to_string().into());
                Next::At(now + PAUSE)
            }
            Err(error) => Next::Fail(error.to_string()),
        };
        let at = self.record(&mut record, next, now);
        // If this fails, the lease ends, and the page is repeated: what was done is not done twice.
        self.store.update_job(&record.update(&taken, at)).await?;
        Ok(Maintenance { due, more: true })
    }

    /// Records the result of a page. Returns when the job goes on.
    fn record(&self, record: &mut Record, next: Next, now: Timestamp) -> Timestamp {
        record.updated_at = now;
        match next {
            Next::Fail(error) => {
                tracing::error!(error, action = record.plan.action.name(), "a bulk job failed");
                record.finish(BulkState::Failed, Some(&error), now);
                now
            }
            Next::At(_) if record.progress.part.is_none() => {
                record.finish(BulkState::Done, None, now);
                now
            }
            Next::At(at) => at,
        }
    }

    /// Handles a page. Returns the lanes that have new work, and when the job goes on.
    async fn page(
        &self,
        record: &mut Record,
        job: &BulkJob,
        repeated: Repeated,
        now: Timestamp,
    ) -> Result<(Vec<crate::id::LaneId>, Timestamp), EndpointError> {
        let endpoint = self.endpoint(record).await?;
        if let Some(at) = record.progress.next_due.filter(|due| *due > now + AHEAD) {
            record.page_began = None;
            return Ok((Vec::new(), at - AHEAD));
        }
        let most = self.ahead(record, now).min(self.free(record, job.tenant.as_ref(), endpoint.as_deref()).await?);
        if most == 0 {
            record.error =
                Some("too many deliveries of the tenant are pending; the job goes on when they have been sent".into());
            record.page_began = None;
            return Ok((Vec::new(), now + PAUSE));
        }
        let stepper = Stepper {
            store: &*self.store,
            plan: &record.plan,
            endpoint: endpoint.as_deref(),
            now,
            dry: false,
            repeated: Some(repeated),
        };
        let stepped = stepper.step(&mut record.progress, most).await?;
        (record.error, record.page_began) = (None, None);
        Ok((stepped.lanes, now))
    }

    /// The endpoint of a replay, as it is now.
    async fn endpoint(&self, record: &Record) -> Result<Option<Arc<Endpoint>>, EndpointError> {
        match record.plan.filter.endpoint {
            Some(id) if record.plan.action.is_replay() => {
                self.directory.endpoint(id).await?.ok_or(EndpointError::NotFound).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// The number of deliveries that may be made ahead of their time.
    fn ahead(&self, record: &Record, now: Timestamp) -> u64 {
        let Some(rate) = record.plan.rate else { return u64::MAX };
        let first = record.progress.next_due.map_or(now, |due| due.max(now));
        let (time, step) = ((now + AHEAD).since(first), rate.per / rate.count.get());
        u64::try_from(time.as_nanos() / step.as_nanos().max(1)).unwrap_or(u64::MAX).max(1)
    }

    /// The number of deliveries that may become pending for a tenant that owns a job.
    async fn free(
        &self,
        record: &Record,
        owner: Option<&Tenant>,
        endpoint: Option<&Endpoint>,
    ) -> Result<u64, StoreError> {
        match owner {
            Some(tenant) if record.plan.action != Action::Cancel => {
                self.backlog.free(&*self.store, tenant, endpoint.map(|endpoint| endpoint.id)).await
            }
            _ => Ok(u64::MAX),
        }
    }

    /// Leaves a job whose record is unreadable for an hour. A later version of this crate may have written it.
    async fn leave_unreadable(&self, job: BulkJob, error: &serde_json::Error) -> Result<Maintenance, StoreError> {
        tracing::error!(job = job.number, %error, "the record of a bulk job is unreadable; stop the job, or run the version that has written it");
        let wake_at = Some(self.clock.now() + UNREADABLE);
        self.store.update_job(&BulkJob { wake_at, version: job.version + 1, ..job }).await?;
        Ok(Maintenance { due: Vec::new(), more: true })
    }
}
