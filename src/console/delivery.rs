//! One delivery: its attempts, why it failed, and what to do.

use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::{get, post};

use super::caller::Caller;
use super::deliveries::{Row, find_endpoint};
use super::event::{Payload, payload_of};
use super::failure::{Failure, page};
use super::form::{Changed, Id};
use super::link::see;
use super::state::Console;
use super::view::{Tab, View};
use super::words::{self, When};
use crate::clock::Timestamp;
use crate::delivery::{Attempt, DeliveryState};
use crate::endpoint::Endpoint;
use crate::event::Event;
use crate::id::DeliveryId;
use crate::outcome::Outcome;
use crate::sender::DeliveryError;

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
struct Step {
    number: u32,
    at: When,
    took: String,
    outcome: String,
    is_success: bool,
    remedy: Option<&'static str>,
    excerpt: Option<String>,
    /// The first attempt after the delivery was sent again.
    is_restart: bool,
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
        }
    }
}

#[derive(Template)]
#[template(path = "delivery.html", config = "src/console/askama.toml")]
struct DeliveryPage {
    view: View,
    row: Row,
    reason: Option<&'static str>,
    finished: Option<When>,
    steps: Vec<Step>,
    left_out: usize,
    payload: Option<Payload>,
    curl: Option<String>,
    /// Whether the endpoint may refuse the signature.
    refuses: bool,
    can_send_now: bool,
    can_resend: bool,
    can_cancel: bool,
}

async fn delivery(caller: Caller, Id(id): Id<DeliveryId>) -> Result<Response, Failure> {
    let delivery = caller.door.delivery(id).await?.ok_or_else(Failure::not_found)?;
    let attempts = caller.door.attempts(id).await?.unwrap_or_default();
    let event = caller.door.event(&delivery.tenant, &delivery.event).await?;
    let endpoint = match delivery.endpoint() {
        Some(id) => find_endpoint(&caller, id).await?,
        None => None,
    };
    let view = caller.view(Tab::Deliveries, format!("Delivery of {}", delivery.event_type));
    let now = view.now;
    let left_out = attempts.len().saturating_sub(ATTEMPTS);
    let row = Row::of(&delivery, attempts.last(), endpoint.as_deref(), now);
    let payload = event.as_ref().map(|event| payload_of(&caller, event));
    let last_status = attempts.last().and_then(|attempt| attempt.outcome.status());
    // A payload that is cut or hidden is not the payload that was sent.
    let whole = payload.as_ref().filter(|payload| payload.note.is_none());
    let is_pending = delivery.state == DeliveryState::Pending;
    let waits_for_endpoint = delivery.state == DeliveryState::Held && delivery.reason.is_none();
    let template = DeliveryPage {
        reason: words::reason(&delivery),
        finished: delivery.finished_at.map(|at| When::new(at, now)),
        steps: steps(attempts.get(left_out..).unwrap_or_default(), now),
        left_out,
        curl: event
            .as_ref()
            .zip(endpoint.as_ref())
            .zip(whole)
            .map(|((event, endpoint), payload)| curl(event, endpoint, payload)),
        refuses: last_status.is_some_and(|code| matches!(code, 400 | 401 | 403)) && endpoint.is_some(),
        payload,
        can_send_now: view.can_change && is_pending && endpoint.is_some(),
        can_resend: view.can_change && !is_pending && !waits_for_endpoint && endpoint.is_some(),
        can_cancel: view.can_change && !delivery.state.is_final(),
        row,
        view,
    };
    page(&template)
}

/// The attempts, newest first. After a resend they are counted from 1 again; after a fault on this side the next attempt has the same
/// number.
fn steps(attempts: &[Attempt], now: Timestamp) -> Vec<Step> {
    let step = |(place, attempt): (usize, &Attempt)| {
        let before = place.checked_sub(1).and_then(|place| attempts.get(place));
        Step { is_restart: before.is_some_and(|before| is_restart(before, attempt)), ..Step::of(attempt, now) }
    };
    attempts.iter().enumerate().map(step).rev().collect()
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
    caller.door.resend(id).await?;
    Ok(see(&format!("../{id}?done=resent")))
}

async fn send_now(Id(id): Id<DeliveryId>, Changed(caller, _): Changed) -> Result<Response, Failure> {
    let delivery = caller.door.delivery(id).await?.ok_or_else(Failure::not_found)?;
    match caller.door.send_now(&[delivery]).await? {
        0 => Err(DeliveryError::WrongState.into()),
        _ => Ok(see(&format!("../{id}?done=hurried"))),
    }
}

async fn cancel(Id(id): Id<DeliveryId>, Changed(caller, _): Changed) -> Result<Response, Failure> {
    caller.door.cancel(id).await?;
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
        let marked: Vec<_> = steps(&attempts, now).iter().rev().map(|step| step.is_restart).collect();
        assert_eq!(marked, [false, false, false, true, true, true, false]);
    }

    #[test]
    fn a_quote_does_not_end_a_word_of_the_shell() {
        assert_eq!(quoted("it's; rm -rf /"), r"'it'\''s; rm -rf /'");
    }
}
