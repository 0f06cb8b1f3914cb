//! One delivery: its attempts, why it failed, and what to do.

use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::{get, post};

use super::caller::Caller;
use super::deliveries::Row;
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
use crate::sender::EndpointError;

/// The most attempts that a page shows: the last ones.
const ATTEMPTS: usize = 100;

pub(super) fn routes() -> Router<Console> {
    Router::new()
        .route("/deliveries/{id}", get(delivery))
        .route("/deliveries/{id}/resend", post(resend))
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
}

impl Step {
    fn of(attempt: Attempt, now: Timestamp) -> Self {
        Self {
            number: attempt.number,
            at: When::new(attempt.at, now),
            took: words::precise(attempt.duration),
            outcome: words::outcome(attempt.outcome),
            is_success: attempt.outcome.is_success(),
            remedy: words::remedy(attempt.outcome),
            excerpt: attempt.excerpt.map(String::from),
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
    can_resend: bool,
    can_cancel: bool,
}

async fn delivery(caller: Caller, Id(id): Id<DeliveryId>) -> Result<Response, Failure> {
    let delivery = caller.door.delivery(id).await?.ok_or_else(Failure::not_found)?;
    let mut attempts = caller.door.attempts(id).await?.unwrap_or_default();
    let event = caller.door.event(&delivery.tenant, &delivery.event).await?;
    let endpoint = match delivery.endpoint() {
        Some(id) => match caller.door.endpoint(id).await {
            Ok(endpoint) => Some(endpoint),
            Err(EndpointError::NotFound) => None,
            Err(error) => return Err(error.into()),
        },
        None => None,
    };
    let view = caller.view(Tab::Deliveries, format!("Delivery of {}", delivery.event_type));
    let now = view.now;
    let left_out = attempts.len().saturating_sub(ATTEMPTS);
    let row = Row::all(&caller, std::slice::from_ref(&delivery), now).await?.pop().ok_or_else(Failure::not_found)?;
    let payload = event.as_ref().map(|event| payload_of(&caller, event));
    let template = DeliveryPage {
        reason: words::reason(&delivery),
        finished: delivery.finished_at.map(|at| When::new(at, now)),
        steps: attempts.drain(left_out..).rev().map(|attempt| Step::of(attempt, now)).collect(),
        left_out,
        curl: event
            .as_ref()
            .zip(endpoint)
            .zip(payload.as_ref())
            .map(|((event, endpoint), payload)| curl(event, &endpoint, payload)),
        payload,
        can_resend: view.can_change && delivery.state != DeliveryState::Pending,
        can_cancel: view.can_change && !delivery.state.is_final(),
        row,
        view,
    };
    page(&template)
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

async fn cancel(Id(id): Id<DeliveryId>, Changed(caller, _): Changed) -> Result<Response, Failure> {
    caller.door.cancel(id).await?;
    Ok(see(&format!("../{id}?done=cancelled")))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_quote_does_not_end_a_word_of_the_shell() {
        assert_eq!(quoted("it's; rm -rf /"), r"'it'\''s; rm -rf /'");
    }
}
