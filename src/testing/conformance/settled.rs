//! The history of a delivery and of its attempts.

use std::time::Duration;

use super::drops::{Polls, dropped_after};
use super::given::{LEASED, MICRO, MINUTE, NOW, append, attempt, event, lane, ok, one, settlement, some};
use super::subject::Subject;
use crate::clock::Timestamp;
use crate::delivery::{Attempt, Delivery, DeliveryState, Leased, Settlement};
use crate::endpoint::EndpointState;
use crate::event::Event;
use crate::id::{DeliveryId, LaneId, Work};
use crate::outcome::Outcome;
use crate::retry::{Decision, FailReason};
use crate::store::{Directory, History, Outbox, Settled};

const REASONS: [FailReason; 8] = [
    FailReason::Exhausted,
    FailReason::Gone,
    FailReason::Permanent,
    FailReason::Blocked,
    FailReason::Faults,
    FailReason::Poison,
    FailReason::Expired,
    FailReason::Superseded,
];

const OUTCOMES: [Outcome; 16] = [
    Outcome::Status(100),
    Outcome::Status(204),
    Outcome::Status(418),
    Outcome::Status(999),
    Outcome::Dns,
    Outcome::Connect,
    Outcome::Tls,
    Outcome::Timeout,
    Outcome::Reset,
    Outcome::Protocol,
    Outcome::Blocked,
    Outcome::Local,
    Outcome::Panic,
    Outcome::Handled,
    Outcome::HandlerFailed,
    Outcome::HandlerRejected,
];

/// The history of one delivery shows every step, to the microsecond.
pub(super) async fn a_delivery_reads_back_whole<S: Outbox + History + ?Sized>(subject: &Subject<S>) {
    let lane = lane();
    let event = event("größer ' acme");
    let append = append(event.clone(), &[lane], NOW + MICRO);
    let id = one(append.deliveries.clone()).id;
    subject.append(append).await;
    let mut expected = pending(id, &event, lane, NOW + MICRO);
    assert_eq!(subject.delivery(id).await, expected, "pending");

    let first = one(subject.claim(lane, 1, NOW + MICRO * 2).await);
    (expected.attempts, expected.due) = (1, first.until);
    assert_eq!(subject.delivery(id).await, expected, "leased");
    subject.settle(&first, Decision::retry(NOW + MICRO * 3)).await;
    expected.due = NOW + MICRO * 3;
    assert_eq!(subject.delivery(id).await, expected, "to be retried");
    let second = one(subject.claim(lane, 1, NOW + MICRO * 3).await);
    subject.settle(&second, Decision::RetryUncounted { at: NOW + MICRO * 4 }).await;
    expected.due = NOW + MICRO * 4;
    assert_eq!(subject.delivery(id).await, expected, "after a fault of our own");
    let third = one(subject.claim(lane, 1, NOW + MICRO * 4).await);
    ok(subject.store.extend(vec![third.lease], NOW + MICRO * 5).await);
    (expected.attempts, expected.due) = (2, NOW + MICRO * 5);
    assert_eq!(subject.delivery(id).await, expected, "extended");
    ok(subject.store.release(vec![third.lease], NOW + MICRO * 6).await);
    (expected.attempts, expected.due) = (1, NOW + MICRO * 6);
    assert_eq!(subject.delivery(id).await, expected, "released");
    let last = one(subject.claim(lane, 1, NOW + MICRO * 6).await);
    let end = Settlement { at: NOW + MICRO * 7, ..settlement(&last, Decision::Delivered) };
    ok(subject.store.settle(vec![end]).await);
    let found = subject.delivery(id).await;
    (expected.state, expected.attempts) = (DeliveryState::Delivered, 2);
    (expected.finished_at, expected.due) = (Some(NOW + MICRO * 7), found.due);
    assert_eq!(found, expected, "delivered");
    assert_eq!(subject.attempts(id).await, 3);
}

fn pending(id: DeliveryId, event: &Event, lane: LaneId, now: Timestamp) -> Delivery {
    let mut delivery = Delivery::new(id, lane, event.tenant.clone(), event.id.clone(), event.event_type.clone());
    (delivery.created_at, delivery.due) = (now, now);
    delivery
}

/// The state, the reason and the time of each kind of end are kept.
pub(super) async fn a_failure_keeps_its_reason<S: Outbox + History + ?Sized>(subject: &Subject<S>) {
    for reason in REASONS {
        for (decision, state) in [
            (Decision::Fail { reason }, DeliveryState::Failed),
            (Decision::Disable { reason }, DeliveryState::Failed),
            (Decision::Hold { reason }, DeliveryState::Held),
        ] {
            let leased = subject.leased().await;
            let end = Settlement { at: NOW + MICRO * 9, ..settlement(&leased, decision) };
            assert_eq!(ok(subject.store.settle(vec![end]).await), [Settled::Done]);
            let found = subject.delivery(leased.lease.delivery).await;
            let finished_at = (state != DeliveryState::Held).then_some(NOW + MICRO * 9);
            assert_eq!((found.state, found.reason, found.attempts), (state, Some(reason), 1), "{decision:?}");
            assert_eq!(found.finished_at, finished_at, "{decision:?}");
        }
    }
}

/// State and attempt are recorded together.
pub(super) async fn settle_records_the_attempt<S: Outbox + History + ?Sized>(subject: &Subject<S>) {
    let leased = subject.leased().await;
    assert_eq!(subject.settle(&leased, Decision::Delivered).await, Settled::Done);
    let delivery = subject.delivery(leased.lease.delivery).await;
    assert_eq!(delivery.state, DeliveryState::Delivered);
    assert_eq!(delivery.finished_at, Some(settlement(&leased, Decision::Delivered).at));
    let attempts = ok(subject.store.attempts(Work::Sent, &[leased.lease.delivery]).await).concat();
    assert_eq!(Some(one(attempts)), settlement(&leased, Decision::Delivered).attempt);
}

/// A settlement under a lost lease records no attempt.
pub(super) async fn settle_with_a_lost_lease_records_nothing<S: Outbox + History + ?Sized>(subject: &Subject<S>) {
    let first = subject.leased().await;
    subject.claim(first.lane, 1, LEASED).await;
    let id = first.lease.delivery;
    let before = subject.delivery(id).await;
    for decision in [Decision::Delivered, Decision::retry(NOW), Decision::Fail { reason: FailReason::Exhausted }] {
        assert_eq!(subject.settle(&first, decision).await, Settled::LeaseLost);
    }
    assert_eq!(subject.delivery(id).await, before);
    assert_eq!(subject.attempts(id).await, 0);
}

/// A settlement that is repeated because its result was lost is recorded once.
pub(super) async fn settle_twice_counts_once<S: Outbox + History + ?Sized>(subject: &Subject<S>) {
    let due = NOW + MINUTE * 5;
    for decision in [Decision::Delivered, Decision::retry(due), Decision::RetryUncounted { at: due }] {
        let leased = subject.leased().await;
        assert_eq!(subject.settle(&leased, decision).await, Settled::Done);
        let before = subject.delivery(leased.lease.delivery).await;
        assert_eq!(subject.settle(&leased, decision).await, Settled::LeaseLost);
        assert_eq!(subject.settle(&leased, Decision::Delivered).await, Settled::LeaseLost);
        assert_eq!(subject.attempts(leased.lease.delivery).await, 1);
        assert_eq!(subject.delivery(leased.lease.delivery).await, before);
        let leased = subject.leased().await;
        let both = vec![settlement(&leased, decision); 2];
        assert_eq!(ok(subject.store.settle(both).await), [Settled::Done, Settled::LeaseLost], "in one batch");
        assert_eq!(subject.attempts(leased.lease.delivery).await, 1);
    }
}

/// Attempts keep outcome, number, time, duration and excerpt, in the order in which they were made.
pub(super) async fn attempts_read_back_whole<S: Outbox + History + ?Sized>(subject: &Subject<S>) {
    let (mut leased, mut made) = (subject.leased().await, Vec::new());
    let excerpts = [None, Some(String::new()), Some("größer ' \" \\ \u{1f600} ".into()), Some("x".repeat(4_000))];
    for (n, outcome) in (0_u32..).zip(OUTCOMES) {
        // Not in the order of their times: a clock may have been set.
        let (at, duration) = (NOW - MICRO * n, Duration::from_micros(1_234_567 * u64::from(n)));
        let excerpt = excerpts[n as usize % excerpts.len()].clone().map(Into::into);
        let attempt = Attempt::new(leased.attempt, at, duration, outcome).with_excerpt(excerpt);
        made.push(attempt.clone());
        let retry = Settlement::of(&leased, Decision::retry(NOW), NOW).with_attempt(attempt);
        assert_eq!(ok(subject.store.settle(vec![retry]).await), [Settled::Done]);
        leased = one(subject.claim(leased.lane, 1, NOW).await);
    }
    assert_eq!(ok(subject.second.attempts(Work::Sent, &[leased.lease.delivery]).await).concat(), made);
}

/// One list for each id, in the order of the ids, and an empty one for an unknown delivery.
pub(super) async fn attempts_of_several_deliveries_come_in_the_order_asked_for<S>(subject: &Subject<S>)
where
    S: Outbox + History + ?Sized,
{
    let (first, second) = (subject.leased().await, subject.leased().await);
    for (leased, outcome) in [(&first, Outcome::Status(201)), (&second, Outcome::Status(202))] {
        let made = Settlement::of(leased, Decision::Delivered, NOW).with_attempt(attempt(1, outcome));
        assert_eq!(ok(subject.store.settle(vec![made]).await), [Settled::Done]);
    }
    let unknown = DeliveryId::generate(NOW);
    let ids = [second.lease.delivery, unknown, first.lease.delivery, second.lease.delivery];
    let found = ok(subject.second.attempts(Work::Sent, &ids).await);
    let outcome = |made: &Vec<Attempt>| made.iter().map(|attempt| attempt.outcome).collect::<Vec<_>>();
    let (first, second) = (vec![Outcome::Status(201)], vec![Outcome::Status(202)]);
    assert_eq!(found.iter().map(outcome).collect::<Vec<_>>(), [second.clone(), Vec::new(), first, second]);
    assert_eq!(ok(subject.store.attempts(Work::Sent, &[]).await), Vec::<Vec<_>>::new());
}

/// Local faults are recorded too, and a settlement without an attempt records none.
pub(super) async fn every_attempt_of_a_long_life_is_kept<S: Outbox + History + ?Sized>(subject: &Subject<S>) {
    let mut leased = subject.leased().await;
    let id = leased.lease.delivery;
    let mut made = Vec::new();
    let decisions = [Decision::retry(NOW), Decision::RetryUncounted { at: NOW }, Decision::retry(NOW)];
    for decision in decisions.into_iter().cycle().take(40) {
        made.extend(settlement(&leased, decision).attempt);
        assert_eq!(subject.settle(&leased, decision).await, Settled::Done);
        leased = one(subject.claim(leased.lane, 1, NOW).await);
    }
    let poison = Decision::Fail { reason: FailReason::Poison };
    let untried = Settlement::of(&leased, poison, NOW);
    assert_eq!(ok(subject.store.settle(vec![untried]).await), [Settled::Done]);
    assert_eq!(ok(subject.store.attempts(Work::Sent, &[id]).await).concat(), made);
}

/// Each settlement of a batch changes its own delivery.
pub(super) async fn a_batch_of_settlements_keeps_them_apart<S: Outbox + History + ?Sized>(subject: &Subject<S>) {
    let lane = lane();
    let count = 24_usize;
    ok(subject.store.append((0..count).map(|_| append(event("acme"), &[lane], NOW)).collect()).await);
    let leased = subject.claim(lane, 99, NOW).await;
    let due = |n: usize| NOW + MINUTE * u32::try_from(n).unwrap_or(0);
    let decisions: Vec<_> = (0..count)
        .map(|n| match n % 4 {
            0 => (Decision::Delivered, DeliveryState::Delivered),
            1 => (Decision::retry(due(n)), DeliveryState::Pending),
            2 => (Decision::Hold { reason: FailReason::Exhausted }, DeliveryState::Held),
            _ => (Decision::Fail { reason: FailReason::Permanent }, DeliveryState::Failed),
        })
        .collect();
    let settle = |(n, leased): (usize, &Leased)| {
        let number = u32::try_from(n).unwrap_or(0);
        Settlement::of(leased, decisions[n].0, due(n)).with_attempt(attempt(number, OUTCOMES[n % OUTCOMES.len()]))
    };
    let batch: Vec<_> = leased.iter().enumerate().map(settle).collect();
    assert_eq!(ok(subject.store.settle(batch.clone()).await), vec![Settled::Done; count]);
    for (n, settlement) in batch.into_iter().enumerate() {
        let found = subject.delivery(settlement.lease.delivery).await;
        assert_eq!(found.state, decisions[n].1);
        assert_eq!(found.finished_at, found.state.is_final().then_some(due(n)));
        if found.state == DeliveryState::Pending {
            assert_eq!(found.due, due(n));
        }
        let attempts = ok(subject.second.attempts(Work::Sent, &[found.id]).await).concat();
        assert_eq!(Some(one(attempts)), settlement.attempt);
    }
}

/// The policy may disable an endpoint for any reason; its other deliveries are held.
pub(super) async fn disable_fails_the_delivery_and_disables_the_endpoint<S>(subject: &Subject<S>)
where
    S: Outbox + Directory + History + ?Sized,
{
    let endpoint = subject.endpoint().await;
    let ids = [subject.owe(endpoint.id).await, subject.owe(endpoint.id).await];
    let leased = one(subject.claim(endpoint.id, 1, NOW).await);
    subject.settle(&leased, Decision::Disable { reason: FailReason::Permanent }).await;
    let failed = subject.delivery(leased.lease.delivery).await;
    assert_eq!((failed.state, failed.reason), (DeliveryState::Failed, Some(FailReason::Permanent)));
    assert!(!subject.kept(endpoint.id).await.is_enabled());
    let held = subject.delivery(some(ids.into_iter().find(|id| *id != failed.id))).await;
    assert_eq!((held.state, held.reason, held.finished_at), (DeliveryState::Held, None, None));
}

/// Pending and leased deliveries read as held while the endpoint is disabled, and only those.
pub(super) async fn pending_reads_as_held_while_the_endpoint_is_disabled<S>(subject: &Subject<S>)
where
    S: Outbox + Directory + History + ?Sized,
{
    let endpoint = subject.endpoint().await;
    let ids = [subject.owe(endpoint.id).await, subject.owe(endpoint.id).await, subject.owe(endpoint.id).await];
    let leased = subject.claim(endpoint.id, 2, NOW).await;
    subject.settle(&leased[0], Decision::Delivered).await;
    let done = leased[0].lease.delivery;
    let elsewhere = subject.owe(lane()).await;
    let states = async |state| {
        for id in ids {
            let expected = if id == done { DeliveryState::Delivered } else { state };
            assert_eq!(subject.delivery(id).await.state, expected);
        }
        assert_eq!(subject.delivery(elsewhere).await.state, DeliveryState::Pending);
    };
    let disabled = subject.disable(&endpoint).await;
    states(DeliveryState::Held).await;
    assert_eq!(subject.delivery(leased[1].lease.delivery).await.reason, None);
    subject.enable(&disabled).await;
    states(DeliveryState::Pending).await;
    assert!(matches!(subject.kept(endpoint.id).await.state, EndpointState::Enabled));
}

/// Pending, leased and held deliveries of a removed endpoint are cancelled; delivered and failed ones are kept.
pub(super) async fn remove_cancels_what_was_owed<S>(subject: &Subject<S>)
where
    S: Outbox + Directory + History + ?Sized,
{
    let (endpoint, other) = (subject.endpoint().await, subject.endpoint().await);
    let mut made: Vec<(DeliveryId, DeliveryState)> = Vec::new();
    let fail = Decision::Fail { reason: FailReason::Permanent };
    let hold = Decision::Hold { reason: FailReason::Exhausted };
    for (decision, after) in [
        (Some(Decision::Delivered), DeliveryState::Delivered),
        (Some(fail), DeliveryState::Failed),
        (Some(hold), DeliveryState::Cancelled),
        (Some(Decision::retry(NOW + MINUTE * 9)), DeliveryState::Cancelled),
        (None, DeliveryState::Cancelled),
    ] {
        made.push((subject.owe(endpoint.id).await, after));
        let leased = one(subject.claim(endpoint.id, 1, NOW).await);
        if let Some(decision) = decision {
            subject.settle(&leased, decision).await;
        }
    }
    made.push((subject.owe(endpoint.id).await, DeliveryState::Cancelled));
    made.push((subject.owe(other.id).await, DeliveryState::Pending));
    let at = NOW + MICRO * 7;
    ok(subject.store.remove(endpoint.id, None, at).await);
    for (id, state) in made {
        let found = subject.delivery(id).await;
        assert_eq!(found.state, state);
        if state == DeliveryState::Cancelled {
            assert_eq!((found.finished_at, found.reason), (Some(at), None));
        }
    }
}

/// A dropped settlement has recorded the state and the attempt, or neither.
pub(super) async fn a_dropped_settlement_records_state_and_attempt<S>(subject: &Subject<S>)
where
    S: Outbox + History + ?Sized,
{
    let (mut polls, mut last) = (Polls::new(), None);
    while let Some(polls) = polls.next(last.as_ref()) {
        let leased = [subject.leased().await, subject.leased().await];
        let batch = || leased.iter().map(|leased| settlement(leased, Decision::Delivered)).collect();
        last = dropped_after(polls, subject.store.settle(batch())).await;
        ok(subject.second.settle(batch()).await);
        for leased in &leased {
            let found = subject.delivery(leased.lease.delivery).await;
            let recorded = (found.state, found.attempts, subject.attempts(found.id).await);
            assert_eq!(recorded, (DeliveryState::Delivered, 1, 1), "after {polls} polls");
        }
    }
}

/// A dropped append has stored the event with all of its deliveries, or nothing.
pub(super) async fn a_dropped_append_stores_event_and_deliveries<S: Outbox + History + ?Sized>(subject: &Subject<S>) {
    let (mut polls, mut last) = (Polls::new(), None);
    while let Some(polls) = polls.next(last.as_ref()) {
        let lane: LaneId = lane();
        let append = append(event("acme"), &[lane, lane, lane], NOW);
        last = dropped_after(polls, subject.store.append(vec![append.clone()])).await;
        let fence = subject.owe(lane).await;
        some(ok(subject.second.delivery(Work::Sent, fence).await));
        // The server may finish the dropped call at any time, so two reads may see different states.
        let (stored, found) = loop {
            let before = subject.event_of(&append.event).await.is_some();
            let mut found = Vec::new();
            for delivery in &append.deliveries {
                found.push(ok(subject.second.delivery(Work::Sent, delivery.id).await).is_some());
            }
            if before == subject.event_of(&append.event).await.is_some() {
                break (before, found);
            }
        };
        assert_eq!(found, [stored; 3], "after {polls} polls");
    }
}
