//! Which syncs precede an acknowledgement, observed with `strace`.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use hookwire::id::{EndpointId, EventId, Tenant, Work};
use hookwire::store::{History, Outbox, SqliteStore, StoreErrorKind};

use super::child::{self, Running};
use super::rows::{NOW, append};

/// Appends one event after another; prints which were acknowledged and which were not.
#[tokio::test]
#[ignore = "the process that is traced"]
async fn appends_one_after_the_other() {
    let (path, count) = child::task();
    let store = match SqliteStore::open(path).await {
        Ok(store) => store,
        Err(error) => return child::say(&format!("unopened {error}")),
    };
    child::say("opened -");
    let lane = EndpointId::generate(NOW);
    for _ in 0..count {
        let append = append(lane, 100);
        let id = append.event.id.clone();
        match store.append(vec![append]).await {
            Ok(_) => child::say(&format!("acknowledged {id}")),
            Err(error) => child::say(&format!("{:?} {id}", error.kind())),
        }
    }
}

/// Runs the child under `strace`. Returns its lines as pairs.
fn traced(options: &[&str], path: &Path, count: u64) -> Vec<(String, String)> {
    let mut wrapper = vec![OsStr::new("strace"), OsStr::new("-f"), OsStr::new("-q")];
    wrapper.extend(options.iter().map(OsStr::new));
    let command = child::command(&wrapper, "store::sync::appends_one_after_the_other", path);
    let said = Running::start(command, count).rest();
    said.iter().map(|line| line.split_once(' ').unwrap()).map(|(a, b)| (a.to_owned(), b.to_owned())).collect()
}

fn strace_is_missing() -> bool {
    let works = Command::new("strace").args(["-f", "-o", "/dev/null", "true"]).status().is_ok_and(|it| it.success());
    crate::support::lacks("strace", works)
}

fn ids<'a>(said: &'a [(String, String)], what: &'a str) -> impl Iterator<Item = EventId> + 'a {
    said.iter().filter(move |(word, _)| word == what).map(|(_, id)| EventId::new(id.as_str()).unwrap())
}

/// A separate successful sync precedes every acknowledgement.
#[test]
fn f_58_an_append_is_acknowledged_after_it_was_synced() {
    if strace_is_missing() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let (path, log) = (directory.path().join("hookwire.db"), directory.path().join("trace"));
    let trace = ["-e", "trace=fsync,fdatasync,write", "-s", "64", "-o", log.to_str().unwrap()];
    let said = traced(&trace, &path, 50);
    assert_eq!(ids(&said, "acknowledged").count(), 50);

    let (mut synced, mut acknowledged) = (false, 0);
    for line in std::fs::read_to_string(log).unwrap().lines() {
        if line.contains("sync(") && line.ends_with("= 0") || line.contains("sync resumed>") {
            synced = true;
        } else if line.contains("> acknowledged ") {
            assert!(synced, "acknowledged before it was synced: {line}");
            (synced, acknowledged) = (false, acknowledged + 1);
        }
    }
    assert_eq!(acknowledged, 50, "all are in the trace");
}

/// The disk fails once: the caller gets an error, the store is closed, and events that were acknowledged before are in the file.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_58_a_failed_sync_is_reported_and_closes_the_store() {
    if strace_is_missing() {
        return;
    }
    for failing in [6, 12, 25] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("hookwire.db");
        drop(SqliteStore::open(&path).await.unwrap());
        let inject = format!("inject=fsync,fdatasync:error=EIO:when={failing}");
        let (traced_path, trace) = (path.clone(), inject.clone());
        let run = move || traced(&["-e", "trace=fsync,fdatasync", "-e", &trace, "-o", "/dev/null"], &traced_path, 40);
        let said = tokio::task::spawn_blocking(run).await.unwrap();
        let order: Vec<_> = said.iter().skip(1).map(|(word, _)| word.as_str()).collect();
        let good = order.iter().take_while(|word| **word == "acknowledged").count();
        assert!(good > 0 && good < 40, "{inject}: {order:?}");
        assert_eq!(order[good], format!("{:?}", StoreErrorKind::Unknown), "{inject}");
        let closed = format!("{:?}", StoreErrorKind::Closed);
        assert!(order[good + 1..].iter().all(|word| *word == closed), "{inject}: {order:?}");

        let store = SqliteStore::open(&path).await.unwrap();
        store.check().await.unwrap();
        for id in ids(&said, "acknowledged") {
            assert!(
                store.event(Work::Sent, &Tenant::from("acme"), &id).await.unwrap().is_some(),
                "{inject}: {id} is lost"
            );
        }
        for id in ids(&said, &closed) {
            assert!(
                store.event(Work::Sent, &Tenant::from("acme"), &id).await.unwrap().is_none(),
                "{inject}: {id} was refused"
            );
        }
    }
}

/// A quota that is used up for a while is a full disk: callers get an error, and the store works again when there is space.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_used_up_quota_is_reported_and_the_store_works_again_afterwards() {
    if strace_is_missing() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hookwire.db");
    drop(SqliteStore::open(&path).await.unwrap());
    // The writes of twenty transactions fail, and the writes with which the store tests after each whether there is space.
    let (traced_path, inject) = (path.clone(), "inject=pwrite64:error=EDQUOT:when=150..189");
    let run = move || traced(&["-e", "trace=pwrite64", "-e", inject, "-o", "/dev/null"], &traced_path, 60);
    let said = tokio::task::spawn_blocking(run).await.unwrap();
    let count = |wanted: &str| said.iter().filter(|(word, _)| word == wanted).count();
    let full = format!("{:?}", StoreErrorKind::Full);
    assert!(count(&full) > 0 && count("acknowledged") + count(&full) == 60, "{said:?}");
    assert_eq!(said.last().unwrap().0, "acknowledged", "the store works again: {said:?}");
    assert!(!path.with_extension("probe").exists());

    let store = SqliteStore::open(&path).await.unwrap();
    store.check().await.unwrap();
    for (word, there) in [("acknowledged", true), (&full, false)] {
        for id in ids(&said, word) {
            let found = store.event(Work::Sent, &Tenant::from("acme"), &id).await.unwrap();
            assert_eq!(found.is_some(), there, "{word} {id}");
        }
    }
}

/// Every sync takes a tenth of a second: calls are slower, and nothing else changes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_59_a_slow_disk_delays_and_loses_nothing() {
    if strace_is_missing() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hookwire.db");
    let slow = ["-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:delay_exit=100000", "-o", "/dev/null"];
    let traced_path = path.clone();
    let said = tokio::task::spawn_blocking(move || traced(&slow, &traced_path, 12)).await.unwrap();
    let acknowledged: Vec<_> = ids(&said, "acknowledged").collect();
    assert_eq!(acknowledged.len(), 12);
    let store = SqliteStore::open(&path).await.unwrap();
    store.check().await.unwrap();
    for id in acknowledged {
        assert!(store.event(Work::Sent, &Tenant::from("acme"), &id).await.unwrap().is_some(), "{id} is lost");
    }
}
