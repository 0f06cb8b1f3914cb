//! a crash at every step loses nothing, and repeats only in the documented windows.

use std::future::{Future, pending};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use hookwire::receiver::{Accepted, DedupGuard, Deduplicated};
use hookwire::store::FirstResponse;
use http::StatusCode;

use super::{Bench, Faulty, signed, standard};

/// The same store and clock in a new process, which has nothing of the old one's memory.
fn restarted(bench: &Bench) -> Bench {
    let store = Faulty::around(bench.store.inner.clone());
    Bench::over(store, bench.clock.clone(), |builder| builder.source(standard()))
}

async fn ticket(bench: &Bench) -> DedupGuard {
    let request = signed("evt", "{}").map(|_| "{}".into());
    let Ok(Accepted::Event(verified)) = bench.gate("standard").verify(request).await else { panic!("signed") };
    match bench.gate("standard").begin(&verified).await {
        Ok(Deduplicated::Fresh(ticket)) => ticket,
        other => panic!("not fresh: {other:?}"),
    }
}

/// The status of a retry right after the restart, that of a retry after the lease, and the number of runs.
async fn retries(crashed: &Bench) -> (u16, u16, usize) {
    let bench = restarted(crashed);
    let at_once = bench.post(signed("evt", "{}")).await.status().as_u16();
    bench.clock.advance(Duration::from_secs(60));
    let later = bench.post(signed("evt", "{}")).await.status().as_u16();
    (at_once, later, bench.runs())
}

#[tokio::test]
async fn r_35_a_crash_before_the_claim_loses_nothing() {
    assert_eq!(retries(&Bench::new()).await, (200, 200, 1));
}

#[tokio::test]
async fn r_35_a_crash_between_claim_and_effect_is_handled_after_the_lease() {
    let bench = Bench::new();
    // A process that dies runs no destructor.
    std::mem::forget(ticket(&bench).await);
    assert_eq!(retries(&bench).await, (503, 200, 1));
}

#[tokio::test]
async fn r_35_a_crash_between_effect_and_record_repeats_after_the_lease() {
    let bench = Bench::new();
    bench.store.fail("finish");
    assert_eq!(bench.post(signed("evt", "{}")).await.status(), StatusCode::OK);
    assert_eq!(retries(&bench).await, (503, 200, 1), "the documented window: the effect happens again");
}

#[tokio::test]
async fn r_35_a_crash_between_record_and_answer_repeats_nothing() {
    let bench = Bench::new();
    ticket(&bench).await.finish(StatusCode::OK).await.unwrap();
    assert_eq!(retries(&bench).await, (200, 200, 0));
}

#[tokio::test]
async fn r_35_an_event_whose_claim_is_finished_in_the_handlers_own_transaction_is_never_repeated() {
    let bench = Bench::new();
    let ticket = ticket(&bench).await;
    // The application commits effect and record in one transaction, and crashes before it answers.
    let expires = super::START + Duration::from_secs(14 * 86_400);
    bench.store.inner.finish(ticket.leases(), &FirstResponse::status(202), expires).await.unwrap();
    ticket.finished_elsewhere();
    assert_eq!(retries(&bench).await, (202, 202, 0));
}

/// Runs a request until its handler waits, then drops it, as a server does when the connection ends.
async fn cut_off(bench: &Bench) {
    let gate = bench.gate("standard");
    let mut request = pin!(gate.receive(signed("evt", "{}"), |_| pending::<StatusCode>()));
    let mut context = Context::from_waker(Waker::noop());
    assert!(matches!(request.as_mut().poll(&mut context), Poll::Pending));
    // `pin!` drops it at the end of this function.
}

#[tokio::test]
async fn r_35_a_handler_that_is_cut_off_makes_the_event_fresh_for_the_next_retry() {
    let bench = Bench::new();
    cut_off(&bench).await;
    assert_eq!(bench.post(signed("evt", "{}")).await.status(), StatusCode::OK, "at once in this process");
    assert_eq!(bench.runs(), 1);
}

#[tokio::test]
async fn r_35_a_handler_that_is_cut_off_makes_the_event_fresh_elsewhere_after_the_lease() {
    let bench = Bench::new();
    cut_off(&bench).await;
    assert_eq!(retries(&bench).await, (503, 200, 1));
}

#[tokio::test]
async fn a_request_that_is_cut_off_while_its_body_arrives_claims_nothing() {
    let bench = Bench::new();
    {
        let body = http_body_util::StreamBody::new(futures_util::stream::pending::<
            Result<http_body::Frame<bytes::Bytes>, std::convert::Infallible>,
        >());
        let gate = bench.gate("standard");
        let mut request = pin!(gate.receive(signed("evt", "{}").map(|_| body), |_| async { StatusCode::OK }));
        assert!(request.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    assert_eq!(bench.store.calls.load(std::sync::atomic::Ordering::Relaxed), 0);
}
