//! A run that ends when nothing more is due (`Worker::drain`).

use std::sync::atomic::Ordering;
use std::time::Duration;

use hookwire::delivery::DeliveryState;
use hookwire::worker::{Config, WorkerError};

use super::{Act, Bench};

const FAST: Act = Act::Answer(200, Duration::from_millis(5));

const LONG: Duration = Duration::from_secs(20);

fn bench() -> Bench {
    Bench::new(Config { grace: Duration::from_secs(5), ..Config::default() })
}

#[tokio::test(start_paused = true)]
async fn draining_delivers_what_is_due_and_returns_at_once() {
    let bench = bench();
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.extend(bench.append(bench.lane(FAST), 40).await);
    }
    let began = tokio::time::Instant::now();
    let drained = bench.worker.drain(LONG, None).await.unwrap();
    assert_eq!((drained.delivered, drained.retried, drained.failed, drained.cut_off), (120, 0, 0, 0));
    assert_eq!(drained.next, None);
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    for id in ids {
        assert_eq!(bench.delivery(id).await.state, DeliveryState::Delivered);
    }
    let again = bench.worker.drain(LONG, None).await.unwrap();
    assert_eq!((again.delivered, again.next), (0, None));
}

#[tokio::test(start_paused = true)]
async fn a_retry_is_left_to_the_next_call_which_the_summary_dates() {
    let bench = bench();
    let (bad, good) = (bench.lane(Act::Answer(500, Duration::ZERO)), bench.lane(FAST));
    let retried = bench.append(bad, 1).await[0];
    bench.append(good, 1).await;
    let drained = bench.worker.drain(LONG, None).await.unwrap();
    assert_eq!((drained.delivered, drained.retried, drained.failed), (1, 1, 0));
    assert_eq!(drained.next, Some(bench.delivery(retried).await.due));
    assert!(drained.next.unwrap() > bench.clock_now());
    tokio::time::sleep(Duration::from_secs(2)).await;
    bench.set(bad, FAST);
    let drained = bench.worker.drain(LONG, None).await.unwrap();
    assert_eq!((drained.delivered, drained.next), (1, None));
}

#[tokio::test(start_paused = true)]
async fn what_is_given_up_counts_as_failed() {
    let bench = bench();
    let id = bench.append(bench.lane(Act::Panic), 1).await[0];
    let mut failed = 0;
    for _ in 0..4 {
        failed += bench.worker.drain(LONG, None).await.unwrap().failed;
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
    assert_eq!((failed, bench.delivery(id).await.state), (1, DeliveryState::Failed));
}

#[tokio::test(start_paused = true)]
async fn a_silent_endpoint_costs_the_time_and_the_grace_and_no_delivery_of_another() {
    let bench = bench();
    let (silent, healthy) = (bench.lane(Act::Hang), bench.lane(FAST));
    let stuck = bench.append(silent, 10).await;
    bench.append(healthy, 50).await;
    let began = tokio::time::Instant::now();
    let drained = bench.worker.drain(LONG, None).await.unwrap();
    let took = began.elapsed();
    assert!((Duration::from_secs(25)..Duration::from_secs(27)).contains(&took), "{took:?}");
    assert_eq!((drained.delivered, drained.retried, drained.failed), (50, 0, 0));
    assert!((1..=4).contains(&drained.cut_off), "{drained:?}");
    assert!(drained.next.unwrap() <= bench.clock_now(), "more is due");
    // Nothing is half done: no lease is left, and no attempt was counted.
    bench.set(silent, FAST);
    assert_eq!(bench.worker.drain(LONG, None).await.unwrap().delivered, 10);
    for id in stuck {
        assert_eq!(bench.delivery(id).await.state, DeliveryState::Delivered);
    }
}

#[tokio::test(start_paused = true)]
async fn the_number_of_attempts_is_a_limit() {
    let bench = bench();
    bench.append(bench.lane(FAST), 30).await;
    bench.append(bench.lane(FAST), 30).await;
    let drained = bench.worker.drain(LONG, 7).await.unwrap();
    assert_eq!((drained.delivered, bench.script.started.load(Ordering::SeqCst)), (7, 7));
    assert!(drained.next.unwrap() <= bench.clock_now(), "more is due");
    assert_eq!(bench.worker.drain(LONG, None).await.unwrap().delivered, 53, "what was claimed was released");
    assert_eq!(bench.worker.drain(LONG, 0).await.unwrap().delivered, 0);
}

#[tokio::test(start_paused = true)]
async fn a_drain_that_is_killed_loses_nothing() {
    let bench = bench();
    let (slow, healthy) = (bench.lane(Act::Answer(200, Duration::from_secs(10))), bench.lane(FAST));
    let ids = [bench.append(slow, 4).await, bench.append(healthy, 8).await].concat();
    // The platform ends the process while attempts are in flight.
    assert!(tokio::time::timeout(Duration::from_secs(3), bench.worker.drain(LONG, None)).await.is_err());
    let in_flight = bench.worker.drain(LONG, None).await.unwrap();
    assert_eq!(in_flight.delivered, 0, "their leases have not ended");
    let due = in_flight.next.unwrap();
    assert!(due > bench.clock_now(), "the summary says when they end");
    tokio::time::sleep(due.since(bench.clock_now())).await;
    assert_eq!(bench.worker.drain(LONG, None).await.unwrap().delivered, 4);
    for id in ids {
        assert_eq!(bench.delivery(id).await.state, DeliveryState::Delivered);
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_runs_cannot_be_drained() {
    let bench = bench();
    let (stop, worker) = bench.run();
    tokio::task::yield_now().await;
    assert!(matches!(bench.worker.drain(LONG, None).await, Err(WorkerError::AlreadyRunning)));
    stop.cancel();
    worker.await.unwrap().unwrap();
}
