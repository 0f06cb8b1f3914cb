//! The cost of a received request: verified only, with dedup, and stored in an inbox and handled.
//!
//! The server is another process with one runtime thread. In this process, 64 callers post 1 KiB requests that were signed before the
//! measurement, each with its own id. The modes alternate in one run. For each mode it measures the requests per second, the CPU time
//! of the server for one request (user and kernel time of all its threads; the store's server separately), and the response time.
//!
//! | mode | what happens to a request |
//! |---|---|
//! | bare | axum, with `standardwebhooks` for the signature |
//! | memory, SQLite, PostgreSQL, Redis | the layer, with dedup records in that store; the handler returns 200 |
//! | inbox, SQLite and PostgreSQL | stored, responded to with 202, and handled by a worker in the same process; the round ends when all are handled |
//!
//! Run it with `cargo bench -p hookwire-tests --bench receive`. `HOOKWIRE_BENCH_EVENTS` sets the number of requests in a round (default 40,000),
//! `HOOKWIRE_BENCH_ONLY` selects one mode, `HOOKWIRE_BENCH_ROUNDS` sets the number of rounds (default 3).
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a benchmark prints and reads the clock"
)]

#[expect(dead_code, unreachable_pub, reason = "the tests use the rest")]
#[path = "../../tests/servers/postgres.rs"]
mod postgres;
mod server;

use std::io::BufRead;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hookwire::clock::{Clock, SystemClock};
use hookwire::provider::STANDARD;
use hookwire::secret::Keyring;
use hookwire::signature::Signing;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

const CALLERS: usize = 64;
const PAYLOAD: usize = 1_024;
pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const MODES: [&str; 7] = ["bare", "memory", "sqlite", "inbox-sqlite", "postgres", "inbox-postgres", "redis"];

fn main() {
    let arguments: Vec<_> = std::env::args().collect();
    if let [_, role, mode, location] = &arguments[..]
        && role == "server"
    {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        return runtime.block_on(server::serve(mode, location));
    }
    let events = number("HOOKWIRE_BENCH_EVENTS", 40_000);
    let only = std::env::var("HOOKWIRE_BENCH_ONLY").ok();
    let modes: Vec<_> = MODES.into_iter().filter(|mode| only.as_deref().is_none_or(|only| only == *mode)).collect();
    let database = postgres::Server::start().unwrap();
    let mut results = vec![Vec::new(); modes.len()];
    for _ in 0..number("HOOKWIRE_BENCH_ROUNDS", 3) {
        for (mode, results) in modes.iter().zip(&mut results) {
            results.push(measure(mode, &database, events));
        }
    }
    println!(
        "{:<16}{:>12}{:>16}{:>16}{:>12}{:>12}",
        "", "requests/s", "CPU us, server", "CPU us, store", "p50 ms", "p99 ms"
    );
    for (mode, results) in modes.iter().zip(&results) {
        let of = |pick: fn(&Measured) -> f64| median(results.iter().map(pick).collect());
        let [rate, cpu, store] = [of(|it| it.rate), of(|it| it.cpu), of(|it| it.store_cpu)];
        let [p50, p99] = [of(|it| it.p50), of(|it| it.p99)];
        println!("{mode:<16}{rate:>12.0}{cpu:>16.1}{store:>16.1}{p50:>12.2}{p99:>12.2}");
    }
}

fn number(variable: &str, default: usize) -> usize {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[derive(Clone, Copy)]
struct Measured {
    rate: f64,
    cpu: f64,
    store_cpu: f64,
    p50: f64,
    p99: f64,
}

fn measure(mode: &str, database: &postgres::Server, events: usize) -> Measured {
    let directory = tempfile::tempdir().unwrap();
    let schema = format!("receive_{}", SystemClock.now().as_micros());
    let location = match mode {
        "postgres" | "inbox-postgres" => format!("{} {schema}", database.url()),
        "redis" => format!("redis://127.0.0.1:6379/ {schema}"),
        _ => directory.path().join("receive.db").display().to_string(),
    };
    let (mut child, address) = start(mode, &location);
    let store = match mode {
        "postgres" | "inbox-postgres" => Some(database.pid()),
        "redis" => process_named("redis-server"),
        _ => None,
    };
    let requests = signed(&address, events);
    let used = || (cpu_of(child.id()), store.map_or(0.0, cpu_of_family));
    let (before, began) = (used(), Instant::now());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut took = runtime.block_on(post_all(requests, mode.starts_with("inbox")));
    if mode.starts_with("inbox") {
        runtime.block_on(all_handled(&address, events));
    }
    let (after, elapsed) = (used(), began.elapsed());
    child.kill().unwrap();
    child.wait().unwrap();
    took.sort();
    let count = events as f64;
    let at = |part: f64| took[((count - 1.0) * part) as usize].as_secs_f64() * 1e3;
    Measured {
        rate: count / elapsed.as_secs_f64(),
        cpu: (after.0 - before.0) * 1e6 / count,
        store_cpu: (after.1 - before.1) * 1e6 / count,
        p50: at(0.5),
        p99: at(0.99),
    }
}

fn start(mode: &str, location: &str) -> (Child, String) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["server", mode, location])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    std::io::BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    (child, line.trim().to_owned())
}

/// Makes the signed requests. They are made before the measurement, because signing is the provider's work.
fn signed(address: &str, events: usize) -> Vec<Request<Full<Bytes>>> {
    let keys = Keyring::new(STANDARD.key(SECRET).unwrap());
    let body = Bytes::from(format!(r#"{{"type":"bench.made","data":"{}"}}"#, "x".repeat(PAYLOAD - 32)));
    let (now, uri) = (SystemClock.now(), format!("http://{address}/in"));
    let request = |number: usize| {
        let mut request =
            Request::post(&*uri).header("content-type", "application/json").body(Full::new(body.clone())).unwrap();
        let id = format!("evt_{number:032x}");
        STANDARD.sign(&Signing { id: &id, timestamp: now, body: &body }, &keys, request.headers_mut()).unwrap();
        request
    };
    (0..events).map(request).collect()
}

async fn post_all(requests: Vec<Request<Full<Bytes>>>, stored: bool) -> Vec<Duration> {
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let (requests, next) = (Arc::new(requests), Arc::new(AtomicUsize::new(0)));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..CALLERS {
        let (client, requests, next) = (client.clone(), requests.clone(), next.clone());
        tasks.spawn(async move {
            let mut took = Vec::new();
            while let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
                let began = Instant::now();
                let response = client.request(request.clone()).await.unwrap();
                assert_eq!(response.status(), if stored { 202 } else { 200 });
                let _empty = response.into_body().collect().await.unwrap();
                took.push(began.elapsed());
            }
            took
        });
    }
    let mut all = Vec::new();
    while let Some(took) = tasks.join_next().await {
        all.extend(took.unwrap());
    }
    all
}

async fn all_handled(address: &str, events: usize) {
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    // Waits at most two minutes.
    for _ in 0..12_000 {
        let request = Request::get(format!("http://{address}/handled")).body(Full::default()).unwrap();
        let body = client.request(request).await.unwrap().into_body().collect().await.unwrap().to_bytes();
        if std::str::from_utf8(&body).unwrap().parse::<usize>().unwrap() >= events {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not all requests were handled within two minutes");
}

/// Returns the user and kernel time of a process and all its threads, in seconds.
fn cpu_of(pid: u32) -> f64 {
    ticks(pid, 11..13)
}

/// Returns the same for a process with all its children, including those that have ended.
fn cpu_of_family(pid: u32) -> f64 {
    ticks(pid, 11..15) + postgres::children_of(pid).into_iter().map(|child| ticks(child, 11..13)).sum::<f64>()
}

fn ticks(pid: u32, fields: std::ops::Range<usize>) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let all: Vec<_> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    all.get(fields).unwrap_or_default().iter().filter_map(|text| text.parse::<f64>().ok()).sum::<f64>() / 100.0
}

fn process_named(name: &str) -> Option<u32> {
    let processes = std::fs::read_dir("/proc").ok()?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let is_named =
        |pid: &u32| std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm.trim() == name);
    processes.into_iter().find(is_named)
}
