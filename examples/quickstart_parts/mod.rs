//! The receiver of the quickstart, which fails on purpose, and the counts that it reports.

use std::collections::HashMap;
use std::convert::Infallible;
use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hookwire::delivery::{Delivery, DeliveryState};
use hookwire::provider::STANDARD;
use hookwire::receiver::{Gate, Receiver, Source, Verified};
use hookwire::secret::Keyring;
use hookwire::sender::Sender;
use hookwire::store::{DeliveryQuery, MemoryDedup, Page};
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// The counts of the sender and the receiver.
#[derive(Clone, Default)]
pub(crate) struct Ledger(Arc<Mutex<Entries>>);

#[derive(Default)]
struct Entries {
    dispatched: HashMap<String, Instant>,
    /// Requests that arrived, by route and event.
    arrived: HashMap<(String, String), u32>,
    /// Events that a handler finished, by route and event, with the time since their dispatch.
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

    /// Counts a request. True for the first one.
    fn arrived<B>(&self, request: &Request<B>) -> bool {
        let id = request.headers().get("webhook-id").and_then(|id| id.to_str().ok()).unwrap_or_default();
        let mut entries = self.entries();
        *entries.arrived.entry((request.uri().path().into(), id.into())).or_default() += 1;
        entries.arrived.len() == 1
    }
}

#[expect(clippy::disallowed_methods, reason = "the example measures from outside")]
fn now() -> Instant {
    Instant::now()
}

/// Serves two routes, one for each endpoint. The receiver's gates verify and deduplicate. The gates call `handle`, and `answer` calls the
/// gates; both fail sometimes, as a real server does.
pub(crate) async fn serve(
    listener: TcpListener,
    [all, bad]: [Keyring; 2],
    ledger: Ledger,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let receiver = Receiver::builder(MemoryDedup::new())
        .source(Source::new("all", &STANDARD, all))
        .source(Source::new("bad", &STANDARD, bad))
        .build()?;
    let gates = [receiver.gate("all")?, receiver.gate("bad")?];
    loop {
        let (connection, _) = listener.accept().await?;
        let (gates, ledger) = (gates.clone(), ledger.clone());
        let service = service_fn(move |request| answer(request, gates.clone(), ledger.clone()));
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(connection), service));
    }
}

/// Answers a request. Delays the first response until the sender has timed out and retries it.
async fn answer(
    request: Request<Incoming>,
    [all, bad]: [Gate; 2],
    ledger: Ledger,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let first = ledger.arrived(&request);
    let gate = if request.uri().path() == "/all" { all } else { bad };
    let response = gate.receive(request, |event| std::future::ready(handle(&ledger, &event))).await;
    if first {
        tokio::time::sleep(Duration::from_millis(1_500)).await;
    }
    Ok(response.map(Full::new))
}

/// The application's handler. It fails the first time for every tenth event.
fn handle(ledger: &Ledger, event: &Verified) -> StatusCode {
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

/// Prints the counts. Fails if a delivery or an event is missing.
pub(crate) async fn report(sender: &Sender, ledger: &Ledger, expected: u64) -> Result<(), Box<dyn Error>> {
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
    println!();
    for (name, value) in [
        ("events dispatched", entries.dispatched.len().to_string()),
        ("deliveries expected", expected.to_string()),
        ("delivered", delivered.to_string()),
        ("attempts", attempts.to_string()),
        ("retries", (attempts - deliveries.len() as u64).to_string()),
        ("duplicates suppressed", suppressed.to_string()),
        ("dispatch to handled, p50", millis(50)),
        ("dispatch to handled, p99", millis(99)),
    ] {
        println!("{name:<26}{value:>10}");
    }
    println!();
    if delivered == expected && handled == expected {
        println!("Every event was delivered, and handled once by each endpoint that subscribes to it.");
        Ok(())
    } else {
        Err(format!("{expected} expected, {delivered} delivered, {handled} handled").into())
    }
}

async fn all_deliveries(sender: &Sender) -> Result<Vec<Delivery>, Box<dyn Error>> {
    let mut all: Vec<Delivery> = Vec::new();
    loop {
        let page = Page::of(1_000).after(all.last().map(|delivery| delivery.id));
        let deliveries = sender.history().deliveries(&DeliveryQuery::default(), page).await?.items;
        if deliveries.is_empty() {
            return Ok(all);
        }
        all.extend(deliveries);
    }
}
