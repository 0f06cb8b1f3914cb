//! Clocks that jump.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};
use std::time::Duration;

use hookwire::clock::Clock;
use hookwire::delivery::DeliveryState;
use hookwire::endpoint::Limits;
use hookwire::retry::FailReason;
use hookwire::sender::Sender;
use hookwire::sender::egress::EgressPolicy;
use hookwire::store::MemoryStore;
use hookwire::testing::ManualClock;

use super::{Running, endpoint, event, finished};
use crate::support::server::{Reply, Server};
use crate::support::until;

const HOUR: Duration = Duration::from_secs(3_600);

fn sender(clock: &ManualClock) -> Sender {
    let egress = EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback();
    Sender::builder(MemoryStore::new()).egress(egress).clock(clock.clone()).build().unwrap()
}

/// The whole default schedule, three days of it, by a clock that is moved by hand.
#[tokio::test]
async fn a_schedule_of_three_days_runs_in_moments() {
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

/// A day ahead, as after a suspension: what falls due all at once goes out under the endpoint's limit.
#[tokio::test]
async fn f_26_f_28_a_clock_that_jumps_ahead_releases_what_is_due_under_the_limits() {
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

/// An hour back: nothing panics, nothing waits for ever, and what is new goes out.
#[tokio::test]
async fn f_27_a_clock_that_is_set_back_stops_nothing() {
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
