//! A cache of documents that schemes need (certificates, key sets).
//!
//! Before anything is verified, a stranger who sends a request chooses the names of certificates and keys. Therefore:
//!
//! 1. A document is **proven** when a request was verified with it. Other documents never evict it, and it is fetched again without a
//!    token.
//! 2. Every other fetch takes a token of its source: a few at once, then one every ten seconds. One source cannot use up the tokens
//!    of another.
//! 3. A name that found no token and is requested again takes a token from a second bucket. Providers retry requests, so a new key of
//!    a provider gets through a flood of names that are used once.
//! 4. A failed fetch is remembered for a minute, or for five minutes if the provider responded that the document does not exist.
//! 5. A source makes at most four fetches at once, each for at most ten seconds.

mod limits;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Semaphore;

use self::limits::{RecentNames, TokenBucket};
use crate::clock::Timestamp;
use crate::fetch::{Fetch, FetchError};
use crate::provider::FetchRequest;

/// The longest document, in bytes.
const MAX_BYTES: usize = 256 * 1024;

/// Maximum number of proven documents of one source. A provider publishes a few at a time.
const MAX_PROVEN: usize = 64;

/// Maximum number of other documents of one source.
const MAX_UNPROVEN: usize = 16;

/// How long a document is used before it is fetched again.
const FRESH_FOR: Duration = Duration::from_secs(60 * 60);

/// How long a document is used while the provider does not respond.
const STALE_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// The minimum time between two fetches of one document, whatever strangers request.
const FLOOR: Duration = Duration::from_secs(60);

/// The minimum time between two fetches of a document that does not exist.
const FLOOR_OF_MISSING: Duration = Duration::from_secs(5 * 60);

/// How long one fetch may take, whatever the fetcher's own limit is.
const DEADLINE: Duration = Duration::from_secs(10);

/// Maximum number of concurrent fetches of one source.
const MAX_CONCURRENT: usize = 4;

/// Fetches documents and keeps them, separately for each source. During a fetch only the lock of that document is held.
#[derive(Debug, Default)]
pub(super) struct DocumentCache {
    fetch: Option<Arc<dyn Fetch>>,
    sources: Mutex<HashMap<Arc<str>, Arc<SourceDocuments>>>,
}

/// The documents of one source.
#[derive(Debug)]
struct SourceDocuments {
    state: Mutex<SourceState>,
    fetching: Semaphore,
}

#[derive(Debug)]
struct SourceState {
    documents: HashMap<String, Arc<Document>>,
    first_tries: TokenBucket,
    retries: TokenBucket,
    visits: TokenBucket,
    rejected: RecentNames,
    failed: RecentNames,
}

#[derive(Debug, Default)]
struct Document {
    /// Held during a fetch: other requests for the document wait for it.
    fetching: tokio::sync::Mutex<()>,
    state: Mutex<DocumentState>,
}

#[derive(Clone, Debug, Default)]
struct DocumentState {
    content: Option<Bytes>,
    fetched_at: Option<Timestamp>,
    tried_at: Option<Timestamp>,
    proven_at: Option<Timestamp>,
}

impl DocumentState {
    fn is_younger(at: Option<Timestamp>, than: Duration, now: Timestamp) -> bool {
        at.is_some_and(|at| now.since(at) < than)
    }

    /// Whether the document can be used without a fetch.
    fn serves(&self, need: &FetchRequest, now: Timestamp) -> bool {
        let recent = if need.refetch { FLOOR } else { FRESH_FOR };
        self.content.is_some() && Self::is_younger(self.fetched_at, recent, now)
    }
}

impl DocumentCache {
    pub(super) fn new(fetch: Option<Arc<dyn Fetch>>) -> Self {
        Self { fetch, sources: Mutex::default() }
    }

    /// Returns the document that a source needs, from the cache or from its provider.
    pub(super) async fn get(
        &self,
        source: &Arc<str>,
        need: &FetchRequest,
        now: Timestamp,
    ) -> Result<Bytes, FetchError> {
        let of_source = self.of_source(source);
        let document = of_source.document(&need.name, now)?;
        if let Some(content) = document.usable(need, now) {
            return Ok(content);
        }
        let _fetching = document.fetching.lock().await;
        // Another request may have fetched the document meanwhile.
        if let Some(content) = document.usable(need, now) {
            return Ok(content);
        }
        let mut failure = FetchError::Unreachable;
        if !DocumentState::is_younger(document.state().tried_at, FLOOR, now) {
            match self.fetch_into(&of_source, &document, need, now).await {
                Ok(content) => return Ok(content),
                Err(error) => failure = error,
            }
        }
        let state = document.state();
        let stale = state.content.filter(|_| DocumentState::is_younger(state.fetched_at, STALE_FOR, now));
        stale.ok_or(failure)
    }

    async fn fetch_into(
        &self,
        of_source: &SourceDocuments,
        document: &Arc<Document>,
        need: &FetchRequest,
        now: Timestamp,
    ) -> Result<Bytes, FetchError> {
        let admitted = of_source.admit(need, document, now);
        if admitted.is_err() {
            of_source.remove_unfetched(&need.name);
        }
        let _permit = admitted?;
        let fetched = self.fetch(&need.url, need.post.clone()).await;
        match &fetched {
            Ok(content) => {
                document.with(|state| (state.content, state.fetched_at) = (Some(content.clone()), Some(now)));
            }
            Err(error) => of_source.note_failure(need, *error, now),
        }
        fetched.map_err(|_| FetchError::Unreachable)
    }

    /// Notes that a request of this source was verified with the documents of these names.
    pub(super) fn prove<'n>(&self, source: &Arc<str>, names: impl Iterator<Item = &'n str>, now: Timestamp) {
        let mut names = names.peekable();
        if names.peek().is_none() {
            return;
        }
        let of_source = self.of_source(source);
        let mut state = of_source.state();
        let mut is_news = false;
        for name in names {
            if let Some(document) = state.documents.get(name) {
                document.with(|state| is_news |= state.proven_at.replace(now).is_none());
            }
        }
        if is_news {
            state.evict();
        }
    }

    /// Fetches a URL for its effect, such as the confirmation of a subscription, on behalf of a verified request.
    pub(super) async fn visit(&self, source: &Arc<str>, url: &str, now: Timestamp) -> Result<(), FetchError> {
        let of_source = self.of_source(source);
        if !of_source.state().visits.take(now) {
            return Err(FetchError::TooMany);
        }
        let _permit = of_source.fetching.try_acquire().map_err(|_| FetchError::TooMany)?;
        self.fetch(url, None).await.map(drop)
    }

    async fn fetch(&self, url: &str, post: Option<Bytes>) -> Result<Bytes, FetchError> {
        let fetch = self.fetch.as_ref().ok_or(FetchError::NoFetcher)?;
        let fetched = tokio::time::timeout(DEADLINE, fetch.fetch(url, post, MAX_BYTES)).await;
        fetched.unwrap_or(Err(FetchError::Unreachable))
    }

    fn of_source(&self, source: &Arc<str>) -> Arc<SourceDocuments> {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(sources.entry(Arc::clone(source)).or_default())
    }
}

impl Default for SourceDocuments {
    fn default() -> Self {
        let state = SourceState {
            documents: HashMap::new(),
            first_tries: TokenBucket::new(8, Duration::from_secs(10)),
            retries: TokenBucket::new(4, Duration::from_secs(15)),
            visits: TokenBucket::new(8, Duration::from_secs(10)),
            rejected: RecentNames::default(),
            failed: RecentNames::default(),
        };
        Self { state: Mutex::new(state), fetching: Semaphore::new(MAX_CONCURRENT) }
    }
}

impl SourceDocuments {
    fn state(&self) -> MutexGuard<'_, SourceState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the entry of a document, which is empty until it is fetched.
    fn document(&self, name: &str, now: Timestamp) -> Result<Arc<Document>, FetchError> {
        let mut state = self.state();
        if state.failed.holds(name, FLOOR_OF_MISSING, now) {
            return Err(FetchError::Unreachable);
        }
        Ok(Arc::clone(state.documents.entry(name.to_owned()).or_default()))
    }

    /// Removes the entry of a document that may not be fetched now.
    fn remove_unfetched(&self, name: &str) {
        let mut state = self.state();
        if state.documents.get(name).is_some_and(|document| document.state().tried_at.is_none()) {
            state.documents.remove(name);
        }
    }

    /// Permits a fetch of this document now, or fails with [`FetchError::TooMany`].
    fn admit(
        &self,
        need: &FetchRequest,
        document: &Arc<Document>,
        now: Timestamp,
    ) -> Result<Option<tokio::sync::SemaphorePermit<'_>>, FetchError> {
        // A proven document needs no token: strangers cannot make a document proven, and it is fetched at most once a minute.
        let proven = document.state().proven_at.is_some();
        let permit = if proven { None } else { Some(self.fetching.try_acquire().map_err(|_| FetchError::TooMany)?) };
        let mut state = self.state();
        if !proven && !state.first_tries.take(now) {
            let asked_again = state.rejected.holds(&need.name, Duration::MAX, now);
            if !asked_again || !state.retries.take(now) {
                state.rejected.add(&need.name, now);
                return Err(FetchError::TooMany);
            }
        }
        document.with(|state| state.tried_at = Some(now));
        // Another request may have removed the entry meanwhile.
        state.documents.entry(need.name.clone()).or_insert_with(|| Arc::clone(document));
        state.evict();
        Ok(permit)
    }

    fn note_failure(&self, need: &FetchRequest, error: FetchError, now: Timestamp) {
        tracing::warn!(document = need.name, reason = %error, "webhook key not fetched");
        // S3, where SNS keeps its certificates, responds with 403 if a document does not exist.
        if matches!(error, FetchError::Status(400 | 403 | 404 | 410)) {
            let mut state = self.state();
            let proven = state.documents.get(&need.name).is_some_and(|document| document.state().proven_at.is_some());
            if !proven {
                state.documents.remove(&need.name);
                state.failed.add(&need.name, now);
            }
        }
    }
}

impl SourceState {
    /// Removes the oldest documents above the limits. Unproven documents never evict proven ones.
    fn evict(&mut self) {
        for (proven, most) in [(false, MAX_UNPROVEN), (true, MAX_PROVEN)] {
            let age = |document: &Document| {
                let state = document.state();
                (state.proven_at.is_some() == proven).then(|| state.proven_at.max(state.tried_at))
            };
            let mut held: Vec<_> = self
                .documents
                .iter()
                .filter_map(|(name, document)| age(document).map(|at| (at, name.clone())))
                .collect();
            held.sort_unstable();
            for (_, name) in held.iter().take(held.len().saturating_sub(most)) {
                self.documents.remove(name);
            }
        }
    }
}

impl Document {
    fn state(&self) -> DocumentState {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn with(&self, change: impl FnOnce(&mut DocumentState)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn usable(&self, need: &FetchRequest, now: Timestamp) -> Option<Bytes> {
        let state = self.state();
        if state.serves(need, now) { state.content } else { None }
    }
}
