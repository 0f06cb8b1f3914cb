//! Events within a scope.

use std::sync::Arc;

use super::super::dispatch::Receipt;
use super::super::error::{DeliveryError, DispatchError};
use super::Scoped;
use super::audit::AuditedChange;
use crate::endpoint::{Endpoint, Verdict};
use crate::event::{Audience, Event, EventType, EventTypes, NewEvent};
use crate::id::{EventId, Tenant};
use crate::store::{EventQuery, EventSummary, Listed, Page, StoreError};

impl Scoped {
    /// Dispatches an event. See [`Sender::dispatch`](crate::sender::Sender::dispatch).
    ///
    /// ```
    /// use hookwire::event::NewEvent;
    /// use hookwire::sender::{DispatchError, Scope, Sender};
    /// use hookwire::store::MemoryStore;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let sender = Sender::builder(MemoryStore::new()).build()?;
    /// let acme = sender.scoped(Scope::tenant("acme"));
    /// let receipt = acme.dispatch(NewEvent::json("invoice.paid", &1042)?).await?;
    /// assert!(acme.event(&"acme".into(), &receipt.event).await?.is_some());
    /// let reader = sender.scoped(Scope::tenant("acme").read_only());
    /// let refused = reader.dispatch(NewEvent::json("invoice.paid", &1042)?).await;
    /// assert!(matches!(refused, Err(DispatchError::ReadOnly)));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Returns [`DispatchError::ReadOnly`] if the caller may only read; otherwise the errors of
    /// [`Sender::dispatch`](crate::sender::Sender::dispatch).
    pub async fn dispatch(&self, event: NewEvent) -> Result<Receipt, DispatchError> {
        self.sender.dispatch(self.own(event)?).await
    }

    /// Dispatches an event to these endpoints of its tenant, whatever their filters are, and to no others.
    pub(crate) async fn dispatch_to(
        &self,
        event: NewEvent,
        endpoints: &[Arc<Endpoint>],
    ) -> Result<Receipt, DispatchError> {
        let event = self.own(event)?;
        let within = endpoints.iter().filter(|endpoint| self.scope.covers(&endpoint.tenant));
        let ids: Vec<_> = within.map(|endpoint| endpoint.id).collect();
        self.sender.dispatch_to(event, &ids).await
    }

    /// Sets the caller's tenant as the tenant of the event.
    fn own(&self, event: NewEvent) -> Result<NewEvent, DispatchError> {
        self.writable(DispatchError::ReadOnly)?;
        Ok(match self.scope.as_tenant() {
            Some(own) => event.tenant(own.clone()),
            None => event,
        })
    }

    /// Reads an event with its payload. Returns `None` if there is no such event in scope.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    pub async fn event(&self, tenant: &Tenant, id: &EventId) -> Result<Option<Arc<Event>>, StoreError> {
        if self.scope.covers(tenant) { self.sender.history().event(tenant, id).await } else { Ok(None) }
    }

    /// Lists events, a page at a time. A page may be short although the list goes on: see [`Listed`]. Events that an inbox has received are
    /// left out, and the list is empty if the tenant of the query is out of scope.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    pub async fn events(&self, query: &EventQuery, page: Page<u64>) -> Result<Listed<EventSummary, u64>, StoreError> {
        if self.scope.covers(&query.tenant) && query.audience != Some(Audience::Inbox) {
            self.sender.shared.store.events(query, page).await
        } else {
            Ok(Listed::default())
        }
    }

    /// Deletes the payload of an event permanently and cancels its deliveries that are not final. Returns `false` if there is no such event
    /// in scope. See [`Sender::expunge`](crate::sender::Sender::expunge).
    ///
    /// # Errors
    /// Returns [`DeliveryError::ReadOnly`] if the caller may only read, and [`DeliveryError::Store`] if the store fails.
    pub async fn expunge(&self, tenant: &Tenant, id: &EventId) -> Result<bool, DeliveryError> {
        self.writable(DeliveryError::ReadOnly)?;
        if self.event(tenant, id).await?.is_none() {
            return Ok(false);
        }
        let change = AuditedChange::new("event.expunge", tenant, id);
        Ok(self.audited(change, self.sender.expunge(tenant, id)).await?)
    }

    /// Returns the event types of the application, if the sender [has them](crate::sender::SenderBuilder::event_types).
    #[must_use]
    pub fn event_types(&self) -> Option<&dyn EventTypes> {
        self.sender.event_types()
    }

    /// Explains which endpoints of the tenant would get an event of this type, and why the others would not. The list is empty if the
    /// tenant is out of scope. See [`Sender::explain`](crate::sender::Sender::explain).
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    pub async fn explain(
        &self,
        tenant: &Tenant,
        event_type: &EventType,
    ) -> Result<Vec<(Arc<Endpoint>, Verdict)>, StoreError> {
        if self.scope.covers(tenant) { self.sender.explain(tenant, event_type).await } else { Ok(Vec::new()) }
    }
}
