//! Tests that require private access: full disks, damaged rows, files that are deleted.

use std::sync::Arc;

use rusqlite::Connection;

use super::SqliteStore;
use crate::clock::Timestamp;
use crate::delivery::{DeliveryState, NewDelivery, Settlement};
use crate::endpoint::{Endpoint, NewEndpoint, Target};
use crate::event::NewEvent;
use crate::id::{EndpointId, Tenant, Work};
use crate::retry::{Decision, FailReason};
use crate::secret::{Key, Keyring};
use crate::store::{
    Append, Appended, BulkJob, BulkJobs, Claim, DeliveryQuery, Directory, FailureQuery, History, Outbox, Page, Removal,
    RollupStep, Rollups, Settled, StoreError, StoreErrorKind,
};

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
const LATER: Timestamp = Timestamp::from_secs(1_700_000_060);
const LANE: EndpointId = EndpointId::from_bytes([7; 16]);

async fn open() -> (tempfile::TempDir, SqliteStore) {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path().join("hookwire.db")).await.unwrap();
    (directory, store)
}

fn append_to(endpoint: EndpointId, bytes: usize) -> Append {
    let event = NewEvent::raw("invoice.paid", "text/plain", vec![b'x'; bytes]).unwrap().seal(NOW);
    let delivery = || NewDelivery::new(endpoint, NOW);
    Append { event: Arc::new(event), deliveries: vec![delivery(), delivery()], now: NOW }
}

fn append(bytes: usize) -> Append {
    append_to(LANE, bytes)
}

fn claim(endpoint: EndpointId, max: u32) -> Claim {
    Claim { lanes: vec![(endpoint.into(), max)], now: NOW, until: LATER }
}

fn kind<T>(result: Result<T, StoreError>) -> Option<StoreErrorKind> {
    result.err().map(|error| error.kind())
}

async fn run(store: &SqliteStore, sql: &'static str) -> Result<(), StoreError> {
    store.write(move |connection| connection.execute_batch(sql)).await
}

#[tokio::test]
async fn f_29_a_full_disk_is_told_to_every_caller_of_the_group_and_nothing_is_half_written() {
    let (_directory, store) = open().await;
    run(&store, "PRAGMA max_page_count = 120").await.unwrap();
    let mut stored = 0;
    let refused = loop {
        let group: Vec<_> = (0..8).map(|_| store.append(vec![append(9_000)])).collect();
        let answers = futures_util::future::join_all(group).await;
        stored += answers.iter().filter(|answer| answer.is_ok()).count() as u64;
        if let Some(error) = answers.into_iter().find_map(Result::err) {
            break error;
        }
    };
    assert_eq!((refused.kind(), refused.is_retryable()), (StoreErrorKind::Full, true));
    assert_eq!(store.counts(Work::Sent, None).await.unwrap().pending, stored * 2);

    run(&store, "PRAGMA max_page_count = 100000").await.unwrap();
    assert_eq!(
        store.append(vec![append(9_000)]).await.unwrap(),
        [Appended::Stored],
        "the store works again once there is space"
    );
    store.check().await.unwrap();
}

#[tokio::test]
async fn f_30_what_is_claimed_when_the_disk_fills_up_stays_leased() {
    let (_directory, store) = open().await;
    store.append(vec![append(10)]).await.unwrap();
    let leased = store.claim(claim(LANE, 1)).await.unwrap().leased.remove(0);
    // No page can be added, so a long excerpt cannot be stored.
    run(&store, "PRAGMA max_page_count = 1").await.unwrap();
    let attempt =
        crate::delivery::Attempt::new(1, NOW, std::time::Duration::ZERO, crate::outcome::Outcome::Status(200))
            .with_excerpt(Some("x".repeat(20_000).into()));
    let settlement = Settlement::of(&leased, Decision::Delivered, NOW).with_attempt(attempt);
    assert_eq!(kind(store.settle(vec![settlement.clone()]).await), Some(StoreErrorKind::Full));
    assert!(!store.delivery(Work::Sent, leased.lease.delivery).await.unwrap().unwrap().state.is_final());
    run(&store, "PRAGMA max_page_count = 100000").await.unwrap();
    assert_eq!(store.settle(vec![settlement]).await.unwrap(), [Settled::Done]);
}

#[tokio::test]
async fn a_call_that_cannot_be_stored_fails_alone() {
    let (_directory, store) = open().await;
    let bad = append(10);
    store.append(vec![bad.clone()]).await.unwrap();
    // Another event with a delivery id that exists.
    let bad = Append { deliveries: bad.deliveries, ..append(10) };
    let calls: Vec<_> = [append(10), bad.clone(), append(10), append(10)].map(|one| store.append(vec![one])).into();
    let answers = futures_util::future::join_all(calls).await;
    let kinds: Vec<_> = answers.into_iter().map(kind).collect();
    assert_eq!(kinds, [None, Some(StoreErrorKind::Invalid), None, None]);
    assert!(
        store.event(Work::Sent, &bad.event.tenant, &bad.event.id).await.unwrap().is_none(),
        "nothing of the failed call is stored"
    );
    assert_eq!(store.counts(Work::Sent, None).await.unwrap().pending, 8);
}

#[tokio::test]
async fn a_row_that_does_not_read_does_not_close_the_store() {
    let (_directory, store) = open().await;
    let keys = Keyring::new(Key::generate().unwrap());
    let target = Target::parse("https://hooks.example.com/").unwrap();
    let endpoint = Endpoint::new(NewEndpoint::at(target), keys, NOW);
    let id = endpoint.id;
    store.put(endpoint).await.unwrap();
    store.append(vec![append_to(id, 10)]).await.unwrap();
    let leased = store.claim(claim(id, 1)).await.unwrap().leased.remove(0);
    run(&store, "UPDATE hookwire_endpoint SET record = '{}'").await.unwrap();
    let next = Decision::Disable { reason: FailReason::Gone };
    let settlement = Settlement::of(&leased, next, NOW);
    assert_eq!(
        store.settle(vec![settlement]).await.unwrap(),
        [Settled::Done],
        "the delivery is settled although the endpoint's row is unreadable"
    );
    assert_eq!(kind(store.get(id).await), Some(StoreErrorKind::Corrupt));
    assert_eq!(store.append(vec![append(10)]).await.unwrap(), [Appended::Stored]);
}

fn endpoint_of(tenant: &'static str) -> Endpoint {
    let new = NewEndpoint::at(Target::parse("https://hooks.example.com/").unwrap()).tenant(tenant);
    Endpoint::new(new, Keyring::new(Key::generate().unwrap()), NOW)
}

#[tokio::test]
async fn an_endpoint_that_does_not_read_is_left_out_of_lists_and_can_be_removed() {
    let (_directory, store) = open().await;
    let all: Vec<_> = (0..6).map(|_| endpoint_of("acme")).collect();
    for endpoint in &all {
        store.put(endpoint.clone()).await.unwrap();
    }
    let mut ids: Vec<_> = all.iter().map(|endpoint| endpoint.id).collect();
    ids.sort();
    for (id, record) in [(ids[1], "{}"), (ids[2], "not json")] {
        let sql = "UPDATE hookwire_endpoint SET record = ?2 WHERE id = ?1";
        store.write(move |connection| connection.execute(sql, rusqlite::params![id.as_bytes(), record])).await.unwrap();
    }
    let listed = async |after, limit| -> Vec<_> {
        store.list(None, after, limit).await.unwrap().iter().map(|endpoint| endpoint.id).collect()
    };
    assert_eq!(listed(None, 2).await, [ids[0], ids[3]], "a page is full as long as more endpoints follow");
    assert_eq!(listed(Some(ids[3]), 9).await, ids[4..]);
    assert_eq!(store.of_tenant(&"acme".into()).await.unwrap().len(), 4);
    assert_eq!(store.remove(ids[1], None, NOW).await.unwrap(), Removal::Removed);
    assert_eq!(
        kind(store.get(ids[2]).await),
        Some(StoreErrorKind::Corrupt),
        "reading the damaged endpoint itself fails"
    );
}

#[tokio::test]
#[cfg(unix)]
async fn f_34_a_file_that_is_deleted_under_us_closes_the_store() {
    let (directory, store) = open().await;
    store.append(vec![append(10)]).await.unwrap();
    std::fs::remove_file(directory.path().join("hookwire.db")).unwrap();
    assert_eq!(kind(store.append(vec![append(10)]).await), Some(StoreErrorKind::Closed));
    std::fs::write(directory.path().join("hookwire.db"), "").unwrap();
    assert_eq!(kind(store.append(vec![append(10)]).await), Some(StoreErrorKind::Closed), "the store remains closed");
}

#[tokio::test]
async fn a_removal_of_more_than_one_batch_cancels_all() {
    let (_directory, store) = open().await;
    let keys = Keyring::new(Key::generate().unwrap());
    let endpoint = Endpoint::new(NewEndpoint::at(Target::parse("https://hooks.example.com/").unwrap()), keys, NOW);
    let id = endpoint.id;
    store.put(endpoint).await.unwrap();
    store.append((0..1_250).map(|_| append_to(id, 10)).collect()).await.unwrap();
    assert_eq!(store.remove(id, None, NOW).await.unwrap(), Removal::Removed);
    assert_eq!(store.counts(Work::Sent, Some(id.into())).await.unwrap().cancelled, 2_500);
    assert!(store.lanes(Work::Sent, None, 9).await.unwrap().is_empty());
}

#[tokio::test]
async fn more_payload_than_the_queue_holds_waits_and_is_stored() {
    let (_directory, store) = open().await;
    let calls: Vec<_> = (0..5).map(|_| store.append(vec![append(30 << 20)])).collect();
    for answer in futures_util::future::join_all(calls).await {
        assert_eq!(answer.unwrap(), [Appended::Stored]);
    }
    assert_eq!(
        store.append(vec![append(80 << 20)]).await.unwrap(),
        [Appended::Stored],
        "a call larger than the complete budget is stored"
    );
}

/// Makes groups of failures of one endpoint: in each hour before [`NOW`] as many as there are kinds, with one failure each.
async fn fail(store: &SqliteStore, groups: u32, kinds: u32) {
    let sql = "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?1) \
               INSERT INTO hookwire_failure SELECT ?2 - i / ?3 * 3600000000, ?4, CAST(printf('%011d', i % ?3) AS BLOB), \
               'acme', 1, ?2, ?2, ?2, ?2, ?4 FROM n";
    let hour = RollupStep::Hour.start(NOW).as_micros();
    let values = (groups, hour, kinds, *LANE.as_bytes());
    store.write(move |connection| connection.execute(sql, values)).await.unwrap();
}

/// Queries for the failures of `fail`: of all, of the tenant, of the endpoint, and of both.
fn failure_queries() -> [FailureQuery; 4] {
    let span = FailureQuery::between(Timestamp::EPOCH, NOW);
    let tenant = Some(Tenant::from("acme"));
    let of = |tenant, endpoint| FailureQuery { tenant, endpoint, limit: u32::MAX, ..span.clone() };
    [of(None, None), of(tenant.clone(), None), of(None, Some(LANE)), of(tenant, Some(LANE))]
}

#[tokio::test]
async fn of_too_many_groups_of_failures_the_newest_hours_are_counted() {
    let (_directory, store) = open().await;
    fail(&store, 101 * 200, 101).await;
    let hour = RollupStep::Hour;
    for query in failure_queries() {
        let found = store.failures(&query).await.unwrap();
        assert_eq!(found.groups.iter().map(|group| group.count).sum::<u64>(), 20_000, "{query:?}");
        assert_eq!(found.groups.len(), 101);
        assert_eq!(found.from, hour.start(NOW) - hour.length() * 197, "198 hours are complete");
    }
}

#[tokio::test]
async fn a_group_of_failures_that_does_not_read_is_left_out() {
    let (_directory, store) = open().await;
    fail(&store, 3, 3).await;
    run(&store, "UPDATE hookwire_failure SET number = -1 WHERE kind = CAST('00000000001' AS BLOB)").await.unwrap();
    run(&store, "UPDATE hookwire_failure SET kind = x'00' WHERE kind = CAST('00000000002' AS BLOB)").await.unwrap();
    for query in failure_queries() {
        let found = store.failures(&query).await.unwrap().groups;
        assert_eq!(found.iter().map(|group| group.count).collect::<Vec<_>>(), [1], "{query:?}");
    }
}

/// The query plans of the hot statements.
#[tokio::test]
async fn the_hot_statements_search_and_never_scan_or_sort() {
    let (_directory, store) = open().await;
    let statements = [
        "SELECT d.id FROM hookwire_delivery d JOIN hookwire_event e ON e.seq = d.event JOIN hookwire_payload p \
         ON p.event = d.event WHERE d.state = 0 AND d.lane = x'00' AND d.due <= 1 ORDER BY d.due LIMIT 9",
        "SELECT due FROM hookwire_delivery WHERE state = 0 AND lane = x'00' ORDER BY due LIMIT 1",
        "SELECT lane, due FROM hookwire_delivery WHERE state = 0 AND lane > x'00' ORDER BY lane, due LIMIT 1",
        "UPDATE hookwire_delivery SET due = 1 WHERE id = x'00' AND fence = 1 AND state = 0",
        "SELECT id, event FROM hookwire_delivery WHERE finished_at < 1 AND length(lane) = 16 ORDER BY finished_at LIMIT 9",
        "SELECT seq FROM hookwire_event WHERE childless < 1 AND audience < 2 ORDER BY childless LIMIT 9",
        "SELECT seq, ends FROM hookwire_dedup WHERE seq > 1 ORDER BY seq LIMIT 9",
        "SELECT fence FROM hookwire_dedup WHERE key = x'00'",
        "DELETE FROM hookwire_dedup WHERE event_group = x'00' AND status IS NOT NULL",
        "DELETE FROM hookwire_dedup WHERE key BETWEEN x'00' AND x'01' AND event_group IS NULL AND status IS NOT NULL",
        "SELECT kind FROM hookwire_failure WHERE hour = 1 AND endpoint = x'00' AND (NULL IS NULL OR tenant = NULL)",
        "SELECT number FROM hookwire_failure WHERE tenant = 'acme' AND hour >= 1 AND hour < 2 ORDER BY hour DESC",
        "SELECT number FROM hookwire_failure WHERE hour >= 1 AND hour < 2 ORDER BY hour DESC",
    ];
    for sql in statements {
        let plan = store.read(move |connection| plan(connection, sql)).await.unwrap();
        assert!(!plan.is_empty());
        for step in plan {
            assert!(step.starts_with("SEARCH"), "{step}: {sql}");
        }
    }
}

fn plan(connection: &Connection, sql: &str) -> rusqlite::Result<Vec<String>> {
    connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?.query_map([], |row| row.get(3))?.collect()
}

#[tokio::test]
async fn the_list_of_pending_work_is_the_same_when_few_and_when_many_are_pending() {
    let (_directory, store) = open().await;
    let query = DeliveryQuery { state: Some(DeliveryState::Pending), ..DeliveryQuery::of(Work::Sent) };
    let first = async |page| {
        let found = store.deliveries(&query, page).await.unwrap().items;
        found.into_iter().map(|delivery| delivery.id).collect::<Vec<_>>()
    };
    store.append((0..5).map(|_| append(10)).collect()).await.unwrap();
    let few = first(Page::of(100)).await;
    assert_eq!(few.len(), 10);
    store.append((0..1_100).map(|_| append(10)).collect()).await.unwrap();
    assert_eq!(first(Page::of(10)).await, few, "the oldest first");
    let newest = first(Page::of(2_300).newest_first()).await;
    assert_eq!((newest.len(), newest.iter().rev().take(10).copied().collect::<Vec<_>>()), (2_210, few));
}

#[tokio::test]
async fn an_unreadable_job_stops_no_other_job() {
    let (_directory, store) = open().await;
    let mut numbers = Vec::new();
    for owner in ["damaged", "renamed", "acme", "acme"] {
        let job = BulkJob::new(Some(Tenant::from(owner)), NOW, "{}");
        numbers.extend(store.add_job(job, 9).await.unwrap());
    }
    for damage in [
        "UPDATE hookwire_job SET content = CAST(x'ff' AS TEXT) WHERE tenant = 'damaged'",
        "UPDATE hookwire_job SET tenant = CAST(x'ff' AS TEXT) WHERE tenant = 'renamed'",
    ] {
        run(&store, damage).await.unwrap();
    }
    let due: Vec<_> = store.due_jobs(NOW, 2).await.unwrap().into_iter().map(|job| job.number).collect();
    assert_eq!(due, numbers[2..], "an unreadable job is left out and does not count");
    for unreadable in &numbers[..2] {
        assert_eq!(kind(store.job(*unreadable).await), Some(StoreErrorKind::Corrupt));
    }
    let of_acme = store.jobs(Some(&Tenant::from("acme")), Page::of(9)).await.unwrap();
    assert_eq!(of_acme.items.len(), 2);
    assert_eq!(kind(store.jobs(None, Page::of(9)).await), Some(StoreErrorKind::Corrupt));
}
