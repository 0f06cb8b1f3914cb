//! The one error of the store roles.

use std::error::Error;
use std::fmt;

/// A store did not do what was asked. Nothing was half done: the operation happened whole or not at all, except where
/// [`StoreErrorKind::Unknown`] says that it cannot be told.
#[derive(Debug)]
pub struct StoreError {
    kind: StoreErrorKind,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// What kind of trouble a store is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// Busy, unreachable or overloaded; the same call may succeed later.
    Unavailable,
    /// No space left. May succeed once there is.
    Full,
    /// The call may have happened, or not: the answer was lost.
    Unknown,
    /// The store has closed itself after a failed write and must be opened anew; or it was closed.
    Closed,
    /// What is stored does not make sense: damaged, or not written by hookwire.
    Corrupt,
    /// A schema this version cannot use: newer, or foreign.
    Schema,
    /// The caller asked for something that cannot be stored.
    Invalid,
}

impl StoreError {
    /// An error of this kind without a cause.
    #[must_use]
    pub const fn new(kind: StoreErrorKind) -> Self {
        Self { kind, source: None }
    }

    /// An error of this kind with its cause.
    #[must_use]
    pub fn with_source(kind: StoreErrorKind, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind, source: Some(source.into()) }
    }

    /// What kind of trouble it is.
    #[must_use]
    pub const fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// Whether the same call, later, may succeed.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        matches!(self.kind, StoreErrorKind::Unavailable | StoreErrorKind::Full | StoreErrorKind::Unknown)
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            StoreErrorKind::Unavailable => "store: unavailable",
            StoreErrorKind::Full => "store: no space left",
            StoreErrorKind::Unknown => "store: the outcome of the call is unknown",
            StoreErrorKind::Closed => "store: closed",
            StoreErrorKind::Corrupt => "store: damaged, or not written by hookwire",
            StoreErrorKind::Schema => "store: a schema that this version cannot use",
            StoreErrorKind::Invalid => "store: cannot be stored",
        })
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}
