//! Sending events, and what is said about the stream of them.

use std::sync::Arc;

use serde_json::{Value, json};

use super::McpEvents;
use super::subscription::{Read, terminated};
use super::wire::Body;
use crate::endpoint::Endpoint;
use crate::event::{EventError, NewEvent};
use crate::id::{EventId, Tenant};
use crate::sender::{DispatchError, EndpointChange, EndpointError};

/// Longest body, in bytes.
const MAX_BODY_BYTES: usize = 256 * 1024;

/// Something that happened.
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

    /// Its id: emitted twice, it is delivered once. A fresh one, unless said otherwise.
    pub fn id(mut self, id: EventId) -> Self {
        self.id = Some(id);
        self
    }

    /// Where in the stream of events it stands.
    pub fn cursor(mut self, cursor: &str) -> Self {
        self.cursor = Some(cursor.into());
        self
    }
}

/// An event was not emitted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmitError {
    /// There is no event of this name.
    #[error("event: there is none of this name")]
    Unknown,
    /// It is too long.
    #[error("body: must be at most {MAX_BODY_BYTES} bytes, is {0}")]
    TooLong(usize),
    /// There is no such subscription.
    #[error("subscription: there is none with this id")]
    NoSubscription,
    /// It was not dispatched.
    #[error(transparent)]
    Dispatch(#[from] DispatchError),
    /// The event cannot be made.
    #[error(transparent)]
    Event(#[from] EventError),
    /// Subscriptions could not be read.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
}

impl McpEvents {
    /// Sends an event to every subscription that it is for; answers how many. Durable when it returns.
    ///
    /// # Errors
    /// When it is unknown or too long, or is not stored.
    pub async fn emit(&self, emit: Emit) -> Result<usize, EmitError> {
        self.knows(&emit.name).map_err(|_| EmitError::Unknown)?;
        let now = self.sender.now();
        let id = emit.id.unwrap_or_else(|| EventId::generate(now));
        let body = Body {
            event_id: id.as_str(),
            name: &emit.name,
            timestamp: now.to_string(),
            data: &emit.data,
            cursor: emit.cursor.as_deref(),
        };
        let body = serde_json::to_string(&body).map_err(EventError::Json)?;
        let wanted = |endpoint: &Arc<Endpoint>| {
            let wants = |read: Read<'_>| read.name == &*emit.name && (self.matches)(&read.arguments(), &emit.data);
            Read::of(endpoint).is_some_and(wants)
        };
        let all = self.subscriptions(&emit.tenant).await?;
        let to: Vec<_> = all.iter().filter(|endpoint| wanted(endpoint)).map(|endpoint| endpoint.id).collect();
        if to.is_empty() {
            return Ok(0);
        }
        self.sender.dispatch_to(message(&emit.tenant, "hookwire.mcp.event", id, body)?, &to).await?;
        Ok(to.len())
    }

    /// Tells a subscription that it has missed events: it should ask for the whole state, and goes on from this cursor.
    ///
    /// # Errors
    /// When there is no such subscription, or the store is in trouble.
    pub async fn gap(&self, tenant: &Tenant, subscription: &str, cursor: &str) -> Result<(), EmitError> {
        let endpoint = self.of_id(tenant, subscription).await?;
        let body = json!({ "type": "gap", "cursor": cursor }).to_string();
        self.control(&endpoint, "gap", body).await
    }

    /// Ends a subscription: its client is told why, in the form of a JSON-RPC error, and gets nothing that is emitted after that.
    ///
    /// # Errors
    /// When there is no such subscription, or the store is in trouble.
    pub async fn terminate(&self, tenant: &Tenant, subscription: &str, error: &Value) -> Result<(), EmitError> {
        let endpoint = self.of_id(tenant, subscription).await?;
        let body = json!({ "type": "terminated", "error": error }).to_string();
        self.control(&endpoint, "terminated", body).await?;
        // It is a subscription no more, and an endpoint for as long as it is owed this.
        self.sender.endpoints().update(endpoint.id, EndpointChange::new().labels(terminated())).await?;
        Ok(())
    }

    async fn control(&self, endpoint: &Endpoint, kind: &str, body: String) -> Result<(), EmitError> {
        let id = EventId::generate(self.sender.now()).as_str().replacen("evt_", &format!("msg_{kind}_"), 1);
        let id = EventId::new(id).map_err(DispatchError::Tenant)?;
        let control = message(&endpoint.tenant, "hookwire.mcp.control", id, body)?;
        self.sender.dispatch_to(control, &[endpoint.id]).await?;
        Ok(())
    }

    async fn of_id(&self, tenant: &Tenant, id: &str) -> Result<Arc<Endpoint>, EmitError> {
        let all = self.subscriptions(tenant).await?;
        let found = all.into_iter().find(|endpoint| Read::of(endpoint).is_some_and(|read| read.id == id));
        found.ok_or(EmitError::NoSubscription)
    }
}

/// What is sent, if it is not too long.
fn message(tenant: &Tenant, kind: &str, id: EventId, body: String) -> Result<NewEvent, EmitError> {
    if body.len() > MAX_BODY_BYTES {
        return Err(EmitError::TooLong(body.len()));
    }
    Ok(NewEvent::raw(kind, "application/json", body)?.tenant(tenant.clone()).id(id))
}
