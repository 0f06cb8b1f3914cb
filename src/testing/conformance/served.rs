//! The effect of an endpoint's state on its deliveries, and the effect of its deliveries on its state and health.

use super::drops::{Polls, dropped_after};
use super::given::{DAY, LEASED, MICRO, MINUTE, NOW, attempt, endpoint, fifo, next_version, ok, one, settlement};
use super::subject::Subject;
use crate::clock::Timestamp;
use crate::delivery::{Leased, Settlement};
use crate::endpoint::{DisableReason, Endpoint, EndpointState, Health};
use crate::id::{EndpointId, Work};
use crate::outcome::Outcome;
use crate::retry::{Decision, FailReason};
use crate::store::{Directory, Outbox, PutResult, Removal, Settled};

const EXHAUSTED: Decision = Decision::Fail { reason: FailReason::Exhausted };

async fn leased_from<S: Outbox + ?Sized>(subject: &Subject<S>, endpoint: EndpointId) -> Leased {
    subject.owe(endpoint).await;
    one(subject.claim(endpoint, 1, NOW).await)
}

/// A disabled endpoint's deliveries wait and are not due; they are claimed when it is enabled.
pub(super) async fn claim_leaves_a_disabled_endpoint_alone<S: Outbox + Directory + ?Sized>(subject: &Subject<S>) {
    let endpoint = subject.endpoint().await;
    subject.owe(endpoint.id).await;
    let disabled = subject.disable(&endpoint).await;
    let claimed = ok(subject.second.claim(super::given::claim(&[(endpoint.id, 9)], NOW)).await);
    assert!(claimed.leased.is_empty() && claimed.next.is_empty());
    let late = subject.owe(endpoint.id).await;
    assert!(subject.claim(endpoint.id, 9, NOW).await.is_empty(), "what is appended later waits too");
    subject.enable(&disabled).await;
    let claimed = subject.claimed(endpoint.id, NOW).await;
    assert!(claimed.len() == 2 && claimed.contains(&late));
}

/// A worker whose endpoint is disabled during an attempt can still settle.
pub(super) async fn a_lease_outlives_the_disabling_of_its_endpoint<S: Outbox + Directory + ?Sized>(
    subject: &Subject<S>,
) {
    let endpoint = subject.endpoint().await;
    let [first, second, third] = [
        leased_from(subject, endpoint.id).await,
        leased_from(subject, endpoint.id).await,
        leased_from(subject, endpoint.id).await,
    ];
    let disabled = subject.disable(&endpoint).await;
    assert_eq!(subject.settle(&first, Decision::Delivered).await, Settled::Done);
    assert_eq!(ok(subject.store.extend(vec![second.lease], LEASED + MINUTE).await), [Settled::Done]);
    assert_eq!(ok(subject.store.release(vec![third.lease], NOW).await), [Settled::Done]);
    assert!(subject.claim(endpoint.id, 9, NOW).await.is_empty());
    subject.enable(&disabled).await;
    assert_eq!(subject.claimed(endpoint.id, NOW).await, [third.lease.delivery]);
}

/// A delivery that is appended for a removed endpoint is never sent, and is removed from the list of lanes.
pub(super) async fn claim_leaves_a_removed_endpoint_alone<S: Outbox + Directory + ?Sized>(subject: &Subject<S>) {
    let endpoint = subject.endpoint().await;
    assert_eq!(ok(subject.store.remove(endpoint.id, None, NOW).await), Removal::Removed);
    subject.owe(endpoint.id).await;
    for _ in 0..9 {
        let claimed = subject.claim_lanes(&[(endpoint.id, 9)], NOW).await;
        assert!(claimed.leased.is_empty() && claimed.next.is_empty());
        if ok(subject.store.lanes(Work::Sent, None, 9).await).is_empty() {
            return;
        }
    }
    panic!("claims do not cancel the deliveries of a removed endpoint");
}

/// The leases of a removed endpoint end; its pending deliveries are not claimed; other endpoints are not changed.
pub(super) async fn remove_ends_the_leases<S: Outbox + Directory + ?Sized>(subject: &Subject<S>) {
    let (endpoint, other) = (subject.endpoint().await, subject.endpoint().await);
    let (flying, elsewhere) = (leased_from(subject, endpoint.id).await, leased_from(subject, other.id).await);
    subject.owe(endpoint.id).await;
    let waiting = subject.owe(other.id).await;
    assert_eq!(ok(subject.store.remove(endpoint.id, Some(7), NOW).await), Removal::VersionConflict);
    assert_eq!(ok(subject.store.extend(vec![flying.lease], LEASED).await), [Settled::Done], "nothing was changed");
    assert_eq!(ok(subject.store.remove(endpoint.id, Some(1), NOW).await), Removal::Removed);
    assert_eq!(ok(subject.store.extend(vec![flying.lease], LEASED).await), [Settled::LeaseLost]);
    assert_eq!(ok(subject.store.release(vec![flying.lease], NOW).await), [Settled::LeaseLost]);
    assert_eq!(subject.settle(&flying, Decision::Delivered).await, Settled::LeaseLost);
    assert!(subject.claim(endpoint.id, 9, LEASED + MINUTE).await.is_empty());
    assert_eq!(subject.claimed(other.id, NOW).await, [waiting]);
    assert_eq!(subject.settle(&elsewhere, Decision::Delivered).await, Settled::Done);
}

/// An endpoint that returns 410 is disabled in the same transaction, and its version rises.
pub(super) async fn gone_disables_the_endpoint<S: Outbox + Directory + ?Sized>(subject: &Subject<S>) {
    for (reason, expected) in [(FailReason::Gone, DisableReason::Gone), (FailReason::Permanent, DisableReason::Policy)]
    {
        let full = Endpoint { state: EndpointState::Enabled, ..super::fields::full_endpoint("acme") };
        subject.put(&full).await;
        let leased = leased_from(subject, full.id).await;
        subject.owe(full.id).await;
        let disable = Settlement { at: NOW + MICRO, ..settlement(&leased, Decision::Disable { reason }) };
        assert_eq!(ok(subject.store.settle(vec![disable]).await), [Settled::Done]);
        let kept = subject.kept(full.id).await;
        let state = EndpointState::Disabled { reason: expected, at: NOW + MICRO };
        super::fields::assert_same_endpoint(&kept, &Endpoint { state, ..full.clone() });
        assert_eq!(kept.version, full.version + 1);
        assert!(subject.claim(full.id, 9, LEASED).await.is_empty());
    }
}

/// The first reason and time are kept if another delivery ends in the same way.
pub(super) async fn a_disabled_endpoint_is_not_disabled_again<S: Outbox + Directory + ?Sized>(subject: &Subject<S>) {
    let endpoint = subject.endpoint().await;
    let both = [leased_from(subject, endpoint.id).await, leased_from(subject, endpoint.id).await];
    let gone = Decision::Disable { reason: FailReason::Gone };
    let batch = vec![settlement(&both[0], gone), Settlement { at: NOW + DAY, ..settlement(&both[1], gone) }];
    assert_eq!(ok(subject.store.settle(batch).await), [Settled::Done; 2]);
    let kept = subject.kept(endpoint.id).await;
    assert_eq!((kept.version, kept.is_enabled()), (2, false));
    assert_eq!(kept.state, EndpointState::Disabled { reason: DisableReason::Gone, at: NOW + MINUTE / 2 });
}

/// A target that the egress guard refuses is flagged once; the endpoint stays enabled.
pub(super) async fn blocked_flags_the_endpoint<S: Outbox + Directory + ?Sized>(subject: &Subject<S>) {
    let endpoint = subject.endpoint().await;
    let blocked = Decision::Fail { reason: FailReason::Blocked };
    let first = leased_from(subject, endpoint.id).await;
    subject.settle(&first, blocked).await;
    let kept = subject.kept(endpoint.id).await;
    assert_eq!((kept.flagged_at, kept.version), (Some(settlement(&first, blocked).at), 2));
    assert!(kept.is_enabled());
    let second = leased_from(subject, endpoint.id).await;
    ok(subject.store.settle(vec![Settlement { at: NOW + DAY, ..settlement(&second, blocked) }]).await);
    let again = subject.kept(endpoint.id).await;
    assert_eq!((again.flagged_at, again.version), (kept.flagged_at, 2), "the first time stays");
}

/// Failures are counted until the next success, in the transaction that settles the attempt.
pub(super) async fn settle_keeps_the_endpoints_health<S: Outbox + Directory + ?Sized>(subject: &Subject<S>) {
    let endpoint = subject.endpoint().await;
    let mut expected = Health::default();
    let steps: [(Outcome, Option<Timestamp>, Timestamp); 8] = [
        (Outcome::Status(500), None, NOW + MICRO),
        (Outcome::Status(429), Some(NOW + MINUTE * 9 + MICRO), NOW + MICRO * 2),
        (Outcome::Status(503), Some(NOW + MINUTE), NOW + MICRO * 4),
        (Outcome::Local, Some(NOW + DAY), NOW + MICRO * 5),
        (Outcome::Timeout, None, NOW + MICRO * 6),
        (Outcome::Status(204), None, NOW + MINUTE),
        (Outcome::Status(200), None, NOW + MINUTE * 20),
        (Outcome::Dns, None, NOW + MINUTE * 21),
    ];
    for (outcome, pause, at) in steps {
        let leased = leased_from(subject, endpoint.id).await;
        let next = if outcome.is_success() { Decision::Delivered } else { EXHAUSTED };
        let settlement = Settlement::of(&leased, next, at).with_attempt(attempt(1, outcome)).with_paused_until(pause);
        expected = expected.after(&settlement).unwrap_or(expected);
        assert_eq!(ok(subject.store.settle(vec![settlement]).await), [Settled::Done]);
        let kept = subject.kept(endpoint.id).await;
        assert_eq!(kept.health, expected, "after {outcome}");
        assert_eq!(kept.version, 1, "health is not a change of the endpoint");
    }
}

/// Several attempts in one batch count one after the other, each for its own endpoint.
pub(super) async fn health_counts_each_attempt_of_a_batch<S: Outbox + Directory + ?Sized>(subject: &Subject<S>) {
    let (bad, good) = (subject.endpoint().await, subject.endpoint().await);
    let mut batch = Vec::new();
    for _ in 0..3 {
        batch.push(settlement(&leased_from(subject, bad.id).await, EXHAUSTED));
        batch.push(settlement(&leased_from(subject, good.id).await, Decision::Delivered));
    }
    assert_eq!(ok(subject.store.settle(batch).await), [Settled::Done; 6]);
    let (bad, good) = (subject.kept(bad.id).await.health, subject.kept(good.id).await.health);
    assert_eq!((bad.failures, bad.last_success), (3, None));
    assert_eq!((good.failures, good.last_success), (0, Some(NOW + MINUTE / 2)));
    for (endpoint, expected) in ok(subject.store.list(None, None, 9).await).iter().zip([bad, good]) {
        assert_eq!(endpoint.health, expected, "lists show the health too");
    }
}

/// An attempt under a lost lease does not change the endpoint.
pub(super) async fn a_lost_lease_leaves_the_endpoint_alone<S: Outbox + Directory + ?Sized>(subject: &Subject<S>) {
    let endpoint = subject.endpoint().await;
    let first = leased_from(subject, endpoint.id).await;
    subject.claim(endpoint.id, 1, LEASED).await;
    for next in
        [Decision::Disable { reason: FailReason::Gone }, Decision::Fail { reason: FailReason::Blocked }, EXHAUSTED]
    {
        assert_eq!(subject.settle(&first, next).await, Settled::LeaseLost);
    }
    let kept = subject.kept(endpoint.id).await;
    assert_eq!((kept.health, kept.version, kept.flagged_at), (Health::default(), 1, None));
    assert!(kept.is_enabled());
}

/// A put does not change the health; only enabling a disabled endpoint clears its failures.
pub(super) async fn enabling_forgives_failures<S: Outbox + Directory + ?Sized>(subject: &Subject<S>) {
    let endpoint = subject.endpoint().await;
    let success = leased_from(subject, endpoint.id).await;
    subject.settle(&success, Decision::Delivered).await;
    let failed = leased_from(subject, endpoint.id).await;
    let failed = settlement(&failed, Decision::retry(LEASED)).with_paused_until(Some(NOW + DAY));
    ok(subject.store.settle(vec![failed]).await);
    let health = subject.kept(endpoint.id).await.health;
    assert_eq!((health.failures, health.paused_until), (1, Some(NOW + DAY)));

    let changed = Endpoint { health: Health::default(), traced: true, ..next_version(&endpoint) };
    subject.put(&changed).await;
    assert_eq!(subject.kept(endpoint.id).await.health, health, "a put does not change it");
    let disabled = subject.disable(&changed).await;
    assert_eq!(subject.kept(endpoint.id).await.health, health, "disabling does not change it");
    subject.enable(&disabled).await;
    assert_eq!(subject.kept(endpoint.id).await.health, health.cleared());
    assert_eq!(subject.claim(endpoint.id, 9, LEASED).await.len(), 1, "the held delivery is claimable");
}

/// Deliveries to an id without an endpoint are served; the endpoint that is stored later starts as new.
pub(super) async fn a_new_endpoint_starts_with_empty_health<S: Outbox + Directory + ?Sized>(subject: &Subject<S>) {
    let (put, created) = (endpoint("acme"), endpoint("acme"));
    for id in [put.id, created.id] {
        let failed = leased_from(subject, id).await;
        let failed = settlement(&failed, EXHAUSTED).with_paused_until(Some(NOW + DAY));
        assert_eq!(ok(subject.store.settle(vec![failed]).await), [Settled::Done]);
    }
    // A store may write only the first of several successes.
    for _ in 0..3 {
        let success = leased_from(subject, put.id).await;
        assert_eq!(subject.settle(&success, Decision::Delivered).await, Settled::Done);
    }
    subject.put(&put).await;
    assert_eq!(ok(subject.store.create(created.clone(), 2).await), PutResult::Stored);
    for id in [put.id, created.id] {
        assert_eq!(subject.kept(id).await.health, Health::default());
        let success = leased_from(subject, id).await;
        subject.settle(&success, Decision::Delivered).await;
        assert_eq!(subject.kept(id).await.health.last_success, Some(NOW + MINUTE / 2), "attempts count from now on");
    }
}

/// A change by its owner and a settlement at the same time are both kept.
pub(super) async fn a_put_and_a_settlement_are_both_kept<S: Outbox + Directory + ?Sized>(subject: &Subject<S>) {
    for turn in 0..8 {
        let endpoint = subject.endpoint().await;
        let leased = leased_from(subject, endpoint.id).await;
        let changed = Endpoint { traced: true, ..next_version(&endpoint) };
        let put = subject.store.put(changed.clone());
        let settled = subject.second.settle(vec![settlement(&leased, EXHAUSTED)]);
        // Either may be the first.
        let (put, settled) = if turn % 2 == 0 {
            tokio::join!(put, settled)
        } else {
            let (settled, put) = tokio::join!(settled, put);
            (put, settled)
        };
        assert_eq!((ok(put), ok(settled)), (PutResult::Stored, vec![Settled::Done]));
        let kept = subject.kept(endpoint.id).await;
        assert_eq!((kept.health.failures, kept.traced, kept.version), (1, true, 2));
    }
}

/// The ordering keys of a disabled endpoint continue where they stopped.
pub(super) async fn disabling_keeps_the_order_of_a_key<S: Outbox + Directory + ?Sized>(subject: &Subject<S>) {
    let endpoint = subject.endpoint().await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(subject.owe_event(fifo("cart-1"), endpoint.id).await);
    }
    let head = one(subject.claim(endpoint.id, 9, NOW).await);
    let disabled = subject.disable(&endpoint).await;
    subject.settle(&head, Decision::Delivered).await;
    subject.enable(&disabled).await;
    for id in ids.into_iter().skip(1) {
        let head = one(subject.claim(endpoint.id, 9, LEASED).await);
        assert_eq!(head.lease.delivery, id);
        subject.settle(&head, Decision::Delivered).await;
    }
}

/// A dropped settlement has changed delivery and endpoint, or neither.
pub(super) async fn a_dropped_settlement_changes_delivery_and_endpoint<S: Outbox + Directory + ?Sized>(
    subject: &Subject<S>,
) {
    let (mut polls, mut last) = (Polls::new(), None);
    while let Some(polls) = polls.next(last.as_ref()) {
        let endpoint = subject.endpoint().await;
        let leased = leased_from(subject, endpoint.id).await;
        let gone = || vec![settlement(&leased, Decision::Disable { reason: FailReason::Gone })];
        last = dropped_after(polls, subject.store.settle(gone())).await;
        ok(subject.second.settle(gone()).await);
        let kept = subject.kept(endpoint.id).await;
        assert_eq!((kept.health.failures, kept.version), (1, 2), "counted once, after {polls} polls");
        assert!(!kept.is_enabled(), "after {polls} polls");
        subject.enable(&kept).await;
        assert!(subject.claim(endpoint.id, 9, LEASED).await.is_empty(), "failed, after {polls} polls");
    }
}

/// A store may cancel the deliveries of a removed endpoint in batches. Claims complete a remove that was dropped in between.
pub(super) async fn a_dropped_remove_is_finished_by_claims<S: Outbox + Directory + ?Sized>(subject: &Subject<S>) {
    let (mut polls, mut last) = (Polls::new(), None);
    while let Some(polls) = polls.next(last.as_ref()) {
        let endpoint = subject.endpoint().await;
        let leased = leased_from(subject, endpoint.id).await;
        last = dropped_after(polls, subject.store.remove(endpoint.id, None, NOW)).await;
        let again = ok(subject.second.remove(endpoint.id, None, NOW).await);
        assert!(matches!(again, Removal::Removed | Removal::NotFound));
        for _ in 0..9 {
            assert!(subject.claim(endpoint.id, 9, LEASED).await.is_empty(), "after {polls} polls");
        }
        assert_eq!(subject.settle(&leased, Decision::Delivered).await, Settled::LeaseLost, "after {polls} polls");
    }
}
