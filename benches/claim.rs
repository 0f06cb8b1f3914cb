//! The rate of claims and settlements with few and with many pending deliveries, and the CPU cost of an append and a settlement.
//!
//! 1. Deliveries claimed and settled per second, 50 at a time from ten ready lanes, with 10,000 and with 1,000,000 pending. Half of
//!    the pending deliveries are overdue in the lane of one disabled endpoint, the rest are spread over 1,000 lanes. Target: the
//!    rate with 1,000,000 is at least 0.8 of the rate with 10,000.
//! 2. CPU time of one append, and of one settlement, with 1, 64 and 512 concurrent callers. It includes kernel time and all threads.
//!
//! Run it with `cargo bench -p hookwire-tests --bench claim`. `HOOKWIRE_BENCH_PENDING` sets the larger number of pending deliveries.
//! `HOOKWIRE_BENCH_OPERATIONS` (default 20,000) sets the number of operations for each cost.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a benchmark prints and reads the clock"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hookwire::clock::Timestamp;
use hookwire::delivery::{Attempt, Leased, NewDelivery, Settlement};
use hookwire::endpoint::{DisableReason, Endpoint, EndpointState, NewEndpoint};
use hookwire::event::{Event, NewEvent};
use hookwire::id::EndpointId;
use hookwire::outcome::Outcome;
use hookwire::retry::Decision;
use hookwire::secret::{Key, Keyring};
use hookwire::store::{Append, Claim, MemoryStore, PutResult, SqliteStore, Store};

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
const LANES: usize = 1_000;
const FEW: usize = 10_000;
/// Lanes of one claim, and deliveries for each lane. They are all the deliveries that the small store has in these lanes.
const CLAIM: (usize, u32) = (10, 5);
const PAYLOAD: usize = 200;
/// Rounds at each size, alternating. The median is reported. Together the rounds claim from every lane once.
const ROUNDS: usize = 5;
const CLAIMS: usize = LANES / CLAIM.0 / ROUNDS;

fn main() {
    let many = number("HOOKWIRE_BENCH_PENDING", 1_000_000);
    let operations = number("HOOKWIRE_BENCH_OPERATIONS", 20_000);
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        scale("memory", [Arc::new(MemoryStore::new()), Arc::new(MemoryStore::new())], many).await;
        let directory = tempfile::tempdir().unwrap();
        let open = |name: &str| SqliteStore::open(directory.path().join(name));
        scale("SQLite", [Arc::new(open("few.db").await.unwrap()), Arc::new(open("many.db").await.unwrap())], many)
            .await;
        println!("{:<10}{:>10}{:>18}{:>18}", "", "callers", "append, us CPU", "settle, us CPU");
        for callers in [1, 64, 512] {
            cost("memory", Arc::new(MemoryStore::new()), callers, operations).await;
            cost("SQLite", Arc::new(open(&format!("{callers}.db")).await.unwrap()), callers, operations).await;
        }
    });
}

fn number(variable: &str, default: usize) -> usize {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// User and kernel time of this process and all its threads.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks = |at: usize| fields[at].parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / 100.0
}

fn event() -> Arc<Event> {
    let event = NewEvent::raw("bench.made", "application/json", vec![b'1'; PAYLOAD]).unwrap();
    Arc::new(event.seal(NOW))
}

fn append_to(endpoint: EndpointId) -> Append {
    let delivery = NewDelivery::new(endpoint, NOW);
    Append { event: event(), deliveries: vec![delivery], now: NOW }
}

fn claim(lanes: &[EndpointId]) -> Claim {
    let lanes = lanes.iter().map(|endpoint| ((*endpoint).into(), CLAIM.1)).collect();
    Claim { lanes, now: NOW, until: NOW + Duration::from_secs(60) }
}

fn delivered(leased: &Leased) -> Settlement {
    let attempt = Attempt::new(1, NOW, Duration::from_millis(3), Outcome::Status(204));
    Settlement::of(leased, Decision::Delivered, NOW).with_attempt(attempt)
}

async fn create_disabled_endpoint(store: &dyn Store) -> EndpointId {
    let keys = Keyring::new(Key::generate().unwrap());
    let mut endpoint = Endpoint::new(NewEndpoint::https("https://example.com/in").unwrap(), keys, NOW);
    endpoint.state = EndpointState::Disabled { reason: DisableReason::Requested, at: NOW };
    let id = endpoint.id;
    assert_eq!(store.put(endpoint).await.unwrap(), PutResult::Stored);
    id
}

/// A store with pending deliveries, and its ready lanes.
struct Loaded {
    store: Arc<dyn Store>,
    lanes: Vec<EndpointId>,
    turn: usize,
}

impl Loaded {
    async fn with(store: Arc<dyn Store>, pending: usize) -> Self {
        let (dead, lanes) = (
            create_disabled_endpoint(&*store).await,
            (0..LANES).map(|_| EndpointId::generate(NOW)).collect::<Vec<_>>(),
        );
        let loaded = Self { store, lanes, turn: 0 };
        loaded.append_all(std::iter::repeat_n(dead, pending / 2)).await;
        loaded.append_all(loaded.lanes.iter().copied().cycle().take(pending / 2)).await;
        loaded
    }

    async fn append_all(&self, lanes: impl Iterator<Item = EndpointId>) {
        let mut lanes = lanes.peekable();
        while lanes.peek().is_some() {
            self.store.append(lanes.by_ref().take(1_000).map(append_to).collect()).await.unwrap();
        }
    }

    /// Claims and settles from the next lanes. Returns deliveries per second.
    async fn round(&mut self) -> f64 {
        let (mut settled, began) = (0, Instant::now());
        for lanes in self.lanes.chunks(CLAIM.0).skip(self.turn * CLAIMS).take(CLAIMS) {
            let leased = self.store.claim(claim(lanes)).await.unwrap().leased;
            self.store.settle(leased.iter().map(delivered).collect()).await.unwrap();
            settled += leased.len();
        }
        let rate = f64::from(u32::try_from(settled).unwrap()) / began.elapsed().as_secs_f64();
        self.turn += 1;
        rate
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

async fn scale(name: &str, stores: [Arc<dyn Store>; 2], pending: usize) {
    let [few, many] = stores;
    let mut stores = [Loaded::with(few, FEW).await, Loaded::with(many, pending).await];
    let mut rates = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (store, rates) in stores.iter_mut().zip(&mut rates) {
            rates.push(store.round().await);
        }
    }
    let [few, many] = rates.map(median);
    println!("{name}: {few:.0}/s with {FEW} pending, {many:.0}/s with {pending}: {:.2} (target 0.80)", many / few);
}

/// Runs `operation` from `callers` tasks. Returns CPU microseconds per operation.
async fn cpu_micros<F>(callers: usize, operations: usize, operation: impl Fn() -> F + Clone + Send + 'static) -> f64
where
    F: Future<Output = ()> + Send + 'static,
{
    let (next, before) = (Arc::new(AtomicUsize::new(0)), cpu_seconds());
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..callers {
        let (next, operation) = (next.clone(), operation.clone());
        tasks.spawn(async move {
            while next.fetch_add(1, Ordering::Relaxed) < operations {
                operation().await;
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    (cpu_seconds() - before) * 1e6 / f64::from(u32::try_from(operations).unwrap())
}

async fn cost(name: &str, store: Arc<dyn Store>, callers: usize, operations: usize) {
    // A single caller waits for the disk after each operation, so it makes fewer operations.
    let operations = if callers == 1 { operations / 10 } else { operations };
    let lane = EndpointId::generate(NOW);
    let appending = store.clone();
    let append = move || {
        let store = appending.clone();
        async move { drop(store.append(vec![append_to(lane)]).await.unwrap()) }
    };
    let append = cpu_micros(callers, operations, append).await;
    let mut leased = Vec::with_capacity(operations);
    while leased.len() < operations {
        let claim = Claim { lanes: vec![(lane.into(), 1_000)], ..claim(&[]) };
        leased.extend(store.claim(claim).await.unwrap().leased);
    }
    let leased = Arc::new(std::sync::Mutex::new(leased));
    let settle = move || {
        let (store, next) = (store.clone(), leased.lock().unwrap().pop().unwrap());
        async move { drop(store.settle(vec![delivered(&next)]).await.unwrap()) }
    };
    let settle = cpu_micros(callers, operations, settle).await;
    println!("{name:<10}{callers:>10}{append:>18.1}{settle:>18.1}");
}
