//! Delivery latency of an endpoint, alone and while other endpoints hang, and the memory use of a backlog.
//!
//! 1. The time from the return of `dispatch` to the first byte at an idle receiver, one event at a time. Target: p99 at most 5 ms.
//! 2. The same with 200 events per second for 100 endpoints, and again while 1, then 30 of them accept requests and never respond.
//!    Measured is the p99 of the 70 others. Target: at most twice the p99 without hanging endpoints.
//! 3. The same while another tenant has 300 endpoints that succeed after 5 s, or 300 names that never resolve. Target: at most
//!    twice the p99 without that tenant.
//! 4. Resident memory of a process that works on an SQLite file with 1,000,000 pending deliveries of one endpoint. Target: at most
//!    128 MiB. And the latency of another endpoint at the same time. Target: p99 below 1 s.
//!
//! Run it with `cargo bench -p hookwire-tests --bench isolation`. `HOOKWIRE_BENCH_EVENTS` sets the number of events of 1 to 3 (default 2,000),
//! `HOOKWIRE_BENCH_PENDING` the number of pending deliveries of 4.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a benchmark prints and reads the clock"
)]

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hookwire::clock::Timestamp;
use hookwire::delivery::NewDelivery;
use hookwire::endpoint::{NewEndpoint, Target};
use hookwire::event::NewEvent;
use hookwire::id::EndpointId;
use hookwire::sender::Sender;
use hookwire::sender::egress::{EgressPolicy, Resolve};
use hookwire::sender::http::HttpOptions;
use hookwire::store::Store;
use hookwire::store::{Append, MemoryStore, SqliteStore};
use hookwire::worker::CancellationToken;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const ENDPOINTS: usize = 100;
const HANGING: usize = 30;
const PER_SECOND: u32 = 200;

/// The number of endpoints of the greedy tenant.
const GREEDY: usize = 300;

/// How the endpoints of the greedy tenant behave.
#[derive(Clone, Copy)]
enum Greedy {
    /// They succeed after 5 s.
    Slow,
    /// Their names never resolve.
    Unresolved,
}

/// Resolves every name to the loopback address, except names that begin with `lost`, which never resolve.
#[derive(Debug)]
struct LoopbackResolver;

#[async_trait::async_trait]
impl Resolve for LoopbackResolver {
    async fn resolve(&self, host: &str) -> std::io::Result<Vec<IpAddr>> {
        if host.starts_with("lost") {
            std::future::pending::<()>().await;
        }
        Ok(vec![IpAddr::from([127, 0, 0, 1])])
    }

    fn max_concurrent(&self) -> usize {
        8
    }
}

/// When the first byte of each event's request arrived.
type Arrivals = Arc<Mutex<HashMap<String, Instant>>>;

fn main() {
    let arguments: Vec<_> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "backlog") {
        return runtime().block_on(work_on_backlog(Path::new(&arguments[at + 1])));
    }
    let events = number("HOOKWIRE_BENCH_EVENTS", 2_000);
    let receiver = Receiver::start();
    runtime().block_on(async {
        for (name, p50, p99) in [
            ("memory", idle_latency(MemoryStore::new(), &receiver, events / 4).await),
            ("SQLite", idle_latency(sqlite().await, &receiver, events / 4).await),
        ]
        .map(|(name, times)| (name, percentile(&times, 50), percentile(&times, 99)))
        {
            println!("idle, {name}: dispatched to first byte p50 {p50:.2} ms, p99 {p99:.2} ms (target 5)");
        }
    });
    let alone = runtime().block_on(latency_beside_hanging(&receiver, events, 0));
    let alone = percentile(&alone, 99);
    println!("{ENDPOINTS} endpoints: p99 {alone:.2} ms");
    for hanging in [1, HANGING] {
        let p99 = percentile(&runtime().block_on(latency_beside_hanging(&receiver, events, hanging)), 99);
        println!("{hanging} hang: {p99:.2} ms for the others, {:.2} (target 2)", p99 / alone);
    }
    for (name, greedy) in [("slow successes", Greedy::Slow), ("names that never resolve", Greedy::Unresolved)] {
        let times = runtime().block_on(latency_beside_greedy(&receiver, events, greedy));
        let p99 = percentile(&times, 99);
        println!("{GREEDY} {name} of one tenant: {p99:.2} ms for the others, {:.2} (target 2)", p99 / alone);
    }
    backlog(number("HOOKWIRE_BENCH_PENDING", 1_000_000));
}

fn number(variable: &str, default: usize) -> usize {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Opens a store in a new folder, which is not removed.
async fn sqlite() -> SqliteStore {
    let path = tempfile::tempdir().unwrap().keep().join("isolation.db");
    SqliteStore::open(path).await.unwrap()
}

/// Returns a percentile in milliseconds.
fn percentile(times: &[Duration], percent: usize) -> f64 {
    let mut times: Vec<_> = times.iter().map(Duration::as_secs_f64).collect();
    times.sort_by(f64::total_cmp);
    times[(times.len() * percent / 100).min(times.len() - 1)] * 1e3
}

fn sender(store: impl Store + 'static) -> Sender {
    let egress = EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback();
    Sender::builder(store).egress(egress).build().unwrap()
}

async fn register(sender: &Sender, tenant: &str, at: SocketAddr) -> EndpointId {
    let target = Target::parse(&format!("http://{at}/in")).unwrap();
    sender.endpoints().create(NewEndpoint::at(target).tenant(tenant)).await.unwrap().id
}

async fn dispatch(sender: &Sender, tenant: &str) -> (String, Instant) {
    let event = NewEvent::raw("bench.made", "application/json", vec![b'x'; 1_024]).unwrap();
    let receipt = sender.dispatch(event.tenant(tenant)).await.unwrap();
    (receipt.event.to_string(), Instant::now())
}

/// Measures the latency of one event at a time at an idle receiver.
async fn idle_latency(store: impl Store + 'static, receiver: &Receiver, events: usize) -> Vec<Duration> {
    let sender = sender(store);
    register(&sender, "idle", receiver.responding).await;
    let stop = CancellationToken::new();
    let worker = tokio::spawn(sender.worker().run(stop.clone()));
    let mut dispatched = Vec::new();
    for _ in 0..events {
        dispatched.push(dispatch(&sender, "idle").await);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let times = receiver.times(&dispatched).await;
    stop.cancel();
    worker.await.unwrap().unwrap();
    times
}

/// Measures the latency of the other endpoints while `hanging` of them never respond.
async fn latency_beside_hanging(receiver: &Receiver, events: usize, hanging: usize) -> Vec<Duration> {
    let sender = sender(sqlite().await);
    for endpoint in 0..ENDPOINTS {
        let at = if endpoint < hanging { receiver.hanging } else { receiver.responding };
        register(&sender, &format!("tenant-{endpoint}"), at).await;
    }
    let stop = CancellationToken::new();
    let worker = tokio::spawn(sender.worker().run(stop.clone()));
    let mut healthy = Vec::new();
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / PER_SECOND);
    for event in 0..events {
        ticks.tick().await;
        // All runs measure the same 70 endpoints.
        let endpoint = event % ENDPOINTS;
        let dispatched = dispatch(&sender, &format!("tenant-{endpoint}")).await;
        if endpoint >= HANGING {
            healthy.push(dispatched);
        }
    }
    let times = receiver.times(&healthy).await;
    // A graceful stop would wait for the hanging endpoints.
    worker.abort();
    times
}

async fn register_name(sender: &Sender, tenant: String, (host, port): (String, u16)) {
    let target = Target::parse(&format!("http://{host}.example:{port}/in")).unwrap();
    sender.endpoints().create(NewEndpoint::at(target).tenant(tenant)).await.unwrap();
}

/// Like [`latency_beside_hanging`], while another tenant has more pending deliveries than can be delivered. All targets are names.
async fn latency_beside_greedy(receiver: &Receiver, events: usize, greedy: Greedy) -> Vec<Duration> {
    let egress = EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback();
    let http = HttpOptions::default().egress(egress).resolver(LoopbackResolver);
    let sender = Sender::builder(sqlite().await).http(http).build().unwrap();
    for endpoint in 0..ENDPOINTS {
        let target = (format!("here-{endpoint}"), receiver.responding.port());
        register_name(&sender, format!("tenant-{endpoint}"), target).await;
    }
    let worker = tokio::spawn(sender.worker().run(CancellationToken::new()));
    // Each endpoint makes one delivery before the measurement.
    receiver.times(&dispatch_paced(&sender, ENDPOINTS).await).await;
    let (host, port) = match greedy {
        Greedy::Slow => ("slow", receiver.slow.port()),
        Greedy::Unresolved => ("lost", receiver.responding.port()),
    };
    let greedy = (0..GREEDY).map(|it| register_name(&sender, "greedy".into(), (format!("{host}-{it}"), port)));
    futures_util::future::join_all(greedy).await;
    for _ in 0..6 {
        dispatch(&sender, "greedy").await;
    }
    let times = receiver.times(&dispatch_paced(&sender, events).await).await;
    worker.abort();
    times
}

/// Dispatches `events` events at a steady rate, for each tenant in turn.
async fn dispatch_paced(sender: &Sender, events: usize) -> Vec<(String, Instant)> {
    let mut dispatched = Vec::new();
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / PER_SECOND);
    for event in 0..events {
        ticks.tick().await;
        dispatched.push(dispatch(sender, &format!("tenant-{}", event % ENDPOINTS)).await);
    }
    dispatched
}

/// Fills an SQLite file and starts a process that works on it.
fn backlog(pending: usize) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("backlog.db");
    runtime().block_on(async {
        let store = SqliteStore::open(&path).await.unwrap();
        let sender = sender(store.clone());
        // The listener is dropped at once, so connections are refused.
        let nowhere = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let endpoint = register(&sender, "acme", nowhere).await;
        let later = Timestamp::from_secs(4_000_000_000);
        for chunk in 0..pending.div_ceil(1_000) {
            let append = |_| {
                let event = NewEvent::raw("bench.made", "application/json", vec![b'x'; 200]).unwrap();
                let leased_until = (chunk % 2 == 0).then_some(later);
                let delivery = NewDelivery::new(endpoint, later).leased_until(leased_until);
                let now = Timestamp::from_secs(1_700_000_000);
                Append { event: Arc::new(event.seal(now)), deliveries: vec![delivery], now }
            };
            hookwire::store::Outbox::append(&store, (0..1_000).map(append).collect()).await.unwrap();
        }
    });
    let child = Command::new(std::env::current_exe().unwrap()).arg("backlog").arg(&path).output().unwrap();
    println!("{pending} pending on SQLite: {}", String::from_utf8_lossy(&child.stdout).trim());
}

/// Runs in a child process: claims, fails to connect and settles for a while.
async fn work_on_backlog(path: &Path) {
    let sender = sender(SqliteStore::open(path).await.unwrap());
    let stop = CancellationToken::new();
    let worker = tokio::spawn(sender.worker().run(stop.clone()));
    tokio::time::sleep(Duration::from_secs(5)).await;
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let kib = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap()
    };
    let receiver = Receiver::start();
    register(&sender, "other", receiver.responding).await;
    let mut dispatched = Vec::new();
    for _ in 0..200 {
        dispatched.push(dispatch(&sender, "other").await);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let lag = percentile(&receiver.times(&dispatched).await, 99);
    print!("{} MiB resident, {} MiB at most (target 128); ", kib("VmRSS:") / 1_024, kib("VmHWM:") / 1_024);
    println!("another endpoint's p99 {lag:.2} ms (target 1000)");
    stop.cancel();
    worker.await.unwrap().unwrap();
}

/// Three listeners on a thread of their own: one responds at once, one after 5 s, one never.
struct Receiver {
    responding: SocketAddr,
    slow: SocketAddr,
    hanging: SocketAddr,
    arrivals: Arrivals,
}

impl Receiver {
    fn start() -> Self {
        let arrivals = Arrivals::default();
        let (log, (to, from)) = (arrivals.clone(), std::sync::mpsc::channel());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let responding = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let slow = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let hanging = TcpListener::bind("127.0.0.1:0").await.unwrap();
                to.send([&responding, &slow, &hanging].map(|listener| listener.local_addr().unwrap())).unwrap();
                let mut held = Vec::new();
                loop {
                    tokio::select! {
                        Ok((stream, _)) = responding.accept() => {
                            drop(tokio::spawn(respond(stream, log.clone(), Duration::ZERO)));
                        }
                        Ok((stream, _)) = slow.accept() => {
                            drop(tokio::spawn(respond(stream, log.clone(), Duration::from_secs(5))));
                        }
                        Ok((stream, _)) = hanging.accept() => held.push(stream),
                    }
                }
            });
        });
        let [responding, slow, hanging] = from.recv().unwrap();
        Self { responding, slow, hanging, arrivals }
    }

    /// Waits up to 20 s until all requests have arrived, and returns their latencies. A latency is zero if the request arrived before
    /// `dispatch` returned.
    async fn times(&self, dispatched: &[(String, Instant)]) -> Vec<Duration> {
        let mut tries = 1_000;
        while !self.have_all(dispatched) && tries > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
            tries -= 1;
        }
        let arrivals = self.arrivals.lock().unwrap();
        dispatched.iter().map(|(id, at)| arrivals[id].saturating_duration_since(*at)).collect()
    }

    fn have_all(&self, dispatched: &[(String, Instant)]) -> bool {
        let arrivals = self.arrivals.lock().unwrap();
        dispatched.iter().all(|(id, _)| arrivals.contains_key(id))
    }
}

/// Records when each request began, and responds after a delay.
async fn respond(mut stream: TcpStream, arrivals: Arrivals, delay: Duration) {
    let mut read = Vec::with_capacity(4_096);
    while stream.read_buf(&mut read).await.is_ok_and(|bytes| bytes > 0) {
        let first = Instant::now();
        let id = loop {
            let text = String::from_utf8_lossy(&read);
            if let Some(at) = text.find("\r\n\r\n").filter(|at| read.len() >= at + 4 + 1_024) {
                let head = text[..at].to_ascii_lowercase();
                let id = head.split("webhook-id: ").nth(1).and_then(|rest| rest.split("\r\n").next()).unwrap();
                break text[head.find(id).unwrap()..][..id.len()].to_owned();
            }
            if stream.read_buf(&mut read).await.unwrap_or(0) == 0 {
                return;
            }
        };
        read.clear();
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        arrivals.lock().unwrap().insert(id, first);
        if stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.is_err() {
            return;
        }
    }
}
