//! What operators do while everything runs: privileges are taken and given, a backup is restored, rows are written by hand.

use std::process::Command;
use std::time::Duration;

use hookwire::endpoint::{NewEndpoint, Target};
use hookwire::event::NewEvent;
use hookwire::id::Work;
use hookwire::sender::egress::EgressPolicy;
use hookwire::sender::{DispatchError, Sender};
use hookwire::store::postgres::{OpenError, PostgresOptions, tokio_postgres};
use hookwire::store::{History, PostgresStore, StoreErrorKind};
use hookwire::worker::{CancellationToken, WorkerError};
use libtest_mimic::Trial;
use tokio::task::JoinHandle;

use crate::postgres::{Server as Postgres, binaries, connect};
use crate::schema::Schema;
use crate::server::{Judge, Server};
use crate::{Needs, until};

pub fn trials(postgres: &Needs, binaries: &Needs) -> Vec<Trial> {
    vec![
        postgres.test("operator::a_privilege_that_is_missing_for_a_while_ends_no_worker", privilege_missing),
        binaries.test("operator::while_a_backup_is_restored_nothing_is_acknowledged", |_| restored()),
        postgres.test("operator::another_store_in_the_schema_is_noticed", replaced),
        postgres.test("operator::no_row_that_others_write_stops_a_worker", poisoned),
        binaries.test("operator::a_server_without_fsync_is_refused", |_| no_fsync()),
    ]
}

struct Bench {
    sender: Sender,
    judge: Judge,
    _server: Server,
    stop: CancellationToken,
    worker: JoinHandle<Result<(), WorkerError>>,
}

impl Bench {
    /// Nothing is remembered of the endpoints.
    async fn on(store: &PostgresStore) -> Self {
        let egress = EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback();
        let builder = Sender::builder(store.clone()).clock(store.clock()).egress(egress).cache_for(Duration::ZERO);
        let sender = builder.build().unwrap();
        let judge = Judge::default();
        let server = judge.listen().await;
        let new = NewEndpoint::at(Target::parse(&server.url("/in")).unwrap());
        sender.endpoints().create(new).await.unwrap();
        let stop = CancellationToken::new();
        let worker = tokio::spawn(sender.worker().run(stop.clone()));
        Self { sender, judge, _server: server, stop, worker }
    }

    async fn dispatch(&self) -> Result<usize, DispatchError> {
        Ok(self.sender.dispatch(NewEvent::json("a.b", &1).unwrap()).await?.deliveries.len())
    }

    async fn stop(self) {
        assert!(!self.worker.is_finished(), "it has ended");
        self.stop.cancel();
        self.worker.await.unwrap().unwrap();
    }
}

fn as_role(url: &str, role: &str) -> tokio_postgres::Config {
    let mut config: tokio_postgres::Config = url.parse().unwrap();
    config.user(role);
    config
}

async fn privilege_missing(url: String) {
    let schema = Schema::fresh(&url);
    drop(schema.open().await);
    let (admin, name) = (connect(&url).await, &schema.name);
    let role = format!("{name}_role");
    let grants = format!(
        "CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA {name} TO {role}; \
         GRANT ALL ON ALL TABLES IN SCHEMA {name} TO {role}; GRANT ALL ON ALL SEQUENCES IN SCHEMA {name} TO {role}"
    );
    admin.batch_execute(&grants).await.unwrap();
    let options = PostgresOptions::from_config(as_role(&url, &role)).schema(name).unwrap();
    let store = options.open().await.unwrap();
    let bench = Bench::on(&store).await;
    bench.dispatch().await.unwrap();
    until(|| async { bench.judge.requests() == 1 }).await;
    admin.batch_execute(&format!("REVOKE ALL ON {name}.delivery, {name}.outbox FROM {role}")).await.unwrap();
    let error = bench.dispatch().await.unwrap_err();
    assert!(matches!(&error, DispatchError::Store(error) if error.is_retryable()), "{error:?}");
    tokio::time::sleep(Duration::from_secs(2)).await;
    admin.batch_execute(&format!("GRANT ALL ON {name}.delivery, {name}.outbox TO {role}")).await.unwrap();
    bench.dispatch().await.unwrap();
    until(|| async { bench.judge.requests() == 2 }).await;
    bench.stop().await;
    drop(store);
    admin.batch_execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await.unwrap();
}

fn dump(server: &Postgres, name: &str, section: &str) -> String {
    let program = binaries().unwrap().join("pg_dump");
    let mut dump = Command::new(program);
    dump.args(["-h", "127.0.0.1", "-U", "postgres", "--inserts", "-n", name, "--section", section, "-p"]);
    let output = dump.args([&server.port().to_string(), "postgres"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    // What only psql understands, and what would outlast the restore in this session.
    let kept = |line: &&str| !line.starts_with('\\') && !line.starts_with("SELECT pg_catalog.set_config");
    text.lines().filter(kept).collect::<Vec<_>>().join("\n")
}

async fn restored() {
    let server = Postgres::start().unwrap();
    let schema = Schema::clone(&Schema::fresh(&server.url()));
    let store = schema.open().await;
    let bench = Bench::on(&store).await;
    assert_eq!(bench.dispatch().await.unwrap(), 1);
    until(|| async { store.counts(Work::Sent, None).await.unwrap().delivered == 1 }).await;
    let name = schema.name.clone();
    let (parts, server) = tokio::task::spawn_blocking(move || {
        (["pre-data", "data", "post-data"].map(|section| dump(&server, &name, section)), server)
    })
    .await
    .unwrap();
    let admin = connect(&server.url()).await;
    let drop_it = format!("DROP SCHEMA IF EXISTS {} CASCADE", schema.name);
    until(|| async { admin.batch_execute(&drop_it).await.is_ok() }).await;
    let mut sent = 1;
    for part in parts {
        for _ in 0..20 {
            match bench.dispatch().await {
                // The endpoint is there again, and the indexes are not.
                Ok(owed) => sent += owed,
                Err(DispatchError::Store(error)) => {
                    assert!(error.is_retryable(), "{error:?}");
                    continue;
                }
                Err(error) => panic!("{error:?}"),
            }
            assert!(sent > 1, "nobody is owed anything, and it was acknowledged");
        }
        admin.batch_execute(&part).await.unwrap();
    }
    until(|| async { bench.dispatch().await.is_ok_and(|owed| owed == 1) }).await;
    until(|| async { bench.judge.distinct() == sent + 1 }).await;
    bench.stop().await;
}

async fn replaced(url: String) {
    let schema = Schema::fresh(&url);
    let store = schema.open().await;
    let bench = Bench::on(&store).await;
    bench.dispatch().await.unwrap();
    let admin = connect(&url).await;
    // What the worker is at may be in the way.
    let drop_it = format!("DROP SCHEMA IF EXISTS {} CASCADE", schema.name);
    until(|| async { admin.batch_execute(&drop_it).await.is_ok() }).await;
    // Another process makes a new one.
    drop(schema.open().await);
    let error = bench.dispatch().await.expect_err("nobody is owed anything, and it was acknowledged");
    assert!(matches!(&error, DispatchError::Store(error) if error.kind() == StoreErrorKind::Schema), "{error:?}");
    bench.stop.cancel();
    let _ended = bench.worker.await.unwrap();
}

async fn poisoned(url: String) {
    let schema = Schema::fresh(&url);
    let store = schema.open().await;
    let bench = Bench::on(&store).await;
    let (admin, name) = (connect(&url).await, &schema.name);
    let insert = |seq: i64| {
        format!("INSERT INTO {name}.outbox (seq, type, data) OVERRIDING SYSTEM VALUE VALUES ({seq}, 'a.b', '1')")
    };
    for seq in [-1, 0, i64::MIN, i64::MAX] {
        let refused = admin.batch_execute(&insert(seq)).await.unwrap_err();
        assert_eq!(refused.code().unwrap().code(), "23514", "{seq}");
    }
    // Those that an earlier version has let in, and what no sender would refuse and no store can keep.
    admin.batch_execute(&format!("ALTER TABLE {name}.outbox DROP CONSTRAINT outbox_seq")).await.unwrap();
    let strict = format!("ALTER TABLE {name}.event ADD CONSTRAINT strict CHECK (type <> 'not.this') NOT VALID");
    admin.batch_execute(&strict).await.unwrap();
    let rows = [-1, 0, i64::MIN, i64::MAX].map(insert).join("; ");
    admin.batch_execute(&format!("BEGIN; {rows}; SELECT {name}.dispatch('not.this', '1'); COMMIT")).await.unwrap();
    until(|| async { bench.judge.requests() == 4 }).await;
    let refused = format!("SELECT error FROM {name}.outbox WHERE error IS NOT NULL");
    until(|| async { admin.query(&refused, &[]).await.unwrap().len() == 1 }).await;
    let why: String = admin.query_one(&refused, &[]).await.unwrap().get(0);
    assert!(!why.is_empty());
    bench.stop().await;
}

async fn no_fsync() {
    let server = Postgres::start().unwrap();
    let schema = Schema::clone(&Schema::fresh(&server.url()));
    let admin = connect(&server.url()).await;
    admin.batch_execute("ALTER SYSTEM SET fsync = off").await.unwrap();
    admin.batch_execute("SELECT pg_reload_conf()").await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let refused = schema.options().open().await.unwrap_err();
    assert!(matches!(refused, OpenError::NotDurable("fsync")), "{refused}");
    schema.options().allow_asynchronous_commit().open().await.unwrap();
}
