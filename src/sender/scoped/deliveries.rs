//! Deliveries and attempts within a scope.

use std::collections::HashMap;

use super::super::attempt_detail::AttemptDetail;
use super::super::error::DeliveryError;
use super::Scoped;
use super::audit::{AuditedChange, counted};
use crate::delivery::{Attempt, Delivery};
use crate::id::{DeliveryId, EndpointId, EventId, Tenant, Work};
use crate::store::{DeliveryQuery, Listed, Page, StoreError};

/// The number of deliveries of one event that one call resends.
const MAX_RESENT: u32 = 1_000;

impl Scoped {
    /// Reads one delivery. Returns `None` if there is no such delivery in scope.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    pub async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
        let delivery = self.sender.history().delivery(id).await?;
        Ok(delivery.filter(|delivery| self.scope.covers(&delivery.tenant)))
    }

    /// Lists deliveries, a page at a time. A page may be short although the list goes on: see [`Listed`]. The list is empty if the tenant of
    /// the query is out of scope.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    pub async fn deliveries(&self, mut query: DeliveryQuery, page: Page) -> Result<Listed<Delivery>, StoreError> {
        let Some(tenant) = self.listed(query.tenant.as_ref()).map(Option::<&Tenant>::cloned) else {
            return Ok(Listed::default());
        };
        query.tenant = tenant;
        self.sender.history().deliveries(&query, page).await
    }

    /// Reads pages until it has as many deliveries as the limit of the page, or until the list ends.
    pub(crate) async fn find_deliveries(
        &self,
        query: &DeliveryQuery,
        mut page: Page,
    ) -> Result<Vec<Delivery>, StoreError> {
        let mut found = Vec::new();
        while page.limit > 0 {
            let more = self.deliveries(query.clone(), page).await?;
            page.limit = page.limit.saturating_sub(u32::try_from(more.items.len()).unwrap_or(u32::MAX));
            found.extend(more.items);
            let Some(next) = more.next else { break };
            page = page.after(next);
        }
        Ok(found)
    }

    /// Reads the attempts at a delivery, oldest first. Returns `None` if there is no such delivery in scope.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    pub async fn attempts(&self, id: DeliveryId) -> Result<Option<Vec<Attempt>>, StoreError> {
        match self.delivery(id).await? {
            Some(_) => self.sender.history().attempts(id).await.map(Some),
            None => Ok(None),
        }
    }

    /// Reads the last attempt at each of these deliveries in one call; `None` if there is no attempt, or the delivery is out of scope.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    pub async fn last_attempts(&self, deliveries: &[Delivery]) -> Result<Vec<Option<Attempt>>, StoreError> {
        let attempted = deliveries.iter().filter(|one| one.attempts > 0 && self.scope.covers(&one.tenant));
        let ids: Vec<_> = attempted.map(|delivery| delivery.id).collect();
        let mut last = HashMap::new();
        if !ids.is_empty() {
            let found = self.sender.history().attempts_of(&ids).await?;
            last.extend(ids.iter().zip(found).filter_map(|(id, mut attempts)| Some((*id, attempts.pop()?))));
        }
        Ok(deliveries.iter().map(|delivery| last.get(&delivery.id).cloned()).collect())
    }

    /// Reads the details of the last attempts at a delivery, oldest first, if the sender [keeps
    /// them](crate::sender::SenderBuilder::keep_all_details). Returns `None` if there is no such delivery in scope. After a resend, numbers of
    /// attempts repeat: a detail belongs to the last attempt that has its number and began no later than the detail.
    ///
    /// A tenant sees neither the addresses, nor how long DNS took, nor whether a TLS session was resumed: all tenants share the names that
    /// are resolved and the sessions that are kept, so these would tell whether another tenant has an endpoint on the same host.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    pub async fn attempt_details(&self, id: DeliveryId) -> Result<Option<Vec<AttemptDetail>>, StoreError> {
        if self.delivery(id).await?.is_none() {
            return Ok(None);
        }
        let notes = self.sender.shared.store.notes(&id.to_string()).await?;
        let mut details: Vec<AttemptDetail> = notes.iter().rev().filter_map(AttemptDetail::of_note).collect();
        if self.scope.as_tenant().is_some() {
            details.iter_mut().for_each(AttemptDetail::hide_from_tenants);
        }
        Ok(Some(details))
    }

    /// Reads the attempts at a delivery, oldest first, each with its detail if the sender has kept it. Returns `None` if there is no such
    /// delivery in scope.
    pub(crate) async fn attempts_in_detail(
        &self,
        id: DeliveryId,
    ) -> Result<Option<Vec<(Attempt, Option<AttemptDetail>)>>, StoreError> {
        let (Some(attempts), Some(details)) = (self.attempts(id).await?, self.attempt_details(id).await?) else {
            return Ok(None);
        };
        let nexts = attempts.iter().skip(1).map(Some).chain([None]);
        let detail = |(attempt, next): (&Attempt, Option<&Attempt>)| {
            (attempt.clone(), details.iter().find(|detail| detail.is_of(attempt, next)).cloned())
        };
        Ok(Some(attempts.iter().zip(nexts).map(detail).collect()))
    }

    /// Sends a delivery again. See [`Sender::resend`](crate::sender::Sender::resend).
    ///
    /// ```
    /// use hookwire::endpoint::NewEndpoint;
    /// use hookwire::event::NewEvent;
    /// use hookwire::sender::{DeliveryError, Scope, Sender};
    /// use hookwire::store::MemoryStore;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let sender = Sender::builder(MemoryStore::new()).build()?;
    /// let acme = sender.scoped(Scope::tenant("acme"));
    /// acme.create(NewEndpoint::https("https://acme.example/hooks")?).await?;
    /// let delivery = acme.dispatch(NewEvent::json("invoice.paid", &1042)?).await?.deliveries[0];
    /// assert!(matches!(acme.resend(delivery).await, Err(DeliveryError::WrongState)), "it is pending");
    /// acme.cancel(delivery).await?;
    /// acme.resend(delivery).await?;
    /// let other = sender.scoped(Scope::tenant("other"));
    /// assert!(matches!(other.resend(delivery).await, Err(DeliveryError::NotFound)));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Returns [`DeliveryError::ReadOnly`] if the caller may only read, [`DeliveryError::NotFound`] if there is no such delivery in scope,
    /// [`DeliveryError::WrongState`] if it is pending or its event was expunged, and [`DeliveryError::Store`] if the store fails.
    pub async fn resend(&self, id: DeliveryId) -> Result<(), DeliveryError> {
        let delivery = self.delivery_for_change(id).await?;
        let change = AuditedChange::new("delivery.resend", &delivery.tenant, id).detail(delivery.event.as_str());
        self.audited(change, async {
            let resent = self.sender.resend_read(std::slice::from_ref(&delivery)).await?;
            if resent.is_empty() { Err(DeliveryError::WrongState) } else { Ok(()) }
        })
        .await
    }

    /// Sends an event again to every endpoint that had a delivery of it, or to one of them. Returns the deliveries that are pending now.
    ///
    /// # Errors
    /// Returns [`DeliveryError::ReadOnly`] if the caller may only read, [`DeliveryError::NotFound`] if no such delivery is in scope,
    /// [`DeliveryError::WrongState`] if all of them are pending or the event was expunged, and [`DeliveryError::Store`] if the store fails.
    pub async fn resend_event(
        &self,
        tenant: &Tenant,
        event: &EventId,
        endpoint: Option<EndpointId>,
    ) -> Result<Vec<DeliveryId>, DeliveryError> {
        self.writable(DeliveryError::ReadOnly)?;
        let mut query = DeliveryQuery::of(Work::Sent);
        (query.tenant, query.event) = (Some(tenant.clone()), Some(event.clone()));
        query.lane = endpoint.map(Into::into);
        let deliveries = self.find_deliveries(&query, Page::of(MAX_RESENT)).await?;
        if deliveries.is_empty() {
            return Err(DeliveryError::NotFound);
        }
        let to = endpoint.map(|id| format!(" to {id}")).unwrap_or_default();
        let detail = format!("{}{to}", counted(deliveries.len()));
        self.audited(AuditedChange::new("event.resend", tenant, event.as_str()).detail(detail), async {
            let resent = self.sender.resend_read(&deliveries).await?;
            if resent.is_empty() { Err(DeliveryError::WrongState) } else { Ok(resent) }
        })
        .await
    }

    /// Cancels a delivery. See [`Sender::cancel`](crate::sender::Sender::cancel).
    ///
    /// # Errors
    /// Returns [`DeliveryError::ReadOnly`] if the caller may only read, [`DeliveryError::NotFound`] if there is no such delivery in scope,
    /// [`DeliveryError::WrongState`] if it is final, and [`DeliveryError::Store`] if the store fails.
    pub async fn cancel(&self, id: DeliveryId) -> Result<(), DeliveryError> {
        let delivery = self.delivery_for_change(id).await?;
        let change = AuditedChange::new("delivery.cancel", &delivery.tenant, id).detail(delivery.event.as_str());
        self.audited(change, async {
            if self.sender.cancel_read(&delivery).await? { Ok(()) } else { Err(DeliveryError::WrongState) }
        })
        .await
    }

    /// Reads a delivery before it is changed.
    async fn delivery_for_change(&self, id: DeliveryId) -> Result<Delivery, DeliveryError> {
        self.writable(DeliveryError::ReadOnly)?;
        self.delivery(id).await?.ok_or(DeliveryError::NotFound)
    }
}
