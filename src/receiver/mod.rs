//! Receiving: verify what providers send, and handle each event once.
//!
//! # The rule
//!
//! Every request goes through these steps in this order, and each needs a value that only the step before can make:
//!
//! 1. **Method.** POST, or what the source accepts besides; else 405.
//! 2. **Body.** Refused early when its length is announced as too much, cut off when it becomes so (413), and when it
//!    is not complete in time (408). The bytes stay as received until they are proved.
//! 3. **Keys**: the source's own, or the route's by [`Keys`]; never chosen by the payload.
//! 4. **Signature.** Any failure is the same bare 401. What passes is a [`Verified`]; a handshake is answered here
//!    ([`Source::also_method`] for those by GET).
//! 5. **Dedup.** The event is claimed, under a lease, by a hash of tenant, source and what the provider documents as its
//!    idempotency key, with the event type ([`DedupBy`]). Being handled: 503 with `Retry-After`, or the status that this provider
//!    retries. Handled before: the first answer's status, its body where the provider uses it, and the header
//!    [`DUPLICATE_HEADER`]. Store in trouble: 503. [`Receiver::forget`] makes an event fresh again.
//! 6. **Handler.** A 2xx is remembered; any other status, an error and a panic (500) make the event fresh again.
//!
//! # Example, with the defaults
//!
//! ```
//! use std::convert::Infallible;
//!
//! use bytes::Bytes;
//! use hookwire::receiver::{Receiver, Source, Verified, VerifiedBody};
//! use hookwire::store::MemoryDedup;
//! use http::{Request, Response, StatusCode};
//! use http_body_util::Full;
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! async fn handler(request: Request<VerifiedBody>) -> Result<Response<Full<Bytes>>, Infallible> {
//!     let verified = request.extensions().get::<Verified>();
//!     println!("{verified:?}");
//!     Ok(Response::new(Full::default()))
//! }
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let source = Source::standard("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?;
//! let receiver = Receiver::builder(MemoryDedup::new()).source(source).build()?;
//! let service = ServiceBuilder::new().layer(receiver.layer("standard")?).service(service_fn(handler));
//!
//! let unsigned = Request::post("/hooks").body(Full::<Bytes>::from("{}"))?;
//! assert_eq!(service.oneshot(unsigned).await?.status(), StatusCode::UNAUTHORIZED);
//! # Ok(()) }
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(run()).unwrap();
//! ```
//!
//! With axum (feature `axum`) the handler takes `Webhook<T>`, and the layer goes around one route or a router of that
//! source's routes: `post(handler).layer(receiver.layer("stripe")?)`. A framework without tower calls [`Gate::receive`], or
//! [`Gate::verify`] and [`Gate::handle`].
//!
//! # Example, customised
//!
//! ```
//! use std::time::Duration;
//!
//! use hookwire::receiver::{DedupBy, Receiver, Source};
//! use hookwire::signature;
//! use hookwire::store::MemoryDedup;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let old_key = signature::STANDARD.key("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")?;
//! let receiver = Receiver::builder(MemoryDedup::with_capacity(100_000))
//!     .source(Source::standard("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?.also_accept(old_key)?.tenant("acme"))
//!     .source(Source::github("a secret of some length")?.dedup_by(DedupBy::IdAndBody))
//!     .max_body(5 << 20)
//!     .body_deadline(Duration::from_secs(30))
//!     .lease(Duration::from_secs(300))
//!     .retention(Duration::from_secs(30 * 86_400))
//!     .build()?;
//! assert!(receiver.layer("stripe").is_err(), "no such source");
//! # Ok(()) }
//! ```
//!
//! # When a handler may see an event twice
//!
//! A handler's effect and the record of it are two writes, so there are windows, and these are all of them: the process
//! ends, or the store fails, between the effect and `finish`; the handler overruns its lease; the connection ends in the
//! middle of a handler, which is then cut off; the event arrives again after the retention. To close the first, finish
//! the claim in the handler's own transaction: [`Gate::begin`], [`Ticket::claimants`],
//! [`SqliteStore::finish_in`](crate::store::SqliteStore::finish_in), [`Ticket::finished_elsewhere`].
//! [`MemoryDedup`](crate::store::MemoryDedup) forgets everything with the process.
//!
//! # Where it is deployed
//!
//! - **Slow headers are the server's business** (R-23): this module sees a request only when its headers are complete.
//!   Set hyper's `http1::Builder::header_read_timeout` (with a timer), or stand behind a reverse proxy that does;
//!   `axum::serve` of axum 0.8 sets none.
//! - **A reverse proxy must not change the body**: no decompression, no re-encoding, no rewriting of JSON. Its own body
//!   limit must not be lower than [`max_body`](ReceiverBuilder::max_body), and its timeout not shorter than the handler's.
//! - **A URL that is signed** (Twilio, HubSpot, Square, Trello, Mandrill, Contentful, RFC 9421) is the one that the sender
//!   wrote, also inside of `axum::Router::nest`; see [`SentUri`] for other routers, and
//!   [`Part::Url`](crate::signature::Part::Url) for what the setting `url` may be behind a proxy that changes the path.
//! - **The query is not signed** by most providers, and the path never: trust neither (R-28).
//! - **Compressed bodies** (gzip, deflate) are decompressed after the proof, within the source's own
//!   [limit](Source::max_body): [`Verified::body`] is what was signed, [`Verified::content`] what was in it, and what JSON, id and
//!   type are read from. Where the signature does not fit the bytes as received, those of a sender who signs before it compresses
//!   are tried: at most a hundred times the bytes that came.
//! - **Answer fast.** Providers give up after 5 to 30 s. The connection that ends cuts the handler off.
//! - A tokio runtime with its timer enabled must be running; the body deadline needs it.
//! - **What is traced:** one event for each refused request, with source, status and reason; warnings about leases and
//!   the store. Never a secret, a signature, a payload or a URL.

#[cfg(feature = "axum")]
mod axum;
#[cfg(not(feature = "axum"))]
#[path = "axum_none.rs"]
mod axum;
mod body;
mod builder;
mod config;
mod content;
mod decide;
mod dedup;
mod documents;
mod gate;
mod handle;
#[cfg(feature = "inbox")]
pub mod inbox;
mod json;
mod keys;
mod providers;
#[cfg(feature = "mcp-events")]
mod providers_draft;
#[cfg(feature = "public-key")]
mod providers_public_key;
mod reject;
mod route;
mod sent;
mod service;
mod source;
mod verified;
mod webhook;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "axum")]
pub use self::axum::ExtractError;
use self::body::BodyLimits;
pub use self::builder::{BuildError, ReceiverBuilder};
pub use self::config::{ConfigError, SourceConfig, Values};
pub use self::decide::Decide;
use self::dedup::Desk;
pub use self::dedup::{Begun, EventKeys, Ticket};
use self::documents::Library;
pub use self::gate::Gate;
pub use self::handle::{Answer, DUPLICATE_HEADER, Handled};
pub use self::json::JsonError;
pub use self::keys::{Grant, Keys, KeysError, Route};
pub use self::reject::{Rejection, RejectionKind};
pub use self::route::{EventRouter, EventRouterBuilder, RouteError};
pub use self::sent::SentUri;
pub use self::service::{VerifiedBody, WebhookLayer, WebhookService};
pub use self::source::{DedupBy, Source, SourceError};
pub use self::verified::{Accepted, Verified};
pub use self::webhook::Webhook;
use crate::id::Tenant;
use crate::store::{Dedup, StoreError};

/// Receives from any number of sources, with one dedup store. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Receiver {
    sources: Arc<HashMap<Arc<str>, Arc<Source>>>,
    max_body: Option<usize>,
    body_deadline: Duration,
    desk: Arc<Desk>,
    library: Arc<Library>,
}

/// The receiver has no source of that name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("source: none is named {0}")]
pub struct UnknownSource(String);

/// Why events cannot be made fresh again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ForgetError {
    /// The receiver has no source of that name.
    #[error(transparent)]
    UnknownSource(#[from] UnknownSource),
    /// The tenants of this source depend on the route.
    #[error("tenant: the tenants of source {0} depend on the route; call forget_of with one of them")]
    WhichTenant(String),
    /// The store is in trouble.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Receiver {
    /// Begins to set up a receiver that remembers in this store.
    pub fn builder(dedup: impl Dedup) -> ReceiverBuilder {
        ReceiverBuilder::new(Box::new(dedup))
    }

    fn new(
        sources: HashMap<Arc<str>, Arc<Source>>,
        (max_body, body_deadline): (Option<usize>, Duration),
        desk: Desk,
        library: Library,
    ) -> Self {
        Self { sources: Arc::new(sources), max_body, body_deadline, desk: Arc::new(desk), library: Arc::new(library) }
    }

    /// The names of its sources, sorted.
    pub fn source_names(&self) -> impl Iterator<Item = &str> {
        let mut names: Vec<_> = self.sources.keys().map(|name| &**name).collect();
        names.sort_unstable();
        names.into_iter()
    }

    /// The tower layer for one source. Put it on that source's routes only.
    ///
    /// # Errors
    /// When there is no such source: at start, not at the first request.
    pub fn layer(&self, source: &str) -> Result<WebhookLayer, UnknownSource> {
        Ok(WebhookLayer::new(self.gate(source)?))
    }

    /// Makes events of this source fresh again, by their ids as the provider gives them, for the tenant that the source is of: so that
    /// a redelivery from the provider's dashboard is handled again after a wrong 2xx. Returns for each id how many records were
    /// forgotten: 0 where there was none, or the event is being handled.
    ///
    /// ```
    /// # use hookwire::receiver::{Receiver, Source};
    /// # use hookwire::store::MemoryDedup;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let source = Source::stripe("whsec_one_of_stripe_s")?;
    /// let receiver = Receiver::builder(MemoryDedup::new()).source(source).build()?;
    /// assert_eq!(receiver.forget("stripe", &["evt_1", "evt_2"]).await?, [0, 0]);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// When there is no such source, its tenants depend on the route (use [`forget_of`](Self::forget_of)), or the store is in
    /// trouble.
    pub async fn forget(&self, source: &str, ids: &[&str]) -> Result<Vec<u64>, ForgetError> {
        let known = self.sources.get(source).ok_or_else(|| UnknownSource(source.into()))?;
        let tenant = known.fixed_tenant().ok_or_else(|| ForgetError::WhichTenant(source.into()))?;
        self.forget_of(tenant, source, ids).await
    }

    /// The same for one tenant of a source whose tenants depend on the route.
    ///
    /// # Errors
    /// When there is no such source, or the store is in trouble.
    pub async fn forget_of(&self, tenant: &Tenant, source: &str, ids: &[&str]) -> Result<Vec<u64>, ForgetError> {
        if !self.sources.contains_key(source) {
            return Err(UnknownSource(source.into()).into());
        }
        let groups: Vec<_> = ids.iter().map(|id| dedup::group(tenant, source, id)).collect();
        Ok(self.desk.store.forget(&groups).await?)
    }

    /// One source, for a framework without tower.
    ///
    /// # Errors
    /// When there is no such source.
    pub fn gate(&self, source: &str) -> Result<Gate, UnknownSource> {
        let source = self.sources.get(source).ok_or_else(|| UnknownSource(source.into()))?;
        let limits = BodyLimits { max_bytes: source.max_body_or(self.max_body), deadline: self.body_deadline };
        Ok(Gate::new(Arc::clone(source), limits, Arc::clone(&self.desk), Arc::clone(&self.library)))
    }
}
