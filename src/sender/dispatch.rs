//! Dispatch: stores an event and its deliveries.

use std::sync::Arc;

use super::error::DispatchError;
use super::handle::Sender;
use crate::clock::Timestamp;
use crate::delivery::{Leased, NewDelivery};
use crate::endpoint::Endpoint;
use crate::event::{Event, NewEvent};
use crate::id::{DeliveryId, EventId};
use crate::store::{Append, Appended, StoreError, StoreErrorKind};
use crate::telemetry;
use crate::worker::Reservation;

/// An event that [`Sender::dispatch`] has accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Receipt {
    /// The event's id, sent as `webhook-id`.
    pub event: EventId,
    /// One delivery for each matching endpoint. Empty for a duplicate: its deliveries were made the first time.
    pub deliveries: Vec<DeliveryId>,
    /// Whether the tenant has dispatched this event before under the same id. If so, nothing was changed.
    pub duplicate: bool,
}

/// A delivery that is about to be stored.
struct PlannedDelivery {
    delivery: NewDelivery,
    /// The delivery's slot in this process's worker, if one is free.
    place: Option<Reservation>,
}

impl Sender {
    /// Accepts an event. When this returns `Ok`, the event and a delivery for each matching endpoint are durable.
    ///
    /// An event that no endpoint matches is stored too. Dispatching the same event under the same [`NewEvent::id`] again changes nothing.
    /// If the future is dropped, the event is either accepted with all of its deliveries or not accepted.
    ///
    /// ```
    /// use hookwire::event::NewEvent;
    /// use hookwire::id::EventId;
    /// use hookwire::sender::{DispatchError, Sender};
    /// use hookwire::store::MemoryStore;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let sender = Sender::builder(MemoryStore::new()).build()?;
    /// let paid = |cents: u32| Ok::<_, Box<dyn std::error::Error>>(NewEvent::json("invoice.paid", &cents)?.id(EventId::new("paid-1042")?));
    /// assert!(!sender.dispatch(paid(990)?).await?.duplicate);
    /// assert!(sender.dispatch(paid(990)?).await?.duplicate, "a retry by the caller sends nothing twice");
    /// assert!(matches!(sender.dispatch(paid(991)?).await, Err(DispatchError::IdConflict(_))));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Returns [`DispatchError::IdConflict`] if another event of the tenant has this id, and [`DispatchError::Store`] if the store
    /// fails. Returns any other [`DispatchError`] except `ReadOnly` if the event is invalid.
    pub async fn dispatch(&self, event: NewEvent) -> Result<Receipt, DispatchError> {
        let now = self.shared.clock.now();
        let event = self.shared.fan_out.accept(event, now)?;
        let endpoints = self.shared.directory.of_tenant(&event.tenant).await?;
        let wanted = endpoints.iter().filter(|endpoint| endpoint.wants(&event.tenant, &event.event_type));
        // An ordered delivery may have to wait for an older one, so it is never stored as leased.
        let at_once = event.order.is_none();
        let planned: Vec<_> = wanted.map(|endpoint| self.plan_delivery(endpoint, at_once, now)).collect();
        let deliveries: Vec<_> = planned.iter().map(|planned| planned.delivery).collect();
        let append = Append { event: event.clone(), deliveries, now };
        // This comes before the event is stored, because nothing may delay the receipt of a stored event.
        self.shared.engine.report_absence(now).await;
        match self.shared.store.append(vec![append]).await?.first() {
            Some(Appended::Stored) => Ok(self.start(&event, planned, now)),
            Some(Appended::Duplicate) => {
                telemetry::duplicate("dispatch");
                Ok(Receipt { event: event.id.clone(), deliveries: Vec::new(), duplicate: true })
            }
            Some(Appended::Conflict) => Err(DispatchError::IdConflict(event.id.clone())),
            None => Err(StoreError::new(StoreErrorKind::Unknown).into()),
        }
    }

    fn plan_delivery(&self, endpoint: &Endpoint, at_once: bool, now: Timestamp) -> PlannedDelivery {
        let policy = (at_once && endpoint.is_enabled()).then(|| self.shared.health.lane_policy(endpoint));
        let place = policy.and_then(|policy| self.shared.engine.reserve(endpoint.id.into(), &policy, now));
        let leased_until = place.is_some().then(|| self.shared.engine.lease_end(now));
        PlannedDelivery { delivery: NewDelivery::new(endpoint.id, now).leased_until(leased_until), place }
    }

    fn start(&self, event: &Arc<Event>, planned: Vec<PlannedDelivery>, now: Timestamp) -> Receipt {
        let mut deliveries = Vec::with_capacity(planned.len());
        for PlannedDelivery { delivery, place } in planned {
            deliveries.push(delivery.id);
            match (place, delivery.leased_until) {
                (Some(place), Some(until)) => place.hand_over(Leased::first(&delivery, until, now, event.clone())),
                _ => self.shared.engine.announce(delivery.lane, now),
            }
        }
        Receipt { event: event.id.clone(), deliveries, duplicate: false }
    }
}
