//! Bulk jobs: the list, and a page for each of them.

use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::{get, post};

use super::caller::Caller;
use super::deliveries::{find_endpoint, place};
use super::failure::{Failure, page};
use super::form::{Changed, Id, Shown};
use super::link::{encoded, see};
use super::salvage::Unreadable;
use super::state::Console;
use super::view::{Tab, View};
use super::words::{self, Badge, When};
use crate::clock::Timestamp;
use crate::id::EndpointId;
use crate::sender::{BulkState, BulkStatus};
use crate::store::{DeliveryQuery, Page};

/// The number of rows of a page.
const ROWS: u32 = 50;

pub(super) fn routes() -> Router<Console> {
    Router::new().route("/jobs", get(jobs)).route("/jobs/{number}", get(job)).route("/jobs/{number}/stop", post(stop))
}

/// What is shown of a job.
struct Row {
    number: u64,
    action: String,
    /// The filter and the limits.
    text: String,
    /// The tenant that owns it, or the operators.
    owner: String,
    who: String,
    state: Badge,
    changed: String,
    examined: String,
    limit: Option<String>,
    /// `None` if its record cannot be read.
    started: Option<When>,
    error: Option<String>,
}

impl Row {
    fn of(job: &BulkStatus, now: Timestamp) -> Self {
        let is_unreadable = job.action.is_empty();
        let who = match (&*job.started_by, &job.tenant) {
            _ if is_unreadable => "unknown",
            ("", Some(_)) => "the tenant",
            ("", None) => "an operator",
            (name, _) => name,
        };
        Self {
            number: job.number,
            action: if is_unreadable { "Unreadable job".into() } else { words::action(&job.action).into() },
            text: job.text.to_string(),
            owner: job.tenant.as_ref().map_or_else(|| "operators".into(), ToString::to_string),
            who: who.into(),
            state: words::bulk_state(job.state),
            changed: words::grouped(job.changed),
            examined: words::grouped(job.examined),
            limit: job.limit.map(words::grouped),
            started: (!is_unreadable).then(|| When::new(job.started_at, now)),
            error: job.error.as_ref().map(ToString::to_string),
        }
    }
}

#[derive(Template)]
#[template(path = "bulk_jobs.html", config = "src/console/askama.toml")]
struct Jobs {
    view: View,
    rows: Vec<Row>,
    /// The number of the last job of the page, if there are more.
    next: Option<u64>,
}

async fn jobs(Shown(caller, fields): Shown) -> Result<Response, Failure> {
    let view = caller.view(Tab::Jobs, "Bulk jobs");
    let after: Option<u64> = fields.value("after")?;
    let found = caller.scoped.jobs(Page::of(ROWS).after(after).newest_first()).await?;
    let rows = found.items.iter().map(|job| Row::of(job, view.now)).collect();
    page(&Jobs { rows, next: found.next, view })
}

#[derive(Template)]
#[template(path = "bulk_job.html", config = "src/console/askama.toml")]
struct JobPage {
    view: View,
    row: Row,
    /// What it has done.
    done: String,
    is_running: bool,
    /// Whether it runs and no worker is alive.
    is_abandoned: bool,
    /// While it runs: the number of changes, and the most that it makes.
    bar: Option<(u64, u64)>,
    updated: Option<When>,
    finished: Option<When>,
    /// Its endpoint: the id, unless the endpoint was removed, and a text.
    endpoint: Option<(Option<EndpointId>, String)>,
    /// The path of the list of the deliveries that it concerns.
    deliveries: String,
}

async fn job(Id(number): Id<u64>, Shown(caller, _): Shown) -> Result<Response, Failure> {
    let job = caller.scoped.job(number).await?.ok_or_else(Failure::not_found)?;
    let view = caller.view(Tab::Jobs, format!("Bulk job {number}"));
    let (row, is_running) = (Row::of(&job, view.now), job.state == BulkState::Running);
    let when = |at| When::new(at, view.now);
    let template = JobPage {
        done: done(&job),
        is_running,
        is_abandoned: is_running && caller.scoped.workers_alive().await? == 0,
        bar: job.limit.filter(|_| is_running).map(|limit| (job.changed.min(limit), limit)),
        updated: row.started.map(|_| when(job.updated_at)),
        finished: job.finished_at.map(when),
        endpoint: match job.endpoint {
            Some(id) => Some(endpoint(&caller, id).await?),
            None => None,
        },
        deliveries: deliveries(&job),
        row,
        view,
    };
    page(&template)
}

/// The id of an endpoint, unless it was removed, and its place.
async fn endpoint(caller: &Caller, id: EndpointId) -> Result<(Option<EndpointId>, String), Failure> {
    Ok(match find_endpoint(caller, id).await? {
        Ok(Some(endpoint)) => (Some(id), place(&endpoint)),
        Ok(None) => (None, format!("removed endpoint {id}")),
        Err(Unreadable) => (None, format!("endpoint {id}, whose record cannot be read")),
    })
}

/// What a job has done, in words.
fn done(job: &BulkStatus) -> String {
    let verb = match &*job.action {
        "delivery.resend_all" => "sent again",
        "delivery.cancel_all" => "cancelled",
        _ => "made",
    };
    let noun = if job.changed == 1 { "delivery" } else { "deliveries" };
    format!("{} {noun} {verb}, {} looked at", words::grouped(job.changed), words::grouped(job.examined))
}

/// The path of the list of the deliveries that a job concerns.
fn deliveries(job: &BulkStatus) -> String {
    let DeliveryQuery { tenant, event, event_type, from, to, .. } = job.query.clone();
    let text = |value: Option<&dyn ToString>| value.map(ToString::to_string);
    let mut fields = vec![("endpoint", text(job.endpoint.as_ref().map(|id| id as _)))];
    match &*job.action {
        // The times of a replay are those of the events, and not of the deliveries.
        "endpoint.replay" => {}
        action => fields.extend([
            ("state", (action == "delivery.cancel_all").then(|| "cancelled".to_owned())),
            ("tenant", text(tenant.as_ref().map(|one| one as _))),
            ("event", text(event.as_ref().map(|one| one as _))),
            ("type", text(event_type.as_ref().map(|one| one as _))),
            ("from", text(from.as_ref().map(|one| one as _))),
            ("to", text(to.as_ref().map(|one| one as _))),
        ]),
    }
    let set = fields.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", encoded(&value?))));
    format!("deliveries?{}", set.collect::<Vec<_>>().join("&"))
}

async fn stop(Id(number): Id<u64>, Changed(caller, _): Changed) -> Result<Response, Failure> {
    caller.scoped.stop_job(number).await?;
    Ok(see(&format!("../{number}?done=stopped")))
}
