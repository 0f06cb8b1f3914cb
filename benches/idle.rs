//! What a sender costs that has nothing to do: CPU time, and with PostgreSQL the transactions of its server.
//!
//! For each store, one sender with a worker runs for `HOOKWIRE_BENCH_SECONDS` (default 30) after as long a time without work. Target: at
//! most 0.1 % of a core, and one query a second.
//!
//! Run it with `cargo bench -p hookwire-tests --bench idle`. It starts a PostgreSQL server of its own from the installed binaries.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark prints, and stops at a fault")]

#[expect(dead_code, unreachable_pub, reason = "the tests use more of it")]
#[path = "../tests/servers/postgres.rs"]
mod postgres;

#[path = "parts/cpu.rs"]
mod cpu;

use std::time::Duration;

use hookwire::sender::Sender;
use hookwire::store::{MemoryStore, PostgresOptions, SqliteStore, Store, tokio_postgres};
use hookwire::worker::CancellationToken;
use tokio::time::sleep;

use self::cpu::cpu;
use self::postgres::Server;

fn main() {
    let seconds = std::env::var("HOOKWIRE_BENCH_SECONDS").ok().and_then(|value| value.parse().ok()).unwrap_or(30);
    let time = Duration::from_secs(seconds);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        report("memory", time, idle(MemoryStore::new(), time).await);
        let folder = tempfile::tempdir().unwrap();
        report("SQLite", time, idle(SqliteStore::open(folder.path().join("idle.db")).await.unwrap(), time).await);
        let server = Server::start().unwrap();
        let store = PostgresOptions::new(&server.url()).unwrap().open().await.unwrap();
        let client = postgres::connect(&server.url()).await;
        let running = Running::start(store);
        sleep(time).await;
        let (transactions, used) = (transactions(&client).await, cpu());
        sleep(time).await;
        report("PostgreSQL", time, cpu() - used);
        // One of them is this program's own question.
        let queries = self::transactions(&client).await - transactions - 1;
        println!("    {:.2} transactions a second (target 1)", f64::from(queries) / time.as_secs_f64());
        running.stop().await;
    });
}

/// A sender with a running worker.
struct Running {
    _sender: Sender,
    stop: CancellationToken,
    worker: tokio::task::JoinHandle<()>,
}

impl Running {
    fn start(store: impl Store) -> Self {
        let sender = Sender::builder(store).build().unwrap();
        let (stop, worker) = (CancellationToken::new(), sender.worker());
        let until = stop.clone();
        let worker = tokio::spawn(async move { worker.run(until).await.unwrap() });
        Self { _sender: sender, stop, worker }
    }

    async fn stop(self) {
        self.stop.cancel();
        self.worker.await.unwrap();
    }
}

async fn idle(store: impl Store, time: Duration) -> Duration {
    let running = Running::start(store);
    sleep(time).await;
    let before = cpu();
    sleep(time).await;
    let used = cpu() - before;
    running.stop().await;
    used
}

async fn transactions(client: &tokio_postgres::Client) -> i32 {
    let sql =
        "SELECT (xact_commit + xact_rollback)::int AS count FROM pg_stat_database WHERE datname = current_database()";
    client.query_one(sql, &[]).await.unwrap().get("count")
}

fn report(store: &str, time: Duration, used: Duration) {
    println!("{store:<12}{:.3} % of a core (target 0.1)", 100.0 * used.as_secs_f64() / time.as_secs_f64());
}
