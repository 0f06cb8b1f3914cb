//! Sending events, and messages about the stream of events.

use std::sync::Arc;

use serde_json::{Value, json};

use super::McpEvents;
use super::subscription::{Read, terminated};
use super::wire::Body;
use crate::endpoint::Endpoint;
use crate::event::{NewEvent, not_json};
use crate::field::FieldError;
use crate::id::{EventId, Tenant};
use crate::sender::{DispatchError, EndpointChange, EndpointError};

/// The longest body, in bytes.
const MAX_BODY_BYTES: usize = 256 * 1024;

/// An event to be sent to the subscribers of one tenant.
///
/// ```
/// use hookwire::mcp::events::{Emit, EmitError, McpEvents};
/// use hookwire::sender::Sender;
/// use hookwire::store::MemoryStore;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let events = McpEvents::new(Sender::builder(MemoryStore::new()).build()?).event("incident.created", "A new incident");
/// let incident = Emit::new("acme", "incident.created", serde_json::json!({ "severity": "P1" })).cursor("42");
/// assert_eq!(events.emit(incident).await?, 0, "nobody has subscribed");
/// let unknown = events.emit(Emit::new("acme", "incident.closed", serde_json::json!({}))).await;
/// assert!(matches!(unknown, Err(EmitError::Unknown)));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Emit {
    tenant: Tenant,
    name: Arc<str>,
    data: Value,
    id: Option<EventId>,
    cursor: Option<Arc<str>>,
}

impl Emit {
    /// An event of this name, for the subscribers of one tenant.
    pub fn new(tenant: impl Into<Tenant>, name: &str, data: Value) -> Self {
        Self { tenant: tenant.into(), name: name.into(), data, id: None, cursor: None }
    }

    /// Sets the id of the event. An event that is emitted twice with the same id is delivered once. Default: a new id.
    pub fn id(mut self, id: EventId) -> Self {
        self.id = Some(id);
        self
    }

    /// Sets the position of the event in the stream of events.
    pub fn cursor(mut self, cursor: &str) -> Self {
        self.cursor = Some(cursor.into());
        self
    }
}

/// An event was not emitted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmitError {
    /// No event has this name.
    #[error("event: is unknown")]
    Unknown,
    /// The body is longer than 256 KiB.
    #[error("body: must be at most {MAX_BODY_BYTES} bytes, is {0}")]
    TooLong(usize),
    /// No subscription has this id.
    #[error("subscription: is unknown")]
    NoSubscription,
    /// The event was not dispatched.
    #[error(transparent)]
    Dispatch(#[from] DispatchError),
    /// The event is invalid.
    #[error(transparent)]
    Event(#[from] FieldError),
    /// The subscriptions could not be read or changed.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
}

impl McpEvents {
    /// Sends an event to every subscription that it matches. When this returns, the event is durable. Returns the number of subscriptions.
    ///
    /// # Errors
    /// Returns [`EmitError::Unknown`] if no event has this name, [`EmitError::TooLong`] if the body is too long, and
    /// [`EmitError::Event`] if the event is invalid. Returns [`EmitError::Dispatch`] or [`EmitError::Endpoint`] if the store fails.
    pub async fn emit(&self, emit: Emit) -> Result<usize, EmitError> {
        self.check_name(&emit.name).map_err(|_| EmitError::Unknown)?;
        let scoped = self.scoped(&emit.tenant);
        let now = scoped.now();
        let id = emit.id.unwrap_or_else(|| EventId::generate(now));
        let body = Body {
            event_id: id.as_str(),
            name: &emit.name,
            timestamp: now.to_string(),
            data: &emit.data,
            cursor: emit.cursor.as_deref(),
        };
        let body = serde_json::to_string(&body).map_err(|_| not_json())?;
        let wanted = |endpoint: &Arc<Endpoint>| {
            let wants = |read: Read<'_>| read.name == &*emit.name && (self.matches)(&read.arguments(), &emit.data);
            Read::of(endpoint).is_some_and(wants)
        };
        let all = self.subscriptions(&emit.tenant).await?;
        let to: Vec<_> = all.into_iter().filter(wanted).collect();
        if to.is_empty() {
            return Ok(0);
        }
        scoped.dispatch_to(message(&emit.tenant, "hookwire.mcp.event", id, body)?, &to).await?;
        Ok(to.len())
    }

    /// Notifies a subscription that it has missed events. Its client should read the whole state; the stream continues at this
    /// cursor.
    ///
    /// # Errors
    /// Returns [`EmitError::NoSubscription`] if there is no such subscription. Returns [`EmitError::Dispatch`] or
    /// [`EmitError::Endpoint`] if the store fails.
    pub async fn gap(&self, tenant: &Tenant, subscription: &str, cursor: &str) -> Result<(), EmitError> {
        let endpoint = self.of_id(tenant, subscription).await?;
        let body = json!({ "type": "gap", "cursor": cursor }).to_string();
        self.control(&endpoint, "gap", body).await
    }

    /// Ends a subscription. Its client gets the reason in the form of a JSON-RPC error, and no further events.
    ///
    /// # Errors
    /// Returns the errors of [`gap`](Self::gap).
    pub async fn terminate(&self, tenant: &Tenant, subscription: &str, error: &Value) -> Result<(), EmitError> {
        let endpoint = self.of_id(tenant, subscription).await?;
        let body = json!({ "type": "terminated", "error": error }).to_string();
        self.control(&endpoint, "terminated", body).await?;
        // Drop the subscription labels now; keep the endpoint until this last message is delivered.
        self.scoped(tenant).update_read(&endpoint, EndpointChange::new().labels(terminated())).await?;
        Ok(())
    }

    async fn control(&self, endpoint: &Arc<Endpoint>, kind: &str, body: String) -> Result<(), EmitError> {
        let scoped = self.scoped(&endpoint.tenant);
        let id = EventId::generate(scoped.now()).as_str().replacen("evt_", &format!("msg_{kind}_"), 1);
        let id = EventId::new(id).map_err(DispatchError::Tenant)?;
        let control = message(&endpoint.tenant, "hookwire.mcp.control", id, body)?;
        scoped.dispatch_to(control, std::slice::from_ref(endpoint)).await?;
        Ok(())
    }

    async fn of_id(&self, tenant: &Tenant, id: &str) -> Result<Arc<Endpoint>, EmitError> {
        let all = self.subscriptions(tenant).await?;
        let found = all.into_iter().find(|endpoint| Read::of(endpoint).is_some_and(|read| read.id == id));
        found.ok_or(EmitError::NoSubscription)
    }
}

/// The event of a message, if the body is not too long.
fn message(tenant: &Tenant, kind: &str, id: EventId, body: String) -> Result<NewEvent, EmitError> {
    if body.len() > MAX_BODY_BYTES {
        return Err(EmitError::TooLong(body.len()));
    }
    Ok(NewEvent::raw(kind, "application/json", body)?.tenant(tenant.clone()).id(id))
}
