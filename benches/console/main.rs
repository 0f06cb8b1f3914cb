//! The time of each page of the console on a store with millions of finished deliveries, for an operator and for a tenant.
//!
//! It fills a [store](stored), requests each page several times without a socket, follows the links to the next pages of each list, and
//! prints the median, the 99th percentile and the size. Target: 100 ms at the 99th percentile, and 60 KiB for the first page with its
//! assets, compressed.
//!
//! Run it with `cargo bench -p hookwire-tests --bench console`. `HOOKWIRE_BENCH_ROUNDS` (default 100) sets the number of requests, and
//! `HOOKWIRE_BENCH_ONLY` selects `sqlite` or `postgres`.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a benchmark prints and reads the clock"
)]

#[path = "../lists/stored.rs"]
mod stored;

use std::time::Instant;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::Request;
use hookwire::console::Console;
use hookwire::delivery::DeliveryState;
use hookwire::id::{Tenant, Work};
use hookwire::sender::{Scope, Sender};
use hookwire::store::{DeliveryQuery, Page, Store};
use tower::ServiceExt as _;

use self::stored::{Size, is_wanted, number};

const TENANT: &str = "tenant-7";

fn main() {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap().block_on(async {
        if is_wanted("sqlite") {
            let filled = stored::sqlite(&Size::read()).await;
            measure("SQLite", filled.store.clone()).await;
        }
        if is_wanted("postgres") {
            let filled = stored::postgres(&Size::read()).await;
            measure("PostgreSQL", filled.store.clone()).await;
        }
    });
}

async fn measure<S: Store + Clone + 'static>(name: &str, store: S) {
    let paths = paths(&store).await;
    let pages = Console::new(Sender::builder(store).build().unwrap()).router();
    for (who, scope) in [("operator", Scope::operator()), ("tenant", Scope::tenant(TENANT))] {
        println!("{:<60}{:>9}{:>9}{:>9}", format!("{name}, {who}"), "median", "p99", "bytes");
        for path in &paths {
            time(&pages, &scope, path).await;
        }
    }
}

/// The pages, and each list by each of its filters.
async fn paths(store: &dyn Store) -> Vec<String> {
    let endpoints = store.list(None, None, 100).await.unwrap();
    let endpoint = endpoints.iter().find(|endpoint| endpoint.tenant == Tenant::from(TENANT)).unwrap().id;
    let mut query = DeliveryQuery::of(Work::Sent);
    (query.tenant, query.state) = (Some(Tenant::from(TENANT)), Some(DeliveryState::Failed));
    let failed = store.deliveries(&query, Page::of(1).newest_first()).await.unwrap();
    let (delivery, event) = failed.items.first().map(|delivery| (delivery.id, delivery.event.clone())).unwrap();
    let of_tenant = format!("tenant={TENANT}");
    let mut paths: Vec<String> =
        ["overview", "overview?span=day", "endpoints", "endpoints?show=failing", "endpoints?show=disabled"]
            .map(String::from)
            .into();
    paths.extend([format!("endpoints/{endpoint}"), format!("endpoints/{endpoint}?span=day")]);
    paths.push(format!("endpoints/{endpoint}/replay"));
    let states = ["", "state=pending", "state=delivered", "state=failed", "state=held", "state=cancelled"];
    let filters = [
        String::new(),
        of_tenant.clone(),
        format!("endpoint={endpoint}"),
        "type=invoice.late".into(),
        "type=rare.made".into(),
        "type=nothing.made".into(),
        format!("event={event}&{of_tenant}"),
    ];
    paths.extend(filters.iter().flat_map(|filter| states.map(|state| format!("deliveries?{filter}&{state}"))));
    paths.push(format!("deliveries/{delivery}"));
    paths.extend([format!("failures?{of_tenant}"), "failures".into()]);
    paths.extend([format!("events?{of_tenant}"), format!("events/{event}?{of_tenant}")]);
    paths.extend(["audit", "types?tenant=tenant-7"].map(String::from));
    paths
}

/// Requests one page several times, then once the pages that follow it.
async fn time(pages: &Router, scope: &Scope, path: &str) {
    let (mut times, mut body) = (Vec::new(), Bytes::new());
    let mut next = Some(path.to_owned());
    let rounds = usize::try_from(number("HOOKWIRE_BENCH_ROUNDS", 100)).unwrap();
    for round in 0..rounds {
        let started = Instant::now();
        let (status, html) = get(pages, scope, next.as_deref().unwrap_or(path)).await;
        times.push(started.elapsed().as_secs_f64() * 1_000.0);
        if round == 0 {
            body = html.clone();
            if status != 200 {
                println!("{path:<60} returned {status}");
                return;
            }
        }
        // One request in four follows the link to the older rows.
        next = if round % 4 == 0 { following(path, &html) } else { None };
    }
    times.sort_by(f64::total_cmp);
    println!("{path:<60}{:>9.1}{:>9.1}{:>9}", times[rounds / 2], times[rounds * 99 / 100], body.len());
}

async fn get(pages: &Router, scope: &Scope, path: &str) -> (u16, Bytes) {
    let request = Request::builder().uri(format!("/{path}")).header("host", "app.example").extension(scope.clone());
    let response = pages.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let status = response.status().as_u16();
    (status, to_bytes(response.into_body(), usize::MAX).await.unwrap())
}

/// The link to the next page of a list.
fn following(path: &str, html: &[u8]) -> Option<String> {
    let html = std::str::from_utf8(html).unwrap();
    let (_, after) = html.split_once("after=")?;
    let after = after.split(['"', '&']).next()?;
    let joined = if path.contains('?') { "&" } else { "?" };
    Some(format!("{path}{joined}after={after}"))
}
