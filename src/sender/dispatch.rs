//! Accepting an event: who wants it, and is it durable.

use std::sync::Arc;

use super::Sender;
use crate::clock::Timestamp;
use crate::delivery::{Leased, NewDelivery};
use crate::endpoint::Endpoint;
use crate::event::{Event, NewEvent, Unfit};
use crate::id::{DeliveryId, EventId, IdError};
use crate::store::{Append, Appended, StoreError};
use crate::telemetry;
use crate::worker::Reservation;

/// What [`Sender::dispatch`] has accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Receipt {
    /// The event's id, sent as `webhook-id`.
    pub event: EventId,
    /// One delivery for each endpoint that wants it. Empty for a duplicate: its deliveries were made the first time.
    pub deliveries: Vec<DeliveryId>,
    /// The tenant has dispatched this event before, under the same id; nothing was changed.
    pub duplicate: bool,
}

/// An event was not accepted. Nothing of it was stored, except as [`DispatchError::Store`] says.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DispatchError {
    /// The tenant's name is malformed.
    #[error(transparent)]
    Tenant(IdError),
    /// The payload is too long.
    #[error("payload: must be at most {limit} bytes, is {bytes}")]
    PayloadTooLong {
        /// Its length, envelope included.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// It cannot be written as a time: before the year 0, or after 9999.
    #[error("occurred_at: must lie between the years 0 and 9999")]
    OccurredAt,
    /// The tenant has used this event id for another type or payload.
    #[error("event id: `{0}` was used before, for another type or payload")]
    IdConflict(EventId),
    /// The event is one that an inbox has received.
    #[error("audience: an event that an inbox has received cannot be dispatched; make a new one of its data")]
    Received,
    /// The event is not as its type says.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// The store is in trouble. Where [`StoreError::is_retryable`], the same event under the same id may be dispatched
    /// again without fear of sending it twice.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// One delivery in the making.
struct Owed {
    delivery: NewDelivery,
    /// Its place in this process's worker, if there is one.
    place: Option<Reservation>,
}

impl Sender {
    /// Accepts an event: when this returns `Ok`, the event and a delivery for each endpoint that wants it are durable.
    ///
    /// An event that nobody wants is kept too. Dispatching the same event under the same [`NewEvent::id`] again
    /// changes nothing.
    ///
    /// Dropping the future leaves the event either accepted or not, never half.
    ///
    /// # Errors
    /// Names what is wrong with the event, or says what trouble the store is in.
    pub async fn dispatch(&self, event: NewEvent) -> Result<Receipt, DispatchError> {
        let now = self.shared.clock.now();
        let event = self.shared.fan_out.accept(event, now)?;
        let endpoints = self.shared.directory.of_tenant(&event.tenant).await?;
        let wanted = endpoints.iter().filter(|endpoint| endpoint.wants(&event.tenant, &event.event_type));
        // What has to keep its order may have to wait, so it is never born leased.
        let at_once = event.order.is_none();
        let owed: Vec<_> = wanted.map(|endpoint| self.owe(endpoint, at_once, now)).collect();
        let deliveries: Vec<_> = owed.iter().map(|owed| owed.delivery).collect();
        let append = Append { event: event.clone(), deliveries, now };
        match self.shared.store.append(vec![append]).await?.first() {
            Some(Appended::Stored) => Ok(self.start(&event, owed, now)),
            Some(Appended::Duplicate) => {
                telemetry::duplicate("dispatch");
                Ok(Receipt { event: event.id.clone(), deliveries: Vec::new(), duplicate: true })
            }
            Some(Appended::Conflict) => Err(DispatchError::IdConflict(event.id.clone())),
            None => Err(StoreError::new(crate::store::StoreErrorKind::Unknown).into()),
        }
    }

    fn owe(&self, endpoint: &Endpoint, at_once: bool, now: Timestamp) -> Owed {
        let terms = (at_once && endpoint.is_enabled()).then(|| self.shared.keeper.terms(endpoint));
        let place = terms.and_then(|terms| self.shared.engine.reserve(endpoint.id.into(), &terms, now));
        let leased_until = place.is_some().then(|| self.shared.engine.lease_end(now));
        Owed { delivery: NewDelivery { id: DeliveryId::generate(now), lane: endpoint.id.into(), leased_until }, place }
    }

    fn start(&self, event: &Arc<Event>, owed: Vec<Owed>, now: Timestamp) -> Receipt {
        let mut deliveries = Vec::with_capacity(owed.len());
        for Owed { delivery, place } in owed {
            deliveries.push(delivery.id);
            match (place, delivery.leased_until) {
                (Some(place), Some(until)) => place.hand_over(Leased::first(&delivery, until, now, event.clone())),
                _ => self.shared.engine.announce(delivery.lane, now),
            }
        }
        Receipt { event: event.id.clone(), deliveries, duplicate: false }
    }
}
