//! The suite detects faults: each fault is planted in a simple store, and at least one case must fail.
//!
//! The simple store has tables as a database would, and each of its calls is a transaction with awaits inside. Without a fault it
//! passes every case. With `HOOKWIRE_PLANTED=Name` only the fault with this name is planted, and the cases that detect it are listed.

mod audit;
mod bug;
mod bulk_jobs;
mod control;
mod db;
mod dedup;
mod diagnostics;
mod endpoints;
mod failures;
mod history;
mod last_attempts;
mod more_roles;
mod outbox;
mod placements;
mod retention;
mod roles;
mod rollups;
mod staging;

use std::sync::Arc;
use std::time::Duration;

use hookwire::testing::conformance::{self, Case, Subject};
use tokio::runtime::{Builder, Runtime};

use self::bug::{ALL, Bug};
use self::roles::Simple;

/// The time limit of a case; no correct case takes so long.
const TOO_LONG: Duration = Duration::from_secs(60);

fn cases() -> Vec<(&'static str, Case<Simple>)> {
    let of = |role: &'static str, cases: Vec<Case<Simple>>| cases.into_iter().map(move |case| (role, case));
    of("outbox", conformance::outbox())
        .chain(of("directory", conformance::directory()))
        .chain(of("history", conformance::history()))
        .chain(of("retention", conformance::retention()))
        .chain(of("control", conformance::control()))
        .chain(of("workers", conformance::workers()))
        .chain(of("rollups", conformance::rollups()))
        .chain(of("audit", conformance::audit()))
        .chain(of("diagnostics", conformance::diagnostics()))
        .chain(of("bulk_jobs", conformance::bulk_jobs()))
        .chain(of("placements", conformance::placements()))
        .chain(of("staging", conformance::staging()))
        .chain(of("dedup", conformance::dedup()))
        .chain(of("whole", conformance::whole()))
        .collect()
}

fn subject(bug: Option<Bug>) -> Subject<Simple> {
    let store = Simple::new(bug);
    let staging = store.clone();
    let stage = move |event| {
        let store = staging.clone();
        async move { store.stage(event).await }
    };
    Subject::new(Arc::new(store.clone()), Arc::new(store.second())).staging(stage)
}

/// Whether the case passes. A case that does not end fails.
async fn passes(case: Case<Simple>, bug: Option<Bug>) -> bool {
    let run = tokio::spawn(async move { case.run(&subject(bug)).await });
    matches!(tokio::time::timeout(TOO_LONG, run).await, Ok(Ok(())))
}

/// The first case that fails; the cases of the role that should detect the fault are run first.
async fn caught_by(bug: Bug, role: &str) -> Option<&'static str> {
    let mut cases = cases();
    cases.sort_by_key(|(of, _)| *of != role);
    for (_, case) in cases {
        if !passes(case, Some(bug)).await {
            return Some(case.name());
        }
    }
    None
}

/// The panics of these threads are the expected results, so they are not printed.
fn quiet_runtime() -> Runtime {
    const NAME: &str = "planted";
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if std::thread::current().name() != Some(NAME) {
            before(info);
        }
    }));
    Builder::new_multi_thread().worker_threads(4).thread_name(NAME).enable_all().build().unwrap()
}

#[test]
fn the_simple_store_without_a_fault_passes_every_case() {
    let runtime = Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    let failed = runtime.block_on(async {
        let mut failed = Vec::new();
        for (_, case) in cases() {
            if !passes(case, None).await {
                failed.push(case.name());
            }
        }
        failed
    });
    assert_eq!(failed, Vec::<&str>::new());
}

#[test]
fn every_planted_fault_is_caught() {
    let only = std::env::var("HOOKWIRE_PLANTED").ok();
    let wanted = |bug: Bug| only.as_ref().is_none_or(|only| format!("{bug:?}") == *only);
    let runtime = quiet_runtime();
    let found = runtime.block_on(async {
        let (mut tasks, mut found) = (tokio::task::JoinSet::new(), Vec::new());
        for &(bug, role) in ALL.iter().filter(|(bug, _)| wanted(*bug)) {
            while tasks.len() >= 4 {
                found.push(tasks.join_next().await.unwrap().unwrap());
            }
            tasks.spawn(async move { (bug, caught_by(bug, role).await) });
        }
        found.extend(tasks.join_all().await);
        found
    });
    assert!(!found.is_empty(), "no fault has this name");
    let uncaught: Vec<_> = found.iter().filter(|(_, case)| case.is_none()).map(|(bug, _)| bug).collect();
    let lines: Vec<_> =
        found.iter().map(|(bug, case)| format!("  {bug:?}: {}", case.unwrap_or("NOT CAUGHT"))).collect();
    assert!(
        uncaught.is_empty(),
        "{} of {} faults are not caught: {uncaught:?}\n{}",
        uncaught.len(),
        found.len(),
        lines.join("\n")
    );
    assert!(only.is_some() || found.len() >= 60);
}
