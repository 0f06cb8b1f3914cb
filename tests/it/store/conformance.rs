//! The conformance suite over every backend and wrapper.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hookwire::event::NewEvent;
use hookwire::store::{Dedup, MemoryDedup, MemoryStore, Placements, SqliteStore, Store};
use hookwire::testing::FaultyStore;
use hookwire::testing::conformance::Subject;

/// Two handles to one memory store.
fn twice<S: Store + Clone>(store: S) -> Subject<dyn Store> {
    Subject::new(Arc::new(store.clone()), Arc::new(store))
}

async fn memory_store() -> Subject<dyn Store> {
    twice(MemoryStore::new())
}

/// Two handles that share only the name of the file, as two processes would.
async fn sqlite_store() -> Subject<dyn Store> {
    let (directory, path) = file();
    let (first, second) = (open(&path).await, open(&path).await);
    let stage = stage(path, first.clone());
    Subject::<dyn Store>::new(Arc::new(first), Arc::new(second)).staging(stage).keeping(directory)
}

fn file() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hookwire.db");
    (directory, path)
}

async fn open(path: &Path) -> SqliteStore {
    SqliteStore::open_in_application_database(path).await.unwrap()
}

/// Writes an event in a transaction of the application.
fn stage(path: PathBuf, store: SqliteStore) -> impl Fn(NewEvent) -> std::future::Ready<()> + Send + Sync {
    move |event| {
        let mut connection = rusqlite::Connection::open(&path).unwrap();
        connection.busy_timeout(std::time::Duration::from_secs(30)).unwrap();
        let transaction = connection.transaction().unwrap();
        store.dispatch_in(&transaction, &event).unwrap();
        transaction.commit().unwrap();
        std::future::ready(())
    }
}

/// The store behind `Arc<dyn …>`.
async fn shared_store() -> Subject<dyn Store> {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    twice(store)
}

/// The same over SQLite, with two separate handles.
async fn shared_sqlite_store() -> Subject<dyn Store> {
    let (directory, path) = file();
    let store = open(&path).await;
    let stage = stage(path.clone(), store.clone());
    let (first, second): (Arc<dyn Store>, Arc<dyn Store>) = (Arc::new(store), Arc::new(open(&path).await));
    Subject::<dyn Store>::new(Arc::new(first), Arc::new(second)).staging(stage).keeping(directory)
}

/// A wrapper without a fault forwards every call.
async fn wrapped_store() -> Subject<dyn Store> {
    twice(FaultyStore::new(MemoryStore::new()))
}

async fn wrapped_sqlite_store() -> Subject<dyn Store> {
    let (directory, path) = file();
    let store = open(&path).await;
    twice(FaultyStore::new(store.clone())).staging(stage(path, store)).keeping(directory)
}

async fn memory_placements() -> Subject<MemoryStore> {
    let store = Arc::new(MemoryStore::new());
    Subject::new(store.clone(), store)
}

async fn sqlite_placements() -> Subject<SqliteStore> {
    let (directory, path) = file();
    Subject::new(Arc::new(open(&path).await), Arc::new(open(&path).await)).keeping(directory)
}

async fn shared_placements() -> Subject<dyn Placements> {
    let store: Arc<dyn Placements> = Arc::new(MemoryStore::new());
    Subject::<dyn Placements>::new(Arc::new(store.clone()), Arc::new(store))
}

async fn wrapped_placements() -> Subject<FaultyStore<MemoryStore>> {
    let store = Arc::new(FaultyStore::new(MemoryStore::new()));
    Subject::new(store.clone(), store)
}

async fn memory_dedup() -> Subject<dyn Dedup> {
    let store = MemoryDedup::new();
    Subject::new(Arc::new(store.clone()), Arc::new(store))
}

async fn memory_store_dedup() -> Subject<dyn Dedup> {
    let store = MemoryStore::new();
    Subject::new(Arc::new(store.clone()), Arc::new(store))
}

async fn sqlite_dedup() -> Subject<dyn Dedup> {
    let (directory, path) = file();
    let (first, second) = (SqliteStore::open(&path).await.unwrap(), SqliteStore::open(&path).await.unwrap());
    Subject::<dyn Dedup>::new(Arc::new(first), Arc::new(second)).keeping(directory)
}

async fn shared_sqlite_dedup() -> Subject<dyn Dedup> {
    let (directory, path) = file();
    let store: Arc<dyn Dedup> = Arc::new(SqliteStore::open(&path).await.unwrap());
    Subject::<dyn Dedup>::new(Arc::new(store.clone()), Arc::new(store)).keeping(directory)
}

async fn shared_dedup() -> Subject<dyn Dedup> {
    let store: Arc<dyn Dedup> = Arc::new(MemoryDedup::new());
    Subject::new(Arc::new(store.clone()), Arc::new(store))
}

mod memory {
    hookwire::conformance!(super::memory_store);
}

mod sqlite {
    hookwire::conformance!(super::sqlite_store);
    hookwire::conformance!(super::sqlite_store: staging);
}

mod shared {
    hookwire::conformance!(super::shared_store);
}

mod shared_sqlite {
    hookwire::conformance!(super::shared_sqlite_store);
    hookwire::conformance!(super::shared_sqlite_store: staging);
}

mod wrapped {
    hookwire::conformance!(super::wrapped_store);
}

mod wrapped_sqlite {
    hookwire::conformance!(super::wrapped_sqlite_store: staging);
}

mod placements {
    mod memory {
        hookwire::conformance!(super::super::memory_placements: placements);
    }

    mod sqlite {
        hookwire::conformance!(super::super::sqlite_placements: placements);
    }

    mod shared {
        hookwire::conformance!(super::super::shared_placements: placements);
    }

    mod wrapped {
        hookwire::conformance!(super::super::wrapped_placements: placements);
    }
}

mod dedup {
    mod shared_sqlite {
        hookwire::conformance!(super::super::shared_sqlite_dedup: dedup);
    }

    mod memory {
        hookwire::conformance!(super::super::memory_dedup: dedup);
    }

    mod memory_store {
        hookwire::conformance!(super::super::memory_store_dedup: dedup);
    }

    mod sqlite {
        hookwire::conformance!(super::super::sqlite_dedup: dedup);
    }

    mod shared {
        hookwire::conformance!(super::super::shared_dedup: dedup);
    }
}
