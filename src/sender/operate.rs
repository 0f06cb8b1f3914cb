//! Manual operations: resend, cancel, test, explain, expunge, statistics.

use std::sync::Arc;
use std::time::Duration;

use super::dispatch::Receipt;
use super::error::{DispatchError, EndpointError};
use super::handle::Sender;
use crate::delivery::{Attempt, Delivery, NewDelivery};
use crate::endpoint::{Endpoint, Health, Verdict};
use crate::event::{Audience, Event, EventType, NewEvent};
use crate::id::{DeliveryId, EndpointId, EventId, LaneId, Tenant, Work};
use crate::store::{Append, Appended, Counts, StoreError};

/// The type of the event that [`Sender::test`] sends.
pub const TEST_EVENT: &str = "hookwire.test";

/// The first pause of a caller that waits for an attempt by polling the store, in case another process makes the attempt. Each further
/// pause is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// Statistics of an endpoint, from [`Sender::stats`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// How many of its deliveries are in each state.
    pub counts: Counts,
    /// The recent health of the endpoint.
    pub health: Health,
    /// The number of attempts from which both durations are computed: the last attempts of this process, at most 64.
    pub recent_attempts: usize,
    /// The median duration of these attempts, failed ones included; `None` before the first attempt.
    pub median_duration: Option<Duration>,
    /// The longest duration of these attempts; `None` before the first attempt.
    pub max_duration: Option<Duration>,
}

impl Sender {
    /// Sends a delivery again. The delivery must be delivered, failed, cancelled, or held by a decision of the retry policy. It becomes
    /// pending, its attempts are counted from zero, and its history is kept. Returns `false` if the delivery is pending or unknown, or if
    /// its event was expunged.
    ///
    /// ```
    /// use hookwire::endpoint::NewEndpoint;
    /// use hookwire::event::NewEvent;
    /// use hookwire::sender::Sender;
    /// use hookwire::store::MemoryStore;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let sender = Sender::builder(MemoryStore::new()).build()?;
    /// sender.endpoints().create(NewEndpoint::https("https://acme.example/hooks")?).await?;
    /// let delivery = sender.dispatch(NewEvent::json("invoice.paid", &1042)?).await?.deliveries[0];
    /// assert!(!sender.resend(delivery).await?, "it is pending");
    /// assert!(sender.cancel(delivery).await?);
    /// assert!(sender.resend(delivery).await?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    pub async fn resend(&self, delivery: DeliveryId) -> Result<bool, StoreError> {
        self.shared.engine.resend(delivery).await
    }

    /// Sends deliveries again that were read before. Returns which of them are pending now.
    pub(super) async fn resend_read(&self, deliveries: &[Delivery]) -> Result<Vec<DeliveryId>, StoreError> {
        let now = self.now();
        let batch = deliveries.iter().map(|delivery| (delivery.id, now)).collect();
        let resent = self.shared.store.resend(Work::Sent, batch).await?;
        let resent = deliveries.iter().zip(resent).filter(|(_, resent)| *resent);
        let announce = |(delivery, _): (&Delivery, bool)| {
            self.shared.engine.announce(delivery.lane, now);
            delivery.id
        };
        Ok(resent.map(announce).collect())
    }

    /// Cancels a delivery that is pending or held. A running attempt is not interrupted, but its outcome is ignored. Returns `false` if the
    /// delivery is final or unknown.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    pub async fn cancel(&self, delivery: DeliveryId) -> Result<bool, StoreError> {
        self.shared.engine.cancel(delivery).await
    }

    /// Like [`cancel`](Self::cancel), for a delivery that was read before.
    pub(super) async fn cancel_read(&self, delivery: &Delivery) -> Result<bool, StoreError> {
        let now = self.now();
        let cancelled = self.shared.store.cancel(Work::Sent, vec![delivery.id], now).await?;
        let cancelled = cancelled.first() == Some(&true);
        if cancelled {
            // The next delivery of its ordering key may follow.
            self.shared.engine.announce(delivery.lane, now);
        }
        Ok(cancelled)
    }

    /// Deletes the payload of an event permanently and cancels its deliveries that are not final. The event's record is kept, and its id
    /// remains taken. The answers of endpoints are kept until their retention ends. Returns `false` if there is no such event. Bytes that
    /// the database wrote to disk before may remain in free pages and backups.
    ///
    /// ```
    /// use hookwire::event::NewEvent;
    /// use hookwire::sender::Sender;
    /// use hookwire::store::MemoryStore;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let sender = Sender::builder(MemoryStore::new()).build()?;
    /// let event = sender.dispatch(NewEvent::json("user.made", &"Ada")?.tenant("acme")).await?.event;
    /// assert!(sender.expunge(&"acme".into(), &event).await?);
    /// let stored = sender.history().event(&"acme".into(), &event).await?;
    /// assert!(stored.is_none_or(|event| event.payload.is_empty()));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    pub async fn expunge(&self, tenant: &Tenant, event: &EventId) -> Result<bool, StoreError> {
        self.shared.store.expunge(Work::Sent, tenant, event, self.now()).await
    }

    /// Sends an event of type [`TEST_EVENT`] to one endpoint, whatever its filter is.
    ///
    /// # Errors
    /// Returns [`EndpointError::NotFound`] if there is no such endpoint, and [`EndpointError::Store`] if the store fails.
    pub async fn test(&self, endpoint: EndpointId) -> Result<Receipt, EndpointError> {
        let endpoint = self.endpoints().get(endpoint).await?;
        self.test_read(&endpoint).await
    }

    /// Like [`test`](Self::test), for an endpoint that was read before.
    pub(super) async fn test_read(&self, endpoint: &Endpoint) -> Result<Receipt, EndpointError> {
        let now = self.now();
        // The type and the data are valid, so this does not fail.
        let Ok(event) = NewEvent::json(TEST_EVENT, &serde_json::json!({ "endpoint": endpoint.id })) else {
            return Err(EndpointError::NotFound);
        };
        let event = event.tenant(endpoint.tenant.clone()).audience(Audience::Direct);
        let event = Arc::new(event.seal(now));
        Ok(self.store_deliveries(event, &[endpoint.id]).await?)
    }

    /// Waits for the first attempt at a delivery, for at most `patience`. Returns `None` if there is no attempt in this time.
    pub(super) async fn first_attempt(
        &self,
        delivery: DeliveryId,
        patience: Duration,
    ) -> Result<Option<Attempt>, StoreError> {
        let mut attempts = self.shared.health.watch_attempts(delivery);
        let waiting = async {
            let mut pause = FIRST_PAUSE;
            loop {
                // The attempt may have been settled before the watch began, or by another process.
                if let Some(attempt) = self.history().attempts(delivery).await?.pop() {
                    return Ok(Some(attempt));
                }
                if let Ok(attempt) = tokio::time::timeout(pause, attempts.recv()).await {
                    return Ok(Some(attempt));
                }
                pause *= 2;
            }
        };
        tokio::time::timeout(patience, waiting).await.unwrap_or(Ok(None))
    }

    /// Dispatches an event to these endpoints of its tenant, whatever their filters are, and to no others.
    pub(super) async fn dispatch_to(
        &self,
        event: NewEvent,
        endpoints: &[EndpointId],
    ) -> Result<Receipt, DispatchError> {
        let event = self.shared.fan_out.accept(event.audience(Audience::Direct), self.now())?;
        Ok(self.store_deliveries(event, endpoints).await?)
    }

    /// Stores the event and its deliveries. If another event has this id, the result is a duplicate: nothing is sent.
    async fn store_deliveries(&self, event: Arc<Event>, endpoints: &[EndpointId]) -> Result<Receipt, StoreError> {
        let now = self.now();
        let owe = |endpoint: &EndpointId| NewDelivery::new(LaneId::Endpoint(*endpoint), now);
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

    /// Explains which endpoints of the tenant would get an event of this type if it were dispatched now, and why the others would not. It
    /// uses the same code as a dispatch, and stores nothing.
    ///
    /// ```
    /// use hookwire::endpoint::{NewEndpoint, Verdict};
    /// use hookwire::sender::Sender;
    /// use hookwire::store::MemoryStore;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let sender = Sender::builder(MemoryStore::new()).build()?;
    /// let new = NewEndpoint::https("https://acme.example/hooks")?.tenant("acme").events(["invoice.*"])?;
    /// sender.endpoints().create(new).await?;
    /// let explained = sender.explain(&"acme".into(), &"user.made".parse()?).await?;
    /// assert_eq!(explained[0].1, Verdict::NotSubscribed);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    pub async fn explain(
        &self,
        tenant: &Tenant,
        event_type: &EventType,
    ) -> Result<Vec<(Arc<Endpoint>, Verdict)>, StoreError> {
        let endpoints = self.shared.directory.of_tenant(tenant).await?;
        let explain = |endpoint: &Arc<Endpoint>| (endpoint.clone(), endpoint.verdict(tenant, event_type));
        Ok(endpoints.iter().map(explain).collect())
    }

    /// Reads statistics of an endpoint: the states of its deliveries, its health and its durations.
    ///
    /// # Errors
    /// Returns [`EndpointError::NotFound`] if there is no such endpoint, and [`EndpointError::Store`] if the store fails.
    pub async fn stats(&self, endpoint: EndpointId) -> Result<Stats, EndpointError> {
        let endpoint = self.endpoints().get(endpoint).await?;
        Ok(self.stats_read(&endpoint).await?)
    }

    /// Like [`stats`](Self::stats), for an endpoint that was read before.
    pub(super) async fn stats_read(&self, endpoint: &Endpoint) -> Result<Stats, StoreError> {
        let counts = self.history().counts(Some(endpoint.id.into())).await?;
        let latency = self.shared.health.latency.of(endpoint.id);
        Ok(Stats {
            counts,
            health: endpoint.health,
            recent_attempts: latency.map_or(0, |latency| latency.attempts),
            median_duration: latency.map(|latency| latency.median),
            max_duration: latency.map(|latency| latency.max),
        })
    }
}
