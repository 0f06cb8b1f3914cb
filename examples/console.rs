//! The console of an application, for its operator and for one of its customers, with traffic to look at.
//!
//! `cargo run --example console --features console [port]` serves on 127.0.0.1:8788 until it is interrupted, and prints two addresses.
//! Three tenants have endpoints on this machine: some answer, one fails now and then, one always, and one never answers.
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
use hookwire::sender::{Scope, Sender};
use hookwire::store::SqliteStore;
use schemars::JsonSchema;
use serde::Serialize;

/// The receivers: tenant, name, and the event types that they want.
const ENDPOINTS: [(&str, &str, &str); 6] = [
    ("acme", "ok", "*"),
    ("acme", "flaky", "invoice.*"),
    ("acme", "broken", "invoice.paid"),
    ("globex", "ok", "*"),
    ("globex", "silent", "order.*"),
    ("initech", "missing", "*"),
];

#[derive(Serialize, JsonSchema)]
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

/// Makes an event for each tenant every other second.
async fn traffic(sender: Sender) -> Result<(), Box<dyn Error + Send + Sync>> {
    for number in 1042_u64.. {
        for tenant in ["acme", "globex", "initech"] {
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
    let sender = Sender::builder(store).for_development().event_types(types).build()?;
    for (tenant, name, events) in ENDPOINTS {
        let url = format!("http://127.0.0.1:{port}/hooks/{tenant}/{name}");
        sender.endpoints().create(NewEndpoint::at(url.parse()?).tenant(tenant).events([events])?).await?;
    }
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let worker = tokio::spawn(sender.worker().run_until(stopped));
    let traffic = tokio::spawn(traffic(sender.clone()));

    // Your own authentication comes here; this example gives every visitor a scope by the path.
    let console = Console::new(sender).name("Example webhooks").router();
    let app = Router::new()
        .nest_service("/operator", console.clone().layer(Extension(Scope::operator())))
        .nest_service("/customer", console.layer(Extension(Scope::tenant("acme"))))
        .route("/hooks/{tenant}/{name}", post(receive));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("the operator's console: http://127.0.0.1:{port}/operator");
    println!("the portal of the customer acme: http://127.0.0.1:{port}/customer");
    let interrupted = async { drop(tokio::signal::ctrl_c().await) };
    axum::serve(listener, app).with_graceful_shutdown(interrupted).await?;
    traffic.abort();
    drop(stop);
    worker.await??;
    Ok(())
}
