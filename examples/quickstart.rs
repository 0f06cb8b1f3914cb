//! The main job, both ends in one process: events from a file, over real HTTP, to two endpoints that misbehave.
//!
//! `cargo run --example quickstart [events.jsonl]`: each line is `{"type": "invoice.paid", "data": …}`.
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

mod quickstart_parts;

use std::error::Error;
use std::time::Duration;

use hookwire::endpoint::{NewEndpoint, Target};
use hookwire::event::NewEvent;
use hookwire::retry::{Exponential, Policy};
use hookwire::sender::Sender;
use hookwire::sender::egress::EgressPolicy;
use hookwire::sender::http::HttpOptions;
use hookwire::store::SqliteStore;
use hookwire::worker::CancellationToken;
use quickstart_parts::{Ledger, report, serve, show_progress};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/events.jsonl");
    let path = std::env::args().nth(1).unwrap_or_else(|| default.into());
    let events = std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;

    // 1. A store: one file, which outlives the process.
    let directory = tempfile::tempdir()?;
    let store = SqliteStore::open(directory.path().join("webhooks.db")).await?;

    // 2. A sender. Everything "dangerous" is here because the receiver below lives on this machine.
    let egress = EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback();
    let http = HttpOptions::default().egress(egress).exchange_timeout(Duration::from_secs(1));
    let retry = Policy::new(Exponential::from(Duration::from_millis(100)).cap(Duration::from_secs(2)));
    let sender = Sender::builder(store.clone()).http(http).retry(retry).build()?;
    let stop = CancellationToken::new();
    let worker = tokio::spawn(sender.worker().run(stop.clone()));

    // 3. A receiver on loopback, and two endpoints that lead to it: one wants everything, one only bad news.
    let ledger = Ledger::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = |path: &str| Ok::<_, Box<dyn Error>>(format!("http://{}/{path}", listener.local_addr()?));
    let endpoints = sender.endpoints();
    let all = endpoints.create(NewEndpoint::at(Target::parse(&url("all")?)?)).await?;
    let bad = NewEndpoint::at(Target::parse(&url("bad")?)?).events(["monitor.*", "deployment.failed"])?;
    let bad = endpoints.create(bad).await?;
    let server = tokio::spawn(serve(listener, store, [all.keys, bad.keys], ledger.clone()));

    // 4. Dispatch. When it returns, the event is on the disk and will be delivered.
    let progress = show_progress(events.lines().count());
    let mut owed = 0;
    for (number, line) in (1..).zip(events.lines()) {
        let line: serde_json::Value = serde_json::from_str(line).map_err(|error| format!("line {number}: {error}"))?;
        let event_type = line["type"].as_str().ok_or_else(|| format!("line {number}: no type"))?;
        let event = NewEvent::json(event_type, &line["data"]).map_err(|error| format!("line {number}: {error}"))?;
        let receipt = sender.dispatch(event).await?;
        ledger.dispatched(receipt.event.as_str());
        owed += u64::try_from(receipt.deliveries.len())?;
    }

    // 5. Wait until nothing is owed any more.
    loop {
        let counts = sender.history().counts(None).await?;
        progress.set_message(format!("delivered {} of {owed}, failed {}", counts.delivered, counts.failed));
        progress.set_position(ledger.events_handled());
        if counts.delivered + counts.failed >= owed {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    progress.finish();
    stop.cancel();
    worker.await??;
    server.abort();
    report(&sender, &ledger, owed).await
}
