//! Which events a verified request holds: one, or a batch.

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;

use super::error::VerifyError;
use super::json;
use super::place::Place;
use super::scheme::Scheme;
use super::{Received, Trust, Verify as _};

/// Longest id or type kept, in bytes.
const MAX_NAME_BYTES: usize = 256;

/// Most events taken from one request.
pub const MAX_EVENTS: usize = 4_096;

/// What a verified request says of an event. The texts are 1 to 256 printable ASCII characters; anything else counts as absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventRef {
    /// The event's id, the same on every attempt, where the sender gives one.
    pub id: Option<String>,
    /// What kind of event it is, where the sender says.
    pub event_type: Option<String>,
    /// Whether the signature covers the id. Where it does not, whoever captured a request can send it again under another
    /// id.
    pub id_authenticated: bool,
    /// What two requests for the same event have in common.
    pub identity: Identity,
    /// Whether the signature covers all that the identity is made of, the type included. Where it does not and a time is
    /// signed, the signed bytes are remembered beside the identity, so that a captured request cannot be replayed under
    /// another id or type.
    pub identity_authenticated: bool,
}

impl EventRef {
    /// Makes sure of what is said above, for a scheme that puts its names together by code: what is empty is none.
    pub(super) fn checked(self) -> Result<Self, VerifyError> {
        Ok(Self { id: printable(self.id), event_type: printable(self.event_type), ..self })
    }
}

/// A name that is empty, too long or not printable counts as absent: the event is real, and must not be lost for its name.
fn printable(text: Option<String>) -> Option<String> {
    let fits = |text: &String| {
        (1..=MAX_NAME_BYTES).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
    };
    text.filter(fits)
}

/// What two requests for the same event have in common: what the provider documents as its idempotency key, always together
/// with tenant, source and event type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Identity {
    /// The event's id. Without an id: as [`Content`](Self::Content).
    #[default]
    Id,
    /// The id and the signed body, where the signature does not cover the id: whoever captured a request could otherwise send it
    /// under the id of a later event, which would then be taken for a duplicate. Without an id: as [`Content`](Self::Content).
    IdAndBody,
    /// This text.
    This(String),
    /// The signed body and the signed time. Where no time is signed, nothing: each request is handled, because equal bodies may
    /// be different events, and losing an event is worse than handling it twice.
    Content,
    /// The body alone, for a provider whose bodies differ from event to event.
    Body,
    /// Nothing: each request is handled.
    Nothing,
}

/// The same for a [`Scheme`]: where the identity is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Identified {
    /// [`Identity::Id`]; [`Identity::IdAndBody`] where the signature covers the body and not the id.
    #[default]
    ById,
    /// By what is found at this place, signed or not; as [`ById`](Self::ById) where nothing is found there.
    By(Place),
    /// [`Identity::Content`].
    ByContent,
    /// [`Identity::Body`].
    ByBody,
    /// [`Identity::Nothing`].
    Never,
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
    /// What identifies an event, seen from the item.
    pub identity: Identified,
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
            identity: self.identified(self.identity, received, trust)?,
            identity_authenticated: self.covers_identity(self.id, self.identity, self.event_type),
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
        let identity_authenticated = self.covers_identity(batch.id, batch.identity, batch.event_type)
            && (common.is_none() || self.covers_all(self.event_type));
        for range in ranges {
            let body = whole.get(range.clone()).unwrap_or_default();
            let item = Received { body, ..*received };
            let id = name(batch.id, &item, trust, "event id")?;
            let event = EventRef {
                event_type: name(batch.event_type, &item, trust, "event type")?.or_else(|| common.clone()),
                id_authenticated: self.id_authenticated,
                identity: self.identified(batch.identity, &item, trust)?,
                identity_authenticated,
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

impl Scheme {
    fn identified(&self, by: Identified, received: &Received<'_>, trust: &Trust<'_>) -> Result<Identity, VerifyError> {
        let by_id = if self.id_authenticated || !self.covers_body() { Identity::Id } else { Identity::IdAndBody };
        Ok(match by {
            Identified::ById => by_id,
            Identified::By(place) => {
                place.read(received, trust, "event")?.map_or(by_id, |text| Identity::This(text.into_owned()))
            }
            Identified::ByContent => Identity::Content,
            Identified::ByBody => Identity::Body,
            Identified::Never => Identity::Nothing,
        })
    }

    /// Whether the signature covers all that an identity is made of.
    fn covers_identity(&self, id: &[Place], identity: Identified, event_type: &[Place]) -> bool {
        let identity = match identity {
            Identified::ById => self.covers_all(id),
            Identified::By(place) => self.covers(&place) && self.covers_all(id),
            Identified::ByContent | Identified::ByBody | Identified::Never => true,
        };
        identity && self.covers_all(event_type)
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
        let found = printable(place.read(received, trust, what)?.map(Cow::into_owned));
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}
