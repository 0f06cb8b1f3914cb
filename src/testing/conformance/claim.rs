//! Claiming due deliveries.

use std::collections::{HashMap, HashSet};

use super::given::{LEASED, MICRO, MINUTE, NOW, append, claim, event, lane, ok, one};
use super::subject::Subject;
use crate::id::LaneId;
use crate::retry::Decision;
use crate::store::Outbox;

/// A claim returns only deliveries of the requested lanes, only due ones, and at most the quota of each lane.
pub(super) async fn claim_obeys_lanes_quotas_and_due_times<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let (requested, full, other) = (lane(), lane(), lane());
    for lane in [requested, full, full, full, other] {
        subject.owe(lane).await;
    }
    subject.owe_at(requested, NOW + MICRO).await;
    let claimed = subject.claim_lanes(&[(requested, 9), (full, 2)], NOW).await.leased;
    let of = |lane: LaneId| claimed.iter().filter(|leased| leased.lane == lane).count();
    assert_eq!((of(requested), of(full), of(other)), (1, 2, 0));
}

/// A busy lane does not use up another lane's quota.
pub(super) async fn claim_serves_every_lane_up_to_its_quota<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let busy = lane();
    let lanes = [busy, lane(), lane(), lane(), lane()];
    let many = (0..60).map(|_| append(event("acme"), &[busy], NOW - MINUTE)).collect();
    ok(subject.store.append(many).await);
    for lane in lanes {
        subject.owe(lane).await;
        subject.owe(lane).await;
    }
    let quotas = [(busy, 7), (lanes[1], 1), (lanes[2], 2), (lanes[3], 3), (lanes[4], 1)];
    let claimed = subject.claim_lanes(&quotas, NOW).await.leased;
    let mut by_lane: HashMap<LaneId, u32> = HashMap::new();
    for leased in &claimed {
        *by_lane.entry(leased.lane).or_default() += 1;
    }
    let expected = [(busy, 7), (lanes[1], 1), (lanes[2], 2), (lanes[3], 2), (lanes[4], 1)];
    assert_eq!(by_lane, HashMap::from(expected));
}

/// A quota of 0 claims nothing; the lane's next due time is returned nevertheless.
pub(super) async fn a_quota_of_zero_claims_nothing<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let lane = lane();
    subject.owe(lane).await;
    let claimed = subject.claim_lanes(&[(lane, 0)], NOW).await;
    assert!(claimed.leased.is_empty());
    assert_eq!(claimed.next, [(lane, NOW)]);
    assert_eq!(one(subject.claim(lane, 1, NOW).await).attempt, 1, "a quota of 0 counts no attempt");
}

/// Within a lane, the earliest due delivery is claimed first.
pub(super) async fn claim_takes_the_earliest_due_first<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let lane = lane();
    let late = subject.owe_at(lane, NOW - MICRO).await;
    let early = subject.owe_at(lane, NOW - MICRO * 2).await;
    let latest = subject.owe_at(lane, NOW).await;
    let claimed: Vec<_> = subject.claim(lane, 2, NOW).await.iter().map(|leased| leased.lease.delivery).collect();
    assert_eq!(claimed, [early, late]);
    assert_eq!(one(subject.claim(lane, 2, NOW).await).lease.delivery, latest);
}

/// A delivery is claimable at its due time, and not a microsecond earlier.
pub(super) async fn due_times_count_to_the_microsecond<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let lane = lane();
    for due in [NOW, NOW + MICRO, NOW + MICRO * 500, NOW + MINUTE - MICRO] {
        subject.owe_at(lane, due).await;
        let leased = subject.assert_due(lane, due).await;
        assert_eq!((leased.created_at, leased.until), (due, due + MINUTE));
        subject.settle(&leased, Decision::Delivered).await;
    }
}

/// A claim returns the earliest due time of each lane, because the worker sleeps until then.
pub(super) async fn claim_returns_when_each_lane_is_due_next<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let (waiting, taken, empty) = (lane(), lane(), lane());
    subject.owe(waiting).await;
    subject.owe_at(waiting, NOW + MINUTE / 3 + MICRO).await;
    subject.owe_at(waiting, NOW + MINUTE / 2).await;
    subject.owe(taken).await;
    let lanes = [(waiting, 1), (taken, 1), (empty, 1)];
    let next: HashSet<_> = subject.claim_lanes(&lanes, NOW).await.next.into_iter().collect();
    assert_eq!(next, HashSet::from([(waiting, NOW + MINUTE / 3 + MICRO), (taken, LEASED)]));
}

/// Due deliveries that exceed the quota are due next.
pub(super) async fn claim_returns_what_its_quota_has_left<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let lane = lane();
    for _ in 0..3 {
        subject.owe(lane).await;
    }
    let claimed = subject.claim_lanes(&[(lane, 2)], NOW + MICRO).await;
    assert_eq!((claimed.leased.len(), &claimed.next[..]), (2, &[(lane, NOW)][..]));
}

/// Endpoints and queues have their own due times even if neither has a record.
pub(super) async fn a_lane_without_an_endpoint_record_is_served<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let lane = lane();
    subject.owe(lane).await;
    assert_eq!(subject.claim(lane, 1, NOW).await.len(), 1);
}

/// While a lease lasts, no other claim returns the delivery.
pub(super) async fn a_lease_excludes_other_claims<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let leased = subject.leased().await;
    assert_eq!(leased.until, LEASED);
    for at in [NOW, NOW + MINUTE / 2, LEASED - MICRO] {
        assert!(ok(subject.second.claim(claim(&[(leased.lane, 9)], at)).await).leased.is_empty());
    }
}

/// After its end the delivery is claimed again; the first lease is lost.
pub(super) async fn an_ended_lease_is_claimed_again_with_a_higher_fence<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let first = subject.leased().await;
    let second = subject.assert_due(first.lane, LEASED).await;
    assert_eq!(second.lease.delivery, first.lease.delivery);
    assert_eq!(second.lease.fence, first.lease.fence + 1);
    assert_eq!((first.attempt, second.attempt), (1, 2));
    let third = subject.assert_due(first.lane, second.until).await;
    assert_eq!((third.lease.fence, third.attempt), (second.lease.fence + 1, 3));
}

/// An empty batch is not an error.
pub(super) async fn empty_batches_are_answered_with_nothing<S: Outbox + ?Sized>(subject: &Subject<S>) {
    assert!(ok(subject.store.append(Vec::new()).await).is_empty());
    assert!(ok(subject.store.settle(Vec::new()).await).is_empty());
    assert!(ok(subject.store.extend(Vec::new(), LEASED).await).is_empty());
    assert!(ok(subject.store.release(Vec::new(), NOW).await).is_empty());
    let none = ok(subject.store.claim(claim::<LaneId>(&[], NOW)).await);
    assert!(none.leased.is_empty() && none.next.is_empty());
}
