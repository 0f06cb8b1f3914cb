//! One event: its payload, the endpoints that got it, and the reasons why others did not.

use std::collections::HashSet;

use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::{get, post};

use super::caller::Caller;
use super::deliveries::{Row, place};
use super::failure::{Failure, page};
use super::form::{Changed, Fields, Id, Shown};
use super::link::{encoded, see};
use super::payload::{Payload, download, payload_of, payload_path};
use super::salvage::{self, Source};
use super::state::Console;
use super::view::{Tab, View};
use super::words::When;
use crate::delivery::Delivery;
use crate::endpoint::{Endpoint, Verdict};
use crate::id::{EndpointId, EventId, Tenant, Work};
use crate::store::{DeliveryQuery, Page};

/// Maximum number of deliveries, and of endpoints without a delivery, that a page shows.
const ROWS: u32 = 100;

pub(super) fn routes() -> Router<Console> {
    Router::new()
        .route("/events/{id}", get(event))
        .route("/events/{id}/payload", get(payload))
        .route("/events/{id}/expunge", post(expunge))
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

fn tenant_of(caller: &Caller, fields: &Fields) -> Result<Tenant, Failure> {
    let tenant = caller.tenant(fields.text("tenant"))?;
    tenant.ok_or_else(|| Failure::invalid("tenant: an operator must name the tenant of the event"))
}

async fn event(Id(id): Id<EventId>, Shown(caller, fields): Shown) -> Result<Response, Failure> {
    let tenant = tenant_of(&caller, &fields)?;
    let event = caller.scoped.event(&tenant, &id).await?.ok_or_else(Failure::not_found)?;
    let view = caller.view(Tab::Events, format!("Event {}", event.event_type));
    let now = view.now;
    let mut query = DeliveryQuery::of(Work::Sent);
    (query.tenant, query.event) = (Some(tenant.clone()), Some(id));
    let (source, damage) = (Source::Sent(&caller.scoped), &caller.shared.damage);
    let found = salvage::deliveries(source, damage, &query, Page::of(ROWS)).await?;
    // With a damaged delivery, too, it is unknown which endpoints have none.
    let (is_cut, is_known) = (found.next.is_some(), found.next.is_none() && found.damaged.is_empty());
    let reached: HashSet<_> = found.items.iter().filter_map(Delivery::endpoint).collect();
    let explained = caller.scoped.explain(&tenant, &event.event_type).await?;
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
        payload: payload_of(&caller, &event, payload_path(&event)),
        rows: Row::of_page(&caller, &found, false, now).await?,
        is_cut,
        without: without.map(|(endpoint, verdict)| Without::of(endpoint, *verdict)).collect(),
        view,
    };
    page(&template)
}

async fn payload(Id(id): Id<EventId>, Shown(caller, fields): Shown) -> Result<Response, Failure> {
    let tenant = tenant_of(&caller, &fields)?;
    let event = caller.scoped.event(&tenant, &id).await?.ok_or_else(Failure::not_found)?;
    download(&caller, &event)
}

async fn expunge(Id(id): Id<EventId>, Changed(caller, fields): Changed) -> Result<Response, Failure> {
    if !fields.is_present("sure") {
        return Err(Failure::invalid("sure: check the box, because the payload cannot be restored"));
    }
    let tenant = tenant_of(&caller, &fields)?;
    match caller.scoped.expunge(&tenant, &id).await? {
        true => Ok(see(&format!("../{id}?tenant={}&done=expunged", encoded(tenant.as_str())))),
        false => Err(Failure::not_found()),
    }
}
