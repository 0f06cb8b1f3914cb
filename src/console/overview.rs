//! The first page: what needs attention.

use std::time::Duration;

use askama::Template;
use axum::Router;
use axum::extract::OriginalUri;
use axum::response::Response;
use axum::routing::get;

use super::caller::Caller;
use super::deliveries::Row;
use super::endpoints::{EndpointRow, needs_attention};
use super::failure::{Failure, page};
use super::form::Shown;
use super::link::see;
use super::salvage::{self, Source};
use super::state::Console;
use super::traffic::{Span, Traffic};
use super::view::{Tab, View};
use super::words::When;
use crate::clock::Timestamp;
use crate::delivery::{Delivery, DeliveryState};
use crate::id::Work;
use crate::store::{DeliveryQuery, Page};

/// A tile counts at most this many deliveries.
const COUNTED: u32 = 200;

/// How many endpoints are searched for those that need attention, and how many are shown. The same for failed deliveries.
const LOOKED_THROUGH: u32 = 1_000;
const SHOWN: usize = 10;

/// A delivery is late once it has been due for this long.
const LATE: Duration = Duration::from_secs(10);

const DAY: Duration = Duration::from_secs(86_400);

/// The longest time that is considered from the creation of a delivery to its last attempt. It is longer than any usual retry schedule.
const LONGEST_LIFE: Duration = Duration::from_secs(30 * 86_400);

pub(super) fn routes() -> Router<Console> {
    Router::new().route("/", get(root)).route("/overview", get(overview))
}

/// Redirects to the overview, whatever path the host has mounted the console under.
async fn root(OriginalUri(uri): OriginalUri) -> Response {
    let last = uri.path().rsplit('/').next().unwrap_or_default();
    see(&if last.is_empty() { "overview".into() } else { format!("./{last}/overview") })
}

/// A number with a link to the list behind it.
struct Tile {
    text: &'static str,
    number: String,
    class: &'static str,
    query: &'static str,
}

impl Tile {
    fn new(text: &'static str, found: usize, class: &'static str, query: &'static str) -> Self {
        let number = if found > COUNTED as usize { format!("{COUNTED}+") } else { found.to_string() };
        Self { text, class: if found == 0 { "" } else { class }, number, query }
    }

    /// Says that there may be more, if not all were read.
    fn or_more(mut self, is_cut: bool) -> Self {
        if is_cut && !self.number.ends_with('+') {
            self.number.push('+');
        }
        self
    }
}

#[derive(Template)]
#[template(path = "overview.html", config = "src/console/askama.toml")]
struct Overview {
    view: View,
    /// Whether a delivery is late and no worker is alive.
    is_abandoned: bool,
    workers: u32,
    oldest: Option<When>,
    tiles: Vec<Tile>,
    traffic: Traffic,
    attention: Vec<EndpointRow>,
    failed: Vec<Row>,
    has_endpoints: bool,
    is_cut: bool,
}

async fn overview(Shown(caller, fields): Shown) -> Result<Response, Failure> {
    let view = caller.view(Tab::Overview, "Overview");
    let now = view.now;
    let day_ago = now - DAY;
    let span = Span::of(fields.text("span"));
    let rollups = caller.scoped.rollups(None, span.step(), span.from(now), now).await?;
    let (failed, is_failed_cut) = failed_since(&caller, day_ago).await?;
    let endpoints = caller.scoped.endpoints(None, None, LOOKED_THROUGH).await?;
    let of = |enabled| endpoints.iter().map(|endpoint| &**endpoint).filter(move |one| one.is_enabled() == enabled);
    let (pending, next_due) = caller.scoped.waiting(of(true), COUNTED + 1).await?;
    let (held, _) = caller.scoped.waiting(of(false), COUNTED + 1).await?;
    let workers = caller.scoped.workers_alive().await?;
    let oldest = next_due.filter(|due| *due + LATE <= now);
    let shown: Vec<_> = failed.iter().take(SHOWN).cloned().collect();
    let known = endpoints.iter().map(|endpoint| &**endpoint);
    let attention: Vec<_> = known.filter(|endpoint| needs_attention(endpoint)).take(SHOWN).collect();
    let template = Overview {
        is_abandoned: workers == 0 && oldest.is_some(),
        workers,
        oldest: oldest.map(|due| When::new(due, now)),
        tiles: vec![
            Tile::new("failed in 24 h", failed.len(), "bad", "state=failed").or_more(is_failed_cut),
            Tile::new("pending", pending as usize, "wait", "state=pending"),
            Tile::new("held", held as usize, "warn", "state=held"),
        ],
        traffic: Traffic::of(&rollups, span, now),
        attention: EndpointRow::all(&caller, &attention, now).await?,
        failed: Row::all(&caller, &shown, now).await?,
        has_endpoints: !endpoints.is_empty(),
        is_cut: endpoints.len() == LOOKED_THROUGH as usize,
        view,
    };
    page(&template)
}

/// The deliveries that have failed since this time, newest first: those among the newest [`LOOKED_THROUGH`] failed deliveries. A delivery
/// may fail days after its creation, so the search begins earlier than this time. Also returns whether some were not read.
async fn failed_since(caller: &Caller, since: Timestamp) -> Result<(Vec<Delivery>, bool), Failure> {
    let mut query = DeliveryQuery::of(Work::Sent);
    (query.state, query.from) = (Some(DeliveryState::Failed), Some(since - LONGEST_LIFE));
    let (source, newest) = (Source::Sent(&caller.scoped), Page::of(LOOKED_THROUGH).newest_first());
    // The page refreshes itself, and skipping costs many reads.
    let found = salvage::deliveries_skipping(1, (source, &caller.shared.damage), &query, newest).await?;
    let is_cut = found.next.is_some() || !found.damaged.is_empty();
    let recent = found.items.into_iter().filter(|delivery| delivery.finished_at.is_some_and(|at| at >= since));
    Ok((recent.collect(), is_cut))
}
