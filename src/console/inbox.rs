//! The inbox: its queues, and the jobs that failed. For operators only.

use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::{get, post};

use super::caller::Caller;
use super::deliveries::time_of;
use super::delivery::{Step, steps};
use super::failure::{Failure, page};
use super::form::{Changed, Id, Shown};
use super::lease::running_until;
use super::link::see;
use super::payload::{Payload, download, payload_of};
use super::salvage::{self, Last, Source, Unreadable};
use super::state::Console;
use super::traffic::{Span, Traffic};
use super::turns::{Turns, turn_of};
use super::view::{Tab, View};
use super::words::{self, Badge, When};
use crate::clock::Timestamp;
use crate::delivery::{Attempt, Delivery, DeliveryState};
use crate::event::Event;
use crate::id::{DeliveryId, Work};
use crate::receiver::inbox::{Inbox, RejectedRequest};
use crate::sender::{AuditedChange, DeliveryError};
use crate::store::{DeliveryQuery, StoreError};

/// The number of rows of a page.
const ROWS: u32 = 50;

/// The waiting jobs of a queue are counted up to this number.
const COUNTED: u32 = 1_000;

pub(super) fn routes() -> Router<Console> {
    Router::new()
        .route("/inbox", get(inbox))
        .route("/inbox/again", post(handle_chosen))
        .route("/inbox/{id}", get(job))
        .route("/inbox/{id}/payload", get(payload))
        .route("/inbox/{id}/again", post(handle_again))
        .route("/inbox/{id}/cancel", post(cancel))
}

/// The inbox, if the host has set one and the caller is an operator.
fn of(caller: &Caller) -> Result<&Inbox, Failure> {
    let inbox = caller.shared.inbox.as_ref().filter(|_| caller.scoped.scope().as_tenant().is_none());
    inbox.ok_or_else(Failure::not_found)
}

/// The inbox for a change.
fn changeable(caller: &Caller) -> Result<&Inbox, Failure> {
    if caller.scoped.scope().is_read_only() { Err(DeliveryError::ReadOnly.into()) } else { of(caller) }
}

/// A queue in the list.
struct QueueRow {
    name: String,
    waiting: String,
    due: Option<When>,
}

/// A job in the list.
struct JobRow {
    id: DeliveryId,
    queue: String,
    tenant: String,
    event_type: String,
    state: Badge,
    attempts: u32,
    /// The last error of the handler.
    error: Option<String>,
    created: When,
    /// When the lease of the attempt ends that is running now.
    running: Option<When>,
    /// Whether nothing but the id can be read.
    is_damaged: bool,
}

impl JobRow {
    /// The row of a job whose record cannot be read.
    fn damaged(id: DeliveryId, now: Timestamp) -> Self {
        Self {
            id,
            queue: String::new(),
            tenant: String::new(),
            event_type: String::new(),
            state: words::UNREADABLE,
            attempts: 0,
            error: None,
            created: When::new(time_of(id), now),
            running: None,
            is_damaged: true,
        }
    }

    fn of(job: &Delivery, last: Last, now: Timestamp) -> Self {
        let running = running_until(job, last.as_ref().map(Option::as_ref).map_err(|error| *error), now);
        let error = match last {
            Ok(last) => last.filter(|attempt| !attempt.outcome.is_success()).map(error_of),
            Err(Unreadable) => Some("the record of the attempts cannot be read".into()),
        };
        Self {
            id: job.id,
            queue: job.lane.queue().map(|name| name.to_string()).unwrap_or_default(),
            tenant: job.tenant.to_string(),
            event_type: job.event_type.to_string(),
            state: words::state(job.state),
            attempts: job.attempts,
            error,
            created: When::new(job.created_at, now),
            running: running.map(|until| When::new(until, now)),
            is_damaged: false,
        }
    }
}

/// The error of a failed attempt.
fn error_of(attempt: Attempt) -> String {
    attempt.excerpt.map_or_else(|| words::outcome(attempt.outcome), String::from)
}

/// A rejected request in the list.
struct RejectedRow {
    at: When,
    source: String,
    status: u16,
    reason: String,
    headers: String,
}

impl RejectedRow {
    fn of(rejected: &RejectedRequest, now: Timestamp) -> Self {
        let header = |(name, value): &(Box<str>, Option<Box<str>>)| match value {
            Some(value) => format!("{name}: {value}\n"),
            None => format!("{name}\n"),
        };
        Self {
            at: When::new(rejected.at, now),
            source: rejected.source.to_string(),
            status: rejected.status,
            reason: rejected.reason.to_string(),
            headers: rejected.headers.iter().map(header).collect(),
        }
    }
}

#[derive(Template)]
#[template(path = "inbox.html", config = "src/console/askama.toml")]
struct InboxPage {
    view: View,
    /// Whether a job is due and no worker is alive.
    is_abandoned: bool,
    queues: Vec<QueueRow>,
    traffic: Traffic,
    chips: Vec<(&'static str, bool)>,
    state: &'static str,
    rows: Vec<JobRow>,
    /// The link to a page of the list, without its cursor.
    base: String,
    turns: Turns,
    rejected: Vec<RejectedRow>,
}

async fn inbox(Shown(caller, fields): Shown) -> Result<Response, Failure> {
    let inbox = of(&caller)?;
    let view = caller.view(Tab::Inbox, "Inbox");
    let now = view.now;
    let state = fields.state()?.unwrap_or(DeliveryState::Failed);
    let query = DeliveryQuery { state: Some(state), ..DeliveryQuery::of(Work::Received) };
    let turn = turn_of(&fields)?;
    let (source, damage) = (Source::Received(inbox), &caller.shared.damage);
    let found = salvage::deliveries(source, damage, &query, turn.page(ROWS, true)).await?;
    let attempts = salvage::last_attempts(source, damage, &found.items).await?;
    let rows = found.items.iter().zip(attempts).map(|(job, last)| JobRow::of(job, last, now)).collect();
    let queues = queues(inbox, now).await?;
    let is_due = queues.iter().any(|queue| queue.due.is_some());
    let span = Span::of(fields.text("span"));
    let rollups = inbox.rollups(span.step(), span.from(now), now).await?;
    let chosen = words::state(state).text;
    let template = InboxPage {
        is_abandoned: is_due && inbox.workers_alive(now).await? == 0,
        queues,
        traffic: Traffic::of_jobs(&rollups, span, now),
        chips: words::STATES.map(|state| words::state(state).text).map(|text| (text, text == chosen)).to_vec(),
        state: chosen,
        rows: found.in_order(rows, |id| JobRow::damaged(id, now), true),
        base: format!("inbox?state={chosen}&"),
        turns: found.turns(turn, ROWS),
        rejected: inbox.rejected(ROWS as usize).await?.iter().map(|one| RejectedRow::of(one, now)).collect(),
        view,
    };
    page(&template)
}

async fn queues(inbox: &Inbox, now: Timestamp) -> Result<Vec<QueueRow>, Failure> {
    let mut rows = Vec::new();
    for name in inbox.queues() {
        let (waiting, due) = inbox.waiting(name, COUNTED + 1).await?;
        rows.push(QueueRow {
            name: name.to_string(),
            waiting: if waiting > COUNTED { format!("{COUNTED}+") } else { waiting.to_string() },
            due: due.filter(|due| *due <= now).map(|due| When::new(due, now)),
        });
    }
    Ok(rows)
}

#[derive(Template)]
#[template(path = "job.html", config = "src/console/askama.toml")]
struct JobPage {
    view: View,
    row: JobRow,
    /// What cannot be read.
    notes: Vec<&'static str>,
    /// What the provider said about the event: a name and a value.
    origin: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    steps: Vec<Step>,
    left_out: usize,
    payload: Option<Payload>,
    can_handle_again: bool,
    can_cancel: bool,
}

async fn job(caller: Caller, Id(id): Id<DeliveryId>) -> Result<Response, Failure> {
    let inbox = of(&caller)?;
    let job = inbox.history().delivery(id).await?.ok_or_else(Failure::not_found)?;
    let damage = &caller.shared.damage;
    let attempts = damage.readable("attempts", &id, inbox.history().attempts(id).await)?.ok_or(Unreadable);
    let event = inbox.history().event(&job.tenant, &job.event).await;
    let event = damage.readable("event", &job.event, event)?;
    let notes = salvage::notes(attempts.is_err(), event.is_none());
    let event = event.flatten();
    let view = caller.view(Tab::Inbox, format!("Job for {}", job.event_type));
    let (steps, left_out) = steps(attempts.as_deref().unwrap_or_default(), &[], view.now);
    let template = JobPage {
        notes,
        row: JobRow::of(&job, attempts.map(|mut attempts| attempts.pop()), view.now),
        origin: event.as_ref().map(|event| origin(event)).unwrap_or_default(),
        headers: event.as_ref().map(|event| headers(event)).unwrap_or_default(),
        steps,
        left_out,
        payload: event.as_ref().map(|event| payload_of(&caller, event, format!("inbox/{id}/payload"))),
        can_handle_again: view.can_change && job.state.is_final(),
        can_cancel: view.can_change && !job.state.is_final(),
        view,
    };
    page(&template)
}

async fn payload(caller: Caller, Id(id): Id<DeliveryId>) -> Result<Response, Failure> {
    let history = of(&caller)?.history();
    let job = history.delivery(id).await?.ok_or_else(Failure::not_found)?;
    let event = history.event(&job.tenant, &job.event).await?.ok_or_else(Failure::not_found)?;
    download(&caller, &event)
}

fn origin(event: &Event) -> Vec<(String, String)> {
    let Some(origin) = &event.origin else { return Vec::new() };
    let said = [("Event of the provider", &origin.event_id), ("Type of the provider", &origin.event_type)];
    let said = said.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.as_deref()?.to_owned())));
    std::iter::once(("Source".to_owned(), origin.source.to_string())).chain(said).collect()
}

/// The headers that the inbox has kept.
fn headers(event: &Event) -> Vec<(String, String)> {
    let kept = event.origin.iter().flat_map(|origin| &origin.headers);
    kept.map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

async fn handle_again(Id(id): Id<DeliveryId>, Changed(caller, _): Changed) -> Result<Response, Failure> {
    change(&caller, "job.resend", id, changeable(&caller)?.resend(id)).await?;
    Ok(see(&format!("../{id}?done=handled")))
}

async fn cancel(Id(id): Id<DeliveryId>, Changed(caller, _): Changed) -> Result<Response, Failure> {
    change(&caller, "job.cancel", id, changeable(&caller)?.cancel(id)).await?;
    Ok(see(&format!("../{id}?done=cancelled")))
}

/// Makes a change to a job, and records it in the audit log.
async fn change(
    caller: &Caller,
    action: &'static str,
    id: DeliveryId,
    make: impl Future<Output = Result<bool, StoreError>> + Send,
) -> Result<(), DeliveryError> {
    let make = async { if make.await? { Ok(()) } else { Err(DeliveryError::NotFound) } };
    caller.scoped.audited(AuditedChange::new(action, None, id), make).await
}

/// Handles the chosen jobs again. A job that another process has changed meanwhile stays as it is.
async fn handle_chosen(Changed(caller, fields): Changed) -> Result<Response, Failure> {
    let inbox = changeable(&caller)?;
    for id in fields.chosen("jobs")? {
        match change(&caller, "job.resend", id, inbox.resend(id)).await {
            Ok(()) | Err(DeliveryError::NotFound) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(see("../inbox?state=pending&done=handled"))
}
