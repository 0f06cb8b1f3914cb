//! **hookwire** is webhooks as a library. An application that adds this crate sends webhooks to its customers (durable, signed, retried,
//! isolated, safe against SSRF) and receives webhooks from its providers (verified, deduplicated, queued). All of this runs inside its own
//! process, on its own tokio runtime, in its own database.
//!
//! # Sending
//!
//! ```
//! use hookwire::endpoint::NewEndpoint;
//! use hookwire::event::NewEvent;
//! use hookwire::sender::Sender;
//! use hookwire::store::MemoryStore; // or SqliteStore or PostgresStore, whose data survives the process
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let sender = Sender::builder(MemoryStore::new()).build()?;
//! let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
//! let worker = tokio::spawn(sender.worker().run_until(stopped));
//!
//! let endpoint = NewEndpoint::https("https://acme.example/hooks")?.tenant("acme").events(["invoice.*"])?;
//! sender.endpoints().create(endpoint).await?;
//! # drop(stop); // nothing leaves a test
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
//! let gate = receiver.gate("standard")?; // a layer around a handler, which then sees only verified events, each once
//! # Ok(())
//! # }
//! ```
//!
//! # The model
//!
//! An **event** belongs to a **tenant**. Each **endpoint** of the tenant that subscribes to the event gets a **delivery**. A **worker**
//! leases deliveries, makes **attempts**, and settles each delivery by the **outcome** of the attempt. A **store** keeps all of it. In the
//! other direction a **source** is a provider's **scheme** with a **keyring**. A request whose signature is valid is **verified**.
//!
//! ```text
//! Event -> dispatch -> Outbox -> claim -> sign -> guard -> send -> outcome -> decide -> settle      [sender]
//! Request -> limit the body -> verify -> dedup -> handler -> finish or abandon                      [receiver]
//! ```
//!
//! # What it promises, and what it does not
//!
//! A dispatched event is delivered at least once, or its delivery ends visibly as failed. With an ordering key events are delivered in
//! order. [`guide::delivery`] lists when an endpoint may receive an event twice. There is no second process to run. The
//! store keeps keys in the clear, unless it has a key provider.
//!
//! # Where to start
//!
//! [`sender`] and [`receiver`] are the two halves; [`guide::how_to`] answers single questions with code; [`store`] helps you to choose or
//! write a store.
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `sender` | yes | [`sender`], [`worker`], the HTTP client and the egress guard |
//! | `receiver` | yes | [`receiver`] |
//! | `inbox` | yes | `receiver::inbox`: verified events are stored and handled later |
//! | `ring` | yes | TLS by rustls with ring and the webpki roots; without it, pass a `rustls::ClientConfig` |
//! | `public-key` | yes | ECDSA P-256 and RSA, JSON Web Tokens, certificates, and the [`provider`]s that need them |
//! | `ed25519` | yes | Ed25519: `whsk_` and `whpk_` keys of Standard Webhooks, and the providers that sign with it, such as Discord |
//! | `gzip` | yes | the receiver decompresses bodies (gzip, deflate); without it the handler gets them compressed |
//! | `hickory` | | `sender::egress::HickoryResolver`: DNS by `hickory-resolver`, whose look-ups need no thread and can be abandoned |
//! | `sqlite` | | `store::SqliteStore`, SQLite bundled |
//! | `postgres` | | `store::PostgresStore`: many processes on one PostgreSQL |
//! | `sqlx` | | `store::PostgresStore` in transactions of `sqlx` |
//! | `redis` | | `store::RedisDedup` |
//! | `encryption` | | `secret::LocalKeys`: encrypts keys and credentials in the store |
//! | `manage` | | `manage`: an HTTP API over a sender, to mount in an axum application |
//! | `console` | | `console`: pages over a sender, for operators and as a portal for tenants, to mount in an axum application |
//! | `mcp` | | `mcp`: tools with which an agent manages its endpoints, for servers built on `rmcp` |
//! | `catalog` | | `event::EventCatalog`: event types from Rust types |
//! | `metrics` | | metrics through the `metrics` facade; see [`guide::operating`] |
//! | `axum` | | the `receiver::Webhook<T>` extractor |
//! | `http-message` | | `signature::http_message`: RFC 9421 and RFC 9530 |
//! | `mcp-events` | | `provider::MCP_EVENTS`, and together with `mcp` also `mcp::events`; the draft behind them may change in any release |
//! | `a2a` | | `sender::a2a`: push notifications for the tasks of A2A agents |
//! | `backoff` | | `retry::Schedule::from_backoff`, for policies of the unmaintained `backoff` crate |
//! | `worker` | with `sender`, `inbox` | only [`worker`] |
//! | `system` | with `receiver`, `outbox` | the clock and the random bytes of the system: `clock::SystemClock`, new keys and ids |
//! | `outbox` | with `worker` | only the records and the store roles, for the author of a store |
//! | `cli` | | the command-line tool `hookwire`; it adds nothing to the library |
//! | `test-util` | | `testing`: clocks, a scripted endpoint, a faulty store, and the suite that every store must pass |
//!
//! A feature adds names, or lets the crate read more kinds of keys and bodies. It changes nothing else.

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod clock;
#[cfg(feature = "console")]
pub mod console;
#[cfg(all(feature = "receiver", feature = "gzip"))]
#[path = "decoder/flate.rs"]
mod decoder;
#[cfg(all(feature = "receiver", not(feature = "gzip")))]
#[path = "decoder/none.rs"]
mod decoder;
#[cfg(feature = "outbox")]
pub mod delivery;
#[cfg(feature = "outbox")]
pub mod endpoint;
#[cfg(feature = "system")]
mod entropy;
pub mod event;
#[cfg(any(feature = "sender", feature = "receiver"))]
pub mod fetch;
pub mod field;
// Its examples use all features.
#[cfg(any(
    not(doctest),
    all(
        feature = "axum",
        feature = "console",
        feature = "manage",
        feature = "mcp",
        feature = "postgres",
        feature = "sqlite",
        feature = "test-util"
    )
))]
pub mod guide;
pub mod id;
#[cfg(feature = "manage")]
pub mod manage;
#[cfg(feature = "mcp")]
pub mod mcp;
pub mod outcome;
mod percent;
pub mod provider;
#[cfg(feature = "receiver")]
pub mod receiver;
pub mod retry;
pub mod secret;
#[cfg(feature = "sender")]
pub mod sender;
pub mod signature;
pub mod store;
mod telemetry;
#[cfg(feature = "test-util")]
pub mod testing;
mod work;
#[cfg(feature = "worker")]
#[cfg_attr(
    not(any(feature = "sender", feature = "inbox")),
    expect(dead_code, reason = "a sender and an inbox hand work to it in more ways")
)]
pub mod worker;
