//! What an operator does by hand: resend, cancel, test, explain, expunge, look.

use std::sync::Arc;

use super::endpoints::EndpointError;
use super::{DispatchError, Receipt, Sender};
use crate::delivery::NewDelivery;
use crate::endpoint::{Endpoint, Health, Verdict};
use crate::event::{Audience, Event, EventType, NewEvent};
use crate::id::{DeliveryId, EndpointId, EventId, LaneId, Tenant, Work};
use crate::store::{Append, Appended, Counts, StoreError};

/// The type of the event that [`Sender::test`] sends.
pub const TEST_EVENT: &str = "hookwire.test";

/// What one endpoint would do with an event, from [`Sender::explain`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Explained {
    /// The endpoint.
    pub endpoint: Arc<Endpoint>,
    /// Whether it would get the event, and if not, why.
    pub verdict: Verdict,
}

/// How an endpoint is doing, from [`Sender::stats`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// How many of its deliveries are in each state.
    pub counts: Counts,
    /// How it has been answering.
    pub health: Health,
    /// How long its last attempts took, in this process; `None` before the first.
    pub latency: Option<super::Latency>,
}

impl Sender {
    /// Sends a delivery again that was delivered, failed, was cancelled or is held by decision: it is pending, its attempts
    /// count from the start, its history stays. Answers `false` for one that is pending, unknown, or whose event was
    /// expunged.
    ///
    /// # Errors
    /// When the store is in trouble.
    pub async fn resend(&self, delivery: DeliveryId) -> Result<bool, StoreError> {
        self.shared.engine.resend(delivery).await
    }

    /// Cancels a delivery that is pending or held. An attempt in flight is not called back, but its end no longer counts.
    /// Answers `false` for one that is final or unknown.
    ///
    /// # Errors
    /// When the store is in trouble.
    pub async fn cancel(&self, delivery: DeliveryId) -> Result<bool, StoreError> {
        self.shared.engine.cancel(delivery).await
    }

    /// Forgets the payload of an event, for ever, and cancels what is still owed of it; that there was such an event stays on
    /// record, and its id stays taken. Answers `false` for an unknown one. What was read from the disk before may survive in
    /// free pages and backups.
    ///
    /// # Errors
    /// When the store is in trouble.
    pub async fn expunge(&self, tenant: &Tenant, event: &EventId) -> Result<bool, StoreError> {
        self.shared.store.expunge(Work::Sent, tenant, event, self.now()).await
    }

    /// Sends an event of type [`TEST_EVENT`] to one endpoint, whatever its filter says.
    ///
    /// # Errors
    /// When there is no such endpoint, or the store is in trouble.
    pub async fn test(&self, endpoint: EndpointId) -> Result<Receipt, EndpointError> {
        let endpoint = self.endpoints().get(endpoint).await?;
        let now = self.now();
        // A constant type and a constant: they are well formed.
        let Ok(event) = NewEvent::json(TEST_EVENT, &serde_json::json!({ "endpoint": endpoint.id })) else {
            return Err(EndpointError::NotFound);
        };
        let event = event.tenant(endpoint.tenant.clone()).audience(Audience::Direct);
        let event = Arc::new(event.seal(now));
        Ok(self.owe_to(event, &[endpoint.id]).await?)
    }

    /// Dispatches an event to these endpoints of its tenant, whatever they want, and to nobody else.
    pub(crate) async fn dispatch_to(
        &self,
        event: NewEvent,
        endpoints: &[EndpointId],
    ) -> Result<Receipt, DispatchError> {
        let event = self.shared.fan_out.accept(event.audience(Audience::Direct), self.now())?;
        Ok(self.owe_to(event, endpoints).await?)
    }

    /// An event that was used under this id for something else is a duplicate too: it is not sent again.
    async fn owe_to(&self, event: Arc<Event>, endpoints: &[EndpointId]) -> Result<Receipt, StoreError> {
        let now = self.now();
        let owe = |endpoint: &EndpointId| NewDelivery {
            id: DeliveryId::generate(now),
            lane: LaneId::Endpoint(*endpoint),
            leased_until: None,
        };
        let owed: Vec<_> = endpoints.iter().map(owe).collect();
        let id = event.id.clone();
        let stored = self.shared.store.append(vec![Append { event, deliveries: owed.clone(), now }]).await?;
        let duplicate = stored.first() != Some(&Appended::Stored);
        for endpoint in endpoints {
            self.shared.engine.announce(LaneId::Endpoint(*endpoint), now);
        }
        let deliveries = if duplicate { Vec::new() } else { owed.iter().map(|owed| owed.id).collect() };
        Ok(Receipt { event: id, deliveries, duplicate })
    }

    /// Who would get an event of this tenant and type if it were dispatched now, and for every other endpoint of the tenant,
    /// why not. By the very code that dispatches; nothing is stored.
    ///
    /// # Errors
    /// When the store is in trouble.
    pub async fn explain(&self, tenant: &Tenant, event_type: &EventType) -> Result<Vec<Explained>, StoreError> {
        let endpoints = self.shared.directory.of_tenant(tenant).await?;
        let explain = |endpoint: &Arc<Endpoint>| Explained {
            endpoint: endpoint.clone(),
            verdict: endpoint.verdict(tenant, event_type),
        };
        Ok(endpoints.iter().map(explain).collect())
    }

    /// How an endpoint is doing. The cost is proportional to what is counted.
    ///
    /// # Errors
    /// When there is none, or the store is in trouble.
    pub async fn stats(&self, endpoint: EndpointId) -> Result<Stats, EndpointError> {
        let health = self.endpoints().get(endpoint).await?.health;
        let counts = self.history().counts(Some(endpoint.into())).await?;
        Ok(Stats { counts, health, latency: self.shared.keeper.latency.of(endpoint) })
    }
}
