//! The content of a bulk job in the store, and what applications see of it.

use serde::{Deserialize, Serialize};

use super::plan::{Batch, Plan, Progress};
use crate::clock::Timestamp;
use crate::id::{DeliveryId, EndpointId, Tenant, Work};
use crate::store::{BulkJob, DeliveryQuery};

/// The state of a bulk job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BulkState {
    /// It works, or waits for a worker.
    Running,
    /// It has handled everything.
    Done,
    /// A caller has stopped it. What it had changed before remains changed.
    Stopped,
    /// It cannot go on. See [`BulkStatus::error`].
    Failed,
}

impl BulkState {
    /// The name, as it is serialized.
    ///
    /// ```
    /// use hookwire::sender::BulkState;
    ///
    /// assert_eq!(BulkState::Running.as_str(), "running");
    /// ```
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
        }
    }
}

/// How far a bulk job is, from [`Scoped::job`](super::super::Scoped::job).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BulkStatus {
    /// The number of the job. It identifies the job in this store.
    pub number: u64,
    /// The tenant that owns the job. `None`: operators own it.
    pub tenant: Option<Tenant>,
    /// What it does: `delivery.resend_all`, `delivery.cancel_all` or `endpoint.replay`.
    pub action: Box<str>,
    /// What it does, in words: the filter and the limits.
    pub text: Box<str>,
    /// The endpoint, if the job is limited to one.
    pub endpoint: Option<EndpointId>,
    /// The filter of the deliveries that it changes. For a replay: the endpoint, and when the events were dispatched.
    pub query: DeliveryQuery,
    /// The state.
    pub state: BulkState,
    /// The number of deliveries that were made or changed.
    pub changed: u64,
    /// The number of deliveries and events that were looked at.
    pub examined: u64,
    /// The most deliveries that it changes.
    pub limit: Option<u64>,
    /// The name of the caller who started it, as the host gave it. It may be empty.
    pub started_by: Box<str>,
    /// When it was started.
    pub started_at: Timestamp,
    /// When it last made progress.
    pub updated_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Why it failed, or why it waits.
    pub error: Option<Box<str>>,
}

/// The content of a [`BulkJob`], as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::sender) struct Record {
    pub(in crate::sender) plan: Plan,
    pub(in crate::sender) progress: Progress,
    pub(in crate::sender) state: BulkState,
    pub(in crate::sender) started_by: Box<str>,
    pub(in crate::sender) started_at: Timestamp,
    pub(in crate::sender) updated_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::sender) error: Option<Box<str>>,
    /// A random text, from which the ids of what the job makes follow.
    pub(in crate::sender) salt: Box<str>,
    /// The changes that a worker makes at the moment, or has made before it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::sender) batch: Option<Begun>,
}

/// Changes that a worker has begun to make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::sender) struct Begun {
    pub(in crate::sender) at: Timestamp,
    pub(in crate::sender) batch: Batch,
}

impl Record {
    pub(in crate::sender) fn new(plan: Plan, started_by: &str, now: Timestamp) -> Self {
        let progress = plan.start();
        Self {
            plan,
            progress,
            state: BulkState::Running,
            started_by: started_by.into(),
            started_at: now,
            updated_at: now,
            error: None,
            salt: DeliveryId::generate(now).to_string().into(),
            batch: None,
        }
    }

    /// Reads the record of a job.
    pub(in crate::sender) fn of(job: &BulkJob) -> Result<Self, serde_json::Error> {
        serde_json::from_str(&job.content)
    }

    /// The content for the store.
    pub(in crate::sender) fn content(&self) -> Box<str> {
        // All keys are texts, so this does not fail.
        serde_json::to_string(self).unwrap_or_default().into()
    }

    /// The next version of the job. `wake_at` is when a worker may take it up.
    pub(in crate::sender) fn update(&self, job: &BulkJob, wake_at: Timestamp) -> BulkJob {
        let wake_at = (self.state == BulkState::Running).then_some(wake_at);
        BulkJob { wake_at, version: job.version + 1, content: self.content(), ..job.clone() }
    }

    /// Ends the job.
    pub(in crate::sender) fn finish(&mut self, state: BulkState, error: Option<&str>, now: Timestamp) {
        self.state = state;
        self.error = error.map(Into::into);
        self.updated_at = now;
        self.batch = None;
    }
}

impl BulkStatus {
    /// The status of a stored job. A job whose record is unreadable has only its number, its owner and the error.
    pub(in crate::sender) fn of(job: &BulkJob) -> Self {
        match Record::of(job) {
            Ok(record) => Self::of_record(job, record),
            Err(error) => Self::unreadable(job, &error),
        }
    }

    pub(in crate::sender) fn of_record(job: &BulkJob, record: Record) -> Self {
        let is_finished = record.state != BulkState::Running;
        Self {
            number: job.number,
            tenant: job.tenant.clone(),
            action: record.plan.action.name().into(),
            text: record.plan.text().into(),
            endpoint: record.plan.filter.endpoint,
            query: record.plan.filter.query(),
            state: record.state,
            changed: record.progress.changed,
            examined: record.progress.examined,
            limit: record.plan.limit,
            started_by: record.started_by,
            started_at: record.started_at,
            updated_at: record.updated_at,
            finished_at: is_finished.then_some(record.updated_at),
            error: record.error,
        }
    }

    fn unreadable(job: &BulkJob, error: &serde_json::Error) -> Self {
        Self {
            number: job.number,
            tenant: job.tenant.clone(),
            action: "".into(),
            text: "unreadable".into(),
            endpoint: None,
            query: DeliveryQuery::of(Work::Sent),
            state: if job.wake_at.is_some() { BulkState::Running } else { BulkState::Stopped },
            changed: 0,
            examined: 0,
            limit: None,
            started_by: "".into(),
            started_at: Timestamp::EPOCH,
            updated_at: Timestamp::EPOCH,
            finished_at: None,
            error: Some(
                format!("the record of the job is unreadable: {error}; stop the job and start a new one").into(),
            ),
        }
    }
}
