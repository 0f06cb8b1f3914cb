//! Operations while a worker runs: privileges are revoked and granted, a backup is restored, rows are edited manually.

use std::process::Command;
use std::time::Duration;

use hookwire::clock::Clock as _;
use hookwire::endpoint::{Endpoint, NewEndpoint, Target};
use hookwire::event::NewEvent;
use hookwire::id::Work;
use hookwire::secret::{Key, Keyring};
use hookwire::sender::egress::EgressPolicy;
use hookwire::sender::{DispatchError, Sender};
use hookwire::store::{Directory, History, PostgresStore, PutResult, Staging, StoreErrorKind};
use hookwire::store::{OpenError, PostgresOptions, tokio_postgres};
use hookwire::worker::{CancellationToken, WorkerError};
use libtest_mimic::Trial;
use tokio::task::JoinHandle;

use crate::postgres::{Server as Postgres, binaries, connect};
use crate::schema::Schema;
use crate::server::{ReceivedIds, Server};
use crate::{Needs, until};

pub fn trials(postgres: &Needs, binaries: &Needs) -> Vec<Trial> {
    vec![
        postgres.test("operator::a_privilege_that_is_missing_for_a_while_stops_no_worker", privilege_missing),
        binaries.test("operator::while_a_backup_is_restored_nothing_is_acknowledged", |_| restored()),
        postgres.test("operator::another_store_in_the_schema_is_noticed", replaced),
        postgres.test("operator::no_row_that_others_write_stops_a_worker", poisoned),
        postgres.test("operator::the_documented_grant_lets_a_role_dispatch_and_nothing_else", narrow_grant),
        postgres.test("operator::no_lock_that_a_login_can_guess_delays_new_endpoints", guessed_locks),
        postgres.test("operator::a_row_that_is_too_long_is_refused_without_being_read", long_rows),
        binaries.test("operator::a_server_without_fsync_is_refused", |_| no_fsync()),
    ]
}

struct Bench {
    sender: Sender,
    received_ids: ReceivedIds,
    _server: Server,
    stop: CancellationToken,
    worker: JoinHandle<Result<(), WorkerError>>,
}

impl Bench {
    /// The cache for endpoints is off.
    async fn on(store: &PostgresStore) -> Self {
        let egress = EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback();
        let builder = Sender::builder(store.clone()).clock(store.clock()).egress(egress).cache_for(Duration::ZERO);
        let sender = builder.build().unwrap();
        let received_ids = ReceivedIds::default();
        let server = received_ids.listen().await;
        let new = NewEndpoint::at(Target::parse(&server.url("/in")).unwrap());
        sender.endpoints().create(new).await.unwrap();
        let stop = CancellationToken::new();
        let worker = tokio::spawn(sender.worker().run(stop.clone()));
        Self { sender, received_ids, _server: server, stop, worker }
    }

    async fn dispatch(&self) -> Result<usize, DispatchError> {
        Ok(self.sender.dispatch(NewEvent::json("a.b", &1).unwrap()).await?.deliveries.len())
    }

    async fn stop(self) {
        assert!(!self.worker.is_finished(), "the worker has ended");
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
    until(|| async { bench.received_ids.requests() == 1 }).await;
    admin.batch_execute(&format!("REVOKE ALL ON {name}.delivery, {name}.outbox FROM {role}")).await.unwrap();
    let error = bench.dispatch().await.unwrap_err();
    assert!(matches!(&error, DispatchError::Store(error) if error.is_retryable()), "{error:?}");
    tokio::time::sleep(Duration::from_secs(2)).await;
    admin.batch_execute(&format!("GRANT ALL ON {name}.delivery, {name}.outbox TO {role}")).await.unwrap();
    bench.dispatch().await.unwrap();
    until(|| async { bench.received_ids.requests() == 2 }).await;
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
    // Removes the commands of psql, and the settings that would stay in this session after the restore.
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
                // The endpoints are restored already, and the indexes are not.
                Ok(owed) => sent += owed,
                Err(DispatchError::Store(error)) => {
                    assert!(error.is_retryable(), "{error:?}");
                    continue;
                }
                Err(error) => panic!("{error:?}"),
            }
            assert!(sent > 1, "an event without deliveries was acknowledged");
        }
        admin.batch_execute(&part).await.unwrap();
    }
    until(|| async { bench.dispatch().await.is_ok_and(|owed| owed == 1) }).await;
    until(|| async { bench.received_ids.distinct() == sent + 1 }).await;
    bench.stop().await;
}

async fn replaced(url: String) {
    let schema = Schema::fresh(&url);
    let store = schema.open().await;
    let bench = Bench::on(&store).await;
    bench.dispatch().await.unwrap();
    let admin = connect(&url).await;
    // Statements of the worker may block this one, so it is repeated.
    let drop_it = format!("DROP SCHEMA IF EXISTS {} CASCADE", schema.name);
    until(|| async { admin.batch_execute(&drop_it).await.is_ok() }).await;
    // Another process creates a new schema.
    drop(schema.open().await);
    let error = bench.dispatch().await.expect_err("an event without deliveries was acknowledged");
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
    // Rows that an earlier version has accepted, and rows that no sender accepts and no store can keep.
    admin.batch_execute(&format!("ALTER TABLE {name}.outbox DROP CONSTRAINT outbox_seq")).await.unwrap();
    let strict = format!("ALTER TABLE {name}.event ADD CONSTRAINT strict CHECK (type <> 'not.this') NOT VALID");
    admin.batch_execute(&strict).await.unwrap();
    let rows = [-1, 0, i64::MIN, i64::MAX].map(insert).join("; ");
    admin.batch_execute(&format!("BEGIN; {rows}; SELECT {name}.dispatch('not.this', '1'); COMMIT")).await.unwrap();
    until(|| async { bench.received_ids.requests() == 4 }).await;
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

async fn narrow_grant(url: String) {
    let schema = Schema::fresh(&url);
    let store = schema.open().await;
    let bench = Bench::on(&store).await;
    let (admin, name) = (connect(&url).await, &schema.name);
    let role = format!("{name}_app");
    let grants = format!(
        "CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA {name} TO {role}; \
         GRANT INSERT (type, data, tenant, content_type, id, fifo_key, latest_key, expires_at, occurred_at), SELECT (id) \
         ON {name}.outbox TO {role}"
    );
    admin.batch_execute(&grants).await.unwrap();
    let (mut app, connection) = as_role(&url, &role).connect(tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    for data in ["'1'::text", "'{}'::jsonb"] {
        app.query_one(&format!("SELECT {name}.dispatch('a.b', {data}, id => md5(random()::text))"), &[]).await.unwrap();
    }
    let raw = format!("INSERT INTO {name}.outbox (type, data, content_type) VALUES ('a.b', 'x', 'text/plain')");
    app.batch_execute(&raw).await.unwrap();
    let transaction = app.transaction().await.unwrap();
    store.dispatch_in(&transaction, &NewEvent::json("a.b", &1).unwrap().ordered_by("key").unwrap()).await.unwrap();
    transaction.commit().await.unwrap();
    until(|| async { bench.received_ids.requests() == 4 }).await;
    bench.stop().await;

    let outbox = format!("{name}.outbox");
    admin.batch_execute(&format!("SELECT {name}.dispatch('a.b', '1', 'other')")).await.unwrap();
    let abuses = [
        format!("INSERT INTO {outbox} (seq, type, data) OVERRIDING SYSTEM VALUE VALUES (99, 'a.b', '1')"),
        format!("INSERT INTO {outbox} (type, data, written_at) VALUES ('a.b', '1', 0)"),
        format!("INSERT INTO {outbox} (type, data, error) VALUES ('a.b', '1', 'no')"),
        format!("SELECT data FROM {outbox}"),
        format!("SELECT seq FROM {outbox}"),
        format!("UPDATE {outbox} SET error = 'no'"),
        format!("DELETE FROM {outbox}"),
        format!("TRUNCATE {outbox}"),
        format!("DO $$ BEGIN LOCK TABLE {outbox} IN ACCESS EXCLUSIVE MODE; END $$"),
        format!("SELECT setval('{outbox}_seq_seq', 9223372036854775807)"),
        format!("SELECT nextval('{name}.number')"),
        format!("SELECT identity FROM {name}.schema"),
        format!("SELECT record FROM {name}.endpoint"),
        format!("SELECT body FROM {name}.event"),
        format!("INSERT INTO {name}.publish VALUES ('acme', 'taken', 1, NULL, 0)"),
        format!("DELETE FROM {name}.delivery"),
        format!("CREATE TABLE {name}.mine (n integer)"),
    ];
    for abuse in abuses {
        let code = app.batch_execute(&abuse).await.err().and_then(|error| Some(error.code()?.code().to_owned()));
        assert_eq!(code.as_deref(), Some("42501"), "{abuse}");
    }
    drop(app);
    admin.batch_execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await.unwrap();
}

/// Every login can take every advisory lock. The keys of our locks come from data that only our tables have.
async fn guessed_locks(url: String) {
    let schema = Schema::fresh(&url);
    let store = schema.open().await;
    let new = |tenant: &'static str| {
        let new = NewEndpoint::https("https://hooks.example.com/").unwrap().tenant(tenant);
        Endpoint::new(new, Keyring::new(Key::generate().unwrap()), store.clock().now())
    };
    let guesser = connect(&url).await;
    let endpoint = new("guessed");
    let id = uuid::Uuid::from_bytes(*endpoint.id.as_bytes());
    let texts = ["guessed".into(), id.to_string(), format!("{}guessed", schema.name), format!("{}{id}", schema.name)];
    for text in &texts {
        for seed in 0..3_i64 {
            let lock = "SELECT pg_advisory_lock(hashtextextended($1, $2))";
            guesser.query(lock, &[text, &seed]).await.unwrap();
        }
    }
    assert_eq!(store.create(endpoint, 9).await.unwrap(), PutResult::Stored);
}

async fn long_rows(url: String) {
    let schema = Schema::fresh(&url);
    let store = schema.open().await;
    let (admin, name) = (connect(&url).await, &schema.name);
    let raw = |data: &str, id: &str| {
        format!(
            "INSERT INTO {name}.outbox (type, data, content_type, id) \
             VALUES ('a.b', convert_to({data}, 'UTF8'), 'text/plain', {id})"
        )
    };
    // One row with a too long payload, one with other too long columns, and twenty valid rows that exceed the limit of one query
    // together.
    admin.batch_execute(&raw("repeat('x', 1048577)", "'long'")).await.unwrap();
    admin.batch_execute(&raw("'x'", "repeat('i', 10000)")).await.unwrap();
    for _ in 0..20 {
        admin.batch_execute(&raw("repeat('x', 1048576)", "NULL")).await.unwrap();
    }
    let staged = store.staged(256, 1 << 20).await.unwrap();
    let why: Vec<_> = staged.iter().filter_map(|row| row.event.as_ref().err()).collect();
    assert!(why.len() == 2 && why[0].starts_with("data: has 1048577"), "{why:?}");
    assert!(why[1].starts_with("the columns other than data"), "{why:?}");
    assert_eq!(staged.len(), 2 + 16, "16 MiB");
    // With a higher limit, the long row is read.
    assert_eq!(store.staged(256, 1 << 30).await.unwrap().len(), 2 + 14);
    let bench = Bench::on(&store).await;
    until(|| async { bench.received_ids.requests() == 20 }).await;
    let refused = format!("SELECT error FROM {name}.outbox");
    until(|| async { admin.query(&refused, &[]).await.unwrap().len() == 2 }).await;
    bench.stop().await;
}
