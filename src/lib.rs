//! **hookwire** is webhooks as a library: an application adds one crate and sends webhooks to its customers (durable, signed,
//! retried, isolated, safe against SSRF) and receives them from its providers (verified, deduplicated), inside its own
//! process, on its own tokio runtime, in its own database.
//!
//! # Sending
//!
//! ```
//! use hookwire::endpoint::NewEndpoint;
//! use hookwire::event::NewEvent;
//! use hookwire::sender::Sender;
//! use hookwire::store::MemoryStore; // or SqliteStore, PostgresStore, for what must survive the process
//! use hookwire::worker::CancellationToken;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let sender = Sender::builder(MemoryStore::new()).build()?;
//! let stop = CancellationToken::new();
//! let worker = tokio::spawn(sender.worker().run(stop.clone()));
//!
//! let endpoint = NewEndpoint::https("https://acme.example/hooks")?.tenant("acme").events(["invoice.*"])?;
//! sender.endpoints().create(endpoint).await?;
//! # stop.cancel(); // nothing leaves a test
//! # worker.await??;
//! let receipt = sender.dispatch(NewEvent::json("invoice.paid", &1042)?.tenant("acme")).await?;
//! assert_eq!(receipt.deliveries.len(), 1);
//! # Ok(())
//! # }
//! ```
//!
//! # Receiving
//!
//! ```
//! use hookwire::receiver::{Receiver, Source};
//! use hookwire::store::MemoryDedup;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let source = Source::standard("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?;
//! let receiver = Receiver::builder(MemoryDedup::new()).source(source).build()?;
//! let layer = receiver.layer("standard")?; // around a handler: it sees verified events only, each once
//! # Ok(())
//! # }
//! ```
//!
//! # The model
//!
//! An **event** happens to a **tenant**. Every **endpoint** of the tenant whose filter matches is owed a **delivery**. A
//! **worker** leases deliveries, makes **attempts** at them, and settles each by its **outcome**. A **store** keeps all of
//! it. In the other direction a **source** is a **scheme** and a **keyring**; what passes is **verified**.
//!
//! ```text
//! Event -> dispatch -> Outbox -> claim -> sign -> guard -> send -> outcome -> decide -> settle      [sender]
//! Request -> limit the body -> verify -> dedup -> handler -> finish or abandon                      [receiver]
//! ```
//!
//! # What it promises, and what it does not
//!
//! Delivery is at least once, and in order where an ordering key asks for it; the windows in which something is seen twice are
//! listed in [`guide`]. It has no dashboard and no second process; an HTTP API to mount is behind a feature. Keys are in the store in the clear
//! unless it is given a key provider.
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `sender` | yes | [`sender`], [`worker`], the HTTP client and the egress guard |
//! | `receiver` | yes | [`receiver`] |
//! | `inbox` | yes | `receiver::inbox`: verified events kept, and handled later |
//! | `ring` | yes | TLS by rustls with ring and the webpki roots; without it, bring a `rustls::ClientConfig` |
//! | `public-key` | yes | ECDSA P-256 and RSA, JSON Web Tokens, certificates, and the [`signature::providers`] that need them |
//! | `hickory` | | `sender::egress::HickoryResolver`: DNS by `hickory-resolver`, without a thread for each name |
//! | `sqlite` | | `store::SqliteStore`, SQLite bundled |
//! | `postgres` | | `store::PostgresStore`: many processes on one PostgreSQL |
//! | `sqlx` | | `store::PostgresStore` in transactions of `sqlx` |
//! | `redis` | | `store::RedisDedup` |
//! | `encryption` | | `secret::LocalKeys`: keys and credentials encrypted in the store |
//! | `manage` | | `manage`: an HTTP API over a sender, to mount in an axum application |
//! | `mcp` | | `mcp`: tools by which an agent manages callbacks, for servers built on `rmcp` |
//! | `catalog` | | `event::EventCatalog`: event types from Rust types |
//! | `metrics` | | [`telemetry`]: metrics by the `metrics` facade |
//! | `axum` | | the `receiver::Webhook<T>` extractor |
//! | `http-message` | | `signature::http_message`: RFC 9421 and RFC 9530 |
//! | `mcp-events` | | `signature::providers::MCP_EVENTS`, and with `mcp` `mcp::events`, by a draft that may change in any release |
//! | `backoff` | | `retry::Schedule::from_backoff`, for policies of the unmaintained `backoff` crate |
//! | `worker` | with `sender`, `inbox` | [`worker`] alone |
//! | `outbox` | with `worker` | the records and store roles alone, for those who write a store |
//! | `test-util` | | `testing`: clocks, a scripted endpoint, a faulty store, and the suite every store must pass |
//!
//! A feature adds names; none changes what another does.

pub mod clock;
#[cfg(feature = "outbox")]
pub mod delivery;
#[cfg(feature = "outbox")]
pub mod endpoint;
pub mod entropy;
pub mod event;
#[cfg(any(feature = "sender", feature = "receiver"))]
pub mod fetch;
pub mod guide;
pub mod id;
#[cfg(feature = "manage")]
pub mod manage;
#[cfg(feature = "mcp")]
pub mod mcp;
pub mod outcome;
#[cfg(feature = "receiver")]
pub mod receiver;
pub mod retry;
pub mod secret;
#[cfg(feature = "sender")]
pub mod sender;
pub mod signature;
pub mod store;
pub mod telemetry;
#[cfg(feature = "test-util")]
pub mod testing;
mod work;
#[cfg(feature = "worker")]
pub mod worker;
