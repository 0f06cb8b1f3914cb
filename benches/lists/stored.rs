//! A store with millions of finished deliveries, for benches.
//!
//! It has 5,000,000 finished and 200,000 pending deliveries of 30 days: 100 endpoints, one of them disabled, 50 tenants and a quiet one, two
//! frequent types of events and a rare one, and rollups of all these days.
//!
//! `HOOKWIRE_BENCH_FINISHED` and `HOOKWIRE_BENCH_PENDING` set the numbers of deliveries. `HOOKWIRE_BENCH_FILE` names a file for SQLite, and
//! `HOOKWIRE_BENCH_URL` and `HOOKWIRE_BENCH_SCHEMA` a schema of PostgreSQL. They are kept, and filled only if they are empty. Without them,
//! a temporary file and a server of its own are used.

#[expect(dead_code, unreachable_pub, reason = "the tests use the rest")]
#[path = "../../tests/servers/postgres.rs"]
mod postgres;

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use hookwire::clock::{Clock, SystemClock};
use hookwire::endpoint::{DisableReason, Endpoint, EndpointState, NewEndpoint};
use hookwire::id::Work;
use hookwire::secret::{Key, Keyring};
use hookwire::store::sql::{rollup_column, rollup_group_column};
use hookwire::store::{PostgresOptions, PostgresStore, PutResult, Rollup, RollupGroup, SqliteStore, Store, rusqlite};

const ENDPOINTS: usize = 100;
const DAYS: u64 = 30;
const DAY: Duration = Duration::from_secs(86_400);

/// Whether this store is to be measured: `HOOKWIRE_BENCH_ONLY` may name one.
pub(crate) fn is_wanted(name: &str) -> bool {
    std::env::var("HOOKWIRE_BENCH_ONLY").ok().is_none_or(|only| only == name)
}

/// How much is stored.
pub(crate) struct Size {
    finished: u64,
    pending: u64,
}

impl Size {
    pub(crate) fn read() -> Self {
        Self {
            finished: number("HOOKWIRE_BENCH_FINISHED", 5_000_000),
            pending: number("HOOKWIRE_BENCH_PENDING", 200_000),
        }
    }

    /// The statements with their numbers filled in, and with rollups of `groups`, which `literal` writes.
    fn filled_in(&self, sql: &str, groups: &[RollupGroup], literal: impl Fn(&str) -> String) -> String {
        let mut rollup = Rollup::default();
        (rollup.delivered, rollup.succeeded, rollup.failed, rollup.server_errors) = (100, 100, 1, 9);
        let groups: Vec<_> = groups.iter().map(|group| literal(&hex(&rollup_group_column(group)))).collect();
        let total = self.finished + self.pending;
        let first = SystemClock.now() - DAY * u32::try_from(DAYS).unwrap();
        let step = u64::try_from(DAY.as_micros()).unwrap() * DAYS / total;
        sql.replace("{total}", &total.to_string())
            .replace("{finished}", &self.finished.to_string())
            .replace("{first}", &first.as_micros().to_string())
            .replace("{step}", &step.to_string())
            .replace("{groups}", &groups.join(", "))
            .replace("{numbers}", &literal(&hex(&rollup_column(&rollup))))
    }
}

pub(crate) fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// A store that is filled, and what keeps it alive.
pub(crate) struct Filled<S> {
    pub(crate) store: S,
    _directory: Option<tempfile::TempDir>,
    _server: Option<postgres::Server>,
}

pub(crate) async fn sqlite(size: &Size) -> Filled<SqliteStore> {
    let directory = tempfile::tempdir().unwrap();
    let file = std::env::var_os("HOOKWIRE_BENCH_FILE").map_or_else(|| directory.path().join("large.db"), Into::into);
    let store = SqliteStore::open(&file).await.unwrap();
    if let Some(groups) = put_endpoints(&store).await {
        let started = Instant::now();
        let sql = size.filled_in(include_str!("sqlite.sql"), &groups, |hex| format!("(x'{hex}')"));
        rusqlite::Connection::open(&file).unwrap().execute_batch(&sql).unwrap();
        println!("SQLite: filled in {} s", started.elapsed().as_secs());
    }
    Filled { store, _directory: Some(directory), _server: None }
}

pub(crate) async fn postgres(size: &Size) -> Filled<PostgresStore> {
    let own = std::env::var("HOOKWIRE_BENCH_URL").is_err().then(|| postgres::Server::start().unwrap());
    let url = own.as_ref().map_or_else(|| std::env::var("HOOKWIRE_BENCH_URL").unwrap(), postgres::Server::url);
    let schema = std::env::var("HOOKWIRE_BENCH_SCHEMA").unwrap_or_else(|_| "large".into());
    let store = PostgresOptions::new(&url).unwrap().schema(&schema).unwrap().open().await.unwrap();
    if let Some(groups) = put_endpoints(&store).await {
        let started = Instant::now();
        let client = postgres::connect(&url).await;
        let sql = size.filled_in(include_str!("postgres.sql"), &groups, |hex| format!("('\\x{hex}'::bytea)"));
        client.batch_execute(&sql.replace("{schema}", &schema)).await.unwrap();
        for table in ["publish", "event", "finished", "delivery", "rollup", "failure"] {
            client.batch_execute(&format!("VACUUM ANALYZE {schema}.{table}")).await.unwrap();
        }
        println!("PostgreSQL: filled in {} s", started.elapsed().as_secs());
    }
    Filled { store, _directory: None, _server: own }
}

/// Stores the endpoints, and returns the groups of their rollups. Returns `None` if there are endpoints already.
async fn put_endpoints(store: &dyn Store) -> Option<Vec<RollupGroup>> {
    if !store.list(None, None, 1).await.unwrap().is_empty() {
        return None;
    }
    let mut groups = vec![RollupGroup::All(Work::Sent)];
    for n in 0..ENDPOINTS {
        let new = NewEndpoint::https("https://hooks.example.com/in").unwrap().tenant(format!("tenant-{}", n % 50));
        let mut endpoint = Endpoint::new(new, Keyring::new(Key::generate().unwrap()), SystemClock.now());
        if n + 1 == ENDPOINTS {
            endpoint.state = EndpointState::Disabled { reason: DisableReason::Requested, at: SystemClock.now() };
        }
        groups.push(RollupGroup::Lane(endpoint.id.into()));
        if n < 50 {
            groups.push(RollupGroup::Tenant(endpoint.tenant.clone()));
        }
        assert_eq!(store.put(endpoint).await.unwrap(), PutResult::Stored);
    }
    Some(groups)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}
