//! Sending: an application dispatches events, and hookwire delivers them to every matching endpoint.
//!
//! # The rules
//!
//! 1. [`Sender::dispatch`] returns `Ok` after the event and its deliveries are durable in the store. From then on each
//!    delivery ends as `delivered`, or visibly as `failed` with a reason.
//! 2. Delivery is **at least once**. The order is not defined, unless the event has an ordering key. Every attempt has the same
//!    `webhook-id`; a receiver that must handle an event once has to remember this id (hookwire's own receiver does).
//! 3. Each attempt gets a new signature by every live key of the endpoint.
//! 4. No request goes to an address that the [`egress`] guard has not checked.
//! 5. The deliveries of a disabled endpoint are held, and sent when it is enabled.
//! 6. One endpoint cannot slow another, and one tenant cannot slow another: [`guide::operating`](crate::guide::operating).
//!
//! ```
//! use hookwire::endpoint::NewEndpoint;
//! use hookwire::event::NewEvent;
//! use hookwire::sender::Sender;
//! use hookwire::store::MemoryStore;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let sender = Sender::builder(MemoryStore::new()).build()?;
//! let endpoint = sender
//!     .endpoints()
//!     .create(NewEndpoint::https("https://acme.example/hooks")?.tenant("acme").events(["invoice.*"])?)
//!     .await?;
//! let receipt = sender.dispatch(NewEvent::json("invoice.paid", &1042)?.tenant("acme")).await?;
//! assert_eq!(receipt.deliveries.len(), 1);
//! # Ok(())
//! # }
//! ```
//!
//! Nothing is sent until a worker runs: [`Sender::worker`].
//!
//! # Defaults
//!
//! `https` only and no private address ([`egress::EgressPolicy`]); 5 s to connect and 20 s for the whole exchange;
//! payloads up to 1 MiB; the retry schedule of Standard Webhooks ([`Policy`](crate::retry::Policy)); the worker's
//! [`Config`](crate::worker::Config). Each is set on the [`SenderBuilder`].
//!
//! # Caveats
//!
//! Endpoint records are cached for [`SenderBuilder::cache_for`] (2 s): a change by another process takes effect after this time at the
//! latest; a change through this sender takes effect at once. The store keeps signing keys in plain text, unless it has a [key
//! provider](crate::secret::KeyProvider).
//!
//! # Who may do what
//!
//! [`Sender`] and [`Endpoints`] have the rights of the application. All other callers use [`Sender::scoped`]: a tenant, an operator, or
//! either of them read-only.

#[cfg(feature = "a2a")]
pub mod a2a;
mod attempt_detail;
mod attempt_watch;
mod builder;
mod bulk;
mod challenge;
mod change;
mod config_error;
mod deliver;
mod development;
mod directory;
mod dispatch;
pub mod egress;
mod endpoints;
mod error;
mod fan_out;
mod handle;
mod health;
mod health_rules;
pub mod http;
mod latency;
mod notice;
mod operate;
mod ownership;
mod policies;
mod quotas;
mod relay;
mod replay;
mod scope;
#[cfg_attr(
    not(all(feature = "mcp", feature = "mcp-events")),
    expect(dead_code, reason = "the API, the tools and the subscriptions use different calls")
)]
mod scoped;
mod senders;
mod signers;
mod span;
mod turns;

pub use self::attempt_detail::AttemptDetail;
pub use self::builder::SenderBuilder;
pub use self::bulk::record::{BulkState, BulkStatus};
pub use self::change::EndpointChange;
pub use self::config_error::SenderConfigError;
pub use self::dispatch::Receipt;
pub use self::endpoints::Endpoints;
pub use self::error::{DeliveryError, DispatchError, EndpointError, SendersError};
pub use self::handle::Sender;
pub use self::notice::{Notice, NoticeKind, Notices};
pub use self::operate::{Stats, TEST_EVENT};
pub use self::ownership::Ownership;
pub use self::replay::Replay;
pub use self::scope::Scope;
#[cfg(feature = "console")]
pub(crate) use self::scoped::audit::AuditedChange;
#[cfg(feature = "console")]
pub(crate) use self::scoped::samples::FailureSample;
pub use self::scoped::{Bulk, Scoped};
pub use self::senders::Senders;
