//! A sender as one caller may use it: a tenant its own things, an operator all.

use std::sync::Arc;
use std::time::Duration;

use super::endpoints::Renewed;
use super::{EndpointChange, EndpointError, Receipt, Replay, Sender, Stats};
use crate::delivery::{Attempt, Delivery};
use crate::endpoint::{Endpoint, NewEndpoint};
use crate::event::{Audience, Event};
use crate::id::{DeliveryId, EndpointId, EventId, Tenant};
use crate::store::{DeliveryQuery, EventQuery, EventSummary, Page, StoreError};

/// Whose things a caller may see and change.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scope {
    /// Those of one tenant. Of all others it cannot even be told whether they exist.
    Tenant(Tenant),
    /// Those of all tenants.
    Operator,
}

impl Scope {
    /// Whether things of this tenant are within it.
    #[must_use]
    pub fn covers(&self, tenant: &Tenant) -> bool {
        match self {
            Self::Tenant(own) => own == tenant,
            Self::Operator => true,
        }
    }

    /// The one tenant; `None` for an operator.
    #[must_use]
    pub const fn tenant(&self) -> Option<&Tenant> {
        match self {
            Self::Tenant(own) => Some(own),
            Self::Operator => None,
        }
    }
}

/// Who asks: put into a request's extensions by the host's own authentication, for those parts of hookwire that answer requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    scope: Scope,
}

impl Principal {
    /// A tenant: it sees and changes its own things only.
    #[must_use]
    pub fn tenant(tenant: impl Into<Tenant>) -> Self {
        Self { scope: Scope::Tenant(tenant.into()) }
    }

    /// An operator: sees and changes the things of all tenants.
    #[must_use]
    pub const fn operator() -> Self {
        Self { scope: Scope::Operator }
    }

    /// What it may see and change.
    #[must_use]
    pub const fn scope(&self) -> &Scope {
        &self.scope
    }
}

/// What a [`Sender`] does for one caller. What is out of scope is answered exactly as what does not exist. An HTTP API or a set
/// of tools is built on this, so that who may see what is decided in one place.
///
/// ```
/// use hookwire::endpoint::NewEndpoint;
/// use hookwire::sender::{EndpointError, Scope, Sender};
/// use hookwire::store::MemoryStore;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let sender = Sender::builder(MemoryStore::new()).build()?;
/// let endpoint = sender.endpoints().create(NewEndpoint::https("https://acme.example/hooks")?.tenant("acme")).await?;
/// let (acme, other) = (Scope::Tenant("acme".into()), Scope::Tenant("other".into()));
/// assert!(sender.scoped(&acme).endpoint(endpoint.id).await.is_ok());
/// assert!(matches!(sender.scoped(&other).remove(endpoint.id).await, Err(EndpointError::NotFound)));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Scoped<'a> {
    sender: &'a Sender,
    scope: &'a Scope,
}

impl Sender {
    /// This sender as a caller of this scope may use it.
    #[must_use]
    pub const fn scoped<'a>(&'a self, scope: &'a Scope) -> Scoped<'a> {
        Scoped { sender: self, scope }
    }
}

impl<'a> Scoped<'a> {
    /// One endpoint.
    ///
    /// # Errors
    /// When there is none in scope, or the store is in trouble.
    pub async fn endpoint(&self, id: EndpointId) -> Result<Arc<Endpoint>, EndpointError> {
        let endpoint = self.sender.endpoints().get(id).await?;
        if self.scope.covers(&endpoint.tenant) { Ok(endpoint) } else { Err(EndpointError::NotFound) }
    }

    /// Endpoints in the order of creation, a page at a time. See [`Endpoints::list`](super::Endpoints::list).
    ///
    /// # Errors
    /// When the store is in trouble.
    pub async fn endpoints(&self, after: Option<EndpointId>, limit: u32) -> Result<Vec<Arc<Endpoint>>, EndpointError> {
        self.sender.endpoints().list(self.scope.tenant(), after, limit).await
    }

    /// Creates an endpoint; of this tenant, whatever the description says, unless the caller is an operator.
    ///
    /// # Errors
    /// As [`Endpoints::create`](super::Endpoints::create).
    pub async fn create(&self, new: NewEndpoint) -> Result<Endpoint, EndpointError> {
        match self.scope.tenant() {
            Some(own) => self.sender.endpoints().create_for_owner(new.tenant(own.clone())).await,
            None => self.sender.endpoints().create(new).await,
        }
    }

    /// Changes an endpoint; [for its owner](EndpointChange::for_owner), unless the caller is an operator.
    ///
    /// # Errors
    /// As [`Endpoints::update`](super::Endpoints::update).
    pub async fn update(&self, id: EndpointId, change: EndpointChange) -> Result<Endpoint, EndpointError> {
        self.endpoint(id).await?;
        let change = if self.scope.tenant().is_some() { change.for_owner() } else { change };
        self.sender.endpoints().update(id, change).await
    }

    /// Gives an endpoint a fresh key. See [`Endpoints::renew_key`](super::Endpoints::renew_key).
    ///
    /// # Errors
    /// As [`Endpoints::renew_key`](super::Endpoints::renew_key).
    pub async fn renew_key(&self, id: EndpointId, overlap: Duration) -> Result<Endpoint, EndpointError> {
        self.endpoint(id).await?;
        self.sender.endpoints().renew_key(id, overlap).await
    }

    /// The endpoint with a fresh key, so that its secret can be handed over before it counts. See
    /// [`Endpoints::renewed_key`](super::Endpoints::renewed_key).
    ///
    /// # Errors
    /// As [`Endpoints::renew_key`](super::Endpoints::renew_key).
    pub async fn renewed_key(&self, id: EndpointId, overlap: Duration) -> Result<Renewed, EndpointError> {
        self.endpoint(id).await?;
        self.sender.endpoints().renewed_key(id, overlap).await
    }

    /// Stores what [`renewed_key`](Self::renewed_key) has made.
    ///
    /// # Errors
    /// As [`Endpoints::commit_key`](super::Endpoints::commit_key).
    pub async fn commit_key(&self, renewed: Renewed) -> Result<Endpoint, EndpointError> {
        self.sender.endpoints().commit_key(renewed).await
    }

    /// Asks the owner of a target that was not proven yet. See [`Endpoints::prove`](super::Endpoints::prove).
    ///
    /// # Errors
    /// As [`Endpoints::prove`](super::Endpoints::prove).
    pub async fn prove(&self, id: EndpointId) -> Result<Endpoint, EndpointError> {
        self.endpoint(id).await?;
        self.sender.endpoints().prove(id).await
    }

    /// Removes an endpoint and cancels what it is owed. An operator can remove one that does not read, too.
    ///
    /// # Errors
    /// When there is none in scope, or the store is in trouble.
    pub async fn remove(&self, id: EndpointId) -> Result<(), EndpointError> {
        self.remove_at(id, None).await
    }

    /// The same, if it still has this [`version`](Endpoint::version).
    ///
    /// # Errors
    /// [`Conflict`](EndpointError::Conflict) where it has another; else as [`remove`](Self::remove).
    pub async fn remove_at(&self, id: EndpointId, version: Option<u64>) -> Result<(), EndpointError> {
        if self.scope.tenant().is_some() {
            self.endpoint(id).await?;
        }
        self.sender.endpoints().remove_at(id, version).await
    }

    /// Sends a test event to one endpoint. See [`Sender::test`].
    ///
    /// # Errors
    /// When there is none in scope, or the store is in trouble.
    pub async fn test(&self, id: EndpointId) -> Result<Receipt, EndpointError> {
        self.endpoint(id).await?;
        self.sender.test(id).await
    }

    /// How an endpoint is doing. See [`Sender::stats`].
    ///
    /// # Errors
    /// When there is none in scope, or the store is in trouble.
    pub async fn stats(&self, id: EndpointId) -> Result<Stats, EndpointError> {
        self.endpoint(id).await?;
        self.sender.stats(id).await
    }

    /// A replay to one endpoint, to be narrowed and run. See [`Sender::replay`]. A tenant's is refused while another one of its replays
    /// runs, or too much [waits](super::SenderBuilder::max_waiting_for_replay).
    ///
    /// # Errors
    /// When there is none in scope, or the store is in trouble.
    pub async fn replay(&self, id: EndpointId) -> Result<Replay<'a>, EndpointError> {
        self.endpoint(id).await?;
        let replay = self.sender.replay(id);
        Ok(if self.scope.tenant().is_some() { replay.for_owner() } else { replay })
    }

    /// An event of this tenant; `None` where it is out of scope or there is none.
    ///
    /// # Errors
    /// When the store is in trouble.
    pub async fn event(&self, tenant: &Tenant, id: &EventId) -> Result<Option<Arc<Event>>, StoreError> {
        if self.scope.covers(tenant) { self.sender.history().event(tenant, id).await } else { Ok(None) }
    }

    /// Events, a page at a time; none where the tenant is out of scope, or for an [inbox](Audience::Inbox). See [`Control::events`](crate::store::Control::events).
    ///
    /// # Errors
    /// When the store is in trouble.
    pub async fn events(&self, query: &EventQuery, page: Page<u64>) -> Result<Vec<EventSummary>, StoreError> {
        if self.scope.covers(&query.tenant) && query.audience != Some(Audience::Inbox) {
            self.sender.shared.store.events(query, page).await
        } else {
            Ok(Vec::new())
        }
    }

    /// One delivery; `None` where it is out of scope or there is none.
    ///
    /// # Errors
    /// When the store is in trouble.
    pub async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
        let delivery = self.sender.history().delivery(id).await?;
        Ok(delivery.filter(|delivery| self.scope.covers(&delivery.tenant)))
    }

    /// Deliveries, a page at a time; of this tenant, whatever the query says, unless the caller is an operator.
    ///
    /// # Errors
    /// When the store is in trouble.
    pub async fn deliveries(&self, mut query: DeliveryQuery, page: Page) -> Result<Vec<Delivery>, StoreError> {
        if let Some(own) = self.scope.tenant() {
            query.tenant = Some(own.clone());
        }
        self.sender.history().deliveries(&query, page).await
    }

    /// The attempts at a delivery, oldest first; `None` where it is out of scope or there is none.
    ///
    /// # Errors
    /// When the store is in trouble.
    pub async fn attempts(&self, id: DeliveryId) -> Result<Option<Vec<Attempt>>, StoreError> {
        match self.delivery(id).await? {
            Some(_) => self.sender.history().attempts(id).await.map(Some),
            None => Ok(None),
        }
    }

    /// Sends a delivery again. See [`Sender::resend`]. `None` where it is out of scope or there is none.
    ///
    /// # Errors
    /// When the store is in trouble.
    pub async fn resend(&self, id: DeliveryId) -> Result<Option<bool>, StoreError> {
        match self.delivery(id).await? {
            Some(_) => self.sender.resend(id).await.map(Some),
            None => Ok(None),
        }
    }

    /// Cancels a delivery. See [`Sender::cancel`]. `None` where it is out of scope or there is none.
    ///
    /// # Errors
    /// When the store is in trouble.
    pub async fn cancel(&self, id: DeliveryId) -> Result<Option<bool>, StoreError> {
        match self.delivery(id).await? {
            Some(_) => self.sender.cancel(id).await.map(Some),
            None => Ok(None),
        }
    }
}
