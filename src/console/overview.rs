//! The first page: what needs attention.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::Router;
use axum::extract::OriginalUri;
use axum::response::Response;
use axum::routing::get;

use super::caller::Caller;
use super::deliveries::Row;
use super::endpoints::EndpointRow;
use super::failure::{Failure, page};
use super::link::see;
use super::state::Console;
use super::view::{Tab, View};
use super::words::When;
use crate::delivery::{Delivery, DeliveryState};
use crate::endpoint::Endpoint;
use crate::id::Work;
use crate::store::{DeliveryQuery, Page};

/// A tile counts no further.
const COUNTED: u32 = 200;

/// How many endpoints are looked through for those that need attention, and how many are shown.
const LOOKED_THROUGH: u32 = 1_000;
const SHOWN: usize = 10;

const DAY: Duration = Duration::from_secs(86_400);

pub(super) fn routes() -> Router<Console> {
    Router::new().route("/", get(root)).route("/overview", get(overview))
}

/// Leads to the overview, under whatever path the host has mounted the console.
async fn root(OriginalUri(uri): OriginalUri) -> Response {
    let last = uri.path().rsplit('/').next().unwrap_or_default();
    see(&if last.is_empty() { "overview".into() } else { format!("{last}/overview") })
}

/// A number with a link to the list behind it.
struct Tile {
    text: &'static str,
    number: String,
    class: &'static str,
    query: String,
}

impl Tile {
    fn new(text: &'static str, found: &[Delivery], class: &'static str, query: String) -> Self {
        let is_more = found.len() > COUNTED as usize;
        let number = if is_more { format!("{COUNTED}+") } else { found.len().to_string() };
        Self { text, class: if found.is_empty() { "" } else { class }, number, query }
    }
}

#[derive(Template)]
#[template(path = "overview.html", config = "src/console/askama.toml")]
struct Overview {
    view: View,
    /// Nobody delivers what waits.
    is_abandoned: bool,
    workers: u32,
    oldest: Option<When>,
    tiles: Vec<Tile>,
    attention: Vec<EndpointRow>,
    failed: Vec<Row>,
    has_endpoints: bool,
}

async fn overview(caller: Caller) -> Result<Response, Failure> {
    let view = caller.view(Tab::Overview, "Overview");
    let now = view.now;
    let day_ago = now - DAY;
    let of = |state| DeliveryQuery { state: Some(state), ..DeliveryQuery::of(Work::Sent) };
    let recent = |state| DeliveryQuery { from: Some(day_ago), ..of(state) };
    let first = || Page::of(COUNTED + 1);
    let pending = caller.door.deliveries(of(DeliveryState::Pending), first()).await?;
    let held = caller.door.deliveries(of(DeliveryState::Held), first()).await?;
    let failed = caller.door.deliveries(recent(DeliveryState::Failed), first().newest_first()).await?;
    let delivered = caller.door.deliveries(recent(DeliveryState::Delivered), first().newest_first()).await?;
    let workers = caller.door.workers_alive().await?;
    let endpoints = caller.door.endpoints(None, None, LOOKED_THROUGH).await?;
    let waiting = pending.iter().find(|delivery| delivery.due <= now);
    let since = format!("&from={day_ago}");
    let shown = failed.iter().take(SHOWN).cloned().collect::<Vec<_>>();
    let template = Overview {
        is_abandoned: workers == 0 && waiting.is_some(),
        workers,
        oldest: waiting.map(|delivery| When::new(delivery.created_at, now)),
        tiles: vec![
            Tile::new("delivered in 24 h", &delivered, "good", format!("state=delivered{since}")),
            Tile::new("failed in 24 h", &failed, "bad", format!("state=failed{since}")),
            Tile::new("pending", &pending, "wait", "state=pending".into()),
            Tile::new("held", &held, "warn", "state=held".into()),
        ],
        attention: needing_attention(&endpoints).map(|endpoint| EndpointRow::of(endpoint, now)).collect(),
        failed: Row::all(&caller, &shown, now).await?,
        has_endpoints: !endpoints.is_empty(),
        view,
    };
    page(&template)
}

fn needing_attention(endpoints: &[Arc<Endpoint>]) -> impl Iterator<Item = &Endpoint> {
    let needs =
        |endpoint: &&Endpoint| !endpoint.is_enabled() || endpoint.health.failures > 0 || endpoint.flagged_at.is_some();
    endpoints.iter().map(|endpoint| &**endpoint).filter(needs).take(SHOWN)
}
