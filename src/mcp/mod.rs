//! Tools by which an agent manages the callbacks of whom it works for: a set to merge into an MCP server, or to serve alone.
//!
//! | tool | does |
//! |---|---|
//! | `webhook_register` | registers an `https` callback; the same URL again changes what it wants |
//! | `webhook_update` | another URL, other event types, off and on |
//! | `webhook_unregister` | removes it |
//! | `webhook_list`, `webhook_get` | shows them |
//! | `webhook_rotate_secret` | a fresh secret, which signs beside the old one for a while |
//! | `webhook_list_deliveries` | what was sent, and what became of it |
//! | `webhook_resend` | a message again, or what has failed since a time |
//! | `webhook_test` | sends a test event and says how it was answered |
//!
//! # Rules
//!
//! 1. Who calls is told by the host's authentication: a [`Principal`] in the extensions of the HTTP request, or the one that the
//!    tools were made for where there are no requests (stdio). Never by an argument.
//! 2. No secret is an argument or a result: a [`SecretHandover`] brings it to its owner, and the result says where it is.
//! 3. Results hold categories of errors, and neither payloads nor what endpoints have answered: that is text of strangers, which a
//!    model might obey.
//! 4. Targets pass the egress guard, and the ownership challenge where the sender demands one.
//! 5. Every call that changes or sends something is limited: changes, tests and resends each ten times a minute for each tenant
//!    ([`WebhookTools::calls_per_minute`]).
//!
//! ```no_run
//! use std::sync::Arc;
//! use std::time::Duration;
//! use hookwire::clock::SystemClock;
//! use hookwire::mcp::{OneTimeLinks, Principal, WebhookTools};
//! use hookwire::sender::Sender;
//! use hookwire::store::MemoryStore;
//! use rmcp::ServiceExt;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let sender = Sender::builder(MemoryStore::new()).build()?;
//! let links = OneTimeLinks::new("https://app.example/webhook-secrets/", Duration::from_secs(900), Arc::new(SystemClock));
//! let tools = WebhookTools::new(sender, links).for_principal(Principal::tenant("acme"));
//! tools.server().serve(rmcp::transport::stdio()).await?.waiting().await?;
//! # Ok(())
//! # }
//! ```
//!
//! A server of your own merges [`WebhookTools::router`] into its `ToolRouter`.
//!
//! # Caveats
//!
//! `webhook_test` waits up to 20 seconds for an attempt, which needs a worker that runs. The limits count for each process.

mod callbacks;
mod deliveries;
mod documents;
#[cfg(feature = "mcp-events")]
pub mod events;
mod failure;
mod handover;
mod limits;
mod read;
mod route;
mod server;

use std::num::NonZeroU32;
use std::sync::Arc;

use rmcp::handler::server::router::tool::ToolRouter;

pub use self::handover::{Handed, NotHandedOver, OneTimeLinks, SecretHandover};
use self::limits::Limit;
use self::route::{Counted, route};
pub use self::server::WebhookServer;
pub use crate::sender::Principal;
use crate::sender::Sender;

/// How often a tenant may change callbacks, test and resend in a minute, where nothing else is said.
const CALLS_PER_MINUTE: NonZeroU32 = NonZeroU32::MIN.saturating_add(9);

/// The tools over one sender. Cheap to clone.
#[derive(Clone, Debug)]
pub struct WebhookTools {
    shared: Arc<Shared>,
}

#[derive(Clone, Debug)]
struct Shared {
    sender: Sender,
    handover: Arc<dyn SecretHandover>,
    principal: Option<Principal>,
    changes: Arc<Limit>,
    tests: Arc<Limit>,
    resends: Arc<Limit>,
}

impl Shared {
    fn limit(&self, counted: Counted) -> &Limit {
        match counted {
            Counted::Changes => &self.changes,
            Counted::Tests => &self.tests,
            Counted::Resends => &self.resends,
        }
    }
}

fn limits(calls: NonZeroU32) -> [Arc<Limit>; 3] {
    [(); 3].map(|()| Arc::new(Limit::per_minute(calls)))
}

impl WebhookTools {
    /// Tools over this sender, whose secrets are handed over so.
    #[must_use]
    pub fn new(sender: Sender, handover: impl SecretHandover) -> Self {
        let [changes, tests, resends] = limits(CALLS_PER_MINUTE);
        let shared = Shared { sender, handover: Arc::new(handover), principal: None, changes, tests, resends };
        Self { shared: Arc::new(shared) }
    }

    /// Whom calls are made for that come without an HTTP request. A request without a principal is refused all the same.
    #[must_use]
    pub fn for_principal(mut self, principal: Principal) -> Self {
        Arc::make_mut(&mut self.shared).principal = Some(principal);
        self
    }

    /// How often a tenant may change callbacks (register, update, rotate, unregister), test and resend in a minute, each.
    #[must_use]
    pub fn calls_per_minute(mut self, calls: NonZeroU32) -> Self {
        let shared = Arc::make_mut(&mut self.shared);
        [shared.changes, shared.tests, shared.resends] = limits(calls);
        self
    }

    /// The tools, to be merged into the router of any server.
    #[must_use]
    pub fn router<S: Send + Sync + 'static>(&self) -> ToolRouter<S> {
        ToolRouter::new()
            .with_route(route(self, &callbacks::REGISTER, callbacks::register))
            .with_route(route(self, &callbacks::UPDATE, callbacks::update))
            .with_route(route(self, &callbacks::UNREGISTER, callbacks::unregister))
            .with_route(route(self, &callbacks::LIST, callbacks::list))
            .with_route(route(self, &callbacks::GET, callbacks::get))
            .with_route(route(self, &callbacks::ROTATE, callbacks::rotate))
            .with_route(route(self, &deliveries::LIST_DELIVERIES, deliveries::list))
            .with_route(route(self, &deliveries::RESEND, deliveries::resend))
            .with_route(route(self, &deliveries::TEST, deliveries::test))
    }

    /// A server that has these tools and nothing else: serve it by any transport of `rmcp`.
    #[must_use]
    pub fn server(&self) -> WebhookServer {
        WebhookServer::new(self)
    }
}
