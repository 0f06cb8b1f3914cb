//! Receiving: verify what providers send, and handle each event once.
//!
//! # The steps of a request
//!
//! Every request goes through these steps in this order. Each step needs a value that only the step before can make.
//!
//! 1. **Method.** POST, or another method that the source accepts; otherwise 405.
//! 2. **Body.** A body that is too long is rejected before it is read, or cut off (413). A body that is not complete in time is
//!    rejected (408). The bytes are not changed until they are verified.
//! 3. **Keys.** The source's own keys, or those of the route by [`Source::resolved`]. The payload never chooses keys.
//! 4. **Signature.** Every failure is the same 401 without a body. A request that passes becomes a [`Verified`]; a handshake gets
//!    its response here ([`Source::also_method`] for handshakes by GET).
//! 5. **Dedup.** The event is claimed under a lease. The claim is a hash of tenant, source, event type and what the provider documents as
//!    its idempotency key ([`DedupBy`]). If the event is being handled, the response is 503 with `Retry-After`, or the status that this
//!    provider retries. If the event was handled before, the response is the first response, with the header [`DUPLICATE_HEADER`]. If the
//!    store fails, the response is 503. [`Gate::forget`] makes an event new again.
//! 6. **Handler.** A 2xx status is remembered. After any other status, an error or a panic (500), the event is new again.
//!
//! The files in this order: `gate` (one source: steps 1 and 2, with `body`), `verified` (steps 3 and 4, with `keys`, `documents` and
//! `event_keys`), `dedup` (step 5), `handle` (steps 5 and 6 for one request), `service` (the same as tower middleware).
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
//! let service = ServiceBuilder::new().layer(receiver.gate("standard")?).service(service_fn(handler));
//!
//! let unsigned = Request::post("/hooks").body(Full::<Bytes>::from("{}"))?;
//! assert_eq!(service.oneshot(unsigned).await?.status(), StatusCode::UNAUTHORIZED);
//! # Ok(()) }
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(run()).unwrap();
//! ```
//!
//! With axum (feature `axum`) the handler takes a [`Webhook<T>`](Webhook), and the layer wraps one route or a router of that source's
//! routes: `post(handler).layer(receiver.gate("stripe")?)`. A framework without tower calls [`Gate::receive`] or
//! [`Gate::receive_bytes`], or the steps apart: [`Gate::verify`] and [`Gate::handle`].
//!
//! # Example, customised
//!
//! ```
//! use std::time::Duration;
//!
//! use hookwire::receiver::{DedupBy, Receiver, Source};
//! use hookwire::secret::Key;
//! use hookwire::store::MemoryDedup;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let old_key = Key::parse("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")?;
//! let receiver = Receiver::builder(MemoryDedup::with_capacity(100_000))
//!     .source(Source::standard("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?.also_accept(old_key)?.tenant("acme"))
//!     .source(Source::github("a secret of some length")?.dedup_by(DedupBy::IdAndBody))
//!     .max_body(5 << 20)
//!     .body_deadline(Duration::from_secs(30))
//!     .lease(Duration::from_secs(300))
//!     .retention(Duration::from_secs(30 * 86_400))
//!     .build()?;
//! assert!(receiver.gate("stripe").is_err(), "the source is unknown");
//! # Ok(()) }
//! ```
//!
//! # When a handler may see an event twice
//!
//! A handler's effect and the record of it are two writes. Therefore a handler may see an event twice in these cases:
//!
//! - The process ends, or the store fails, between the effect and the record. To avoid that, finish the claim in the handler's own
//!   transaction: [`Gate::begin`], [`DedupGuard::leases`], [`SqliteStore::finish_in`](crate::store::SqliteStore::finish_in),
//!   [`DedupGuard::finished_elsewhere`].
//! - The handler overruns its lease.
//! - The connection ends while the handler runs, and the handler is cut off.
//! - The event arrives again after the retention, or after a restart with [`MemoryDedup`](crate::store::MemoryDedup).
//!
//! # Deployment
//!
//! - **The server must limit the time for headers** (R-23), because this module sees a request only when its headers are complete. Set
//!   hyper's `http1::Builder::header_read_timeout` (with a timer), or use a reverse proxy with such a limit; `axum::serve` of axum 0.8
//!   sets none.
//! - **A reverse proxy must not change the body**: no decompression, no re-encoding, no rewriting of JSON. Its own body
//!   limit must not be lower than [`max_body`](ReceiverBuilder::max_body), and its timeout not shorter than the handler's.
//! - **A signed URL** (Twilio, HubSpot, Square, Trello, Mandrill, Contentful, RFC 9421) is the URL as sent, also below
//!   `axum::Router::nest`; see [`set_sent_uri`] for other routers. Behind a proxy
//!   that changes the path, the setting `url` is the URL that the provider calls: `https://example.com` is followed by the request's own
//!   path and query, `https://example.com/hooks` contains the whole path, and `https://example.com/hooks?a=b` is the whole URL.
//! - **Most providers sign neither the path nor the query**: do not trust them (R-28).
//! - **Compressed bodies** (gzip, deflate) are decompressed after verification, within the source's [limit](Source::max_body). This needs
//!   the feature `gzip`, which is on by default.
//!   [`Verified::body`] is what was signed. JSON, id and type are read from [`Verified::content`], which is decompressed. If the
//!   signature does not match the bytes as received, the decompressed bytes are tried, because some providers sign before they
//!   compress; they may be at most a hundred times as long as the received bytes.
//! - **Answer fast.** Providers give up after 5 to 30 s. When the provider closes the connection, the handler is cut off.
//! - A tokio runtime with its timer enabled must be running; the body deadline needs it.
//! - **Traces:** one event for each rejected request, with source, status and reason, and warnings about leases and the store. They
//!   never contain a secret, a signature, a payload or a URL.

#[cfg(feature = "axum")]
mod axum;
#[cfg(not(feature = "axum"))]
#[path = "axum_none.rs"]
mod axum;
mod body;
mod builder;
mod config;
mod config_error;
mod constructors;
mod content;
mod dedup;
mod diagnoses;
mod documents;
mod event_keys;
mod event_router;
#[cfg(feature = "axum")]
mod extract;
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
mod response;
mod sent;
mod service;
mod source;
mod sources;
mod verified;
mod webhook;

pub use self::builder::ReceiverBuilder;
pub use self::config::SourceConfig;
pub use self::config_error::ReceiverConfigError;
pub use self::dedup::{DedupGuard, Deduplicated};
pub use self::event_router::EventRouter;
pub use self::gate::Gate;
pub use self::json::JsonError;
pub use self::reject::{Rejection, RejectionKind};
pub use self::response::{DUPLICATE_HEADER, HandlerResponse};
pub use self::sent::set_sent_uri;
pub use self::service::{VerifiedBody, WebhookService};
pub use self::source::{DedupBy, Source};
pub use self::sources::Receiver;
pub use self::verified::{Accepted, Verified};
pub use self::webhook::Webhook;
