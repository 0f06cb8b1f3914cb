//! From dispatch to settled, against a bare loop that signs and posts the same payloads.
//!
//! One run measures all three by turns, over several rounds, on one runtime thread, against one receiver in its own
//! process: a hyper client that signs and posts and nothing else; hookwire on the memory store; hookwire on SQLite. It
//! prints rates, CPU per 1,000 deliveries (this process's, kernel time included), and the ratios of DESIGN section 9.
//!
//! `cargo bench --bench flow`; `HOOKWIRE_BENCH_EVENTS` sets the number of events a round (default 60,000).
#![expect(clippy::print_stdout, clippy::unwrap_used, clippy::disallowed_methods, reason = "a bench talks and measures")]

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hookwire::endpoint::{NewEndpoint, Target};
use hookwire::event::NewEvent;
use hookwire::retry::{Decision, Facts, Policy, RetryPolicy};
use hookwire::secret::{Key, Keyring};
use hookwire::sender::egress::EgressPolicy;
use hookwire::sender::{Sender, Store};
use hookwire::signature::{STANDARD, Signing};
use hookwire::store::{MemoryStore, SqliteStore};
use hookwire::worker::CancellationToken;
use http::{HeaderValue, Method, Request, Uri};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::sync::Semaphore;

const CALLERS: usize = 64;
const TENANTS: usize = 16;
const ROUNDS: usize = 3;
const PAYLOAD: usize = 1_024;

fn main() {
    if std::env::args().any(|argument| argument == "receiver") {
        return runtime().block_on(receiver::serve());
    }
    let events = std::env::var("HOOKWIRE_BENCH_EVENTS").ok().and_then(|text| text.parse().ok()).unwrap_or(60_000);
    let (mut child, url) = start_receiver();
    if let Ok(only) = std::env::var("HOOKWIRE_BENCH_ONLY") {
        profile(&only, &url, events);
        return child.kill().unwrap();
    }
    let mut results: [Vec<Measured>; 3] = Default::default();
    for _ in 0..ROUNDS {
        results[0].push(measure(events, bare(&url, events)));
        results[1].push(measure(events, hookwire(MemoryStore::new(), &url, events)));
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("flow.db");
        let sqlite = async { hookwire(SqliteStore::open(&path).await.unwrap(), &url, events).await };
        results[2].push(measure(events, sqlite));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    report(&results);
}

/// One of the three alone, for a profiler.
fn profile(only: &str, url: &str, events: usize) {
    let measured = match only {
        "bare" => measure(events, bare(url, events)),
        "memory" => measure(events, hookwire(MemoryStore::new(), url, events)),
        _ => {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("flow.db");
            measure(events, async { hookwire(SqliteStore::open(&path).await.unwrap(), url, events).await })
        }
    };
    println!("{only}: {:.0} deliveries/s, {:.2} us CPU each", measured.per_second, measured.cpu_micros);
}

#[derive(Clone, Copy)]
struct Measured {
    per_second: f64,
    cpu_micros: f64,
}

/// What `work` returns is dropped outside: throwing a store away is no part of delivering.
fn measure<T>(events: usize, work: impl Future<Output = T>) -> Measured {
    let (cpu, began) = (cpu_seconds(), Instant::now());
    let _left = runtime().block_on(work);
    let count = events as f64;
    Measured { per_second: count / began.elapsed().as_secs_f64(), cpu_micros: (cpu_seconds() - cpu) * 1e6 / count }
}

fn runtime() -> tokio::runtime::Runtime {
    if let Some(n) = std::env::var("HOOKWIRE_BENCH_WORKERS").ok().and_then(|n| n.parse().ok()) {
        return tokio::runtime::Builder::new_multi_thread().worker_threads(n).enable_all().build().unwrap();
    }
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// User and kernel time of this process and all its threads.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks = |at: usize| fields[at].parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / 100.0
}

fn median(results: &[Measured], of: impl Fn(&Measured) -> f64) -> f64 {
    let mut values: Vec<_> = results.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn report(results: &[Vec<Measured>; 3]) {
    let bare = median(&results[0], |it| it.cpu_micros);
    println!("{:<24}{:>14}{:>20}{:>12}{:>10}", "", "deliveries/s", "CPU s per 1,000", "CPU ratio", "target");
    for (name, results, target) in [
        ("bare hyper loop", &results[0], ""),
        ("hookwire, memory", &results[1], ">= 0.70"),
        ("hookwire, SQLite", &results[2], ">= 0.35"),
    ] {
        let (rate, cpu) = (median(results, |it| it.per_second), median(results, |it| it.cpu_micros));
        println!("{name:<24}{rate:>14.0}{:>20.4}{:>12.2}{target:>10}", cpu / 1e3, bare / cpu);
    }
}

/// Signs and posts, nothing else.
async fn bare(url: &str, events: usize) {
    let client: Client<HttpConnector, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let keys = Arc::new(Keyring::new(Key::generate().unwrap()));
    let (uri, payload) = (url.parse::<Uri>().unwrap(), Bytes::from(vec![b'x'; PAYLOAD]));
    let next = Arc::new(AtomicUsize::new(0));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..CALLERS {
        let (client, keys, uri, payload, next) =
            (client.clone(), keys.clone(), uri.clone(), payload.clone(), next.clone());
        tasks.spawn(async move {
            loop {
                let turn = next.fetch_add(1, Ordering::Relaxed);
                if turn >= events {
                    break;
                }
                let id = format!("evt_{turn:032x}");
                let mut request = Request::new(Full::new(payload.clone()));
                *request.method_mut() = Method::POST;
                *request.uri_mut() = uri.clone();
                request.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
                let now = std::time::SystemTime::now().into();
                let signing = Signing { id: &id, timestamp: now, body: &payload };
                STANDARD.sign(&signing, &keys, request.headers_mut()).unwrap();
                let response = client.request(request).await.unwrap();
                assert_eq!(response.status(), 204);
                let _empty = response.into_body().collect().await.unwrap();
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
}

/// The default policy, and a place in the line for each attempt that has ended.
#[derive(Debug)]
struct Line {
    policy: Policy,
    places: Arc<Semaphore>,
}

impl RetryPolicy for Line {
    fn max_attempts(&self) -> u32 {
        self.policy.max_attempts()
    }

    fn decide(&self, facts: &Facts<'_>) -> Decision {
        self.places.add_permits(1);
        self.policy.decide(facts)
    }
}

/// As many callers as the bare loop has, each with one delivery under way, until the last is settled.
async fn hookwire(store: impl Store + Clone + 'static, url: &str, events: usize) -> Sender {
    let egress = EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback();
    let places = Arc::new(Semaphore::new(CALLERS));
    let line = Line { policy: Policy::default(), places: places.clone() };
    let sender = Sender::builder(store.clone()).egress(egress).retry(line).build().unwrap();
    for tenant in 0..TENANTS {
        let endpoint = NewEndpoint::at(Target::parse(url).unwrap()).tenant(format!("tenant-{tenant}"));
        sender.endpoints().create(endpoint).await.unwrap();
    }
    let stop = CancellationToken::new();
    let worker = tokio::spawn(sender.worker().run(stop.clone()));
    let next = Arc::new(AtomicUsize::new(0));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..CALLERS {
        let (sender, next, places) = (sender.clone(), next.clone(), places.clone());
        tasks.spawn(async move {
            let payload = Bytes::from(vec![b'x'; PAYLOAD]);
            loop {
                let turn = next.fetch_add(1, Ordering::Relaxed);
                if turn >= events {
                    break;
                }
                places.acquire().await.unwrap().forget();
                let event = NewEvent::raw("bench.made", "application/json", payload.clone()).unwrap();
                sender.dispatch(event.tenant(format!("tenant-{}", turn % TENANTS))).await.unwrap();
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    // Nothing is pending any more: asked of the hot index, because counting what is stored is no part of delivering.
    while !store.lanes(None, 1).await.unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stop.cancel();
    worker.await.unwrap().unwrap();
    sender
}

fn start_receiver() -> (Child, String) {
    use std::io::BufRead;
    let mut child = Command::new(std::env::current_exe().unwrap())
        .arg("receiver")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    std::io::BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    (child, format!("http://{}/in", line.trim()))
}

/// Reads every request whole and answers 204. Ends when its parent does.
mod receiver {
    use std::convert::Infallible;

    use bytes::Bytes;
    use http::{Request, Response};
    use http_body_util::{BodyExt, Empty};
    use hyper::body::Incoming;
    use hyper::service::service_fn;
    use hyper_util::rt::TokioIo;

    pub(crate) async fn serve() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("{}", listener.local_addr().unwrap());
        std::thread::spawn(|| {
            let _parent_is_gone = std::io::stdin().read_line(&mut String::new());
            std::process::exit(0);
        });
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let connection =
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer));
            tokio::spawn(connection);
        }
    }

    async fn answer(request: Request<Incoming>) -> Result<Response<Empty<Bytes>>, Infallible> {
        let _body = request.into_body().collect().await;
        let mut response = Response::new(Empty::new());
        *response.status_mut() = http::StatusCode::NO_CONTENT;
        Ok(response)
    }
}
