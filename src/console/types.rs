//! The event types of the application, and which endpoints would get one.

use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::get;

use super::deliveries::place;
use super::failure::Failure;
use super::form::Shown;
use super::json::laid_out;
use super::state::Console;
use super::view::{Tab, View};
use super::wrong::Wrong;
use crate::endpoint::{Endpoint, Verdict};
use crate::event::{EventType, EventTypeInfo, EventTypes};
use crate::id::EndpointId;

pub(super) fn routes() -> Router<Console> {
    Router::new().route("/types", get(types))
}

/// An event type.
struct Type {
    name: String,
    description: String,
    schema: String,
    sample: String,
}

impl Type {
    fn of(info: EventTypeInfo) -> Self {
        let text = |value: &serde_json::Value| laid_out(&value.to_string()).unwrap_or_default();
        Self {
            name: info.event_type.to_string(),
            schema: text(&info.schema),
            sample: text(&info.sample),
            description: info.description.unwrap_or_default(),
        }
    }
}

/// Whether an endpoint would get an event of the chosen type.
struct Answer {
    id: EndpointId,
    target: String,
    text: &'static str,
    class: &'static str,
}

impl Answer {
    fn of(endpoint: &Endpoint, verdict: Verdict) -> Self {
        let (class, text) = match verdict {
            Verdict::Receives => ("good", "gets it"),
            Verdict::Holds => ("warn", "is disabled: the delivery is held"),
            Verdict::NotSubscribed | Verdict::OtherTenant => ("off", "does not subscribe to it"),
        };
        Self { id: endpoint.id, target: place(endpoint), text, class }
    }
}

#[derive(Template)]
#[template(path = "types.html", config = "src/console/askama.toml")]
struct Types {
    view: View,
    wrong: Wrong,
    types: Vec<Type>,
    tenant: String,
    asked: String,
    answers: Option<Vec<Answer>>,
}

async fn types(Shown(caller, fields): Shown) -> Result<Response, Failure> {
    let mut wrong = Wrong::default();
    let event_type: Option<EventType> = wrong.or_note("type", fields.value("type"));
    let tenant = wrong.or_note("tenant", caller.tenant(fields.text("tenant")));
    if event_type.is_some() && tenant.is_none() && wrong.is_empty() {
        wrong.note("tenant", "tenant: an operator must name a tenant");
    }
    let answers = match (&event_type, &tenant) {
        (Some(event_type), Some(tenant)) => Some(
            caller
                .scoped
                .explain(tenant, event_type)
                .await?
                .iter()
                .map(|(endpoint, verdict)| Answer::of(endpoint, *verdict))
                .collect(),
        ),
        _ => None,
    };
    let listed = caller.scoped.event_types().map(EventTypes::list).unwrap_or_default();
    let template = Types {
        types: listed.into_iter().map(Type::of).collect(),
        tenant: fields.text("tenant").unwrap_or_default().into(),
        asked: fields.text("type").unwrap_or_default().to_owned(),
        answers,
        wrong,
        view: caller.view(Tab::Types, "Event types"),
    };
    Wrong::page(template.wrong.is_empty(), &template)
}
