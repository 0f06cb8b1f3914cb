//! The server that is measured. It ends when its parent does.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Bytes;
use axum::routing::{get, post};
use hookwire::receiver::inbox::{Inbox, Queue};
use hookwire::receiver::{Receiver, Source};
use hookwire::store::postgres::PostgresOptions;
use hookwire::store::{Dedup, MemoryDedup, PostgresStore, RedisDedup, SqliteStore, Store};
use hookwire::worker::CancellationToken;
use http::{HeaderMap, StatusCode};

use super::SECRET;

pub(crate) async fn serve(mode: &str, place: &str) {
    let router = match mode {
        "bare" => bare(),
        "memory" => layered(MemoryDedup::new()),
        "sqlite" => layered(SqliteStore::open(place).await.unwrap()),
        "postgres" => layered(postgres(place).await),
        "redis" => layered(redis(place).await),
        "inbox-sqlite" => kept(SqliteStore::open(place).await.unwrap()),
        "inbox-postgres" => kept(postgres(place).await),
        other => panic!("no mode is named {other}"),
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    std::thread::spawn(|| {
        let _parent_is_gone = std::io::stdin().read_line(&mut String::new());
        std::process::exit(0);
    });
    axum::serve(listener, router).await.unwrap();
}

/// What somebody writes who has no library but the one that checks signatures.
fn bare() -> Router {
    let webhook = Arc::new(standardwebhooks::Webhook::new(SECRET).unwrap());
    let handler = async move |headers: HeaderMap, body: Bytes| match webhook.verify(&body, &headers) {
        Ok(()) => StatusCode::OK,
        Err(_) => StatusCode::UNAUTHORIZED,
    };
    Router::new().route("/in", post(handler))
}

fn layered(dedup: impl Dedup) -> Router {
    let receiver = Receiver::builder(dedup).source(Source::standard(SECRET).unwrap()).build().unwrap();
    Router::new().route("/in", post(async || StatusCode::OK).layer(receiver.layer("standard").unwrap()))
}

fn kept<S: Store + Dedup + Clone + 'static>(store: S) -> Router {
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
    Router::new().route_service("/in", receiver.keep("standard", &inbox).unwrap()).route("/handled", counted)
}

async fn postgres(place: &str) -> PostgresStore {
    let (url, schema) = place.split_once(' ').unwrap();
    PostgresOptions::new(url).unwrap().schema(schema).unwrap().open().await.unwrap()
}

async fn redis(place: &str) -> RedisDedup {
    let (url, prefix) = place.split_once(' ').unwrap();
    RedisDedup::connect(url).await.unwrap().with_prefix(&format!("hookwire:bench:{prefix}:"))
}
