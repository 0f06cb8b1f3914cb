//! A sender and an inbox in one store: no public call of one sees or changes the data of the other.

use crate::manage::api;
use crate::mcp::agent;

mod walk;

use hookwire::store::{MemoryStore, SqliteStore};

#[tokio::test]
async fn no_call_of_a_sender_reaches_an_inbox_nor_the_other_way_round_in_memory() {
    walk::all(MemoryStore::new()).await;
}

#[tokio::test]
async fn no_call_of_a_sender_reaches_an_inbox_nor_the_other_way_round_in_sqlite() {
    let directory = tempfile::tempdir().unwrap();
    walk::all(SqliteStore::open(directory.path().join("both.db")).await.unwrap()).await;
}

/// `tests/fixtures/busy-3.db` was made by the code that had schema 3, from a sender and an inbox that share it.
#[tokio::test]
async fn rows_of_an_earlier_version_belong_to_either_the_sender_or_the_inbox() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hookwire.db");
    std::fs::copy(hookwire_tests::root().join("tests/fixtures/busy-3.db"), &path).unwrap();
    let store = SqliteStore::open(&path).await.unwrap();
    store.check().await.unwrap();
    walk::classified(store).await;
}
