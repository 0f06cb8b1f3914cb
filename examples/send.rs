//! Sends a webhook with a store, a sender, a worker and an endpoint, and prints its attempts.
//!
//! `cargo run --example send --features sqlite`
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::error::Error;
use std::time::Duration;

use axum::{Router, http::HeaderMap, routing::post};
use hookwire::endpoint::{NewEndpoint, Target};
use hookwire::event::NewEvent;
use hookwire::id::EventId;
use hookwire::sender::Sender;
use hookwire::sender::egress::EgressPolicy;
use hookwire::store::SqliteStore;
use serde_json::json;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let url = customer().await?;

    // The sender. In production keep the default egress policy: only https, and no private addresses.
    let store = SqliteStore::open(directory.path().join("webhooks.db")).await?;
    let egress = EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback();
    let sender = Sender::builder(store).egress(egress).build()?;

    // The worker runs in the task that the application spawns, and stops when `stop` is dropped.
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let worker = tokio::spawn(sender.worker().run_until(stopped));

    // The endpoint of a customer, who needs its secret to verify the requests.
    let new = NewEndpoint::at(Target::parse(&url)?).tenant("acme").events(["invoice.*"])?;
    let endpoint = sender.endpoints().create(new).await?;
    println!("created {}", endpoint.id);

    // The event is durable when `dispatch` returns. A second dispatch of the same id changes nothing.
    let id = EventId::new("invoice-1042-paid")?;
    let event = || Ok::<_, Box<dyn Error>>(NewEvent::json("invoice.paid", &json!({ "invoice": 1042 }))?.tenant("acme"));
    let receipt = sender.dispatch(event()?.id(id.clone())).await?;
    let again = sender.dispatch(event()?.id(id)).await?;
    println!("dispatched {}; again: duplicate = {}", receipt.event, again.duplicate);

    for delivery in receipt.deliveries {
        while !sender.history().delivery(delivery).await?.is_some_and(|delivery| delivery.state.is_final()) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        for attempt in sender.history().attempts(delivery).await? {
            println!("attempt {}: {} after {:?}", attempt.number, attempt.outcome, attempt.duration);
        }
    }
    drop(stop);
    worker.await??;
    Ok(())
}

/// Starts the customer's server and returns its URL.
async fn customer() -> Result<String, Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/hooks", listener.local_addr()?);
    let hook = |headers: HeaderMap, body: String| async move {
        println!("the customer received {:?}: {body}", headers.get("webhook-id"));
    };
    let app = Router::new().route("/hooks", post(hook));
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(url)
}
