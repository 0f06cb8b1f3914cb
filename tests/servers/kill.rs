//! Killed servers, backends and workers: acknowledged events are in the database afterwards, and are delivered.
//!
//! The default run is short. The long run: `HOOKWIRE_KILL_CYCLES=1000 cargo test -p hookwire-tests --test servers kill::`, with 200 kills in each
//! test.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hookwire::endpoint::{NewEndpoint, Target};
use hookwire::event::NewEvent;
use hookwire::id::{EventId, Work};
use hookwire::sender::egress::EgressPolicy;
use hookwire::sender::{DispatchError, Sender};
use hookwire::store::{History, PostgresStore};
use hookwire::worker::{CancellationToken, Config};
use libtest_mimic::Trial;

use crate::child::{self, Running};
use crate::postgres::{self, Server as Postgres};
use crate::schema::Schema;
use crate::server::{ReceivedIds, Server};
use crate::{Needs, hidden, until};

const CALLERS: usize = 16;
const CHILD: &str = "kill::child";

pub fn trials(binaries: &Needs) -> Vec<Trial> {
    vec![
        binaries.test("kill::f_36_acknowledged_events_survive_kills_of_the_server", |_| servers_die()),
        binaries.test("kill::f_52_nothing_is_lost_while_one_of_three_workers_is_killed_repeatedly", |_| workers_die()),
        hidden(CHILD, dispatches_until_it_is_killed),
    ]
}

fn cycles() -> usize {
    let cycles = std::env::var("HOOKWIRE_KILL_CYCLES").ok().and_then(|text| text.parse().ok()).unwrap_or(10);
    cycles / 5
}

/// Leases are short, so that those of killed processes end soon.
fn sender(store: &PostgresStore) -> Sender {
    let egress = EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback();
    let config = Config { lease: Duration::from_secs(40), ..Config::default() };
    Sender::builder(store.clone()).clock(store.clock()).egress(egress).worker(config).build().unwrap()
}

pub async fn register(sender: &Sender, server: &Server) {
    sender.endpoints().create(NewEndpoint::at(Target::parse(&server.url("/in")).unwrap())).await.unwrap();
}

#[expect(clippy::print_stderr, reason = "the figures of the long run")]
pub fn report(figures: &str) {
    eprintln!("{figures}");
}

/// Dispatches until it is stopped. Each event is repeated with its id until it is acknowledged.
async fn dispatch(sender: Sender, caller: usize, stop: Arc<AtomicBool>) -> Vec<String> {
    let mut acknowledged = Vec::new();
    for turn in 0.. {
        let id = format!("event-{caller}-{turn}");
        loop {
            if stop.load(Ordering::Relaxed) {
                return acknowledged;
            }
            let event = NewEvent::json("a.b", &turn).unwrap().id(EventId::new(id.as_str()).unwrap());
            match sender.dispatch(event).await {
                Ok(_) => break acknowledged.push(id),
                Err(DispatchError::Store(error)) => assert!(error.is_retryable(), "{error:?}"),
                Err(error) => panic!("{error}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    acknowledged
}

/// In one cycle the postmaster is killed, in the next one all its backends, always under load.
async fn servers_die() {
    let mut postgres = Postgres::start().unwrap();
    let schema = Schema::fresh(&postgres.url());
    let store = schema.open().await;
    let (sender, received_ids) = (sender(&store), ReceivedIds::default());
    let server = received_ids.listen().await;
    register(&sender, &server).await;
    let stop = CancellationToken::new();
    let worker = tokio::spawn(sender.worker().run(stop.clone()));
    let enough = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> =
        (0..CALLERS).map(|caller| tokio::spawn(dispatch(sender.clone(), caller, enough.clone()))).collect();
    for cycle in 0..cycles() {
        let seen = received_ids.requests();
        until(|| async { received_ids.requests() >= seen + 300 }).await;
        let died = if cycle % 2 == 0 {
            tokio::task::spawn_blocking(move || {
                postgres.kill();
                postgres.run();
                postgres
            })
        } else {
            tokio::task::spawn_blocking(move || {
                for pid in postgres::children_of(postgres.pid()) {
                    let _gone = std::process::Command::new("kill").args(["-9", &pid.to_string()]).output();
                }
                postgres.wait();
                postgres
            })
        };
        postgres = died.await.unwrap();
    }
    enough.store(true, Ordering::Relaxed);
    let mut acknowledged = Vec::new();
    for caller in callers {
        acknowledged.extend(caller.await.unwrap());
    }
    until(|| async { store.counts(Work::Sent, None).await.is_ok_and(|counts| counts.pending == 0) }).await;
    stop.cancel();
    worker.await.unwrap().unwrap();
    let lost: Vec<_> = acknowledged.iter().filter(|id| !received_ids.has(id)).collect();
    assert!(lost.is_empty(), "{lost:?}");
    let (kept, requests) = (acknowledged.len(), received_ids.requests());
    report(&format!("{} kills of the server: {kept} acknowledged, none lost, {requests} requests", cycles()));
}

/// In a separate process, on the parent's schema: dispatches, delivers, and prints the acknowledged ids.
async fn dispatches_until_it_is_killed() {
    let (path, _) = child::task();
    let store = Schema::named(path.to_str().unwrap()).open().await;
    let sender = sender(&store);
    let _worker = tokio::spawn(sender.worker().run(CancellationToken::new()));
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..CALLERS {
        let sender = sender.clone();
        callers.spawn(async move {
            for turn in 0.. {
                match sender.dispatch(NewEvent::json("a.b", &turn).unwrap()).await {
                    Ok(receipt) => child::say(receipt.event.as_str()),
                    Err(DispatchError::Store(error)) => assert!(error.is_retryable(), "{error:?}"),
                    Err(error) => panic!("{error}"),
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
    }
    while let Some(done) = callers.join_next().await {
        done.unwrap();
    }
}

/// Three processes dispatch and deliver; repeatedly, one of them is killed, in turn, and another one is started.
async fn workers_die() {
    let postgres = Postgres::start().unwrap();
    let schema = Schema::fresh(&postgres.url());
    let store = schema.open().await;
    let (sender, received_ids) = (sender(&store), ReceivedIds::default());
    let server = received_ids.listen().await;
    register(&sender, &server).await;
    let named = format!("{} {}", schema.url, schema.name);
    let start = move || Running::start(child::command(&[], CHILD, Path::new(&named)), 0);
    let acknowledged = tokio::task::spawn_blocking(move || child::kill_in_turn(start, cycles())).await.unwrap();
    // This process takes over when the leases of the killed processes have ended.
    let stop = CancellationToken::new();
    let worker = tokio::spawn(sender.worker().run(stop.clone()));
    until(|| async { store.counts(Work::Sent, None).await.unwrap().pending == 0 }).await;
    stop.cancel();
    worker.await.unwrap().unwrap();
    let lost: Vec<_> = acknowledged.iter().filter(|id| !received_ids.has(id)).collect();
    assert!(lost.is_empty(), "{lost:?}");
    let (kept, requests) = (acknowledged.len(), received_ids.requests());
    report(&format!("{} kills among three workers: {kept} acknowledged, none lost, {requests} requests", cycles()));
}
