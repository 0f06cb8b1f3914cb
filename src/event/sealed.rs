//! The immutable event that a store keeps and a sender delivers.

#[cfg(feature = "system")]
mod copy;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::audience::Audience;
use super::event_type::EventType;
use super::order::Order;
use super::origin::Origin;
use crate::clock::Timestamp;
use crate::id::{EventId, Tenant};

/// An event as it is stored and delivered. `Debug` prints the length of the payload and not its content.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// The id: unique within the tenant, and the same on every attempt.
    pub id: EventId,
    /// The type.
    pub event_type: EventType,
    /// The tenant that the event belongs to.
    pub tenant: Tenant,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// Media type of the payload.
    pub content_type: Arc<str>,
    /// How its deliveries are ordered; `None` if the order does not matter.
    pub order: Option<Order>,
    /// When a delivery that is still pending fails as `expired`; `None` for never.
    pub expires_at: Option<Timestamp>,
    /// Who gets it.
    pub audience: Audience,
    /// The source that it was received from; `None` for an event that the application dispatched.
    pub origin: Option<Arc<Origin>>,
    /// The payload that is sent, byte for byte.
    pub payload: Bytes,
    /// If the caller chose the id, this is the digest of what the caller gave: a store reports a conflict if it has an event
    /// with the same id and another fingerprint. For a received event this is the [replay digest](Self::replay_digest).
    pub fingerprint: Option<[u8; 32]>,
}

impl Event {
    /// Restores an event that a store has kept. The other fields begin as those of a JSON event for
    /// [`Audience::Subscribers`] without order, deadline, origin and fingerprint; the store then sets those that it has kept.
    ///
    /// ```
    /// use hookwire::clock::Timestamp;
    /// use hookwire::event::{Event, EventType, Order};
    /// use hookwire::id::{EventId, Tenant};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (id, kind, at) = (EventId::new("evt_1")?, EventType::new("invoice.paid")?, Timestamp::from_secs(1_700_000_000));
    /// let mut event = Event::restore(id, kind, Tenant::from("acme"), at, "{}".into());
    /// event.order = Some(Order::fifo("cart-1")?);
    /// assert_eq!((&*event.content_type, event.expires_at), ("application/json", None));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn restore(id: EventId, event_type: EventType, tenant: Tenant, occurred_at: Timestamp, payload: Bytes) -> Self {
        Self {
            id,
            event_type,
            tenant,
            occurred_at,
            content_type: "application/json".into(),
            order: None,
            expires_at: None,
            audience: Audience::default(),
            origin: None,
            payload,
            fingerprint: None,
        }
    }

    /// The digest of the signed bytes of a received event. A store keeps one event for each digest, whatever the event's id;
    /// `None` for other events and if nothing in the request limits replays.
    ///
    /// ```
    /// use hookwire::clock::Timestamp;
    /// use hookwire::event::{NewEvent, Origin};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let event = NewEvent::raw("charge.succeeded", "application/json", "{}")?.received(Origin::new("stripe"));
    /// let event = event.replay_digest(Some([7; 32])).seal(Timestamp::EPOCH);
    /// assert_eq!(event.replay_digest(), Some(&[7; 32]));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub const fn replay_digest(&self) -> Option<&[u8; 32]> {
        match self.audience {
            Audience::Inbox => self.fingerprint.as_ref(),
            _ => None,
        }
    }
}

/// Prints everything except the payload, which may be confidential.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("id", &self.id)
            .field("event_type", &self.event_type)
            .field("tenant", &self.tenant)
            .field("occurred_at", &self.occurred_at)
            .field("payload", &format_args!("[{} bytes]", self.payload.len()))
            .finish_non_exhaustive()
    }
}
