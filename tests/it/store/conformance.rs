//! The conformance suite over every backend and wrapper.

use std::sync::Arc;

use hookwire::store::{Dedup, MemoryDedup, MemoryStore, SqliteStore, Store};
use hookwire::testing::FaultyStore;
use hookwire::testing::conformance::{DedupSubject, Subject};

async fn memory_store() -> Subject {
    let store = MemoryStore::new();
    Subject::new(Arc::new(store.clone()), Arc::new(store))
}

/// Two handles that know nothing of each other but the file's name, as two processes would.
async fn sqlite_store() -> Subject {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hookwire.db");
    let (first, second) = (SqliteStore::open(&path).await.unwrap(), SqliteStore::open(&path).await.unwrap());
    Subject::new(Arc::new(first), Arc::new(second)).keeping(directory)
}

/// Through the implementation for `Arc<dyn …>`.
async fn shared_store() -> Subject {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    Subject::new(Arc::new(store.clone()), Arc::new(store))
}

/// The same over SQLite, with two handles of their own.
async fn shared_sqlite_store() -> Subject {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hookwire.db");
    let first: Arc<dyn Store> = Arc::new(SqliteStore::open(&path).await.unwrap());
    let second: Arc<dyn Store> = Arc::new(SqliteStore::open(&path).await.unwrap());
    Subject::new(Arc::new(first), Arc::new(second)).keeping(directory)
}

/// A wrapper that has nothing to do at the moment is not noticed.
async fn wrapped_store() -> Subject {
    let store = FaultyStore::new(MemoryStore::new());
    Subject::new(Arc::new(store.clone()), Arc::new(store))
}

async fn memory_dedup() -> DedupSubject {
    let store = MemoryDedup::new();
    DedupSubject::new(Arc::new(store.clone()), Arc::new(store))
}

async fn memory_store_dedup() -> DedupSubject {
    let store = MemoryStore::new();
    DedupSubject::new(Arc::new(store.clone()), Arc::new(store))
}

async fn sqlite_dedup() -> DedupSubject {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hookwire.db");
    let (first, second) = (SqliteStore::open(&path).await.unwrap(), SqliteStore::open(&path).await.unwrap());
    DedupSubject::new(Arc::new(first), Arc::new(second)).keeping(directory)
}

async fn shared_sqlite_dedup() -> DedupSubject {
    let directory = tempfile::tempdir().unwrap();
    let store: Arc<dyn Dedup> = Arc::new(SqliteStore::open(directory.path().join("hookwire.db")).await.unwrap());
    DedupSubject::new(Arc::new(store.clone()), Arc::new(store)).keeping(directory)
}

async fn shared_dedup() -> DedupSubject {
    let store: Arc<dyn Dedup> = Arc::new(MemoryDedup::new());
    DedupSubject::new(Arc::new(store.clone()), Arc::new(store))
}

mod memory {
    hookwire::store_conformance!(super::memory_store);
}

mod sqlite {
    hookwire::store_conformance!(super::sqlite_store);
}

mod shared {
    hookwire::store_conformance!(super::shared_store);
}

mod shared_sqlite {
    hookwire::store_conformance!(super::shared_sqlite_store);
}

mod wrapped {
    hookwire::store_conformance!(super::wrapped_store);
}

mod dedup {
    mod shared_sqlite {
        hookwire::dedup_conformance!(super::super::shared_sqlite_dedup);
    }

    mod memory {
        hookwire::dedup_conformance!(super::super::memory_dedup);
    }

    mod memory_store {
        hookwire::dedup_conformance!(super::super::memory_store_dedup);
    }

    mod sqlite {
        hookwire::dedup_conformance!(super::super::sqlite_dedup);
    }

    mod shared {
        hookwire::dedup_conformance!(super::super::shared_dedup);
    }
}
