//! The parts that are counted.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use hookwire::clock::Timestamp;
use hookwire::delivery::{Attempt, Leased, NewDelivery, Settlement};
use hookwire::endpoint::{Endpoint, NewEndpoint};
use hookwire::event::NewEvent;
use hookwire::id::EndpointId;
use hookwire::outcome::Outcome;
use hookwire::provider::{GITHUB, STANDARD};
use hookwire::receiver::{Receiver, Source};
use hookwire::retry::Decision;
use hookwire::secret::{Key, Keyring};
use hookwire::signature::{Received, Signing, Trust};
use hookwire::store::{Append, Claim, Dedup, MemoryDedup, MemoryStore, PutResult, SqliteStore, Store};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use tokio::task::JoinSet;

use super::parts::{bare, hookwire};

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Instructions of one operation, without the kernel.
    Instructions,
    /// System calls of 1,000 operations.
    SystemCalls,
}

/// A part, and how it is counted.
pub(crate) struct Part {
    pub(crate) name: &'static str,
    pub(crate) unit: Unit,
    /// The numbers of operations of the two runs.
    pub(crate) operations: (u64, u64),
    /// By how many percent the number may rise.
    pub(crate) tolerance: f64,
}

impl Part {
    pub(crate) fn title(&self) -> String {
        match self.unit {
            Unit::Instructions => self.name.into(),
            Unit::SystemCalls => format!("{}, system calls of 1,000", self.name),
        }
    }
}

const fn exact(name: &'static str, operations: (u64, u64)) -> Part {
    Part { name, unit: Unit::Instructions, operations, tolerance: 2.0 }
}

/// A part with sockets: the sizes of its batches differ from run to run.
const fn varying(name: &'static str) -> Part {
    Part { name, unit: Unit::Instructions, operations: (10 * BATCH, 50 * BATCH), tolerance: 15.0 }
}

/// System calls depend on how the threads meet and how large the commits become: two runs differed by a third.
const fn calls(name: &'static str) -> Part {
    Part { name, unit: Unit::SystemCalls, operations: (10 * BATCH, 50 * BATCH), tolerance: 60.0 }
}

/// The number of deliveries in a batch.
const BATCH: u64 = 64;

/// Each step of a store includes the steps before it.
pub(crate) const PARTS: [Part; 17] = [
    exact("sign", (200, 1_200)),
    exact("verify", (200, 1_200)),
    exact("memory: append", (10 * BATCH, 60 * BATCH)),
    exact("memory: append, claim", (10 * BATCH, 60 * BATCH)),
    exact("memory: append, claim, settle", (10 * BATCH, 60 * BATCH)),
    exact("SQLite: append", (10 * BATCH, 60 * BATCH)),
    exact("SQLite: append, claim", (10 * BATCH, 60 * BATCH)),
    exact("SQLite: append, claim, settle", (10 * BATCH, 60 * BATCH)),
    varying("bare loop"),
    varying("memory: dispatch to settled"),
    varying("SQLite: dispatch to settled"),
    exact("receive: dedup in memory", (10 * BATCH, 60 * BATCH)),
    varying("receive: dedup on SQLite"),
    calls("bare loop"),
    calls("memory: dispatch to settled"),
    calls("SQLite: dispatch to settled"),
    calls("receive: dedup on SQLite"),
];

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Runs this many operations of a part.
pub(crate) async fn run(name: &str, count: u64, url: &str) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("count.db");
    let events = usize::try_from(count).unwrap();
    match name.split_once(": ") {
        None if name == "sign" => sign(count),
        None if name == "verify" => verify(count),
        None => bare(url, events).await,
        Some(("memory", "dispatch to settled")) => drop(hookwire(MemoryStore::new(), url, events).await),
        Some((_, "dispatch to settled")) => {
            drop(hookwire(SqliteStore::open(&path).await.unwrap(), url, events).await);
        }
        Some(("receive", "dedup in memory")) => receive(MemoryDedup::new(), count).await,
        Some(("receive", _)) => receive(SqliteStore::open(&path).await.unwrap(), count).await,
        Some(("memory", steps)) => deliver(Arc::new(MemoryStore::new()), steps, count).await,
        Some((_, steps)) => deliver(Arc::new(SqliteStore::open(&path).await.unwrap()), steps, count).await,
    }
}

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const ID: &str = "evt_0190b3c2d4e5f60718293a4b5c6d7e8f";

fn sign(count: u64) {
    let keys = Keyring::new(Key::parse(SECRET).unwrap());
    let body = vec![b'x'; 1_024];
    for _ in 0..count {
        let mut headers = HeaderMap::new();
        STANDARD.sign(&Signing { id: ID, timestamp: NOW, body: &body }, &keys, &mut headers).unwrap();
        black_box(headers);
    }
}

fn verify(count: u64) {
    let keys = Keyring::new(Key::parse(SECRET).unwrap());
    let body = format!(r#"{{"type":"invoice.paid","data":"{}"}}"#, "x".repeat(1_024 - 33)).into_bytes();
    let mut headers = HeaderMap::new();
    STANDARD.sign(&Signing { id: ID, timestamp: NOW, body: &body }, &keys, &mut headers).unwrap();
    let uri = Uri::from_static("https://a.example/");
    for _ in 0..count {
        let request = Received { method: &Method::POST, uri: &uri, headers: &headers, body: &body };
        assert!(black_box(STANDARD.verify(&request, &Trust::new(&keys, NOW)).is_ok()));
    }
}

/// Appends, claims and settles in batches, as far as the steps go.
async fn deliver(store: Arc<dyn Store>, steps: &str, count: u64) {
    let endpoint = Endpoint::new(
        NewEndpoint::https("https://example.com/in").unwrap(),
        Keyring::new(Key::parse(SECRET).unwrap()),
        NOW,
    );
    let lane = endpoint.id;
    assert_eq!(store.put(endpoint).await.unwrap(), PutResult::Stored);
    for _ in 0..count / BATCH {
        store.append((0..BATCH).map(|_| append(lane)).collect()).await.unwrap();
        if steps == "append" {
            continue;
        }
        let lanes = vec![(lane.into(), u32::try_from(BATCH).unwrap())];
        let claimed = store.claim(Claim { lanes, now: NOW, until: NOW + Duration::from_secs(60) }).await.unwrap();
        if steps.ends_with("settle") {
            store.settle(claimed.leased.iter().map(delivered).collect()).await.unwrap();
        }
    }
}

fn append(lane: EndpointId) -> Append {
    let event = NewEvent::raw("bench.made", "application/json", vec![b'1'; 200]).unwrap();
    Append { event: Arc::new(event.seal(NOW)), deliveries: vec![NewDelivery::new(lane, NOW)], now: NOW }
}

fn delivered(leased: &Leased) -> Settlement {
    let attempt = Attempt::new(1, NOW, Duration::from_millis(3), Outcome::Status(204));
    Settlement::of(leased, Decision::Delivered, NOW).with_attempt(attempt)
}

/// Receives requests that differ in their id only, which GitHub does not sign: so nothing is signed here. As many requests as a batch has
/// are in progress at the same time.
async fn receive(dedup: impl Dedup, count: u64) {
    let secret = "a secret of some length";
    let source = Source::github(secret).unwrap();
    let gate = Receiver::builder(dedup).source(source).build().unwrap().gate("github").unwrap();
    let body = bytes::Bytes::from(vec![b' '; 1_024]);
    let mut signed = HeaderMap::new();
    let signing = Signing { id: "", timestamp: NOW, body: &body };
    GITHUB.sign(&signing, &Keyring::new(GITHUB.key(secret).unwrap()), &mut signed).unwrap();
    signed.insert("x-github-event", HeaderValue::from_static("push"));
    let signed: Vec<(HeaderName, HeaderValue)> =
        signed.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    for batch in 0..count / BATCH {
        let mut requests = JoinSet::new();
        for place in 0..BATCH {
            let (gate, body, mut headers) = (gate.clone(), body.clone(), signed.clone());
            let id = HeaderValue::from_str(&format!("{:032x}", batch * BATCH + place)).unwrap();
            headers.push((HeaderName::from_static("x-github-delivery"), id));
            requests.spawn(async move {
                let head = (Method::POST, Uri::from_static("/in"), headers);
                gate.receive_bytes(head, body, async |_| StatusCode::OK).await.status()
            });
        }
        assert!(requests.join_all().await.into_iter().all(|status| status == StatusCode::OK));
    }
}
