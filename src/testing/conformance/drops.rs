//! Futures that are dropped at each of their awaits, as a caller's timeout drops them.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use super::given::{LEASED, MICRO, MINUTE, NOW, append, claim, event, event_with_id, fifo, lane, ok, one, settlement};
use super::subject::Subject;
use crate::clock::Timestamp;
use crate::delivery::{Leased, Settlement};
use crate::id::LaneId;
use crate::retry::Decision;
use crate::store::{Append, Appended, Outbox, Settled};

/// The number of polls after which an unfinished future is dropped.
const MOST_POLLS: usize = 40;

/// Polls the call `polls` times, each time after it was woken, and drops it. Returns its result if it has ended.
pub(super) async fn dropped_after<T>(polls: usize, call: impl Future<Output = T> + Send) -> Option<T> {
    let mut call = pin!(call);
    let mut left = polls;
    poll_fn(|context| match call.as_mut().poll(context) {
        Poll::Ready(result) => Poll::Ready(Some(result)),
        Poll::Pending if left <= 1 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}

/// How often a call is polled before it is dropped: once, twice, and so on, until it ends.
pub(super) struct Polls {
    next: usize,
}

impl Polls {
    pub(super) const fn new() -> Self {
        Self { next: 1 }
    }

    /// The number of polls of the next round; `None` if the last call has ended.
    pub(super) const fn next<T>(&mut self, last: Option<&T>) -> Option<usize> {
        if last.is_some() || self.next > MOST_POLLS {
            return None;
        }
        self.next += 1;
        Some(self.next - 1)
    }
}

/// How often a claim is repeated while a server may still execute the dropped call, and hold its rows for a moment.
const MOST_CLAIMS: usize = 1_000;

/// Claims until this many deliveries of the lane are claimed.
pub(super) async fn claim_all<S: Outbox + ?Sized>(
    subject: &Subject<S>,
    lane: LaneId,
    wanted: usize,
    now: Timestamp,
) -> Vec<Leased> {
    let mut all = Vec::new();
    for _ in 0..MOST_CLAIMS {
        all.extend(subject.claim(lane, 9, now).await);
        if all.len() >= wanted {
            break;
        }
        tokio::task::yield_now().await;
    }
    all
}

/// A dropped append has stored all of its event and deliveries, or nothing.
pub(super) async fn a_dropped_append_is_whole_or_absent<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let (mut polls, mut last) = (Polls::new(), None);
    while let Some(polls) = polls.next(last.as_ref()) {
        let (lane, other) = (lane(), lane());
        let events = [0, 1].map(|n| event_with_id("acme", &format!("order-{polls}-{n}"), "a"));
        let batch = || -> Vec<Append> { events.clone().map(|event| append(event, &[lane, other], NOW)).into() };
        last = dropped_after(polls, subject.store.append(batch())).await;
        let again = ok(subject.second.append(batch()).await);
        assert!(matches!(again[0], Appended::Stored | Appended::Duplicate), "{again:?} after {polls} polls");
        assert_eq!(again[0], again[1], "the batch is stored whole or not at all, after {polls} polls");
        for lane in [lane, other] {
            assert_eq!(claim_all(subject, lane, 2, NOW).await.len(), 2, "each delivery once, after {polls} polls");
        }
    }
}

/// A dropped append under an ordering key leaves the key in order. Its place is determined by its commit: a server may commit it after the
/// append that follows it.
pub(super) async fn a_dropped_append_leaves_its_key_in_order<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let (mut polls, mut last) = (Polls::new(), None);
    while let Some(polls) = polls.next(last.as_ref()) {
        let lane = lane();
        let first = subject.owe_event(fifo("cart-1"), lane).await;
        last = dropped_after(polls, subject.store.append(vec![append(fifo("cart-1"), &[lane], NOW)])).await;
        let end = subject.owe_event(fifo("cart-1"), lane).await;
        let mut sent = Vec::new();
        while let Some(head) = subject.claim(lane, 9, LEASED).await.pop() {
            sent.push(head.lease.delivery);
            subject.settle(&head, Decision::Delivered).await;
        }
        assert_eq!(sent.first(), Some(&first), "after {polls} polls");
        assert!(sent.contains(&end), "after {polls} polls: {sent:?}");
        assert!(sent.len() <= 3, "after {polls} polls: {sent:?}");
    }
}

/// Deliveries of a dropped claim are claimable when their leases end; none is lost.
pub(super) async fn a_dropped_claim_loses_nothing<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let (mut polls, mut last) = (Polls::new(), None);
    while let Some(polls) = polls.next(last.as_ref()) {
        let lane = lane();
        ok(subject.store.append((0..6).map(|_| append(event("acme"), &[lane], NOW)).collect()).await);
        last = dropped_after(polls, subject.store.claim(claim(&[(lane, 4)], NOW))).await;
        let now = subject.claim(lane, 9, NOW).await;
        assert!(matches!(now.len(), 2 | 6), "{} are left after {polls} polls", now.len());
        let skipped = subject.claim(lane, 9, NOW).await;
        let later = claim_all(subject, lane, 6, LEASED).await;
        assert_eq!(later.len(), 6, "after {polls} polls and {} late ones", skipped.len());
        assert!(later.iter().all(|leased| leased.attempt == 2), "each claim is an attempt: {later:?}");
    }
}

/// A dropped settlement was recorded completely or not at all; if it is repeated, it is recorded once.
pub(super) async fn a_dropped_settlement_is_whole_or_absent<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let (mut polls, mut last) = (Polls::new(), None);
    while let Some(polls) = polls.next(last.as_ref()) {
        let leased = [subject.leased().await, subject.leased().await];
        let batch = || -> Vec<Settlement> {
            let nexts = [Decision::Delivered, Decision::retry(LEASED + MINUTE)];
            leased.iter().zip(nexts).map(|(leased, next)| settlement(leased, next)).collect()
        };
        last = dropped_after(polls, subject.store.settle(batch())).await;
        let again = ok(subject.second.settle(batch()).await);
        assert!(matches!(again[..], [Settled::Done, Settled::Done] | [Settled::LeaseLost, Settled::LeaseLost]));
        assert!(
            subject.claim(leased[0].lane, 9, LEASED + MINUTE * 9).await.is_empty(),
            "delivered after {polls} polls"
        );
        let early = subject.claim(leased[1].lane, 9, LEASED + MINUTE - MICRO).await;
        assert!(early.is_empty(), "claimed before it is due after {polls} polls: {early:?}");
        let retried = one(claim_all(subject, leased[1].lane, 1, LEASED + MINUTE).await);
        assert_eq!((retried.attempt, retried.faults), (2, 0), "after {polls} polls");
    }
}

/// A dropped settlement of an ordered delivery never leaves its key without a head.
pub(super) async fn a_dropped_settlement_lets_its_key_go_on<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let (mut polls, mut last) = (Polls::new(), None);
    while let Some(polls) = polls.next(last.as_ref()) {
        let lane = lane();
        subject.owe_event(fifo("cart-1"), lane).await;
        let second = subject.owe_event(fifo("cart-1"), lane).await;
        let head = one(subject.claim(lane, 9, NOW).await);
        let delivered = || vec![settlement(&head, Decision::Delivered)];
        last = dropped_after(polls, subject.store.settle(delivered())).await;
        ok(subject.second.settle(delivered()).await);
        let next = one(claim_all(subject, lane, 1, LEASED).await);
        assert_eq!(next.lease.delivery, second, "after {polls} polls");
    }
}

/// A dropped release has released all leases or none; the leases end in any case.
pub(super) async fn a_dropped_release_is_whole_or_absent<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let (mut polls, mut last) = (Polls::new(), None);
    while let Some(polls) = polls.next(last.as_ref()) {
        let lane = lane();
        ok(subject.store.append((0..3).map(|_| append(event("acme"), &[lane], NOW)).collect()).await);
        let leases: Vec<_> = subject.claim(lane, 9, NOW).await.iter().map(|leased| leased.lease).collect();
        last = dropped_after(polls, subject.store.release(leases.clone(), NOW)).await;
        let again = ok(subject.second.release(leases, NOW).await);
        assert!(again.iter().all(|one| *one == again[0]), "{again:?} after {polls} polls");
        let claimed = claim_all(subject, lane, 3, NOW).await;
        assert_eq!(claimed.len(), 3, "after {polls} polls");
        assert!(claimed.iter().all(|leased| leased.attempt == 1), "after {polls} polls");
    }
}
