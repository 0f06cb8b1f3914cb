//! An event before it is dispatched.

#[cfg(feature = "system")]
mod seal;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;

use super::audience::Audience;
use super::error::{self, MAX_CONTENT_TYPE_BYTES};
use super::event_type::EventType;
use super::order::Order;
use super::origin::Origin;
use crate::clock::Timestamp;
use crate::field::FieldError;
use crate::id::{EventId, Tenant};

/// An event to [dispatch](crate::sender::Sender::dispatch). The sender sets the id and the time if the caller has not.
///
/// ```
/// use hookwire::event::NewEvent;
/// use hookwire::id::EventId;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let event = NewEvent::json("invoice.paid", &serde_json::json!({ "invoice": 1042, "cents": 9900 }))?
///     .tenant("acme")
///     .id(EventId::new("invoice-1042-paid")?); // dispatching it twice delivers it once
/// assert_eq!(event.event_type().as_str(), "invoice.paid");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct NewEvent {
    pub(crate) event_type: EventType,
    pub(crate) id: Option<EventId>,
    pub(crate) tenant: Tenant,
    pub(crate) occurred_at: Option<Timestamp>,
    pub(crate) recorded_at: Option<Timestamp>,
    pub(crate) order: Option<Order>,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) audience: Audience,
    pub(crate) origin: Option<Arc<Origin>>,
    pub(crate) replay_digest: Option<[u8; 32]>,
    pub(crate) data: Data,
}

#[derive(Clone)]
pub(crate) enum Data {
    /// JSON that [`NewEvent::seal`] puts into the Standard Webhooks envelope.
    Enveloped(Bytes),
    /// The content type and the payload as they are sent.
    Raw(Arc<str>, Bytes),
}

impl Data {
    pub(crate) const fn bytes(&self) -> &Bytes {
        match self {
            Self::Enveloped(bytes) | Self::Raw(_, bytes) => bytes,
        }
    }

    /// The content type of the payload. The envelope is JSON.
    pub(crate) fn content_type(&self) -> &str {
        match self {
            Self::Enveloped(_) => "application/json",
            Self::Raw(content_type, _) => content_type,
        }
    }
}

/// Prints the length and the content type only, because the data may be confidential.
impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} bytes of {}]", self.bytes().len(), self.content_type())
    }
}

impl NewEvent {
    /// An event whose payload is the Standard Webhooks envelope around `data`:
    /// `{"type":"invoice.paid","timestamp":"2026-01-31T12:00:00Z","data":{…}}`.
    ///
    /// ```
    /// use hookwire::clock::Timestamp;
    /// use hookwire::event::NewEvent;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let event = NewEvent::json("invoice.paid", &1042)?.seal(Timestamp::EPOCH);
    /// assert_eq!(event.payload, r#"{"type":"invoice.paid","timestamp":"1970-01-01T00:00:00Z","data":1042}"#);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Returns a [`FieldError`] if the type is malformed, or if `data` cannot be serialised.
    pub fn json<T: Serialize + ?Sized>(event_type: &str, data: &T) -> Result<Self, FieldError> {
        let json = serde_json::to_vec(data).map_err(|_| error::not_json())?;
        Ok(Self::with_data(EventType::new(event_type)?, Data::Enveloped(json.into())))
    }

    /// An event whose payload is sent exactly as given.
    ///
    /// ```
    /// use hookwire::clock::Timestamp;
    /// use hookwire::event::NewEvent;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let event = NewEvent::raw("report.ready", "text/csv", "id,cents\n1042,9900\n")?.seal(Timestamp::EPOCH);
    /// assert_eq!(event.payload, "id,cents\n1042,9900\n");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Returns a [`FieldError`] if the event type or the content type is malformed.
    pub fn raw(event_type: &str, content_type: &str, payload: impl Into<Bytes>) -> Result<Self, FieldError> {
        let visible = |b: u8| b.is_ascii_graphic() || b == b' ';
        if !(1..=MAX_CONTENT_TYPE_BYTES).contains(&content_type.len()) || !content_type.bytes().all(visible) {
            return Err(error::content_type());
        }
        Ok(Self::with_data(EventType::new(event_type)?, Data::Raw(content_type.into(), payload.into())))
    }

    fn with_data(event_type: EventType, data: Data) -> Self {
        Self {
            event_type,
            id: None,
            tenant: Tenant::default(),
            occurred_at: None,
            recorded_at: None,
            order: None,
            expires_at: None,
            audience: Audience::default(),
            origin: None,
            replay_digest: None,
            data,
        }
    }

    /// Sets the tenant that the event belongs to. Default: [`Tenant::default`].
    ///
    /// ```
    /// use hookwire::clock::Timestamp;
    /// use hookwire::event::NewEvent;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let event = NewEvent::json("invoice.paid", &1042)?.tenant("acme");
    /// assert_eq!(event.seal(Timestamp::EPOCH).tenant.as_str(), "acme");
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn tenant(mut self, tenant: impl Into<Tenant>) -> Self {
        self.tenant = tenant.into();
        self
    }

    /// Sets the id, which makes dispatching idempotent: the second dispatch of an id changes nothing, and fails if its type or
    /// payload differs from the first. Default: a generated id.
    ///
    /// ```
    /// use hookwire::event::NewEvent;
    /// use hookwire::id::EventId;
    /// use hookwire::sender::Sender;
    /// use hookwire::store::MemoryStore;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let event = NewEvent::json("invoice.paid", &1042)?.id(EventId::new("invoice-1042-paid")?);
    /// let sender = Sender::builder(MemoryStore::new()).build()?;
    /// assert!(!sender.dispatch(event.clone()).await?.duplicate);
    /// assert!(sender.dispatch(event).await?.duplicate);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn id(mut self, id: EventId) -> Self {
        self.id = Some(id);
        self
    }

    /// Sets when the event happened. Default: the time of the dispatch.
    ///
    /// ```
    /// use hookwire::clock::Timestamp;
    /// use hookwire::event::NewEvent;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let paid: Timestamp = "2026-01-31T12:00:00Z".parse()?;
    /// let event = NewEvent::json("invoice.paid", &1042)?.occurred_at(paid);
    /// assert_eq!(event.seal(Timestamp::MAX).occurred_at, paid);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub const fn occurred_at(mut self, at: Timestamp) -> Self {
        self.occurred_at = Some(at);
        self
    }

    /// Sets a fallback for [`occurred_at`](Self::occurred_at): when the event was written to an outbox table. It is not part of
    /// the fingerprint, so the same event may be recorded twice under one [`id`](Self::id).
    #[must_use]
    pub const fn recorded_at(mut self, at: Timestamp) -> Self {
        self.recorded_at = Some(at);
        self
    }

    /// Sets an ordering key with [`Order::fifo`]: each endpoint gets the events of the key first in, first out. Without a key
    /// the order is not defined.
    ///
    /// ```
    /// use hookwire::clock::Timestamp;
    /// use hookwire::event::{NewEvent, Order};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let event = NewEvent::json("cart.changed", &3)?.ordered_by("cart-1042")?;
    /// assert_eq!(event.seal(Timestamp::EPOCH).order, Some(Order::fifo("cart-1042")?));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Returns a [`FieldError`] if the key is malformed.
    pub fn ordered_by(mut self, key: impl Into<Arc<str>>) -> Result<Self, FieldError> {
        self.order = Some(Order::fifo(key)?);
        Ok(self)
    }

    /// Sets an ordering key with [`Order::latest`]: each endpoint gets only the newest event of the key. Older deliveries that
    /// are still pending are cancelled.
    ///
    /// ```
    /// use hookwire::clock::Timestamp;
    /// use hookwire::event::NewEvent;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let event = NewEvent::json("price.changed", &9900)?.latest_by("article-7")?;
    /// assert!(event.seal(Timestamp::EPOCH).order.is_some_and(|order| order.is_latest()));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Returns a [`FieldError`] if the key is malformed.
    pub fn latest_by(mut self, key: impl Into<Arc<str>>) -> Result<Self, FieldError> {
        self.order = Some(Order::latest(key)?);
        Ok(self)
    }

    /// Sets when the event expires: a delivery that is still pending at this time fails as `expired`. Default: never.
    ///
    /// ```
    /// use std::time::Duration;
    /// use hookwire::clock::{Clock, SystemClock};
    /// use hookwire::event::NewEvent;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let deadline = SystemClock.now() + Duration::from_secs(60 * 60);
    /// let event = NewEvent::json("code.issued", &"4711")?.expires_at(deadline);
    /// assert_eq!(event.seal(SystemClock.now()).expires_at, Some(deadline));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub const fn expires_at(mut self, at: Timestamp) -> Self {
        self.expires_at = Some(at);
        self
    }

    /// Sets who gets the event. Default: [`Audience::Subscribers`], unless the dispatching method names the endpoints.
    ///
    /// ```
    /// use hookwire::clock::Timestamp;
    /// use hookwire::event::{Audience, NewEvent};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let event = NewEvent::json("invoice.paid", &1042)?.audience(Audience::Direct);
    /// assert_eq!(event.seal(Timestamp::EPOCH).audience, Audience::Direct);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub const fn audience(mut self, audience: Audience) -> Self {
        self.audience = audience;
        self
    }

    /// Marks the event as received by an inbox: sets [`Audience::Inbox`] and the origin.
    ///
    /// ```
    /// use hookwire::clock::Timestamp;
    /// use hookwire::event::{Audience, NewEvent, Origin};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let event = NewEvent::raw("charge.succeeded", "application/json", "{}")?.received(Origin::new("stripe"));
    /// let event = event.seal(Timestamp::EPOCH);
    /// assert_eq!(event.audience, Audience::Inbox);
    /// assert_eq!(event.origin.as_deref(), Some(&Origin::new("stripe")));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn received(mut self, origin: Origin) -> Self {
        (self.audience, self.origin) = (Audience::Inbox, Some(Arc::new(origin)));
        self
    }

    /// Sets the digest of the signed bytes of a received event: [`Event::replay_digest`](super::Event::replay_digest).
    #[must_use]
    pub const fn replay_digest(mut self, digest: Option<[u8; 32]>) -> Self {
        self.replay_digest = digest;
        self
    }

    /// The JSON that is put into the envelope; `None` for a [raw](Self::raw) event.
    ///
    /// ```
    /// use hookwire::event::NewEvent;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// assert_eq!(NewEvent::json("invoice.paid", &1042)?.data(), Some(&b"1042"[..]));
    /// assert_eq!(NewEvent::raw("report.ready", "text/csv", "1042")?.data(), None);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn data(&self) -> Option<&[u8]> {
        match &self.data {
            Data::Enveloped(json) => Some(json),
            Data::Raw(..) => None,
        }
    }

    /// The event type.
    #[must_use]
    pub const fn event_type(&self) -> &EventType {
        &self.event_type
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

    fn event(id: &str, json: &serde_json::Value) -> Event {
        NewEvent::json("invoice.paid", json).unwrap().id(EventId::new(id).unwrap()).seal(NOW)
    }

    #[test]
    fn json_is_sent_in_the_standard_envelope() {
        let event = NewEvent::json("invoice.paid", &serde_json::json!({"n": 1})).unwrap().seal(NOW);
        assert_eq!(event.payload, r#"{"type":"invoice.paid","timestamp":"2023-11-14T22:13:20Z","data":{"n":1}}"#);
    }

    #[test]
    fn a_raw_payload_is_sent_as_given_even_if_it_is_not_utf8() {
        let event = NewEvent::raw("blob.made", "application/octet-stream", &b"\xff\x00"[..]).unwrap().seal(NOW);
        assert_eq!((&*event.content_type, &event.payload[..]), ("application/octet-stream", &b"\xff\x00"[..]));
    }

    #[test]
    fn the_fingerprint_depends_on_the_data_and_not_on_the_time_of_dispatch() {
        let first = event("a", &serde_json::json!(1));
        let later = NewEvent::json("invoice.paid", &1)
            .unwrap()
            .id(first.id.clone())
            .seal(NOW + std::time::Duration::from_secs(9));
        assert_eq!(first.fingerprint, later.fingerprint);
        assert_ne!(first.fingerprint, event("a", &serde_json::json!(2)).fingerprint);
    }

    #[test]
    fn a_content_type_with_a_line_break_is_rejected() {
        let error = NewEvent::raw("a", "text/plain\r\nx: y", "").unwrap_err();
        assert!(error.to_string().starts_with("content type"));
    }

    #[test]
    fn the_error_of_data_that_cannot_be_serialised_does_not_repeat_the_data() {
        struct Secret;
        impl Serialize for Secret {
            fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
                Err(serde::ser::Error::custom("hush-hush is not allowed"))
            }
        }
        let error = NewEvent::json("invoice.paid", &Secret).unwrap_err();
        assert!(
            error.to_string().starts_with("data: cannot be serialised") && !format!("{error:?}").contains("hush"),
            "{error:?}"
        );
    }

    #[test]
    fn debug_does_not_print_the_payload() {
        let new = NewEvent::json("invoice.paid", "hush-hush").unwrap();
        let text = format!("{new:?} {:?}", new.clone().seal(NOW));
        assert!(!text.contains("hush"), "{text}");
        let raw = NewEvent::raw("report.ready", "text/csv", "hush-hush").unwrap();
        assert!(format!("{raw:?}").contains("[9 bytes of text/csv]"), "{raw:?}");
    }
}
