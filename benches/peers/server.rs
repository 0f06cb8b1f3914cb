//! A small server around hookwire, so that it can be measured beside servers that are programs of their own: the `manage` API, a worker
//! and one SQLite file.
//!
//! It serves on `127.0.0.1` until it is interrupted. `PEERS_SERVER_PORT` (default 8787) is its port, `PEERS_TOKEN` the bearer token that its
//! callers must show, and `PEERS_SERVER_FILE` the SQLite file of its events.
#![expect(clippy::print_stdout, reason = "a program tells where it listens")]

use std::error::Error;
use std::net::Ipv4Addr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::middleware::{self, Next};
use axum::response::Response;
use hookwire::manage::Manage;
use hookwire::sender::egress::EgressPolicy;
use hookwire::sender::{Scope, Sender};
use hookwire::store::SqliteStore;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let port: u16 = match std::env::var("PEERS_SERVER_PORT") {
        Ok(text) => text.parse().map_err(|_| "PEERS_SERVER_PORT must be a port number, such as 8787")?,
        Err(_) => 8787,
    };
    let token = required("PEERS_TOKEN", "a token of your choice; give the same to `peers`")?;
    let file = required("PEERS_SERVER_FILE", "the path of a SQLite file; it is created if it does not exist")?;

    // The receiver of the benchmark runs on this machine and without TLS. Allow neither in production.
    let egress = EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback();
    let sender = Sender::builder(SqliteStore::open(&file).await?).egress(egress).build()?;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let worker = tokio::spawn(sender.worker().run_until(stopped));

    let expected: Arc<str> = format!("Bearer {token}").into();
    let api: Router = Manage::new(sender).router().layer(middleware::from_fn_with_state(expected, authenticate));
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    println!("hookwire listens on http://{}", listener.local_addr()?);
    let interrupted = async { drop(tokio::signal::ctrl_c().await) };
    axum::serve(listener, api).with_graceful_shutdown(interrupted).await?;
    drop(stop);
    worker.await??;
    Ok(())
}

fn required(name: &str, meaning: &str) -> Result<String, String> {
    std::env::var(name).map_err(|_| format!("set the environment variable {name}: {meaning}"))
}

async fn authenticate(State(expected): State<Arc<str>>, mut request: Request, next: Next) -> Response {
    let shown = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    if shown == Some(&*expected) {
        request.extensions_mut().insert(Scope::operator());
    }
    next.run(request).await
}
