//! Full disks: a small tmpfs in a mount namespace, and a limit on the size of files.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use hookwire::delivery::Settlement;
use hookwire::id::{EndpointId, Work};
use hookwire::store::{History, Outbox, SqliteStore, StoreErrorKind};
use rusqlite::Connection;

use super::child::{self, Running};
use super::rows::{NOW, append, claim, delivered};

/// Mounts a file system with space for some dozens of events.
const MOUNT: &str = r#"mount -t tmpfs -o size=512k hookwire "$DIRECTORY" && exec "$@""#;

fn remount(directory: &Path, size: &str) {
    let options = format!("remount,size={size}");
    let done = Command::new("mount").args(["-o", &options]).arg(directory).status().unwrap();
    assert!(done.success());
}

/// Appends until an append fails. Returns the number of acknowledged events, and the kind of the error.
async fn fill(store: &SqliteStore, lane: EndpointId) -> (usize, StoreErrorKind) {
    for acknowledged in 0..10_000 {
        if let Err(error) = store.append(vec![append(lane, 2_000)]).await {
            return (acknowledged, error.kind());
        }
    }
    panic!("the disk is never full");
}

async fn pending(store: &SqliteStore) -> usize {
    usize::try_from(store.counts(Work::Sent, None).await.unwrap().pending).unwrap()
}

/// F-29 and F-30 in a process whose disk is full, grows, and is full again.
#[tokio::test]
#[ignore = "the process with the small disk"]
async fn lives_on_a_small_disk() {
    let (path, _) = child::task();
    let store = SqliteStore::open(&path).await.unwrap();
    let lane = EndpointId::generate(NOW);
    let (kept, kind) = fill(&store, lane).await;
    assert!(kept > 0);
    assert_eq!(kind, StoreErrorKind::Full, "F-29: the caller gets an error");
    let (more, kind) = fill(&store, lane).await;
    assert_eq!(kind, StoreErrorKind::Full, "and again: the store is not closed");
    let kept = kept + more;
    assert_eq!(pending(&store).await, kept, "only acknowledged events");
    store.check().await.unwrap();

    remount(path.parent().unwrap(), "1m");
    let leased = store.claim(claim(lane, 5, NOW)).await.unwrap().leased;
    assert_eq!(leased.len(), 5, "the store works again when there is space");
    let ballast = std::fs::write(path.with_file_name("ballast"), vec![1; 2 << 20]);
    assert_eq!(ballast.unwrap_err().kind(), std::io::ErrorKind::StorageFull, "the disk is full to the last page");

    // Long excerpts, because the space in the log that the failed append has left is used first.
    let long = |mut settlement: Settlement| {
        settlement.attempt = settlement.attempt.map(|attempt| attempt.with_excerpt(Some("x".repeat(20_000).into())));
        settlement
    };
    let settlements: Vec<_> = leased.iter().map(delivered).map(long).collect();
    let full = store.settle(settlements.clone()).await;
    assert_eq!(full.map_err(|error| error.kind()), Err(StoreErrorKind::Full), "F-30: delivered, but not recorded");
    assert_eq!(pending(&store).await, kept, "so the deliveries stay leased");
    remount(path.parent().unwrap(), "4m");
    store.settle(settlements).await.unwrap();
    assert_eq!(pending(&store).await, kept - 5, "and are recorded when there is space");
    store.check().await.unwrap();
    drop(store);
    let store = SqliteStore::open(&path).await.unwrap();
    assert_eq!(pending(&store).await, kept - 5);
    child::say("done");
}

#[test]
fn f_29_f_30_a_full_disk_is_reported_and_the_store_works_again_afterwards() {
    let works = Command::new("unshare").args(["-m", "true"]).status().is_ok_and(|it| it.success());
    if crate::support::lacks("unshare -m", works) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hookwire.db");
    let wrapper = ["unshare", "-m", "sh", "-c", MOUNT, "sh"].map(OsStr::new);
    let mut command = child::command(&wrapper, "store::disk::lives_on_a_small_disk", &path);
    command.env("DIRECTORY", directory.path()).stderr(std::process::Stdio::inherit());
    let mut running = Running::start(command, 0);
    assert_eq!(running.rest(), ["done"]);
    assert!(running.went_well());
}

/// A write that fails, not for lack of space: the store cannot know what is on the disk.
#[tokio::test]
#[ignore = "the process that may not write large files"]
async fn meets_a_file_size_limit() {
    let (path, _) = child::task();
    let store = SqliteStore::open(&path).await.unwrap();
    let (kept, kind) = fill(&store, EndpointId::generate(NOW)).await;
    child::say(&format!("{kept} {kind:?}"));
    let later = store.append(vec![append(EndpointId::generate(NOW), 1)]).await.unwrap_err();
    child::say(&format!("{:?}", later.kind()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_write_is_reported_and_closes_the_store() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hookwire.db");
    // The signal is ignored, so that the write fails instead.
    let wrapper = ["sh", "-c", r#"trap '' XFSZ; ulimit -f 1000; exec "$@""#, "sh"].map(OsStr::new);
    let command = child::command(&wrapper, "store::disk::meets_a_file_size_limit", &path);
    let said = tokio::task::spawn_blocking(|| Running::start(command, 0).rest()).await.unwrap();
    let [first, later] = &said[..] else { panic!("{said:?}") };
    let (kept, kind) = first.split_once(' ').unwrap();
    assert_eq!((kind, later.as_str()), ("Unknown", "Closed"));

    let store = SqliteStore::open(&path).await.unwrap();
    store.check().await.unwrap();
    let kept: usize = kept.parse().unwrap();
    assert!(
        kept > 0 && (kept..=kept + 1).contains(&pending(&store).await),
        "the event with the unknown result may be stored"
    );
}

/// A process dies during a checkpoint, after the first page was written, which already has the new length of the file.
#[tokio::test]
async fn a_file_whose_log_was_checkpointed_in_part_is_complete() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hookwire.db");
    let store = SqliteStore::open(&path).await.unwrap();
    for _ in 0..50 {
        store.append(vec![append(EndpointId::generate(NOW), 10_000)]).await.unwrap();
    }
    let (short, log) =
        (std::fs::read(&path).unwrap(), std::fs::read(directory.path().join("hookwire.db-wal")).unwrap());
    let other = Connection::open(&path).unwrap();
    let folded = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
    assert_eq!(other.query_row("PRAGMA wal_checkpoint(FULL)", [], folded).unwrap(), 0);
    let long = std::fs::read(&path).unwrap();
    assert!(short.len() < long.len());

    let crashed = directory.path().join("crashed.db");
    std::fs::write(directory.path().join("crashed.db-wal"), log).unwrap();
    let first_page = &long[..4_096];
    std::fs::write(&crashed, [first_page, short.get(4_096..).unwrap_or_default()].concat()).unwrap();
    let store = SqliteStore::open(&crashed).await.unwrap();
    store.check().await.unwrap();
    assert_eq!(pending(&store).await, 50);
}
