//! Listing the lanes with work.

use std::collections::HashSet;

use super::given::{LEASED, MICRO, MINUTE, NOW, append, claim, event_with_id, lane, ok, queue, received};
use super::subject::{Subject, assert_ends};
use crate::clock::Timestamp;
use crate::id::{LaneId, Work};
use crate::retry::Decision;
use crate::store::Outbox;

const BOTH: [Work; 2] = [Work::Sent, Work::Received];

async fn pages<S: Outbox + ?Sized>(subject: &Subject<S>, work: Work, limit: u32) -> Vec<(LaneId, Timestamp)> {
    let mut found: Vec<(LaneId, Timestamp)> = Vec::new();
    for round in 0.. {
        assert_ends(round);
        let page = ok(subject.store.lanes(work, found.last().map(|(lane, _)| *lane), limit).await);
        assert!(page.len() <= limit as usize, "no more than the limit");
        if page.is_empty() {
            break;
        }
        found.extend(page);
    }
    found
}

/// The pages together list every lane once, each with its earliest due time.
pub(super) async fn lanes_lists_pending_work_in_pages<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let mut expected: Vec<(LaneId, Timestamp)> = Vec::new();
    for n in 0..5 {
        let (lane, due) = (lane(), NOW + MICRO * n);
        subject.owe_at(lane, NOW + MINUTE).await;
        subject.owe_at(lane, due).await;
        expected.push((lane, due));
    }
    expected.sort_by_key(|(lane, _)| *lane);
    for limit in [1, 2, 5, 99] {
        let mut found = pages(subject, Work::Sent, limit).await;
        found.sort_by_key(|(lane, _)| *lane);
        assert_eq!(found, expected, "in pages of {limit}");
    }
    assert!(ok(subject.store.lanes(Work::Sent, None, 0).await).is_empty(), "a page of 0");
}

/// A lane is listed as long as it has pending deliveries, leased ones too.
pub(super) async fn lanes_forgets_what_is_finished<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let leased = subject.leased().await;
    assert_eq!(ok(subject.second.lanes(Work::Sent, None, 9).await), [(leased.lane, LEASED)]);
    subject.settle(&leased, Decision::Delivered).await;
    assert!(ok(subject.second.lanes(Work::Sent, None, 9).await).is_empty());
    let none = ok(subject.store.claim(claim(&[(leased.lane, 9)], LEASED)).await);
    assert!(none.leased.is_empty() && none.next.is_empty());
}

/// A sender's lanes are endpoints, an inbox's lanes are queues.
pub(super) async fn lanes_lists_one_kind_of_work<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let (endpoints, queues) = ([lane(), lane(), lane()], ["a", "b", "0123456789abcde"].map(queue));
    for (n, lane) in endpoints.into_iter().enumerate() {
        subject.append(append(event_with_id("acme", &format!("order-{n}"), "a"), &[lane], NOW)).await;
    }
    for (n, lane) in queues.into_iter().enumerate() {
        subject.append(append(received(&format!("order-{n}")), &[lane], NOW)).await;
    }
    for (work, expected) in BOTH.into_iter().zip([endpoints, queues]) {
        let found: Vec<LaneId> = pages(subject, work, 2).await.into_iter().map(|(lane, _)| lane).collect();
        assert_eq!(found.len(), expected.len(), "each once");
        assert_eq!(found.into_iter().collect::<HashSet<_>>(), HashSet::from(expected));
    }
}
