//! How a provider repeats a request that was not acknowledged.

use std::time::Duration;

use crate::signature::Tolerance;

/// How a provider repeats a request that was not acknowledged, as far as this is documented.
///
/// These facts decide how old a signed time may be: a retry that carries the old time must still be accepted at the end of the
/// provider's schedule. The guide's table of [providers](crate::guide::providers) shows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Retries {
    same_id: Fact,
    signed_anew: Fact,
    span: Option<Duration>,
    source: &'static str,
    checked: bool,
}

/// Whether a provider behaves in a certain way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fact {
    /// Yes, according to the provider's documentation or its own library.
    Yes,
    /// No, according to the provider's documentation or its own library.
    No,
    /// It is not documented.
    #[default]
    Unknown,
}

impl Fact {
    const fn known(self) -> Option<bool> {
        match self {
            Self::Yes => Some(true),
            Self::No => Some(false),
            Self::Unknown => None,
        }
    }
}

impl Retries {
    /// Nothing is documented.
    pub(crate) const UNKNOWN: Self =
        Self { same_id: Fact::Unknown, signed_anew: Fact::Unknown, span: None, source: "", checked: false };

    /// Creates facts from this page of the provider. The other methods set what the page documents.
    pub(crate) const fn documented(source: &'static str) -> Self {
        Self { source, checked: true, ..Self::UNKNOWN }
    }

    /// Creates facts that were not yet compared with this page of the provider. The guide's table marks such facts.
    pub(crate) const fn unchecked(source: &'static str) -> Self {
        Self { source, ..Self::UNKNOWN }
    }

    /// Sets whether a retry keeps the event's identity.
    pub(crate) const fn same_id(self, fact: Fact) -> Self {
        Self { same_id: fact, ..self }
    }

    /// Sets whether a retry has a new time and signature.
    pub(crate) const fn signed_anew(self, fact: Fact) -> Self {
        Self { signed_anew: fact, ..self }
    }

    /// Sets how long after the first attempt the last retry may come.
    pub(crate) const fn span(self, span: Duration) -> Self {
        Self { span: Some(span), ..self }
    }

    /// Whether a retry keeps the event's identity. `None` if it is not documented.
    pub(crate) const fn keeps_id(&self) -> Option<bool> {
        self.same_id.known()
    }

    /// Whether a retry has a new time and signature. `None` if it is not documented.
    pub(crate) const fn is_signed_anew(&self) -> Option<bool> {
        self.signed_anew.known()
    }

    /// How long after the first attempt the last retry may come. `None` if it is not documented.
    pub(crate) const fn lasts(&self) -> Option<Duration> {
        self.span
    }

    /// The page that documents these facts. Empty if there is none.
    pub(crate) const fn source(&self) -> &'static str {
        self.source
    }

    /// Whether the facts were compared with [`source`](Self::source).
    pub(crate) const fn is_checked(&self) -> bool {
        self.checked
    }

    /// How far a signed time may be from the time of receipt: five minutes in both directions. Unless retries are known to be signed anew,
    /// the time for which retries last is added for the past.
    pub(crate) const fn tolerance(&self) -> Tolerance {
        match (self.signed_anew, self.span) {
            (Fact::No | Fact::Unknown, Some(span)) => Tolerance::secs(span.as_secs() + 300, 300),
            _ => Tolerance::DEFAULT,
        }
    }
}
