//! one handler at a time, whatever happens in the store and in other processes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hookwire::receiver::{Accepted, DedupGuard, Deduplicated, Rejection, RejectionKind};
use hookwire::store::{Settled, StoreErrorKind};
use http::StatusCode;
use tokio::sync::Semaphore;

use super::{Bench, header, reason, signed};

async fn begin(bench: &Bench, id: &str) -> Result<Deduplicated<DedupGuard>, Rejection> {
    let request = signed(id, "{}").map(|_| "{}".into());
    let Ok(Accepted::Event(verified)) = bench.gate("standard").verify(request).await else { panic!("signed") };
    bench.gate("standard").begin(&verified).await
}

async fn ticket(bench: &Bench, id: &str) -> DedupGuard {
    match begin(bench, id).await {
        Ok(Deduplicated::Fresh(ticket)) => ticket,
        other => panic!("not fresh: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn r_34_exactly_one_of_simultaneous_deliveries_runs() {
    let bench = Bench::new();
    for (round, width) in [2_usize, 8, 64].into_iter().cycle().take(60).enumerate() {
        let id = format!("evt{round}");
        let posts = (0..width).map(|_| {
            let (bench, id) = (bench.clone(), id.clone());
            tokio::spawn(async move { bench.post(signed(&id, "{}")).await.status().as_u16() })
        });
        for post in posts.collect::<Vec<_>>() {
            let status = post.await.unwrap();
            assert!(status == 200 || status == 503, "{status}");
        }
        assert_eq!(bench.runs(), round + 1);
    }
}

#[tokio::test]
async fn r_34_the_loser_is_not_acknowledged_while_the_winner_runs() {
    let bench = Bench::new();
    let (release, running) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let winner = tokio::spawn({
        let (gate, release, running) = (bench.gate("standard"), release.clone(), running.clone());
        async move {
            let handler = |_| async {
                running.add_permits(1);
                release.acquire().await.unwrap().forget();
                StatusCode::BAD_GATEWAY
            };
            gate.receive(signed("evt", "{}"), handler).await
        }
    });
    running.acquire().await.unwrap().forget();

    let loser = bench.post(signed("evt", "{}")).await;
    assert_eq!((loser.status(), header(&loser, "retry-after")), (StatusCode::SERVICE_UNAVAILABLE, Some("5")));
    assert_eq!(bench.runs(), 0);

    release.add_permits(1);
    assert_eq!(winner.await.unwrap().status(), StatusCode::BAD_GATEWAY);
    assert_eq!(bench.post(signed("evt", "{}")).await.status(), StatusCode::OK, "the loser's retry is handled");
    assert_eq!(bench.runs(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn r_34_an_event_whose_first_handler_fails_is_handled_later_once() {
    let bench = Bench::new();
    let tries = Arc::new(AtomicUsize::new(0));
    let senders = (0..16).map(|_| {
        let (gate, tries) = (bench.gate("standard"), tries.clone());
        tokio::spawn(async move {
            // A sender repeats the request until it is acknowledged.
            loop {
                let handler = |_| async {
                    if tries.fetch_add(1, Ordering::SeqCst) == 0 { Err("first one fails") } else { Ok(StatusCode::OK) }
                };
                if gate.receive(signed("evt", "{}"), handler).await.status().is_success() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        })
    });
    for sender in senders.collect::<Vec<_>>() {
        sender.await.unwrap();
    }
    assert_eq!(tries.load(Ordering::SeqCst), 2, "one failure, one success");
}

#[tokio::test]
async fn any_answer_except_2xx_makes_the_event_fresh() {
    let bench = Bench::new();
    for status in [100, 302, 304, 400, 404, 409, 410, 429, 500, 503] {
        let answer = bench.post_to("standard", signed("evt", "{}"), StatusCode::from_u16(status).unwrap()).await;
        assert_eq!((answer.status().as_u16(), header(&answer, "webhook-duplicate")), (status, None));
    }
    assert_eq!(bench.runs(), 10);
    for status in [200, 299] {
        bench.post_to("standard", signed(&status.to_string(), "{}"), StatusCode::from_u16(status).unwrap()).await;
        let again = bench.post(signed(&status.to_string(), "{}")).await;
        assert_eq!((again.status().as_u16(), header(&again, "webhook-duplicate")), (status, Some("true")));
    }
}

#[tokio::test]
async fn retry_after_shrinks_with_the_lease() {
    let bench = Bench::new();
    let _held = ticket(&bench, "evt").await;
    for (advance, expected) in [(55, "5"), (2, "3"), (2, "1")] {
        bench.clock.advance(Duration::from_secs(advance));
        assert_eq!(header(&bench.post(signed("evt", "{}")).await, "retry-after"), Some(expected));
    }
}

#[tokio::test]
async fn r_37_without_its_store_the_receiver_rejects_requests_and_runs_no_handler() {
    let bench = Bench::new();
    bench.store.fail("begin");
    let answer = bench.post(signed("evt", "{}")).await;
    assert_eq!((answer.status(), header(&answer, "retry-after")), (StatusCode::SERVICE_UNAVAILABLE, Some("5")));
    assert_eq!(reason(&answer), Some(RejectionKind::StoreUnavailable(StoreErrorKind::Unavailable)));
    assert_eq!(bench.runs(), 0);
    bench.store.heal();
    assert_eq!(bench.post(signed("evt", "{}")).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_handled_event_is_acknowledged_even_if_it_cannot_be_recorded() {
    let bench = Bench::new();
    bench.store.fail("finish");
    assert_eq!(bench.post(signed("evt", "{}")).await.status(), StatusCode::OK);
    bench.store.heal();
    // The event stays claimed until the lease ends, so a quick retry does not run the handler again.
    assert_eq!(bench.post(signed("evt", "{}")).await.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(bench.runs(), 1);
}

#[tokio::test]
async fn a_claim_that_could_not_be_abandoned_is_abandoned_before_the_next_one() {
    let bench = Bench::new();
    bench.store.fail("abandon");
    bench.post_to("standard", signed("evt", "{}"), StatusCode::BAD_GATEWAY).await;
    bench.store.heal();
    assert_eq!(bench.post(signed("evt", "{}")).await.status(), StatusCode::OK);
    assert_eq!(bench.runs(), 2);
}

#[tokio::test]
async fn a_failed_prune_does_not_fail_the_request() {
    let bench = Bench::new();
    bench.store.fail("prune");
    for number in 0..300 {
        assert_eq!(bench.post(signed(&format!("evt{number}"), "{}")).await.status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn r_39_a_stalled_handler_cannot_close_a_newer_claim() {
    let bench = Bench::new();
    let stalled = ticket(&bench, "evt").await;
    bench.clock.advance(Duration::from_secs(60));
    let newer = ticket(&bench, "evt").await;

    assert_eq!(stalled.finish(StatusCode::OK).await.unwrap(), Settled::LeaseLost);
    assert!(matches!(begin(&bench, "evt").await, Err(busy) if busy.kind() == RejectionKind::Busy));
    assert_eq!(newer.finish(StatusCode::ACCEPTED).await.unwrap(), Settled::Done);
    assert!(matches!(begin(&bench, "evt").await, Ok(Deduplicated::Duplicate(answer)) if answer.status == 202));
}

#[tokio::test]
async fn r_39_a_stalled_handler_cannot_free_a_newer_claim() {
    let bench = Bench::new();
    let stalled = ticket(&bench, "evt").await;
    bench.clock.advance(Duration::from_secs(60));
    let newer = ticket(&bench, "evt").await;

    drop(stalled);
    assert!(matches!(begin(&bench, "evt").await, Err(busy) if busy.kind() == RejectionKind::Busy));
    assert_eq!(newer.finish(StatusCode::OK).await.unwrap(), Settled::Done);
}
