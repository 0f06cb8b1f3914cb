//! One event: its payload, the endpoints that got it, and the reasons why others did not.

use std::collections::HashSet;

use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::caller::Caller;
use super::deliveries::{Row, place};
use super::escape::is_hidden;
use super::failure::{Failure, page};
use super::form::{Changed, Id, Shown};
use super::json::laid_out;
use super::link::{encoded, see};
use super::salvage::{self, Source};
use super::state::Console;
use super::view::{Tab, View};
use super::words::When;
use crate::delivery::Delivery;
use crate::endpoint::{Endpoint, Verdict};
use crate::event::Event;
use crate::id::{EndpointId, EventId, Work};
use crate::store::{DeliveryQuery, Page};

/// Maximum number of deliveries, and of endpoints without a delivery, that a page shows.
const ROWS: u32 = 100;

/// The longest part of a payload that a page shows, in bytes.
const SHOWN_BYTES: usize = 256 * 1024;

pub(super) fn routes() -> Router<Console> {
    Router::new().route("/events/{id}", get(event)).route("/events/{id}/expunge", post(expunge))
}

/// The payload of an event, as a page shows it.
pub(super) struct Payload {
    /// The payload as it is sent, or the text that the host shows instead.
    pub(super) raw: String,
    /// The payload in a form that is easy to read.
    pub(super) text: String,
    pub(super) note: Option<&'static str>,
}

/// Reads the payload, as far as the host allows.
pub(super) fn payload_of(caller: &Caller, event: &Event) -> Payload {
    if let Some(text) = caller.shared.redact.as_ref().and_then(|redact| redact(event)) {
        return Payload { raw: text.clone(), text, note: Some("The application does not show the whole payload.") };
    }
    if event.payload.is_empty() {
        return Payload {
            raw: String::new(),
            text: String::new(),
            note: Some("The payload is empty, or was removed after its retention."),
        };
    }
    let Ok(whole) = std::str::from_utf8(&event.payload) else {
        let end = event.payload.len().min(SHOWN_BYTES);
        let text = BASE64.encode(&event.payload[..end]);
        return Payload { raw: text.clone(), text, note: Some("The payload is not text; this is base64.") };
    };
    if whole.len() > SHOWN_BYTES {
        let text = whole.char_indices().take_while(|(at, _)| *at < SHOWN_BYTES).map(|(_, c)| c).collect::<String>();
        return Payload { raw: text.clone(), text, note: Some("Only the beginning is shown.") };
    }
    let note = whole.contains(is_hidden).then_some("Characters that cannot be seen are shown by their code.");
    Payload { raw: whole.into(), text: laid_out(whole).unwrap_or_else(|| whole.into()), note }
}

/// An endpoint that has no delivery of the event.
struct Without {
    id: EndpointId,
    target: String,
    why: &'static str,
}

impl Without {
    fn of(endpoint: &Endpoint, verdict: Verdict) -> Self {
        let why = match verdict {
            Verdict::NotSubscribed => "It does not subscribe to this type.",
            Verdict::OtherTenant => "It belongs to another tenant.",
            Verdict::Receives | Verdict::Holds => {
                "It subscribes now, but did not when the event was dispatched, or the event was sent to certain endpoints only."
            }
        };
        Self { id: endpoint.id, target: place(endpoint), why }
    }
}

#[derive(Template)]
#[template(path = "event.html", config = "src/console/askama.toml")]
struct EventPage {
    view: View,
    id: String,
    tenant: String,
    event_type: String,
    occurred: When,
    expires: Option<When>,
    ordering_key: Option<String>,
    content_type: String,
    payload: Payload,
    rows: Vec<Row>,
    without: Vec<Without>,
    is_cut: bool,
}

async fn event(Id(id): Id<EventId>, Shown(caller, fields): Shown) -> Result<Response, Failure> {
    let tenant = caller.tenant(fields.text("tenant"))?;
    let tenant = tenant.ok_or_else(|| Failure::invalid("tenant: an operator must name the tenant of the event"))?;
    let event = caller.door.event(&tenant, &id).await?.ok_or_else(Failure::not_found)?;
    let view = caller.view(Tab::Events, format!("Event {}", event.event_type));
    let now = view.now;
    let mut query = DeliveryQuery::of(Work::Sent);
    (query.tenant, query.event) = (Some(tenant.clone()), Some(id));
    let (source, damage) = (Source::Sent(&caller.door), &caller.shared.damage);
    let found = salvage::deliveries(source, damage, &query, Page::of(ROWS), now).await?;
    // With a damaged delivery, too, it is unknown which endpoints have none.
    let (is_cut, is_known) = (found.next.is_some(), found.next.is_none() && found.damaged.is_empty());
    let reached: HashSet<_> = found.items.iter().filter_map(Delivery::endpoint).collect();
    let explained = caller.door.explain(&tenant, &event.event_type).await?;
    // If the list is cut, it is unknown which endpoints have no delivery.
    let explained = if is_known { explained } else { Vec::new() };
    let without = explained.iter().filter(|(endpoint, _)| !reached.contains(&endpoint.id)).take(ROWS as usize);
    let template = EventPage {
        id: event.id.to_string(),
        tenant: tenant.to_string(),
        event_type: event.event_type.to_string(),
        occurred: When::new(event.occurred_at, now),
        expires: event.expires_at.map(|at| When::new(at, now)),
        ordering_key: event.order.as_ref().map(|order| order.key().to_owned()),
        content_type: event.content_type.to_string(),
        payload: payload_of(&caller, &event),
        rows: Row::of_page(&caller, &found, false, now).await?,
        is_cut,
        without: without.map(|(endpoint, verdict)| Without::of(endpoint, *verdict)).collect(),
        view,
    };
    page(&template)
}

async fn expunge(Id(id): Id<EventId>, Changed(caller, fields): Changed) -> Result<Response, Failure> {
    if !fields.is_present("sure") {
        return Err(Failure::invalid("sure: check the box, because the payload cannot be restored"));
    }
    let tenant = caller.tenant(fields.text("tenant"))?;
    let tenant = tenant.ok_or_else(|| Failure::invalid("tenant: an operator must name the tenant of the event"))?;
    match caller.door.expunge(&tenant, &id).await? {
        true => Ok(see(&format!("../{id}?tenant={}&done=expunged", encoded(tenant.as_str())))),
        false => Err(Failure::not_found()),
    }
}
