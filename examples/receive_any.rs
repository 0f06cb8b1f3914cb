//! One server for all providers in a configuration file: each has a route, and the server prints the events that arrive.
//!
//! `cargo run --example receive_any --features axum` sends itself a signed and a forged request for some of the routes, and ends.
//! `cargo run --example receive_any --features axum -- --serve 127.0.0.1:8080 sources.toml` runs until it is interrupted: point providers
//! at it (through a tunnel, or a proxy with TLS).
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

#[path = "receive_any_parts/mod.rs"]
mod parts;

use std::error::Error;
use std::sync::Arc;

use axum::Router;
use hookwire::clock::SystemClock;
use hookwire::receiver::{EventRouter, Receiver, SourceConfig, Webhook};
use hookwire::sender::http::{HttpClient, HttpOptions};
use hookwire::store::MemoryDedup;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::net::TcpListener;
use tower::Layer as _;

#[derive(Deserialize)]
struct Config {
    sources: Vec<SourceConfig>,
}

/// What is done with every event, whoever sent it. A handler for some types only: `.on("invoice.*", …)`.
fn print_all() -> EventRouter {
    EventRouter::new().fallback(|event: Webhook<Box<RawValue>>| async move {
        let verified = event.verified();
        let (id, kind) = (verified.event_id().unwrap_or("-"), verified.event_type().unwrap_or("-"));
        println!("{:<10} {id:<40} {kind:<24} {} bytes", verified.source(), verified.body().len());
    })
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = parts::Arguments::read()?;
    let config: Config = toml::from_str(&std::fs::read_to_string(&arguments.config)?)?;

    // 1. The sources, by name. Keys that must be fetched are fetched through the egress guard.
    let fetcher = HttpClient::new(HttpOptions::default(), Arc::new(SystemClock))?;
    let receiver = Receiver::builder(MemoryDedup::new()).fetch(fetcher).sources(config.sources)?.build()?;

    // 2. A route for each: handshakes are answered, forgeries rejected, duplicates acknowledged, events printed.
    let events = print_all();
    let mut app = Router::new();
    for name in receiver.source_names() {
        let service = receiver.gate(name)?.layer(events.clone());
        app = app.route_service(&format!("/hooks/{name}"), service);
    }

    // 3. Serve.
    let listener = TcpListener::bind(&arguments.listen).await?;
    let address = listener.local_addr()?;
    println!("http://{address}/hooks/<name>, for: {}", receiver.source_names().collect::<Vec<_>>().join(", "));
    let server = tokio::spawn(async move { axum::serve(listener, app).await });
    if arguments.serve {
        return Ok(server.await??);
    }
    parts::try_out(address).await?;
    server.abort();
    Ok(())
}
