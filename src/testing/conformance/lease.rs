//! Settling, extending and releasing: which lease is valid, and how attempts and faults are counted.

use super::given::{LEASED, MICRO, MINUTE, NOW, attempt, lane, ok, one, settlement};
use super::subject::Subject;
use crate::delivery::{Lease, Settlement};
use crate::id::DeliveryId;
use crate::outcome::Outcome;
use crate::retry::{Decision, FailReason};
use crate::store::{Outbox, Settled};

const FINAL: [Decision; 4] = [
    Decision::Delivered,
    Decision::Fail { reason: FailReason::Exhausted },
    Decision::Hold { reason: FailReason::Exhausted },
    Decision::Disable { reason: FailReason::Gone },
];

/// A settlement by a worker that has lost its lease has no effect on the worker that has the new lease.
pub(super) async fn settle_with_a_lost_lease_changes_nothing<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let first = subject.leased().await;
    let second = one(subject.claim(first.lane, 1, LEASED).await);
    for next in [Decision::retry(NOW), Decision::RetryUncounted { at: NOW }].into_iter().chain(FINAL) {
        assert_eq!(subject.settle(&first, next).await, Settled::LeaseLost);
    }
    assert!(subject.claim(first.lane, 1, LEASED).await.is_empty(), "the second lease lasts");
    assert_eq!(subject.settle(&second, Decision::retry(LEASED)).await, Settled::Done);
    assert_eq!(one(subject.claim(first.lane, 1, LEASED).await).attempt, 3);
}

/// A lease is a delivery and a fence: neither a lower nor a higher fence is valid, nor the fence of another delivery.
pub(super) async fn a_lease_with_another_fence_is_lost<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let leased = subject.leased().await;
    let fence = leased.lease.fence;
    for wrong in [0, fence - 1, fence + 1, u64::MAX] {
        let lease = Lease { fence: wrong, ..leased.lease };
        let settlement = Settlement { lease, ..settlement(&leased, Decision::Delivered) };
        assert_eq!(ok(subject.store.settle(vec![settlement]).await), [Settled::LeaseLost], "fence {wrong}");
        assert_eq!(ok(subject.store.extend(vec![lease], NOW).await), [Settled::LeaseLost], "fence {wrong}");
        assert_eq!(ok(subject.store.release(vec![lease], NOW).await), [Settled::LeaseLost], "fence {wrong}");
    }
    assert!(subject.claim(leased.lane, 1, LEASED - MICRO).await.is_empty(), "the lease is as it was");
    assert_eq!(subject.settle(&leased, Decision::Delivered).await, Settled::Done);
}

/// A batch may contain the first lease and the second.
pub(super) async fn of_two_leases_in_one_batch_the_later_counts<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let first = subject.leased().await;
    let second = one(subject.claim(first.lane, 1, LEASED).await);
    let lost_and_valid = [Settled::LeaseLost, Settled::Done];
    let both = vec![first.lease, second.lease];
    assert_eq!(ok(subject.store.extend(both, LEASED + MINUTE * 2).await), lost_and_valid);
    let batch = vec![settlement(&first, Decision::retry(NOW)), settlement(&second, Decision::Delivered)];
    assert_eq!(ok(subject.store.settle(batch).await), lost_and_valid);
    assert!(subject.claim(first.lane, 1, LEASED + MINUTE * 9).await.is_empty());

    let first = subject.leased().await;
    let second = one(subject.claim(first.lane, 1, LEASED).await);
    let both = vec![first.lease, second.lease];
    assert_eq!(ok(subject.store.release(both, LEASED).await), lost_and_valid);
    assert_eq!(subject.assert_due(first.lane, LEASED).await.attempt, 2);
}

/// An attempt that took longer than its lease counts, unless another worker has claimed the delivery.
pub(super) async fn settle_after_the_end_of_an_unclaimed_lease_counts<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let leased = subject.leased().await;
    let late = Settlement { at: LEASED + MINUTE, ..settlement(&leased, Decision::Delivered) };
    assert_eq!(ok(subject.store.settle(vec![late]).await), [Settled::Done]);
    assert!(subject.claim(leased.lane, 1, LEASED + MINUTE * 2).await.is_empty());
}

/// A settlement ends the lease: if it is repeated because its result was lost, it changes nothing.
pub(super) async fn a_settlement_ends_the_lease<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let due = NOW + MINUTE * 5;
    for next in [Decision::retry(due), Decision::RetryUncounted { at: due }].into_iter().chain(FINAL) {
        let leased = subject.leased().await;
        assert_eq!(subject.settle(&leased, next).await, Settled::Done);
        assert_eq!(subject.settle(&leased, next).await, Settled::LeaseLost, "{next:?}");
        assert_eq!(subject.settle(&leased, Decision::Delivered).await, Settled::LeaseLost, "{next:?}");
        assert_eq!(ok(subject.store.extend(vec![leased.lease], NOW).await), [Settled::LeaseLost], "{next:?}");
        assert_eq!(ok(subject.store.release(vec![leased.lease], NOW).await), [Settled::LeaseLost], "{next:?}");
        assert!(subject.claim(leased.lane, 1, due - MICRO).await.is_empty(), "{next:?}");
    }
}

/// A delivery that is delivered, failed or held is not claimed again.
pub(super) async fn what_is_final_or_held_is_not_claimed<S: Outbox + ?Sized>(subject: &Subject<S>) {
    for next in FINAL {
        let leased = subject.leased().await;
        assert_eq!(subject.settle(&leased, next).await, Settled::Done);
        let later = subject.claim_lanes(&[(leased.lane, 9)], NOW + MINUTE * 60 * 24 * 365).await;
        assert!(later.leased.is_empty() && later.next.is_empty(), "{next:?}: {later:?}");
    }
}

/// Without a claim there is no lease, whatever the fence.
pub(super) async fn a_delivery_that_was_never_claimed_has_no_lease<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let endpoint = lane();
    let delivery = subject.owe(endpoint).await;
    for fence in [0, 1, u64::MAX] {
        let lease = Lease { delivery, fence };
        assert_eq!(ok(subject.store.settle(vec![unclaimed(lease)]).await), [Settled::LeaseLost]);
        assert_eq!(ok(subject.store.extend(vec![lease], LEASED).await), [Settled::LeaseLost]);
        assert_eq!(ok(subject.store.release(vec![lease], LEASED).await), [Settled::LeaseLost]);
    }
    assert_eq!(one(subject.claim(endpoint, 9, NOW).await).attempt, 1);
}

/// An unknown delivery has no lease.
pub(super) async fn an_unknown_delivery_is_a_lost_lease<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let lease = Lease { delivery: DeliveryId::generate(NOW), fence: 1 };
    assert_eq!(ok(subject.store.settle(vec![unclaimed(lease)]).await), [Settled::LeaseLost]);
    assert_eq!(ok(subject.store.extend(vec![lease], LEASED).await), [Settled::LeaseLost]);
    assert_eq!(ok(subject.store.release(vec![lease], LEASED).await), [Settled::LeaseLost]);
}

/// A lost lease does not stop the other elements of its batch, and the results are in the order of the batch.
pub(super) async fn one_lost_lease_leaves_the_rest_of_the_batch_alone<S: Outbox + ?Sized>(subject: &Subject<S>) {
    use Settled::{Done, LeaseLost};
    let expected = [Done, LeaseLost, Done, LeaseLost, Done];
    let batch = async || {
        let mut leases = Vec::new();
        for answer in expected {
            let leased = subject.leased().await;
            if answer == LeaseLost {
                subject.claim(leased.lane, 1, LEASED).await;
            }
            leases.push(leased);
        }
        leases
    };
    let settled = batch().await;
    let settlements = settled.iter().map(|leased| settlement(leased, Decision::Delivered)).collect();
    assert_eq!(ok(subject.store.settle(settlements).await), expected);
    let (extended, until) = (batch().await, LEASED + MINUTE * 3);
    let leases = extended.iter().map(|leased| leased.lease).collect();
    assert_eq!(ok(subject.store.extend(leases, until).await), expected);
    let released = batch().await;
    let leases = released.iter().map(|leased| leased.lease).collect();
    assert_eq!(ok(subject.store.release(leases, LEASED).await), expected);
    for (n, answer) in expected.into_iter().enumerate() {
        let at = if answer == LeaseLost { LEASED + MINUTE } else { until };
        subject.assert_due(extended[n].lane, at).await;
        let at = if answer == LeaseLost { LEASED + MINUTE } else { LEASED };
        subject.assert_due(released[n].lane, at).await;
        assert_eq!(subject.claim(settled[n].lane, 1, until).await.is_empty(), answer == Done);
    }
}

/// A retry is claimable at its due time, and not earlier.
pub(super) async fn a_retry_is_claimable_when_it_is_due<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let leased = subject.leased().await;
    let due = NOW + MINUTE * 5 + MICRO;
    subject.settle(&leased, Decision::retry(due)).await;
    let again = subject.assert_due(leased.lane, due).await;
    assert_eq!((again.attempt, again.faults), (2, 0));
    assert!(again.lease.fence > leased.lease.fence);
    let much_later = NOW + MINUTE * 60 * 24 * 400;
    subject.settle(&again, Decision::retry(much_later)).await;
    assert_eq!(subject.assert_due(leased.lane, much_later).await.attempt, 3);
}

/// A local fault takes the attempt back and is counted; a retry resets the count of faults to zero.
pub(super) async fn a_local_fault_does_not_use_up_an_attempt<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let leased = subject.leased().await;
    let due = NOW + MICRO;
    subject.settle(&leased, Decision::RetryUncounted { at: due }).await;
    let second = subject.assert_due(leased.lane, due).await;
    assert_eq!((second.attempt, second.faults), (1, 1));
    subject.settle(&second, Decision::RetryUncounted { at: NOW }).await;
    let third = one(subject.claim(leased.lane, 1, NOW).await);
    assert_eq!((third.attempt, third.faults), (1, 2));
    subject.settle(&third, Decision::retry(NOW)).await;
    let fourth = one(subject.claim(leased.lane, 1, NOW).await);
    assert_eq!((fourth.attempt, fourth.faults), (2, 0));
}

/// An extended lease ends at its new time, and not earlier.
pub(super) async fn extend_moves_the_end_of_a_valid_lease<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let leased = subject.leased().await;
    let until = LEASED + MINUTE + MICRO;
    assert_eq!(ok(subject.store.extend(vec![leased.lease], until).await), [Settled::Done]);
    assert_eq!(
        ok(subject.store.extend(vec![leased.lease], until).await),
        [Settled::Done],
        "a lease can be extended again"
    );
    assert_eq!(subject.claim_lanes(&[(leased.lane, 1)], LEASED).await.next[0].1, until);
    let again = subject.assert_due(leased.lane, until).await;
    assert_eq!((again.attempt, again.faults), (2, 0), "extending is not an attempt");
    assert_eq!(ok(subject.store.extend(vec![again.lease], NOW).await), [Settled::Done]);
    assert_eq!(subject.claim(leased.lane, 1, NOW).await.len(), 1, "it may also move the end forward in time");
}

/// A lease that has ended is valid until another worker claims the delivery.
pub(super) async fn extend_after_the_end_of_an_unclaimed_lease_counts<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let leased = subject.leased().await;
    let until = LEASED + MINUTE * 2;
    assert_eq!(ok(subject.store.extend(vec![leased.lease], until).await), [Settled::Done]);
    assert!(subject.claim(leased.lane, 1, LEASED + MINUTE).await.is_empty());
    assert_eq!(subject.settle(&leased, Decision::Delivered).await, Settled::Done);
}

/// A worker cannot extend another worker's lease.
pub(super) async fn extend_of_a_lost_lease_changes_nothing<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let first = subject.leased().await;
    let second = one(subject.claim(first.lane, 1, LEASED).await);
    assert_eq!(ok(subject.store.extend(vec![first.lease], LEASED + MINUTE * 9).await), [Settled::LeaseLost]);
    assert_eq!(subject.assert_due(first.lane, second.until).await.attempt, 3);
}

/// A released delivery does not count as attempted.
pub(super) async fn release_gives_the_attempt_back<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let leased = subject.leased().await;
    let due = NOW + MICRO;
    assert_eq!(ok(subject.store.release(vec![leased.lease], due).await), [Settled::Done]);
    let again = subject.assert_due(leased.lane, due).await;
    assert_eq!((again.attempt, again.faults), (1, 0));
    assert!(again.lease.fence > leased.lease.fence);
    subject.settle(&again, Decision::RetryUncounted { at: NOW }).await;
    let third = one(subject.claim(leased.lane, 1, NOW).await);
    ok(subject.store.release(vec![third.lease], NOW).await);
    let fourth = one(subject.claim(leased.lane, 1, NOW).await);
    assert_eq!((fourth.attempt, fourth.faults), (1, 1), "a release neither counts as a fault nor resets the faults");
}

/// A released lease is lost.
pub(super) async fn release_ends_the_lease<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let leased = subject.leased().await;
    ok(subject.store.release(vec![leased.lease], NOW).await);
    assert_eq!(subject.settle(&leased, Decision::Delivered).await, Settled::LeaseLost);
    assert_eq!(ok(subject.store.extend(vec![leased.lease], LEASED).await), [Settled::LeaseLost]);
    assert_eq!(ok(subject.store.release(vec![leased.lease], NOW).await), [Settled::LeaseLost]);
    assert_eq!(one(subject.claim(leased.lane, 1, NOW).await).attempt, 1);
}

/// A worker cannot release another worker's lease.
pub(super) async fn release_of_a_lost_lease_changes_nothing<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let first = subject.leased().await;
    let second = one(subject.claim(first.lane, 1, LEASED).await);
    assert_eq!(ok(subject.store.release(vec![first.lease], NOW).await), [Settled::LeaseLost]);
    assert!(subject.claim(first.lane, 1, LEASED).await.is_empty());
    assert_eq!(subject.settle(&second, Decision::Delivered).await, Settled::Done);
    assert_eq!(ok(subject.store.release(vec![second.lease], NOW).await), [Settled::LeaseLost]);
    assert!(subject.claim(first.lane, 1, LEASED).await.is_empty(), "it stays delivered");
}

/// A settlement of a delivery that was never claimed.
fn unclaimed(lease: Lease) -> Settlement {
    let attempt = Some(attempt(1, Outcome::Status(200)));
    Settlement {
        lease,
        lane: lane(),
        ordered: false,
        attempt,
        decision: Decision::Delivered,
        paused_until: None,
        at: NOW,
    }
}
