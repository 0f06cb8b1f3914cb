//! What the quickstart shows hookwire with: a receiver that misbehaves on purpose, and the counting.

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::{Router, routing::post};
use comfy_table::Table;
use hookwire::delivery::{Delivery, DeliveryState};
use hookwire::receiver::{Receiver, Source, Verified};
use hookwire::secret::Keyring;
use hookwire::sender::Sender;
use hookwire::signature::STANDARD;
use hookwire::store::{DeliveryQuery, Page, SqliteStore};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::net::TcpListener;

/// What both ends have seen.
#[derive(Clone, Default)]
pub(crate) struct Ledger(Arc<Mutex<Entries>>);

#[derive(Default)]
struct Entries {
    dispatched: HashMap<String, Instant>,
    /// Requests that arrived, by route and event.
    arrived: HashMap<(String, String), u32>,
    /// Events that a handler has finished, by route and event, with how long they took.
    handled: HashMap<(String, String), Option<Duration>>,
    handler_calls: u64,
}

impl Ledger {
    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn dispatched(&self, id: &str) {
        self.entries().dispatched.entry(id.into()).or_insert_with(now);
    }

    pub(crate) fn events_handled(&self) -> u64 {
        self.entries().handled.keys().filter(|(route, _)| route == "/all").count() as u64
    }
}

#[expect(clippy::disallowed_methods, reason = "the example measures from outside")]
fn now() -> Instant {
    Instant::now()
}

pub(crate) fn show_progress(events: usize) -> ProgressBar {
    let bar = ProgressBar::new(events as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:32} {pos}/{len} events  {msg}") {
        bar.set_style(style);
    }
    bar
}

/// Two routes, each for one endpoint's key. hookwire's layer verifies and deduplicates; around and inside it stands what
/// goes wrong in real life.
pub(crate) async fn serve(
    listener: TcpListener,
    dedup: SqliteStore,
    [all, bad]: [Keyring; 2],
    ledger: Ledger,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let receiver = Receiver::builder(dedup)
        .source(Source::new("all", &STANDARD, all))
        .source(Source::new("bad", &STANDARD, bad))
        .build()?;
    let app = Router::new()
        .route("/all", post(handle).layer(receiver.layer("all")?))
        .route("/bad", post(handle).layer(receiver.layer("bad")?))
        .layer(from_fn_with_state(ledger.clone(), answer_one_late))
        .with_state(ledger);
    Ok(axum::serve(listener, app).await?)
}

/// The application's handler. It fails the first time for every tenth event.
async fn handle(State(ledger): State<Ledger>, event: Verified) -> StatusCode {
    let mut entries = ledger.entries();
    entries.handler_calls += 1;
    let key = (format!("/{}", event.source()), event.event_id().unwrap_or_default().to_owned());
    if entries.handler_calls.is_multiple_of(10) {
        return StatusCode::INTERNAL_SERVER_ERROR;
    }
    let took = entries.dispatched.get(&key.1).map(|since| now() - *since);
    entries.handled.insert(key, took);
    StatusCode::NO_CONTENT
}

/// Counts what arrives, and answers one request so late that the sender has given up on it and tries again.
async fn answer_one_late(State(ledger): State<Ledger>, request: Request, next: Next) -> Response {
    let id = request.headers().get("webhook-id").and_then(|id| id.to_str().ok()).unwrap_or_default().to_owned();
    let first = {
        let mut entries = ledger.entries();
        *entries.arrived.entry((request.uri().path().to_owned(), id)).or_default() += 1;
        entries.arrived.len() == 1
    };
    let response = next.run(request).await;
    if first {
        tokio::time::sleep(Duration::from_millis(1_500)).await;
    }
    response
}

/// The table; an error when anything is missing.
pub(crate) async fn report(sender: &Sender, ledger: &Ledger, owed: u64) -> Result<(), Box<dyn Error>> {
    let deliveries = all_deliveries(sender).await?;
    let delivered = deliveries.iter().filter(|delivery| delivery.state == DeliveryState::Delivered).count() as u64;
    let attempts: u64 = deliveries.iter().map(|delivery| u64::from(delivery.attempts)).sum();
    let entries = ledger.entries();
    let handled = entries.handled.len() as u64;
    let suppressed = u64::from(entries.arrived.values().sum::<u32>()) - entries.handler_calls;
    let mut times: Vec<_> = entries.handled.values().flatten().collect();
    times.sort();
    let percentile = |p: usize| times.get((times.len() * p / 100).min(times.len().saturating_sub(1)));
    let millis = |p| percentile(p).map_or("-".into(), |time| format!("{:.1} ms", time.as_secs_f64() * 1e3));
    let mut table = Table::new();
    table.set_header(["", ""]);
    for (name, value) in [
        ("events dispatched", entries.dispatched.len().to_string()),
        ("deliveries owed", owed.to_string()),
        ("delivered", delivered.to_string()),
        ("attempts", attempts.to_string()),
        ("retries", (attempts - deliveries.len() as u64).to_string()),
        ("duplicates suppressed", suppressed.to_string()),
        ("dispatch to handled, p50", millis(50)),
        ("dispatch to handled, p99", millis(99)),
    ] {
        table.add_row([name.to_owned(), value]);
    }
    println!("{table}");
    if delivered == owed && handled == owed {
        println!("Every event was delivered, and handled once by each endpoint that wanted it.");
        Ok(())
    } else {
        Err(format!("{owed} owed, {delivered} delivered, {handled} handled").into())
    }
}

async fn all_deliveries(sender: &Sender) -> Result<Vec<Delivery>, Box<dyn Error>> {
    let mut all: Vec<Delivery> = Vec::new();
    loop {
        let page = Page::of(1_000).after(all.last().map(|delivery| delivery.id));
        let deliveries = sender.history().deliveries(&DeliveryQuery::default(), page).await?;
        if deliveries.is_empty() {
            return Ok(all);
        }
        all.extend(deliveries);
    }
}
