//! The cost of appends, claims and settlements on PostgreSQL, including the CPU time of the database server.
//!
//! It starts a server of its own on this machine, from the installed binaries with their default settings.
//!
//! 1. Appends with 1, 64 and 512 callers: the rate, and the CPU time of one append in this process and in the server. Target:
//!    40,000/s with 512 callers.
//! 2. Full cycles without HTTP: append with 512 callers, claim, settle. Target: 15,000/s. And the same while another transaction
//!    holds a snapshot, so that dead rows cannot be vacuumed.
//! 3. Deliveries from dispatch to settled with HTTP, compared with a bare loop that posts the same payloads. CPU time includes the
//!    server and excludes the receiver. Target: 0.15 of the bare loop's deliveries per CPU-second. Then the same with one, two and
//!    four worker processes.
//! 4. Claim and settle with 10,000 and with 1,000,000 pending. Target: the rate with 1,000,000 is at least 0.8 of the other.
//!
//! Run it with `cargo bench -p hookwire-tests --bench postgres`. `HOOKWIRE_BENCH_PENDING` sets the larger number of pending deliveries.
//! `HOOKWIRE_BENCH_OPERATIONS` (default 50,000) sets the number of operations for each figure.
#![expect(clippy::print_stdout, clippy::unwrap_used, clippy::disallowed_methods, reason = "a bench talks and measures")]

#[expect(dead_code, unreachable_pub, reason = "the tests use more of it")]
#[path = "../../tests/servers/postgres.rs"]
mod postgres;

#[path = "../parts/mod.rs"]
mod parts;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hookwire::clock::{Clock, SystemClock};
use hookwire::delivery::{Attempt, Leased, NewDelivery, Settlement};
use hookwire::event::NewEvent;
use hookwire::id::{EndpointId, Work};
use hookwire::outcome::Outcome;
use hookwire::retry::Decision;
use hookwire::store::{Append, Claim, Outbox, PostgresStore};
use hookwire::store::{PostgresOptions, tokio_postgres};

use self::postgres::Server;

const LANES: usize = 1_000;
const FEW: usize = 10_000;
const PAYLOAD: usize = 1_024;
const LEASE: Duration = Duration::from_secs(60);

fn main() {
    if std::env::args().any(|argument| argument == "receiver") {
        return runtime(1).block_on(parts::receiver::serve());
    }
    if let [_, role, url, schema] = &std::env::args().collect::<Vec<_>>()[..]
        && role == "worker"
    {
        return runtime(1).block_on(parts::work(open_at(url, schema)));
    }
    let many = number("HOOKWIRE_BENCH_PENDING", 1_000_000);
    let operations = number("HOOKWIRE_BENCH_OPERATIONS", 50_000);
    let server = Server::start().unwrap();
    println!("{:<34}{:>10}{:>14}{:>16}", "", "per second", "CPU us, here", "CPU us, server");
    end_to_end(&server, operations);
    runtime(2).block_on(async {
        for callers in [1, 64, 512] {
            let store = open(&server, &format!("append_{callers}")).await;
            let operations = if callers == 1 { operations / 20 } else { operations };
            appends(&server, &store, callers, operations).await;
            if callers == 512 {
                claims(&server, &store, operations).await;
            }
        }
        cycles(&server, &open(&server, "cycles").await, operations).await;
        {
            let (client, connection) = tokio_postgres::connect(&server.url(), tokio_postgres::NoTls).await.unwrap();
            tokio::spawn(connection);
            client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1").await.unwrap();
            println!("while another transaction holds a snapshot:");
            cycles(&server, &open(&server, "held").await, operations).await;
        }
        let mut rates = Vec::new();
        for pending in [FEW, many] {
            let store = open(&server, &format!("pending_{pending}")).await;
            rates.push(scale(&server, &store, pending).await);
        }
        println!(
            "claim and settle with {many} pending: {:.2} of the rate with {FEW} (target 0.80)",
            rates[1] / rates[0]
        );
    });
}

fn runtime(threads: usize) -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build().unwrap()
}

fn end_to_end(server: &Server, operations: usize) {
    let (mut receiver, url) = parts::start_receiver();
    let mut bare = f64::INFINITY;
    for round in 0..3 {
        let used = Used::now(server);
        runtime(1).block_on(parts::bare(&url, operations));
        bare = bare.min(used.report(server, "bare hyper loop", operations).cpu);
        let used = Used::now(server);
        let flow = async { parts::hookwire(open(server, &format!("flow_{round}")).await, &url, operations).await };
        drop(runtime(1).block_on(flow));
        let cpu = used.report(server, "dispatch to settled", operations).cpu;
        println!("    {:.2} of the bare loop's deliveries per CPU-second (target 0.15)", bare / cpu);
    }
    for count in [1, 2, 4] {
        deliver_by_processes(server, &url, operations, count);
    }
    receiver.kill().unwrap();
    receiver.wait().unwrap();
}

/// Dispatches in this process and delivers in `count` worker processes.
fn deliver_by_processes(server: &Server, url: &str, operations: usize, count: usize) {
    let schema = format!("workers_{count}");
    let store = runtime(1).block_on(open(server, &schema));
    let start = |_| {
        let mut worker = std::process::Command::new(std::env::current_exe().unwrap());
        worker.args(["worker", &server.url(), &schema]).spawn().unwrap()
    };
    drop(store);
    let mut workers: Vec<_> = (0..count).map(start).collect();
    let used = Used::now(server);
    runtime(1).block_on(async { parts::dispatch_only(open(server, &schema).await, url, operations).await });
    let theirs: f64 = workers.iter().map(|worker| ticks(&worker.id().to_string(), 11..13)).sum();
    let figures = used.report(server, &format!("dispatch to settled, {count} processes"), operations);
    let each = theirs * 1e6 / f64::from(u32::try_from(operations).unwrap());
    println!("    and {each:.1} us in the workers: {:.1} us in all", figures.cpu + each);
    for worker in &mut workers {
        worker.kill().unwrap();
        worker.wait().unwrap();
    }
}

fn number(variable: &str, default: usize) -> usize {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

async fn open(server: &Server, schema: &str) -> PostgresStore {
    open_at(&server.url(), schema).await
}

async fn open_at(url: &str, schema: &str) -> PostgresStore {
    PostgresOptions::new(url).unwrap().schema(schema).unwrap().open().await.unwrap()
}

/// The user and kernel time of this process, and of the server with all its children.
#[derive(Clone, Copy)]
struct Used {
    began: Instant,
    ours: f64,
    server: f64,
}

fn ticks(pid: &str, columns: std::ops::Range<usize>) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<_> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    fields.get(columns).unwrap_or_default().iter().map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / 100.0
}

impl Used {
    fn now(server: &Server) -> Self {
        let children = postgres::children_of(server.pid());
        let children: f64 = children.iter().map(|pid| ticks(&pid.to_string(), 11..13)).sum();
        // Includes the children of the postmaster that have ended.
        let postmaster = ticks(&server.pid().to_string(), 11..15);
        Self { began: Instant::now(), ours: ticks("self", 11..13), server: children + postmaster }
    }

    fn report(self, server: &Server, what: &str, operations: usize) -> Figures {
        let now = Self::now(server);
        let count = f64::from(u32::try_from(operations).unwrap());
        let rate = count / self.began.elapsed().as_secs_f64();
        let (ours, theirs) = ((now.ours - self.ours) * 1e6 / count, (now.server - self.server) * 1e6 / count);
        println!("{what:<34}{rate:>10.0}{ours:>14.1}{theirs:>16.1}");
        Figures { rate, cpu: ours + theirs }
    }
}

struct Figures {
    /// Operations per second.
    rate: f64,
    /// CPU microseconds of one operation, in this process and in the server together.
    cpu: f64,
}

fn append_to(endpoint: EndpointId) -> Append {
    let now = SystemClock.now();
    let event = NewEvent::raw("bench.made", "application/json", vec![b'1'; PAYLOAD]).unwrap();
    let delivery = NewDelivery::new(endpoint, now);
    Append { event: Arc::new(event.seal(now)), deliveries: vec![delivery], now }
}

fn lanes() -> Arc<Vec<EndpointId>> {
    Arc::new((0..LANES).map(|_| EndpointId::generate(SystemClock.now())).collect())
}

fn claim(lanes: &[EndpointId], max: u32) -> Claim {
    let now = SystemClock.now();
    let lanes = lanes.iter().map(|lane| ((*lane).into(), max)).collect();
    Claim { lanes, now, until: now + LEASE }
}

fn delivered(leased: &Leased) -> Settlement {
    let now = SystemClock.now();
    let attempt = Attempt::new(1, now, Duration::from_millis(3), Outcome::Status(204));
    Settlement::of(leased, Decision::Delivered, now).with_attempt(attempt)
}

/// Appends events one by one, from `callers` tasks.
async fn append_all(store: &PostgresStore, lanes: &Arc<Vec<EndpointId>>, callers: usize, operations: usize) {
    let next = Arc::new(AtomicUsize::new(0));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..callers {
        let (next, store, lanes) = (next.clone(), store.clone(), lanes.clone());
        tasks.spawn(async move {
            loop {
                let turn = next.fetch_add(1, Ordering::Relaxed);
                if turn >= operations {
                    break;
                }
                store.append(vec![append_to(lanes[turn % LANES])]).await.unwrap();
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
}

async fn appends(server: &Server, store: &PostgresStore, callers: usize, operations: usize) {
    let lanes = lanes();
    append_all(store, &lanes, callers, operations / 10).await;
    let used = Used::now(server);
    append_all(store, &lanes, callers, operations).await;
    let _figures = used.report(server, &format!("append, {callers} callers"), operations);
}

/// Claims and settles in two concurrent tasks, as workers do, until `until` deliveries are settled.
async fn drain(store: &PostgresStore, until: usize) -> usize {
    let done = Arc::new(AtomicUsize::new(0));
    let mut tasks = tokio::task::JoinSet::new();
    for half in 0..2 {
        let (store, done) = (store.clone(), done.clone());
        tasks.spawn(async move {
            while done.load(Ordering::Relaxed) < until {
                let lanes: Vec<_> = store
                    .lanes(Work::Sent, None, 1_024)
                    .await
                    .unwrap()
                    .iter()
                    .filter_map(|(lane, _)| lane.endpoint())
                    .collect();
                for lanes in lanes.chunks(64).skip(half).step_by(2) {
                    let leased = store.claim(claim(lanes, 8)).await.unwrap().leased;
                    for batch in leased.chunks(256) {
                        store.settle(batch.iter().map(delivered).collect()).await.unwrap();
                        done.fetch_add(batch.len(), Ordering::Relaxed);
                    }
                }
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    done.load(Ordering::Relaxed)
}

async fn claims(server: &Server, store: &PostgresStore, operations: usize) {
    let used = Used::now(server);
    let done = drain(store, operations).await;
    let _figures = used.report(server, "claim and settle", done);
}

async fn cycles(server: &Server, store: &PostgresStore, operations: usize) {
    let lanes = lanes();
    let used = Used::now(server);
    let (done, ()) = tokio::join!(drain(store, operations), append_all(store, &lanes, 512, operations));
    let _figures = used.report(server, "append, claim and settle", done);
}

/// Measures claim and settle. Half of the pending deliveries are overdue in one lane that is never claimed.
async fn scale(server: &Server, store: &PostgresStore, pending: usize) -> f64 {
    let (dead, lanes) = (EndpointId::generate(SystemClock.now()), lanes());
    for _ in 0..pending / 2_000 {
        store.append((0..1_000).map(|_| append_to(dead)).collect()).await.unwrap();
        store.append((0..1_000).map(|turn| append_to(lanes[turn % LANES])).collect()).await.unwrap();
    }
    let operations = FEW / 2;
    let (mut done, used) = (0, Used::now(server));
    for chunk in lanes.chunks(50).cycle() {
        let leased = store.claim(claim(chunk, 1)).await.unwrap().leased;
        store.settle(leased.iter().map(delivered).collect()).await.unwrap();
        done += leased.len();
        if done >= operations {
            break;
        }
    }
    used.report(server, &format!("claim and settle, {pending} pending"), done).rate
}
