//! Clocks that jump.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU16, AtomicU32, Ordering};
use std::time::Duration;

use hookwire::clock::{Clock, SystemClock, Timestamp};
use hookwire::delivery::DeliveryState;
use hookwire::endpoint::Limits;
use hookwire::retry::FailReason;
use hookwire::sender::Sender;
use hookwire::sender::egress::EgressPolicy;
use hookwire::sender::http::HttpOptions;
use hookwire::store::{MemoryStore, SqliteStore};
use hookwire::testing::ManualClock;
use hookwire::worker::Config;

use super::{Running, endpoint, event, finished};
use crate::support::server::{Reply, Server};
use crate::support::until;

const HOUR: Duration = Duration::from_secs(3_600);

fn sender(clock: &ManualClock) -> Sender {
    let egress = EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback();
    Sender::builder(MemoryStore::new()).egress(egress).clock(clock.clone()).build().unwrap()
}

/// The whole default schedule, which lasts three days, with a clock that the test moves.
#[tokio::test]
async fn a_schedule_of_three_days_runs_by_a_manual_clock() {
    let clock = ManualClock::default();
    let server = Server::start(|_| Reply::status(500)).await;
    let sender = sender(&clock);
    sender.endpoints().create(endpoint(&server)).await.unwrap();
    let running = Running::start(&sender);
    let began = clock.now();
    let id = sender.dispatch(event(1)).await.unwrap().deliveries[0];
    for attempts in 1..=10 {
        until(|| async { sender.history().attempts(id).await.unwrap().len() >= attempts }).await;
        let due = sender.history().delivery(id).await.unwrap().unwrap().due;
        clock.advance(due.since(clock.now()));
        sender.wake();
    }
    finished(&sender, 1).await;
    running.stop().await;
    let delivery = sender.history().delivery(id).await.unwrap().unwrap();
    assert_eq!((delivery.state, delivery.reason), (DeliveryState::Failed, Some(FailReason::Exhausted)));
    let took = delivery.finished_at.unwrap().since(began);
    assert!(took > HOUR * 68 && took < HOUR * 84, "{took:?}");
}

/// A day ahead, as after a suspension: deliveries that become due together are sent within the endpoint's limit.
#[tokio::test]
async fn f_26_f_28_after_a_clock_jumps_ahead_due_deliveries_are_sent_within_the_limits() {
    let clock = ManualClock::default();
    let status = Arc::new(AtomicU16::new(500));
    let (now, most) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let (answer, here, peak) = (status.clone(), now.clone(), most.clone());
    let server = Server::start(move |_| {
        peak.fetch_max(here.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(1));
        here.fetch_sub(1, Ordering::SeqCst);
        Reply::status(answer.load(Ordering::SeqCst))
    })
    .await;
    let sender = sender(&clock);
    let limits = Limits::default().with_concurrency(2.try_into().unwrap());
    sender.endpoints().create(endpoint(&server).limits(limits)).await.unwrap();
    let running = Running::start(&sender);
    for n in 0..40 {
        sender.dispatch(event(n)).await.unwrap();
    }
    until(|| async { server.requests().len() >= 3 }).await;
    status.store(200, Ordering::SeqCst);
    clock.advance(HOUR * 24);
    sender.wake();
    until(|| async {
        clock.advance(HOUR);
        sender.wake();
        sender.history().counts(None).await.unwrap().delivered == 40
    })
    .await;
    running.stop().await;
    assert!(most.load(Ordering::SeqCst) <= 2);
}

/// An hour back: nothing panics, nothing waits for ever, and new events are sent.
#[tokio::test]
async fn f_27_a_clock_that_is_set_back_stops_no_delivery() {
    let clock = ManualClock::default();
    let server = Server::start(|_| Reply::status(200)).await;
    let sender = sender(&clock);
    sender.endpoints().create(endpoint(&server)).await.unwrap();
    let running = Running::start(&sender);
    sender.dispatch(event(1)).await.unwrap();
    finished(&sender, 1).await;
    clock.set(clock.now() - HOUR);
    for n in 2..5 {
        sender.dispatch(event(n)).await.unwrap();
    }
    finished(&sender, 4).await;
    running.stop().await;
}

/// The system clock, with a wall clock that can be moved by a number of seconds.
#[derive(Clone, Debug, Default)]
struct Stepping(Arc<AtomicI64>);

impl Clock for Stepping {
    fn now(&self) -> Timestamp {
        let wrong = self.0.load(Ordering::SeqCst) * 1_000_000;
        Timestamp::from_micros(SystemClock.now().as_micros() + wrong)
    }

    fn uptime(&self) -> Duration {
        SystemClock.uptime()
    }
}

/// Two hours ahead or behind for a while: no leased delivery is sent twice, and nothing waits for two hours.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wall_clock_that_jumps_and_comes_back_neither_repeats_nor_blocks_a_delivery() {
    for step in [7_200, -7_200] {
        let directory = tempfile::tempdir().unwrap();
        let (clock, server) = (Stepping::default(), slow().await);
        let egress = EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback();
        let http = HttpOptions::default().exchange_timeout(Duration::from_secs(2)).egress(egress);
        let config = Config { lease: Duration::from_secs(5), ..Config::default() };
        let store = SqliteStore::open(directory.path().join("store.db")).await.unwrap();
        let builder = Sender::builder(store).clock(clock.clone()).http(http).worker(config);
        let sender = builder.build().unwrap();
        sender.endpoints().create(endpoint(&server)).await.unwrap();
        let running = Running::start(&sender);
        let dispatch = async |from: usize| {
            for n in from..from + 40 {
                sender.dispatch(event(n)).await.unwrap();
                sender.dispatch(event(n).ordered_by(format!("key-{}", n % 4)).unwrap()).await.unwrap();
            }
        };
        dispatch(0).await;
        clock.0.store(step, Ordering::SeqCst);
        dispatch(40).await;
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        clock.0.store(0, Ordering::SeqCst);
        dispatch(80).await;
        finished(&sender, 240).await;
        assert_eq!(server.requests().len(), 240, "{step}: some deliveries were sent twice");
        running.stop().await;
    }
}

/// A slow server, so that some requests are in flight and some wait at any time.
async fn slow() -> Server {
    Server::start(|_| {
        std::thread::sleep(Duration::from_millis(10));
        Reply::status(204)
    })
    .await
}
