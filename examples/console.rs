//! The console of an application, for its operator and for one of its customers, with traffic to look at.
//!
//! `cargo run --example console --features console [port]` serves on 127.0.0.1:8788 until it is interrupted, and prints two addresses.
//! Three tenants have endpoints on this machine: some succeed, one fails sometimes, one always fails, one never answers, and one has no
//! patience: its deliveries are given up after three attempts. The events of
//! a partner arrive in an inbox, whose handler rejects some of them.
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::error::Error;
use std::time::Duration;

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Extension, Router};
use hookwire::console::Console;
use hookwire::endpoint::NewEndpoint;
use hookwire::event::{EventCatalog, NewEvent};
use hookwire::provider::STANDARD;
use hookwire::receiver::inbox::{Inbox, Job, JobError, Queue};
use hookwire::receiver::{Receiver, Source};
use hookwire::retry::{Policy, Schedule};
use hookwire::sender::{Scope, Sender};
use hookwire::store::{MemoryDedup, SqliteStore};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The receivers: tenant, name, the event types that they want, and the retry policy, if it is not the usual one.
const ENDPOINTS: [(&str, &str, &str, Option<&str>); 7] = [
    ("acme", "ok", "*", None),
    ("acme", "flaky", "invoice.*", None),
    ("acme", "broken", "invoice.paid", None),
    ("acme", "broken-urgent", "order.*", Some("thrice")),
    ("globex", "ok", "*", None),
    ("globex", "silent", "order.*", None),
    ("initech", "missing", "*", Some("thrice")),
];

/// The tenant whose events come back into the inbox, like the events of a partner.
const PARTNER: &str = "partner";

#[derive(Deserialize, Serialize, JsonSchema)]
struct Invoice {
    /// The number of the invoice.
    invoice: u64,
    /// The amount in cents.
    amount: u64,
    customer: String,
}

/// The servers of the customers.
async fn receive(Path((_, name)): Path<(String, String)>, body: String) -> Response {
    match name.as_str() {
        "ok" => StatusCode::NO_CONTENT.into_response(),
        "flaky" if !body.len().is_multiple_of(3) => StatusCode::OK.into_response(),
        "silent" => {
            tokio::time::sleep(Duration::from_secs(120)).await;
            StatusCode::NO_CONTENT.into_response()
        }
        "missing" => (StatusCode::NOT_FOUND, "no such route: POST /hooks").into_response(),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "TypeError: cannot read properties of undefined (reading 'id')")
            .into_response(),
    }
}

/// An event as the partner sends it.
#[derive(Deserialize)]
struct Envelope {
    data: Invoice,
}

/// Books an order of the partner.
async fn book(job: Job) -> Result<(), JobError> {
    let Envelope { data: order } = job.json().map_err(JobError::reject)?;
    if order.invoice % 5 == 0 {
        return Err(JobError::reject(format!("{} has no account", order.customer)));
    }
    Ok(())
}

/// Makes an event for each tenant every other second.
async fn traffic(sender: Sender) -> Result<(), Box<dyn Error + Send + Sync>> {
    for number in 1042_u64.. {
        for tenant in ["acme", "globex", "initech", PARTNER] {
            let kind = ["invoice.paid", "invoice.created", "order.shipped"][usize::try_from(number % 3)?];
            let amount = number.pow(3) % 100_000;
            let data = Invoice { invoice: number, amount, customer: format!("customer-{}", number % 7) };
            sender.dispatch(NewEvent::json(kind, &data)?.tenant(tenant)).await?;
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let port: u16 = std::env::args().nth(1).map_or(Ok(8788), |text| text.parse())?;
    let folder = tempfile::tempdir()?;
    let types = EventCatalog::new()
        .event::<Invoice>("invoice.paid")?
        .event::<Invoice>("invoice.created")?
        .event::<Invoice>("order.shipped")?;
    // The customers' servers run on this machine and without TLS.
    let store = SqliteStore::open(folder.path().join("webhooks.db")).await?;
    let inbox = Inbox::builder(store.clone()).queue(Queue::new("orders", book)).build()?;
    let thrice = Policy::new([1, 2].map(Duration::from_secs).into_iter().collect::<Schedule>());
    let sender = Sender::builder(store).for_development().event_types(types).retry_named("thrice", thrice).build()?;
    for (tenant, name, events, retry) in ENDPOINTS {
        let url = format!("http://127.0.0.1:{port}/hooks/{tenant}/{name}");
        let endpoint = NewEndpoint::at(url.parse()?).tenant(tenant).events([events])?;
        sender.endpoints().create(retry.into_iter().fold(endpoint, NewEndpoint::retry)).await?;
    }
    let url = format!("http://127.0.0.1:{port}/inbox").parse()?;
    let partner = sender.endpoints().create(NewEndpoint::at(url).tenant(PARTNER)).await?;
    // Another server of the partner has a key that this application does not know. The page of the inbox shows what was rejected.
    let url = format!("http://127.0.0.1:{port}/inbox?from=old-server").parse()?;
    sender.endpoints().create(NewEndpoint::at(url).tenant(PARTNER).events(["order.shipped"])?).await?;
    let source = Source::new("partner", &STANDARD, partner.keys.clone());
    let receiver = Receiver::builder(MemoryDedup::new()).source(source).build()?;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let worker = tokio::spawn(sender.worker().run_until(stopped));
    let (stop_inbox, stopped) = tokio::sync::oneshot::channel::<()>();
    let inbox_worker = tokio::spawn(inbox.worker().run_until(stopped));
    let traffic = tokio::spawn(traffic(sender.clone()));

    // Put your own authentication here; this example gives every visitor the scope that the path names.
    let console =
        Console::new(sender).inbox(inbox.clone()).name("Example webhooks").accent([0x5b, 0x3f, 0xc8]).router();
    let app = Router::new()
        .nest_service("/operator", console.clone().layer(Extension(Scope::operator().named("ann@hookwire.example"))))
        .nest_service("/customer", console.layer(Extension(Scope::tenant("acme").named("cara@acme.example"))))
        .route_service("/inbox", receiver.store("partner", &inbox)?)
        .route("/hooks/{tenant}/{name}", post(receive));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("the operator's console: http://127.0.0.1:{port}/operator");
    println!("the portal of the customer acme: http://127.0.0.1:{port}/customer");
    let interrupted = async { drop(tokio::signal::ctrl_c().await) };
    axum::serve(listener, app).with_graceful_shutdown(interrupted).await?;
    traffic.abort();
    drop((stop, stop_inbox));
    worker.await??;
    inbox_worker.await??;
    Ok(())
}
