//! Which events a verified request holds: one, or a batch.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use bytes::Bytes;

use super::error::VerifyError;
use super::hash::Hash;
use super::part::Part;
use super::place::Place;
use super::scheme::{Proof, Scheme};
use super::{Received, Trust, Verify as _};
use super::{content, json};

/// Longest id or type kept, in bytes.
const MAX_NAME_BYTES: usize = 256;

/// Most events taken from one request; one with more is refused as a whole, with [`VerifyError::TooManyEvents`] and 413.
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
    /// What was signed, where that is not the body: a time and a token of which the body knows nothing (Mailgun). A captured
    /// request is recognised by it whatever its body says.
    pub signed: Option<String>,
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
    /// The body of the event and its type, for a provider whose bodies differ from event to event. Of a batch, the event's own part of
    /// the body.
    Body,
    /// The body of the request, and which of its events it is.
    Request,
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
    /// The text at this place, signed or not; [`ById`](Self::ById) if there is none.
    By(Place),
    /// [`Identity::Content`].
    ByContent,
    /// [`Identity::Body`].
    ByBody,
    /// [`Identity::Body`] where something is found at this place: an id, a time or a counter, by which the bodies of different events
    /// differ. As [`ById`](Self::ById) where nothing is found there.
    ByBodyWith(Place),
    /// [`Identity::Request`].
    ByRequest,
    /// [`Identity::Nothing`].
    Never,
    /// By the first of these that finds what it looks for; [`Identity::Nothing`] where none does.
    First(&'static [Self]),
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
            identity: self.identified(self.identity, &id, received, trust)?,
            identity_authenticated: self.covers_identity(self.id, self.identity, self.event_type),
            signed: self.signed_beside_the_body(received, trust)?,
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
        let mut whole = form.map_or(Cow::Borrowed(received.body), |text| Cow::Owned(text.into_owned().into_bytes()));
        let items = |whole: &[u8]| json::items(whole, batch.items, MAX_EVENTS).map_err(|error| error.error("events"));
        let mut ranges = items(&whole)?;
        if ranges.is_none()
            && let Some(inside) = content::json_inside(received.body)
        {
            ranges = items(&inside)?;
            whole = Cow::Owned(inside.into_owned());
        }
        let Some(ranges) = ranges else { return Ok(None) };
        let is_decoded = matches!(whole, Cow::Owned(_));
        let mut items = Vec::with_capacity(ranges.len());
        let mut seen = HashMap::new();
        let common = name(self.event_type, received, trust, "event type")?;
        let identity_authenticated = self.covers_identity(batch.id, batch.identity, batch.event_type)
            && (common.is_none() || self.covers_all(self.event_type));
        for range in ranges {
            let body = whole.get(range.clone()).unwrap_or_default();
            let item = Received { body, ..*received };
            let id = name(batch.id, &item, trust, "event id")?;
            let identity = self.identified(batch.identity, &id, &item, trust)?;
            let event = EventRef {
                event_type: name(batch.event_type, &item, trust, "event type")?.or_else(|| common.clone()),
                id_authenticated: self.id_authenticated,
                identity: identity.of_equals(body, &mut seen),
                identity_authenticated,
                signed: None,
                id,
            };
            let bytes = match is_decoded {
                true => ItemBytes::Decoded(Bytes::copy_from_slice(body)),
                false => ItemBytes::Part(range),
            };
            items.push(Item { event, bytes });
        }
        Ok(Some(items))
    }
}

impl Identity {
    /// Two events of one request that are written alike are two events: the second one is counted, and so is its retry.
    fn of_equals<'b>(self, body: &'b [u8], seen: &mut HashMap<&'b [u8], usize>) -> Self {
        if self != Self::Body {
            return self;
        }
        let before = seen.entry(body).or_default();
        *before += 1;
        match *before {
            1 => Self::Body,
            number => Self::This(format!("{} {number}", hex::encode(Hash::Sha256.digest(body).as_bytes()))),
        }
    }
}

impl Scheme {
    fn identified(
        &self,
        by: Identified,
        id: &Option<String>,
        received: &Received<'_>,
        trust: &Trust<'_>,
    ) -> Result<Identity, VerifyError> {
        let by_id = if self.id_authenticated || !self.covers_body() { Identity::Id } else { Identity::IdAndBody };
        Ok(match by {
            Identified::First(all) => {
                for by in all {
                    let found = match by {
                        Identified::ById => id.is_some(),
                        Identified::By(place) | Identified::ByBodyWith(place) => {
                            something(place, received, trust)?.is_some()
                        }
                        _ => true,
                    };
                    if found {
                        return self.identified(*by, id, received, trust);
                    }
                }
                Identity::Nothing
            }
            Identified::ById => by_id,
            Identified::By(place) => {
                something(&place, received, trust)?.map_or(by_id, |text| Identity::This(text.into_owned()))
            }
            Identified::ByBodyWith(place) => something(&place, received, trust)?.map_or(by_id, |_| Identity::Body),
            Identified::ByContent => Identity::Content,
            Identified::ByBody => Identity::Body,
            Identified::ByRequest => Identity::Request,
            Identified::Never => Identity::Nothing,
        })
    }

    /// Whether the signature covers all that an identity is made of.
    fn covers_identity(&self, id: &[Place], identity: Identified, event_type: &[Place]) -> bool {
        let identity = match identity {
            Identified::First(all) => all.iter().all(|by| self.covers_identity(id, *by, &[])),
            Identified::ById => self.covers_all(id),
            Identified::By(place) | Identified::ByBodyWith(place) => self.covers(&place) && self.covers_all(id),
            Identified::ByContent | Identified::ByBody | Identified::ByRequest | Identified::Never => true,
        };
        identity && self.covers_all(event_type)
    }

    /// What is signed instead of the body, where the body is not signed and something else is.
    fn signed_beside_the_body(
        &self,
        received: &Received<'_>,
        trust: &Trust<'_>,
    ) -> Result<Option<String>, VerifyError> {
        let Proof::Signature(signature) = &self.proof else { return Ok(None) };
        if self.covers_body() || signature.signed.contains(&Part::SortedForm) {
            return Ok(None);
        }
        let mut texts = Vec::new();
        for part in signature.signed {
            if let Part::At(place) = part {
                texts.push(place.read(received, trust, "event")?.unwrap_or_default().into_owned());
            }
        }
        Ok((!texts.is_empty()).then(|| texts.join("\n")))
    }
}

/// What identifies an event, at this place. An empty text identifies none: all events with one would be duplicates of the first.
fn something<'a>(
    place: &Place,
    received: &Received<'a>,
    trust: &Trust<'a>,
) -> Result<Option<Cow<'a, str>>, VerifyError> {
    Ok(place.read(received, trust, "event")?.filter(|text| !text.is_empty()))
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
