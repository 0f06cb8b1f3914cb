//! Many callers at once, on several threads.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::JoinSet;

use super::given::{LEASED, NOW, append, claim, event, event_with_id, fifo, lane, ok, one, settlement};
use super::subject::Subject;
use crate::id::{DeliveryId, LaneId};
use crate::retry::Decision;
use crate::store::{Appended, Outbox, Settled};

/// Runs `callers` calls at the same time, on both handles, and returns their results.
pub(super) async fn at_once<S, T, F>(subject: &Subject<S>, callers: usize, call: impl Fn(usize, Arc<S>) -> F) -> Vec<T>
where
    S: ?Sized,
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let flavor = Handle::current().runtime_flavor();
    assert_ne!(flavor, RuntimeFlavor::CurrentThread, "this case needs a runtime of several threads");
    let start = Arc::new(tokio::sync::Barrier::new(callers));
    let mut tasks = JoinSet::new();
    for caller in 0..callers {
        let (start, call) = (Arc::clone(&start), call(caller, subject.handle(caller)));
        tasks.spawn(async move {
            start.wait().await;
            call.await
        });
    }
    let mut returned = Vec::new();
    while let Some(result) = tasks.join_next().await {
        returned.push(result.unwrap_or_else(|error| panic!("{error}")));
    }
    returned
}

/// Concurrent appends lose nothing.
pub(super) async fn concurrent_appends_are_all_kept<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let lane = lane();
    let appended = at_once(subject, 64, |_, store| async move {
        let batch = vec![append(event("acme"), &[lane], NOW), append(event("acme"), &[lane], NOW)];
        ok(store.append(batch).await)
    });
    assert_eq!(appended.await, vec![[Appended::Stored; 2]; 64]);
    let claimed: HashSet<_> = subject.claimed(lane, NOW).await.into_iter().collect();
    let rest: HashSet<_> = subject.claimed(lane, NOW).await.into_iter().collect();
    assert_eq!((claimed.len(), rest.len()), (99, 29));
}

/// If many callers append one event id at once, it is stored once.
pub(super) async fn of_concurrent_appends_of_one_event_one_is_stored<S: Outbox + ?Sized>(subject: &Subject<S>) {
    for round in 0..8 {
        let lane = lane();
        let event = event_with_id("acme", &format!("order-{round}"), "a");
        let appended = at_once(subject, 16, |_, store| {
            let append = append(event.clone(), &[lane], NOW);
            async move { one(ok(store.append(vec![append]).await)) }
        });
        let appended = appended.await;
        let stored = appended.iter().filter(|one| **one == Appended::Stored).count();
        assert_eq!(stored, 1, "{appended:?}");
        assert!(appended.iter().all(|one| *one != Appended::Conflict), "{appended:?}");
        assert_eq!(subject.claim(lane, 99, NOW).await.len(), 1);
    }
}

/// Any number of workers may claim from a lane, and no delivery is claimed by two of them.
pub(super) async fn concurrent_claims_never_overlap<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let lane = lane();
    ok(subject.store.append((0..200).map(|_| append(event("acme"), &[lane], NOW)).collect()).await);
    let claimed =
        at_once(subject, 20, |_, store| async move { ok(store.claim(claim(&[(lane, 10)], NOW)).await).leased });
    let mut seen: HashSet<DeliveryId> = HashSet::new();
    for leased in claimed.await.into_iter().flatten() {
        assert!(seen.insert(leased.lease.delivery), "claimed twice");
        assert_eq!((leased.attempt, leased.lease.fence), (1, 1));
    }
    seen.extend(subject.claimed(lane, NOW).await);
    assert_eq!(seen.len(), 200, "a claim may skip what another has locked, and loses nothing");
}

/// If many callers settle under one lease, one of them counts.
pub(super) async fn of_concurrent_settlements_one_counts<S: Outbox + ?Sized>(subject: &Subject<S>) {
    for _ in 0..8 {
        let leased = subject.leased().await;
        let settled = at_once(subject, 8, |caller, store| {
            let next = if caller.is_multiple_of(2) { Decision::Delivered } else { Decision::retry(LEASED) };
            let settlement = settlement(&leased, next);
            async move { one(ok(store.settle(vec![settlement]).await)) }
        });
        let settled = settled.await;
        assert_eq!(settled.iter().filter(|one| **one == Settled::Done).count(), 1, "{settled:?}");
    }
}

/// Workers that claim and settle in parallel handle every delivery once.
pub(super) async fn concurrent_workers_handle_each_delivery_once<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let lanes: [LaneId; 4] = [lane(), lane(), lane(), lane()];
    for lane in lanes {
        ok(subject.store.append((0..40).map(|_| append(event("acme"), &[lane], NOW)).collect()).await);
    }
    let handled = at_once(subject, 6, |_, store| async move {
        let (mut handled, mut empty) = (Vec::new(), 0);
        while empty < 3 {
            let claimed = ok(store.claim(claim(&lanes.map(|lane| (lane, 3)), NOW)).await).leased;
            empty = if claimed.is_empty() { empty + 1 } else { 0 };
            let batch = claimed.iter().map(|leased| settlement(leased, Decision::Delivered)).collect();
            assert!(ok(store.settle(batch).await).iter().all(|one| *one == Settled::Done));
            handled.extend(claimed.iter().map(|leased| leased.lease.delivery));
        }
        handled
    });
    let mut handled: Vec<_> = handled.await.into_iter().flatten().collect();
    for leased in subject.claim_lanes(&lanes.map(|lane| (lane, 99)), NOW).await.leased {
        handled.push(leased.lease.delivery);
    }
    assert_eq!(handled.len(), 160);
    assert_eq!(handled.into_iter().collect::<HashSet<_>>().len(), 160);
}

/// At most one delivery of an ordering key is leased, however many callers append, claim and settle.
pub(super) async fn a_key_is_served_one_at_a_time_by_many_workers<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let lane = lane();
    let flying = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let handled = at_once(subject, 6, |_, store| {
        let flying = Arc::clone(&flying);
        async move {
            use std::sync::atomic::Ordering::SeqCst;
            let mut handled = 0;
            for turn in 0..16 {
                if turn < 4 {
                    ok(store.append(vec![append(fifo("cart-1"), &[lane], NOW)]).await);
                }
                let claimed = ok(store.claim(claim(&[(lane, 9)], NOW)).await).leased;
                assert!(flying.fetch_add(claimed.len(), SeqCst) + claimed.len() <= 1, "two of one key are leased");
                tokio::task::yield_now().await;
                flying.fetch_sub(claimed.len(), SeqCst);
                for leased in claimed {
                    handled += 1;
                    assert_eq!(
                        one(ok(store.settle(vec![settlement(&leased, Decision::Delivered)]).await)),
                        Settled::Done
                    );
                }
            }
            handled
        }
    });
    let mut handled: usize = handled.await.into_iter().sum();
    for _ in 0..24 {
        let Some(head) = subject.claim(lane, 9, LEASED).await.pop() else { break };
        handled += 1;
        subject.settle(&head, Decision::Delivered).await;
    }
    assert_eq!(handled, 24, "none is left behind");
}
