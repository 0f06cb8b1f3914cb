//! A server that does not answer, or answers only some statements: calls end, workers can be stopped, and other work continues.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use hookwire::clock::SystemClock;
use hookwire::clock::{Clock, Timestamp};
use hookwire::delivery::{NewDelivery, Settlement};
use hookwire::endpoint::{NewEndpoint, Target};
use hookwire::event::NewEvent;
use hookwire::id::{DeliveryId, EndpointId, EventId, Work};
use hookwire::retry::Decision;
use hookwire::sender::Sender;
use hookwire::sender::egress::EgressPolicy;
use hookwire::store::{
    Claim, Control, Dedup, DedupKey, Directory, History, Outbox, PostgresStore, Settled, Staging, StoreError,
    WorkerRegistry,
};
use hookwire::store::{PostgresOptions, tokio_postgres};
use hookwire::worker::{CancellationToken, Config};
use libtest_mimic::Trial;
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::Needs;
use crate::postgres::{Server as Postgres, connect};
use crate::schema::{Schema, append_at};
use crate::server::{ReceivedIds, Reply, Server};

/// Much longer than every step of these tests.
const LONG: Duration = Duration::from_secs(30);

pub fn trials(postgres: &Needs, binaries: &Needs) -> Vec<Trial> {
    vec![
        binaries.test("silence::every_call_to_a_server_that_hangs_ends_and_later_ones_succeed", |_| calls_end()),
        binaries.test("silence::a_worker_stops_although_its_server_hangs", |_| worker_stops()),
        postgres.test("silence::a_host_that_accepts_and_never_answers_is_skipped", silent_host),
        postgres.test("silence::a_host_that_drops_packets_is_skipped", deaf_host),
        postgres.test("silence::nothing_is_sent_while_results_cannot_be_recorded", ends_held_up),
        postgres.test("silence::one_locked_delivery_delays_no_other", one_locked),
        postgres.test("silence::a_key_that_an_application_holds_delays_no_other_dispatch", one_key),
    ]
}

fn sender(store: &PostgresStore, config: Config) -> Sender {
    let egress = EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback();
    Sender::builder(store.clone()).clock(store.clock()).egress(egress).worker(config).build().unwrap()
}

async fn register(sender: &Sender, server: &Server) -> EndpointId {
    let new = NewEndpoint::at(Target::parse(&server.url("/in")).unwrap());
    sender.endpoints().create(new).await.unwrap().id
}

fn done<T>(answer: Result<T, StoreError>) -> Result<(), StoreError> {
    answer.map(drop)
}

/// One call of each kind.
async fn call(store: &PostgresStore, call: usize, now: Timestamp) -> Option<Result<(), StoreError>> {
    let lane = EndpointId::generate(now);
    let work = Work::Sent;
    Some(match call {
        0 => done(store.append(vec![append_at(lane, "one", now)]).await),
        1 => {
            let lanes = vec![(lane.into(), 1)];
            done(store.claim(Claim { lanes, now, until: now + LONG }).await)
        }
        2 => done(store.lanes(work, None, 10).await),
        3 => done(store.get(lane).await),
        4 => done(store.list(None, None, 10).await),
        5 => done(store.remove(lane, None, now).await),
        6 => done(store.counts(work, None).await),
        7 => done(store.cancel(work, vec![DeliveryId::generate(now)], now).await),
        8 => done(store.begin(&[DedupKey::new([1; 32]).into()], now, now + LONG).await),
        9 => done(store.staged(10, 1 << 20).await),
        10 => done(store.heartbeat("sender", hookwire::id::WorkerId::generate(now), now, now + LONG).await),
        11 => done(store.event(work, &hookwire::id::Tenant::from("acme"), &EventId::new("one").unwrap()).await),
        _ => return None,
    })
}

/// The kernel still accepts and acknowledges packets, so only our own time limit ends a call.
async fn calls_end() {
    let server = Postgres::start().unwrap();
    let schema = Schema::clone(&Schema::fresh(&server.url()));
    let store = schema.options().call_timeout(Duration::from_millis(500)).open().await.unwrap();
    let now = SystemClock.now();
    for number in 0.. {
        let Some(before) = call(&store, number, now).await else { break };
        before.unwrap();
        server.signal("-STOP");
        let ended = timeout(LONG, call(&store, number, now)).await;
        server.signal("-CONT");
        let error = ended.unwrap_or_else(|_| panic!("call {number} hangs")).unwrap().unwrap_err();
        assert!(error.is_retryable(), "call {number}: {error:?}");
        // Connections that did not answer are not used again.
        let after = timeout(LONG, call(&store, number, now)).await.unwrap().unwrap();
        after.unwrap_or_else(|error| panic!("call {number}, afterwards: {error:?}"));
    }
}

async fn worker_stops() {
    let postgres = Postgres::start().unwrap();
    let schema = Schema::clone(&Schema::fresh(&postgres.url()));
    let store = schema.open().await;
    let sender = sender(&store, Config { grace: Duration::from_secs(1), ..Config::default() });
    let received_ids = ReceivedIds::default();
    let server = received_ids.listen().await;
    register(&sender, &server).await;
    let stop = CancellationToken::new();
    let worker = tokio::spawn(sender.worker().run(stop.clone()));
    sender.dispatch(NewEvent::json("a.b", &1).unwrap()).await.unwrap();
    crate::until(|| async { received_ids.requests() == 1 }).await;
    postgres.signal("-STOP");
    // Waits until the worker has sent a query.
    tokio::time::sleep(Duration::from_millis(500)).await;
    stop.cancel();
    // Shorter than the time limit of a call.
    timeout(Duration::from_secs(8), worker).await.expect("the worker does not stop").unwrap().unwrap();
    postgres.signal("-CONT");
}

fn hosts(url: &str, first: u16) -> String {
    let config: tokio_postgres::Config = url.parse().unwrap();
    let (user, name) = (config.get_user().unwrap(), config.get_dbname().unwrap());
    format!("postgres://{user}@127.0.0.1:{first},127.0.0.1:{}/{name}", config.get_ports()[0])
}

async fn opens(url: &str, first: u16) {
    let schema = Schema::fresh(url);
    let options = PostgresOptions::new(&hosts(url, first)).unwrap().schema(&schema.name).unwrap();
    let store = timeout(LONG, options.open()).await.expect("the call hangs").unwrap();
    store.append(vec![append_at(EndpointId::generate(Timestamp::EPOCH), "one", SystemClock.now())]).await.unwrap();
}

async fn silent_host(url: String) {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    opens(&url, silent.local_addr().unwrap().port()).await;
}

/// A listener whose queue is full: the kernel drops every new connection request.
async fn deaf_host(url: String) {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let at = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(Ok(one)) = timeout(Duration::from_millis(300), tokio::net::TcpStream::connect(at)).await {
        waiting.push(one);
        assert!(waiting.len() < 100, "the queue is never full");
    }
    opens(&url, at.port()).await;
}

/// Another session locks the table of finished deliveries.
async fn ends_held_up(url: String) {
    let schema = Schema::fresh(&url);
    let store = schema.options().call_timeout(Duration::from_secs(2)).open().await.unwrap();
    let sender = sender(&store, Config { in_flight: 32, ..Config::default() });
    let received_ids = ReceivedIds::default();
    let server = received_ids.listen().await;
    register(&sender, &server).await;
    let mut admin = connect(&url).await;
    let lock = admin.transaction().await.unwrap();
    lock.batch_execute(&format!("LOCK TABLE {}.finished", schema.name)).await.unwrap();
    for number in 0..500 {
        sender.dispatch(NewEvent::json("a.b", &number).unwrap()).await.unwrap();
    }
    let stop = CancellationToken::new();
    let worker = tokio::spawn(sender.worker().run(stop.clone()));
    tokio::time::sleep(Duration::from_secs(6)).await;
    let sent = received_ids.requests();
    assert!((1..=64).contains(&sent), "{sent} were sent and none recorded");
    lock.rollback().await.unwrap();
    crate::until(|| async { store.counts(Work::Sent, None).await.is_ok_and(|counts| counts.pending == 0) }).await;
    assert_eq!((received_ids.requests(), received_ids.distinct()), (500, 500), "none twice");
    stop.cancel();
    worker.await.unwrap().unwrap();
}

/// The application's transaction locks one delivery, as `settle_in` does.
async fn one_locked(url: String) {
    let schema = Schema::fresh(&url);
    let store = schema.options().call_timeout(Duration::from_secs(1)).open().await.unwrap();
    let sender = sender(&store, Config::default());
    let (arrived, seen) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let (flag, count) = (arrived.clone(), seen.clone());
    let server = Server::start(move |request| {
        count.fetch_add(1, Ordering::SeqCst);
        if request.headers.get("webhook-id").is_some_and(|id| id == "locked") && !flag.swap(true, Ordering::SeqCst) {
            // Long enough for the lock below to be taken.
            std::thread::sleep(Duration::from_secs(1));
        }
        Reply::status(200)
    })
    .await;
    let endpoint = register(&sender, &server).await;
    let now = store.clock().now();
    let event = NewEvent::json("a.b", &1).unwrap().id(EventId::new("locked").unwrap()).seal(now);
    let delivery = NewDelivery::new(endpoint, now);
    let append = hookwire::store::Append { event: Arc::new(event), deliveries: vec![delivery], now };
    store.append(vec![append]).await.unwrap();
    let stop = CancellationToken::new();
    let worker = tokio::spawn(sender.worker().run(stop.clone()));
    // The delivery is claimed and not settled yet.
    crate::until(|| async { arrived.load(Ordering::SeqCst) }).await;
    let mut admin = connect(&url).await;
    let lock = admin.transaction().await.unwrap();
    let held = format!(
        "SELECT 1 FROM {}.delivery WHERE id = '{}' FOR UPDATE",
        schema.name,
        hex::encode(delivery.id.as_bytes())
    );
    lock.batch_execute(&held).await.unwrap();
    for number in 0..200 {
        sender.dispatch(NewEvent::json("a.b", &number).unwrap()).await.unwrap();
    }
    let rest = || async { store.counts(Work::Sent, None).await.is_ok_and(|counts| counts.pending <= 1) };
    timeout(LONG, crate::until(rest)).await.expect("the locked delivery delays the others");
    lock.rollback().await.unwrap();
    crate::until(|| async { store.counts(Work::Sent, None).await.is_ok_and(|counts| counts.pending == 0) }).await;
    assert_eq!(seen.load(Ordering::SeqCst), 201, "no attempt was repeated");
    stop.cancel();
    worker.await.unwrap().unwrap();
}

/// The application settles an ordered delivery in its own transaction, and commits late.
async fn one_key(url: String) {
    let schema = Schema::fresh(&url);
    let store = schema.options().call_timeout(Duration::from_secs(60)).open().await.unwrap();
    let (now, lane) = (store.clock().now(), EndpointId::generate(Timestamp::EPOCH));
    let ordered = |id: String, key: &str| {
        let event = NewEvent::json("a.b", &1).unwrap().tenant("acme").id(EventId::new(id.as_str()).unwrap());
        hookwire::store::Append {
            event: Arc::new(event.ordered_by(key).unwrap().seal(now)),
            ..append_at(lane, &id, now)
        }
    };
    store.append(vec![ordered("head".into(), "held")]).await.unwrap();
    let lanes = vec![(lane.into(), 1)];
    let claim = Claim { lanes, now: now + LONG, until: now + LONG * 2 };
    let leased = store.claim(claim).await.unwrap().leased.remove(0);
    let mut client = connect(&url).await;
    let transaction = client.transaction().await.unwrap();
    let end = Settlement::of(&leased, Decision::Delivered, now);
    assert_eq!(store.settle_in(&transaction, &end).await.unwrap(), Settled::Done);
    let waiting: Vec<_> = (0..8)
        .map(|number| {
            let (store, append) = (store.clone(), ordered(format!("behind-{number}"), "held"));
            tokio::spawn(async move { store.append(vec![append]).await })
        })
        .collect();
    for number in 0..50 {
        let others = [ordered(format!("beside-{number}"), "free"), append_at(lane, &format!("free-{number}"), now)];
        for append in others {
            timeout(LONG, store.append(vec![append])).await.expect("the append waits for the application").unwrap();
        }
    }
    assert!(waiting.iter().all(|one| !one.is_finished()), "the appends wait for the key");
    transaction.commit().await.unwrap();
    for one in waiting {
        timeout(LONG, one).await.expect("the key is free").unwrap().unwrap();
    }
}
