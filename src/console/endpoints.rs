//! The list of endpoints, and the form for a new one.

use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::get;

use super::caller::Caller;
use super::deliveries::place;
use super::failure::{Failure, page};
use super::form::{Changed, Fields, Shown};
use super::link::encoded;
use super::secret_page::show_secret;
use super::state::Console;
use super::view::{Tab, View};
use super::words::{self, Badge, When};
use crate::clock::Timestamp;
use crate::endpoint::{Endpoint, Filter, NewEndpoint};
use crate::id::EndpointId;
use crate::sender::EndpointError;

/// The number of rows of a page.
const ROWS: u32 = 50;

pub(super) fn routes() -> Router<Console> {
    Router::new().route("/endpoints", get(endpoints)).route("/endpoints/new", get(form).post(create))
}

/// An endpoint in a list.
pub(super) struct EndpointRow {
    pub(super) id: EndpointId,
    pub(super) tenant: String,
    pub(super) target: String,
    pub(super) filter: String,
    pub(super) badge: Badge,
    pub(super) health: String,
    pub(super) created: When,
}

impl EndpointRow {
    pub(super) fn of(endpoint: &Endpoint, now: Timestamp) -> Self {
        Self {
            id: endpoint.id,
            tenant: endpoint.tenant.to_string(),
            target: place(endpoint),
            filter: filter_text(&endpoint.filter, " "),
            badge: words::health(endpoint, now),
            health: words::health_in_full(endpoint, now),
            created: When::new(endpoint.created_at, now),
        }
    }
}

/// The patterns of a filter.
pub(super) fn filter_text(filter: &Filter, between: &str) -> String {
    filter.patterns().iter().map(ToString::to_string).collect::<Vec<_>>().join(between)
}

/// Reads the patterns of a form: separated by spaces, commas or lines. No pattern means all types.
pub(super) fn filter_of(text: Option<&str>) -> Result<Filter, String> {
    let words = text.unwrap_or("*").split([',', ' ', '\n', '\r', '\t']).filter(|word| !word.is_empty());
    let patterns = words.map(|word| word.parse().map_err(|error| format!("events: `{word}`: {error}")));
    Filter::new(patterns.collect::<Result<_, _>>()?).map_err(|error| format!("events: {error}"))
}

#[derive(Template)]
#[template(path = "endpoints.html", config = "src/console/askama.toml")]
struct Endpoints {
    view: View,
    tenant: String,
    rows: Vec<EndpointRow>,
    next: Option<String>,
}

async fn endpoints(Shown(caller, fields): Shown) -> Result<Response, Failure> {
    let view = caller.view(Tab::Endpoints, "Endpoints");
    let tenant = caller.tenant(fields.text("tenant"))?;
    let after: Option<EndpointId> = fields.value("after")?;
    let mut found = caller.door.endpoints(tenant.as_ref(), after, ROWS + 1).await?;
    let has_more = found.len() > ROWS as usize;
    found.truncate(ROWS as usize);
    let tenant = fields.text("tenant").unwrap_or_default().to_owned();
    let last = found.last().filter(|_| has_more);
    let template = Endpoints {
        next: last.map(|last| format!("tenant={}&after={}", encoded(&tenant), last.id)),
        rows: found.iter().map(|endpoint| EndpointRow::of(endpoint, view.now)).collect(),
        tenant,
        view,
    };
    page(&template)
}

/// The form, with what the caller has entered and what is wrong with it.
#[derive(Template)]
#[template(path = "new_endpoint.html", config = "src/console/askama.toml")]
struct NewPage {
    view: View,
    tenant: String,
    url: String,
    events: String,
    error: Option<String>,
}

impl NewPage {
    fn of(caller: &Caller, fields: &Fields, error: Option<String>) -> Result<Response, Failure> {
        let text = |name| fields.text(name).unwrap_or_default().to_owned();
        let view = caller.view(Tab::Endpoints, "New endpoint");
        page(&Self { view, tenant: text("tenant"), url: text("url"), events: text("events"), error })
    }
}

async fn form(Shown(caller, fields): Shown) -> Result<Response, Failure> {
    NewPage::of(&caller, &fields, None)
}

async fn create(Changed(caller, fields): Changed) -> Result<Response, Failure> {
    let new = match read_new(&caller, &fields) {
        Ok(new) => new,
        Err(error) => return NewPage::of(&caller, &fields, Some(error)),
    };
    match caller.door.create(new).await {
        Ok(endpoint) => show_secret(&caller, &endpoint, "The endpoint was created."),
        Err(error @ (EndpointError::Store(_) | EndpointError::ReadOnly)) => Err(error.into()),
        Err(error) => NewPage::of(&caller, &fields, Some(error.to_string())),
    }
}

fn read_new(caller: &Caller, fields: &Fields) -> Result<NewEndpoint, String> {
    let named = fields.text("tenant");
    if named.is_none() && caller.door.scope().as_tenant().is_none() {
        return Err("tenant: an operator must name the tenant of the endpoint".into());
    }
    let url = fields.text("url").ok_or("url: is empty; enter the address that gets the requests")?;
    let target = url.parse().map_err(|error| format!("url: {error}"))?;
    let mut new = NewEndpoint::at(target).tenant(named.unwrap_or_default());
    new.filter = filter_of(fields.text("events"))?;
    Ok(new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_separated_by_spaces_commas_or_lines() {
        let filter = filter_of(Some("invoice.*,\r\n order.paid")).unwrap();
        assert_eq!(filter_text(&filter, " "), "invoice.* order.paid");
        assert_eq!(filter_text(&filter_of(None).unwrap(), " "), "*");
        assert!(filter_of(Some("invoice.*.x")).unwrap_err().starts_with("events: `invoice.*.x`: "));
    }
}
