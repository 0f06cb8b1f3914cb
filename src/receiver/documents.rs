//! Documents that schemes need (certificates, key sets), fetched once and kept for a while.
//!
//! Whoever posts to a receiver chooses the names of certificates and keys before anything is verified. So:
//!
//! 1. A document is **proven** once a request was verified with it. No other document ever takes its place, and fetching it anew
//!    depends on nobody else.
//! 2. Every other fetch takes a token of its source: a few at once, then one every ten seconds. One source cannot use up another
//!    one's tokens.
//! 3. A name that was refused for want of a token, and is asked for again, takes its token from a second bucket: a provider tries a
//!    request again, so a key that a provider has just begun to use gets through a flood of names that are used once.
//! 4. A failed fetch is remembered, for a minute, or for five where the provider said that there is no such document.
//! 5. At most four fetches of a source are under way at once, each for ten seconds at most.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Semaphore;

use crate::clock::Timestamp;
use crate::fetch::{Fetch, FetchError};
use crate::signature::Need;

/// Longest document, in bytes.
const MAX_BYTES: usize = 256 * 1024;

/// Most proven documents kept of one source. A provider publishes a handful at a time.
const MAX_PROVEN: usize = 64;

/// Most other documents kept of one source.
const MAX_UNPROVEN: usize = 16;

/// How long a document is used without asking again.
const FRESH_FOR: Duration = Duration::from_hours(1);

/// How long it is used while the provider does not answer.
const STALE_FOR: Duration = Duration::from_hours(24);

/// The shortest time between two fetches of one document, whatever strangers ask for.
const FLOOR: Duration = Duration::from_mins(1);

/// The same where the provider said that there is no such document.
const FLOOR_OF_MISSING: Duration = Duration::from_mins(5);

/// How long one fetch may take, beside the fetcher's own limit.
const DEADLINE: Duration = Duration::from_secs(10);

/// Most fetches of one source at the same time.
const MAX_CONCURRENT: usize = 4;

/// Most names of a source that are remembered for having been refused, and most failures.
const MAX_REMEMBERED: usize = 4_096;

/// Fetches documents and keeps them, for each source by itself. No lock is held while one is fetched, but for the one
/// document's own.
#[derive(Debug, Default)]
pub(super) struct Library {
    fetch: Option<Arc<dyn Fetch>>,
    shelves: Mutex<HashMap<Arc<str>, Arc<Shelf>>>,
}

/// The documents of one source.
#[derive(Debug)]
struct Shelf {
    state: Mutex<ShelfState>,
    fetching: Semaphore,
}

#[derive(Debug)]
struct ShelfState {
    books: HashMap<String, Arc<Book>>,
    newcomers: Bucket,
    retries: Bucket,
    visits: Bucket,
    refused: Remembered,
    failed: Remembered,
}

#[derive(Debug, Default)]
struct Book {
    /// Held while it is fetched: many who want it wait for one fetch.
    fetching: tokio::sync::Mutex<()>,
    state: Mutex<BookState>,
}

#[derive(Clone, Debug, Default)]
struct BookState {
    content: Option<Bytes>,
    fetched_at: Option<Timestamp>,
    tried_at: Option<Timestamp>,
    proven_at: Option<Timestamp>,
}

impl BookState {
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
        Self { fetch, shelves: Mutex::default() }
    }

    /// The document that a source needs, from the shelf or from its provider.
    pub(super) async fn get(&self, source: &Arc<str>, need: &Need, now: Timestamp) -> Result<Bytes, FetchError> {
        let shelf = self.shelf(source);
        let book = shelf.book(&need.name, now)?;
        if let Some(content) = book.usable(need, now) {
            return Ok(content);
        }
        let _fetching = book.fetching.lock().await;
        // Somebody else may have fetched it meanwhile.
        if let Some(content) = book.usable(need, now) {
            return Ok(content);
        }
        let mut failure = FetchError::Unreachable;
        if !BookState::is_younger(book.state().tried_at, FLOOR, now) {
            match self.fetch_into(&shelf, &book, need, now).await {
                Ok(content) => return Ok(content),
                Err(error) => failure = error,
            }
        }
        let state = book.state();
        let stale = state.content.filter(|_| BookState::is_younger(state.fetched_at, STALE_FOR, now));
        stale.ok_or(failure)
    }

    async fn fetch_into(
        &self,
        shelf: &Shelf,
        book: &Arc<Book>,
        need: &Need,
        now: Timestamp,
    ) -> Result<Bytes, FetchError> {
        let admitted = shelf.admit(need, book, now);
        if admitted.is_err() {
            shelf.drop_blank(&need.name);
        }
        let _permit = admitted?;
        let fetched = self.fetch(&need.url, need.post.clone()).await;
        match &fetched {
            Ok(content) => book.with(|state| (state.content, state.fetched_at) = (Some(content.clone()), Some(now))),
            Err(error) => shelf.note_failure(need, *error, now),
        }
        fetched.map_err(|_| FetchError::Unreachable)
    }

    /// Notes that a request of this source was verified with the documents of these names.
    pub(super) fn prove<'n>(&self, source: &Arc<str>, names: impl Iterator<Item = &'n str>, now: Timestamp) {
        let mut names = names.peekable();
        if names.peek().is_none() {
            return;
        }
        let shelf = self.shelf(source);
        let mut state = shelf.state();
        let mut is_news = false;
        for name in names {
            if let Some(book) = state.books.get(name) {
                book.with(|state| is_news |= state.proven_at.replace(now).is_none());
            }
        }
        if is_news {
            state.evict();
        }
    }

    /// Fetches something for its effect, which a verified request has asked for.
    pub(super) async fn visit(&self, source: &Arc<str>, url: &str, now: Timestamp) -> Result<(), FetchError> {
        let shelf = self.shelf(source);
        if !shelf.state().visits.take(now) {
            return Err(FetchError::TooMany);
        }
        let _permit = shelf.fetching.try_acquire().map_err(|_| FetchError::TooMany)?;
        self.fetch(url, None).await.map(drop)
    }

    async fn fetch(&self, url: &str, post: Option<Bytes>) -> Result<Bytes, FetchError> {
        let fetch = self.fetch.as_ref().ok_or(FetchError::NoFetcher)?;
        let fetched = tokio::time::timeout(DEADLINE, fetch.fetch(url, post, MAX_BYTES)).await;
        fetched.unwrap_or(Err(FetchError::Unreachable))
    }

    fn shelf(&self, source: &Arc<str>) -> Arc<Shelf> {
        let mut shelves = self.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(shelves.entry(Arc::clone(source)).or_default())
    }
}

impl Default for Shelf {
    fn default() -> Self {
        let state = ShelfState {
            books: HashMap::new(),
            newcomers: Bucket::new(8, Duration::from_secs(10)),
            retries: Bucket::new(4, Duration::from_secs(15)),
            visits: Bucket::new(8, Duration::from_secs(10)),
            refused: Remembered::default(),
            failed: Remembered::default(),
        };
        Self { state: Mutex::new(state), fetching: Semaphore::new(MAX_CONCURRENT) }
    }
}

impl Shelf {
    fn state(&self) -> MutexGuard<'_, ShelfState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The place of a document, which is empty until it is fetched.
    fn book(&self, name: &str, now: Timestamp) -> Result<Arc<Book>, FetchError> {
        let mut state = self.state();
        if state.failed.holds(name, FLOOR_OF_MISSING, now) {
            return Err(FetchError::Unreachable);
        }
        Ok(Arc::clone(state.books.entry(name.to_owned()).or_default()))
    }

    /// Removes the place of a document that was not admitted.
    fn drop_blank(&self, name: &str) {
        let mut state = self.state();
        if state.books.get(name).is_some_and(|book| book.state().tried_at.is_none()) {
            state.books.remove(name);
        }
    }

    /// Whether this document may be fetched now.
    fn admit(
        &self,
        need: &Need,
        book: &Arc<Book>,
        now: Timestamp,
    ) -> Result<Option<tokio::sync::SemaphorePermit<'_>>, FetchError> {
        // A proven document waits for nobody: strangers cannot name it into being, and it is fetched once a minute at most.
        let proven = book.state().proven_at.is_some();
        let permit = if proven { None } else { Some(self.fetching.try_acquire().map_err(|_| FetchError::TooMany)?) };
        let mut state = self.state();
        if !proven && !state.newcomers.take(now) {
            let asked_again = state.refused.holds(&need.name, Duration::MAX, now);
            if !asked_again || !state.retries.take(now) {
                state.refused.add(&need.name, now);
                return Err(FetchError::TooMany);
            }
        }
        book.with(|state| state.tried_at = Some(now));
        // Another request may have removed the place meanwhile.
        state.books.entry(need.name.clone()).or_insert_with(|| Arc::clone(book));
        state.evict();
        Ok(permit)
    }

    fn note_failure(&self, need: &Need, error: FetchError, now: Timestamp) {
        tracing::warn!(document = need.name, reason = %error, "webhook key not fetched");
        // S3, where SNS keeps its certificates, answers 403 for what is not there.
        if matches!(error, FetchError::Status(400 | 403 | 404 | 410)) {
            let mut state = self.state();
            let proven = state.books.get(&need.name).is_some_and(|book| book.state().proven_at.is_some());
            if !proven {
                state.books.remove(&need.name);
                state.failed.add(&need.name, now);
            }
        }
    }
}

impl ShelfState {
    /// Drops the oldest of what is too much: unproven documents for unproven ones, proven ones for proven ones.
    fn evict(&mut self) {
        for (proven, most) in [(false, MAX_UNPROVEN), (true, MAX_PROVEN)] {
            let age = |book: &Book| {
                let state = book.state();
                (state.proven_at.is_some() == proven).then(|| state.proven_at.max(state.tried_at))
            };
            let mut held: Vec<_> =
                self.books.iter().filter_map(|(name, book)| age(book).map(|at| (at, name.clone()))).collect();
            held.sort_unstable();
            for (_, name) in held.iter().take(held.len().saturating_sub(most)) {
                self.books.remove(name);
            }
        }
    }
}

impl Book {
    fn state(&self) -> BookState {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn with(&self, change: impl FnOnce(&mut BookState)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn usable(&self, need: &Need, now: Timestamp) -> Option<Bytes> {
        let state = self.state();
        if state.serves(need, now) { state.content } else { None }
    }
}

/// A token bucket by our clock.
#[derive(Debug)]
struct Bucket {
    tokens: u32,
    most: u32,
    every: Duration,
    /// When the last token was added.
    at: Option<Timestamp>,
}

impl Bucket {
    const fn new(most: u32, every: Duration) -> Self {
        Self { tokens: most, most, every, at: None }
    }

    fn take(&mut self, now: Timestamp) -> bool {
        // A clock that was set back begins anew, so that it does not stop the tokens until it has caught up.
        let at = self.at.filter(|at| *at <= now).unwrap_or(now);
        let added = now.since(at).as_micros() / self.every.as_micros().max(1);
        let added = u32::try_from(added).unwrap_or(self.most).min(self.most);
        self.tokens = self.tokens.saturating_add(added).min(self.most);
        let is_full = self.tokens == self.most;
        self.at = Some(if is_full { now } else { at + self.every * added });
        let taken = self.tokens > 0;
        self.tokens = self.tokens.saturating_sub(1);
        taken
    }
}

/// Names that were seen, the oldest forgotten first. A name is kept as a hash that nobody outside of this process can aim at.
#[derive(Debug, Default)]
struct Remembered {
    hasher: RandomState,
    seen: HashMap<u64, Timestamp>,
    order: VecDeque<u64>,
}

impl Remembered {
    fn add(&mut self, name: &str, now: Timestamp) {
        let hash = self.hasher.hash_one(name);
        if self.seen.insert(hash, now).is_some() {
            return;
        }
        self.order.push_back(hash);
        if self.order.len() > MAX_REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
    }

    fn holds(&self, name: &str, within: Duration, now: Timestamp) -> bool {
        self.seen.get(&self.hasher.hash_one(name)).is_some_and(|at| now.since(*at) < within)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use async_trait::async_trait;

    use super::*;

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

    fn library() -> (Arc<Counting>, Library) {
        let fetch = Arc::new(Counting::default());
        (fetch.clone(), Library::new(Some(fetch)))
    }

    fn source(name: &str) -> Arc<str> {
        name.into()
    }

    async fn get(library: &Library, need: &Need, after: Duration) -> Result<Bytes, FetchError> {
        library.get(&source("a"), need, START + after).await
    }

    fn junk(number: u64) -> Need {
        Need::at(format!("https://a.example/{number}"))
    }

    /// A thousand names that nobody publishes, at one moment.
    async fn flood(library: &Library, after: Duration) {
        for number in 0..1_000 {
            let _refused = get(library, &junk(number + after.as_secs() * 10_000), after).await;
        }
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
    async fn a_thousand_names_make_eight_fetches_and_one_more_every_ten_seconds() {
        let (fetch, library) = library();
        flood(&library, Duration::ZERO).await;
        assert_eq!(fetch.fetches.load(Ordering::SeqCst), 8);
        flood(&library, Duration::from_secs(10)).await;
        assert_eq!(fetch.fetches.load(Ordering::SeqCst), 9);
        flood(&library, Duration::from_hours(1)).await;
        assert_eq!(fetch.fetches.load(Ordering::SeqCst), 17);
    }

    #[tokio::test(start_paused = true)]
    async fn no_unproven_name_takes_the_place_of_a_proven_one() {
        let (fetch, library) = library();
        let need = Need::at("https://a.example/true");
        get(&library, &need, Duration::ZERO).await.unwrap();
        library.prove(&source("a"), std::iter::once(&*need.name), START);
        for minute in 0..50 {
            flood(&library, Duration::from_mins(minute)).await;
        }
        let before = fetch.fetches.load(Ordering::SeqCst);
        get(&library, &need, Duration::from_mins(50)).await.unwrap();
        assert_eq!(fetch.fetches.load(Ordering::SeqCst), before, "it is still at hand");
        flood(&library, Duration::from_mins(70)).await;
        let after = fetch.fetches.load(Ordering::SeqCst);
        get(&library, &need, Duration::from_mins(70)).await.unwrap();
        assert_eq!(fetch.fetches.load(Ordering::SeqCst), after + 1, "it is fetched anew without a token");
    }

    #[tokio::test(start_paused = true)]
    async fn one_source_cannot_use_up_the_fetches_of_another() {
        let (_, library) = library();
        flood(&library, Duration::ZERO).await;
        assert!(get(&library, &junk(77_777), Duration::ZERO).await.is_err());
        assert!(library.get(&source("b"), &junk(77_777), START).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_key_that_is_asked_for_again_gets_through_a_flood() {
        let (_, library) = library();
        flood(&library, Duration::ZERO).await;
        let rotated = Need::at("https://a.example/rotated");
        assert_eq!(get(&library, &rotated, Duration::ZERO).await, Err(FetchError::TooMany));
        flood(&library, Duration::from_secs(5)).await;
        assert!(get(&library, &rotated, Duration::from_secs(5)).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_that_the_provider_does_not_know_is_not_asked_for_again_for_five_minutes() {
        let (fetch, library) = library();
        fetch.unknown.store(true, Ordering::SeqCst);
        for second in 0..299 {
            assert!(get(&library, &junk(1), Duration::from_secs(second)).await.is_err());
        }
        assert_eq!(fetch.fetches.load(Ordering::SeqCst), 1);
        fetch.unknown.store(false, Ordering::SeqCst);
        assert!(get(&library, &junk(1), Duration::from_secs(300)).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_fetch_ends_in_time_and_only_a_few_run_at_once() {
        let (fetch, library) = library();
        fetch.hangs.store(true, Ordering::SeqCst);
        let all = futures_util::future::join_all((0..8).map(|number| {
            let library = &library;
            async move { get(library, &junk(number), Duration::ZERO).await }
        }));
        let all = all.await;
        assert_eq!(all.iter().filter(|result| **result == Err(FetchError::TooMany)).count(), 4);
        assert_eq!(all.iter().filter(|result| **result == Err(FetchError::Unreachable)).count(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_kept_of_strangers_names_is_bounded() {
        let (_, library) = library();
        for number in 0..10_000 {
            let _refused = get(&library, &junk(number), Duration::from_secs(number)).await;
        }
        let shelf = library.shelf(&source("a"));
        assert_eq!(shelf.state().books.len(), MAX_UNPROVEN);
        assert_eq!(shelf.state().refused.order.len(), MAX_REMEMBERED);
        assert_eq!(shelf.state().refused.seen.len(), MAX_REMEMBERED);
    }

    #[tokio::test(start_paused = true)]
    async fn confirmations_are_bounded_too() {
        let (fetch, library) = library();
        for _ in 0..100 {
            let _refused = library.visit(&source("a"), "https://a.example/confirm", START).await;
        }
        assert_eq!(fetch.fetches.load(Ordering::SeqCst), 8);
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_stop_the_tokens() {
        let mut bucket = Bucket::new(1, Duration::from_secs(10));
        assert!(bucket.take(START));
        let back = START - Duration::from_hours(1);
        assert!(!bucket.take(back));
        assert!(bucket.take(back + Duration::from_secs(10)));
    }

    #[tokio::test]
    async fn without_a_fetcher_nothing_is_fetched() {
        let need = Need::at("https://a.example/keys");
        assert!(Library::default().get(&source("a"), &need, START).await.is_err());
    }
}
