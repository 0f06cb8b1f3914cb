//! Killed processes: acknowledged events are in the store afterwards, and are delivered.

use std::path::Path;
use std::time::Duration;

use hookwire::clock::{Clock, SystemClock, Timestamp};
use hookwire::endpoint::{NewEndpoint, Target};
use hookwire::event::NewEvent;
use hookwire::id::{EventId, Tenant, Work};
use hookwire::sender::egress::EgressPolicy;
use hookwire::sender::{DispatchError, Sender};
use hookwire::store::{SqliteStore, StoreErrorKind};
use tokio_util::sync::CancellationToken;

use super::child::{self, Running};
use crate::support::server::{ReceivedIds, Server};
use crate::support::until;

/// The process that is killed.
const CHILD: &str = "store::crash::dispatches_until_it_is_killed";

const TENANTS: usize = 4;
const CALLERS: usize = 32;

/// An hour ahead, so that the leases of killed processes have ended.
#[derive(Debug)]
struct Ahead;

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        SystemClock.now() + Duration::from_secs(3_600)
    }

    fn uptime(&self) -> Duration {
        SystemClock.uptime()
    }
}

fn sender(store: SqliteStore, clock: impl Clock) -> Sender {
    let egress = EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback();
    Sender::builder(store).clock(clock).egress(egress).build().unwrap()
}

fn tenant(number: usize) -> Tenant {
    Tenant::from(format!("tenant-{}", number % TENANTS).as_str())
}

/// Dispatches and delivers until it is killed; prints the id of each acknowledged event.
#[tokio::test]
#[ignore = "the process that is killed"]
async fn dispatches_until_it_is_killed() {
    let (path, _) = child::task();
    let sender = sender(SqliteStore::open(path).await.unwrap(), SystemClock);
    let _worker = tokio::spawn(sender.worker().run(CancellationToken::new()));
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..CALLERS {
        let sender = sender.clone();
        callers.spawn(async move {
            for turn in 0.. {
                // Payloads of one page to several pages, so that the log grows by different sizes.
                let data = "x".repeat(1 + (turn * 977) % 9_000);
                let event = NewEvent::json("kill.survived", &data).unwrap().tenant(tenant(caller));
                match sender.dispatch(event).await {
                    Ok(receipt) => child::say(&format!("{caller} {}", receipt.event)),
                    // The process did not get the lock in time: nothing was stored.
                    Err(DispatchError::Store(error)) if error.kind() == StoreErrorKind::Unavailable => {}
                    Err(error) => panic!("{error}"),
                }
            }
        });
    }
    while let Some(done) = callers.join_next().await {
        done.unwrap();
    }
}

/// `SplitMix64`, so that a run can be repeated.
struct Chance(u64);

impl Chance {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below
    }
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap())
}

/// Starts a child and kills it after `after` acknowledgements and some microseconds. Returns the acknowledged ids.
fn kill_one(path: &Path, after: u64, micros: u64) -> Vec<(Tenant, EventId)> {
    let command = child::command(&[], CHILD, path);
    let mut child = Running::start(command, 0);
    let mut said: Vec<_> = (0..after).map(|_| child.next().expect("the child runs until it is killed")).collect();
    std::thread::sleep(Duration::from_micros(micros));
    child.kill();
    said.extend(child.rest());
    said.into_iter().map(acknowledged).collect()
}

/// The id in a line; every line is complete.
fn acknowledged(line: String) -> (Tenant, EventId) {
    let (caller, id) = line.split_once(' ').unwrap();
    (tenant(caller.parse().unwrap()), EventId::new(id).unwrap())
}

/// An endpoint of each tenant.
async fn register(path: &Path, server: &Server) {
    let setup = sender(SqliteStore::open(path).await.unwrap(), SystemClock);
    for number in 0..TENANTS {
        let endpoint = NewEndpoint::at(Target::parse(&server.url("/in")).unwrap()).tenant(tenant(number));
        setup.endpoints().create(endpoint).await.unwrap();
    }
}

/// Opens the file after the kills, and delivers what is pending.
async fn recover(path: &Path) {
    let store = SqliteStore::open(path).await.unwrap();
    store.check().await.unwrap();
    let sender = sender(store, Ahead);
    let stop = CancellationToken::new();
    let worker = tokio::spawn(sender.worker().run(stop.clone()));
    until(|| async { sender.history().counts(None).await.unwrap().pending == 0 }).await;
    stop.cancel();
    worker.await.unwrap().unwrap();
    let counts = sender.history().counts(None).await.unwrap();
    assert_eq!(counts.failed + counts.held + counts.cancelled, 0);
}

#[expect(clippy::print_stderr, reason = "the figures of the long run")]
fn report(figures: &str) {
    eprintln!("{figures}");
}

/// Three processes on one file; repeatedly, one of them is killed, in turn, and another one is started.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_52_nothing_is_lost_while_one_of_three_processes_is_killed_repeatedly() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hookwire.db");
    let received_ids = ReceivedIds::default();
    let server = received_ids.listen().await;
    register(&path, &server).await;
    let cycles = number("HOOKWIRE_KILL_CYCLES", 5);
    let killed = path.clone();
    let start = move || Running::start(child::command(&[], CHILD, &killed), 0);
    let kills = usize::try_from(cycles).unwrap();
    let said = tokio::task::spawn_blocking(move || child::kill_in_turn(start, kills)).await.unwrap();
    let said: Vec<_> = said.into_iter().map(acknowledged).collect();
    recover(&path).await;
    let store = SqliteStore::open(&path).await.unwrap();
    for (tenant, id) in &said {
        let found = hookwire::store::History::event(&store, Work::Sent, tenant, id).await.unwrap();
        assert!(found.is_some(), "{id} was acknowledged and is lost");
        assert!(received_ids.has(id.as_str()), "{id} was never delivered");
    }
    let (kept, sent) = (said.len(), received_ids.requests());
    report(&format!("{cycles} kills among three: {kept} acknowledged, none lost, {sent} requests"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_50_acknowledged_events_survive_a_kill_and_are_delivered() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hookwire.db");
    let received_ids = ReceivedIds::default();
    let server = received_ids.listen().await;
    register(&path, &server).await;

    let seed = number("HOOKWIRE_KILL_SEED", 1);
    let mut chance = Chance(seed);
    let mut owed = Vec::new();
    let cycles = number("HOOKWIRE_KILL_CYCLES", 5);
    for cycle in 0..cycles {
        let (after, micros) = (chance.next(2_000), chance.next(20_000));
        let killed = path.clone();
        let said = tokio::task::spawn_blocking(move || kill_one(&killed, after, micros)).await.unwrap();
        recover(&path).await;

        let store = SqliteStore::open(&path).await.unwrap();
        for (tenant, id) in &said {
            let found = hookwire::store::History::event(&store, Work::Sent, tenant, id).await.unwrap();
            assert!(found.is_some(), "seed {seed}, cycle {cycle}: {id} was acknowledged and is lost");
        }
        owed.extend(said);
    }
    let lost: Vec<_> = owed.iter().filter(|(_, id)| !received_ids.has(id.as_str())).collect();
    assert!(lost.is_empty(), "seed {seed}: acknowledged, kept, and never delivered: {lost:?}");
    let (kept, sent) = (owed.len(), received_ids.requests());
    report(&format!(
        "{cycles} kills: {kept} acknowledged, none lost, {sent} requests for {} events",
        received_ids.distinct()
    ));
}
