//! Documents that schemes need, fetched once and kept for a while.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use crate::clock::Timestamp;
use crate::fetch::{Fetch, FetchError};
use crate::signature::Need;

/// Longest document, in bytes.
const MAX_BYTES: usize = 256 * 1024;

/// Most documents kept. Names come from strangers, within what a scheme allows.
const MAX_DOCUMENTS: usize = 64;

/// How long a document is used without asking again.
const FRESH_FOR: Duration = Duration::from_hours(1);

/// How long it is used while the provider does not answer.
const STALE_FOR: Duration = Duration::from_hours(24);

/// The shortest time between two fetches of one document, whatever strangers ask for.
const FLOOR: Duration = Duration::from_mins(1);

/// Fetches documents and keeps them. No lock is held while one is fetched, but for the one document's own.
#[derive(Debug, Default)]
pub(super) struct Library {
    fetch: Option<Arc<dyn Fetch>>,
    shelf: Mutex<HashMap<String, Arc<Book>>>,
}

#[derive(Debug, Default)]
struct Book {
    /// Held while it is fetched: many who want it wait for one fetch.
    fetching: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

#[derive(Clone, Debug, Default)]
struct State {
    content: Option<Bytes>,
    fetched_at: Option<Timestamp>,
    tried_at: Option<Timestamp>,
}

impl State {
    fn is_younger(at: Option<Timestamp>, than: Duration, now: Timestamp) -> bool {
        at.is_some_and(|at| now.since(at) < than)
    }

    /// Whether it can be used as it is.
    fn serves(&self, need: &Need, now: Timestamp) -> bool {
        let recent = if need.fresh { FLOOR } else { FRESH_FOR };
        self.content.is_some() && Self::is_younger(self.fetched_at, recent, now)
    }
}

impl Library {
    pub(super) fn new(fetch: Option<Arc<dyn Fetch>>) -> Self {
        Self { fetch, shelf: Mutex::default() }
    }

    /// The document, from the shelf or from its provider.
    pub(super) async fn get(&self, need: &Need, now: Timestamp) -> Result<Bytes, FetchError> {
        let book = self.book(&need.name);
        if let Some(content) = book.usable(need, now) {
            return Ok(content);
        }
        let _fetching = book.fetching.lock().await;
        // Somebody else may have fetched it meanwhile.
        if let Some(content) = book.usable(need, now) {
            return Ok(content);
        }
        let tried_before = State::is_younger(book.state().tried_at, FLOOR, now);
        if !tried_before {
            book.with(|state| state.tried_at = Some(now));
            match self.fetch(&need.url, need.post.clone()).await {
                Ok(content) => {
                    book.with(|state| (state.content, state.fetched_at) = (Some(content.clone()), Some(now)));
                    return Ok(content);
                }
                Err(error) => tracing::warn!(document = need.name, reason = %error, "webhook key not fetched"),
            }
        }
        let state = book.state();
        let stale = state.content.filter(|_| State::is_younger(state.fetched_at, STALE_FOR, now));
        stale.ok_or(FetchError::Unreachable)
    }

    /// Fetches something for its effect.
    pub(super) async fn fetch(&self, url: &str, post: Option<Bytes>) -> Result<Bytes, FetchError> {
        let fetch = self.fetch.as_ref().ok_or(FetchError::NoFetcher)?;
        fetch.fetch(url, post, MAX_BYTES).await
    }

    fn book(&self, name: &str) -> Arc<Book> {
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(book) = shelf.get(name) {
            return Arc::clone(book);
        }
        if shelf.len() >= MAX_DOCUMENTS {
            let oldest = shelf.iter().min_by_key(|(_, book)| book.state().tried_at).map(|(name, _)| name.clone());
            oldest.and_then(|name| shelf.remove(&name));
        }
        Arc::clone(shelf.entry(name.to_owned()).or_default())
    }
}

impl Book {
    fn state(&self) -> State {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn with(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn usable(&self, need: &Need, now: Timestamp) -> Option<Bytes> {
        let state = self.state();
        if state.serves(need, now) { state.content } else { None }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;

    use super::*;

    #[derive(Debug, Default)]
    struct Counting {
        fetches: AtomicUsize,
        down: std::sync::atomic::AtomicBool,
    }

    #[async_trait]
    impl Fetch for Counting {
        async fn fetch(&self, _: &str, _: Option<Bytes>, _: usize) -> Result<Bytes, FetchError> {
            let count = self.fetches.fetch_add(1, Ordering::SeqCst) + 1;
            tokio::time::sleep(Duration::from_millis(1)).await;
            if self.down.load(Ordering::SeqCst) { Err(FetchError::Status(503)) } else { Ok(count.to_string().into()) }
        }
    }

    const START: Timestamp = Timestamp::from_secs(1_700_000_000);

    fn library() -> (Arc<Counting>, Library) {
        let fetch = Arc::new(Counting::default());
        (fetch.clone(), Library::new(Some(fetch)))
    }

    async fn get(library: &Library, need: &Need, after: Duration) -> Result<Bytes, FetchError> {
        library.get(need, START + after).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_document_is_fetched_once_an_hour_however_many_want_it() {
        let (fetch, library) = library();
        let need = Need::at("https://a.example/keys");
        let all = futures_util::future::join_all((0..50).map(|_| get(&library, &need, Duration::ZERO))).await;
        assert!(all.iter().all(Result::is_ok));
        assert_eq!(fetch.fetches.load(Ordering::SeqCst), 1);
        get(&library, &need, Duration::from_mins(59)).await.unwrap();
        assert_eq!(fetch.fetches.load(Ordering::SeqCst), 1);
        assert_eq!(get(&library, &need, Duration::from_mins(61)).await.unwrap(), "2");
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_unknown_keys_makes_one_fetch_a_minute() {
        let (fetch, library) = library();
        let need = Need::at("https://a.example/keys");
        get(&library, &need, Duration::ZERO).await.unwrap();
        for second in 0..180 {
            get(&library, &need.clone().anew(), Duration::from_secs(second)).await.unwrap();
        }
        assert_eq!(fetch.fetches.load(Ordering::SeqCst), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn an_old_document_serves_for_a_day_while_its_provider_is_down() {
        let (fetch, library) = library();
        let need = Need::at("https://a.example/keys");
        get(&library, &need, Duration::ZERO).await.unwrap();
        fetch.down.store(true, Ordering::SeqCst);
        assert!(get(&library, &need, Duration::from_hours(23)).await.is_ok());
        assert_eq!(get(&library, &need, Duration::from_hours(25)).await, Err(FetchError::Unreachable));
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_be_had_is_not_asked_for_again_at_once() {
        let (fetch, library) = library();
        fetch.down.store(true, Ordering::SeqCst);
        let need = Need::at("https://a.example/keys");
        for second in 0..59 {
            assert!(get(&library, &need, Duration::from_secs(second)).await.is_err());
        }
        assert_eq!(fetch.fetches.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn strangers_names_are_bounded() {
        let (_, library) = library();
        for number in 0..1_000 {
            get(&library, &Need::at(format!("https://a.example/{number}")), Duration::from_secs(number)).await.unwrap();
        }
        assert_eq!(library.shelf.lock().unwrap().len(), MAX_DOCUMENTS);
    }

    #[tokio::test]
    async fn without_a_fetcher_nothing_is_fetched() {
        let need = Need::at("https://a.example/keys");
        assert!(Library::default().get(&need, START).await.is_err());
    }
}
