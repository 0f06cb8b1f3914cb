//! Works on the stored bulk jobs.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::changer::{Changer, OfJob};
use super::plan::{Action, Batch, Part};
use super::reader::Reader;
use super::record::{Begun, BulkState, Record};
use crate::clock::{Clock, Timestamp};
use crate::endpoint::Endpoint;
use crate::id::LaneId;
use crate::sender::change::not_moved;
use crate::sender::directory::CachedDirectory;
use crate::sender::error::EndpointError;
use crate::sender::quotas::Backlog;
use crate::store::{BulkJob, Store, StoreError, StoreErrorKind};
use crate::worker::Maintenance;

/// How long a worker has a job for one batch. Then another worker repeats the batch.
const LEASE: Duration = Duration::from_secs(30);

/// How long the changes of a batch may take. This is less than the lease, so that two workers seldom make the same changes.
const LONGEST_BATCH: Duration = Duration::from_secs(20);

/// How early a job with a rate makes deliveries before they are due. When the job is stopped, it has made only these in advance.
const AHEAD: Duration = Duration::from_secs(30);

/// How long a job waits while too many deliveries of its tenant are pending, or after an error that may pass.
const PAUSE: Duration = Duration::from_secs(5);

/// How long a job waits whose record is unreadable.
const UNREADABLE: Duration = Duration::from_secs(60);

/// The pause of a worker after another one was faster.
const LOST: Duration = Duration::from_millis(20);

/// The number of jobs of which one is chosen.
const CHOICE: u32 = 16;

/// The number of deliveries, and of events, that one batch changes. The stored ids of a batch need at most 11 KiB.
const BATCH: u32 = 128;
const BATCH_OF_EVENTS: u32 = 64;

/// A job waits until its tenant may have this many further pending deliveries, rather than making them one by one.
const LEAST: u64 = 32;

/// Works on the jobs of a store.
#[derive(Debug)]
pub(in crate::sender) struct JobRunner {
    pub(in crate::sender) store: Arc<dyn Store>,
    pub(in crate::sender) directory: Arc<CachedDirectory>,
    pub(in crate::sender) clock: Arc<dyn Clock>,
    pub(in crate::sender) backlog: Backlog,
}

/// What a job does next.
enum Next {
    /// It makes these changes.
    Change(Batch),
    /// It waits until this time, for a reason if there is one.
    Wait(Timestamp, Option<&'static str>),
    /// Nothing is left.
    End,
}

impl JobRunner {
    /// Works on one job that is due. `more` is set if there was one.
    pub(in crate::sender) async fn advance(&self) -> Result<Maintenance, StoreError> {
        let now = self.clock.now();
        let Some(job) = chosen(self.store.due_jobs(now, CHOICE).await?, now) else { return Ok(Maintenance::default()) };
        let record = match Record::of(&job) {
            Ok(record) => record,
            Err(error) => return self.leave_unreadable(job, &error).await,
        };
        let due = if record.batch.is_some() {
            self.make(job, record, true, now).await?
        } else {
            self.begin(job, record, now).await?
        };
        Ok(Maintenance { due, more: true })
    }

    /// Reads the next batch of a job and makes its changes. Returns the lanes that have new work.
    async fn begin(&self, job: BulkJob, mut record: Record, now: Timestamp) -> Result<Vec<LaneId>, StoreError> {
        let wake_at = match self.next(&record, &job, now).await {
            Ok(Next::Change(batch)) if batch.len() > 0 => {
                record.batch = Some(Begun { at: now, batch });
                return self.make(job, record, false, now).await;
            }
            Ok(Next::Change(batch)) => {
                record.plan.advance(&mut record.progress, &batch, 0, now);
                note_progress(&mut record, now);
                now
            }
            Ok(Next::Wait(at, why)) => {
                record.error = why.map(Into::into);
                at
            }
            Ok(Next::End) => {
                record.finish(BulkState::Done, None, now);
                now
            }
            Err(error) => note_error(&mut record, &job, &error, self.clock.now()),
        };
        self.store.update_job(&record.update(&job, wake_at)).await?;
        Ok(Vec::new())
    }

    /// Makes the changes of a batch: takes the job for this time, and stores how far it is afterwards.
    async fn make(
        &self,
        job: BulkJob,
        mut record: Record,
        is_repeated: bool,
        now: Timestamp,
    ) -> Result<Vec<LaneId>, StoreError> {
        let Some(Begun { at, batch }) = record.batch.clone() else { return Ok(Vec::new()) };
        // Reading the batch may have taken long.
        let taken = record.update(&job, self.clock.now() + LEASE);
        if !self.store.update_job(&taken).await? {
            sleep(LOST).await;
            return Ok(Vec::new());
        }
        let (mut lanes, mut wake_at) = (Vec::new(), now);
        match timeout(LONGEST_BATCH, self.change(&record, &batch, (at, is_repeated), now)).await {
            Ok(Ok(changed)) => {
                record.plan.advance(&mut record.progress, &batch, changed, now);
                record.batch = None;
                note_progress(&mut record, now);
                lanes = batch.endpoints.into_iter().map(LaneId::from).collect();
            }
            Ok(Err(error)) => wake_at = note_error(&mut record, &taken, &error, self.clock.now()),
            Err(_) => {
                // The store may still be making the changes: the next worker waits until the lease ends.
                warn_too_long(taken.number);
                return Ok(Vec::new());
            }
        }
        if let Err(error) = self.conclude(&record, &taken, wake_at).await {
            warn_not_stored(taken.number, &error);
        }
        Ok(lanes)
    }

    async fn change(
        &self,
        record: &Record,
        batch: &Batch,
        (began, is_repeated): (Timestamp, bool),
        now: Timestamp,
    ) -> Result<usize, EndpointError> {
        let endpoint = self.endpoint(record).await?;
        let (store, plan, job) = (&*self.store, &record.plan, OfJob { salt: &record.salt, began, is_repeated });
        let changer = Changer { store, plan, endpoint: endpoint.as_deref(), now, job: Some(job) };
        changer.change(batch, &record.progress).await
    }

    /// Stores how far a job is. If the job was stopped meanwhile, its progress is added.
    async fn conclude(&self, record: &Record, taken: &BulkJob, wake_at: Timestamp) -> Result<(), StoreError> {
        if self.store.update_job(&record.update(taken, wake_at)).await? {
            return Ok(());
        }
        let Some(stored) = self.store.job(taken.number).await? else { return Ok(()) };
        let Ok(mut stopped) = Record::of(&stored) else { return Ok(()) };
        if stopped.state == BulkState::Stopped && stored.version == taken.version + 1 {
            stopped.progress = record.progress.clone();
            self.store.update_job(&stopped.update(&stored, stopped.updated_at)).await?;
        }
        Ok(())
    }

    /// Reads what a job does next.
    async fn next(&self, record: &Record, job: &BulkJob, now: Timestamp) -> Result<Next, EndpointError> {
        let endpoint = self.endpoint(record).await?;
        let (plan, progress) = (&record.plan, &record.progress);
        // Half of the time ahead is used up first, so that a batch is worth its cost.
        if let Some(due) = progress.next_due.filter(|due| *due > now + AHEAD / 2) {
            return Ok(Next::Wait(due - AHEAD / 2, None));
        }
        let page = if progress.part == Some(Part::Events) { BATCH_OF_EVENTS } else { BATCH };
        let wanted = plan.left(progress).min(self.ahead(record, now)).min(page.into());
        let free = self.free(record, job).await?;
        if free < wanted && free < LEAST.min(self.backlog.least() / 2).max(1) {
            let why = "too many deliveries of the tenant are pending; the job goes on when they have been sent";
            return Ok(Next::Wait(now + PAUSE, Some(why)));
        }
        let (store, directory) = (&*self.store, &*self.directory);
        let reader = Reader { store, directory, plan, endpoint: endpoint.as_deref(), page };
        Ok(reader.next(progress, wanted.min(free)).await?.map_or(Next::End, Next::Change))
    }

    /// The endpoint of a replay, as it is now.
    async fn endpoint(&self, record: &Record) -> Result<Option<Arc<Endpoint>>, EndpointError> {
        match record.plan.filter.endpoint {
            Some(id) if record.plan.action.is_replay() => {
                let endpoint = self.directory.endpoint(id).await?.ok_or(EndpointError::NotFound)?;
                not_moved(&endpoint)?;
                Ok(Some(endpoint))
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
    async fn free(&self, record: &Record, job: &BulkJob) -> Result<u64, StoreError> {
        match &job.tenant {
            Some(tenant) if record.plan.action != Action::Cancel => {
                let endpoints = self.directory.of_tenant(tenant).await?;
                self.backlog.free(&*self.store, &endpoints, record.plan.filter.endpoint).await
            }
            _ => Ok(u64::MAX),
        }
    }

    /// Postpones a job whose record is unreadable. A later version of this crate may have written it.
    async fn leave_unreadable(&self, job: BulkJob, error: &serde_json::Error) -> Result<Maintenance, StoreError> {
        tracing::error!(job = job.number, %error, "the record of a bulk job is unreadable; stop the job, or run the version that has written it");
        let wake_at = Some(self.clock.now() + UNREADABLE);
        self.store.update_job(&BulkJob { wake_at, version: job.version + 1, ..job }).await?;
        Ok(Maintenance { due: Vec::new(), more: true })
    }
}

/// Chooses one of the jobs that are due. Owners take turns, however many jobs they have.
fn chosen(mut due: Vec<BulkJob>, now: Timestamp) -> Option<BulkJob> {
    let mut owners = HashSet::new();
    due.retain(|job| owners.insert(job.tenant.clone()));
    let turn = usize::try_from(now.as_micros()).unwrap_or_default() % due.len().max(1);
    (turn < due.len()).then(|| due.swap_remove(turn))
}

/// Notes progress. A job with nothing left is done.
fn note_progress(record: &mut Record, now: Timestamp) {
    (record.error, record.updated_at) = (None, now);
    if record.progress.part.is_none() {
        record.finish(BulkState::Done, None, now);
    }
}

/// Notes an error. Ends the job if a retry cannot help. Returns when the job goes on.
fn note_error(record: &mut Record, job: &BulkJob, error: &EndpointError, now: Timestamp) -> Timestamp {
    let (text, is_final) = shown(error, record.batch.is_some());
    tracing::warn!(job = job.number, action = record.plan.action.name(), %error, is_final, "a batch of a bulk job failed");
    if is_final {
        record.finish(BulkState::Failed, Some(&text), now);
    } else {
        record.error = Some(text.into());
    }
    now + PAUSE
}

/// The text of an error for the owner of a job, who may be a tenant, and whether the job ends. The cause is only in the log.
fn shown(error: &EndpointError, is_batch_begun: bool) -> (String, bool) {
    match error {
        EndpointError::Store(error) if error.kind() == StoreErrorKind::Invalid && is_batch_begun => {
            ("another worker makes the same changes; the job goes on by itself".into(), false)
        }
        EndpointError::Store(error) if error.is_retryable() => {
            ("the store is unavailable; the job goes on when it is available again".into(), false)
        }
        EndpointError::Store(_) => {
            ("a stored record cannot be read or changed; the log of the worker names the cause".into(), true)
        }
        error => (error.to_string(), true),
    }
}

fn warn_too_long(job: u64) {
    tracing::warn!(job, "a batch of a bulk job took too long; a worker repeats it");
}

fn warn_not_stored(job: u64, error: &StoreError) {
    tracing::warn!(job, %error, "the progress of a bulk job was not stored; a worker repeats the batch");
}
