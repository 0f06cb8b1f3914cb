//! The sending side of webhook delivery in the draft of MCP Triggers & Events. **This is a draft**: no release of MCP contains it.
//! Every part of it may change, and this module may change with it in any release. The module implements revision 082166f of the
//! working group's sketch.
//!
//! A client subscribes with `events/subscribe`, a custom request in addition to the tools. The request names the event, its
//! arguments, the `https` URL and the secret that signs. The URL must answer a challenge before anything is delivered to it. A second
//! request refreshes the subscription: it extends its time, may replace the secret (both secrets sign for a while), and enables the
//! subscription again. Each subscription is an endpoint: guarded, signed, retried, isolated.
//!
//! ```
//! use hookwire::mcp::events::{Emit, McpEvents};
//! use hookwire::sender::Sender;
//! use hookwire::store::MemoryStore;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let sender = Sender::builder(MemoryStore::new()).build()?;
//! let events = McpEvents::new(sender).event("incident.created", "A new incident");
//! // A server of your own calls `events.answer(&request, &context.extensions)` in its `on_custom_request`; `McpEvents::server` is one.
//! // When something happens:
//! let incident = serde_json::json!({ "incidentId": "INC-1234", "severity": "P1" });
//! assert_eq!(events.emit(Emit::new("acme", "incident.created", incident)).await?, 0, "nobody has subscribed");
//! # Ok(())
//! # }
//! ```
//!
//! # Defaults
//!
//! A subscription lasts an hour, and at most 24 if the client asks for more ([`McpEvents::grant`]). After a secret was replaced, both
//! secrets sign for five minutes. A tenant may call `events/subscribe` 60 times a minute. A body has at most 256 KiB. An event is
//! sent to the subscriptions whose arguments are all members of its data, with the same values ([`McpEvents::matching`]).
//!
//! # Caveats
//!
//! The receiving side is a source: [`Source::mcp_events`](crate::receiver::Source::mcp_events). There is no replay from a cursor: a client
//! that sends a cursor gets `truncated`. The retry policy decides which statuses are final (413):
//! [`SenderBuilder::retry_for`](crate::sender::SenderBuilder::retry_for) with the type `hookwire.mcp.event`. Subscriptions that have ended
//! are removed when their tenant subscribes or gets an event the next time. `v1a` signatures, push delivery and poll delivery are not
//! implemented.

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

use self::error::{FIRST_ERROR_CODE, Refused};
pub use self::send::{Emit, EmitError};
use super::call::caller;
use super::rate_limit::RateLimit;
use crate::id::Tenant;
use crate::sender::{Scope, Scoped, Sender};

/// The default for the number of times a tenant may subscribe and refresh in a minute.
const CALLS_PER_MINUTE: NonZeroU32 = NonZeroU32::MIN.saturating_add(59);

/// Locks by subscription, so that equal calls take turns. Contains only the locks that are in use.
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

/// The events of an MCP server, as the draft defines them. Cheap to clone.
#[derive(Clone)]
pub struct McpEvents {
    sender: Sender,
    /// The name and the description of each event.
    events: Vec<(Arc<str>, Arc<str>)>,
    /// The caller on a transport without HTTP requests.
    scope: Option<Scope>,
    first_error_code: i32,
    granted: Duration,
    longest: Option<Duration>,
    matches: Matches,
    calls: NonZeroU32,
    limit: Arc<RateLimit>,
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
    /// Offers events that this sender sends; [`event`](Self::event) adds one. A new value offers no events.
    #[must_use]
    pub fn new(sender: Sender) -> Self {
        let hour = Duration::from_secs(3_600);
        Self {
            sender,
            events: Vec::new(),
            scope: None,
            first_error_code: FIRST_ERROR_CODE,
            granted: hour,
            longest: Some(hour * 24),
            matches: Arc::new(has_members),
            calls: CALLS_PER_MINUTE,
            limit: Arc::new(RateLimit::per_minute(CALLS_PER_MINUTE)),
            turns: Arc::default(),
        }
    }

    /// Adds an event that clients may subscribe to.
    #[must_use]
    pub fn event(mut self, name: &str, description: &str) -> Self {
        self.events.push((name.into(), description.into()));
        self
    }

    /// Sets the caller on a transport without HTTP requests (stdio).
    #[must_use]
    pub fn for_scope(mut self, scope: Scope) -> Self {
        self.scope = Some(scope);
        self
    }

    /// Sets the first of the draft's five error codes. The codes count down from it: no such event or subscription (default: -32011),
    /// not allowed, too many subscriptions, unsupported, and a URL that fails the challenge. The default codes are in a range that
    /// MCP reserves for itself, so the draft may change them.
    #[must_use]
    pub const fn first_error_code(mut self, code: i32) -> Self {
        self.first_error_code = code;
        self
    }

    /// Sets how long a subscription lasts if the client asks for no time, and the longest time. Default: 1 hour, 24 hours.
    #[must_use]
    pub const fn grant(mut self, granted: Duration, longest: Duration) -> Self {
        self.granted = granted;
        self.longest = Some(longest);
        self
    }

    /// Grants any time that a client asks for, including a subscription without end (`ttlMs: null`). By default a client gets at most
    /// the longest time of [`grant`](Self::grant).
    #[must_use]
    pub const fn grant_without_end(mut self) -> Self {
        self.longest = None;
        self
    }

    /// Sets which events a subscription gets: the function receives the arguments of the subscription and the data of the event.
    #[must_use]
    pub fn matching(mut self, matches: impl Fn(&Value, &Value) -> bool + Send + Sync + 'static) -> Self {
        self.matches = Arc::new(matches);
        self
    }

    /// Sets how often a tenant may subscribe and refresh in a minute. Each of these calls may send a challenge to a URL that the
    /// tenant chooses. Default: 60.
    #[must_use]
    pub fn calls_per_minute(mut self, calls: NonZeroU32) -> Self {
        self.calls = calls;
        self.limit = Arc::new(RateLimit::per_minute(calls));
        self
    }

    /// The capability of the server. Send it as `events` under `experimental` or `extensions`.
    ///
    /// ```
    /// assert_eq!(hookwire::mcp::events::McpEvents::capability()["listChanged"], false);
    /// ```
    #[must_use]
    pub fn capability() -> Value {
        json!({ "listChanged": false })
    }

    /// Answers `events/list`, `events/subscribe` and `events/unsubscribe`. Returns `None` for any other request. `extensions` are those of
    /// the request's context.
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
        Some(answer.map(CustomResult::new).map_err(|refused| refused.into_error(self.first_error_code)))
    }

    async fn perform(&self, method: Method, params: Value, extensions: &Extensions) -> Result<Value, Refused> {
        let scope = caller(extensions, self.scope.as_ref()).ok_or(Refused::Unauthenticated)?;
        let tenant = scope.as_tenant().ok_or(Refused::Forbidden)?;
        match method {
            Method::List => Ok(self.list()),
            _ if scope.is_read_only() => Err(Refused::Forbidden),
            Method::Subscribe => self.subscribe(tenant, read(params)?).await,
            Method::Unsubscribe => self.unsubscribe(tenant, read(params)?).await,
        }
    }

    /// The sender, limited to what this tenant may use.
    fn scoped(&self, tenant: &Tenant) -> Scoped {
        self.sender.scoped(Scope::tenant(tenant.clone())).via("mcp")
    }

    fn list(&self) -> Value {
        let event = |(name, description): &(Arc<str>, Arc<str>)| json!({ "name": name, "description": description, "delivery": ["webhook"], "inputSchema": { "type": "object" } });
        json!({ "events": self.events.iter().map(event).collect::<Vec<_>>(), "nextCursor": null })
    }

    fn check_name(&self, name: &str) -> Result<(), Refused> {
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
    // The message of serde may contain the secret, so it is not shown.
    serde_json::from_value(params).map_err(|_| Refused::params("malformed parameters"))
}
