//! F-56: futures that are dropped at each of their polls.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use hookwire::id::{EndpointId, Tenant, Work};
use hookwire::store::{History, Outbox, SqliteStore, StoreError};

use super::rows::{NOW, append, claim, delivered};

/// The limit of polls before a future is dropped. Between two polls the writer thread may or may not have made progress, so the
/// rounds differ; the assertions do not depend on it.
const POLLS: usize = 12;

/// Polls `polls` times, then drops the future. Returns its output if it was ready by then.
fn polled<T>(future: impl Future<Output = Result<T, StoreError>>, polls: usize) -> Option<T> {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..polls {
        if let Poll::Ready(answer) = future.as_mut().poll(&mut context) {
            return Some(answer.unwrap());
        }
        std::thread::yield_now();
    }
    None
}

async fn open() -> (tempfile::TempDir, SqliteStore) {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path().join("hookwire.db")).await.unwrap();
    (directory, store)
}

/// Waits until every earlier request to the writer is done or dropped: the writer works in order.
async fn caught_up(store: &SqliteStore) {
    store.append(vec![append(EndpointId::generate(NOW), 1)]).await.unwrap();
}

#[tokio::test]
async fn f_56_a_dropped_append_is_whole_or_absent() {
    let (_directory, store) = open().await;
    for polls in 0..=POLLS {
        let lane = EndpointId::generate(NOW);
        let append = append(lane, 2_000);
        let (event, delivery) = (append.event.id.clone(), append.deliveries[0].id);
        let answered = polled(store.append(vec![append]), polls).is_some();
        caught_up(&store).await;
        let event = store.event(Work::Sent, &Tenant::from("acme"), &event).await.unwrap();
        let delivery = store.delivery(Work::Sent, delivery).await.unwrap();
        assert_eq!(event.is_some(), delivery.is_some(), "{polls}: whole or absent");
        assert_eq!(event.is_some(), polls > 0, "{polls}: the first poll queues the append, which then runs");
        assert!(!answered || event.is_some(), "{polls}");
    }
}

#[tokio::test]
async fn f_56_a_dropped_claim_is_whole_or_absent_and_ends_with_its_lease() {
    let (_directory, store) = open().await;
    for polls in 0..=POLLS {
        let lane = EndpointId::generate(NOW);
        store.append((0..3).map(|_| append(lane, 10)).collect()).await.unwrap();
        let until = claim(lane, 3, NOW).until;
        let _answer = polled(store.claim(claim(lane, 3, NOW)), polls);
        let left = store.claim(claim(lane, 3, NOW)).await.unwrap().leased.len();
        assert_eq!(left, if polls > 0 { 0 } else { 3 }, "{polls}: all or none of them");
        assert_eq!(store.claim(claim(lane, 3, until)).await.unwrap().leased.len(), 3, "{polls}: no delivery is lost");
    }
}

#[tokio::test]
async fn f_56_a_dropped_settlement_is_whole_or_absent() {
    let (_directory, store) = open().await;
    for polls in 0..=POLLS {
        let lane = EndpointId::generate(NOW);
        store.append((0..3).map(|_| append(lane, 10)).collect()).await.unwrap();
        let leased = store.claim(claim(lane, 3, NOW)).await.unwrap().leased;
        let _answer = polled(store.settle(leased.iter().map(delivered).collect()), polls);
        caught_up(&store).await;
        for one in &leased {
            let final_state = store.delivery(Work::Sent, one.lease.delivery).await.unwrap().unwrap().state.is_final();
            let attempts = store.attempts(Work::Sent, &[one.lease.delivery]).await.unwrap().concat().len();
            assert_eq!(
                (final_state, attempts),
                (polls > 0, usize::from(polls > 0)),
                "{polls}: state and attempt change together"
            );
        }
    }
}
