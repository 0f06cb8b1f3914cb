//! The one error of the store roles.

use std::error::Error;
use std::fmt;

/// A store call failed. Nothing was half done: the call happened completely or not at all. Only for [`StoreErrorKind::Unknown`] it is
/// unknown which of the two is true.
#[derive(Debug)]
pub struct StoreError {
    kind: StoreErrorKind,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// Why a store call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The store is busy, unreachable or overloaded. The same call may succeed later.
    Unavailable,
    /// No space is left. The same call may succeed once there is space.
    Full,
    /// The call may have happened or not: the store's response was lost.
    Unknown,
    /// The store has closed itself after a failed write and must be opened again; or the application closed it.
    Closed,
    /// A stored row is damaged, or was not written by hookwire.
    Corrupt,
    /// This version of hookwire cannot use the schema: it is newer, or not hookwire's.
    Schema,
    /// The caller's value cannot be stored.
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

    /// Why the call failed.
    #[must_use]
    pub const fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// Whether the same call may succeed later.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        matches!(self.kind, StoreErrorKind::Unavailable | StoreErrorKind::Full | StoreErrorKind::Unknown)
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            StoreErrorKind::Unavailable => "store: is unavailable; try again later",
            StoreErrorKind::Full => "store: has no space left; free space, then try again",
            StoreErrorKind::Unknown => {
                "store: did not report the outcome of the call; the call may have happened or not"
            }
            StoreErrorKind::Closed => "store: is closed; open it again",
            StoreErrorKind::Corrupt => {
                "store: contains a row that is damaged or was not written by hookwire; restore it from a backup"
            }
            StoreErrorKind::Schema => "store: has a schema that this version of hookwire cannot use; upgrade hookwire",
            StoreErrorKind::Invalid => "store: cannot store this value; correct the call",
        })
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}
