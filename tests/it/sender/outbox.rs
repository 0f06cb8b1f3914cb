//! An event exists if and only if the application's own transaction commits.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use hookwire::event::NewEvent;
use hookwire::id::EventId;
use hookwire::sender::{DispatchError, Sender};
use hookwire::store::{EventQuery, History, Page, SqliteStore, Staging, StoreErrorKind};
use hookwire::worker::WorkerError;

use super::{Running, endpoint, event, finished, sender};
use crate::support::server::{Reply, Server};
use crate::support::until;

/// An application's database with hookwire's tables in it, an endpoint of acme's, and a running worker.
struct Shop {
    _directory: tempfile::TempDir,
    file: rusqlite::Connection,
    path: std::path::PathBuf,
    store: SqliteStore,
    sender: Sender,
    server: Server,
    running: Running,
}

impl Shop {
    async fn open() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("shop.db");
        let file = rusqlite::Connection::open(&path).unwrap();
        file.execute_batch("CREATE TABLE invoice (id INTEGER PRIMARY KEY, cents INTEGER)").unwrap();
        let store = SqliteStore::open_in_application_database(&path).await.unwrap();
        let server = Server::start(|_| Reply::status(204)).await;
        let sender = sender(store.clone());
        sender.endpoints().create(endpoint(&server)).await.unwrap();
        let running = Running::start(&sender);
        Self { _directory: directory, file, path, store, sender, server, running }
    }

    async fn events(&self) -> usize {
        self.store.events(&EventQuery::of("acme"), Page::of(1_000)).await.unwrap().items.len()
    }

    /// The error in a row of the outbox that was not imported.
    fn error(&self) -> Option<String> {
        self.file.query_row("SELECT error FROM hookwire_outbox", [], |row| row.get(0)).unwrap()
    }
}

#[tokio::test]
async fn t_1_an_event_is_dispatched_exactly_when_the_callers_transaction_commits() {
    let mut shop = Shop::open().await;
    let (store, sender) = (shop.store.clone(), shop.sender.clone());
    let transaction = shop.file.transaction().unwrap();
    transaction.execute("INSERT INTO invoice (cents) VALUES (1299)", []).unwrap();
    shop.store.dispatch_in(&transaction, &event(1)).unwrap();
    transaction.rollback().unwrap();
    // The relay has polled several times.
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert_eq!((shop.events().await, shop.server.requests().len()), (0, 0));

    let transaction = shop.file.transaction().unwrap();
    transaction.execute("INSERT INTO invoice (cents) VALUES (1299)", []).unwrap();
    let id = shop.store.dispatch_in(&transaction, &event(2)).unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(store.staged(9, 1 << 20).await.unwrap().is_empty(), "not before the commit");
    transaction.commit().unwrap();
    sender.wake();
    finished(&shop.sender, 1).await;
    shop.running.stop().await;
    let requests = shop.server.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].headers["webhook-id"], id.as_str());
    assert!(String::from_utf8_lossy(&requests[0].body).contains(r#""data":{"n":2}"#));
    let left: u32 = shop.file.query_row("SELECT count(*) FROM hookwire_outbox", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 0);
}

fn shell(path: &Path, sql: &str) {
    let python =
        "import sqlite3, sys\nc = sqlite3.connect(sys.argv[1], timeout=30)\nc.execute(sys.argv[2])\nc.commit()";
    let sqlite3 = Command::new("sqlite3").args(["-cmd", ".timeout 30000"]).arg(path).arg(sql).status();
    let done = sqlite3.or_else(|_| Command::new("python3").args(["-c", python]).arg(path).arg(sql).status()).unwrap();
    assert!(done.success(), "{sql}");
}

#[tokio::test]
async fn a_plain_insert_from_another_client_is_a_dispatch() {
    let shop = Shop::open().await;
    shell(&shop.path, r#"INSERT INTO hookwire_outbox (type, data, tenant) VALUES ('invoice.paid', '{"n":1}', 'acme')"#);
    shell(
        &shop.path,
        "INSERT INTO hookwire_outbox (type, data, tenant, content_type, id) \
         VALUES ('invoice.paid', 'as it is', 'acme', 'text/plain', 'invoice-7')",
    );
    finished(&shop.sender, 2).await;
    shop.running.stop().await;
    let mut requests = shop.server.requests();
    requests.sort_by_key(|request| request.body.len());
    assert_eq!(
        (&requests[0].body[..], &requests[0].headers["webhook-id"]),
        (&b"as it is"[..], &"invoice-7".parse().unwrap())
    );
    assert_eq!(requests[0].headers["content-type"], "text/plain");
    assert!(requests[1].body.starts_with(br#"{"type":"invoice.paid","timestamp":"#));
}

#[tokio::test]
async fn the_callers_id_makes_an_insert_idempotent_and_a_conflict_is_kept_with_its_reason() {
    let shop = Shop::open().await;
    let insert =
        "INSERT INTO hookwire_outbox (type, data, tenant, id) VALUES ('invoice.paid', ?1, 'acme', 'invoice-7')";
    for data in ["1", "1", "2"] {
        shop.file.execute(insert, [data]).unwrap();
    }
    until(|| async { shop.error().is_some() }).await;
    assert_eq!(
        shop.error().unwrap(),
        "id: another event with this id, but with another type or payload, exists; use a new id"
    );
    assert_eq!(shop.events().await, 1);
    shop.running.stop().await;
}

#[tokio::test]
async fn a_row_that_cannot_be_dispatched_is_kept_with_its_reason_and_blocks_no_other_row() {
    let shop = Shop::open().await;
    for (set, values, reason) in [
        ("type, data", "'not a type', '{}'", "event type"),
        ("type, data", "'a.b', '{'", "data"),
        ("type, data", "CAST(x'612eff' AS TEXT), '{}'", "type: is not UTF-8"),
        ("type, data, tenant", "'a.b', '{}', CAST(x'ff' AS TEXT)", "tenant: is not UTF-8"),
        ("type, data", "'a.b', CAST(x'22ff22' AS TEXT)", "data"),
        ("type, data, fifo_key", "'a.b', '{}', char(10)", "ordering key"),
        ("type, data, id", "'a.b', '{}', 'white space'", "event id"),
        ("type, data, content_type", "'a.b', x'00', ''", "content type"),
        ("type, data, tenant", "'a.b', '{}', x'0a'", "tenant"),
        ("type, data", "'a.b', hex(zeroblob(600000))", "data"),
        ("type, data, content_type", "'a.b', zeroblob(1200000), 'a/b'", "data: has 1200000 bytes"),
    ] {
        let insert = format!("INSERT INTO hookwire_outbox ({set}) VALUES ({values})");
        if let Err(error) = shop.file.execute(&insert, []) {
            assert_eq!(reason, "tenant", "{error}");
            continue;
        }
        until(|| async { shop.error().is_some() }).await;
        let error = shop.error().unwrap();
        assert!(error.starts_with(reason), "{reason}: {error}");
        shop.file.execute("DELETE FROM hookwire_outbox", []).unwrap();
    }
    // A time that RFC 3339 cannot express is refused; a deadline is only compared, so it may have any value.
    for at in [i64::MIN, i64::MAX] {
        let insert = "INSERT INTO hookwire_outbox (type, data, occurred_at) VALUES ('a.b', '{}', ?1)";
        shop.file.execute(insert, [at]).unwrap();
        until(|| async { shop.error().is_some() }).await;
        assert!(shop.error().unwrap().starts_with("occurred_at"));
        shop.file.execute("DELETE FROM hookwire_outbox", []).unwrap();
        let insert = "INSERT INTO hookwire_outbox (type, data, occurred_at, expires_at) VALUES ('a.b', '{}', 0, ?1)";
        shop.file.execute(insert, [at]).unwrap();
        let left = "SELECT count(*) FROM hookwire_outbox";
        until(|| async { shop.file.query_row(left, [], |row| row.get::<_, u32>(0)).unwrap() == 0 }).await;
    }
    // An invalid row stays, the rows after it are sent, and a corrected row is sent too.
    shop.file.execute("INSERT INTO hookwire_outbox (type, data, tenant) VALUES ('?', '{}', 'acme')", []).unwrap();
    shop.file.execute("INSERT INTO hookwire_outbox (type, data, tenant) VALUES ('a.b', '{}', 'acme')", []).unwrap();
    finished(&shop.sender, 1).await;
    shop.file.execute("UPDATE hookwire_outbox SET type = 'c.d', error = NULL", []).unwrap();
    finished(&shop.sender, 2).await;
    shop.running.stop().await;
}

#[tokio::test]
async fn every_field_of_an_event_survives_the_callers_transaction() {
    let mut shop = Shop::open().await;
    let at = hookwire::clock::Timestamp::from_secs(1_600_000_000);
    let expires = hookwire::clock::Timestamp::from_secs(4_000_000_000);
    let event =
        |key: &str| NewEvent::raw("a.b", "text/x", "größer").unwrap().tenant("acme").id(EventId::new(key).unwrap());
    let transaction = shop.file.transaction().unwrap();
    let full = event("fifo").ordered_by("k").unwrap().occurred_at(at).expires_at(expires);
    shop.store.dispatch_in(&transaction, &full.clone()).unwrap();
    shop.store.dispatch_in(&transaction, &event("latest").latest_by("k").unwrap()).unwrap();
    let nobody = NewEvent::json("a.b", &1).unwrap().tenant("");
    assert!(shop.store.dispatch_in(&transaction, &nobody).unwrap_err().to_string().contains("tenant"));
    transaction.commit().unwrap();
    finished(&shop.sender, 2).await;
    let tenant = "acme".into();
    let stored = shop.sender.history().event(&tenant, &EventId::new("fifo").unwrap()).await.unwrap().unwrap();
    assert_eq!(*stored, full.seal(at));
    let latest = shop.sender.history().event(&tenant, &EventId::new("latest").unwrap()).await.unwrap().unwrap();
    assert!(latest.order.as_ref().unwrap().is_latest());
    shop.running.stop().await;
}

/// The same for a received event: the handler's rows and the record that the event was handled.
#[tokio::test]
async fn a_received_event_is_finished_exactly_when_the_handlers_transaction_commits() {
    use hookwire::store::{BeginResult, Dedup, DedupKey, FirstResponse, Settled};

    let mut shop = Shop::open().await;
    let (key, now) = (DedupKey::new([7; 32]), hookwire::clock::Timestamp::from_secs(1_700_000_000));
    let (until, expires) = (now + Duration::from_secs(60), now + Duration::from_secs(86_400));
    let begun = shop.store.begin(&[key.into()], now, until).await.unwrap();
    let [BeginResult::Fresh(claimant)] = begun[..] else { panic!("{begun:?}") };
    let store = shop.store.clone();
    for commit in [false, true] {
        let transaction = shop.file.transaction().unwrap();
        transaction.execute("INSERT INTO invoice (cents) VALUES (1299)", []).unwrap();
        assert_eq!(
            store.finish_in(&transaction, &[claimant], &FirstResponse::status(204), expires).unwrap(),
            Settled::Done
        );
        if commit { transaction.commit() } else { transaction.rollback() }.unwrap();
        let again = store.begin(&[key.into()], now, until).await.unwrap();
        let expected = if commit { BeginResult::Done(FirstResponse::status(204)) } else { BeginResult::Busy { until } };
        assert_eq!(again, [expected]);
    }
    let transaction = shop.file.transaction().unwrap();
    assert_eq!(
        store.finish_in(&transaction, &[claimant], &FirstResponse::status(204), expires).unwrap(),
        Settled::LeaseLost
    );
    drop(transaction);
    let invoices: u32 = shop.file.query_row("SELECT count(*) FROM invoice", [], |row| row.get(0)).unwrap();
    assert_eq!(invoices, 1);
    shop.running.stop().await;
}

/// One record is damaged: deliveries of this endpoint wait, and those of all other endpoints and tenants are sent.
#[tokio::test]
async fn a_damaged_endpoint_record_stops_no_other_endpoint() {
    let shop = Shop::open().await;
    let other = shop.sender.endpoints().create(endpoint(&shop.server).tenant("umbrella")).await.unwrap();
    let owed = shop.sender.dispatch(event(1).tenant("umbrella")).await.unwrap().deliveries[0];
    finished(&shop.sender, 1).await;
    shop.sender.resend(owed).await.unwrap();
    finished(&shop.sender, 1).await;
    let damage = "UPDATE hookwire_endpoint SET record = '{' WHERE tenant = 'umbrella'";
    shop.file.execute(damage, []).unwrap();
    // The record that was read before stays in the cache for two seconds.
    until(|| async { shop.sender.endpoints().get(other.id).await.is_err() }).await;
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    shop.sender.endpoints().create(endpoint(&shop.server).tenant("umbrella")).await.unwrap();
    shop.sender.resend(owed).await.unwrap();
    let before = shop.server.requests().len();
    shop.file.execute("INSERT INTO hookwire_outbox (type, data, tenant) VALUES ('a.b', '{}', 'umbrella')", []).unwrap();
    until(|| async { shop.server.requests().len() > before }).await;
    let staged: u32 = shop.file.query_row("SELECT count(*) FROM hookwire_outbox", [], |row| row.get(0)).unwrap();
    assert_eq!(staged, 0, "the row was taken in");
    let before = shop.server.requests().len();
    shop.sender.dispatch(event(2)).await.unwrap();
    until(|| async { shop.server.requests().len() > before }).await;
    let waiting = shop.sender.history().delivery(owed).await.unwrap().unwrap();
    assert!(!waiting.state.is_final(), "{waiting:?}");
    shop.running.stop().await;
}

/// A row that another client wrote is validated against the event's type as well, and is kept with the reason.
#[tokio::test]
async fn a_row_that_violates_the_schema_of_its_type_is_not_dispatched() {
    #[derive(schemars::JsonSchema)]
    #[expect(dead_code, reason = "only the schema is used")]
    struct Paid {
        n: u32,
    }
    let mut shop = Shop::open().await;
    let types = hookwire::event::EventCatalog::new().event::<Paid>("invoice.paid").unwrap();
    let strict = Sender::builder(shop.store.clone()).event_types(types).build().unwrap();
    std::mem::replace(&mut shop.running, Running::start(&strict)).stop().await;
    shell(
        &shop.path,
        r#"INSERT INTO hookwire_outbox (type, data, tenant) VALUES ('invoice.paid', '{"n":"one"}', 'acme')"#,
    );
    until(|| async { shop.error().is_some() }).await;
    assert!(shop.error().unwrap().starts_with("data/n:"), "{:?}", shop.error());
    assert_eq!(shop.events().await, 0);
    shop.running.stop().await;
}

/// An insert with its own row number is refused, and the error asks to leave the number out; a row that already has one is imported.
#[tokio::test]
async fn a_row_number_that_another_client_wrote_does_not_stop_the_worker() {
    let shop = Shop::open().await;
    let insert = |seq: i64| {
        let sql = "INSERT INTO hookwire_outbox (seq, type, data, tenant) VALUES (?1, 'a.b', '1', 'acme')";
        shop.file.execute(sql, [seq])
    };
    for seq in [i64::MIN, -1, 0, i64::MAX] {
        let refused = insert(seq).unwrap_err().to_string();
        assert!(refused.contains("leave it out"), "{refused}");
    }
    shop.file.execute_batch("DROP TRIGGER hookwire_outbox_seq").unwrap();
    for seq in [i64::MIN, -1, 0] {
        insert(seq).unwrap();
    }
    finished(&shop.sender, 3).await;
    shop.running.stop().await;
}

/// Another process has migrated the file to a later schema: this process does not write to it any more.
#[tokio::test]
async fn a_file_that_was_migrated_to_a_later_schema_is_not_written_any_more() {
    let shop = Shop::open().await;
    shop.sender.dispatch(event(1)).await.unwrap();
    finished(&shop.sender, 1).await;
    shop.file.execute("UPDATE hookwire_schema SET version = version + 1", []).unwrap();
    let refused = shop.sender.dispatch(event(2)).await.unwrap_err();
    let DispatchError::Store(error) = refused else { panic!("{refused:?}") };
    assert_eq!(error.kind(), StoreErrorKind::Schema);
    assert_eq!(shop.events().await, 1);
    let ended = shop.running.worker.await.unwrap();
    assert!(matches!(ended, Err(WorkerError::Store(_))), "{ended:?}");
}
