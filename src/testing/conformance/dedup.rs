//! Dedup records.

use std::sync::Arc;
use std::time::Duration;

use super::subject::{DedupSubject, LEASED, MINUTE, NOW, ok, one};
use crate::clock::Timestamp;
use crate::store::{Begin, Claimant, DedupEntry, DedupGroup, DedupKey, FirstAnswer, Settled};

const DAY: Duration = Duration::from_secs(86_400);

fn key(byte: u8) -> DedupKey {
    DedupKey::new([byte; 32])
}

/// Records of even keys are of group 0, those of odd keys of group 1.
fn entry(key: DedupKey) -> DedupEntry {
    DedupEntry { key, group: Some(group(key.as_bytes()[0] % 2)) }
}

const fn group(byte: u8) -> DedupGroup {
    DedupGroup::new([byte; 16])
}

fn answer() -> FirstAnswer {
    FirstAnswer {
        status: 204,
        content_type: Some("text/xml; charset=utf-8".into()),
        body: "<Response/>\0\u{e9}".into(),
    }
}

impl DedupSubject {
    async fn begin(&self, key: DedupKey, now: Timestamp) -> Begin {
        one(ok(self.store.begin(&[entry(key)], now, now + MINUTE).await))
    }

    async fn fresh(&self, key: DedupKey, now: Timestamp) -> Claimant {
        match self.begin(key, now).await {
            Begin::Fresh(claimant) => claimant,
            other => panic!("expected it to be fresh, found {other:?}"),
        }
    }

    async fn finish(&self, claimant: Claimant) -> Settled {
        one(ok(self.store.finish(&[claimant], &answer(), NOW + DAY).await))
    }
}

/// Exactly one of any number handles it.
pub async fn of_concurrent_beginnings_one_is_fresh(subject: &DedupSubject) {
    for byte in 0..8 {
        let mut tasks = tokio::task::JoinSet::new();
        for turn in 0..16 {
            let store = if turn % 2 == 0 { Arc::clone(&subject.store) } else { Arc::clone(&subject.second) };
            tasks.spawn(async move { store.begin(&[entry(key(byte))], NOW, LEASED).await });
        }
        let mut fresh = 0;
        while let Some(begun) = tasks.join_next().await {
            match one(ok(begun.unwrap_or_else(|error| panic!("{error}")))) {
                Begin::Fresh(_) => fresh += 1,
                begun => assert_eq!(begun, Begin::Busy { until: LEASED }),
            }
        }
        assert_eq!(fresh, 1);
    }
}

/// Elements of a batch count in order.
pub async fn a_key_repeated_in_a_batch_is_busy(subject: &DedupSubject) {
    let begun = ok(subject.store.begin(&[key(1), key(1), key(2)].map(entry), NOW, LEASED).await);
    assert!(matches!(begun[..], [Begin::Fresh(_), Begin::Busy { until: LEASED }, Begin::Fresh(_)]), "{begun:?}");
}

/// A handler that died does not block the event for ever.
pub async fn an_ended_lease_begins_again(subject: &DedupSubject) {
    let first = subject.fresh(key(1), NOW).await;
    let just_before = LEASED - Duration::from_micros(1);
    assert_eq!(subject.begin(key(1), just_before).await, Begin::Busy { until: LEASED });
    let second = subject.fresh(key(1), LEASED).await;
    assert!(second.fence > first.fence);
}

/// A stalled handler cannot close a newer beginning.
pub async fn finish_with_a_lost_lease_changes_nothing(subject: &DedupSubject) {
    let first = subject.fresh(key(1), NOW).await;
    let second = subject.fresh(key(1), LEASED).await;
    assert_eq!(subject.finish(first).await, Settled::LeaseLost);
    assert_eq!(subject.begin(key(1), LEASED).await, Begin::Busy { until: LEASED + MINUTE });
    assert_eq!(subject.finish(second).await, Settled::Done);
    assert_eq!(subject.finish(second).await, Settled::LeaseLost, "once");
}

/// A later one gets what the first was answered: status, content type and body.
pub async fn done_answers_the_first_answer(subject: &DedupSubject) {
    let claimant = subject.fresh(key(1), NOW).await;
    assert_eq!(subject.finish(claimant).await, Settled::Done);
    assert_eq!(subject.begin(key(1), NOW + DAY / 2).await, Begin::Done(answer()));
    assert!(matches!(subject.begin(key(2), NOW).await, Begin::Fresh(_)), "another key");
}

/// Memory is bounded by time.
pub async fn done_is_forgotten_when_it_expires(subject: &DedupSubject) {
    let claimant = subject.fresh(key(1), NOW).await;
    subject.finish(claimant).await;
    let again = subject.fresh(key(1), NOW + DAY).await;
    assert!(again.fence > claimant.fence);
}

/// A handler that failed lets the sender's retry through.
pub async fn abandon_makes_it_fresh_again(subject: &DedupSubject) {
    let first = subject.fresh(key(1), NOW).await;
    assert_eq!(ok(subject.store.abandon(&[first]).await), [Settled::Done]);
    let second = subject.fresh(key(1), NOW).await;
    assert!(second.fence > first.fence);
    assert_eq!(subject.finish(first).await, Settled::LeaseLost);
}

/// Nobody abandons another's beginning, nor what is done.
pub async fn abandon_with_a_lost_lease_changes_nothing(subject: &DedupSubject) {
    let first = subject.fresh(key(1), NOW).await;
    let second = subject.fresh(key(1), LEASED).await;
    assert_eq!(ok(subject.store.abandon(&[first]).await), [Settled::LeaseLost]);
    assert_eq!(subject.begin(key(1), LEASED).await, Begin::Busy { until: LEASED + MINUTE });
    subject.finish(second).await;
    assert_eq!(ok(subject.store.abandon(&[second]).await), [Settled::LeaseLost]);
    assert_eq!(subject.begin(key(1), LEASED).await, Begin::Done(answer()));
}

/// What still counts stays.
pub async fn a_dedup_prune_forgets_expired_records_only(subject: &DedupSubject) {
    let done = subject.fresh(key(1), NOW).await;
    subject.finish(done).await;
    subject.fresh(key(2), NOW).await;
    subject.fresh(key(3), NOW + DAY).await;
    let each = u64::from(!subject.forgets_by_itself);
    assert_eq!(ok(subject.store.prune(NOW + MINUTE * 2, 9).await), each, "the ended lease");
    assert_eq!(subject.begin(key(1), NOW + MINUTE * 2).await, Begin::Done(answer()));
    assert_eq!(ok(subject.store.prune(NOW + DAY + Duration::from_secs(1), 9).await), each, "the expired one");
    assert!(matches!(subject.begin(key(3), NOW + DAY).await, Begin::Busy { .. }));
}

/// No call forgets more than it was allowed to.
pub async fn a_dedup_prune_is_bounded(subject: &DedupSubject) {
    for byte in 1..=5 {
        subject.fresh(key(byte), NOW).await;
    }
    let pruned = [
        ok(subject.store.prune(LEASED + MINUTE, 2).await),
        ok(subject.store.prune(LEASED + MINUTE, 2).await),
        ok(subject.store.prune(LEASED + MINUTE, 2).await),
    ];
    assert_eq!(pruned, if subject.forgets_by_itself { [0, 0, 0] } else { [2, 2, 1] });
}

/// What one handle has finished, another knows.
pub async fn finish_is_visible_to_a_second_handle(subject: &DedupSubject) {
    let claimant = subject.fresh(key(1), NOW).await;
    subject.finish(claimant).await;
    assert_eq!(one(ok(subject.second.begin(&[entry(key(1))], NOW, LEASED).await)), Begin::Done(answer()));
}

/// What was handled wrongly can be handled again, and nothing else is.
pub async fn forget_makes_a_group_fresh_again(subject: &DedupSubject) {
    for byte in [1, 2, 3] {
        let claimant = subject.fresh(key(byte), NOW).await;
        subject.finish(claimant).await;
    }
    assert_eq!(ok(subject.store.forget(&[group(1), group(7)]).await), [2, 0]);
    assert_eq!(ok(subject.second.forget(&[group(1)]).await), [0], "once");
    for byte in [1, 3] {
        let again = subject.fresh(key(byte), NOW + MINUTE).await;
        assert_eq!(subject.finish(again).await, Settled::Done);
    }
    assert_eq!(subject.begin(key(2), NOW).await, Begin::Done(answer()), "another group");
    assert_eq!(ok(subject.store.forget(&[group(1)]).await), [2], "as often as need be");
}

/// Nobody takes an event away from the handler that has it.
pub async fn forget_leaves_unfinished_records_alone(subject: &DedupSubject) {
    let claimant = subject.fresh(key(1), NOW).await;
    assert_eq!(ok(subject.store.forget(&[group(1)]).await), [0]);
    assert_eq!(subject.begin(key(1), NOW).await, Begin::Busy { until: LEASED });
    assert_eq!(subject.finish(claimant).await, Settled::Done);
}
