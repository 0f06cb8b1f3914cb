//! with the durable store and with real processes that are killed.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use hookwire::receiver::{Accepted, Deduplicated};
use hookwire::store::SqliteStore;
use hookwire::testing::ManualClock;
use http::StatusCode;

use super::{Bench, Faulty, signed, standard};

/// The child's directory, and the step at which it dies.
const DIRECTORY: &str = "HOOKWIRE_TEST_DIRECTORY";
const STEP: &str = "HOOKWIRE_TEST_DIES";

async fn open(directory: &Path) -> Bench {
    let store = SqliteStore::open(directory.join("dedup.db")).await.unwrap();
    Bench::over(Faulty::around(Arc::new(store)), ManualClock::default(), |builder| builder.source(standard()))
}

/// The handler's effect: a line in a file.
fn effect(directory: &Path) {
    let mut file = std::fs::File::options().append(true).create(true).open(directory.join("effects")).unwrap();
    writeln!(file, "handled").unwrap();
}

fn effects(directory: &Path) -> usize {
    std::fs::read_to_string(directory.join("effects")).map_or(0, |text| text.lines().count())
}

fn dies_at(step: &str) {
    if std::env::var(STEP).as_deref() == Ok(step) {
        std::process::abort();
    }
}

/// The child process. It does nothing unless [`the_count`] starts it.
#[tokio::test]
#[ignore = "the child process of the tests below"]
async fn child() {
    let directory = PathBuf::from(std::env::var_os(DIRECTORY).unwrap());
    let gate = open(&directory).await.gate("standard");
    dies_at("before the claim");
    let request = signed("evt", "{}").map(|_| "{}".into());
    let Ok(Accepted::Event(verified)) = gate.verify(request).await else { panic!("signed") };
    let Ok(Deduplicated::Fresh(ticket)) = gate.begin(&verified).await else { panic!("fresh") };
    dies_at("before the effect");
    effect(&directory);
    dies_at("before the record");
    ticket.finish(StatusCode::OK).await.unwrap();
    dies_at("before the answer");
    panic!("the child should have died");
}

/// A child dies at `step`; the sender repeats the request at once and after the lease. Returns how often the event was handled.
async fn the_count(step: &str) -> usize {
    let directory = tempfile::tempdir().unwrap();
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "receiver::kill::child", "--ignored"])
        .env(DIRECTORY, directory.path())
        .env(STEP, step)
        .output()
        .unwrap();
    assert_eq!(
        child.status.code(),
        None,
        "the child was ended by a signal: {}",
        String::from_utf8_lossy(&child.stdout)
    );

    let bench = open(directory.path()).await;
    for wait in [0, 60] {
        bench.clock.advance(Duration::from_secs(wait));
        let handler = |_| async { effect(directory.path()) };
        bench.gate("standard").receive(signed("evt", "{}"), handler).await;
    }
    effects(directory.path())
}

#[tokio::test]
async fn r_35_a_process_that_dies_loses_nothing_and_repeats_in_one_window_only() {
    assert_eq!(the_count("before the claim").await, 1);
    assert_eq!(the_count("before the effect").await, 1);
    assert_eq!(the_count("before the record").await, 2, "the documented window");
    assert_eq!(the_count("before the answer").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn r_34_exactly_one_of_simultaneous_deliveries_to_two_processes_runs() {
    let directory = tempfile::tempdir().unwrap();
    let benches = [open(directory.path()).await, open(directory.path()).await];
    for round in 0..20 {
        let mut posts = tokio::task::JoinSet::new();
        for turn in 0..16 {
            let bench = benches[turn % 2].clone();
            posts.spawn(async move { bench.post(signed(&format!("evt{round}"), "{}")).await.status().as_u16() });
        }
        while let Some(status) = posts.join_next().await {
            assert!(matches!(status, Ok(200 | 503)), "{status:?}");
        }
        assert_eq!(benches[0].runs() + benches[1].runs(), round + 1);
    }
}
