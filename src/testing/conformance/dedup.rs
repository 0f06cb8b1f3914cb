//! Records of handled events.

use std::time::Duration;

use super::drops::{Polls, dropped_after};
use super::given::{DAY, LEASED, MICRO, MINUTE, NOW, ok, one};
use super::subject::Subject;
use super::together::at_once;
use crate::clock::Timestamp;
use crate::store::{BeginResult, Dedup, DedupEntry, DedupGroup, DedupKey, DedupLease, FirstResponse, Settled};

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

fn response() -> FirstResponse {
    FirstResponse {
        status: 204,
        content_type: Some("text/xml; charset=utf-8".into()),
        body: "<Response/>\0\u{e9}".into(),
    }
}

impl<S: Dedup + ?Sized> Subject<S> {
    async fn begin(&self, key: DedupKey, now: Timestamp) -> BeginResult {
        one(ok(self.store.begin(&[entry(key)], now, now + MINUTE).await))
    }

    async fn fresh(&self, key: DedupKey, now: Timestamp) -> DedupLease {
        match self.begin(key, now).await {
            BeginResult::Fresh(lease) => lease,
            other => panic!("expected it to be fresh, found {other:?}"),
        }
    }

    async fn finish(&self, lease: DedupLease) -> Settled {
        one(ok(self.store.finish(&[lease], &response(), NOW + DAY).await))
    }
}

/// If any number of callers begin an event, exactly one of them handles it.
pub(super) async fn of_concurrent_beginnings_one_is_fresh<S: Dedup + ?Sized>(subject: &Subject<S>) {
    for byte in 0..8 {
        let begun =
            at_once(
                subject,
                16,
                |_, store| async move { one(ok(store.begin(&[entry(key(byte))], NOW, LEASED).await)) },
            );
        let begun = begun.await;
        let fresh = begun.iter().filter(|begun| matches!(begun, BeginResult::Fresh(_))).count();
        let busy = begun.iter().filter(|begun| **begun == BeginResult::Busy { until: LEASED }).count();
        assert_eq!((fresh, busy), (1, 15), "{begun:?}");
    }
}

/// If any number of callers finish under one lease, one of them counts.
pub(super) async fn of_concurrent_finishes_one_counts<S: Dedup + ?Sized>(subject: &Subject<S>) {
    for byte in 0..4 {
        let lease = subject.fresh(key(byte), NOW).await;
        let finished =
            at_once(
                subject,
                8,
                |_, store| async move { one(ok(store.finish(&[lease], &response(), NOW + DAY).await)) },
            );
        assert_eq!(finished.await.into_iter().filter(|one| *one == Settled::Done).count(), 1);
    }
}

/// Elements of a batch are processed in their order, and the results have the same order.
pub(super) async fn a_key_repeated_in_a_batch_is_busy<S: Dedup + ?Sized>(subject: &Subject<S>) {
    let begun = ok(subject.store.begin(&[key(1), key(1), key(2)].map(entry), NOW, LEASED).await);
    let [BeginResult::Fresh(one), BeginResult::Busy { until: LEASED }, BeginResult::Fresh(two)] = begun[..] else {
        panic!("{begun:?}")
    };
    assert_eq!((one.key, two.key), (key(1), key(2)));
    subject.finish(one).await;
    let begun = ok(subject.store.begin(&[key(3), key(1), key(2)].map(entry), NOW, LEASED).await);
    assert!(matches!(begun[..], [BeginResult::Fresh(_), BeginResult::Done(_), BeginResult::Busy { .. }]), "{begun:?}");
    let lost = DedupLease { fence: two.fence + 1, ..two };
    let finished = ok(subject.store.finish(&[lost, two, two], &response(), NOW + DAY).await);
    assert_eq!(finished, [Settled::LeaseLost, Settled::Done, Settled::LeaseLost]);
}

/// An empty batch is not an error.
pub(super) async fn empty_dedup_batches_are_answered_with_nothing<S: Dedup + ?Sized>(subject: &Subject<S>) {
    assert!(ok(subject.store.begin(&[], NOW, LEASED).await).is_empty());
    assert!(ok(subject.store.finish(&[], &response(), NOW + DAY).await).is_empty());
    assert!(ok(subject.store.abandon(&[]).await).is_empty());
    assert!(ok(subject.store.forget(&[]).await).is_empty());
    assert_eq!(ok(subject.store.prune(NOW, 9).await), 0);
}

/// Keys are compared byte for byte.
pub(super) async fn keys_that_differ_in_one_byte_are_distinct<S: Dedup + ?Sized>(subject: &Subject<S>) {
    let text = *b"evt_ABCDEFGHIJKLMNOPQRSTUVWXYZ  ";
    for place in [0, 15, 16, 31] {
        for byte in [b'e', b'E', 0, 0xff, b' '] {
            let mut bytes = text;
            bytes[place] = byte ^ 0x80;
            subject.fresh(DedupKey::new(bytes), NOW).await;
        }
    }
    subject.fresh(DedupKey::new(text), NOW).await;
    subject.fresh(DedupKey::new(text.map(|byte| byte.to_ascii_lowercase())), NOW).await;
}

/// A handler that died does not block the event permanently.
pub(super) async fn an_ended_lease_begins_again<S: Dedup + ?Sized>(subject: &Subject<S>) {
    let first = subject.fresh(key(1), NOW).await;
    assert_eq!(subject.begin(key(1), LEASED - MICRO).await, BeginResult::Busy { until: LEASED });
    let second = subject.fresh(key(1), LEASED).await;
    assert!(second.fence > first.fence);
    assert_eq!(subject.begin(key(1), LEASED).await, BeginResult::Busy { until: LEASED + MINUTE });
}

/// A handler that has lost its lease cannot finish an event that another handler has begun.
pub(super) async fn finish_with_a_lost_lease_changes_nothing<S: Dedup + ?Sized>(subject: &Subject<S>) {
    let first = subject.fresh(key(1), NOW).await;
    let second = subject.fresh(key(1), LEASED).await;
    assert_eq!(subject.finish(first).await, Settled::LeaseLost);
    assert_eq!(subject.finish(DedupLease { fence: second.fence + 1, ..second }).await, Settled::LeaseLost);
    assert_eq!(subject.finish(DedupLease { key: key(2), ..second }).await, Settled::LeaseLost, "never begun");
    assert_eq!(subject.begin(key(1), LEASED).await, BeginResult::Busy { until: LEASED + MINUTE });
    assert_eq!(subject.finish(second).await, Settled::Done);
    assert_eq!(subject.finish(second).await, Settled::LeaseLost, "once");
}

/// A handler that took longer than its lease can still finish, unless another handler has begun.
pub(super) async fn finish_of_an_ended_lease_counts<S: Dedup + ?Sized>(subject: &Subject<S>) {
    let lease = subject.fresh(key(1), NOW).await;
    assert_eq!(subject.finish(lease).await, Settled::Done);
    assert_eq!(subject.begin(key(1), LEASED + MINUTE).await, BeginResult::Done(response()));
}

/// A duplicate gets the response to the first request.
pub(super) async fn done_returns_the_first_response<S: Dedup + ?Sized>(subject: &Subject<S>) {
    let full = FirstResponse { status: 599, content_type: Some("x".repeat(200)), body: vec![0xff; 16_384].into() };
    let typed = FirstResponse { content_type: Some("text/plain".into()), ..FirstResponse::status(100) };
    let bare = FirstResponse { body: "\u{0}".into(), ..FirstResponse::status(200) };
    for (byte, response) in (1..).zip([response(), full, typed, bare, FirstResponse::status(200)]) {
        let lease = subject.fresh(key(byte), NOW).await;
        assert_eq!(ok(subject.store.finish(&[lease], &response, NOW + DAY).await), [Settled::Done]);
        assert_eq!(subject.begin(key(byte), NOW + DAY / 2).await, BeginResult::Done(response));
    }
    assert!(matches!(subject.begin(key(99), NOW).await, BeginResult::Fresh(_)), "another key");
}

/// A record is valid until it expires, to the microsecond.
pub(super) async fn done_is_forgotten_when_it_expires<S: Dedup + ?Sized>(subject: &Subject<S>) {
    let lease = subject.fresh(key(1), NOW).await;
    subject.finish(lease).await;
    assert_eq!(subject.begin(key(1), NOW + DAY - MICRO).await, BeginResult::Done(response()));
    let again = subject.fresh(key(1), NOW + DAY).await;
    assert!(again.fence > lease.fence);
    assert_eq!(subject.finish(lease).await, Settled::LeaseLost);
}

/// A handler that has failed allows the sender's retry.
pub(super) async fn abandon_makes_it_fresh_again<S: Dedup + ?Sized>(subject: &Subject<S>) {
    let (first, other) = (subject.fresh(key(1), NOW).await, subject.fresh(key(2), NOW).await);
    assert_eq!(ok(subject.store.abandon(&[first, first]).await), [Settled::Done, Settled::LeaseLost]);
    let second = subject.fresh(key(1), NOW).await;
    assert!(second.fence > first.fence);
    assert_eq!(subject.finish(first).await, Settled::LeaseLost);
    assert_eq!(ok(subject.store.abandon(&[first]).await), [Settled::LeaseLost]);
    assert_eq!(subject.finish(other).await, Settled::Done, "another key stays begun");
}

/// A lost lease cannot abandon a key that another handler has begun, or a finished key.
pub(super) async fn abandon_with_a_lost_lease_changes_nothing<S: Dedup + ?Sized>(subject: &Subject<S>) {
    let first = subject.fresh(key(1), NOW).await;
    let second = subject.fresh(key(1), LEASED).await;
    assert_eq!(ok(subject.store.abandon(&[first]).await), [Settled::LeaseLost]);
    assert_eq!(subject.begin(key(1), LEASED).await, BeginResult::Busy { until: LEASED + MINUTE });
    subject.finish(second).await;
    assert_eq!(ok(subject.store.abandon(&[second]).await), [Settled::LeaseLost]);
    assert_eq!(subject.begin(key(1), LEASED).await, BeginResult::Done(response()));
}

/// A record that is still valid is kept.
pub(super) async fn a_dedup_prune_forgets_expired_records_only<S: Dedup + ?Sized>(subject: &Subject<S>) {
    let done = subject.fresh(key(1), NOW).await;
    subject.finish(done).await;
    let ended = subject.fresh(key(2), NOW).await;
    subject.fresh(key(3), NOW + DAY).await;
    let each = u64::from(!subject.forgets_by_itself);
    assert_eq!(ok(subject.store.prune(LEASED - MICRO, 9).await), 0, "nothing has expired");
    assert_eq!(ok(subject.store.prune(NOW + MINUTE * 2, 9).await), each, "the ended lease");
    assert_eq!(subject.begin(key(1), NOW + MINUTE * 2).await, BeginResult::Done(response()));
    let again = subject.fresh(key(2), NOW + DAY).await;
    assert!(again.fence > ended.fence);
    assert_eq!(ok(subject.store.prune(NOW + DAY + Duration::from_secs(1), 9).await), each, "the expired one");
    for byte in [2, 3] {
        assert!(matches!(subject.begin(key(byte), NOW + DAY).await, BeginResult::Busy { .. }));
    }
}

/// A pruned key begins with a higher fence: its first handler has lost its lease.
pub(super) async fn a_fence_rises_after_a_prune<S: Dedup + ?Sized>(subject: &Subject<S>) {
    let abandoned = subject.fresh(key(2), NOW).await;
    ok(subject.store.abandon(&[abandoned]).await);
    let finished = subject.fresh(key(3), NOW).await;
    subject.finish(finished).await;
    let first = subject.fresh(key(1), NOW).await;
    let later = NOW + DAY * 9;
    for _ in 0..4 {
        ok(subject.store.prune(later, 9).await);
    }
    for (lost, byte) in [(first, 1), (abandoned, 2), (finished, 3)] {
        let second = subject.fresh(key(byte), later).await;
        assert!(second.fence > lost.fence, "{} after {}", second.fence, lost.fence);
        assert_eq!(subject.finish(lost).await, Settled::LeaseLost);
        assert_eq!(ok(subject.store.abandon(&[lost]).await), [Settled::LeaseLost]);
        assert_eq!(one(ok(subject.store.finish(&[second], &response(), later + DAY).await)), Settled::Done);
    }
}

/// No call deletes more than its limit.
pub(super) async fn a_dedup_prune_is_bounded<S: Dedup + ?Sized>(subject: &Subject<S>) {
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

/// An event that one handle has finished is finished for the other.
pub(super) async fn finish_is_visible_to_a_second_handle<S: Dedup + ?Sized>(subject: &Subject<S>) {
    let lease = subject.fresh(key(1), NOW).await;
    let busy = one(ok(subject.second.begin(&[entry(key(1))], NOW, LEASED).await));
    assert_eq!(busy, BeginResult::Busy { until: LEASED });
    subject.finish(lease).await;
    let done = one(ok(subject.second.begin(&[entry(key(1))], NOW, LEASED).await));
    assert_eq!(done, BeginResult::Done(response()));
}

/// The records of a group are deleted, and no others.
pub(super) async fn forget_makes_a_group_fresh_again<S: Dedup + ?Sized>(subject: &Subject<S>) {
    let mut first = Vec::new();
    for byte in [1, 2, 3] {
        first.push(subject.fresh(key(byte), NOW).await);
        subject.finish(first[first.len() - 1]).await;
    }
    let alone = DedupEntry { key: key(5), group: None };
    let BeginResult::Fresh(lease) = one(ok(subject.store.begin(&[alone], NOW, LEASED).await)) else { panic!("fresh") };
    subject.finish(lease).await;
    assert_eq!(ok(subject.store.forget(&[group(1), group(7)]).await), [2, 0]);
    assert_eq!(ok(subject.second.forget(&[group(1)]).await), [0], "once");
    for (byte, lost) in [(1, first[0]), (3, first[2])] {
        let again = subject.fresh(key(byte), NOW + MINUTE).await;
        assert!(again.fence > lost.fence);
        assert_eq!(subject.finish(lost).await, Settled::LeaseLost);
        assert_eq!(subject.finish(again).await, Settled::Done);
    }
    assert_eq!(subject.begin(key(2), NOW).await, BeginResult::Done(response()), "another group");
    let alone = one(ok(subject.store.begin(&[alone], NOW, LEASED).await));
    assert_eq!(alone, BeginResult::Done(response()), "a record without a group");
    assert_eq!(ok(subject.store.forget(&[group(1), group(0)]).await), [2, 1], "forgetting can be repeated");
}

/// A forget does not take an event away from its handler.
pub(super) async fn forget_leaves_unfinished_records_alone<S: Dedup + ?Sized>(subject: &Subject<S>) {
    let lease = subject.fresh(key(1), NOW).await;
    assert_eq!(ok(subject.store.forget(&[group(1)]).await), [0]);
    assert_eq!(subject.begin(key(1), NOW).await, BeginResult::Busy { until: LEASED });
    assert_eq!(subject.finish(lease).await, Settled::Done);
}

/// Each key of a dropped begin is begun or not; a begun key is busy, and fresh again after the lease.
pub(super) async fn a_dropped_begin_is_whole_or_absent<S: Dedup + ?Sized>(subject: &Subject<S>) {
    let (mut polls, mut last) = (Polls::new(), None);
    while let Some(polls) = polls.next(last.as_ref()) {
        let first = u8::try_from(polls * 2).unwrap_or(0);
        let keys = [key(first), key(first + 1)].map(entry);
        last = dropped_after(polls, subject.store.begin(&keys, NOW, LEASED)).await;
        let again = ok(subject.second.begin(&keys, NOW, LEASED).await);
        for begun in again {
            assert!(
                matches!(begun, BeginResult::Fresh(_) | BeginResult::Busy { until: LEASED }),
                "after {polls} polls"
            );
        }
        for entry in keys {
            subject.fresh(entry.key, LEASED).await;
        }
    }
}

/// Each key of a dropped finish is finished or not. A second finish completes it, and nothing is recorded twice.
pub(super) async fn a_dropped_finish_is_whole_or_absent<S: Dedup + ?Sized>(subject: &Subject<S>) {
    let (mut polls, mut last) = (Polls::new(), None);
    while let Some(polls) = polls.next(last.as_ref()) {
        let first = u8::try_from(polls * 2).unwrap_or(0);
        let leases = [subject.fresh(key(first), NOW).await, subject.fresh(key(first + 1), NOW).await];
        let response = response();
        last = dropped_after(polls, subject.store.finish(&leases, &response, NOW + DAY)).await;
        ok(subject.second.finish(&leases, &response, NOW + DAY).await);
        for lease in leases {
            assert_eq!(subject.begin(lease.key, NOW + MINUTE).await, BeginResult::Done(response.clone()));
        }
    }
}
