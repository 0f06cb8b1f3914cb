//! Importing events that an application has written in its own transaction.

use std::sync::Arc;

use super::drops::{Polls, claim_all, dropped_after};
use super::given::{MICRO, NOW, append, event_id, event_with_id, lane, new_event, ok, one, some};
use super::subject::Subject;
use super::together::at_once;
use crate::delivery::NewDelivery;
use crate::event::NewEvent;
use crate::id::{DeliveryId, LaneId};
use crate::store::{Append, Appended, History, Import, ImportResult, Outbox, StagedRow, Staging};

const LONGEST: usize = 1_000_000;

fn new(id: &str, data: &str) -> NewEvent {
    new_event(NewEvent::json("invoice.paid", data)).tenant("acme").id(event_id(id))
}

impl<S: Staging + ?Sized> Subject<S> {
    async fn staged(&self) -> Vec<StagedRow> {
        ok(self.second.staged(99, LONGEST).await)
    }

    async fn import(&self, import: Import) -> ImportResult {
        one(ok(self.store.import(vec![import]).await))
    }

    /// Stages one event and returns its row.
    async fn staged_row(&self, event: NewEvent) -> StagedRow {
        self.stage(event).await;
        some(self.staged().await.pop())
    }
}

/// The import of a row as a worker makes it: the event with one delivery.
fn import(row: StagedRow, lane: LaneId) -> Import {
    let event = row.event.unwrap_or_else(|error| panic!("{error}")).seal(NOW);
    let delivery = NewDelivery { id: DeliveryId::generate(NOW), lane, leased_until: None };
    Import { row: row.row, verdict: Ok(Append { event: Arc::new(event), deliveries: vec![delivery], now: NOW }) }
}

/// Rows are returned in the order in which they were written, no more than the limit, until they are imported.
pub(super) async fn staged_rows_are_returned_in_order<S: Staging + ?Sized>(subject: &Subject<S>) {
    assert!(subject.staged().await.is_empty());
    let ids = ["order-3", "order-1", "order-2", "order-5", "order-4"];
    for id in ids {
        subject.stage(new(id, "a")).await;
    }
    for limit in [0, 1, 3, 5, 99] {
        let rows = ok(subject.store.staged(limit, LONGEST).await);
        let found: Vec<_> = rows.into_iter().map(|row| some(some(row.event.ok()).id)).collect();
        let expected: Vec<_> = ids.into_iter().take(limit as usize).map(event_id).collect();
        assert_eq!(found, expected, "the first {limit}");
    }
    let rows: Vec<_> = subject.staged().await.into_iter().map(|row| row.row).collect();
    assert!(rows.is_sorted(), "rows are numbered in their order: {rows:?}");
    assert_eq!(subject.staged().await.len(), 5, "reading takes nothing away");
}

/// Every field that the application has written is kept.
pub(super) async fn a_staged_event_reads_back_whole<S: Staging + ?Sized>(subject: &Subject<S>) {
    let raw = |bytes: &'static [u8]| new_event(NewEvent::raw("blob.made", "application/octet-stream", bytes));
    let long = "x".repeat(128);
    for event in [
        new("order-1", "größer \u{1f600} ' \" \\"),
        raw(b"\xff\x00\xfe'\"\\\n\r").id(event_id("raw")).tenant("größer ' acme"),
        raw(b"x").id(event_id(&long)).tenant(long.clone()).occurred_at(NOW - MICRO).expires_at(NOW + MICRO),
        new_event(new("fifo", "a").ordered_by("Cart ' 1 ")),
        new_event(new("latest", "a").latest_by("k".repeat(128))),
    ] {
        let row = subject.staged_row(event.clone()).await;
        let found = row.event.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((found.data(), found.data.bytes()), (event.data(), event.data.bytes()));
        assert_eq!((found.event_type, found.id, found.tenant), (event.event_type, event.id, event.tenant));
        assert_eq!((found.occurred_at, found.expires_at), (event.occurred_at, event.expires_at));
        assert_eq!(found.data.content_type(), event.data.content_type());
        assert_eq!(found.order, event.order);
    }
}

/// The event and its deliveries are stored, and the row is deleted, once.
pub(super) async fn import_stores_the_event_and_deletes_the_row<S>(subject: &Subject<S>)
where
    S: Outbox + History + Staging + ?Sized,
{
    let lane = lane();
    let row = subject.staged_row(new("order-1", "a")).await;
    let import = import(row, lane);
    assert_eq!(subject.import(import.clone()).await, ImportResult::Taken);
    assert!(subject.staged().await.is_empty());
    let Ok(append) = &import.verdict else { panic!("it was valid") };
    assert_eq!(some(subject.event_of(&append.event).await).payload, append.event.payload);
    let leased = one(subject.claim(lane, 9, NOW).await);
    assert_eq!((leased.lease.delivery, leased.event.id.as_str()), (append.deliveries[0].id, "order-1"));
    assert_eq!(subject.import(import).await, ImportResult::Gone);
    assert!(subject.claim(lane, 9, NOW).await.is_empty());
    let refuse = Import { row: 1_000_000, verdict: Err("no such row".into()) };
    assert_eq!(subject.import(refuse).await, ImportResult::Gone);
}

/// A stored event is not stored again: a duplicate deletes the row, a conflict keeps it as refused.
pub(super) async fn import_follows_the_rules_of_append<S>(subject: &Subject<S>)
where
    S: Outbox + History + Staging + ?Sized,
{
    let lane = lane();
    let event = event_with_id("acme", "order-1", "a");
    assert_eq!(subject.append(append(event.clone(), &[lane], NOW)).await, Appended::Stored);
    let duplicate = subject.staged_row(new("order-1", "a")).await;
    assert_eq!(subject.import(import(duplicate, lane)).await, ImportResult::Taken);
    assert!(subject.staged().await.is_empty());
    let conflict = import(subject.staged_row(new("order-1", "b")).await, lane);
    assert_eq!(subject.import(conflict.clone()).await, ImportResult::Refused);
    assert!(subject.staged().await.is_empty(), "it is not returned again");
    assert_eq!(subject.import(conflict).await, ImportResult::Gone);
    assert_eq!(one(subject.claim(lane, 9, NOW).await).event.payload, event.payload);
}

/// Each element of a batch is imported or refused separately, and the results are in the order of the batch.
pub(super) async fn import_returns_results_in_the_order_of_the_batch<S>(subject: &Subject<S>)
where
    S: Outbox + History + Staging + ?Sized,
{
    let lane = lane();
    for (id, data) in [("order-1", "a"), ("order-2", "a"), ("order-1", "b"), ("order-3", "a")] {
        subject.stage(new(id, data)).await;
    }
    let mut batch: Vec<_> = subject.staged().await.into_iter().map(|row| import(row, lane)).collect();
    batch[1].verdict = Err("type: is not described".into());
    batch.insert(2, Import { row: 1_000_000, verdict: Err("no such row".into()) });
    use ImportResult::{Gone, Refused, Taken};
    assert_eq!(ok(subject.store.import(batch).await), [Taken, Refused, Gone, Refused, Taken]);
    assert!(subject.staged().await.is_empty());
    let mut found: Vec<_> =
        subject.claim(lane, 9, NOW).await.iter().map(|leased| leased.event.id.as_str().to_owned()).collect();
    found.sort();
    assert_eq!(found, ["order-1", "order-3"]);
}

/// A row with more data than the limit gets an error, and the rows behind it are returned.
pub(super) async fn a_row_that_is_too_long_is_not_read<S: Staging + ?Sized>(subject: &Subject<S>) {
    let (long, short) = ("x".repeat(2_000), "x".repeat(10));
    for (id, data) in [("order-1", &short), ("order-2", &long), ("order-3", &short)] {
        let event = new_event(NewEvent::raw("a.b", "text/plain", data.clone())).tenant("acme").id(event_id(id));
        subject.stage(event).await;
    }
    let read = async |longest| -> Vec<bool> {
        ok(subject.store.staged(9, longest).await).iter().map(|row| row.event.is_ok()).collect()
    };
    assert_eq!(read(2_000).await, [true, true, true]);
    assert_eq!(read(1_999).await, [true, false, true]);
}

/// If several workers import the same rows at once, each event is stored once.
pub(super) async fn of_concurrent_imports_one_takes_the_row<S>(subject: &Subject<S>)
where
    S: Outbox + History + Staging + ?Sized,
{
    let lane = lane();
    for n in 0..8 {
        subject.stage(new(&format!("order-{n}"), "a")).await;
    }
    let imported = at_once(subject, 6, |_, store| async move {
        let rows = ok(store.staged(99, LONGEST).await);
        ok(store.import(rows.into_iter().map(|row| import(row, lane)).collect()).await)
    });
    let imported: Vec<_> = imported.await.into_iter().flatten().collect();
    assert_eq!(imported.iter().filter(|one| **one == ImportResult::Taken).count(), 8);
    assert!(imported.iter().all(|one| matches!(one, ImportResult::Taken | ImportResult::Gone)));
    assert_eq!(subject.claim(lane, 99, NOW).await.len(), 8);
    assert!(subject.staged().await.is_empty());
}

/// A dropped import has stored the event and deleted the row, or neither.
pub(super) async fn a_dropped_import_is_whole_or_absent<S>(subject: &Subject<S>)
where
    S: Outbox + History + Staging + ?Sized,
{
    let (mut polls, mut last) = (Polls::new(), None);
    while let Some(polls) = polls.next(last.as_ref()) {
        let lane = lane();
        let import = import(subject.staged_row(new(&format!("order-{polls}"), "a")).await, lane);
        last = dropped_after(polls, subject.store.import(vec![import.clone()])).await;
        let again = one(ok(subject.second.import(vec![import]).await));
        assert!(matches!(again, ImportResult::Taken | ImportResult::Gone), "{again:?}");
        assert_eq!(claim_all(subject, lane, 1, NOW).await.len(), 1, "after {polls} polls");
        assert!(subject.staged().await.is_empty(), "after {polls} polls");
    }
}
