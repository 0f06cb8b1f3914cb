//! The conformance suite over every backend and wrapper.

use std::sync::Arc;

use hookwire::store::{Dedup, MemoryDedup, MemoryStore, SqliteStore, Store};
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

mod dedup {
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

/// A MUST that no case checks is a wish.
#[test]
fn every_must_names_a_case_that_exists() {
    let source = |path: &str| std::fs::read_to_string(format!("{}/src/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let listed = source("testing/conformance/mod.rs");
    let mut named = 0;
    for role in ["outbox", "directory", "history", "dedup"] {
        let text = source(&format!("store/{role}.rs"));
        let contract: Vec<_> = text.lines().filter_map(|line| line.trim().strip_prefix("///")).collect();
        // In the contract a case stands in parentheses, in backticks, in snake case.
        let words = contract.join(" ").split('`').map(str::to_owned).collect::<Vec<_>>();
        let case = |word: &&String| {
            word.matches('_').count() >= 2 && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
        };
        for word in words.iter().filter(case) {
            assert!(listed.contains(word.as_str()), "{role}: no case `{word}`");
            named += 1;
        }
    }
    assert!(named > 50, "{named}");
}
