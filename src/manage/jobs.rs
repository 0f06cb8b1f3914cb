//! `/jobs`.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::endpoint_documents::RateDocument;
use super::filter::FilterDocument;
use super::page::{Asked, Listed, Order};
use super::problem::Problem;
use super::read::{Body, Id, Query};
use super::state::Manage;
use crate::sender::{Bulk, BulkState, BulkStatus};

/// The highest limit of a job. Without a limit, a job may change more.
const MAX_LIMIT: u64 = 1_000_000_000;

pub(super) fn routes() -> OpenApiRouter<Manage> {
    OpenApiRouter::new().routes(routes!(start, list)).routes(routes!(get)).routes(routes!(stop))
}

/// What a job does to each delivery.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = JobAction)]
enum ActionDocument {
    /// Sends it again, if it is delivered, failed, cancelled, or held because a person must decide.
    ResendAll,
    /// Cancels it, if it is pending or held.
    CancelAll,
}

/// A job to start: a change to many deliveries. It leaves out deliveries that are made after its start.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewJob)]
struct NewDocument {
    action: ActionDocument,
    filter: FilterDocument,
    /// The most deliveries that are changed. Default: no limit.
    #[schema(minimum = 1, maximum = 1_000_000_000)]
    limit: Option<u64>,
    /// The highest rate of the deliveries that are sent again. Not with `cancel_all`.
    at_most: Option<RateDocument>,
    /// Whether to only count the deliveries. Default: `true`. With `false` the job is started.
    dry_run: Option<bool>,
}

/// The result of a dry run.
#[derive(Serialize, ToSchema)]
#[schema(as = JobCount)]
struct CountDocument {
    /// The number of deliveries that would be changed, at most 10,000.
    count: u64,
    /// Whether the number is exact. With `false` there may be more deliveries.
    exact: bool,
    /// Always `true`: nothing was changed.
    dry_run: bool,
}

/// The state of a job.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = JobState)]
enum State {
    /// It works, or waits for a worker.
    Running,
    /// It has handled everything.
    Done,
    /// A caller has stopped it. What it had changed before remains changed.
    Stopped,
    /// It cannot go on; see `error`.
    Failed,
}

impl From<BulkState> for State {
    fn from(state: BulkState) -> Self {
        match state {
            BulkState::Running => Self::Running,
            BulkState::Done => Self::Done,
            BulkState::Stopped => Self::Stopped,
            BulkState::Failed => Self::Failed,
        }
    }
}

/// A change to many deliveries, page by page. It goes on after a restart.
#[derive(Serialize, ToSchema)]
#[schema(as = Job)]
pub(super) struct JobDocument {
    number: u64,
    /// The tenant that owns the job. `null`: operators own it.
    tenant: Option<String>,
    /// `resend_all`, `cancel_all` or `replay`. Empty if the record of the job is unreadable.
    action: String,
    /// What it does, in words: the filter and the limits.
    text: String,
    /// The endpoint, if the job is limited to one.
    #[schema(pattern = "^ep_[0-9a-f]{32}$")]
    endpoint: Option<String>,
    state: State,
    /// The number of deliveries that were made or changed.
    changed: u64,
    /// The number of deliveries and events that were looked at.
    examined: u64,
    /// The most deliveries that it changes.
    limit: Option<u64>,
    /// The name of the caller who started it. Empty if the application has set none.
    started_by: String,
    #[schema(format = DateTime)]
    started_at: String,
    /// When its progress was last recorded.
    #[schema(format = DateTime)]
    updated_at: String,
    #[schema(format = DateTime)]
    finished_at: Option<String>,
    /// Why it failed, or why it waits.
    error: Option<String>,
}

impl JobDocument {
    fn of(job: &BulkStatus) -> Self {
        Self {
            number: job.number,
            tenant: job.tenant.as_ref().map(ToString::to_string),
            action: job.action.rsplit('.').next().unwrap_or_default().into(),
            text: job.text.to_string(),
            endpoint: job.endpoint.map(|endpoint| endpoint.to_string()),
            state: job.state.into(),
            changed: job.changed,
            examined: job.examined,
            limit: job.limit,
            started_by: job.started_by.to_string(),
            started_at: job.started_at.to_string(),
            updated_at: job.updated_at.to_string(),
            finished_at: job.finished_at.map(|at| at.to_string()),
            error: job.error.as_deref().map(String::from),
        }
    }
}

/// The response after the start of a job. `root` leads from the request to the root of the API, for the `Location`.
pub(super) fn started(job: &BulkStatus, root: &str) -> Response {
    let mut response = (StatusCode::ACCEPTED, Json(JobDocument::of(job))).into_response();
    if let Ok(location) = format!("{root}jobs/{}", job.number).parse() {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

/// Checks the limit that a client asks for.
pub(super) fn check_limit(limit: u64) -> Result<u64, Problem> {
    if (1..=MAX_LIMIT).contains(&limit) {
        return Ok(limit);
    }
    Err(Problem::invalid("limit", format!("must be 1 to {MAX_LIMIT}; leave it out for no limit")))
}

impl NewDocument {
    fn prepare(self, caller: &Caller) -> Result<Bulk<'_>, Problem> {
        let query = self.filter.query(caller).map_err(|problem| problem.within("filter"))?;
        let mut bulk = match self.action {
            ActionDocument::ResendAll => caller.scoped.resend_all(query),
            ActionDocument::CancelAll => caller.scoped.cancel_all(query),
        };
        if let Some(limit) = self.limit {
            bulk = bulk.limit(check_limit(limit)?);
        }
        if let Some(rate) = self.at_most {
            if self.action == ActionDocument::CancelAll {
                return Err(Problem::invalid("at_most", "must be absent, because a cancellation sends nothing"));
            }
            bulk = bulk.at_most(rate.rate("at_most")?);
        }
        Ok(bulk)
    }
}

/// Start a job that sends all deliveries that match a filter again, or cancels them. By default this is a dry run; `dry_run: false`
/// starts the job. A job that sends waits while too many deliveries of the tenant are pending.
#[utoipa::path(post, operation_id = "start_job", path = "/jobs", tag = "jobs", request_body = NewDocument, responses(
    (status = 200, description = "a dry run: the number of deliveries", body = CountDocument),
    (status = 202, description = "the job, which was started", body = JobDocument, headers(("Location" = String))),
))]
async fn start(caller: Caller, Body(asked): Body<NewDocument>) -> Result<Response, Problem> {
    let dry_run = asked.dry_run != Some(false);
    let bulk = asked.prepare(&caller)?;
    if dry_run {
        let (count, exact) = bulk.count().await?;
        return Ok(Json(CountDocument { count, exact, dry_run }).into_response());
    }
    Ok(started(&bulk.start_and_show().await?, ""))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct List {
    #[serde(default)]
    #[param(inline)]
    order: Order,
    /// The `next_cursor` of the previous page.
    cursor: Option<String>,
    /// The `previous_cursor` of the next page: the page that ends directly before it, in the same order.
    before: Option<String>,
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
}

/// List jobs, newest first by default. A tenant gets its own; an operator gets those of all owners. The last 100 finished jobs of each owner
/// are kept.
#[utoipa::path(get, operation_id = "list_jobs", path = "/jobs", tag = "jobs", params(List), responses(
    (status = 200, description = "a page", body = Listed<JobDocument>),
))]
async fn list(caller: Caller, Query(asked): Query<List>) -> Result<Json<Listed<JobDocument>>, Problem> {
    let page = Asked::of(asked.order, (asked.cursor.as_deref(), asked.before.as_deref()), asked.limit)?;
    let found = caller.scoped.jobs(page.page()).await?;
    Ok(Json(Listed::found(page, found, |job| job.number, JobDocument::of)))
}

/// Get a job, and how far it is.
#[utoipa::path(get, operation_id = "get_job", path = "/jobs/{number}", tag = "jobs", params(("number" = u64, Path)), responses(
    (status = 200, description = "the job", body = JobDocument),
))]
async fn get(caller: Caller, Id(number): Id<u64>) -> Result<Json<JobDocument>, Problem> {
    let job = caller.scoped.job(number).await?.ok_or_else(Problem::not_found)?;
    Ok(Json(JobDocument::of(&job)))
}

/// Stop a job. What it has changed before remains changed.
#[utoipa::path(post, operation_id = "stop_job", path = "/jobs/{number}/stop", tag = "jobs", params(("number" = u64, Path)), responses(
    (status = 200, description = "the job, which is stopped", body = JobDocument),
))]
async fn stop(caller: Caller, Id(number): Id<u64>) -> Result<Json<JobDocument>, Problem> {
    let job = caller.scoped.stop_and_show_job(number).await?;
    Ok(Json(JobDocument::of(&job)))
}
