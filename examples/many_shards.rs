//! Several PostgreSQL databases behind one handle, under a steady load, while one tenant moves from one database to another.
//!
//! `cargo run --release --example many_shards --features postgres [seconds] [events per second] [endpoints] [failing per cent]`
//!
//! `HOOKWIRE_SHARDS` has the URLs of the databases, separated by spaces (default: three schemas of
//! `postgres://postgres@127.0.0.1:5432/postgres`). In each, the tables are in a separate schema, which is dropped at the end. The receiver
//! is in the same process, and speaks plain HTTP.
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::{Router, body::Bytes, routing::post};
use hookwire::clock::{Clock, SystemClock, Timestamp};
use hookwire::endpoint::{NewEndpoint, Target};
use hookwire::event::NewEvent;
use hookwire::id::Tenant;
use hookwire::retry::{Policy, Schedule};
use hookwire::sender::egress::EgressPolicy;
use hookwire::sender::http::HttpOptions;
use hookwire::sender::{Sender, Senders};
use hookwire::store::{PostgresOptions, tokio_postgres};
use tokio::sync::Semaphore;

type Failure = Box<dyn Error + Send + Sync>;

/// How many events are dispatched at the same time, at most.
const CALLERS: usize = 256;

/// A tenant has this number of endpoints.
const ENDPOINTS_OF_A_TENANT: usize = 2;

/// What is to be done.
#[derive(Clone, Copy)]
struct Load {
    seconds: u64,
    rate: u64,
    endpoints: usize,
    failing: usize,
}

impl Load {
    fn read() -> Result<Self, Failure> {
        let given: Vec<u64> = std::env::args().skip(1).map(|text| text.parse()).collect::<Result<_, _>>()?;
        let of = |place: usize, default| given.get(place).copied().unwrap_or(default);
        let size = |number| usize::try_from(number).unwrap_or(usize::MAX);
        Ok(Self { seconds: of(0, 5), rate: of(1, 200), endpoints: size(of(2, 40)), failing: size(of(3, 5)) })
    }

    fn tenants(&self) -> usize {
        self.endpoints.div_ceil(ENDPOINTS_OF_A_TENANT).max(1)
    }

    /// What an endpoint does: `moves` for those of the tenant that moves.
    fn kind(&self, endpoint: usize) -> &'static str {
        let fails = endpoint * self.failing / 100 != (endpoint + 1) * self.failing / 100;
        if fails {
            "fails"
        } else if endpoint < ENDPOINTS_OF_A_TENANT {
            "moves"
        } else {
            "works"
        }
    }

    /// How many endpoints of a tenant accept its events.
    fn working(&self, tenant: usize) -> u64 {
        let first = tenant * ENDPOINTS_OF_A_TENANT;
        let all = first..(first + ENDPOINTS_OF_A_TENANT).min(self.endpoints);
        all.filter(|endpoint| self.kind(*endpoint) != "fails").count() as u64
    }
}

/// What has arrived.
#[derive(Clone, Default)]
struct Tally {
    /// The time from before the dispatch to the arrival, for each delivery of a tenant that stays.
    delays: Arc<Mutex<Vec<Duration>>>,
    accepted: Arc<AtomicU64>,
    refused: Arc<AtomicU64>,
}

async fn receive(State(tally): State<Tally>, Path(kind): Path<String>, body: Bytes) -> StatusCode {
    if kind == "fails" {
        tally.refused.fetch_add(1, Ordering::Relaxed);
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    tally.accepted.fetch_add(1, Ordering::Relaxed);
    if kind == "moves" {
        return StatusCode::NO_CONTENT;
    }
    let sent = serde_json::from_slice::<serde_json::Value>(&body).ok().and_then(|json| json["data"].as_i64());
    let delay = SystemClock.now().since(Timestamp::from_micros(sent.unwrap_or_default()));
    tally.delays.lock().unwrap_or_else(PoisonError::into_inner).push(delay);
    StatusCode::NO_CONTENT
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let load = Load::read()?;
    let default = ["postgres://postgres@127.0.0.1:5432/postgres"; 3].join(" ");
    let urls = std::env::var("HOOKWIRE_SHARDS").unwrap_or(default);
    let urls: Vec<_> = urls.split_whitespace().enumerate().map(|(n, url)| (url.to_owned(), schema(n))).collect();
    let done = run(load, &urls).await;
    for (url, schema) in &urls {
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
        tokio::spawn(connection);
        client.batch_execute(&format!("DROP SCHEMA IF EXISTS {schema} CASCADE")).await?;
    }
    done
}

fn schema(number: usize) -> String {
    format!("hookwire_example_{}_{number}", std::process::id())
}

async fn run(load: Load, urls: &[(String, String)]) -> Result<(), Failure> {
    let mut shards = Vec::new();
    let mut table = None;
    for (number, (url, schema)) in urls.iter().enumerate() {
        let opened = PostgresOptions::new(url)?.schema(schema)?.open().await;
        let store =
            opened.map_err(|error| format!("{url}: {error} (set HOOKWIRE_SHARDS to the URLs of the databases)"))?;
        // The "dangerous" settings are needed because the receiver is on this machine.
        let egress = EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback();
        let retry: Schedule = [Duration::from_secs(1), Duration::from_secs(3_600)].into_iter().collect();
        let builder = Sender::builder(store.clone()).clock(store.clock()).retry(Policy::new(retry));
        shards.push((
            format!("shard-{number}"),
            builder.http(HttpOptions::default().egress(egress).exchange_timeout(Duration::from_secs(2))).build()?,
        ));
        table.get_or_insert(store);
    }
    let senders = Senders::new(table.ok_or("HOOKWIRE_SHARDS is empty; set it to at least one URL")?, shards)?;
    for (_, sender) in senders.all() {
        tokio::spawn(sender.worker().run_until(std::future::pending::<()>()));
    }
    let tally = Tally::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let app = Router::new().route("/{kind}", post(receive)).with_state(tally.clone());
    tokio::spawn(async move { axum::serve(listener, app).await });
    make_endpoints(&senders, &load, &address.to_string()).await?;

    let moved = Tenant::from("tenant-0");
    let mover = {
        let (senders, moved) = (senders.clone(), moved.clone());
        tokio::spawn(async move { move_away(&senders, &moved).await })
    };
    let owed = dispatch(&senders, load).await?;
    let (from, to) = mover.await??;
    println!("{moved} has moved from {from} to {to}");
    println!("{owed} deliveries that can succeed were acknowledged, on {} databases", urls.len());
    report(&tally, owed).await
}

async fn make_endpoints(senders: &Senders, load: &Load, address: &str) -> Result<(), Failure> {
    for number in 0..load.endpoints {
        let tenant = Tenant::from(format!("tenant-{}", number / ENDPOINTS_OF_A_TENANT));
        let target = Target::parse(&format!("http://{address}/{}", load.kind(number)))?;
        let endpoint = NewEndpoint::at(target).tenant(tenant.clone());
        senders.of(&tenant).await?.endpoints().create(endpoint).await?;
    }
    Ok(())
}

/// Moves a tenant to another database. Returns the names of both.
async fn move_away(senders: &Senders, tenant: &Tenant) -> Result<(Arc<str>, String), Failure> {
    let from = senders.place_of(tenant).await?;
    let to = senders.all().map(|(name, _)| name.to_owned()).find(|name| **name != *from).unwrap_or(from.to_string());
    senders.move_tenant(tenant, &to).await?;
    Ok((from, to))
}

/// Dispatches at a steady rate. Returns the number of deliveries to endpoints that work.
async fn dispatch(senders: &Senders, load: Load) -> Result<u64, Failure> {
    let (callers, owed) = (Arc::new(Semaphore::new(CALLERS)), Arc::new(AtomicU64::new(0)));
    let failed: Arc<Mutex<Option<Failure>>> = Arc::default();
    let mut tick = tokio::time::interval(Duration::from_secs(1) / u32::try_from(load.rate.max(1))?);
    for number in 0..load.seconds * load.rate {
        tick.tick().await;
        let caller = callers.clone().acquire_owned().await?;
        let (senders, owed, failed) = (senders.clone(), owed.clone(), failed.clone());
        let tenant = usize::try_from(number)? % load.tenants();
        tokio::spawn(async move {
            let event = NewEvent::json("number.counted", &SystemClock.now().as_micros())
                .map(|event| event.tenant(format!("tenant-{tenant}")));
            let dispatched = match event {
                Ok(event) => senders.dispatch(event).await.map_err(Failure::from),
                Err(error) => Err(error.into()),
            };
            match dispatched {
                Ok(_) => _ = owed.fetch_add(load.working(tenant), Ordering::Relaxed),
                Err(error) => *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error),
            }
            drop(caller);
        });
    }
    drop(callers.acquire_many(u32::try_from(CALLERS)?).await?);
    let failed = failed.lock().unwrap_or_else(PoisonError::into_inner).take();
    failed.map_or(Ok(owed.load(Ordering::Relaxed)), Err)
}

/// Waits until everything that can succeed has arrived, and prints what happened.
async fn report(tally: &Tally, owed: u64) -> Result<(), Failure> {
    let accepted = || tally.accepted.load(Ordering::Relaxed);
    for _ in 0..1_200 {
        if accepted() >= owed {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // Anything that arrives twice has time to do so.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut delays = tally.delays.lock().unwrap_or_else(PoisonError::into_inner);
    delays.sort_unstable();
    let at = |per_mille: usize| delays.get(delays.len() * per_mille / 1_000).copied().unwrap_or_default();
    println!("{} of them have arrived; {} requests were refused", accepted(), tally.refused.load(Ordering::Relaxed));
    println!("from before dispatch to arrival: median {:?}, 99 % {:?}, 99.9 % {:?}", at(500), at(990), at(999));
    if let Some(line) = std::fs::read_to_string("/proc/self/status").ok().as_deref().and_then(resident) {
        println!("resident memory of this process: {line}");
    }
    if accepted() == owed { Ok(()) } else { Err("a delivery is lost, or arrived twice".into()) }
}

fn resident(status: &str) -> Option<&str> {
    status.lines().find_map(|line| line.strip_prefix("VmRSS:")).map(str::trim)
}
