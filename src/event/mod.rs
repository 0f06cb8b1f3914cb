//! Something that happened, and how it is written down.

mod audience;
#[cfg(feature = "catalog")]
mod catalog;
mod envelope;
mod order;
mod origin;
mod pattern;
#[cfg(feature = "catalog")]
mod sample;
mod types;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use self::audience::Audience;
#[cfg(feature = "catalog")]
pub use self::catalog::{CatalogError, EventCatalog};
pub use self::order::{MAX_KEY_BYTES, Order, OrderingKey};
pub use self::origin::{MAX_ORIGIN_BYTES, Origin};
pub use self::pattern::{Pattern, PatternError};
pub use self::types::{DescribedType, EventTypes, Unfit};
use crate::clock::Timestamp;
use crate::id::{EventId, Tenant};

/// Longest event type accepted, in bytes.
pub const MAX_TYPE_BYTES: usize = 128;

/// Longest content type accepted, in bytes.
const MAX_CONTENT_TYPE_BYTES: usize = 128;

/// What kind of thing happened: identifiers of `[A-Za-z0-9_-]` joined by full stops, such as `invoice.paid`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EventType(Arc<str>);

impl EventType {
    /// Reads an event type.
    ///
    /// # Errors
    /// When it is empty, longer than [`MAX_TYPE_BYTES`], or not identifiers joined by full stops.
    pub fn new(text: impl Into<Arc<str>>) -> Result<Self, EventError> {
        let text = text.into();
        let identifier = |part: &str| !part.is_empty() && part.bytes().all(is_identifier_byte);
        if text.len() <= MAX_TYPE_BYTES && text.split('.').all(identifier) {
            Ok(Self(text))
        } else {
            Err(EventError::Type)
        }
    }

    /// The type of an event of which no type is known: `webhook`.
    #[must_use]
    pub fn untyped() -> Self {
        Self("webhook".into())
    }

    /// The event type as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

const fn is_identifier_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_' || b == b'-'
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for EventType {
    type Err = EventError;

    fn from_str(text: &str) -> Result<Self, EventError> {
        Self::new(text)
    }
}

impl TryFrom<String> for EventType {
    type Error = EventError;

    fn try_from(text: String) -> Result<Self, EventError> {
        Self::new(text)
    }
}

impl From<EventType> for String {
    fn from(event_type: EventType) -> Self {
        event_type.0.as_ref().into()
    }
}

/// Why an event cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EventError {
    /// The event type is malformed.
    #[error(
        "event type: must be 1 to {MAX_TYPE_BYTES} bytes of identifiers (A-Z a-z 0-9 _ -) joined by full stops, such as `invoice.paid`"
    )]
    Type,
    /// The content type is malformed.
    #[error("content type: must be 1 to {MAX_CONTENT_TYPE_BYTES} visible ASCII characters, such as `application/json`")]
    ContentType,
    /// The ordering key is malformed.
    #[error("ordering key: must be 1 to {MAX_KEY_BYTES} bytes without control characters")]
    OrderingKey,
    /// The data did not serialise to JSON.
    #[error("data: cannot be written as JSON")]
    Json(#[source] serde_json::Error),
}

/// An event on its way to [`Sender::dispatch`](crate::sender::Sender::dispatch), which gives it an id and a time where
/// the caller has not.
///
/// ```
/// use hookwire::event::NewEvent;
/// use hookwire::id::EventId;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let event = NewEvent::json("invoice.paid", &serde_json::json!({ "invoice": 1042, "cents": 9900 }))?
///     .tenant("acme")
///     .id(EventId::new("invoice-1042-paid")?); // dispatching it twice delivers it once
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct NewEvent {
    event_type: EventType,
    id: Option<EventId>,
    tenant: Tenant,
    occurred_at: Option<Timestamp>,
    noted_at: Option<Timestamp>,
    content_type: Arc<str>,
    order: Option<Order>,
    expires_at: Option<Timestamp>,
    audience: Audience,
    origin: Option<Arc<Origin>>,
    replay: Option<[u8; 32]>,
    data: Data,
}

#[derive(Clone)]
enum Data {
    /// JSON that is put into the Standard Webhooks envelope when the event is sealed.
    Enveloped(Bytes),
    /// The payload, as it will be sent.
    Raw(Bytes),
}

impl Data {
    const fn bytes(&self) -> &Bytes {
        match self {
            Self::Enveloped(bytes) | Self::Raw(bytes) => bytes,
        }
    }
}

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} bytes]", self.bytes().len())
    }
}

impl NewEvent {
    /// An event whose payload is the Standard Webhooks envelope around `data`:
    /// `{"type":"invoice.paid","timestamp":"2026-01-31T12:00:00Z","data":{…}}`.
    ///
    /// # Errors
    /// When the type is malformed or `data` cannot be written as JSON.
    pub fn json<T: Serialize + ?Sized>(event_type: &str, data: &T) -> Result<Self, EventError> {
        let json = serde_json::to_vec(data).map_err(EventError::Json)?;
        Ok(Self::with_data(EventType::new(event_type)?, "application/json".into(), Data::Enveloped(json.into())))
    }

    /// An event whose payload is sent exactly as given.
    ///
    /// # Errors
    /// When the type or the content type is malformed.
    pub fn raw(event_type: &str, content_type: &str, payload: impl Into<Bytes>) -> Result<Self, EventError> {
        let visible = |b: u8| b.is_ascii_graphic() || b == b' ';
        if !(1..=MAX_CONTENT_TYPE_BYTES).contains(&content_type.len()) || !content_type.bytes().all(visible) {
            return Err(EventError::ContentType);
        }
        Ok(Self::with_data(EventType::new(event_type)?, content_type.into(), Data::Raw(payload.into())))
    }

    fn with_data(event_type: EventType, content_type: Arc<str>, data: Data) -> Self {
        Self {
            event_type,
            id: None,
            tenant: Tenant::default(),
            occurred_at: None,
            noted_at: None,
            content_type,
            order: None,
            expires_at: None,
            audience: Audience::default(),
            origin: None,
            replay: None,
            data,
        }
    }

    /// Whose event it is. Without this: [`Tenant::default`].
    #[must_use]
    pub fn tenant(mut self, tenant: impl Into<Tenant>) -> Self {
        self.tenant = tenant.into();
        self
    }

    /// The caller's own id, which makes dispatching idempotent: the same id twice is one event, and the same id with
    /// another type or payload is an error.
    #[must_use]
    pub fn id(mut self, id: EventId) -> Self {
        self.id = Some(id);
        self
    }

    /// When it happened. Without this: when it is dispatched.
    #[must_use]
    pub const fn occurred_at(mut self, at: Timestamp) -> Self {
        self.occurred_at = Some(at);
        self
    }

    /// When it was written down, where nobody says when it [occurred](Self::occurred_at): it does not count for the
    /// [`id`](Self::id), under which the same event may be written down twice.
    #[must_use]
    pub const fn noted_at(mut self, at: Timestamp) -> Self {
        self.noted_at = Some(at);
        self
    }

    /// Each endpoint gets events of this key first in, first out: [`Order::Fifo`]. Without a key no order is promised.
    ///
    /// # Errors
    /// When the key is malformed.
    pub fn ordered_by(mut self, key: impl Into<Arc<str>>) -> Result<Self, EventError> {
        self.order = Some(Order::Fifo(OrderingKey::new(key)?));
        Ok(self)
    }

    /// Each endpoint gets only the newest event of this key; older ones that still wait are cancelled:
    /// [`Order::Latest`].
    ///
    /// # Errors
    /// When the key is malformed.
    pub fn latest_by(mut self, key: impl Into<Arc<str>>) -> Result<Self, EventError> {
        self.order = Some(Order::Latest(OrderingKey::new(key)?));
        Ok(self)
    }

    /// From then on it is not worth sending: what is not delivered fails as `expired`. Without this: never.
    #[must_use]
    pub const fn expires_at(mut self, at: Timestamp) -> Self {
        self.expires_at = Some(at);
        self
    }

    /// Sets who gets the event. Default: [`Audience::Subscribers`], unless the dispatching method names the endpoints.
    #[must_use]
    pub const fn audience(mut self, audience: Audience) -> Self {
        self.audience = audience;
        self
    }

    /// An event that an inbox has received: its [audience](Audience::Inbox) are the inbox's queues.
    #[must_use]
    pub fn received(mut self, origin: Origin) -> Self {
        (self.audience, self.origin) = (Audience::Inbox, Some(Arc::new(origin)));
        self
    }

    /// The digest of the signed bytes, of an event that an inbox has received: a store keeps one event of each, whatever its id.
    #[must_use]
    pub const fn replay(mut self, digest: Option<[u8; 32]>) -> Self {
        self.replay = digest;
        self
    }

    /// The JSON that is put into the envelope; `None` for an event whose payload is sent as it is.
    #[must_use]
    pub fn data(&self) -> Option<&[u8]> {
        match &self.data {
            Data::Enveloped(json) => Some(json),
            Data::Raw(_) => None,
        }
    }

    /// Its type.
    #[must_use]
    pub const fn event_type(&self) -> &EventType {
        &self.event_type
    }

    /// What the caller has given so far, for stores that write it down.
    #[must_use]
    pub fn parts(&self) -> NewEventParts<'_> {
        NewEventParts {
            event_type: &self.event_type,
            id: self.id.as_ref(),
            tenant: &self.tenant,
            occurred_at: self.occurred_at,
            content_type: &self.content_type,
            order: self.order.as_ref(),
            expires_at: self.expires_at,
            enveloped: matches!(self.data, Data::Enveloped(_)),
            data: self.data.bytes(),
        }
    }

    /// Makes it immutable: fills in the id and the time where they are missing, and writes the envelope.
    #[must_use]
    pub fn seal(self, now: Timestamp) -> Event {
        let occurred_at = self.occurred_at.or(self.noted_at).unwrap_or(now);
        let fingerprint = match self.audience {
            Audience::Inbox => self.replay,
            _ => self.id.is_some().then(|| self.fingerprint()),
        };
        let payload = match self.data {
            Data::Enveloped(data) => envelope::standard(&self.event_type, occurred_at, &data),
            Data::Raw(payload) => payload,
        };
        Event {
            id: self.id.unwrap_or_else(|| EventId::generate(now)),
            event_type: self.event_type,
            tenant: self.tenant,
            occurred_at,
            content_type: self.content_type,
            order: self.order,
            expires_at: self.expires_at,
            audience: self.audience,
            origin: self.origin,
            payload,
            fingerprint,
        }
    }

    /// Digest of what the caller gave, so that a second dispatch under the same id is recognised as the same. The
    /// time counts only when the caller gave it.
    fn fingerprint(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        let occurred_at = self.occurred_at.map_or([0; 8], |at| at.as_micros().to_be_bytes());
        let kind = [matches!(self.data, Data::Raw(_)).into()];
        let fields: [&[u8]; 5] =
            [self.event_type.as_str().as_bytes(), self.content_type.as_bytes(), &occurred_at, &kind, self.data.bytes()];
        for field in fields {
            hash.update((field.len() as u64).to_be_bytes());
            hash.update(field);
        }
        hash.finalize().into()
    }
}

/// The fields of a [`NewEvent`], for stores that keep it before it is sealed.
#[derive(Clone, Copy)]
#[expect(
    missing_docs,
    missing_debug_implementations,
    reason = "each field is documented on NewEvent; data is confidential"
)]
#[non_exhaustive]
pub struct NewEventParts<'a> {
    pub event_type: &'a EventType,
    pub id: Option<&'a EventId>,
    pub tenant: &'a Tenant,
    pub occurred_at: Option<Timestamp>,
    pub content_type: &'a str,
    pub order: Option<&'a Order>,
    pub expires_at: Option<Timestamp>,
    /// `data` is JSON that is put into the Standard Webhooks envelope; otherwise it is sent as it is.
    pub enveloped: bool,
    pub data: &'a [u8],
}

/// Something that happened. Immutable; what is stored and delivered.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// Unique within the tenant; the same on every attempt.
    pub id: EventId,
    /// What kind of thing happened.
    pub event_type: EventType,
    /// Whose event it is.
    pub tenant: Tenant,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// Media type of the payload.
    pub content_type: Arc<str>,
    /// Which events of the same key it follows.
    pub order: Option<Order>,
    /// From when on it is not worth sending.
    pub expires_at: Option<Timestamp>,
    /// Who gets it.
    pub audience: Audience,
    /// Where it came from, where an inbox has received it.
    pub origin: Option<Arc<Origin>>,
    /// What is sent, byte for byte.
    pub payload: Bytes,
    /// Digest of what the caller gave, where the caller chose the id: an equal id with another fingerprint is a
    /// conflict. Of an event that an inbox has received: the digest of the signed bytes, of which a store keeps one event.
    pub fingerprint: Option<[u8; 32]>,
}

impl Event {
    /// An event as a store reads it back.
    #[must_use]
    pub fn restore(parts: EventParts, fingerprint: Option<[u8; 32]>) -> Self {
        Self {
            id: parts.id,
            event_type: parts.event_type,
            tenant: parts.tenant,
            occurred_at: parts.occurred_at,
            content_type: parts.content_type,
            order: parts.order,
            expires_at: parts.expires_at,
            audience: parts.audience,
            origin: parts.origin,
            payload: parts.payload,
            fingerprint,
        }
    }

    /// The digest by which a copy of a received event is recognised, whatever its id.
    #[must_use]
    pub const fn replay(&self) -> Option<&[u8; 32]> {
        match self.audience {
            Audience::Inbox => self.fingerprint.as_ref(),
            _ => None,
        }
    }

    /// The same event under another id: receivers that remember ids take it for a new one.
    #[must_use]
    pub fn under_fresh_id(&self, now: Timestamp) -> Self {
        Self { id: EventId::generate(now), fingerprint: None, audience: Audience::Direct, ..self.clone() }
    }
}

/// The fields of an [`Event`], for stores that put one together from a row.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is documented on Event")]
pub struct EventParts {
    pub id: EventId,
    pub event_type: EventType,
    pub tenant: Tenant,
    pub occurred_at: Timestamp,
    pub content_type: Arc<str>,
    pub order: Option<Order>,
    pub expires_at: Option<Timestamp>,
    pub audience: Audience,
    pub origin: Option<Arc<Origin>>,
    pub payload: Bytes,
}

/// Everything but the payload, which may be confidential.
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

#[cfg(test)]
mod tests {
    use super::*;

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
    fn raw_is_sent_as_given_even_when_it_is_not_utf8() {
        let event = NewEvent::raw("blob.made", "application/octet-stream", &b"\xff\x00"[..]).unwrap().seal(NOW);
        assert_eq!(&event.payload[..], b"\xff\x00");
    }

    #[test]
    fn the_fingerprint_follows_the_data_and_not_the_time_of_dispatch() {
        let first = event("a", &serde_json::json!(1));
        let later = NewEvent::json("invoice.paid", &1)
            .unwrap()
            .id(first.id.clone())
            .seal(NOW + std::time::Duration::from_secs(9));
        assert_eq!(first.fingerprint, later.fingerprint);
        assert_ne!(first.fingerprint, event("a", &serde_json::json!(2)).fingerprint);
    }

    #[test]
    fn malformed_types_and_content_types_are_refused_by_name() {
        for bad in ["", ".", "a.", "a..b", "a b", "a/b", &"x".repeat(129)] {
            assert!(EventType::new(bad).is_err(), "{bad:?}");
        }
        let error = NewEvent::raw("a", "text/plain\r\nx: y", "").unwrap_err();
        assert!(error.to_string().starts_with("content type"));
    }

    #[test]
    fn debug_does_not_print_the_payload() {
        let text = format!("{:?}", event("a", &serde_json::json!("hush-hush")));
        assert!(!text.contains("hush"));
    }
}
