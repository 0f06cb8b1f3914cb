//! Which events a verified request holds: one, or a batch.

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;

use super::error::VerifyError;
use super::json;
use super::place::Place;
use super::scheme::{Proof, Scheme};
use super::{Received, Trust};

/// Longest id or type kept, in bytes.
const MAX_NAME_BYTES: usize = 256;

/// Most events taken from one request.
pub const MAX_EVENTS: usize = 4_096;

/// What a verified request says of an event. The texts are at most 256 bytes and free of control characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventRef {
    /// The event's id, the same on every attempt, where the sender gives one.
    pub id: Option<String>,
    /// What kind of event it is, where the sender says.
    pub event_type: Option<String>,
    /// Whether the signature covers the id. Where it does not, a captured request can be sent again under another id,
    /// so dedup looks at the body too.
    pub id_authenticated: bool,
    /// What a repetition is known by.
    pub known_by: KnownBy,
}

impl EventRef {
    /// Makes sure of what is said above, for a scheme that puts its names together by code: what is empty is none.
    pub(super) fn checked(self) -> Result<Self, VerifyError> {
        let (id, event_type) = (printable(self.id, "event id")?, printable(self.event_type, "event type")?);
        Ok(Self { id, event_type, ..self })
    }
}

fn printable(text: Option<String>, what: &'static str) -> Result<Option<String>, VerifyError> {
    match text {
        Some(text) if text.len() > MAX_NAME_BYTES || text.chars().any(char::is_control) => {
            Err(VerifyError::Malformed(what))
        }
        text => Ok(text.filter(|text| !text.is_empty())),
    }
}

/// What a repetition of an event is known by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum KnownBy {
    /// The id, where the signature covers it; else what was signed.
    #[default]
    Authentic,
    /// This.
    This(String),
    /// The id, which is not signed, and the body. Different events of this provider may have equal bodies.
    IdAndBody,
    /// Nothing: the same request may come again and mean something new.
    Nothing,
}

/// The events of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Events {
    /// The request is the event.
    One(EventRef),
    /// The request holds these, in order; none where the sender only says hello.
    Batch(Vec<Item>),
}

/// One event of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What it says of itself.
    pub event: EventRef,
    /// Its bytes.
    pub bytes: ItemBytes,
}

/// The bytes of one event of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ItemBytes {
    /// This part of the request's body.
    Part(Range<usize>),
    /// Decoded from the body: a field of a form.
    Decoded(Bytes),
}

/// A body that holds many events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The field of a form-encoded body that holds the JSON with the events, where the body is not that JSON itself.
    pub field: Option<&'static str>,
    /// Where the arrays stand that hold them: pointers followed one after the other, each through every element of the
    /// one before; of several in one step, the first that leads to an array counts. `[[""]]` is a body that is an array;
    /// `[["/entry"], ["/changes"]]` is every change of every entry. Where an element has none of a later step's
    /// arrays, the element itself is the event.
    pub items: &'static [&'static [&'static str]],
    /// Where the id stands, seen from the item.
    pub id: &'static [Place],
    /// Where the type stands, seen from the item; where an item has none, the scheme's own places count.
    pub event_type: &'static [Place],
    /// What a repetition is known by, seen from the item, where that is not the id.
    pub known_by: Option<Place>,
}

impl Scheme {
    pub(super) fn events(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Events, VerifyError> {
        match &self.batch {
            Some(batch) => match self.batched(batch, received, trust)? {
                Some(items) => Ok(Events::Batch(items)),
                None => self.single(received, trust),
            },
            None => self.single(received, trust),
        }
    }

    fn single(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Events, VerifyError> {
        let id = name(self.id, received, trust, "event id")?;
        if self.id_required && id.is_none() {
            return Err(VerifyError::Malformed("event id"));
        }
        Ok(Events::One(EventRef {
            event_type: name(self.event_type, received, trust, "event type")?,
            id_authenticated: self.id_authenticated,
            known_by: self.known_by.of(received, trust)?.or_id(&id, self),
            id,
        }))
    }

    /// `None` when the body has no such array: then the request is one event.
    fn batched(
        &self,
        batch: &Batch,
        received: &Received<'_>,
        trust: &Trust<'_>,
    ) -> Result<Option<Vec<Item>>, VerifyError> {
        let form = batch.field.map(|field| Place::Form(field).read(received, trust, "events")).transpose()?.flatten();
        let whole = form.as_deref().map_or(received.body, str::as_bytes);
        let Some(ranges) = json::items(whole, batch.items, MAX_EVENTS).map_err(malformed)? else {
            return Ok(None);
        };
        let mut items = Vec::with_capacity(ranges.len());
        let common = name(self.event_type, received, trust, "event type")?;
        for range in ranges {
            let body = whole.get(range.clone()).unwrap_or_default();
            let item = Received { body, ..*received };
            let id = name(batch.id, &item, trust, "event id")?;
            let event = EventRef {
                event_type: name(batch.event_type, &item, trust, "event type")?.or_else(|| common.clone()),
                id_authenticated: self.id_authenticated,
                known_by: batch.known_by.map_or(Known::Authentic, Known::By).of(&item, trust)?.or_id(&id, self),
                id,
            };
            let decoded = form.as_ref().map(|_| ItemBytes::Decoded(Bytes::copy_from_slice(body)));
            items.push(Item { event, bytes: decoded.unwrap_or(ItemBytes::Part(range)) });
        }
        Ok(Some(items))
    }
}

const fn malformed(_: json::Ambiguous) -> VerifyError {
    VerifyError::Malformed("events")
}

/// The same as data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    Authentic,
    By(Place),
    IdAndBody,
    Nothing,
}

impl KnownBy {
    /// Where nothing of a request is covered, its body proves no more than its id, and says less: attempts are counted
    /// there.
    fn or_id(self, id: &Option<String>, scheme: &Scheme) -> Self {
        match (self, id) {
            (Self::Authentic, Some(id)) if !matches!(scheme.proof, Proof::Signature(_)) => Self::This(id.clone()),
            (known, _) => known,
        }
    }
}

impl Known {
    fn of(self, received: &Received<'_>, trust: &Trust<'_>) -> Result<KnownBy, VerifyError> {
        Ok(match self {
            Self::Authentic => KnownBy::Authentic,
            Self::By(place) => {
                let text = place.read(received, trust, "event")?;
                text.map_or(KnownBy::Authentic, |text| KnownBy::This(text.into_owned()))
            }
            Self::IdAndBody => KnownBy::IdAndBody,
            Self::Nothing => KnownBy::Nothing,
        })
    }
}

/// What stands in the first place that has anything.
pub(super) fn name(
    places: &[Place],
    received: &Received<'_>,
    trust: &Trust<'_>,
    what: &'static str,
) -> Result<Option<String>, VerifyError> {
    for place in places {
        let found = printable(place.read(received, trust, what)?.map(Cow::into_owned), what)?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}
