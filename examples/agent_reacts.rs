//! Both ends in one process: an agent registers a callback by an MCP tool, something happens, the event is delivered, the agent's
//! inbox verifies and stores it, and its handler reacts.
//!
//! `cargo run --example agent_reacts --features mcp [tickets]`
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::post_service;
use hookwire::clock::SystemClock;
use hookwire::event::NewEvent;
use hookwire::mcp::{OneTimeLinks, WebhookTools};
use hookwire::receiver::inbox::{Inbox, Job, JobError, Queue};
use hookwire::receiver::{Receiver, Source};
use hookwire::sender::Scope;
use hookwire::sender::Sender;
use hookwire::sender::egress::EgressPolicy;
use hookwire::store::MemoryStore;
use hookwire::worker::CancellationToken;
use rmcp::ServiceExt;
use rmcp::model::CallToolRequestParams;
use serde_json::{Value, json};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// The service's side: tickets, and the tools that its agents are given.
fn service() -> Outcome<(Sender, WebhookTools, OneTimeLinks)> {
    // The agent runs on this machine and without TLS. Allow neither in production.
    let egress = EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback();
    let sender = Sender::builder(MemoryStore::new()).egress(egress).build()?;
    let links = OneTimeLinks::new("", Duration::from_secs(900), Arc::new(SystemClock));
    let tools = WebhookTools::new(sender.clone(), links.clone()).for_scope(Scope::tenant("acme"));
    Ok((sender, tools, links))
}

/// The agent's tool call: registers a callback, and returns where its secret is found.
async fn register(tools: &WebhookTools, url: &str) -> Outcome<String> {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let server = tools.server();
    let serving = tokio::spawn(async move { server.serve(theirs).await });
    let client = ().serve(ours).await?;
    let arguments = json!({ "url": url, "event_types": ["ticket.*"] });
    let arguments = arguments.as_object().cloned().unwrap_or_default();
    let result = client.call_tool(CallToolRequestParams::new("webhook_register").with_arguments(arguments)).await?;
    let result = result.structured_content.ok_or("the callback was refused")?;
    println!("registered: {}", result["callback"]);
    client.cancel().await?;
    serving.await??.cancel().await?;
    Ok(result["secret"]["place"].as_str().ok_or("no secret")?.to_owned())
}

/// The agent's handler. A real agent would think here.
async fn react(done: Arc<AtomicUsize>, job: Job) -> Result<(), JobError> {
    let event: Value = job.json()?;
    println!("the agent reacts to {}", event["data"]["subject"]);
    done.fetch_add(1, Ordering::SeqCst);
    Ok(())
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let tickets: usize = std::env::args().nth(1).map_or(Ok(3), |text| text.parse())?;
    let (sender, tools, links) = service()?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let place = register(&tools, &format!("http://{}/events", listener.local_addr()?)).await?;
    // A person, or the agent's host, opens the link. The model never sees the secret.
    let secret = links.open(&place).ok_or("the link was used before")?;

    let done = Arc::new(AtomicUsize::new(0));
    let (store, count) = (MemoryStore::new(), done.clone());
    let inbox =
        Inbox::builder(store.clone()).queue(Queue::new("tickets", move |job| react(count.clone(), job))).build()?;
    let receiver = Receiver::builder(store).source(Source::standard(&secret)?).build()?;
    let events = receiver.store("standard", &inbox)?;
    let app = Router::new().route("/events", post_service(events));
    let stop = CancellationToken::new();
    let served =
        tokio::spawn(axum::serve(listener, app).with_graceful_shutdown(stop.clone().cancelled_owned()).into_future());
    let workers = [tokio::spawn(sender.worker().run(stop.clone())), tokio::spawn(inbox.worker().run(stop.clone()))];

    for number in 0..tickets {
        let ticket = json!({ "ticket": number, "subject": format!("printer {number} is on fire") });
        sender.dispatch(NewEvent::json("ticket.opened", &ticket)?.tenant("acme")).await?;
    }
    // Wait for at most a minute.
    for _ in 0..6_000 {
        if done.load(Ordering::SeqCst) == tickets {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stop.cancel();
    for worker in workers {
        worker.await??;
    }
    drop(sender); // and its kept connections, for which the server waits
    served.await??;
    let done = done.load(Ordering::SeqCst);
    println!("{done} of {tickets} tickets were reacted to");
    if done == tickets { Ok(()) } else { Err("an event was lost".into()) }
}
