//! A server with faults or with wrong settings.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use hookwire::clock::{Clock, SystemClock, Timestamp};
use hookwire::id::{DeliveryId, EndpointId, EventId, Tenant, Work, WorkerId};
use hookwire::store::tokio_postgres;
use hookwire::store::{Append, Appended, Control, History, Outbox, StoreErrorKind, WorkerRegistry};
use hookwire::store::{OpenError, PostgresOptions};
use libtest_mimic::Trial;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::Needs;
use crate::postgres::{Server, connect};
use crate::schema::{Schema, append_at};

pub fn trials(postgres: &Needs, binaries: &Needs) -> Vec<Trial> {
    vec![
        binaries.test("faults::f_37_a_read_only_server_is_unavailable_until_it_accepts_writes_again", reads_only),
        postgres.test("faults::f_38_an_exhausted_pool_is_unavailable_and_recovers", exhausted),
        postgres.test("faults::f_39_a_deadlock_is_tried_again", deadlock),
        postgres.test("faults::f_40_an_append_whose_commit_is_not_answered_is_stored_once", unanswered),
        postgres.test("faults::several_processes_make_the_schema_together", made_together),
        postgres.test("faults::a_newer_schema_is_refused_unless_it_serves_this_version", newer),
        postgres.test("faults::an_older_schema_is_migrated_with_its_rows", older),
        postgres.test("faults::schema_3_is_migrated_with_its_rows", schema_3),
        postgres.test("faults::schema_4_is_migrated_with_its_rows", schema_4),
        postgres.test("faults::a_commit_that_is_not_durable_is_refused", not_durable),
        postgres.test("faults::a_bad_address_is_reported", |_| no_server()),
    ]
}

fn append(lane: EndpointId, id: &str) -> Append {
    append_at(lane, id, SystemClock.now())
}

fn lane() -> EndpointId {
    EndpointId::generate(SystemClock.now())
}

/// A server that was demoted or is not promoted yet answers in this way.
async fn reads_only(_: String) {
    let server = Server::start().unwrap();
    let schema = Schema::fresh(&server.url());
    let store = schema.open().await;
    let admin = connect(&server.url()).await;
    admin.batch_execute("ALTER SYSTEM SET default_transaction_read_only = on").await.unwrap();
    admin.batch_execute("SELECT pg_reload_conf()").await.unwrap();
    let mut kind = None;
    for number in 0..100 {
        let appended = store.append(vec![append(lane(), &format!("refused-{number}"))]).await;
        kind = appended.err().map(|error| error.kind());
        if kind.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(kind, Some(StoreErrorKind::Unavailable));
    admin.batch_execute("SET default_transaction_read_only = off").await.unwrap();
    admin.batch_execute("ALTER SYSTEM RESET default_transaction_read_only").await.unwrap();
    admin.batch_execute("SELECT pg_reload_conf()").await.unwrap();
    crate::until(|| async { store.append(vec![append(lane(), "later")]).await.is_ok() }).await;
}

async fn exhausted(url: String) {
    let schema = Schema::fresh(&url);
    let store = schema.options().connections(2).wait_timeout(Duration::from_millis(300)).open().await.unwrap();
    store.append(vec![append(lane(), "before")]).await.unwrap();
    let mut admin = connect(&url).await;
    let lock = admin.transaction().await.unwrap();
    lock.batch_execute(&format!("LOCK TABLE {}.publish IN ACCESS EXCLUSIVE MODE", schema.name)).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..200 {
        let store = store.clone();
        tasks.spawn(async move {
            let tenant = Tenant::from("acme");
            let id = EventId::new(format!("none-{number}")).unwrap();
            store.event(Work::Sent, &tenant, &id).await.map(drop).map_err(|error| error.kind())
        });
    }
    // Two calls wait for the table; the others wait for a connection and get an error.
    let mut unavailable = 0;
    while unavailable < 198 {
        match tasks.join_next().await.unwrap().unwrap() {
            Err(kind) => {
                assert_eq!(kind, StoreErrorKind::Unavailable);
                unavailable += 1;
            }
            Ok(()) => panic!("the table is locked"),
        }
    }
    lock.rollback().await.unwrap();
    while let Some(done) = tasks.join_next().await {
        done.unwrap().unwrap();
    }
    store.append(vec![append(lane(), "after")]).await.unwrap();
}

/// Another transaction locks two rows in the opposite order. The server ends one of the two transactions; ours is repeated.
async fn deadlock(url: String) {
    let schema = Schema::fresh(&url);
    let store = schema.open().await;
    let (first, second) = (append(lane(), "first"), append(lane(), "second"));
    let ids = [first.deliveries[0].id, second.deliveries[0].id];
    store.append(vec![first, second]).await.unwrap();
    for _ in 0..3 {
        let mut admin = connect(&url).await;
        let other = admin.transaction().await.unwrap();
        let touch = |id: DeliveryId| {
            let uuid = hex::encode(id.as_bytes());
            format!("UPDATE {}.delivery SET reason = reason WHERE id = '{uuid}'", schema.name)
        };
        // Our statement locks rows in the order in which they are stored in the table.
        other.batch_execute(&touch(ids[1])).await.unwrap();
        let cancelling = {
            let store = store.clone();
            tokio::spawn(async move { store.cancel(Work::Sent, ids.to_vec(), SystemClock.now()).await })
        };
        tokio::time::sleep(Duration::from_millis(200)).await;
        let theirs = other.batch_execute(&touch(ids[0])).await;
        match theirs {
            Ok(()) => other.commit().await.unwrap(),
            Err(_) => other.rollback().await.unwrap(),
        }
        assert_eq!(cancelling.await.unwrap().unwrap(), [true, true]);
        let now = SystemClock.now();
        assert_eq!(store.resend(Work::Sent, ids.map(|id| (id, now)).to_vec()).await.unwrap(), [true, true]);
    }
}

/// A proxy that cuts the connection right after a COMMIT, or an event called `cut-…`, was sent to the server. It cuts `cuts` times.
async fn cutting_proxy(to: String, cuts: Arc<AtomicU32>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (to, cuts) = (to.clone(), cuts.clone());
            tokio::spawn(async move {
                let server = TcpStream::connect(to).await.unwrap();
                let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
                    (client.into_split(), server.into_split());
                let answers = tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
                let mut buffer = vec![0; 64 * 1024];
                while let Ok(read @ 1..) = from_client.read(&mut buffer).await {
                    let said = &buffer[..read];
                    let commits = said.windows(6).any(|window| window == b"COMMIT")
                        || said.windows(4).any(|window| window == b"cut-");
                    if commits
                        && cuts.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
                    {
                        answers.abort();
                        to_server.write_all(said).await.unwrap();
                        // The server begins to execute before it notices that the connection is closed.
                        tokio::time::sleep(Duration::from_millis(20)).await;
                        return;
                    }
                    if to_server.write_all(said).await.is_err() {
                        break;
                    }
                }
                answers.abort();
            });
        }
    });
    port
}

async fn unanswered(url: String) {
    let direct: tokio_postgres::Config = url.parse().unwrap();
    let at = format!("127.0.0.1:{}", direct.get_ports()[0]);
    let cuts = Arc::new(AtomicU32::new(0));
    let port = cutting_proxy(at, cuts.clone()).await;
    let schema = Schema::fresh(&url);
    let mut through = tokio_postgres::Config::new();
    through.host("127.0.0.1").port(port).user(direct.get_user().unwrap()).dbname(direct.get_dbname().unwrap());
    let store = PostgresOptions::from_config(through).schema(&schema.name).unwrap().open().await.unwrap();
    for (number, lost) in [1, 2, 1, 3].into_iter().enumerate() {
        cuts.store(lost, Ordering::SeqCst);
        let id = format!("cut-{number}");
        let appended = store.append(vec![append(lane(), &id)]).await;
        assert_eq!(appended.unwrap(), [Appended::Stored], "{lost} answers lost");
        assert_eq!(cuts.load(Ordering::SeqCst), 0, "all answers were lost");
        let again = store.append(vec![append(lane(), &id)]).await;
        assert_eq!(again.unwrap(), [Appended::Duplicate]);
    }
    // After more cuts than the store retries: the append fails as unknown, and the history has the result.
    cuts.store(100, Ordering::SeqCst);
    let error = store.append(vec![append(lane(), "lost")]).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unknown);
    cuts.store(0, Ordering::SeqCst);
    assert_eq!(store.append(vec![append(lane(), "lost")]).await.unwrap(), [Appended::Duplicate]);
    assert_eq!(store.counts(Work::Sent, None).await.unwrap().pending, 5, "no double dispatch");
}

async fn made_together(url: String) {
    let schema = Schema::fresh(&url);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let options = schema.options().connections(2);
        tasks.spawn(async move { options.open().await });
    }
    let mut stores = Vec::new();
    while let Some(opened) = tasks.join_next().await {
        stores.push(opened.unwrap().unwrap());
    }
    stores[0].append(vec![append(lane(), "one")]).await.unwrap();
    for store in &stores {
        assert_eq!(store.counts(Work::Sent, None).await.unwrap().pending, 1);
    }
}

async fn newer(url: String) {
    let schema = Schema::fresh(&url);
    drop(schema.open().await);
    let admin = connect(&url).await;
    admin.batch_execute(&format!("UPDATE {}.schema SET version = 99", schema.name)).await.unwrap();
    let store = schema.open().await;
    store.append(vec![append(lane(), "meanwhile")]).await.unwrap();
    admin.batch_execute(&format!("UPDATE {}.schema SET serves = 98", schema.name)).await.unwrap();
    let refused = schema.options().open().await.unwrap_err();
    assert!(matches!(refused, OpenError::Newer { found: 99, .. }), "{refused}");
}

/// Schema 3: the same rows as in `busy-2.sql`, migrated to that version.
async fn schema_3(url: String) {
    migrated(url, include_str!("../fixtures/busy-3.sql")).await;
}

/// Schema 4: the same rows.
async fn schema_4(url: String) {
    migrated(url, include_str!("../fixtures/busy-4.sql")).await;
}

/// The schema version of this code.
const CURRENT: i32 = 11;

async fn migrated(url: String, dump: &str) {
    let schema = Schema::fresh(&url);
    schema.restore(dump).await;
    let store = schema.open().await;
    assert_eq!(store.counts(Work::Sent, None).await.unwrap().pending, 9);
    store.append(vec![append(lane(), "new")]).await.unwrap();
    let sql = format!("SELECT version, identity IS NOT NULL FROM {}.schema", schema.name);
    let row = connect(&url).await.query_one(&sql, &[]).await.unwrap();
    assert_eq!((row.get::<_, i32>(0), row.get::<_, bool>(1)), (CURRENT, true));
}

/// The schema of an earlier version. The expected result for each row is in `busy`.
async fn older(url: String) {
    let schema = Schema::fresh(&url);
    schema.restore(include_str!("../fixtures/busy-2.sql")).await;
    let (admin, name) = (connect(&url).await, &schema.name);
    admin.batch_execute(&format!("DROP TABLE {name}.worker; UPDATE {name}.schema SET version = 1")).await.unwrap();
    let store = schema.open().await;
    assert_eq!(store.counts(Work::Sent, None).await.unwrap().pending, 9);
    let (worker, now) = (WorkerId::generate(Timestamp::EPOCH), store.clock().now());
    assert_eq!(store.heartbeat("sender", worker, now, now + Duration::from_secs(9)).await.unwrap(), 1);
}

async fn not_durable(url: String) {
    let schema = Schema::fresh(&url);
    let mut config: tokio_postgres::Config = url.parse().unwrap();
    config.options("-c synchronous_commit=off");
    let options = PostgresOptions::from_config(config).schema(&schema.name).unwrap();
    let refused = options.clone().open().await.unwrap_err();
    assert!(matches!(refused, OpenError::NotDurable("synchronous_commit")), "{refused}");
    options.allow_asynchronous_commit().open().await.unwrap();
}

async fn no_server() {
    assert!(matches!(PostgresOptions::new("postgres://host:port/none"), Err(OpenError::Url(_))));
    let options = PostgresOptions::new("postgres://nobody@127.0.0.1:1/none").unwrap();
    for bad in ["", "1a", "A", "a-b", "a\"b", &"x".repeat(49)] {
        assert!(matches!(options.clone().schema(bad), Err(OpenError::Schema)), "{bad:?}");
    }
    assert!(matches!(options.open().await, Err(OpenError::Connect(_))));
}
