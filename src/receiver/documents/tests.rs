//! Requests of strangers cause few fetches and do not affect proven documents or other sources.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use super::limits::{MAX_REMEMBERED, TokenBucket};
use super::{DocumentCache, MAX_UNPROVEN};
use crate::clock::Timestamp;
use crate::fetch::{Fetch, FetchError};
use crate::provider::FetchRequest;

#[derive(Debug, Default)]
struct Counting {
    fetches: AtomicUsize,
    down: AtomicBool,
    unknown: AtomicBool,
    hangs: AtomicBool,
}

#[async_trait]
impl Fetch for Counting {
    async fn fetch(&self, _: &str, _: Option<Bytes>, _: usize) -> Result<Bytes, FetchError> {
        let count = self.fetches.fetch_add(1, Ordering::SeqCst) + 1;
        tokio::time::sleep(Duration::from_millis(1)).await;
        if self.hangs.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        if self.unknown.load(Ordering::SeqCst) {
            return Err(FetchError::Status(404));
        }
        if self.down.load(Ordering::SeqCst) { Err(FetchError::Status(503)) } else { Ok(count.to_string().into()) }
    }
}

const START: Timestamp = Timestamp::from_secs(1_700_000_000);

fn documents() -> (Arc<Counting>, DocumentCache) {
    let fetch = Arc::new(Counting::default());
    (fetch.clone(), DocumentCache::new(Some(fetch)))
}

fn source(name: &str) -> Arc<str> {
    name.into()
}

async fn get(documents: &DocumentCache, need: &FetchRequest, after: Duration) -> Result<Bytes, FetchError> {
    documents.get(&source("a"), need, START + after).await
}

fn junk(number: u64) -> FetchRequest {
    FetchRequest::at(format!("https://a.example/{number}"))
}

/// Requests a thousand names that no provider publishes, at the same time.
async fn flood(documents: &DocumentCache, after: Duration) {
    for number in 0..1_000 {
        let _refused = get(documents, &junk(number + after.as_secs() * 10_000), after).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_document_is_fetched_once_an_hour_however_many_want_it() {
    let (fetch, documents) = documents();
    let need = FetchRequest::at("https://a.example/keys");
    let all = futures_util::future::join_all((0..50).map(|_| get(&documents, &need, Duration::ZERO))).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(fetch.fetches.load(Ordering::SeqCst), 1);
    get(&documents, &need, Duration::from_secs(59 * 60)).await.unwrap();
    assert_eq!(fetch.fetches.load(Ordering::SeqCst), 1);
    assert_eq!(get(&documents, &need, Duration::from_secs(61 * 60)).await.unwrap(), "2");
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_unknown_keys_makes_one_fetch_a_minute() {
    let (fetch, documents) = documents();
    let need = FetchRequest::at("https://a.example/keys");
    get(&documents, &need, Duration::ZERO).await.unwrap();
    for second in 0..180 {
        get(&documents, &need.clone().refetch(), Duration::from_secs(second)).await.unwrap();
    }
    assert_eq!(fetch.fetches.load(Ordering::SeqCst), 3);
}

#[tokio::test(start_paused = true)]
async fn an_old_document_serves_for_a_day_while_its_provider_is_down() {
    let (fetch, documents) = documents();
    let need = FetchRequest::at("https://a.example/keys");
    get(&documents, &need, Duration::ZERO).await.unwrap();
    fetch.down.store(true, Ordering::SeqCst);
    assert!(get(&documents, &need, Duration::from_secs(23 * 60 * 60)).await.is_ok());
    assert_eq!(get(&documents, &need, Duration::from_secs(25 * 60 * 60)).await, Err(FetchError::Unreachable));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_had_is_not_asked_for_again_at_once() {
    let (fetch, documents) = documents();
    fetch.down.store(true, Ordering::SeqCst);
    let need = FetchRequest::at("https://a.example/keys");
    for second in 0..59 {
        assert!(get(&documents, &need, Duration::from_secs(second)).await.is_err());
    }
    assert_eq!(fetch.fetches.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_names_make_eight_fetches_and_one_more_every_ten_seconds() {
    let (fetch, documents) = documents();
    flood(&documents, Duration::ZERO).await;
    assert_eq!(fetch.fetches.load(Ordering::SeqCst), 8);
    flood(&documents, Duration::from_secs(10)).await;
    assert_eq!(fetch.fetches.load(Ordering::SeqCst), 9);
    flood(&documents, Duration::from_secs(60 * 60)).await;
    assert_eq!(fetch.fetches.load(Ordering::SeqCst), 17);
}

#[tokio::test(start_paused = true)]
async fn no_unproven_name_takes_the_place_of_a_proven_one() {
    let (fetch, documents) = documents();
    let need = FetchRequest::at("https://a.example/true");
    get(&documents, &need, Duration::ZERO).await.unwrap();
    documents.prove(&source("a"), std::iter::once(&*need.name), START);
    for minute in 0..50 {
        flood(&documents, Duration::from_secs(minute * 60)).await;
    }
    let before = fetch.fetches.load(Ordering::SeqCst);
    get(&documents, &need, Duration::from_secs(50 * 60)).await.unwrap();
    assert_eq!(fetch.fetches.load(Ordering::SeqCst), before, "it is still at hand");
    flood(&documents, Duration::from_secs(70 * 60)).await;
    let after = fetch.fetches.load(Ordering::SeqCst);
    get(&documents, &need, Duration::from_secs(70 * 60)).await.unwrap();
    assert_eq!(fetch.fetches.load(Ordering::SeqCst), after + 1, "it is fetched anew without a token");
}

#[tokio::test(start_paused = true)]
async fn one_source_cannot_use_up_the_fetches_of_another() {
    let (_, documents) = documents();
    flood(&documents, Duration::ZERO).await;
    assert!(get(&documents, &junk(77_777), Duration::ZERO).await.is_err());
    assert!(documents.get(&source("b"), &junk(77_777), START).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_new_key_that_is_asked_for_again_gets_through_a_flood() {
    let (_, documents) = documents();
    flood(&documents, Duration::ZERO).await;
    let rotated = FetchRequest::at("https://a.example/rotated");
    assert_eq!(get(&documents, &rotated, Duration::ZERO).await, Err(FetchError::TooMany));
    flood(&documents, Duration::from_secs(5)).await;
    assert!(get(&documents, &rotated, Duration::from_secs(5)).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_name_that_the_provider_does_not_know_is_not_asked_for_again_for_five_minutes() {
    let (fetch, documents) = documents();
    fetch.unknown.store(true, Ordering::SeqCst);
    for second in 0..299 {
        assert!(get(&documents, &junk(1), Duration::from_secs(second)).await.is_err());
    }
    assert_eq!(fetch.fetches.load(Ordering::SeqCst), 1);
    fetch.unknown.store(false, Ordering::SeqCst);
    assert!(get(&documents, &junk(1), Duration::from_secs(300)).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_fetch_ends_in_time_and_only_a_few_run_at_once() {
    let (fetch, documents) = documents();
    fetch.hangs.store(true, Ordering::SeqCst);
    let all = futures_util::future::join_all((0..8).map(|number| {
        let documents = &documents;
        async move { get(documents, &junk(number), Duration::ZERO).await }
    }));
    let all = all.await;
    assert_eq!(all.iter().filter(|result| **result == Err(FetchError::TooMany)).count(), 4);
    assert_eq!(all.iter().filter(|result| **result == Err(FetchError::Unreachable)).count(), 4);
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_of_strangers_names_is_bounded() {
    let (_, documents) = documents();
    for number in 0..10_000 {
        let _refused = get(&documents, &junk(number), Duration::from_secs(number)).await;
    }
    let of_source = documents.of_source(&source("a"));
    assert_eq!(of_source.state().documents.len(), MAX_UNPROVEN);
    assert_eq!(of_source.state().rejected.order.len(), MAX_REMEMBERED);
    assert_eq!(of_source.state().rejected.seen.len(), MAX_REMEMBERED);
}

#[tokio::test(start_paused = true)]
async fn confirmations_are_bounded_too() {
    let (fetch, documents) = documents();
    for _ in 0..100 {
        let _refused = documents.visit(&source("a"), "https://a.example/confirm", START).await;
    }
    assert_eq!(fetch.fetches.load(Ordering::SeqCst), 8);
}

#[test]
fn a_clock_that_is_set_back_does_not_stop_the_tokens() {
    let mut bucket = TokenBucket::new(1, Duration::from_secs(10));
    assert!(bucket.take(START));
    let back = START - Duration::from_secs(60 * 60);
    assert!(!bucket.take(back));
    assert!(bucket.take(back + Duration::from_secs(10)));
}

#[tokio::test]
async fn without_a_fetcher_nothing_is_fetched() {
    let need = FetchRequest::at("https://a.example/keys");
    assert!(DocumentCache::default().get(&source("a"), &need, START).await.is_err());
}
