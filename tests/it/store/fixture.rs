//! Files that earlier versions wrote are read and written by this version.
//!
//! `tests/fixtures/schema-<n>.db` was made by the code that had schema n, with `cargo test -p hookwire-tests --test it
//! store::fixture::makes_the_fixture -- --exact --ignored`. A released fixture is never made again: a later schema gets a new file.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hookwire::delivery::{Attempt, DeliveryState, Settlement};
use hookwire::endpoint::{Endpoint, EndpointState, NewEndpoint};
use hookwire::event::NewEvent;
use hookwire::id::{EndpointId, EventId, Tenant, Work};
use hookwire::outcome::Outcome;
use hookwire::retry::{Decision, FailReason};
use hookwire::secret::{Key, Keyring};
use hookwire::store::{
    Append, Appended, BeginResult, Dedup, DedupKey, DeliveryQuery, Directory, FirstResponse, History, Outbox, Page,
    PutResult, Retention, RetentionCutoff, SqliteStore, Staging,
};

use super::rows::{NOW, claim};

const KEY: DedupKey = DedupKey::new([7; 32]);
const MONTH: Duration = Duration::from_secs(30 * 86_400);

/// The schema version that this code writes.
const CURRENT: u32 = 14;

fn fixture(schema: u32) -> PathBuf {
    hookwire_tests::root().join(format!("tests/fixtures/schema-{schema}.db"))
}

fn acme() -> Tenant {
    Tenant::from("acme")
}

fn event_id() -> EventId {
    EventId::new("order-1").unwrap()
}

fn event() -> NewEvent {
    let data = serde_json::json!({ "total": 1299, "name": "größer" });
    NewEvent::json("order.paid", &data).unwrap().tenant(acme()).id(event_id())
}

fn endpoint() -> Endpoint {
    let new = NewEndpoint::https("https://hooks.example.com/in?a=1").unwrap().tenant(acme());
    Endpoint::new(new.events(["order.*"]).unwrap(), Keyring::new(Key::generate().unwrap()), NOW)
}

/// One event with four deliveries: one succeeds, one fails and disables its endpoint, one waits for that endpoint, and the last one
/// is never tried.
async fn write(store: &SqliteStore) {
    let (kept, gone) = (endpoint(), endpoint());
    for endpoint in [&kept, &gone] {
        assert_eq!(store.put(endpoint.clone()).await.unwrap(), PutResult::Stored);
    }
    let owed = [kept.id, gone.id, gone.id, EndpointId::generate(NOW)];
    let deliveries = owed.map(|endpoint| hookwire::delivery::NewDelivery::new(endpoint, NOW));
    let append = Append { event: Arc::new(event().seal(NOW)), deliveries: deliveries.to_vec(), now: NOW };
    assert_eq!(store.append(vec![append]).await.unwrap(), [Appended::Stored]);
    for (lane, status, next) in
        [(kept.id, 204, Decision::Delivered), (gone.id, 410, Decision::Disable { reason: FailReason::Gone })]
    {
        let leased = store.claim(claim(lane, 1, NOW)).await.unwrap().leased.remove(0);
        let attempt = Attempt::new(1, NOW, Duration::from_millis(12), Outcome::Status(status));
        let attempt = attempt.with_excerpt(Some("größer".into()));
        store.settle(vec![Settlement::of(&leased, next, NOW).with_attempt(attempt)]).await.unwrap();
    }
    let begun = store.begin(&[KEY.into()], NOW, NOW + MONTH).await.unwrap();
    let [BeginResult::Fresh(claimant)] = begun[..] else { panic!("{begun:?}") };
    store.finish(&[claimant], &FirstResponse::status(202), NOW + MONTH).await.unwrap();
}

#[tokio::test]
#[ignore = "writes the fixture into the source tree"]
async fn makes_the_fixture() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hookwire.db");
    write(&SqliteStore::open(&path).await.unwrap()).await;
    assert!(!fixture(CURRENT).exists(), "a fixture is never made again");
    let file = rusqlite::Connection::open(&path).unwrap();
    let stage = "INSERT INTO hookwire_outbox (type, data, fifo_key) VALUES ('order.paid', '{}', 'cart-1')";
    file.execute(stage, []).unwrap();
    file.execute("VACUUM INTO ?1", [fixture(CURRENT).to_str().unwrap()]).unwrap();
}

#[tokio::test]
async fn f_54_a_file_of_schema_1_is_read_and_written() {
    let (_directory, store) = open(1).await;
    read_and_write(&store).await;
    assert!(store.staged(9, 1 << 20).await.unwrap().is_empty());
}

#[tokio::test]
async fn f_54_a_file_of_schema_2_is_read_and_written() {
    staged_and_all(2).await;
}

#[tokio::test]
async fn f_54_a_file_of_schema_3_is_read_and_written() {
    staged_and_all(3).await;
}

#[tokio::test]
async fn f_54_a_file_of_schema_4_is_read_and_written() {
    staged_and_all(4).await;
}

#[tokio::test]
async fn f_54_a_file_of_schema_5_is_read_and_written() {
    staged_and_all(5).await;
}

#[tokio::test]
async fn f_54_a_file_of_schema_6_is_read_and_written() {
    staged_and_all(6).await;
}

#[tokio::test]
async fn f_54_a_file_of_schema_7_is_read_and_written() {
    staged_and_all(7).await;
}

async fn staged_and_all(schema: u32) {
    let (_directory, store) = open(schema).await;
    let failing = store.of_tenant(&acme()).await.unwrap()[1].health;
    assert_eq!((failing.failures, failing.failing_since), (1, Some(NOW)));
    let staged = store.staged(9, 1 << 20).await.unwrap();
    let event = staged[0].event.as_ref().unwrap();
    assert!(event.clone().seal(NOW).order.is_some_and(|order| order.key() == "cart-1"));
    read_and_write(&store).await;
}

async fn open(schema: u32) -> (tempfile::TempDir, SqliteStore) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hookwire.db");
    std::fs::copy(fixture(schema), &path).unwrap();
    let store = SqliteStore::open(&path).await.unwrap();
    store.check().await.unwrap();
    (directory, store)
}

async fn read_and_write(store: &SqliteStore) {
    let kept = store.event(Work::Sent, &acme(), &event_id()).await.unwrap().unwrap();
    assert_eq!(*kept, event().seal(NOW));
    let deliveries = store.deliveries(&DeliveryQuery::default(), Page::default()).await.unwrap().items;
    let states: Vec<_> = deliveries.iter().map(|delivery| delivery.state).collect();
    use DeliveryState::{Delivered, Failed, Held, Pending};
    assert_eq!(states, [Delivered, Failed, Held, Pending]);
    assert_eq!(deliveries[1].reason, Some(FailReason::Gone));
    let attempts = store.attempts(Work::Sent, &[deliveries[1].id]).await.unwrap().concat();
    assert_eq!((attempts[0].outcome, attempts[0].excerpt.as_deref()), (Outcome::Status(410), Some("größer")));
    let endpoints = store.of_tenant(&acme()).await.unwrap();
    let enabled: Vec<_> = endpoints.iter().map(|endpoint| endpoint.state == EndpointState::Enabled).collect();
    assert_eq!(enabled, [true, false]);
    assert_eq!(
        store.begin(&[KEY.into()], NOW, NOW + MONTH).await.unwrap(),
        [BeginResult::Done(FirstResponse::status(202))]
    );

    let again = Append { event: Arc::new(event().seal(NOW)), deliveries: Vec::new(), now: NOW };
    assert_eq!(store.append(vec![again]).await.unwrap(), [Appended::Duplicate]);
    assert_eq!(store.claim(claim(deliveries[3].endpoint().unwrap(), 1, NOW)).await.unwrap().leased.len(), 1);
    assert_eq!(Retention::prune(store, Work::Sent, RetentionCutoff::before(NOW + MONTH), 100).await.unwrap(), 2);
}
