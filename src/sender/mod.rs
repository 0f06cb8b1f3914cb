//! Sending: an application dispatches events, hookwire owes them to every endpoint that wants them.
//!
//! # The rules
//!
//! 1. [`Sender::dispatch`] returns `Ok` after the event and its deliveries are durable in the store. From then on each
//!    delivery ends as `delivered`, or visibly as `failed` with a reason.
//! 2. Delivery is **at least once**, in no promised order unless the event has an ordering key. Every attempt carries the same `webhook-id`; a receiver
//!    that must act once remembers it (hookwire's own receiver does).
//! 3. Each attempt is signed anew, with every live key of the endpoint.
//! 4. No request leaves for an address that the [`egress`] guard did not judge.
//! 5. A disabled endpoint's deliveries are held and go out when it is enabled.
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
//! payloads up to 1 MiB; the retry schedule of Standard Webhooks ([`Policy`]); the worker's
//! [`Config`](crate::worker::Config). Each is set on the [`SenderBuilder`].
//!
//! # Caveats
//!
//! Endpoint records are cached for [`SenderBuilder::cache_for`] (2 s): a change made by *another* process takes that
//! long to be seen; one made through this sender is seen at once. Signing keys are kept in the store in the clear,
//! unless it has a [key provider](crate::secret::KeyProvider).

pub mod a2a;
mod builder;
mod change;
mod deliver;
mod directory;
mod dispatch;
pub mod egress;
mod endpoints;
mod fan_out;
pub mod http;
mod keeper;
mod latency;
mod notice;
mod operate;
mod ownership;
mod policies;
mod relay;
mod replay;
mod scope;
mod signers;
mod span;

use std::sync::Arc;

pub use self::builder::{BuildError, SenderBuilder};
pub use self::change::EndpointChange;
use self::directory::CachedDirectory;
pub use self::dispatch::{DispatchError, Receipt};
pub use self::endpoints::{EndpointError, Endpoints, Renewed};
use self::fan_out::FanOut;
use self::keeper::Keeper;
pub use self::latency::Latency;
pub use self::notice::{NextNotice, Notice, Notices, What};
pub use self::operate::{Explained, Stats, TEST_EVENT};
pub use self::ownership::Ownership;
use self::ownership::OwnershipPolicy;
use self::policies::Policies;
pub use self::replay::Replay;
pub use self::scope::{Principal, Scope, Scoped};
use self::signers::Signers;
use crate::clock::Clock;
use crate::event::EventTypes;
use crate::id::Work;
pub use crate::retry::{Policy, RetryPolicy};
use crate::store::WorkHistory;
pub use crate::store::{Directory, History, Outbox, Store};
use crate::worker::{Engine, Worker};

/// Sends webhooks. Cheap to clone; every clone is the same sender.
#[derive(Clone, Debug)]
pub struct Sender {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    store: Arc<dyn Store>,
    directory: Arc<CachedDirectory>,
    engine: Arc<Engine>,
    clock: Arc<dyn Clock>,
    egress: egress::EgressPolicy,
    limits: Limits,
    fan_out: FanOut,
    keeper: Arc<Keeper>,
    policies: Arc<Policies>,
    signers: Arc<Signers>,
    client: http::HttpClient,
    ownership: OwnershipPolicy,
    replays: replay::Running,
}

/// What a stranger may make us keep.
#[derive(Clone, Copy, Debug)]
struct Limits {
    payload_bytes: usize,
    endpoints_per_tenant: usize,
    /// The most that tenants may set for their own endpoints.
    of_owner: crate::endpoint::Limits,
    /// How many deliveries may wait for an endpoint, and for all of a tenant, before its owner may replay more.
    waiting: replay::Waiting,
}

impl Sender {
    /// A sender on this store, to be configured.
    pub fn builder<S: Store + 'static>(store: S) -> SenderBuilder {
        SenderBuilder::new(Arc::new(store))
    }

    /// The worker that delivers. Spawn its [`run`](Worker::run) on a tokio runtime; one per sender and process.
    #[must_use]
    pub fn worker(&self) -> Worker {
        Worker::new(self.shared.engine.clone())
    }

    /// Creates, reads and changes endpoints.
    #[must_use]
    pub fn endpoints(&self) -> Endpoints<'_> {
        Endpoints::new(&self.shared)
    }

    /// Tells what operators should know from now on: endpoints failing, slowed, disabled and recovered, deliveries given up.
    #[must_use]
    pub fn notices(&self) -> Notices {
        self.shared.keeper.board.subscribe()
    }

    pub(crate) fn now(&self) -> crate::clock::Timestamp {
        self.shared.clock.now()
    }

    /// Looks at once for events that were written into the store's database, rather than at the next
    /// [`Config::tend`](crate::worker::Config::tend): call it after the commit where milliseconds count. Looks at what is due,
    /// too: in a test, call it after the clock was moved on.
    pub fn wake(&self) {
        self.shared.engine.wake();
    }

    /// The event types of the application, where it has said them.
    #[must_use]
    pub fn event_types(&self) -> Option<&dyn EventTypes> {
        self.shared.fan_out.types.as_deref()
    }

    /// What happened: events, deliveries, attempts. Of what was sent; what an inbox keeps in the same store is not in it.
    #[must_use]
    pub fn history(&self) -> WorkHistory<'_> {
        WorkHistory::new(&self.shared.store, Work::Sent)
    }
}
