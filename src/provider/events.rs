//! The events of a verified request: one, or a batch.

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;

use crate::signature::{Place, Received, Trust, VerifyError};

/// The longest id or type that is kept, in bytes.
const MAX_NAME_BYTES: usize = 256;

/// The most events of one request. A request with more is rejected as a whole, with [`VerifyError::TooManyEvents`] and 413.
pub const MAX_EVENTS: usize = 4_096;

/// The description of an event in a verified request. Each text has 1 to 256 printable ASCII characters; any other text counts as absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "made by implementors of Verify with struct update syntax")]
pub struct EventRef {
    /// The id of the event, the same on every attempt. `None` if the sender gives none.
    pub id: Option<String>,
    /// The type of the event. `None` if the sender gives none.
    pub event_type: Option<String>,
    /// `true` if the signature covers the id. Otherwise a captured request can be sent again under another id.
    pub id_authenticated: bool,
    /// The text or the bytes by which two requests for the same event are recognised.
    pub identity: Identity,
    /// The text that was signed, if the body is not signed: a time and a token that the body does not contain (Mailgun). A captured request
    /// is recognised by this text, whatever its body contains.
    pub signed: Option<String>,
    /// Whether the signature covers every part of the identity, including the type. If it does not, and a time is signed, the signed bytes
    /// are remembered in addition to the identity. So a captured request cannot be replayed under another id or type.
    pub identity_authenticated: bool,
}

impl EventRef {
    /// Removes an id or a type that is empty, too long or not printable, for a scheme whose code makes these texts.
    pub(super) fn checked(self) -> Result<Self, VerifyError> {
        Ok(Self { id: printable(self.id), event_type: printable(self.event_type), ..self })
    }
}

/// A name that is empty, too long or not printable counts as absent. The event itself is valid and must not be lost because of its name.
fn printable(text: Option<String>) -> Option<String> {
    let fits = |text: &String| {
        (1..=MAX_NAME_BYTES).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
    };
    text.filter(fits)
}

/// The data by which two requests for the same event are recognised: what the provider documents as its idempotency key. The tenant, the
/// source and the event type are always part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Identity {
    /// The event's id. Without an id: as [`Content`](Self::Content).
    #[default]
    Id,
    /// The id and the signed body, if the signature does not cover the id. Without the body, a captured request could be sent under the
    /// id of a later event, and the later event would be dropped as a duplicate. Without an id: as [`Content`](Self::Content).
    IdAndBody,
    /// This text.
    This(String),
    /// The signed body and the signed time. If no time is signed, each request is handled: equal bodies may be different events, and it is
    /// worse to lose an event than to handle it twice.
    Content,
    /// The body of the event and its type, for a provider whose bodies differ from event to event. In a batch, the body is the part of the
    /// event.
    Body,
    /// The body of the request, and the place of the event in it.
    Request,
    /// Nothing: each request is handled.
    Nothing,
}

/// Where a [`Scheme`](super::Scheme) finds the identity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum IdentityRule {
    /// [`Identity::Id`], or [`Identity::IdAndBody`] if the signature covers the body but not the id.
    #[default]
    ById,
    /// The text at this place, signed or not. Without a text, the same as [`ById`](Self::ById).
    By(Place),
    /// [`Identity::Content`].
    ByContent,
    /// [`Identity::Body`].
    ByBody,
    /// [`Identity::Body`] if there is a text at this place: an id, a time or a counter by which the bodies of different events differ.
    /// Without a text at this place, the same as [`ById`](Self::ById).
    ByBodyWith(Place),
    /// [`Identity::Request`].
    ByRequest,
    /// [`Identity::Nothing`].
    Never,
    /// The first of these rules that finds an identity. If no rule does, the identity is [`Identity::Nothing`].
    First(&'static [Self]),
}

/// The events of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "complete: a request is one event or holds a list of them")]
pub enum Events {
    /// The request is the event.
    One(EventRef),
    /// The request contains these events, in order. The list is empty if the sender only tests the URL.
    Batch(Vec<Item>),
}

/// One event of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Item {
    /// The description of the event.
    pub event: EventRef,
    bytes: ItemBytes,
}

/// The bytes of one event of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
enum ItemBytes {
    /// This part of the request's body.
    Part(Range<usize>),
    /// Decoded from the body: a field of a form.
    Decoded(Bytes),
}

impl Item {
    /// An event whose bytes are this part of the request's body.
    #[must_use]
    pub const fn part(event: EventRef, range: Range<usize>) -> Self {
        Self { event, bytes: ItemBytes::Part(range) }
    }

    /// An event whose bytes were decoded from the body, such as a field of a form.
    #[must_use]
    pub const fn decoded(event: EventRef, bytes: Bytes) -> Self {
        Self { event, bytes: ItemBytes::Decoded(bytes) }
    }

    /// Returns the bytes of the event in this body. A range outside of the body gives no bytes, because a mistake in a scheme must not
    /// cause a panic.
    #[must_use]
    pub fn bytes_in(&self, body: &Bytes) -> Bytes {
        match &self.bytes {
            ItemBytes::Part(range) if range.start <= range.end && range.end <= body.len() => body.slice(range.clone()),
            ItemBytes::Part(_) => Bytes::new(),
            ItemBytes::Decoded(bytes) => bytes.clone(),
        }
    }
}

/// The layout of a body with many events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BatchLayout {
    /// The field of a form-encoded body that contains the JSON with the events. `None` if the body is that JSON.
    pub(crate) field: Option<&'static str>,
    /// The steps to the arrays of events. Each step is a list of JSON Pointers, and applies to every element that the step before has
    /// found. In a step, the first pointer that leads to an array is used. `[[""]]` is a body that is an array;
    /// `[["/entry"], ["/changes"]]` is every change of every entry. An element in which a later step finds no array is itself an event.
    pub(crate) items: &'static [&'static [&'static str]],
    /// The places of the id within an item.
    pub(crate) id: &'static [Place],
    /// The places of the type within an item. If an item has no type, the places of the scheme count.
    pub(crate) event_type: &'static [Place],
    /// The identity of an event, read from its item.
    pub(crate) identity: IdentityRule,
}

/// Returns the text at the first of these places that has a valid one.
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
