//! Fetching what a signature scheme needs from its provider: key sets, certificates, confirmations.
//!
//! The trait stands below both sides, so that receiving can use the guarded client of sending
//! ([`HttpClient`](crate::sender::http::HttpClient)) without knowing it. Implement it over another client only if that one has
//! an egress guard too: the URLs come from requests, though every scheme allows only hosts of its own provider.
//!
//! ```
//! use bytes::Bytes;
//! use hookwire::fetch::{Fetch, FetchError};
//!
//! /// A receiver that must not reach out at all.
//! #[derive(Debug)]
//! struct Never;
//!
//! #[async_trait::async_trait]
//! impl Fetch for Never {
//!     async fn fetch(&self, _: &str, _: Option<Bytes>, _: usize) -> Result<Bytes, FetchError> {
//!         Err(FetchError::Unreachable)
//!     }
//! }
//! ```

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

/// Fetches over `https`.
///
/// 1. `fetch` MUST refuse other schemes than `https`, and MUST NOT follow redirects.
/// 2. It MUST answer with the body of a 200, 201, 202 or 204, and fail for any other status.
/// 3. It MUST fail when the body is longer than `most_bytes`, without having read much more.
/// 4. It MUST end within a time of its own.
#[async_trait]
pub trait Fetch: fmt::Debug + Send + Sync + 'static {
    /// What stands at `url`: by GET, or by POST of this JSON. At most `most_bytes` of it.
    ///
    /// # Errors
    /// Says in a word why not.
    async fn fetch(&self, url: &str, post: Option<Bytes>, most_bytes: usize) -> Result<Bytes, FetchError>;
}

/// Nothing was fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// No URL that may be fetched.
    #[error("fetch: the URL is not allowed")]
    Refused,
    /// No answer, or none in time.
    #[error("fetch: no answer")]
    Unreachable,
    /// An answer of this status.
    #[error("fetch: answered with {0}")]
    Status(u16),
    /// More than was asked for.
    #[error("fetch: the answer is too long")]
    TooLong,
    /// More was asked for than is fetched at a time. Strangers choose what is asked for, so this is bounded for each source.
    #[error("fetch: too many documents were asked for; ask again later")]
    TooMany,
    /// The receiver has nothing to fetch with.
    #[error("fetch: the receiver has no fetcher; see ReceiverBuilder::fetch")]
    NoFetcher,
}

#[async_trait]
impl<F: Fetch + ?Sized> Fetch for Arc<F> {
    async fn fetch(&self, url: &str, post: Option<Bytes>, most_bytes: usize) -> Result<Bytes, FetchError> {
        (**self).fetch(url, post, most_bytes).await
    }
}
