//! Two processes on one file.

use std::collections::HashSet;
use std::path::Path;

use hookwire::id::{DeliveryId, EndpointId, Work};
use hookwire::store::{Append, Outbox, Settled, SqliteStore};

use super::child::{self, Running};
use super::rows::{NOW, append, claim, delivered};

const DELIVERIES: usize = 5_000;
const LANES: u64 = 8;

/// The same lanes in both processes.
fn lanes() -> impl Iterator<Item = EndpointId> + Clone {
    (0..LANES).map(|number| EndpointId::from_bytes((u128::from(number) + 1).to_be_bytes()))
}

/// Claims and settles until nothing is left. Returns the ids.
async fn drain(store: &SqliteStore) -> HashSet<DeliveryId> {
    let mut got = HashSet::new();
    for lane in lanes().cycle() {
        let leased = store.claim(claim(lane, 20, NOW)).await.unwrap().leased;
        if leased.is_empty() && store.lanes(Work::Sent, None, 1).await.unwrap().is_empty() {
            break;
        }
        let count = leased.len();
        let settled = store.settle(leased.iter().map(delivered).collect()).await.unwrap();
        assert_eq!(settled, vec![Settled::Done; count], "no other process has claimed them");
        got.extend(leased.iter().map(|one| one.lease.delivery));
    }
    got
}

async fn wait_for(path: &Path) {
    crate::support::until(|| async { path.exists() }).await;
}

#[tokio::test]
#[ignore = "the other process"]
async fn the_other_drains_too() {
    let (path, _) = child::task();
    let store = SqliteStore::open(&path).await.unwrap();
    child::say("ready");
    wait_for(&path.with_file_name("go")).await;
    for id in drain(&store).await {
        child::say(&hex::encode(id.as_bytes()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_51_two_processes_claim_without_overlap_and_both_make_progress() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hookwire.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let batch: Vec<Append> = lanes().cycle().take(DELIVERIES).map(|lane| append(lane, 100)).collect();
    let owed: HashSet<_> = batch.iter().map(|append| append.deliveries[0].id).collect();
    store.append(batch).await.unwrap();

    let other = Running::start(child::command(&[], "store::processes::the_other_drains_too", &path), 0);
    assert_eq!(other.next().as_deref(), Some("ready"));
    std::fs::write(directory.path().join("go"), "").unwrap();
    let here = drain(&store).await;
    let read = |line: String| DeliveryId::from_bytes(hex::decode(line).unwrap().try_into().unwrap());
    let there: HashSet<_> = other.rest().into_iter().map(read).collect();

    assert!(here.is_disjoint(&there), "nothing twice");
    assert!(here.union(&there).copied().collect::<HashSet<_>>() == owed, "nothing forgotten");
    assert!(here.len() > 50 && there.len() > 50, "{} here, {} there", here.len(), there.len());
}

/// Appends without pause from several callers, so that the writer thread asks for the lock again at once.
async fn write_without_pause(store: &SqliteStore, each: u64) {
    let mut callers = tokio::task::JoinSet::new();
    for lane in lanes() {
        let store = store.clone();
        callers.spawn(async move {
            for _ in 0..each {
                let kind = store.append(vec![append(lane, 3_000)]).await.map_err(|error| error.kind());
                assert!(kind.is_ok(), "{kind:?}");
            }
        });
    }
    while let Some(done) = callers.join_next().await {
        done.unwrap();
    }
}

#[tokio::test]
#[ignore = "the other process"]
async fn the_other_writes_too() {
    let (path, each) = child::task();
    let store = SqliteStore::open(&path).await.unwrap();
    child::say("ready");
    write_without_pause(&store, each).await;
    child::say("done");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_31_processes_that_write_without_pause_see_no_busy_store() {
    const EACH: u64 = 300;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hookwire.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let start = || Running::start(child::command(&[], "store::processes::the_other_writes_too", &path), EACH);
    let others = [start(), start()];
    for other in &others {
        assert_eq!(other.next().as_deref(), Some("ready"));
    }
    write_without_pause(&store, EACH).await;
    for other in &others {
        assert_eq!(other.rest(), ["done"], "the other process had no error");
    }
    let counts = hookwire::store::History::counts(&store, Work::Sent, None).await.unwrap();
    assert_eq!(counts.pending, 3 * LANES * EACH);
}
