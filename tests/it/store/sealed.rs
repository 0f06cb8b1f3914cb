//! Keys and credentials, encrypted in the file.

use std::path::Path;
use std::sync::Arc;

use hookwire::endpoint::{CustomHeaders, Endpoint, NewEndpoint};
use hookwire::secret::{Key, Keyring, LocalKeys};
use hookwire::store::{Directory, Put, SqliteStore, StoreErrorKind};
use hookwire::testing::conformance::Subject;

use super::rows::NOW;

fn keys(id: &str, byte: u8) -> LocalKeys {
    LocalKeys::new(id, &[byte; 32]).unwrap()
}

async fn sealed_store() -> Subject {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hookwire.db");
    let open = async || SqliteStore::open(&path).await.unwrap().with_key_provider(keys("a", 1));
    let (first, second) = (open().await, open().await);
    Subject::new(Arc::new(first), Arc::new(second)).keeping(directory)
}

hookwire::store_conformance!(sealed_store);

fn endpoint() -> Endpoint {
    let headers = CustomHeaders::new().bearer("hush-hush").unwrap();
    let new = NewEndpoint::https("https://hooks.example.com/").unwrap().headers(headers);
    Endpoint::new(new, Keyring::new(Key::generate().unwrap()), NOW)
}

fn secret(endpoint: &Endpoint) -> String {
    endpoint.keys.entries()[0].key.expose().to_string()
}

fn holds(path: &Path, text: &str) -> bool {
    // A log goes when the store is closed, which may be at this moment.
    let files =
        std::fs::read_dir(path.parent().unwrap()).unwrap().filter_map(|file| std::fs::read(file.ok()?.path()).ok());
    files.into_iter().any(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
}

#[tokio::test]
async fn nothing_secret_is_in_the_file_and_whoever_has_the_key_reads_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hookwire.db");
    let endpoint = endpoint();
    {
        let store = SqliteStore::open(&path).await.unwrap().with_key_provider(keys("a", 1));
        assert_eq!(store.put(endpoint.clone()).await.unwrap(), Put::Stored);
    }
    assert!(holds(&path, "hooks.example.com"), "the file is looked at");
    assert!(!holds(&path, &secret(&endpoint)) && !holds(&path, "hush-hush"));
    let read = SqliteStore::open(&path).await.unwrap().with_key_provider(keys("a", 1));
    let kept = read.get(endpoint.id).await.unwrap().unwrap();
    assert_eq!((secret(&kept), &kept.headers), (secret(&endpoint), &endpoint.headers));
    let wrong = SqliteStore::open(&path).await.unwrap().with_key_provider(keys("a", 2));
    let none = SqliteStore::open(&path).await.unwrap();
    for (store, why) in [(wrong, "Broken"), (none, "NoProvider")] {
        let error = store.get(endpoint.id).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Corrupt);
        assert!(format!("{error:?}").contains(why), "{error:?}");
    }
}

#[tokio::test]
async fn what_was_in_the_clear_or_under_an_older_key_is_sealed_anew_in_place() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hookwire.db");
    let clear = SqliteStore::open(&path).await.unwrap();
    let all: Vec<_> = (0..150).map(|_| endpoint()).collect();
    for endpoint in &all {
        clear.put(endpoint.clone()).await.unwrap();
    }
    assert_eq!(clear.reseal().await.unwrap(), 0, "with what?");
    let first = SqliteStore::open(&path).await.unwrap().with_key_provider(keys("a", 1));
    assert_eq!(first.reseal().await.unwrap(), 150);
    assert_eq!(first.reseal().await.unwrap(), 0);
    let both = keys("b", 2).and("a", &[1; 32]).unwrap();
    let second = SqliteStore::open(&path).await.unwrap().with_key_provider(both);
    assert_eq!(second.reseal().await.unwrap(), 150);
    let newer = SqliteStore::open(&path).await.unwrap().with_key_provider(keys("b", 2));
    for endpoint in &all {
        let kept = newer.get(endpoint.id).await.unwrap().unwrap();
        assert_eq!((secret(&kept), kept.version), (secret(endpoint), 1));
    }
}
