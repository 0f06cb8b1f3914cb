//! One endpoint: its health, its settings, and what can be done with it.

use std::time::Duration;

use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::{get, post};

use super::caller::Caller;
use super::deliveries::Row;
use super::endpoints::{EndpointRow, filter_of, filter_text};
use super::failure::{Failure, page};
use super::form::{Changed, Id, Shown, invalid};
use super::link::see;
use super::salvage::{self, Source};
use super::secret_page::{Repeated, show_secret, was_sent};
use super::state::Console;
use super::traffic::{Span, Traffic};
use super::view::{Tab, View};
use super::words::{self, When};
use crate::clock::Timestamp;
use crate::delivery::DeliveryState;
use crate::endpoint::{Endpoint, Target};
use crate::event::EventType;
use crate::id::{EndpointId, Work};
use crate::sender::{EndpointChange, EndpointError};
use crate::store::{DeliveryQuery, EventQuery, EventSummary, Page, StoreError};

/// The number of deliveries and events that the page shows.
const ROWS: u32 = 10;
const EVENTS: u32 = 20;

/// Maximum number of waiting deliveries that one form makes due now.
const SENT_NOW: u32 = 1_000;

/// How long a replaced key still signs: a day.
const OVERLAP: Duration = Duration::from_secs(86_400);

/// How long the page of a test event waits for the first attempt.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) fn routes() -> Router<Console> {
    Router::new()
        .route("/endpoints/{id}", get(endpoint))
        .route("/endpoints/{id}/edit", post(edit))
        .route("/endpoints/{id}/enable", post(enable))
        .route("/endpoints/{id}/disable", post(disable))
        .route("/endpoints/{id}/rotate", post(rotate))
        .route("/endpoints/{id}/test", post(test))
        .route("/endpoints/{id}/send", post(send_waiting))
        .route("/endpoints/{id}/remove", post(remove))
}

/// One of the last events, and whether the endpoint subscribes to its type.
struct Match {
    event_type: EventType,
    stored: When,
    is_wanted: bool,
}

#[derive(Template)]
#[template(path = "endpoint.html", config = "src/console/askama.toml")]
struct EndpointPage {
    view: View,
    row: EndpointRow,
    url: String,
    version: u64,
    filter: String,
    limits: String,
    schemes: String,
    retry: String,
    header_names: Vec<String>,
    labels: Vec<(String, String)>,
    is_enabled: bool,
    is_fixed: bool,
    /// The number of deliveries that wait, counted up to a bound.
    waiting: u32,
    recent: String,
    traffic: Traffic,
    rows: Vec<Row>,
    /// Whether older deliveries were not searched.
    has_older: bool,
    /// `None` if an event is damaged.
    matches: Option<Vec<Match>>,
}

async fn endpoint(Id(id): Id<EndpointId>, Shown(caller, fields): Shown) -> Result<Response, Failure> {
    let endpoint = caller.scoped.endpoint(id).await?;
    let view = caller.view(Tab::Endpoints, super::deliveries::place(&endpoint));
    let now = view.now;
    let mut query = DeliveryQuery::of(Work::Sent);
    (query.tenant, query.lane) = (Some(endpoint.tenant.clone()), Some(id.into()));
    let (source, page_of) = (Source::Sent(&caller.scoped), Page::of(ROWS).newest_first());
    let deliveries = salvage::deliveries(source, &caller.shared.damage, &query, page_of).await?;
    let texts = |text: &str, or: &str| if text.is_empty() { or.to_owned() } else { text.to_owned() };
    let template = EndpointPage {
        row: EndpointRow::of(&endpoint, now),
        url: endpoint.target.as_str().into(),
        version: endpoint.version,
        filter: filter_text(&endpoint.filter, "\n"),
        limits: limits(&endpoint),
        schemes: texts(&endpoint.schemes.join(", "), "Standard Webhooks"),
        retry: texts(endpoint.retry.as_deref().unwrap_or_default(), "default"),
        header_names: endpoint.headers.names().map(ToString::to_string).collect(),
        labels: endpoint.labels.iter().map(|(name, value)| (name.into(), value.into())).collect(),
        is_enabled: endpoint.is_enabled(),
        is_fixed: endpoint.fixed_target,
        waiting: caller.scoped.waiting(std::iter::once(&*endpoint), SENT_NOW).await?.0,
        recent: recent(&caller, &endpoint),
        traffic: traffic(&caller, &endpoint, Span::of(fields.text("span")), now).await?,
        rows: Row::of_page(&caller, &deliveries, true, now).await?,
        has_older: deliveries.next.is_some(),
        matches: matches(&caller, &endpoint, now).await?,
        view,
    };
    page(&template)
}

/// The last events of the tenant.
async fn matches(caller: &Caller, endpoint: &Endpoint, now: Timestamp) -> Result<Option<Vec<Match>>, StoreError> {
    let query = EventQuery::of(endpoint.tenant.clone());
    let read = caller.scoped.events(&query, Page::of(EVENTS).newest_first()).await;
    let events = caller.shared.damage.readable("events of", &endpoint.tenant, read)?;
    let one = |event: EventSummary| Match {
        is_wanted: endpoint.filter.matches(&event.event_type),
        event_type: event.event_type,
        stored: When::new(event.appended_at, now),
    };
    Ok(events.map(|events| events.items.into_iter().map(one).collect()))
}

/// The attempts at this endpoint over time.
async fn traffic(
    caller: &Caller,
    endpoint: &Endpoint,
    span: &'static Span,
    now: Timestamp,
) -> Result<Traffic, StoreError> {
    let found = caller.scoped.endpoint_rollups(&[endpoint], span.step(), span.from(now), now).await?;
    Ok(Traffic::of(&found.concat(), span, now))
}

fn limits(endpoint: &Endpoint) -> String {
    let limits = endpoint.limits;
    let rate = limits.rate.map(|rate| format!(", {} attempts in {}", rate.count, words::precise(rate.per)));
    format!("{} attempts at the same time{}", limits.concurrency, rate.unwrap_or_default())
}

/// The durations of the last attempts of this process.
fn recent(caller: &Caller, endpoint: &Endpoint) -> String {
    match caller.scoped.recent_durations(endpoint) {
        Some((count, median, max)) => {
            format!(
                "last {count} attempts of this process: median {}, longest {}",
                words::precise(median),
                words::precise(max)
            )
        }
        None => "no attempts by this process".into(),
    }
}

async fn edit(Id(id): Id<EndpointId>, Changed(caller, fields): Changed) -> Result<Response, Failure> {
    let mut change = EndpointChange::new();
    if fields.is_present("events") {
        change = change.filter(filter_of(fields.text("events")).map_err(Failure::invalid)?);
    }
    if let Some(version) = fields.value("version")? {
        change = change.at_version(version);
    }
    if let Some(url) = fields.text("url") {
        let target: Target = url.parse().map_err(|error| invalid("url", &error))?;
        // If the URL did not change, setting it would ask the owner of the target again.
        if caller.scoped.endpoint(id).await?.target != target {
            change = change.target(target);
        }
    }
    caller.scoped.update(id, change).await?;
    Ok(see(&format!("../{id}?done=saved")))
}

async fn enable(Id(id): Id<EndpointId>, Changed(caller, _): Changed) -> Result<Response, Failure> {
    caller.scoped.update(id, EndpointChange::new().enabled()).await?;
    Ok(see(&format!("../{id}?done=enabled")))
}

async fn disable(Id(id): Id<EndpointId>, Changed(caller, _): Changed) -> Result<Response, Failure> {
    caller.scoped.update(id, EndpointChange::new().disabled()).await?;
    Ok(see(&format!("../{id}?done=disabled")))
}

/// Makes deliveries due now that wait for their next attempt. It is used after the endpoint was repaired.
async fn send_waiting(Id(id): Id<EndpointId>, Changed(caller, _): Changed) -> Result<Response, Failure> {
    let endpoint = caller.scoped.endpoint(id).await?;
    let mut query = DeliveryQuery::of(Work::Sent);
    (query.tenant, query.lane, query.state) =
        (Some(endpoint.tenant.clone()), Some(id.into()), Some(DeliveryState::Pending));
    let waiting = caller.scoped.find_deliveries(&query, Page::of(SENT_NOW)).await?;
    caller.scoped.send_now(&waiting).await?;
    Ok(see(&format!("../../deliveries?endpoint={id}&done=hurried")))
}

/// The form carries the version of the endpoint. A reload of the page with the secret sends the same version, and makes no other secret.
async fn rotate(Id(id): Id<EndpointId>, Changed(caller, fields): Changed) -> Result<Response, Failure> {
    let version: Option<u64> = fields.value("version")?;
    let version = version.ok_or_else(|| Failure::invalid("version: is missing; reload the page of the endpoint"))?;
    let prepared = caller.scoped.prepare_key(id, OVERLAP).await?;
    let before = prepared.endpoint().clone();
    let stored = match before.version == version {
        true => caller.scoped.store_key(prepared).await,
        false => Err(EndpointError::Conflict),
    };
    match stored {
        Ok(endpoint) => show_secret(
            &caller,
            &endpoint,
            "The endpoint has a new key. For a day, requests are signed with the old key too.",
        ),
        Err(EndpointError::Conflict) => was_sent(&caller, Repeated::Rotate, Some(&before)),
        Err(error) => Err(error.into()),
    }
}

async fn test(Id(id): Id<EndpointId>, Changed(caller, _): Changed) -> Result<Response, Failure> {
    let (receipt, _) = caller.scoped.test_and_wait(id, PATIENCE).await?;
    match receipt.deliveries.first() {
        Some(delivery) => Ok(see(&format!("../../deliveries/{delivery}?done=test"))),
        None => Ok(see(&format!("../{id}"))),
    }
}

async fn remove(Id(id): Id<EndpointId>, Changed(caller, fields): Changed) -> Result<Response, Failure> {
    if !fields.is_present("sure") {
        return Err(Failure::invalid("sure: check the box, because the endpoint cannot be restored"));
    }
    caller.scoped.remove(id).await?;
    Ok(see("../../endpoints?done=removed"))
}
