//! The list of events of one tenant.

use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::get;

use super::failure::{Failure, page};
use super::form::Shown;
use super::link::encoded;
use super::state::Console;
use super::turns::{Turns, turn_of};
use super::view::{Tab, View};
use super::words::When;
use super::wrong::Wrong;
use crate::clock::Timestamp;
use crate::store::{EventQuery, EventSummary};

/// The number of rows of a page.
const ROWS: u32 = 50;

/// How many endpoints are searched for the names of tenants that an operator can choose.
const LOOKED_THROUGH: u32 = 200;

pub(super) fn routes() -> Router<Console> {
    Router::new().route("/events", get(events))
}

struct EventRow {
    /// The path of its page.
    path: String,
    id: String,
    event_type: String,
    stored: When,
}

#[derive(Template)]
#[template(path = "events.html", config = "src/console/askama.toml")]
struct Events {
    view: View,
    wrong: Wrong,
    tenant: String,
    /// The tenants to choose from, if an operator has not named one.
    tenants: Vec<String>,
    from: String,
    to: String,
    rows: Vec<EventRow>,
    /// The link to a page of the list, without its cursor.
    base: String,
    turns: Turns,
    /// Whether one of the events is damaged, so that none can be listed.
    is_damaged: bool,
}

/// The path of an event's page.
pub(super) fn path_of(tenant: &str, id: &str) -> String {
    format!("events/{id}?tenant={}", encoded(tenant))
}

async fn events(Shown(caller, fields): Shown) -> Result<Response, Failure> {
    let view = caller.view(Tab::Events, "Events");
    let text = |name| fields.text(name).unwrap_or_default().to_owned();
    let mut template = Events {
        tenant: String::new(),
        tenants: Vec::new(),
        from: text("from"),
        to: text("to"),
        rows: Vec::new(),
        base: String::new(),
        turns: Turns::default(),
        is_damaged: false,
        wrong: Wrong::default(),
        view,
    };
    let wrong = &mut template.wrong;
    let named = wrong.or_note("tenant", caller.tenant(fields.text("tenant")));
    let from = wrong.or_note("from", fields.time("from")).unwrap_or(Timestamp::from_micros(i64::MIN));
    let to = wrong.or_note("to", fields.time("to")).unwrap_or(Timestamp::MAX);
    if !wrong.is_empty() {
        template.tenant = fields.text("tenant").unwrap_or_default().to_owned();
        return Wrong::page(false, &template);
    }
    let Some(tenant) = named else {
        let endpoints = caller.scoped.endpoints(None, None, LOOKED_THROUGH).await?;
        template.tenants = endpoints.iter().map(|endpoint| endpoint.tenant.to_string()).collect();
        template.tenants.sort_unstable();
        template.tenants.dedup();
        return page(&template);
    };
    template.tenant = tenant.to_string();
    let turn = turn_of(&fields)?;
    let query = EventQuery::of(tenant).between(from, to);
    let read = caller.scoped.events(&query, turn.page(ROWS, true)).await;
    let Some(found) = caller.shared.damage.readable("events of", &query.tenant, read)? else {
        template.is_damaged = true;
        return page(&template);
    };
    let (found, around) = turn.in_order(found, true, |event: &EventSummary| event.cursor);
    template.turns = Turns::of(turn, around, found.len(), ROWS);
    let kept = [("tenant", &template.tenant), ("from", &template.from), ("to", &template.to)];
    let kept: String = kept.into_iter().map(|(name, value)| format!("{name}={}&", encoded(value))).collect();
    template.base = format!("events?{kept}");
    let row = |event: &EventSummary| EventRow {
        path: path_of(&template.tenant, event.id.as_str()),
        id: event.id.to_string(),
        event_type: event.event_type.to_string(),
        stored: When::new(event.appended_at, template.view.now),
    };
    template.rows = found.iter().map(row).collect();
    page(&template)
}
