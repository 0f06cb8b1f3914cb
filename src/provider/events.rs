//! Which events a verified request holds: one, or a batch.

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;

use crate::signature::{Place, Received, Trust, VerifyError};

/// Longest id or type kept, in bytes.
const MAX_NAME_BYTES: usize = 256;

/// Most events taken from one request; one with more is refused as a whole, with [`VerifyError::TooManyEvents`] and 413.
pub const MAX_EVENTS: usize = 4_096;

/// What a verified request says of an event. The texts are 1 to 256 printable ASCII characters; anything else counts as absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "made by implementors of Verify with struct update syntax")]
pub struct EventRef {
    /// The event's id, the same on every attempt, where the sender gives one.
    pub id: Option<String>,
    /// What kind of event it is, where the sender says.
    pub event_type: Option<String>,
    /// `true` if the signature covers the id. Otherwise a captured request can be sent again under another id.
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
    /// The id and the signed body, if the signature does not cover the id. Without the body, a captured request could be sent under the
    /// id of a later event, and the later event would be dropped as a duplicate. Without an id: as [`Content`](Self::Content).
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

/// The same for a [`Scheme`](super::Scheme): where the identity is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum IdentityRule {
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
#[expect(clippy::exhaustive_enums, reason = "complete: a request is one event or holds a list of them")]
pub enum Events {
    /// The request is the event.
    One(EventRef),
    /// The request holds these, in order; none where the sender only says hello.
    Batch(Vec<Item>),
}

/// One event of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Item {
    /// What the event says of itself.
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

    /// The event's bytes in this body. A range outside of the body gives no bytes: a mistake of the scheme must not end in a
    /// panic.
    #[must_use]
    pub fn bytes_in(&self, body: &Bytes) -> Bytes {
        match &self.bytes {
            ItemBytes::Part(range) if range.start <= range.end && range.end <= body.len() => body.slice(range.clone()),
            ItemBytes::Part(_) => Bytes::new(),
            ItemBytes::Decoded(bytes) => bytes.clone(),
        }
    }
}

/// A body that holds many events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BatchLayout {
    /// The field of a form-encoded body that holds the JSON with the events, where the body is not that JSON itself.
    pub(crate) field: Option<&'static str>,
    /// Where the arrays stand that hold them: pointers followed one after the other, each through every element of the
    /// one before; of several in one step, the first that leads to an array counts. `[[""]]` is a body that is an array;
    /// `[["/entry"], ["/changes"]]` is every change of every entry. Where an element has none of a later step's
    /// arrays, the element itself is the event.
    pub(crate) items: &'static [&'static [&'static str]],
    /// Where the id stands, seen from the item.
    pub(crate) id: &'static [Place],
    /// Where the type stands, seen from the item; where an item has none, the scheme's own places count.
    pub(crate) event_type: &'static [Place],
    /// What identifies an event, seen from the item.
    pub(crate) identity: IdentityRule,
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
