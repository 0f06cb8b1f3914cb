//! Settling, extending, releasing, and listing lanes.

use super::subject::{LEASED, MINUTE, NOW, Subject, claim, lane, ok, one, settlement, some};
use crate::delivery::{DeliveryState, Lease, Next, Settlement};
use crate::endpoint::{DisableReason, EndpointState};
use crate::id::{DeliveryId, LaneId, Work};
use crate::retry::FailReason;
use crate::store::{LaneDue, Settled};

/// After the lease's end the delivery is taken again, and the first taker's word no longer counts.
pub async fn an_ended_lease_is_claimed_again_with_a_higher_fence(subject: &Subject) {
    let first = subject.leased().await;
    let second = one(subject.claim(first.lane, 1, LEASED).await);
    assert_eq!(second.lease.delivery, first.lease.delivery);
    assert_eq!(second.lease.fence, first.lease.fence + 1);
    assert_eq!((first.attempt, second.attempt), (1, 2));
}

/// State and attempt are recorded together.
pub async fn settle_records_the_attempt(subject: &Subject) {
    let leased = subject.leased().await;
    assert_eq!(subject.settle(&leased, Next::Delivered).await, Settled::Done);
    let delivery = subject.delivery(leased.lease.delivery).await;
    assert_eq!(delivery.state, DeliveryState::Delivered);
    assert_eq!(delivery.finished_at, Some(settlement(&leased, Next::Delivered).at));
    let attempts = ok(subject.store.attempts(Work::Sent, leased.lease.delivery).await);
    assert_eq!(Some(one(attempts)), settlement(&leased, Next::Delivered).attempt);
}

/// Whoever has lost the lease changes nothing.
pub async fn settle_with_a_lost_lease_changes_nothing(subject: &Subject) {
    let first = subject.leased().await;
    let second = one(subject.claim(first.lane, 1, LEASED).await);
    for next in [Next::Delivered, Next::Retry { due: NOW }, Next::Again { due: NOW }] {
        assert_eq!(subject.settle(&first, next).await, Settled::LeaseLost);
    }
    let delivery = subject.delivery(first.lease.delivery).await;
    assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Pending, 2));
    assert!(ok(subject.store.attempts(Work::Sent, first.lease.delivery).await).is_empty());
    assert_eq!(subject.settle(&second, Next::Delivered).await, Settled::Done);
}

/// An attempt under a lost lease may end together with one under the lease that followed.
pub async fn of_two_leases_in_one_batch_the_later_counts(subject: &Subject) {
    let first = subject.leased().await;
    let second = one(subject.claim(first.lane, 1, LEASED).await);
    let batch = vec![settlement(&first, Next::Retry { due: NOW }), settlement(&second, Next::Delivered)];
    assert_eq!(ok(subject.store.settle(batch).await), [Settled::LeaseLost, Settled::Done]);
    assert_eq!(subject.delivery(first.lease.delivery).await.state, DeliveryState::Delivered);
}

/// A slow attempt that nobody has taken over was not in vain.
pub async fn settle_after_the_end_of_an_unclaimed_lease_counts(subject: &Subject) {
    let leased = subject.leased().await;
    let mut late = settlement(&leased, Next::Delivered);
    late.at = LEASED + MINUTE;
    assert_eq!(ok(subject.store.settle(vec![late]).await), [Settled::Done]);
    assert!(subject.claim(leased.lane, 1, LEASED + MINUTE * 2).await.is_empty());
}

/// A settlement that is repeated because its answer was lost does not count again.
pub async fn settle_twice_counts_once(subject: &Subject) {
    let leased = subject.leased().await;
    assert_eq!(subject.settle(&leased, Next::Delivered).await, Settled::Done);
    assert_eq!(subject.settle(&leased, Next::Delivered).await, Settled::LeaseLost);
    assert_eq!(ok(subject.store.attempts(Work::Sent, leased.lease.delivery).await).len(), 1);

    let due = NOW + MINUTE * 5;
    for next in [Next::Retry { due }, Next::Again { due }] {
        let leased = subject.leased().await;
        assert_eq!(subject.settle(&leased, next).await, Settled::Done);
        assert_eq!(subject.settle(&leased, next).await, Settled::LeaseLost);
        assert_eq!(subject.settle(&leased, Next::Delivered).await, Settled::LeaseLost);
        assert_eq!(ok(subject.store.extend(vec![leased.lease], NOW).await), [Settled::LeaseLost]);
        assert_eq!(ok(subject.store.attempts(Work::Sent, leased.lease.delivery).await).len(), 1);
        assert_eq!(subject.delivery(leased.lease.delivery).await.due, due);
    }
}

/// Nobody settles, extends or releases what nobody has claimed.
pub async fn a_delivery_that_was_never_claimed_has_no_lease(subject: &Subject) {
    let endpoint = lane();
    let delivery = subject.owe(endpoint).await;
    for fence in [0, 1, u64::MAX] {
        let lease = Lease { delivery, fence };
        let settlement = unclaimed(lease);
        assert_eq!(ok(subject.store.settle(vec![settlement]).await), [Settled::LeaseLost]);
        assert_eq!(ok(subject.store.extend(vec![lease], LEASED).await), [Settled::LeaseLost]);
        assert_eq!(ok(subject.store.release(vec![lease], LEASED).await), [Settled::LeaseLost]);
    }
    assert_eq!(subject.claim(endpoint, 9, NOW).await.len(), 1);
}

/// A stale or invented id is answered like a lost lease.
pub async fn an_unknown_delivery_is_a_lost_lease(subject: &Subject) {
    let lease = Lease { delivery: DeliveryId::generate(NOW), fence: 1 };
    let settlement = unclaimed(lease);
    assert_eq!(ok(subject.store.settle(vec![settlement]).await), [Settled::LeaseLost]);
    assert_eq!(ok(subject.store.extend(vec![lease], LEASED).await), [Settled::LeaseLost]);
    assert!(ok(subject.store.delivery(Work::Sent, lease.delivery).await).is_none());
    assert!(ok(subject.store.attempts(Work::Sent, lease.delivery).await).is_empty());
}

/// A batch of nothing is no trouble.
pub async fn empty_batches_are_answered_with_nothing(subject: &Subject) {
    assert!(ok(subject.store.append(Vec::new()).await).is_empty());
    assert!(ok(subject.store.settle(Vec::new()).await).is_empty());
    assert!(ok(subject.store.extend(Vec::new(), LEASED).await).is_empty());
    assert!(ok(subject.store.release(Vec::new(), NOW).await).is_empty());
    let none = ok(subject.store.claim(claim::<LaneId>(&[], NOW)).await);
    assert!(none.leased.is_empty() && none.next.is_empty());
    subject.owe(lane()).await;
    assert!(ok(subject.store.lanes(Work::Sent, None, 0).await).is_empty());
}

/// Several attempts, own faults and a settlement without an attempt: all that were made read back, in order.
pub async fn every_attempt_of_a_long_life_is_kept(subject: &Subject) {
    let mut leased = subject.leased().await;
    let id = leased.lease.delivery;
    let mut made = Vec::new();
    for next in [Next::Retry { due: NOW }, Next::Again { due: NOW }, Next::Retry { due: NOW }] {
        made.extend(settlement(&leased, next).attempt);
        assert_eq!(subject.settle(&leased, next).await, Settled::Done);
        leased = one(subject.claim(leased.lane, 1, NOW).await);
    }
    let poison = Next::Failed { reason: FailReason::Poison };
    let untried = Settlement::of(&leased, poison, NOW);
    assert_eq!(ok(subject.store.settle(vec![untried]).await), [Settled::Done]);
    assert_eq!(ok(subject.store.attempts(Work::Sent, id).await), made);
}

/// Each settlement of a batch has its own fate.
pub async fn one_lost_lease_leaves_the_rest_of_the_batch_alone(subject: &Subject) {
    let (lost, good) = (subject.leased().await, subject.leased().await);
    subject.claim(lost.lane, 1, LEASED).await;
    let batch = vec![settlement(&lost, Next::Delivered), settlement(&good, Next::Delivered)];
    assert_eq!(ok(subject.store.settle(batch).await), [Settled::LeaseLost, Settled::Done]);
}

/// Neither before nor never.
pub async fn a_retry_is_claimable_when_it_is_due(subject: &Subject) {
    let leased = subject.leased().await;
    let due = NOW + MINUTE * 5;
    subject.settle(&leased, Next::Retry { due }).await;
    assert_eq!(subject.delivery(leased.lease.delivery).await.due, due);
    assert!(subject.claim(leased.lane, 1, due - MINUTE).await.is_empty());
    let again = one(subject.claim(leased.lane, 1, due).await);
    assert_eq!((again.attempt, again.faults), (2, 0));
}

/// Why it was given up is kept.
pub async fn a_failure_keeps_its_reason(subject: &Subject) {
    for reason in [FailReason::Exhausted, FailReason::Permanent, FailReason::Faults, FailReason::Poison] {
        let leased = subject.leased().await;
        subject.settle(&leased, Next::Failed { reason }).await;
        let delivery = subject.delivery(leased.lease.delivery).await;
        assert_eq!((delivery.state, delivery.reason), (DeliveryState::Failed, Some(reason)));
    }
}

/// The endpoint is disabled in the same transaction, and its other deliveries are held.
pub async fn gone_disables_the_endpoint(subject: &Subject) {
    let endpoint = subject.endpoint().await;
    subject.owe(endpoint.id).await;
    let other = subject.owe(endpoint.id).await;
    let leased = one(subject.claim(endpoint.id, 1, NOW).await);
    let gone = Next::Disable { reason: FailReason::Gone };
    subject.settle(&leased, gone).await;
    let after = some(ok(subject.store.get(endpoint.id).await));
    let at = settlement(&leased, gone).at;
    assert_eq!(after.state, EndpointState::Disabled { reason: DisableReason::Gone, at });
    assert_eq!(after.version, endpoint.version + 1);
    assert_eq!(subject.delivery(other).await.state, DeliveryState::Held);
    assert!(subject.claim(endpoint.id, 9, LEASED).await.is_empty());
}

/// Somebody should look at it, but it stays enabled.
pub async fn blocked_flags_the_endpoint(subject: &Subject) {
    let endpoint = subject.endpoint().await;
    subject.owe(endpoint.id).await;
    let leased = one(subject.claim(endpoint.id, 1, NOW).await);
    let blocked = Next::Failed { reason: FailReason::Blocked };
    subject.settle(&leased, blocked).await;
    let after = some(ok(subject.store.get(endpoint.id).await));
    assert_eq!(after.flagged_at, Some(settlement(&leased, blocked).at));
    assert!(after.is_enabled());
}

/// The attempt count is taken back, the fault is counted, and success or failure of the endpoint clears the count.
pub async fn an_own_fault_does_not_use_up_an_attempt(subject: &Subject) {
    let leased = subject.leased().await;
    subject.settle(&leased, Next::Again { due: NOW }).await;
    let second = one(subject.claim(leased.lane, 1, NOW).await);
    assert_eq!((second.attempt, second.faults), (1, 1));
    subject.settle(&second, Next::Again { due: NOW }).await;
    let third = one(subject.claim(leased.lane, 1, NOW).await);
    assert_eq!((third.attempt, third.faults), (1, 2));
    subject.settle(&third, Next::Retry { due: NOW }).await;
    let fourth = one(subject.claim(leased.lane, 1, NOW).await);
    assert_eq!((fourth.attempt, fourth.faults), (2, 0));
    assert_eq!(ok(subject.store.attempts(Work::Sent, leased.lease.delivery).await).len(), 3, "each try is recorded");
}

/// A slow attempt keeps its lease.
pub async fn extend_moves_the_end_of_a_valid_lease(subject: &Subject) {
    let leased = subject.leased().await;
    let until = LEASED + MINUTE;
    assert_eq!(ok(subject.store.extend(vec![leased.lease], until).await), [Settled::Done]);
    assert!(subject.claim(leased.lane, 1, LEASED).await.is_empty());
    assert_eq!(subject.claim(leased.lane, 1, until).await.len(), 1);
}

/// Nobody extends another's lease, nor a finished delivery's.
pub async fn extend_of_a_lost_lease_changes_nothing(subject: &Subject) {
    let first = subject.leased().await;
    let second = one(subject.claim(first.lane, 1, LEASED).await);
    assert_eq!(ok(subject.store.extend(vec![first.lease], LEASED + MINUTE * 9).await), [Settled::LeaseLost]);
    assert_eq!(subject.delivery(first.lease.delivery).await.due, LEASED + MINUTE);
    subject.settle(&second, Next::Delivered).await;
    assert_eq!(ok(subject.store.extend(vec![second.lease], LEASED).await), [Settled::LeaseLost]);
}

/// What was not tried does not count as tried.
pub async fn release_gives_the_attempt_back(subject: &Subject) {
    let leased = subject.leased().await;
    assert_eq!(ok(subject.store.release(vec![leased.lease], NOW).await), [Settled::Done]);
    assert_eq!(subject.delivery(leased.lease.delivery).await.attempts, 0);
    let again = one(subject.claim(leased.lane, 1, NOW).await);
    assert_eq!((again.attempt, again.faults), (1, 0));
    assert!(again.lease.fence > leased.lease.fence);
}

/// After giving it back, its holder has no more say.
pub async fn release_ends_the_lease(subject: &Subject) {
    let leased = subject.leased().await;
    ok(subject.store.release(vec![leased.lease], NOW).await);
    assert_eq!(subject.settle(&leased, Next::Delivered).await, Settled::LeaseLost);
    assert_eq!(ok(subject.store.release(vec![leased.lease], NOW).await), [Settled::LeaseLost]);
}

/// Pages together cover every lane once, in id order, each with its earliest due time.
pub async fn lanes_lists_pending_work_in_pages(subject: &Subject) {
    let mut expected: Vec<LaneDue> = Vec::new();
    for _ in 0..5 {
        let lane = lane();
        subject.owe_at(lane, NOW + MINUTE).await;
        subject.owe(lane).await;
        expected.push(LaneDue { lane, due: NOW });
    }
    expected.sort_by_key(|lane| lane.lane);
    let mut found: Vec<LaneDue> = Vec::new();
    loop {
        let after: Option<LaneId> = found.last().map(|lane| lane.lane);
        let page = ok(subject.store.lanes(Work::Sent, after, 2).await);
        assert!(page.len() <= 2);
        if page.is_empty() {
            break;
        }
        found.extend(page);
    }
    assert_eq!(found, expected);
}

/// A lane without pending work is none.
pub async fn lanes_forgets_what_is_finished(subject: &Subject) {
    let leased = subject.leased().await;
    assert_eq!(ok(subject.store.lanes(Work::Sent, None, 9).await), [LaneDue { lane: leased.lane, due: LEASED }]);
    subject.settle(&leased, Next::Delivered).await;
    assert!(ok(subject.store.lanes(Work::Sent, None, 9).await).is_empty());
    let none = ok(subject.store.claim(claim(&[(leased.lane, 9)], LEASED)).await);
    assert!(none.leased.is_empty() && none.next.is_empty());
}

/// A settlement of what this subject has not claimed.
fn unclaimed(lease: Lease) -> Settlement {
    let (lane, next) = (lane(), Next::Delivered);
    Settlement { lease, lane, ordered: false, attempt: None, next, pause: None, at: NOW }
}
