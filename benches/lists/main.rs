//! The time of each list and each count on a store with millions of finished deliveries.
//!
//! It fills a [store](stored), makes each call several times, with a page of 50, and prints the median and the longest time in
//! milliseconds. Target: each call takes at most 50 ms.
//!
//! Run it with `cargo bench -p hookwire-tests --bench lists`. `HOOKWIRE_BENCH_ROUNDS` (default 11) sets the number of calls, and
//! `HOOKWIRE_BENCH_ONLY` selects `sqlite` or `postgres`.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a benchmark prints and reads the clock"
)]

mod stored;

use std::hint::black_box;
use std::time::{Duration, Instant};

use hookwire::clock::{Clock, SystemClock};
use hookwire::delivery::DeliveryState;
use hookwire::id::{EndpointId, EventId, LaneId, Tenant, Work};
use hookwire::store::{DeliveryQuery, EventQuery, Page, Store};

use self::stored::{Size, is_wanted, number};

const DAY: Duration = Duration::from_secs(86_400);
const ROWS: u32 = 50;

fn main() {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap().block_on(async {
        if is_wanted("sqlite") {
            let filled = stored::sqlite(&Size::read()).await;
            measure("SQLite", &filled.store).await;
        }
        if is_wanted("postgres") {
            let filled = stored::postgres(&Size::read()).await;
            measure("PostgreSQL", &filled.store).await;
        }
    });
}

/// A query with some fields set.
fn of(set: impl FnOnce(&mut DeliveryQuery)) -> DeliveryQuery {
    let mut query = DeliveryQuery::of(Work::Sent);
    set(&mut query);
    query
}

fn of_state(state: DeliveryState) -> DeliveryQuery {
    of(|query| query.state = Some(state))
}

fn of_tenant(name: &str) -> DeliveryQuery {
    of(|query| query.tenant = Some(Tenant::from(name)))
}

fn of_type(name: &str) -> DeliveryQuery {
    of(|query| query.event_type = Some(name.parse().unwrap()))
}

/// The queries, each with a name.
fn queries(lane: LaneId) -> Vec<(&'static str, DeliveryQuery)> {
    let (day, hour) = (SystemClock.now() - DAY, DAY / 24);
    let of_lane = |mut query: DeliveryQuery| {
        query.lane = Some(lane);
        query
    };
    let long_ago = day - DAY * 9;
    let event = Some(EventId::new(format!("evt_{:032x}", 123_456)).unwrap());
    let nothing_failed = {
        let mut query = of_type("nothing.made");
        query.state = Some(DeliveryState::Failed);
        query
    };
    vec![
        ("all", of(|_| {})),
        ("of the last day", of(|query| query.from = Some(day))),
        ("of an hour 10 days ago", of(|query| (query.from, query.to) = (Some(long_ago), Some(long_ago + hour)))),
        ("of a busy tenant", of_tenant("tenant-7")),
        ("of a quiet tenant", of_tenant("quiet")),
        ("of a tenant that has none", of_tenant("nobody")),
        ("of a frequent type", of_type("invoice.late")),
        ("of a rare type", of_type("rare.made")),
        ("of a type that has none", of_type("nothing.made")),
        ("of an endpoint", of_lane(of(|_| {}))),
        ("of an endpoint, delivered", of_lane(of_state(DeliveryState::Delivered))),
        ("of an endpoint, failed", of_lane(of_state(DeliveryState::Failed))),
        ("of an endpoint, pending", of_lane(of_state(DeliveryState::Pending))),
        ("of an endpoint, of a type that has none", of_lane(of_type("nothing.made"))),
        ("delivered", of_state(DeliveryState::Delivered)),
        ("pending", of_state(DeliveryState::Pending)),
        ("held", of_state(DeliveryState::Held)),
        ("failed", of_state(DeliveryState::Failed)),
        ("failed, of a type that has none", nothing_failed),
        ("cancelled", of_state(DeliveryState::Cancelled)),
        ("of an event", of(|query| (query.event, query.tenant) = (event.clone(), Some(Tenant::from("tenant-6"))))),
        ("of an event, of any tenant", of(|query| query.event = event)),
    ]
}

fn event_queries(endpoint: EndpointId) -> Vec<(&'static str, EventQuery)> {
    let long_ago = SystemClock.now() - DAY * 20;
    vec![
        ("events of a busy tenant", EventQuery::of("tenant-7")),
        ("events of a quiet tenant", EventQuery::of("quiet")),
        ("events of a tenant that has none", EventQuery::of("nobody")),
        ("events of a busy tenant, 20 days ago", EventQuery::of("tenant-7").between(long_ago, long_ago + DAY)),
        ("events that an endpoint did not get", EventQuery::of("tenant-7").missing_at(endpoint)),
    ]
}

async fn measure(name: &str, store: &dyn Store) {
    let endpoints = store.list(None, None, 8).await.unwrap();
    let endpoint = endpoints.iter().find(|endpoint| endpoint.tenant == Tenant::from("tenant-7")).unwrap().id;
    println!("{name:<42}{:>9}{:>9}{:>9}{:>9}", "newest", "longest", "oldest", "longest");
    for (text, query) in queries(endpoint.into()) {
        let newest =
            times(async || drop(black_box(store.deliveries(&query, Page::of(ROWS).newest_first()).await.unwrap())));
        let newest = newest.await;
        let oldest = times(async || drop(black_box(store.deliveries(&query, Page::of(ROWS)).await.unwrap()))).await;
        println!("{text:<42}{newest}{oldest}");
    }
    for (text, query) in event_queries(endpoint) {
        let newest =
            times(async || drop(black_box(store.events(&query, Page::of(ROWS).newest_first()).await.unwrap())));
        let newest = newest.await;
        let oldest = times(async || drop(black_box(store.events(&query, Page::of(ROWS)).await.unwrap()))).await;
        println!("{text:<42}{newest}{oldest}");
    }
    let counted = [
        ("counts", Work::Sent, None),
        ("counts of an endpoint", Work::Sent, Some(endpoint.into())),
        ("counts of received work", Work::Received, None),
    ];
    for (text, work, lane) in counted {
        let all = times(async || _ = black_box(store.counts(work, lane).await.unwrap())).await;
        println!("{text:<42}{all} {:?}", store.counts(work, lane).await.unwrap());
    }
}

/// Runs a call several times. Returns the median and the longest time, as two columns.
async fn times(call: impl AsyncFn()) -> String {
    let mut all = Vec::new();
    for _ in 0..number("HOOKWIRE_BENCH_ROUNDS", 11) {
        let started = Instant::now();
        call().await;
        all.push(started.elapsed().as_secs_f64() * 1_000.0);
    }
    all.sort_by(f64::total_cmp);
    format!("{:>9.1}{:>9.1}", all[all.len() / 2], all[all.len() - 1])
}
