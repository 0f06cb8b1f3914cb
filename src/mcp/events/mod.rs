//! The draft of MCP Triggers & Events, webhook delivery: the sending side. **A draft**, in no release of MCP, which may change in any
//! way; this module may change with it in any release. Read at revision 082166f of the working group's sketch.
//!
//! A client subscribes by `events/subscribe`, a custom request beside the tools: which event, with which arguments, to which
//! `https` callback, signed by which secret of its own. The callback has to answer a challenge before anything is delivered to it.
//! Subscribing again refreshes: it grants time anew, may replace the secret (both sign for a while), and reactivates. Each
//! subscription is an endpoint: guarded, signed, retried, isolated.
//!
//! ```
//! use hookwire::mcp::events::{Emit, McpEvents};
//! use hookwire::sender::Sender;
//! use hookwire::store::MemoryStore;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let sender = Sender::builder(MemoryStore::new()).build()?;
//! let events = McpEvents::new(sender).event("incident.created", "A new incident");
//! // A server of your own asks `events.answer(&request, &context.extensions)` in its `on_custom_request`; `McpEventsServer` is one.
//! // When something has happened:
//! let incident = serde_json::json!({ "incidentId": "INC-1234", "severity": "P1" });
//! assert_eq!(events.emit(Emit::new("acme", "incident.created", incident)).await?, 0, "nobody has subscribed");
//! # Ok(())
//! # }
//! ```
//!
//! # Defaults
//!
//! An hour is granted, and 24 at most where a client asks for more ([`McpEvents::grant`]); two keys sign for five minutes after a
//! secret was replaced; 60 calls of `events/subscribe` a minute for each tenant; a body has at most 256 KiB; an event reaches the subscriptions whose arguments its data has, member by member
//! ([`McpEvents::matching`]).
//!
//! # Caveats
//!
//! The receiving side is a source: [`Source::mcp_events`](crate::receiver::Source::mcp_events). There is no replay from a cursor: a client
//! that gives one is told `truncated`. Statuses that are final (413) are the retry policy's:
//! [`SenderBuilder::retry_for`](crate::sender::SenderBuilder::retry_for) with the type `hookwire.mcp.event`. Subscriptions that have ended are removed
//! when their tenant next subscribes or is sent an event. `v1a` signatures and push and poll delivery are not here.

mod error;
mod send;
mod server;
mod subscribe;
mod subscription;
mod wire;

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use rmcp::ErrorData;
use rmcp::model::{CustomRequest, CustomResult, Extensions};
use serde_json::{Value, json};

pub use self::error::ErrorCodes;
use self::error::Refused;
pub use self::send::{Emit, EmitError};
pub use self::server::McpEventsServer;
use super::limits::Limit;
use super::route::caller;
use crate::sender::{Principal, Sender};

/// How often a tenant may subscribe and refresh in a minute, where nothing else is said.
const CALLS_PER_MINUTE: NonZeroU32 = NonZeroU32::MIN.saturating_add(59);

/// Who subscribes to what at this moment, so that equal calls take turns. Holds what is under way and nothing else.
#[derive(Debug, Default)]
struct Turns(std::sync::Mutex<std::collections::HashMap<String, std::sync::Weak<tokio::sync::Mutex<()>>>>);

impl Turns {
    fn of(&self, subscription: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        turns.retain(|_, turn| turn.strong_count() > 0);
        let turn = turns.get(subscription).and_then(std::sync::Weak::upgrade).unwrap_or_default();
        turns.insert(subscription.to_owned(), Arc::downgrade(&turn));
        turn
    }
}

/// Decides whether an event with this data is for a subscription with these arguments.
type Matches = Arc<dyn Fn(&Value, &Value) -> bool + Send + Sync>;

/// The events of an MCP server, by the draft. Cheap to clone.
#[derive(Clone)]
pub struct McpEvents {
    sender: Sender,
    /// Name and description.
    events: Vec<(Arc<str>, Arc<str>)>,
    principal: Option<Principal>,
    codes: ErrorCodes,
    granted: Duration,
    longest: Option<Duration>,
    matches: Matches,
    calls: NonZeroU32,
    limit: Arc<Limit>,
    turns: Arc<Turns>,
}

impl fmt::Debug for McpEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("McpEvents").field("events", &self.events).finish_non_exhaustive()
    }
}

/// Whether the data has every member that the arguments have.
fn has_members(arguments: &Value, data: &Value) -> bool {
    let Some(arguments) = arguments.as_object() else { return true };
    arguments.iter().all(|(name, wanted)| data.get(name) == Some(wanted))
}

impl McpEvents {
    /// None yet, over this sender.
    #[must_use]
    pub fn new(sender: Sender) -> Self {
        let hour = Duration::from_secs(3_600);
        Self {
            sender,
            events: Vec::new(),
            principal: None,
            codes: ErrorCodes::default(),
            granted: hour,
            longest: Some(hour * 24),
            matches: Arc::new(has_members),
            calls: CALLS_PER_MINUTE,
            limit: Arc::new(Limit::per_minute(CALLS_PER_MINUTE)),
            turns: Arc::default(),
        }
    }

    /// An event that clients may subscribe to.
    #[must_use]
    pub fn event(mut self, name: &str, description: &str) -> Self {
        self.events.push((name.into(), description.into()));
        self
    }

    /// Whom requests are made for that come without an HTTP request (stdio).
    #[must_use]
    pub fn for_principal(mut self, principal: Principal) -> Self {
        self.principal = Some(principal);
        self
    }

    /// Other numbers for errors.
    #[must_use]
    pub const fn error_codes(mut self, codes: ErrorCodes) -> Self {
        self.codes = codes;
        self
    }

    /// How long a subscription lasts where the client does not say, and at most.
    #[must_use]
    pub const fn grant(mut self, granted: Duration, longest: Duration) -> Self {
        self.granted = granted;
        self.longest = Some(longest);
        self
    }

    /// Subscriptions without end for clients that ask for that (`ttlMs: null`), and as long as is asked for. Without this, they get the
    /// longest time that is granted.
    #[must_use]
    pub const fn grant_without_end(mut self) -> Self {
        self.longest = None;
        self
    }

    /// Which events a subscription gets: told its arguments and the event's data.
    #[must_use]
    pub fn matching(mut self, matches: impl Fn(&Value, &Value) -> bool + Send + Sync + 'static) -> Self {
        self.matches = Arc::new(matches);
        self
    }

    /// How often a tenant may subscribe and refresh in a minute: each may send a challenge to an address of its choice.
    #[must_use]
    pub fn calls_per_minute(mut self, calls: NonZeroU32) -> Self {
        self.calls = calls;
        self.limit = Arc::new(Limit::per_minute(calls));
        self
    }

    /// What the server says of itself: under `experimental` or `extensions` of its capabilities, as `events`.
    #[must_use]
    pub fn capability() -> Value {
        json!({ "listChanged": false })
    }

    /// Answers `events/list`, `events/subscribe` and `events/unsubscribe`; `None` for any other request. `extensions`: of the
    /// request's context.
    pub async fn answer(
        &self,
        request: &CustomRequest,
        extensions: &Extensions,
    ) -> Option<Result<CustomResult, ErrorData>> {
        let method = match request.method.as_str() {
            "events/list" => Method::List,
            "events/subscribe" => Method::Subscribe,
            "events/unsubscribe" => Method::Unsubscribe,
            _ => return None,
        };
        let answer = self.perform(method, request.params.clone().unwrap_or_default(), extensions).await;
        Some(answer.map(CustomResult::new).map_err(|refused| refused.into_error(&self.codes)))
    }

    async fn perform(&self, method: Method, params: Value, extensions: &Extensions) -> Result<Value, Refused> {
        let principal = caller(extensions, self.principal.as_ref()).ok_or(Refused::Unauthenticated)?;
        let tenant = principal.scope().tenant().cloned().ok_or(Refused::Forbidden)?;
        match method {
            Method::List => Ok(self.list()),
            Method::Subscribe => self.subscribe(&tenant, read(params)?).await,
            Method::Unsubscribe => self.unsubscribe(&tenant, read(params)?).await,
        }
    }

    fn list(&self) -> Value {
        let event = |(name, description): &(Arc<str>, Arc<str>)| json!({ "name": name, "description": description, "delivery": ["webhook"], "inputSchema": { "type": "object" } });
        json!({ "events": self.events.iter().map(event).collect::<Vec<_>>(), "nextCursor": null })
    }

    fn knows(&self, name: &str) -> Result<(), Refused> {
        let known = self.events.iter().any(|(known, _)| **known == *name);
        if known { Ok(()) } else { Err(Refused::NotFound("event")) }
    }
}

enum Method {
    List,
    Subscribe,
    Unsubscribe,
}

fn read<T: serde::de::DeserializeOwned>(params: Value) -> Result<T, Refused> {
    // What serde says may hold the secret.
    serde_json::from_value(params).map_err(|_| Refused::params("malformed parameters"))
}
