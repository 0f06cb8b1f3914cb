//! Rotates the key of an endpoint without losing an event: both keys sign for a while, so the receiver can change in that time.
//!
//! `cargo run --example rotate_secret --features axum`
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, Method, Uri};
use axum::{Router, body::Bytes, routing::post};
use hookwire::clock::{Clock as _, SystemClock};
use hookwire::endpoint::{NewEndpoint, Target};
use hookwire::event::NewEvent;
use hookwire::provider::STANDARD;
use hookwire::secret::{Key, Keyring};
use hookwire::sender::Sender;
use hookwire::sender::egress::EgressPolicy;
use hookwire::signature::{Received, Trust};
use hookwire::store::MemoryStore;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (old, new) = (Key::generate()?, Key::generate()?);
    let (url, mut verdicts) = receiver([old.clone(), new.clone()]).await?;
    let egress = EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback();
    let sender = Sender::builder(MemoryStore::new()).egress(egress).build()?;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let worker = tokio::spawn(sender.worker().run_until(stopped));
    let endpoint = NewEndpoint::at(Target::parse(&url)?).keys(Keyring::new(old));
    let endpoint = sender.endpoints().create(endpoint).await?;

    let mut send = async |when: &str, expected: [bool; 2]| -> Result<(), Box<dyn Error>> {
        sender.dispatch(NewEvent::json("key.tested", when)?).await?;
        let verdict = verdicts.recv().await.ok_or("the receiver has stopped")?;
        println!("{when}: the old key verifies: {}, the new key verifies: {}", verdict[0], verdict[1]);
        if verdict == expected { Ok(()) } else { Err(format!("{when}: expected {expected:?}").into()) }
    };
    send("before the rotation", [true, false]).await?;
    let overlap = Duration::from_secs(2); // in production: a day
    sender.endpoints().rotate_key(endpoint.id, new, overlap).await?;
    send("during the overlap ", [true, true]).await?;
    tokio::time::sleep(overlap).await;
    send("after the overlap  ", [false, true]).await?;
    drop(stop);
    worker.await??;
    Ok(())
}

/// Starts a receiver that reports for each request which of the keys verify it.
async fn receiver(keys: [Key; 2]) -> Result<(String, mpsc::Receiver<[bool; 2]>), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/hooks", listener.local_addr()?);
    let (verdicts, received) = mpsc::channel(8);
    let rings = Arc::new(keys.map(Keyring::new));
    let hook = move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| async move {
        let now = SystemClock.now();
        let request = Received { method: &method, uri: &uri, headers: &headers, body: &body };
        let verdict = [0, 1].map(|index| STANDARD.verify(&request, &Trust::new(&rings[index], now)).is_ok());
        let _gone = verdicts.send(verdict).await;
    };
    let app = Router::new().route("/hooks", post(hook));
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok((url, received))
}
