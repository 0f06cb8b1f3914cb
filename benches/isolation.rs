//! What an endpoint waits for: a request while nothing else happens, and while others hang; and what a backlog weighs.
//!
//! 1. From the return of `dispatch` to the first byte at an idle receiver, one event at a time. Target: p99 at most 5 ms.
//! 2. The same at 200 events a second over 100 endpoints, and again while 1, then 30 of them take requests and never
//!    answer: the p99 of the other 70. Target: at most twice the p99 without.
//! 3. The same beside a tenant whose 300 endpoints succeed, each after 5 s; and beside one whose 300 names are never resolved.
//!    Target: at most twice the p99 without.
//! 4. Resident memory of a process that opens an SQLite file with 1,000,000 deliveries of one endpoint pending and works on
//!    them. Target: at most 128 MiB. And how long another endpoint of it waits meanwhile. Target: p99 below 1 s.
//!
//! `cargo bench --bench isolation`; `HOOKWIRE_BENCH_EVENTS` sets the number of events of 1 and 2 (default 2,000),
//! `HOOKWIRE_BENCH_PENDING` that of 4. DESIGN section 9 has the targets.
#![expect(clippy::print_stdout, clippy::unwrap_used, clippy::disallowed_methods, reason = "a bench talks and measures")]

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
use hookwire::id::{DeliveryId, EndpointId};
use hookwire::sender::egress::{EgressPolicy, Resolve};
use hookwire::sender::http::HttpOptions;
use hookwire::sender::{Sender, Store};
use hookwire::store::{Append, MemoryStore, SqliteStore};
use hookwire::worker::CancellationToken;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const ENDPOINTS: usize = 100;
const HANGING: usize = 30;
const PER_SECOND: u32 = 200;

/// How many endpoints the greedy tenant has.
const GREEDY: usize = 300;

/// What the greedy tenant's endpoints do.
#[derive(Clone, Copy)]
enum Beside {
    /// They succeed, after a while.
    Slow,
    /// Their names are never resolved.
    Lost,
}

/// Every name is that of the loopback interface, but for those that are never resolved.
#[derive(Debug)]
struct Silent;

#[async_trait::async_trait]
impl Resolve for Silent {
    async fn resolve(&self, host: &str) -> std::io::Result<Vec<IpAddr>> {
        if host.starts_with("lost") {
            std::future::pending::<()>().await;
        }
        Ok(vec![IpAddr::from([127, 0, 0, 1])])
    }

    fn at_once(&self) -> usize {
        8
    }
}

/// When the first byte of each event's request was there.
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
            ("memory", idle(MemoryStore::new(), &receiver, events / 4).await),
            ("SQLite", idle(sqlite().await, &receiver, events / 4).await),
        ]
        .map(|(name, times)| (name, percentile(&times, 50), percentile(&times, 99)))
        {
            println!("idle, {name}: dispatched to first byte p50 {p50:.2} ms, p99 {p99:.2} ms (target 5)");
        }
    });
    let alone = runtime().block_on(crowd(&receiver, events, 0));
    let alone = percentile(&alone, 99);
    println!("{ENDPOINTS} endpoints: p99 {alone:.2} ms");
    for hanging in [1, HANGING] {
        let beside = percentile(&runtime().block_on(crowd(&receiver, events, hanging)), 99);
        println!("{hanging} hang: {beside:.2} ms for the others, {:.2} (target 2)", beside / alone);
    }
    for (name, beside) in [("slow successes", Beside::Slow), ("names that are never resolved", Beside::Lost)] {
        let times = runtime().block_on(crowd_beside(&receiver, events, beside));
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

/// Its file is removed with the process's temporary folder.
async fn sqlite() -> SqliteStore {
    let path = tempfile::tempdir().unwrap().keep().join("isolation.db");
    SqliteStore::open(path).await.unwrap()
}

/// Milliseconds.
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

/// One event at a time, at a receiver that has nothing else to do.
async fn idle(store: impl Store + 'static, receiver: &Receiver, events: usize) -> Vec<Duration> {
    let sender = sender(store);
    register(&sender, "idle", receiver.answering).await;
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

/// Many endpoints at a steady rate, of which some never answer: how long the others wait.
async fn crowd(receiver: &Receiver, events: usize, hanging: usize) -> Vec<Duration> {
    let sender = sender(sqlite().await);
    for endpoint in 0..ENDPOINTS {
        let at = if endpoint < hanging { receiver.hanging } else { receiver.answering };
        register(&sender, &format!("tenant-{endpoint}"), at).await;
    }
    let stop = CancellationToken::new();
    let worker = tokio::spawn(sender.worker().run(stop.clone()));
    let mut healthy = Vec::new();
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / PER_SECOND);
    for event in 0..events {
        ticks.tick().await;
        // The same 70 are measured in both runs.
        let endpoint = event % ENDPOINTS;
        let dispatched = dispatch(&sender, &format!("tenant-{endpoint}")).await;
        if endpoint >= HANGING {
            healthy.push(dispatched);
        }
    }
    let times = receiver.times(&healthy).await;
    // Not told to stop: that would wait for those that hang.
    worker.abort();
    times
}

async fn register_name(sender: &Sender, tenant: String, (host, port): (String, u16)) {
    let target = Target::parse(&format!("http://{host}.example:{port}/in")).unwrap();
    sender.endpoints().create(NewEndpoint::at(target).tenant(tenant)).await.unwrap();
}

/// As [`crowd`], beside a tenant that has more deliveries pending than it gets done. All targets are names.
async fn crowd_beside(receiver: &Receiver, events: usize, beside: Beside) -> Vec<Duration> {
    let egress = EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback();
    let http = HttpOptions::default().egress(egress).resolver(Silent);
    let sender = Sender::builder(sqlite().await).http(http).build().unwrap();
    for endpoint in 0..ENDPOINTS {
        let target = (format!("here-{endpoint}"), receiver.answering.port());
        register_name(&sender, format!("tenant-{endpoint}"), target).await;
    }
    let worker = tokio::spawn(sender.worker().run(CancellationToken::new()));
    // Each has delivered before.
    receiver.times(&paced(&sender, ENDPOINTS).await).await;
    let (host, port) = match beside {
        Beside::Slow => ("slow", receiver.slow.port()),
        Beside::Lost => ("lost", receiver.answering.port()),
    };
    let greedy = (0..GREEDY).map(|it| register_name(&sender, "greedy".into(), (format!("{host}-{it}"), port)));
    futures_util::future::join_all(greedy).await;
    for _ in 0..6 {
        dispatch(&sender, "greedy").await;
    }
    let times = receiver.times(&paced(&sender, events).await).await;
    worker.abort();
    times
}

/// So many events at a steady rate, the tenants in turn.
async fn paced(sender: &Sender, events: usize) -> Vec<(String, Instant)> {
    let mut dispatched = Vec::new();
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / PER_SECOND);
    for event in 0..events {
        ticks.tick().await;
        dispatched.push(dispatch(sender, &format!("tenant-{}", event % ENDPOINTS)).await);
    }
    dispatched
}

/// Fills a file, and starts a process that works on it.
fn backlog(pending: usize) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("backlog.db");
    runtime().block_on(async {
        let store = SqliteStore::open(&path).await.unwrap();
        let sender = sender(store.clone());
        // Where nobody listens any more.
        let nowhere = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let endpoint = register(&sender, "acme", nowhere).await;
        let later = Timestamp::from_secs(4_000_000_000);
        for chunk in 0..pending.div_ceil(1_000) {
            let owe = |_| {
                let event = NewEvent::raw("bench.made", "application/json", vec![b'x'; 200]).unwrap();
                let leased_until = (chunk % 2 == 0).then_some(later);
                let delivery = NewDelivery { id: DeliveryId::generate(later), lane: endpoint.into(), leased_until };
                let now = Timestamp::from_secs(1_700_000_000);
                Append { event: Arc::new(event.seal(now)), deliveries: vec![delivery], now }
            };
            hookwire::store::Outbox::append(&store, (0..1_000).map(owe).collect()).await.unwrap();
        }
    });
    let child = Command::new(std::env::current_exe().unwrap()).arg("backlog").arg(&path).output().unwrap();
    println!("{pending} pending on SQLite: {}", String::from_utf8_lossy(&child.stdout).trim());
}

/// In its own process: claims, fails to connect, and settles for a while.
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
    register(&sender, "other", receiver.answering).await;
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

/// Three listeners on a thread of their own: one that answers, one that does so after 5 s, one that never does.
struct Receiver {
    answering: SocketAddr,
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
                let answering = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let slow = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let hanging = TcpListener::bind("127.0.0.1:0").await.unwrap();
                to.send([&answering, &slow, &hanging].map(|listener| listener.local_addr().unwrap())).unwrap();
                let mut held = Vec::new();
                loop {
                    tokio::select! {
                        Ok((stream, _)) = answering.accept() => {
                            drop(tokio::spawn(answer(stream, log.clone(), Duration::ZERO)));
                        }
                        Ok((stream, _)) = slow.accept() => {
                            drop(tokio::spawn(answer(stream, log.clone(), Duration::from_secs(5))));
                        }
                        Ok((stream, _)) = hanging.accept() => held.push(stream),
                    }
                }
            });
        });
        let [answering, slow, hanging] = from.recv().unwrap();
        Self { answering, slow, hanging, arrivals }
    }

    /// Waits, boundedly, until all have arrived; nothing where the byte was there before `dispatch` had returned.
    async fn times(&self, dispatched: &[(String, Instant)]) -> Vec<Duration> {
        let mut rest = 1_000;
        while !self.have_all(dispatched) && rest > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
            rest -= 1;
        }
        let arrivals = self.arrivals.lock().unwrap();
        dispatched.iter().map(|(id, at)| arrivals[id].saturating_duration_since(*at)).collect()
    }

    fn have_all(&self, dispatched: &[(String, Instant)]) -> bool {
        let arrivals = self.arrivals.lock().unwrap();
        dispatched.iter().all(|(id, _)| arrivals.contains_key(id))
    }
}

/// Notes when each request began, and answers it after a while.
async fn answer(mut stream: TcpStream, arrivals: Arrivals, after: Duration) {
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
        if !after.is_zero() {
            tokio::time::sleep(after).await;
        }
        arrivals.lock().unwrap().insert(id, first);
        if stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.is_err() {
            return;
        }
    }
}
