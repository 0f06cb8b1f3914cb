//! Sends the events of a file over HTTP to two endpoints that often fail, and receives them, in one process.
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
use hookwire::store::MemoryStore;
use quickstart_parts::{Ledger, report, serve};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/data/events.jsonl");
    let path = std::env::args().nth(1).unwrap_or_else(|| default.into());
    let events = std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;

    // 1. A store. This one forgets everything when the process ends: an application opens a `SqliteStore` or a `PostgresStore`.
    let store = MemoryStore::new();

    // 2. A sender and its worker. The "dangerous" settings are needed because the receiver below is on this machine.
    let egress = EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback();
    let http = HttpOptions::default().egress(egress).exchange_timeout(Duration::from_secs(1));
    let retry = Policy::new(Exponential::from(Duration::from_millis(100)).cap(Duration::from_secs(2)));
    let sender = Sender::builder(store).http(http).retry(retry).build()?;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let worker = tokio::spawn(sender.worker().run_until(stopped));

    // 3. A receiver on this machine, and two endpoints at it: one subscribes to everything, one to failures.
    let ledger = Ledger::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = |path: &str| Ok::<_, Box<dyn Error>>(format!("http://{}/{path}", listener.local_addr()?));
    let endpoints = sender.endpoints();
    let all = endpoints.create(NewEndpoint::at(Target::parse(&url("all")?)?)).await?;
    let bad = NewEndpoint::at(Target::parse(&url("bad")?)?).events(["monitor.*", "deployment.failed"])?;
    let bad = endpoints.create(bad).await?;
    let server = tokio::spawn(serve(listener, [all.keys, bad.keys], ledger.clone()));

    // 4. Dispatch the events. When `dispatch` returns, the event is stored and will be delivered.
    let mut expected = 0;
    for (number, line) in (1..).zip(events.lines()) {
        let line: serde_json::Value = serde_json::from_str(line).map_err(|error| format!("line {number}: {error}"))?;
        let event_type = line["type"].as_str().ok_or_else(|| format!("line {number}: no type"))?;
        let event = NewEvent::json(event_type, &line["data"]).map_err(|error| format!("line {number}: {error}"))?;
        let receipt = sender.dispatch(event).await?;
        ledger.dispatched(receipt.event.as_str());
        expected += u64::try_from(receipt.deliveries.len())?;
    }

    // 5. Wait until every delivery is delivered or failed.
    loop {
        let counts = sender.history().counts(None).await?;
        if counts.delivered + counts.failed >= expected {
            break;
        }
        println!("delivered {} of {expected}, failed {}", counts.delivered, counts.failed);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    drop(stop);
    worker.await??;
    server.abort();
    report(&sender, &ledger, expected).await
}
