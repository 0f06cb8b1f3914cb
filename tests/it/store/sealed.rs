//! Keys and credentials, encrypted in the file.

use std::path::Path;
use std::sync::Arc;

use hookwire::endpoint::{CustomHeaders, Endpoint, NewEndpoint};
use hookwire::secret::{Key, Keyring, LocalKeys};
use hookwire::store::{Directory, PutResult, SqliteStore, Store, StoreErrorKind};
use hookwire::testing::conformance::Subject;

use super::rows::NOW;

fn keys(id: &str, byte: u8) -> LocalKeys {
    LocalKeys::new(id, &[byte; 32]).unwrap()
}

async fn sealed_store() -> Subject<dyn Store> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hookwire.db");
    let open = async || SqliteStore::open(&path).await.unwrap().with_key_provider(keys("a", 1));
    let (first, second) = (open().await, open().await);
    Subject::<dyn Store>::new(Arc::new(first), Arc::new(second)).keeping(directory)
}

hookwire::conformance!(sealed_store);

fn endpoint() -> Endpoint {
    let headers = CustomHeaders::new().bearer("hush-hush").unwrap();
    let new = NewEndpoint::https("https://hooks.example.com/").unwrap().headers(headers);
    Endpoint::new(new, Keyring::new(Key::generate().unwrap()), NOW)
}

fn secret(endpoint: &Endpoint) -> String {
    endpoint.keys.entries()[0].key.expose().to_string()
}

fn holds(path: &Path, text: &str) -> bool {
    // The log is removed when the store is closed, which may happen now.
    let files =
        std::fs::read_dir(path.parent().unwrap()).unwrap().filter_map(|file| std::fs::read(file.ok()?.path()).ok());
    files.into_iter().any(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
}

#[tokio::test]
async fn no_secret_is_in_the_file_and_a_store_with_the_key_reads_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hookwire.db");
    let endpoint = endpoint();
    {
        let store = SqliteStore::open(&path).await.unwrap().with_key_provider(keys("a", 1));
        assert_eq!(store.put(endpoint.clone()).await.unwrap(), PutResult::Stored);
    }
    assert!(holds(&path, "hooks.example.com"), "the file is searched");
    assert!(!holds(&path, &secret(&endpoint)) && !holds(&path, "hush-hush"));
    let read = SqliteStore::open(&path).await.unwrap().with_key_provider(keys("a", 1));
    let kept = read.get(endpoint.id).await.unwrap().unwrap();
    assert_eq!((secret(&kept), &kept.headers), (secret(&endpoint), &endpoint.headers));
    let wrong = SqliteStore::open(&path).await.unwrap().with_key_provider(keys("a", 2));
    let none = SqliteStore::open(&path).await.unwrap();
    for (store, why) in [(wrong, "Decrypt"), (none, "NoProvider")] {
        let error = store.get(endpoint.id).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Corrupt);
        assert!(format!("{error:?}").contains(why), "{error:?}");
    }
}

#[tokio::test]
async fn no_plain_text_is_left_in_the_file_after_sealing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hookwire.db");
    let clear = SqliteStore::open(&path).await.unwrap();
    let all: Vec<_> = (0..60).map(|_| endpoint()).collect();
    for endpoint in &all {
        clear.put(endpoint.clone()).await.unwrap();
    }
    for endpoint in &all[..20] {
        clear.remove(endpoint.id, None, NOW).await.unwrap();
    }
    let is_clear = |endpoint: &Endpoint| holds(&path, &secret(endpoint)) || holds(&path, "hush-hush");
    assert!(all.iter().any(is_clear), "there is something to be sealed");
    let sealing = SqliteStore::open(&path).await.unwrap().with_key_provider(keys("a", 1));
    assert_eq!(sealing.reseal().await.unwrap().sealed, 40);
    assert_eq!(all.iter().filter(|endpoint| is_clear(endpoint)).count(), 0);
}

#[tokio::test]
async fn a_record_that_no_key_opens_is_kept_and_named_and_can_be_removed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hookwire.db");
    let (lost, kept) = (endpoint(), endpoint());
    let before = SqliteStore::open(&path).await.unwrap().with_key_provider(keys("lost", 9));
    before.put(lost.clone()).await.unwrap();
    let store = SqliteStore::open(&path).await.unwrap().with_key_provider(keys("a", 1));
    store.put(kept.clone()).await.unwrap();
    let newer =
        SqliteStore::open(&path).await.unwrap().with_key_provider(keys("b", 2).with_older("a", &[1; 32]).unwrap());
    let resealed = newer.reseal().await.unwrap();
    assert_eq!((resealed.sealed, resealed.left), (1, vec![lost.id]));
    let listed: Vec<_> = newer.list(None, None, 9).await.unwrap().iter().map(|endpoint| endpoint.id).collect();
    assert_eq!(listed, [kept.id]);
    let sender = hookwire::sender::Sender::builder(newer.clone()).build().unwrap();
    sender.endpoints().remove(lost.id).await.unwrap();
    assert_eq!(newer.reseal().await.unwrap().left, []);
}

#[tokio::test]
async fn plain_text_and_records_under_an_older_key_are_sealed_again_in_place() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hookwire.db");
    let clear = SqliteStore::open(&path).await.unwrap();
    let all: Vec<_> = (0..150).map(|_| endpoint()).collect();
    for endpoint in &all {
        clear.put(endpoint.clone()).await.unwrap();
    }
    assert_eq!(clear.reseal().await.unwrap().sealed, 0, "with what?");
    let first = SqliteStore::open(&path).await.unwrap().with_key_provider(keys("a", 1));
    assert_eq!(first.reseal().await.unwrap().sealed, 150);
    assert_eq!(first.reseal().await.unwrap().sealed, 0);
    let both = keys("b", 2).with_older("a", &[1; 32]).unwrap();
    let second = SqliteStore::open(&path).await.unwrap().with_key_provider(both);
    assert_eq!(second.reseal().await.unwrap().sealed, 150);
    let newer = SqliteStore::open(&path).await.unwrap().with_key_provider(keys("b", 2));
    for endpoint in &all {
        let kept = newer.get(endpoint.id).await.unwrap().unwrap();
        assert_eq!((secret(&kept), kept.version), (secret(endpoint), 1));
    }
}
