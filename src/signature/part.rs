//! The parts of a signed text.

use super::encoding::Encoding;
use super::hash::Hash;
use super::place::Place;

/// A part of the signed text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The event id of [`Signature::id_header`](super::Signature::id_header), as received.
    Id,
    /// The same id, which must be 1 to 128 characters of `A-Z a-z 0-9 _ -`. If such an id is joined to its neighbours by a dot, the text
    /// cannot be split at another place.
    PlainId,
    /// The time of [`Signature::stamp`](super::Signature::stamp), as received.
    Timestamp,
    /// The body, byte for byte.
    Body,
    /// This text.
    Text(&'static str),
    /// The secret, for a signature that is a plain hash of a text with the secret in it.
    Secret,
    /// The request's method, in upper case.
    Method,
    /// The text at a place in the request, or in the settings.
    At(Place),
    /// The URL that the provider calls. It is built from the setting of this name and from the request:
    ///
    /// - `https://example.com` is followed by the request's own path and query.
    /// - `https://example.com/hooks` contains the whole path, and the request's own query follows. Behind a proxy that removes `/hooks`,
    ///   the request's path and query follow.
    /// - `https://example.com/hooks?a=b` is the whole URL. The request's query may begin with `a=b` and contain more.
    ///
    /// A slash at the end, a host in upper case and the default port make no difference.
    Url(&'static str),
    /// The same URL, with only these percent-escapes (in upper case) decoded.
    UrlDecoded(&'static str, &'static [(&'static str, &'static str)]),
    /// The fields of a form-encoded body, sorted by name, each name followed by its values.
    SortedForm,
    /// The path of the request's own URL.
    Path,
    /// The query of the request's own URL, as received, without the question mark. Empty if the URL has no query.
    Query,
    /// The fields of this query, decoded, sorted by name and then by value, as `name=value` with `&` between them.
    SortedQuery,
    /// The hash of these parts.
    HashOf(Hash, Encoding, &'static [Self]),
    /// This part in lower case.
    Lower(&'static Self),
    /// This part in upper case.
    Upper(&'static Self),
    /// These parts, if the request contains everything that they refer to. Otherwise empty.
    Optional(&'static [Self]),
}

impl Part {
    /// Whether this part is, or contains, the whole body.
    pub(crate) fn is_body(&self) -> bool {
        match self {
            Self::Body => true,
            Self::HashOf(.., parts) | Self::Optional(parts) => parts.iter().any(Self::is_body),
            _ => false,
        }
    }

    /// Whether this part is, or contains, the URL that the provider calls.
    pub(crate) fn has_url(&self) -> bool {
        let mut has = false;
        self.each(&mut |part| has |= matches!(part, Self::Url(_) | Self::UrlDecoded(..)));
        has
    }

    /// Calls `visit` with this part and all parts inside it.
    pub(crate) fn each(&self, visit: &mut dyn FnMut(&Self)) {
        visit(self);
        match self {
            Self::HashOf(.., parts) | Self::Optional(parts) => parts.iter().for_each(|part| part.each(visit)),
            Self::Lower(part) | Self::Upper(part) => part.each(visit),
            _ => {}
        }
    }
}
