//! The server that is measured. It ends with its parent process.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Bytes;
use axum::routing::{get, post};
use hookwire::receiver::inbox::{Inbox, Queue};
use hookwire::receiver::{Receiver, Source};
use hookwire::store::PostgresOptions;
use hookwire::store::{Dedup, MemoryDedup, PostgresStore, RedisDedup, SqliteStore, Store};
use hookwire::worker::CancellationToken;
use http::{HeaderMap, StatusCode};

use super::SECRET;

pub(crate) async fn serve(mode: &str, location: &str) {
    let router = match mode {
        "bare" => bare(),
        "memory" => with_dedup(MemoryDedup::new()),
        "sqlite" => with_dedup(SqliteStore::open(location).await.unwrap()),
        "postgres" => with_dedup(postgres(location).await),
        "redis" => with_dedup(redis(location).await),
        "inbox-sqlite" => with_inbox(SqliteStore::open(location).await.unwrap()),
        "inbox-postgres" => with_inbox(postgres(location).await),
        other => panic!("unknown mode: {other}"),
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    std::thread::spawn(|| {
        let _parent_ended = std::io::stdin().read_line(&mut String::new());
        std::process::exit(0);
    });
    axum::serve(listener, router).await.unwrap();
}

/// A handler written by hand, with a library for the signature only.
fn bare() -> Router {
    let webhook = Arc::new(standardwebhooks::Webhook::new(SECRET).unwrap());
    let handler = async move |headers: HeaderMap, body: Bytes| match webhook.verify(&body, &headers) {
        Ok(()) => StatusCode::OK,
        Err(_) => StatusCode::UNAUTHORIZED,
    };
    Router::new().route("/in", post(handler))
}

fn with_dedup(dedup: impl Dedup) -> Router {
    let receiver = Receiver::builder(dedup).source(Source::standard(SECRET).unwrap()).build().unwrap();
    Router::new().route("/in", post(async || StatusCode::OK).layer(receiver.gate("standard").unwrap()))
}

fn with_inbox<S: Store + Dedup + Clone + 'static>(store: S) -> Router {
    let handled = Arc::new(AtomicUsize::new(0));
    let count = handled.clone();
    let queue = Queue::new("bench", move |_| {
        let count = count.clone();
        async move {
            count.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }
    });
    let queue = queue.concurrency(256.try_into().unwrap());
    let inbox = Inbox::builder(store.clone()).queue(queue).build().unwrap();
    tokio::spawn(inbox.worker().run(CancellationToken::new()));
    let receiver = Receiver::builder(store).source(Source::standard(SECRET).unwrap()).build().unwrap();
    let counted = get(async move || handled.load(Ordering::Relaxed).to_string());
    Router::new().route_service("/in", receiver.store("standard", &inbox).unwrap()).route("/handled", counted)
}

async fn postgres(location: &str) -> PostgresStore {
    let (url, schema) = location.split_once(' ').unwrap();
    PostgresOptions::new(url).unwrap().schema(schema).unwrap().open().await.unwrap()
}

async fn redis(location: &str) -> RedisDedup {
    let (url, prefix) = location.split_once(' ').unwrap();
    RedisDedup::connect(url).await.unwrap().with_prefix(&format!("hookwire:bench:{prefix}:"))
}
