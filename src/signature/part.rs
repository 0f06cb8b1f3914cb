//! The pieces that a signature covers.

use super::encoding::Encoding;
use super::hash::Hash;
use super::place::Place;

/// A piece of what is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// The event id of [`Signature::id_header`](super::Signature::id_header), as received.
    Id,
    /// The same, and refused unless it is 1 to 128 of `A-Z a-z 0-9 _ -`: joined to its neighbours by a dot, such an id
    /// cannot be cut elsewhere.
    PlainId,
    /// The time of [`Signature::stamp`](super::Signature::stamp), as received.
    Timestamp,
    /// The body, byte for byte.
    Body,
    /// Itself.
    Text(&'static str),
    /// The secret, for a signature that is a plain hash of a text with the secret in it.
    Secret,
    /// The request's method, in upper case.
    Method,
    /// What stands somewhere in the request, or in the settings.
    At(Place),
    /// The URL as the provider has it, out of the setting of this name and the request:
    ///
    /// - `https://example.com` is followed by the request's own path and query.
    /// - `https://example.com/hooks` is the whole path, with the request's own query; or, behind a proxy that cuts `/hooks` off,
    ///   it is followed by the request's path and query.
    /// - `https://example.com/hooks?a=b` is the whole URL; the request's query may go on from it.
    ///
    /// A slash at the end, a host in upper case and the usual port make no difference.
    Url(&'static str),
    /// The same, with these percent-escapes (of upper-case digits) decoded and no others.
    UrlDecoded(&'static str, &'static [(&'static str, &'static str)]),
    /// The fields of a form-encoded body, sorted by name, each name followed by its values.
    SortedForm,
    /// The path of the request's own URL.
    Path,
    /// The query of the request's own URL, as received, without the question mark; nothing where there is none.
    Query,
    /// The fields of that query, decoded, sorted by name and then by value, as `name=value` with `&` between them.
    SortedQuery,
    /// The hash of these pieces.
    HashOf(Hash, Encoding, &'static [Self]),
    /// This piece in lower case.
    Lower(&'static Self),
    /// This piece in upper case.
    Upper(&'static Self),
    /// These pieces, where everything that they refer to is in the request; nothing otherwise.
    Optional(&'static [Self]),
}

impl Part {
    /// Whether it is, or covers, the whole body.
    pub(crate) fn is_body(&self) -> bool {
        match self {
            Self::Body => true,
            Self::HashOf(.., parts) | Self::Optional(parts) => parts.iter().any(Self::is_body),
            _ => false,
        }
    }

    /// Whether it is, or has in it, the URL as the provider has it.
    pub(crate) fn has_url(&self) -> bool {
        let mut has = false;
        self.each(&mut |part| has |= matches!(part, Self::Url(_) | Self::UrlDecoded(..)));
        has
    }

    /// The pieces that it is made of, itself included.
    pub(crate) fn each(&self, visit: &mut dyn FnMut(&Self)) {
        visit(self);
        match self {
            Self::HashOf(.., parts) | Self::Optional(parts) => parts.iter().for_each(|part| part.each(visit)),
            Self::Lower(part) | Self::Upper(part) => part.each(visit),
            _ => {}
        }
    }
}
