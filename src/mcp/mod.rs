//! Tools with which an agent manages the endpoints of its tenant. Merge them into an MCP server, or serve them alone. The tools call
//! an endpoint a *callback*, and an event that was sent to it a *message*.
//!
//! | tool | what it does |
//! |---|---|
//! | `webhook_register` | creates an endpoint with an `https` URL; for a URL that is registered, changes its event types |
//! | `webhook_update` | changes URL and event types, enables and disables |
//! | `webhook_unregister` | removes an endpoint |
//! | `webhook_list`, `webhook_get` | show endpoints |
//! | `webhook_rotate_secret` | makes a fresh secret; the old one signs too for a while |
//! | `webhook_list_deliveries` | shows what was sent, and how each delivery ended; of one delivery also its attempts, and how long each step of them took |
//! | `webhook_list_failures` | shows the deliveries that were given up, in groups |
//! | `webhook_list_traffic` | counts the attempts and deliveries of each minute or hour |
//! | `webhook_list_audit` | shows who changed what |
//! | `webhook_resend` | sends an event again, or everything that failed since a time, also in a job |
//! | `webhook_cancel` | starts a job that cancels what waits for an endpoint; stops a job |
//! | `webhook_list_jobs` | shows jobs, and how far they are |
//! | `webhook_test` | sends a test event and reports the answer |
//! | `webhook_diagnose` | finds out why the server of the agent rejects the signature of a request |
//!
//! # Rules
//!
//! 1. The host's authentication determines the caller: a [`Scope`] in the extensions of the HTTP request or, if the transport has
//!    no requests (stdio), the scope that the tools were made for. An argument never determines the caller. A
//!    [read-only](Scope::read_only) caller can list and get.
//! 2. No secret is an argument or a result: a [`SecretHandover`] hands it over to its owner, and the result names the place.
//! 3. Results contain categories of errors. They contain neither payloads nor headers and bodies of requests and responses, because
//!    these are texts from outside that a model might obey.
//! 4. Targets must pass the egress guard, and the ownership challenge if the sender requires one.
//! 5. Calls that change or send something are limited: for each tenant, ten changes, ten tests (with diagnoses) and ten resends (with
//!    cancellations) a minute ([`WebhookTools::calls_per_minute`]).
//!
//! ```no_run
//! use std::sync::Arc;
//! use std::time::Duration;
//! use hookwire::clock::SystemClock;
//! use hookwire::mcp::{OneTimeLinks, WebhookTools};
//! use hookwire::sender::Scope;
//! use hookwire::sender::Sender;
//! use hookwire::store::MemoryStore;
//! use rmcp::ServiceExt;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let sender = Sender::builder(MemoryStore::new()).build()?;
//! let links = OneTimeLinks::new("https://app.example/webhook-secrets/", Duration::from_secs(900), Arc::new(SystemClock));
//! let tools = WebhookTools::new(sender, links).for_scope(Scope::tenant("acme"));
//! tools.server().serve(rmcp::transport::stdio()).await?.waiting().await?;
//! # Ok(())
//! # }
//! ```
//!
//! To add the tools to another server, merge [`WebhookTools::router`] into its `ToolRouter`.
//!
//! # Caveats
//!
//! `webhook_test` waits up to 20 seconds for an attempt, so a worker must be running. Each process counts calls separately.

mod attempts;
mod audit;
mod call;
mod deliveries;
mod diagnose;
mod documents;
mod endpoints;
#[cfg(feature = "mcp-events")]
pub mod events;
mod failure;
mod failures;
mod handover;
mod jobs;
mod links;
mod rate_limit;
mod read;
mod route;
mod server;
mod traffic;

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;

use rmcp::ServerHandler;
use rmcp::handler::server::router::tool::ToolRouter;

use self::call::Toolbox;
pub use self::handover::SecretHandover;
pub use self::links::OneTimeLinks;
use self::route::route;
use self::server::WebhookServer;
use crate::sender::{Scope, Sender};

/// The default for the number of calls of each kind that a tenant may make in a minute.
const CALLS_PER_MINUTE: NonZeroU32 = NonZeroU32::MIN.saturating_add(9);

/// The tools for one sender. Cheap to clone.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use hookwire::clock::SystemClock;
/// use hookwire::mcp::{OneTimeLinks, WebhookTools};
/// use hookwire::sender::Sender;
/// use hookwire::store::MemoryStore;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let sender = Sender::builder(MemoryStore::new()).build()?;
/// let links = OneTimeLinks::new("https://app.example/webhook-secrets/", Duration::from_secs(900), Arc::new(SystemClock));
/// let tools = WebhookTools::new(sender, links).calls_per_minute(60.try_into()?);
/// assert_eq!(tools.router::<()>().list_all().len(), 15);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct WebhookTools {
    toolbox: Arc<Toolbox>,
}

impl WebhookTools {
    /// Tools for this sender. `handover` hands secrets over to their owners.
    #[must_use]
    pub fn new(sender: Sender, handover: impl SecretHandover) -> Self {
        Self { toolbox: Arc::new(Toolbox::new(sender, Arc::new(handover), CALLS_PER_MINUTE)) }
    }

    /// Sets the caller on a transport without HTTP requests. An HTTP request without a scope is still refused.
    #[must_use]
    pub fn for_scope(mut self, scope: Scope) -> Self {
        Arc::make_mut(&mut self.toolbox).set_scope(scope);
        self
    }

    /// Sets how often a tenant may change endpoints (register, update, rotate, unregister), test, and resend or cancel. The number
    /// is for each of the three kinds, in a minute. Default: 10.
    #[must_use]
    pub fn calls_per_minute(mut self, calls: NonZeroU32) -> Self {
        Arc::make_mut(&mut self.toolbox).set_calls_per_minute(calls);
        self
    }

    /// The tools. Merge them into the router of any server.
    #[must_use]
    pub fn router<S: Send + Sync + 'static>(&self) -> ToolRouter<S> {
        let toolbox = &self.toolbox;
        ToolRouter::new()
            .with_route(route(toolbox, &endpoints::REGISTER, endpoints::register))
            .with_route(route(toolbox, &endpoints::UPDATE, endpoints::update))
            .with_route(route(toolbox, &endpoints::UNREGISTER, endpoints::unregister))
            .with_route(route(toolbox, &endpoints::LIST, endpoints::list))
            .with_route(route(toolbox, &endpoints::GET, endpoints::get))
            .with_route(route(toolbox, &endpoints::ROTATE, endpoints::rotate))
            .with_route(route(toolbox, &deliveries::LIST_DELIVERIES, deliveries::list))
            .with_route(route(toolbox, &failures::LIST_FAILURES, failures::list))
            .with_route(route(toolbox, &traffic::LIST_TRAFFIC, traffic::list))
            .with_route(route(toolbox, &audit::LIST_AUDIT, audit::list))
            .with_route(route(toolbox, &deliveries::RESEND, deliveries::resend))
            .with_route(route(toolbox, &jobs::CANCEL, jobs::cancel))
            .with_route(route(toolbox, &jobs::LIST_JOBS, jobs::list))
            .with_route(route(toolbox, &deliveries::TEST, deliveries::test))
            .with_route(route(toolbox, &diagnose::DIAGNOSE, diagnose::diagnose))
    }

    /// A server with only these tools: serve it over any transport of `rmcp`.
    #[must_use]
    pub fn server(&self) -> impl ServerHandler + Clone + fmt::Debug + use<> {
        WebhookServer::new(self.router())
    }
}
