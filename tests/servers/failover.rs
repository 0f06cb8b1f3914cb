//! A primary and its synchronous standby, and faults after which the standby is promoted: acknowledged events are in the standby's
//! database.
//!
//! By default, each kind of fault happens once. The long run: `HOOKWIRE_FAILOVER_ROUNDS=50 cargo test -p hookwire-tests --test servers failover::`.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hookwire::event::NewEvent;
use hookwire::id::{EventId, Work};
use hookwire::sender::egress::EgressPolicy;
use hookwire::sender::http::HttpOptions;
use hookwire::sender::{DispatchError, Sender};
use hookwire::store::{History, PostgresStore};
use hookwire::store::{PostgresOptions, tokio_postgres};
use hookwire::worker::{CancellationToken, Config};
use libtest_mimic::Trial;

use crate::kill::{register, report};
use crate::postgres::{Server as Postgres, connect};
use crate::server::ReceivedIds;
use crate::{Needs, until};

const CALLERS: usize = 16;

pub fn trials(binaries: &Needs) -> Vec<Trial> {
    vec![binaries.test("failover::acknowledged_events_are_on_the_promoted_standby", |_| fail_over())]
}

/// The fault of the primary before its standby takes over.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// The standby dies, commits wait for it, and this statement ends their wait. Then the primary dies too.
    StandbyLost(&'static str),
    /// Every process of the primary is stopped, and every connection stays open.
    Hung,
    /// The primary accepts no more writes.
    ReadsOnly,
    /// The primary dies.
    Killed,
}

const FAULTS: [Fault; 6] = [
    Fault::StandbyLost("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"),
    Fault::StandbyLost("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"),
    Fault::StandbyLost("SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' LIMIT 1"),
    Fault::Hung,
    Fault::ReadsOnly,
    Fault::Killed,
];

fn rounds() -> usize {
    std::env::var("HOOKWIRE_FAILOVER_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(FAULTS.len())
}

async fn fail_over() {
    let (mut kept, mut slowest) = (0, Duration::ZERO);
    for fault in FAULTS.into_iter().cycle().take(rounds()) {
        let (acknowledged, took) = round(fault).await;
        kept += acknowledged;
        slowest = slowest.max(took);
        report(&format!("{fault:?}: {acknowledged} acknowledged, the first one {took:?} after the promotion"));
    }
    report(&format!("{} failovers: {kept} acknowledged, none lost, the longest interruption {slowest:?}", rounds()));
}

/// Leases are short, so that those of lost claims end soon.
fn sender(store: &PostgresStore) -> Sender {
    let egress = EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback();
    let http = HttpOptions::default().exchange_timeout(Duration::from_secs(4)).egress(egress);
    let config = Config { lease: Duration::from_secs(9), ..Config::default() };
    Sender::builder(store.clone()).clock(store.clock()).http(http).worker(config).build().unwrap()
}

/// One failover under load. Returns the number of acknowledged events, and the time from the promotion to the first acknowledgement.
async fn round(fault: Fault) -> (usize, Duration) {
    let (primary, standby) = blocking(|| {
        let primary = Postgres::start().unwrap();
        let standby = primary.synchronous_standby();
        (primary, standby)
    })
    .await;
    let url = format!("postgres://postgres@127.0.0.1:{},127.0.0.1:{}/postgres", primary.port(), standby.port());
    let options = PostgresOptions::new(&url).unwrap().call_timeout(Duration::from_secs(2));
    let store = options.open().await.unwrap();
    let (sender, received_ids) = (sender(&store), ReceivedIds::default());
    let server = received_ids.listen().await;
    register(&sender, &server).await;
    let stop = CancellationToken::new();
    let worker = tokio::spawn(sender.worker().run(stop.clone()));
    let callers = Callers::start(&sender);
    until(|| async { callers.count() >= 300 }).await;

    let (primary, standby) = blocking(move || befall(fault, primary, standby)).await;
    let (before, promoted) = (callers.count(), Instant::now());
    until(|| async { callers.count() > before }).await;
    let took = promoted.elapsed();
    until(|| async { callers.count() > before + 300 }).await;
    let acknowledged = callers.stop().await;

    // Acknowledged events are in the database, and are sent.
    let there = connect(&standby.url()).await.query("SELECT id FROM hookwire.publish", &[]).await.unwrap();
    let there: std::collections::HashSet<String> = there.iter().map(|row| row.get(0)).collect();
    let lost: Vec<_> = acknowledged.iter().filter(|id| !there.contains(*id)).collect();
    assert!(lost.is_empty(), "{fault:?}: {} of {} lost: {lost:?}", lost.len(), acknowledged.len());
    until(|| async { store.counts(Work::Sent, None).await.is_ok_and(|counts| counts.pending == 0) }).await;
    let unsent: Vec<_> = acknowledged.iter().filter(|id| !received_ids.has(id)).collect();
    assert!(unsent.is_empty(), "{fault:?}: not sent: {unsent:?}");
    stop.cancel();
    worker.await.unwrap().unwrap();
    blocking(move || drop((primary, standby))).await;
    (acknowledged.len(), took)
}

async fn blocking<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(run).await.unwrap()
}

/// Causes the fault, and promotes the standby.
fn befall(fault: Fault, mut primary: Postgres, mut standby: Postgres) -> (Postgres, Postgres) {
    match fault {
        Fault::StandbyLost(end_waits) => {
            standby.kill();
            // Waits until commits hang.
            std::thread::sleep(Duration::from_millis(300));
            for _ in 0..30 {
                end(&primary, end_waits);
                std::thread::sleep(Duration::from_millis(100));
            }
            primary.kill();
            standby.run();
        }
        Fault::Hung => primary.signal("-STOP"),
        Fault::ReadsOnly => {
            primary.execute("ALTER SYSTEM SET default_transaction_read_only = on");
            primary.execute("SELECT pg_reload_conf()");
        }
        Fault::Killed => primary.kill(),
    }
    std::thread::sleep(Duration::from_millis(300));
    standby.execute("SELECT pg_promote(true, 60)");
    (primary, standby)
}

/// Ends the waits. If the statement only returns the process ids, the processes are killed, after which the server restarts.
fn end(primary: &Postgres, statement: &str) {
    let url = primary.url();
    let rows = crate::postgres::block_on(async {
        let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.ok()?;
        let driver = tokio::spawn(connection);
        let rows = client.query(statement, &[]).await.ok();
        driver.abort();
        rows
    });
    let pids = rows.unwrap_or_default().into_iter().filter_map(|row| row.try_get::<_, i32>(0).ok());
    for pid in pids {
        let _gone = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status();
    }
}

/// Tasks that dispatch until they are stopped. Each event is repeated with its id until it is acknowledged.
struct Callers {
    tasks: Vec<tokio::task::JoinHandle<()>>,
    enough: Arc<AtomicBool>,
    count: Arc<AtomicUsize>,
    acknowledged: Arc<Mutex<Vec<String>>>,
}

impl Callers {
    fn start(sender: &Sender) -> Self {
        let (enough, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let acknowledged = Arc::new(Mutex::new(Vec::new()));
        let start = |caller: usize| {
            let (sender, enough, count) = (sender.clone(), enough.clone(), count.clone());
            let acknowledged = acknowledged.clone();
            tokio::spawn(async move {
                for turn in 0.. {
                    let id = format!("event-{caller}-{turn}");
                    if !acknowledge(&sender, &id, &enough).await {
                        return;
                    }
                    acknowledged.lock().unwrap().push(id);
                    count.fetch_add(1, Ordering::Relaxed);
                }
            })
        };
        let tasks = (0..CALLERS).map(start).collect();
        Self { tasks, enough, count, acknowledged }
    }

    fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    async fn stop(self) -> Vec<String> {
        self.enough.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await.unwrap();
        }
        std::mem::take(&mut self.acknowledged.lock().unwrap())
    }
}

/// Repeats until the event is acknowledged; returns `false` if the task is stopped before.
async fn acknowledge(sender: &Sender, id: &str, enough: &AtomicBool) -> bool {
    while !enough.load(Ordering::Relaxed) {
        let event = NewEvent::json("a.b", &id).unwrap().id(EventId::new(id).unwrap());
        match sender.dispatch(event).await {
            Ok(_) => return true,
            Err(DispatchError::Store(error)) => assert!(error.is_retryable(), "{error:?}"),
            Err(error) => panic!("{error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    false
}
