//! Transactions of the application: from Rust, from `psql`, from Python.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use hookwire::clock::{Clock, SystemClock, Timestamp};
use hookwire::endpoint::{Endpoint, NewEndpoint, Target};
use hookwire::event::NewEvent;
use hookwire::id::{EventId, Work};
use hookwire::secret::{Key, Keyring, LocalKeys};
use hookwire::sender::Sender;
use hookwire::sender::egress::EgressPolicy;
use hookwire::store::{
    BeginResult, Dedup, DedupKey, Directory, FirstResponse, PostgresStore, Settled, StagedRow, Staging, StoreErrorKind,
};
use hookwire::worker::CancellationToken;
use libtest_mimic::Trial;
use sqlx::Connection as _;

use crate::Needs;
use crate::postgres::connect;
use crate::schema::{Dropped, Schema, append_at};
use crate::server::{Reply, Server};
use crate::until;

pub fn trials(postgres: &Needs, python: &Needs) -> Vec<Trial> {
    vec![
        postgres.test("clients::an_event_is_dispatched_in_a_transaction_of_tokio_postgres", tokio_postgres_transaction),
        postgres.test("clients::an_event_is_dispatched_in_a_transaction_of_sqlx", sqlx_transaction),
        postgres.test("clients::an_event_is_dispatched_in_a_session_of_psql", psql),
        python.test("clients::an_event_is_dispatched_by_a_python_client", python_client),
        postgres.test("clients::every_argument_of_dispatch_arrives", every_argument),
        postgres.test("clients::keys_are_sealed_in_the_database_and_sealed_again_in_place", sealed),
        postgres.test("clients::a_row_that_cannot_be_dispatched_stays_with_the_reason", refused_row),
        postgres.test("clients::a_handlers_effect_and_its_dedup_mark_commit_together", finish_together),
        postgres.test("clients::an_attempt_is_settled_in_the_handlers_transaction", settle_together),
    ]
}

/// A sender with a worker over a new schema, and an endpoint that records its requests.
struct Bench {
    schema: Dropped,
    store: PostgresStore,
    server: Arc<Server>,
    stop: CancellationToken,
    worker: tokio::task::JoinHandle<Result<(), hookwire::worker::WorkerError>>,
}

impl Bench {
    async fn new(url: &str) -> Self {
        let (schema, server) = (Schema::fresh(url), Server::start(|_| Reply::status(204)).await);
        let store = schema.open().await;
        let egress = EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback();
        let sender = Sender::builder(store.clone()).clock(store.clock()).egress(egress).build().unwrap();
        let endpoint = NewEndpoint::at(Target::parse(&server.url("/in")).unwrap()).tenant("acme");
        sender.endpoints().create(endpoint).await.unwrap();
        let stop = CancellationToken::new();
        let worker = tokio::spawn(sender.worker().run(stop.clone()));
        Self { schema, store, server: Arc::new(server), stop, worker }
    }

    /// Waits until `count` ids have arrived, and a moment longer for unexpected ones. Returns them sorted.
    async fn arrived(&self, count: usize) -> Vec<String> {
        until(|| async { self.server.requests().len() >= count }).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        let id = |request: &crate::server::Request| request.headers["webhook-id"].to_str().unwrap().to_owned();
        let mut ids: Vec<_> = self.server.requests().iter().map(id).collect();
        ids.sort();
        assert_eq!(ids.len(), count, "{ids:?}");
        ids
    }

    async fn stop(self) {
        self.stop.cancel();
        self.worker.await.unwrap().unwrap();
    }
}

fn event(id: &str) -> NewEvent {
    NewEvent::json("invoice.paid", &serde_json::json!({ "n": 1 })).unwrap().tenant("acme").id(EventId::new(id).unwrap())
}

async fn tokio_postgres_transaction(url: String) {
    let bench = Bench::new(&url).await;
    let mut client = connect(&url).await;
    for (id, commits) in [("first", true), ("second", false), ("third", true)] {
        let transaction = client.transaction().await.unwrap();
        bench.store.dispatch_in(&transaction, &event(id)).await.unwrap();
        if commits {
            transaction.commit().await.unwrap();
        } else {
            transaction.rollback().await.unwrap();
        }
    }
    assert_eq!(bench.arrived(2).await, ["first", "third"]);
    bench.stop().await;
}

async fn sqlx_transaction(url: String) {
    let bench = Bench::new(&url).await;
    let mut connection = sqlx::PgConnection::connect(&url).await.unwrap();
    for (id, commits) in [("first", true), ("second", false)] {
        let mut transaction = connection.begin().await.unwrap();
        bench.store.dispatch_in_sqlx(&mut transaction, &event(id)).await.unwrap();
        if commits {
            transaction.commit().await.unwrap();
        } else {
            transaction.rollback().await.unwrap();
        }
    }
    assert_eq!(bench.arrived(1).await, ["first"]);
    bench.stop().await;
}

async fn psql(url: String) {
    let bench = Bench::new(&url).await;
    let name = &bench.schema.name;
    let script = [
        format!("SELECT {name}.dispatch('invoice.paid', '{{\"n\": 1}}', 'acme', id => 'plain')"),
        "BEGIN".into(),
        format!("SELECT {name}.dispatch('invoice.paid', '{{\"n\": 2}}'::jsonb, 'acme', id => 'undone')"),
        "ROLLBACK".into(),
        "BEGIN".into(),
        format!("SELECT {name}.dispatch('invoice.paid', jsonb_build_object('n', 3), 'acme', id => 'done')"),
        "COMMIT".into(),
        format!(
            "INSERT INTO {name}.outbox (type, data, tenant, id, content_type) VALUES ('a.b', '\\x00ff', 'acme', 'raw', 'x/y')"
        ),
    ];
    let mut psql = Command::new("psql");
    psql.args(["-v", "ON_ERROR_STOP=1", "-q", "-d", &url]);
    for statement in &script {
        psql.args(["-c", statement]);
    }
    let done = tokio::task::spawn_blocking(move || psql.output().expect("psql is installed")).await.unwrap();
    assert!(done.status.success(), "{done:?}");
    assert_eq!(bench.arrived(3).await, ["done", "plain", "raw"]);
    let raw = bench.server.requests().into_iter().find(|request| request.headers["webhook-id"] == "raw").unwrap();
    assert_eq!(&raw.body[..], b"\x00\xff");
    bench.stop().await;
}

/// A client without hookwire's code, installed by `tests/interop/install`.
async fn python_client(url: String) {
    let python = std::path::PathBuf::from(std::env::var_os("HOOKWIRE_INTEROP").unwrap()).join("venv/bin/python");
    let bench = Bench::new(&url).await;
    let script = "import sys, urllib.parse, pg8000.dbapi\n\
                  url = urllib.parse.urlparse(sys.argv[1])\n\
                  c = pg8000.dbapi.connect(url.username, host=url.hostname, port=url.port, database=url.path[1:])\n\
                  cursor = c.cursor()\n\
                  for id in ['first', 'second']:\n    \
                      cursor.execute('SELECT ' + sys.argv[2] + '.dispatch(%s, %s, %s, %s)', ('a.b', '{}', 'acme', id))\n    \
                      c.commit() if id == 'first' else c.rollback()\n";
    let mut python = Command::new(python);
    python.args(["-c", script, &url, &bench.schema.name]);
    let done = tokio::task::spawn_blocking(move || python.output().unwrap()).await.unwrap();
    assert!(done.status.success(), "{done:?}");
    assert_eq!(bench.arrived(1).await, ["first"]);
    bench.stop().await;
}

/// Arguments by position and by name; no worker runs, so the row stays.
async fn every_argument(url: String) {
    let schema = Schema::fresh(&url);
    let store = schema.open().await;
    let sql = format!(
        "SELECT {0}.dispatch('a.b', '{{}}');
         SELECT {0}.dispatch('a.b', '{{}}', 'acme', 'mine', 'cart-1');
         SELECT {0}.dispatch('a.b', jsonb '{{}}', latest_key => 'price-1', expires_at => to_timestamp(2000000000),
                             occurred_at => to_timestamp(1000000000))",
        schema.name
    );
    connect(&url).await.batch_execute(&sql).await.unwrap();
    let staged = store.staged(10, 1 << 20).await.unwrap();
    let seal = |row: &StagedRow| row.event.clone().unwrap().seal(Timestamp::EPOCH);
    let events: Vec<_> = staged.iter().map(seal).collect();
    let [plain, fifo, latest] = &events[..] else { panic!("{staged:?}") };
    assert!(plain.tenant.as_str() == "default" && plain.order.is_none() && plain.expires_at.is_none());
    assert_eq!(plain.id, seal(&staged[0]).id, "the function made the id");
    let made = plain.id.as_str();
    assert!(made.starts_with("evt_") && made.len() == 36, "{made}");
    assert_eq!((fifo.tenant.as_str(), fifo.id.as_str()), ("acme", "mine"));
    assert!(fifo.order.as_ref().is_some_and(|order| !order.is_latest() && order.key() == "cart-1"));
    assert!(latest.order.as_ref().is_some_and(|order| order.is_latest() && order.key() == "price-1"));
    assert_eq!(latest.expires_at, Some(Timestamp::from_secs(2_000_000_000)));
    assert_eq!(latest.occurred_at, Timestamp::from_secs(1_000_000_000));
    assert!(staged.iter().all(|row| row.written_at.is_some()));
}

async fn sealed(url: String) {
    let schema = Schema::fresh(&url);
    let clear = schema.open().await;
    let keys = |id: &str, byte| LocalKeys::new(id, &[byte; 32]).unwrap();
    let new = || NewEndpoint::https("https://hooks.example.com/").unwrap();
    let all: Vec<_> =
        (0..150).map(|_| Endpoint::new(new(), Keyring::new(Key::generate().unwrap()), SystemClock.now())).collect();
    for endpoint in &all {
        clear.put(endpoint.clone()).await.unwrap();
    }
    assert_eq!(clear.reseal().await.unwrap().sealed, 0, "there is no key");
    let first = schema.open().await.with_key_provider(keys("a", 1));
    assert_eq!((first.reseal().await.unwrap().sealed, first.reseal().await.unwrap().sealed), (150, 0));
    let both = keys("b", 2).with_older("a", &[1; 32]).unwrap();
    assert_eq!(schema.open().await.with_key_provider(both).reseal().await.unwrap().sealed, 150);

    let client = connect(&url).await;
    let records = client.query(&format!("SELECT record FROM {}.endpoint", schema.name), &[]).await.unwrap();
    let secret = |endpoint: &Endpoint| endpoint.keys.entries()[0].key.expose().to_string();
    let text: String = records.iter().map(|row| row.get::<_, String>(0)).collect();
    let newer = schema.open().await.with_key_provider(keys("b", 2));
    for endpoint in &all {
        assert!(!text.contains(&secret(endpoint)));
        assert_eq!(secret(&newer.get(endpoint.id).await.unwrap().unwrap()), secret(endpoint));
    }
    assert_eq!(clear.get(all[0].id).await.unwrap_err().kind(), StoreErrorKind::Corrupt, "the store has no key");
}

async fn refused_row(url: String) {
    let bench = Bench::new(&url).await;
    let name = &bench.schema.name;
    let client = connect(&url).await;
    let dispatch = |id: &str, data: &str| format!("SELECT {name}.dispatch('a.b', '{data}', 'acme', '{id}')");
    client.batch_execute(&dispatch("bad", "{oops")).await.unwrap();
    client.batch_execute(&dispatch("twice", "1")).await.unwrap();
    assert_eq!(bench.arrived(1).await, ["twice"]);
    client.batch_execute(&dispatch("twice", "2")).await.unwrap();
    client.batch_execute(&dispatch("good", "3")).await.unwrap();
    assert_eq!(bench.arrived(2).await, ["good", "twice"]);
    let sql = format!("SELECT id, error FROM {name}.outbox ORDER BY seq");
    let errors: Vec<(String, String)> =
        client.query(&sql, &[]).await.unwrap().iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(errors[0].0 == "bad" && errors[0].1.starts_with("data: is not JSON"), "{errors:?}");
    assert!(errors[1].0 == "twice" && errors[1].1.starts_with("id: another event with this id"), "{errors:?}");

    let mend = format!("UPDATE {name}.outbox SET data = '4', error = NULL WHERE id = 'bad'");
    client.batch_execute(&mend).await.unwrap();
    assert_eq!(bench.arrived(3).await, ["bad", "good", "twice"]);
    assert!(bench.store.staged(10, 1 << 20).await.unwrap().is_empty());
    bench.stop().await;
}

async fn finish_together(url: String) {
    let schema = Schema::fresh(&url);
    let store = schema.open().await;
    let (now, hour) = (SystemClock.now(), Duration::from_secs(3_600));
    let mut client = connect(&url).await;
    let table = format!("CREATE TABLE {}.effect (n integer)", schema.name);
    client.batch_execute(&table).await.unwrap();
    let mut other = sqlx::PgConnection::connect(&url).await.unwrap();
    for (key, sqlx) in [(1, false), (2, true)] {
        let key = DedupKey::new([key; 32]);
        let answer = FirstResponse { status: 200, content_type: Some("text/xml".into()), body: "<Response/>".into() };
        let BeginResult::Fresh(claimant) = store.begin(&[key.into()], now, now + hour).await.unwrap()[0] else {
            panic!("fresh")
        };
        let effect = format!("INSERT INTO {}.effect VALUES (1)", schema.name);
        for commits in [false, true] {
            if sqlx {
                let mut transaction = other.begin().await.unwrap();
                let finished = store.finish_in_sqlx(&mut transaction, &[claimant], &answer, now + hour * 24).await;
                assert_eq!(finished.unwrap(), Settled::Done);
                let ended = if commits { transaction.commit().await } else { transaction.rollback().await };
                ended.unwrap();
            } else {
                let transaction = client.transaction().await.unwrap();
                transaction.batch_execute(&effect).await.unwrap();
                let finished = store.finish_in(&transaction, &[claimant], &answer, now + hour * 24).await;
                assert_eq!(finished.unwrap(), Settled::Done);
                let ended = if commits { transaction.commit().await } else { transaction.rollback().await };
                ended.unwrap();
            }
            let begun = store.begin(&[key.into()], now, now + hour).await.unwrap().remove(0);
            let expected =
                if commits { BeginResult::Done(answer.clone()) } else { BeginResult::Busy { until: now + hour } };
            assert_eq!(begun, expected, "sqlx: {sqlx}");
        }
    }
    let effects: i64 =
        client.query_one(&format!("SELECT count(*) FROM {}.effect", schema.name), &[]).await.unwrap().get(0);
    assert_eq!(effects, 1);
}

async fn settle_together(url: String) {
    use hookwire::delivery::Settlement;
    use hookwire::id::EndpointId;
    use hookwire::retry::Decision;
    use hookwire::store::{Claim, History, Outbox};

    let schema = Schema::fresh(&url);
    let store = schema.open().await;
    let now: Timestamp = SystemClock.now();
    let lane = EndpointId::generate(now);
    store.append(vec![append_at(lane, "job", now)]).await.unwrap();
    let lanes = vec![(lane.into(), 1)];
    let claim = Claim { lanes, now, until: now + Duration::from_secs(60) };
    let leased = store.claim(claim).await.unwrap().leased.remove(0);
    let settlement = Settlement::of(&leased, Decision::Delivered, now);
    let mut client = connect(&url).await;
    for (commits, pending) in [(false, 1), (true, 0)] {
        let transaction = client.transaction().await.unwrap();
        assert_eq!(store.settle_in(&transaction, &settlement).await.unwrap(), Settled::Done);
        let ended = if commits { transaction.commit().await } else { transaction.rollback().await };
        ended.unwrap();
        assert_eq!(store.counts(Work::Sent, None).await.unwrap().pending, pending);
    }
    let transaction = client.transaction().await.unwrap();
    assert_eq!(store.settle_in(&transaction, &settlement).await.unwrap(), Settled::LeaseLost);
}
