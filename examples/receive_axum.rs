//! Receives webhooks with axum: only signed requests, and each event once.
//!
//! `cargo run --example receive_axum --features axum`
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::error::Error;

use axum::body::Body;
use axum::http::{Request, StatusCode, Uri};
use axum::{Router, routing::post};
use hookwire::clock::{Clock as _, SystemClock};
use hookwire::provider::STANDARD;
use hookwire::receiver::{Receiver, Source, Webhook};
use hookwire::secret::{Key, Keyring};
use hookwire::signature::Signing;
use hookwire::store::MemoryDedup;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use tokio::net::TcpListener;

/// The provider shows the secret once; keep it with your other secrets.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

#[derive(Deserialize)]
struct Invoice {
    number: u64,
}

/// Runs for verified events only. An error would make the provider send it again.
async fn paid(event: Webhook<Invoice>) -> Result<StatusCode, StatusCode> {
    let id = event.verified().event_id().unwrap_or("without id");
    println!("handled {id}: invoice {} is paid", event.payload.number);
    Ok(StatusCode::NO_CONTENT)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // 1. The source, and the store that remembers handled events. In production: a store on disk.
    let receiver = Receiver::builder(MemoryDedup::new()).source(Source::standard(SECRET)?).build()?;

    // 2. The layer goes around the routes of that sender.
    let app = Router::new().route("/hooks/invoices", post(paid)).layer(receiver.gate("standard")?);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url: Uri = format!("http://{}/hooks/invoices", listener.local_addr()?).parse()?;
    let server = tokio::spawn(async move { axum::serve(listener, app).await });

    // 3. Requests of a provider and of an attacker.
    let signed = sign("evt_1", r#"{"number":1042}"#, &url)?;
    let tampered = signed.clone().map(|body| body.replace("1042", "9999"));
    expect(signed.clone(), StatusCode::NO_CONTENT, "a signed event").await?;
    expect(signed, StatusCode::NO_CONTENT, "the same again (acknowledged, not handled twice)").await?;
    expect(tampered, StatusCode::UNAUTHORIZED, "a tampered one").await?;
    server.abort();
    Ok(())
}

/// Signs as the provider does.
fn sign(id: &str, body: &str, url: &Uri) -> Result<Request<String>, Box<dyn Error>> {
    let mut request = Request::post(url).body(body.to_owned())?;
    let signing = Signing { id, timestamp: SystemClock.now(), body: body.as_bytes() };
    STANDARD.sign(&signing, &Keyring::new(Key::parse(SECRET)?), request.headers_mut())?;
    Ok(request)
}

async fn expect(request: Request<String>, expected: StatusCode, what: &str) -> Result<(), Box<dyn Error>> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let answer = client.request(request.map(Body::from)).await?;
    println!("{what}: {}", answer.status());
    if answer.status() == expected { Ok(()) } else { Err(format!("{what}: expected {expected}").into()) }
}
