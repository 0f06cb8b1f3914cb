//! The audit log.

use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::get;

use super::failure::Failure;
use super::form::Shown;
use super::link::encoded;
use super::state::Console;
use super::turns::{Turns, turn_of};
use super::view::{Tab, View};
use super::words::{self, Badge, When};
use super::wrong::Wrong;
use crate::id::{DeliveryId, EndpointId};
use crate::store::{AuditEntry, AuditQuery, Listed};

/// The number of rows of a page.
const ROWS: u32 = 50;

pub(super) fn routes() -> Router<Console> {
    Router::new().route("/audit", get(audit))
}

struct Row {
    at: When,
    who: String,
    surface: String,
    action: String,
    detail: String,
    object: String,
    /// The page of the object.
    path: Option<String>,
    tenant: String,
    result: Badge,
}

impl Row {
    fn of(entry: &AuditEntry, view: &View) -> Self {
        let tenant = entry.tenant.as_ref().map(ToString::to_string).unwrap_or_default();
        let who = match (&*entry.actor, entry.by_operator) {
            ("", true) => "an operator".into(),
            ("", false) => "the tenant".into(),
            (name, true) if view.is_operator() => format!("{name} (operator)"),
            (name, _) => name.to_owned(),
        };
        Self {
            at: When::new(entry.at, view.now),
            who,
            surface: words::surface(&entry.surface).into(),
            action: words::action(&entry.action).into(),
            detail: entry.detail.to_string(),
            object: entry.object.to_string(),
            path: path_of(&entry.action, &entry.object, &tenant),
            tenant,
            result: words::result(entry.succeeded),
        }
    }
}

/// The path of the page of an object.
fn path_of(action: &str, object: &str, tenant: &str) -> Option<String> {
    if let Ok(id) = object.parse::<EndpointId>() {
        return (action != "endpoint.remove").then(|| format!("endpoints/{id}"));
    }
    if let Ok(id) = object.parse::<DeliveryId>() {
        let list = if action.starts_with("job.") { "inbox" } else { "deliveries" };
        return Some(format!("{list}/{id}"));
    }
    if action == "job.stop" {
        return object.parse::<u64>().ok().map(|number| format!("jobs/{number}"));
    }
    action.starts_with("event.").then(|| super::events::path_of(tenant, object))
}

#[derive(Template)]
#[template(path = "audit.html", config = "src/console/askama.toml")]
struct AuditPage {
    view: View,
    wrong: Wrong,
    tenant: String,
    object: String,
    rows: Vec<Row>,
    /// The link to a page of the list, without its cursor.
    base: String,
    turns: Turns,
}

async fn audit(Shown(caller, fields): Shown) -> Result<Response, Failure> {
    let view = caller.view(Tab::Audit, "Audit log");
    let mut wrong = Wrong::default();
    let named = wrong.or_note("tenant", caller.tenant(fields.text("tenant")));
    let query = AuditQuery::default().tenant(named).object(fields.text("object"));
    let turn = turn_of(&fields)?;
    let found = match wrong.is_empty() {
        true => caller.scoped.audit_log(query, turn.page(ROWS, true)).await?,
        false => Listed::default(),
    };
    let (found, around) = turn.in_order(found, true, |entry: &AuditEntry| entry.number);
    let text = |name| fields.text(name).unwrap_or_default().to_owned();
    let (tenant, object) = (text("tenant"), text("object"));
    let kept = format!("tenant={}&object={}", encoded(&tenant), encoded(&object));
    let template = AuditPage {
        rows: found.iter().map(|entry| Row::of(entry, &view)).collect(),
        turns: if wrong.is_empty() { Turns::of(turn, around, found.len(), ROWS) } else { Turns::default() },
        base: format!("audit?{kept}&"),
        tenant,
        object,
        wrong,
        view,
    };
    Wrong::page(template.wrong.is_empty(), &template)
}
