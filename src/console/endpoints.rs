//! The list of endpoints, and the form for a new one.

use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::get;

use super::caller::Caller;
use super::deliveries::place;
use super::failure::{Failure, page};
use super::form::{Changed, Fields, Shown, named};
use super::new_id::id_of;
use super::secret_page::{Repeated, show_secret, was_sent};
use super::state::Console;
use super::traffic::{SPARK, Traffic};
use super::view::{Tab, View};
use super::words::{self, Badge, When};
use super::wrong::Wrong;
use crate::clock::Timestamp;
use crate::endpoint::{Endpoint, Filter, NewEndpoint};
use crate::id::EndpointId;
use crate::sender::EndpointError;
use crate::store::Rollup;

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
    pub(super) spark: Option<Traffic>,
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
            spark: None,
        }
    }

    /// The rows of these endpoints, each with its attempts of the last day.
    pub(super) async fn all(caller: &Caller, endpoints: &[&Endpoint], now: Timestamp) -> Result<Vec<Self>, Failure> {
        let (step, from) = (SPARK.step(), SPARK.from(now));
        let rollups = caller.scoped.endpoint_rollups(endpoints, step, from, now).await?;
        let row = |(endpoint, rollups): (&&Endpoint, Vec<Rollup>)| {
            let spark = Traffic::of(&rollups, &SPARK, now);
            Self { spark: Some(spark), ..Self::of(endpoint, now) }
        };
        Ok(endpoints.iter().zip(rollups).map(row).collect())
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
    Filter::new(patterns.collect::<Result<_, _>>()?).map_err(|error| named("events", &error))
}

/// Which endpoints the list shows: the word in the query, and the text of the choice.
const SHOWN: [(&str, &str); 4] =
    [("", "all"), ("attention", "need attention"), ("enabled", "enabled"), ("disabled", "disabled")];

/// How many endpoints are searched for matches. The next page continues after them.
const LOOKED_THROUGH: u32 = 1_000;

/// The filter of the list.
struct Wanted {
    shown: &'static str,
    /// A part of the URL, of a label or of a pattern.
    text: String,
}

impl Wanted {
    fn of(fields: &Fields) -> Self {
        let known = SHOWN.iter().find(|(word, _)| fields.text("show") == Some(word));
        let text = fields.text("text").unwrap_or_default().to_lowercase();
        Self { shown: known.map_or("", |(word, _)| word), text }
    }

    fn matches(&self, endpoint: &Endpoint) -> bool {
        let fits = match self.shown {
            "attention" => needs_attention(endpoint),
            "enabled" => endpoint.is_enabled(),
            "disabled" => !endpoint.is_enabled(),
            _ => true,
        };
        let has = |text: &str| text.to_lowercase().contains(&self.text);
        let labels = || endpoint.labels.iter().any(|(name, value)| has(&format!("{name}={value}")));
        // The path and the query of a URL may be a credential, and the list does not show them.
        fits && (self.text.is_empty()
            || has(&place(endpoint))
            || has(&endpoint.id.to_string())
            || has(&filter_text(&endpoint.filter, " "))
            || labels())
    }
}

/// Whether an endpoint is disabled, fails, or was refused by the guard.
pub(super) fn needs_attention(endpoint: &Endpoint) -> bool {
    !endpoint.is_enabled() || endpoint.health.failures > 0 || endpoint.flagged_at.is_some()
}

#[derive(Template)]
#[template(path = "endpoints.html", config = "src/console/askama.toml")]
struct Endpoints {
    view: View,
    wrong: Wrong,
    tenant: String,
    text: String,
    chips: Vec<(&'static str, &'static str, bool)>,
    shown: &'static str,
    rows: Vec<EndpointRow>,
    /// The last endpoint that was searched, if there may be more.
    next: Option<EndpointId>,
}

async fn endpoints(Shown(caller, fields): Shown) -> Result<Response, Failure> {
    let view = caller.view(Tab::Endpoints, "Endpoints");
    let mut wrong = Wrong::default();
    let tenant = wrong.or_note("tenant", caller.tenant(fields.text("tenant")));
    let after: Option<EndpointId> = fields.value("after")?;
    let wanted = Wanted::of(&fields);
    let found = match wrong.is_empty() {
        true => caller.scoped.endpoints(tenant.as_ref(), after, LOOKED_THROUGH).await?,
        false => Vec::new(),
    };
    let mut rows: Vec<_> = found
        .iter()
        .map(|endpoint| &**endpoint)
        .filter(|endpoint| wanted.matches(endpoint))
        .take(ROWS as usize + 1)
        .collect();
    let is_full = rows.len() > ROWS as usize;
    rows.truncate(ROWS as usize);
    // A page that is not full ends where the search has ended.
    let next = match is_full {
        true => rows.last().map(|endpoint| endpoint.id),
        false => found.last().filter(|_| found.len() == LOOKED_THROUGH as usize).map(|endpoint| endpoint.id),
    };
    let template = Endpoints {
        next,
        rows: EndpointRow::all(&caller, &rows, view.now).await?,
        tenant: fields.text("tenant").unwrap_or_default().to_owned(),
        text: fields.text("text").unwrap_or_default().to_owned(),
        chips: SHOWN.iter().map(|(word, text)| (*word, *text, *word == wanted.shown)).collect(),
        shown: wanted.shown,
        wrong,
        view,
    };
    Wrong::page(template.wrong.is_empty(), &template)
}

/// The form, with the caller's input and the errors in it.
#[derive(Template)]
#[template(path = "new_endpoint.html", config = "src/console/askama.toml")]
struct NewPage {
    view: View,
    /// Another text for each form, from which the id of the endpoint is made. So a form that is sent twice creates one endpoint.
    nonce: EndpointId,
    tenant: String,
    url: String,
    events: String,
    error: Option<String>,
}

impl NewPage {
    fn of(caller: &Caller, fields: &Fields, error: Option<String>) -> Result<Response, Failure> {
        let text = |name| fields.text(name).unwrap_or_default().to_owned();
        let view = caller.view(Tab::Endpoints, "New endpoint");
        let nonce = nonce_in(fields).unwrap_or_else(|| EndpointId::generate(view.now));
        page(&Self { view, nonce, tenant: text("tenant"), url: text("url"), events: text("events"), error })
    }
}

fn nonce_in(fields: &Fields) -> Option<EndpointId> {
    fields.text("nonce").and_then(|nonce| nonce.parse().ok())
}

async fn form(Shown(caller, mut fields): Shown) -> Result<Response, Failure> {
    // Each form creates another endpoint, also if a link leads to it.
    fields.remove("nonce");
    NewPage::of(&caller, &fields, None)
}

async fn create(Changed(caller, fields): Changed) -> Result<Response, Failure> {
    let new = match read_new(&caller, &fields) {
        Ok(new) => new,
        Err(error) => return NewPage::of(&caller, &fields, Some(error)),
    };
    let (scope, now) = (caller.scoped.scope(), caller.scoped.now());
    let nonce = nonce_in(&fields).unwrap_or_else(|| EndpointId::generate(now));
    let id = id_of(nonce, scope, scope.as_tenant().unwrap_or(&new.tenant), now);
    if let Ok(endpoint) = caller.scoped.endpoint(id).await {
        return was_sent(&caller, Repeated::Create, Some(&endpoint));
    }
    match caller.scoped.create_as(new, id).await {
        Ok(endpoint) => show_secret(&caller, &endpoint, "The endpoint was created."),
        Err(EndpointError::Conflict) => match caller.scoped.endpoint(id).await {
            // Two requests of the same form at the same time.
            Ok(endpoint) => was_sent(&caller, Repeated::Create, Some(&endpoint)),
            Err(EndpointError::NotFound) => was_sent(&caller, Repeated::Create, None),
            Err(error) => Err(error.into()),
        },
        Err(error @ (EndpointError::Store(_) | EndpointError::ReadOnly)) => Err(error.into()),
        Err(error) => NewPage::of(&caller, &fields, Some(error.to_string())),
    }
}

fn read_new(caller: &Caller, fields: &Fields) -> Result<NewEndpoint, String> {
    let owner = fields.text("tenant");
    if owner.is_none() && caller.scoped.scope().as_tenant().is_none() {
        return Err("tenant: an operator must name the tenant of the endpoint".into());
    }
    let url = fields.text("url").ok_or("url: is empty; enter the address that gets the requests")?;
    let target = url.parse().map_err(|error| named("url", &error))?;
    let mut new = NewEndpoint::at(target).tenant(owner.unwrap_or_default());
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
