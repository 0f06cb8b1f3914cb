//! Fetching what a signature scheme needs from its provider: key sets, certificates, confirmations.
//!
//! The sender's [`HttpClient`](crate::sender::http::HttpClient) implements [`Fetch`] with an egress guard. Implement it over
//! another client only if that client has an egress guard too: the URLs come from requests, although every scheme allows only
//! hosts of its own provider.
//!
//! ```
//! use bytes::Bytes;
//! use hookwire::fetch::{Fetch, FetchError};
//!
//! /// Refuses every URL, so that the receiver opens no connection.
//! #[derive(Debug)]
//! struct Offline;
//!
//! #[async_trait::async_trait]
//! impl Fetch for Offline {
//!     async fn fetch(&self, _: &str, _: Option<Bytes>, _: usize) -> Result<Bytes, FetchError> {
//!         Err(FetchError::Unreachable)
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let fetched = Offline.fetch("https://example.com/keys.json", None, 16_384).await;
//! assert_eq!(fetched, Err(FetchError::Unreachable));
//! # }
//! ```

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

/// Fetches documents over `https`.
///
/// 1. `fetch` MUST fail for other schemes than `https`, and MUST NOT follow redirects.
/// 2. It MUST return the body of a response with status 200, 201, 202 or 204, and fail for any other status.
/// 3. It MUST fail if the body is longer than `max_bytes`, without reading much more.
/// 4. It MUST have a timeout.
#[async_trait]
pub trait Fetch: fmt::Debug + Send + Sync + 'static {
    /// Returns the body of the response at `url`: to a GET, or to a POST of the JSON in `post`.
    ///
    /// # Errors
    /// Returns [`FetchError::Refused`] if the URL is not allowed, [`FetchError::Unreachable`] if no response arrives in time,
    /// [`FetchError::Status`] if the status is any other, and [`FetchError::TooLong`] if the body is longer than `max_bytes`.
    async fn fetch(&self, url: &str, post: Option<Bytes>, max_bytes: usize) -> Result<Bytes, FetchError>;
}

/// Why a document could not be fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The URL is not allowed.
    #[error("fetch: the URL is not allowed")]
    Refused,
    /// No response arrived in time.
    #[error("fetch: no response arrived in time")]
    Unreachable,
    /// The response has this status.
    #[error("fetch: the response has status {0}")]
    Status(u16),
    /// The body is longer than the caller allows.
    #[error("fetch: the response is too long")]
    TooLong,
    /// The source has too many fetches in progress. Each source has a limit, because strangers choose what is fetched.
    #[error("fetch: too many fetches are in progress; try again later")]
    TooMany,
    /// The receiver has no [`Fetch`].
    #[error("fetch: the receiver has no fetcher; set one with ReceiverBuilder::fetch")]
    NoFetcher,
}

#[async_trait]
impl<F: Fetch + ?Sized> Fetch for Arc<F> {
    async fn fetch(&self, url: &str, post: Option<Bytes>, max_bytes: usize) -> Result<Bytes, FetchError> {
        (**self).fetch(url, post, max_bytes).await
    }
}
