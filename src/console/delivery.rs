//! One delivery: its attempts, why it failed, and what to do.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::{get, post};

use super::caller::Caller;
use super::deliveries::{Row, find_endpoint};
use super::failure::{Failure, page};
use super::form::{Changed, Id};
use super::link::see;
use super::payload::{Payload, payload_of, payload_path};
use super::salvage::{self, Unreadable};
use super::state::Console;
use super::timings::{Span, spans};
use super::view::{Tab, View};
use super::words::{self, When};
use crate::clock::Timestamp;
use crate::delivery::{Attempt, Delivery, DeliveryState};
use crate::endpoint::Endpoint;
use crate::event::Event;
use crate::id::DeliveryId;
use crate::outcome::Outcome;
use crate::sender::{AttemptDetail, DeliveryError};

/// Maximum number of attempts that a page shows. If there are more, it shows the last ones.
const ATTEMPTS: usize = 100;

pub(super) fn routes() -> Router<Console> {
    Router::new()
        .route("/deliveries/{id}", get(delivery))
        .route("/deliveries/{id}/resend", post(resend))
        .route("/deliveries/{id}/send", post(send_now))
        .route("/deliveries/{id}/cancel", post(cancel))
}

/// An attempt on the timeline.
pub(super) struct Step {
    pub(super) number: u32,
    pub(super) at: When,
    pub(super) took: String,
    pub(super) outcome: String,
    pub(super) is_success: bool,
    pub(super) remedy: Option<&'static str>,
    pub(super) excerpt: Option<String>,
    /// The first attempt after the delivery was sent again.
    pub(super) is_restart: bool,
    /// How it was sent and answered.
    pub(super) detail: Option<Detail>,
}

/// A request and its response.
pub(super) struct Detail {
    pub(super) method: String,
    pub(super) url: String,
    /// How long its steps took.
    pub(super) spans: Vec<Span>,
    /// The known facts about the connection.
    pub(super) connection: String,
    pub(super) request: String,
    /// Empty if no response was received.
    pub(super) status_line: String,
    pub(super) response: String,
    pub(super) body: String,
}

impl Detail {
    fn of(detail: &AttemptDetail, attempt: &Attempt) -> Self {
        let lines = |headers: &[(Box<str>, Box<str>)]| -> String {
            headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect()
        };
        let known = [
            detail.version.as_deref().map(String::from),
            detail.tls_version.as_deref().map(String::from),
            detail.tls_resumed.filter(|resumed| *resumed).map(|_| "session resumed".into()),
            detail.address.map(|address| format!("to {address}")),
        ];
        let status = detail.status.map(|status| format!(" {status}")).unwrap_or_default();
        let known: Vec<_> = known.into_iter().flatten().collect();
        Self {
            method: detail.method.to_string(),
            url: detail.url.to_string(),
            spans: spans(detail, attempt),
            connection: known.join(", "),
            request: lines(&detail.request_headers),
            status_line: detail.version.as_deref().map(|version| format!("{version}{status}")).unwrap_or_default(),
            response: lines(&detail.response_headers),
            body: detail.response_body.to_string(),
        }
    }
}

impl Step {
    fn of(attempt: &Attempt, now: Timestamp) -> Self {
        Self {
            number: attempt.number,
            at: When::new(attempt.at, now),
            took: words::precise(attempt.duration),
            outcome: words::outcome(attempt.outcome),
            is_success: attempt.outcome.is_success(),
            remedy: words::remedy(attempt.outcome),
            excerpt: attempt.excerpt.as_deref().map(String::from),
            is_restart: false,
            detail: None,
        }
    }
}

#[derive(Template)]
#[template(path = "delivery.html", config = "src/console/askama.toml")]
struct DeliveryPage {
    view: View,
    row: Row,
    reason: Option<&'static str>,
    /// What cannot be read.
    notes: Vec<&'static str>,
    finished: Option<When>,
    steps: Vec<Step>,
    left_out: usize,
    payload: Option<Payload>,
    curl: Option<String>,
    /// Whether the endpoint may have rejected the signature.
    is_rejected: bool,
    can_send_now: bool,
    can_resend: bool,
    can_cancel: bool,
}

/// The records that belong to a delivery. A damaged record is left out, and the page reports it.
struct Known {
    attempts: Result<Vec<Attempt>, Unreadable>,
    details: Vec<AttemptDetail>,
    event: Option<Arc<Event>>,
    is_event_damaged: bool,
    /// `Ok(None)` if the endpoint was removed.
    endpoint: Result<Option<Arc<Endpoint>>, Unreadable>,
}

impl Known {
    async fn of(caller: &Caller, delivery: &Delivery) -> Result<Self, Failure> {
        let (id, damage) = (delivery.id, &caller.shared.damage);
        let attempts = damage.readable("attempts", &id, caller.scoped.attempts(id).await)?;
        let details = damage.readable("attempt details", &id, caller.scoped.attempt_details(id).await)?;
        let event = caller.scoped.event(&delivery.tenant, &delivery.event).await;
        let event = damage.readable("event", &delivery.event, event)?;
        Ok(Self {
            attempts: attempts.map(Option::unwrap_or_default).ok_or(Unreadable),
            details: details.flatten().unwrap_or_default(),
            is_event_damaged: event.is_none(),
            event: event.flatten(),
            endpoint: match delivery.endpoint() {
                Some(id) => find_endpoint(caller, id).await?,
                None => Ok(None),
            },
        })
    }

    fn attempts(&self) -> &[Attempt] {
        self.attempts.as_deref().unwrap_or_default()
    }

    fn row(&self, delivery: &Delivery, now: Timestamp) -> Row {
        let last = self.attempts.as_ref().map(|attempts| attempts.last()).map_err(|error| *error);
        let endpoint = self.endpoint.as_ref().map(Option::as_deref).map_err(|error| *error);
        Row::of(delivery, last, endpoint, now)
    }
}

async fn delivery(caller: Caller, Id(id): Id<DeliveryId>) -> Result<Response, Failure> {
    let delivery = caller.scoped.delivery(id).await?.ok_or_else(Failure::not_found)?;
    let known = Known::of(&caller, &delivery).await?;
    let (attempts, event) = (known.attempts(), known.event.as_deref());
    let view = caller.view(Tab::Deliveries, format!("Delivery of {}", delivery.event_type));
    let now = view.now;
    let (steps, left_out) = steps(attempts, &known.details, now);
    let row = known.row(&delivery, now);
    let endpoint = known.endpoint.as_ref().ok().and_then(Option::as_deref);
    let payload = event.map(|event| payload_of(&caller, event, payload_path(event)));
    let last_status = attempts.last().and_then(|attempt| attempt.outcome.status());
    // A payload that is cut or hidden is not the payload that was sent.
    let whole = payload.as_ref().filter(|payload| payload.note.is_none());
    let is_pending = delivery.state == DeliveryState::Pending;
    let waits_for_endpoint = delivery.state == DeliveryState::Held && delivery.reason.is_none();
    let template = DeliveryPage {
        reason: words::reason(&delivery),
        notes: salvage::notes(known.attempts.is_err(), known.is_event_damaged),
        finished: delivery.finished_at.map(|at| When::new(at, now)),
        steps,
        left_out,
        curl: event.zip(endpoint).zip(whole).map(|((event, endpoint), payload)| curl(event, endpoint, payload)),
        is_rejected: last_status.is_some_and(|code| matches!(code, 400 | 401 | 403)) && endpoint.is_some(),
        payload,
        can_send_now: view.can_change && is_pending && endpoint.is_some(),
        can_resend: view.can_change && !is_pending && !waits_for_endpoint && endpoint.is_some(),
        can_cancel: view.can_change && !delivery.state.is_final(),
        row,
        view,
    };
    page(&template)
}

/// The last attempts, newest first, and the number of earlier ones. After a resend they are counted from 1 again; after a fault on this
/// side the next attempt has the same number.
pub(super) fn steps(attempts: &[Attempt], details: &[AttemptDetail], now: Timestamp) -> (Vec<Step>, usize) {
    let left_out = attempts.len().saturating_sub(ATTEMPTS);
    let attempts = attempts.get(left_out..).unwrap_or_default();
    let step = |(place, attempt): (usize, &Attempt)| {
        let before = place.checked_sub(1).and_then(|place| attempts.get(place));
        let detail = details.iter().find(|detail| detail.is_of(attempt, attempts.get(place + 1)));
        let cause = detail.and_then(|detail| detail.tls_failure.as_deref());
        let step = Step::of(attempt, now);
        Step {
            is_restart: before.is_some_and(|before| is_restart(before, attempt)),
            remedy: cause.and_then(words::tls_remedy).or(step.remedy),
            detail: detail.map(|detail| Detail::of(detail, attempt)),
            ..step
        }
    };
    (attempts.iter().enumerate().map(step).rev().collect(), left_out)
}

fn is_restart(before: &Attempt, after: &Attempt) -> bool {
    after.number < before.number || (after.number == before.number && before.outcome != Outcome::Local)
}

/// A command that sends the same request, with a placeholder where the signature was.
fn curl(event: &Event, endpoint: &Endpoint, payload: &Payload) -> String {
    let mut command = format!("curl {} \\\n", quoted(endpoint.target.as_str()));
    let headers = [
        ("content-type", &*event.content_type),
        ("webhook-id", event.id.as_str()),
        ("webhook-timestamp", "<timestamp>"),
        ("webhook-signature", "<signature>"),
    ];
    for (name, value) in headers {
        command.push_str(&format!("  -H {} \\\n", quoted(&format!("{name}: {value}"))));
    }
    command + "  --data-raw " + &quoted(&payload.raw)
}

/// One word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

async fn resend(Id(id): Id<DeliveryId>, Changed(caller, _): Changed) -> Result<Response, Failure> {
    caller.scoped.resend(id).await?;
    Ok(see(&format!("../{id}?done=resent")))
}

async fn send_now(Id(id): Id<DeliveryId>, Changed(caller, _): Changed) -> Result<Response, Failure> {
    let delivery = caller.scoped.delivery(id).await?.ok_or_else(Failure::not_found)?;
    match caller.scoped.send_now(&[delivery]).await? {
        0 => Err(DeliveryError::WrongState.into()),
        _ => Ok(see(&format!("../{id}?done=hurried"))),
    }
}

async fn cancel(Id(id): Id<DeliveryId>, Changed(caller, _): Changed) -> Result<Response, Failure> {
    caller.scoped.cancel(id).await?;
    Ok(see(&format!("../{id}?done=cancelled")))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_resend_is_marked_and_a_fault_on_this_side_is_not_taken_for_one() {
        let now = Timestamp::from_secs(1_700_000_000);
        let status = Outcome::Status(500);
        let made =
            [(1, Outcome::Local), (1, status), (2, status), (1, status), (1, status), (1, Outcome::Local), (1, status)];
        let attempts = made.map(|(number, outcome)| Attempt::new(number, now, Duration::ZERO, outcome));
        let marked: Vec<_> = steps(&attempts, &[], now).0.iter().rev().map(|step| step.is_restart).collect();
        assert_eq!(marked, [false, false, false, true, true, true, false]);
    }

    #[test]
    fn a_quote_does_not_end_a_word_of_the_shell() {
        assert_eq!(quoted("it's; rm -rf /"), r"'it'\''s; rm -rf /'");
    }
}
