//! The tools for jobs, which change many deliveries in the background.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::call::{Call, Counted};
use super::documents::{Cancel, JobDocument, Jobs, ListJobs};
use super::endpoints::{LIST, REGISTER};
use super::failure::Failure;
use super::read::{endpoint_id, maybe, page};
use super::route::Spec;
use crate::id::Work;
use crate::sender::BulkStatus;
use crate::store::{DeliveryQuery, Page};

pub(super) const LIST_JOBS: Spec = Spec {
    name: "webhook_list_jobs",
    title: "List jobs",
    description: "List the jobs that resend or cancel many messages in the background, newest first, and how far they are; or, with job, show \
        that job.",
    ..LIST
};

pub(super) const CANCEL: Spec = Spec {
    name: "webhook_cancel",
    title: "Cancel deliveries",
    description: "Cancel the pending and held deliveries to a callback: this starts a job. Or, with job, stop that job: what it has done before \
        is not undone.",
    destroys: true,
    repeats: false,
    reaches_out: false,
    counted: Some(Counted::Resends),
    ..REGISTER
};

pub(super) fn list(call: Call, asked: ListJobs) -> BoxFuture<'static, Result<Jobs, Failure>> {
    async move {
        if let Some(number) = asked.job {
            return Ok(Jobs { jobs: vec![call.job(number).await?], next_cursor: None });
        }
        let after: Option<u64> = maybe("cursor", asked.cursor.as_deref())?;
        let found = call.scoped.jobs(Page::of(page(asked.limit)?).after(after).newest_first()).await?;
        let next_cursor = found.next.map(|next| next.to_string());
        Ok(Jobs { jobs: found.items.iter().map(document).collect(), next_cursor })
    }
    .boxed()
}

pub(super) fn cancel(call: Call, asked: Cancel) -> BoxFuture<'static, Result<JobDocument, Failure>> {
    async move {
        let job = match &asked {
            Cancel { job: Some(number), callback_id: None, since: None, until: None } => {
                call.scoped.stop_and_show_job(*number).await?
            }
            Cancel { job: Some(_), .. } => {
                return Err(Failure::invalid("job", "must be alone: leave out callback_id, since and until"));
            }
            Cancel { callback_id: Some(id), .. } => call.cancel_deliveries(id, &asked).await?,
            Cancel { .. } => return Err(Failure::invalid("callback_id", "is required, unless job is given")),
        };
        Ok(document(&job))
    }
    .boxed()
}

fn document(job: &BulkStatus) -> JobDocument {
    JobDocument {
        job: job.number,
        action: job.action.rsplit('.').next().unwrap_or_default().into(),
        callback_id: job.endpoint.map(|endpoint| endpoint.to_string()),
        status: job.state.as_str().into(),
        changed: job.changed,
        started_at: job.started_at.to_string(),
        finished_at: job.finished_at.map(|at| at.to_string()),
        // These are sentences of this crate. They contain no text of endpoints.
        reason: job.error.as_deref().map(String::from),
    }
}

impl Call {
    async fn job(&self, number: u64) -> Result<JobDocument, Failure> {
        let job = self.scoped.job(number).await?.ok_or_else(Failure::not_found)?;
        Ok(document(&job))
    }

    /// Starts a job that cancels deliveries to this endpoint.
    async fn cancel_deliveries(&self, callback_id: &str, asked: &Cancel) -> Result<BulkStatus, Failure> {
        let mut query = DeliveryQuery::of(Work::Sent);
        query.from = maybe("since", asked.since.as_deref())?;
        query.to = maybe("until", asked.until.as_deref())?;
        // Without this, a wrong id would start a job that finds nothing.
        let endpoint = self.scoped.endpoint(endpoint_id(callback_id)?).await?;
        query.lane = Some(endpoint.id.into());
        Ok(self.scoped.cancel_all(query).start_and_show().await?)
    }
}
