//! What goes wrong between here and the server, as a store error.

use deadpool_postgres::PoolError;
use tokio_postgres::error::SqlState;

use super::order::OrderedLane;
use crate::store::{StoreError, StoreErrorKind};

/// Trouble inside an operation.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error(transparent)]
    Postgres(#[from] tokio_postgres::Error),
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// No connection could be had in the time that a call has.
    #[error("no connection in time")]
    NoConnection,
    /// The server has not answered in the time that a call has.
    #[error("no answer in time")]
    TooLong,
    /// The tables are there, and not yet what stood in them.
    #[error("the schema says not which store it is: it is being restored, or was emptied")]
    NotRestored,
    /// The tables are those of another store than the one that was opened.
    #[error("another store stands in the schema than the one that was opened: open it anew")]
    AnotherStore,
    /// Somebody else's transaction holds these ordering keys.
    #[error("an ordering key is held by another transaction")]
    Held(Vec<OrderedLane>),
    /// Somebody has changed what this was about to build on; the same again finds out.
    #[error("another transaction came between")]
    Overtaken,
    /// A row that does not read as what we write, or a record that cannot be written.
    #[error("{0}")]
    Unreadable(Box<dyn std::error::Error + Send + Sync>),
}

impl Trouble {
    pub(super) fn unreadable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Unreadable(error.into())
    }

    fn state(&self) -> Option<&SqlState> {
        match self {
            Self::Postgres(error) | Self::Pool(PoolError::Backend(error)) => error.code(),
            _ => None,
        }
    }

    /// Two transactions stood in each other's way: the same again may succeed at once.
    pub(super) fn is_conflict(&self) -> bool {
        let met = [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED];
        matches!(self, Self::Overtaken) || self.state().is_some_and(|state| met.contains(state))
    }

    /// Somebody had a unique value first.
    pub(super) fn is_taken(&self) -> bool {
        self.state() == Some(&SqlState::UNIQUE_VIOLATION)
    }

    /// The connection was lost before the server said how it went.
    pub(super) fn is_silence(&self) -> bool {
        matches!(self, Self::Postgres(error) if error.code().is_none())
    }

    /// The server never said how it went: the connection was lost, or nobody waits any longer.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.is_silence() || matches!(self, Self::TooLong)
    }

    /// The server takes no writes: it is no longer the primary, or not yet.
    pub(super) fn is_read_only(&self) -> bool {
        self.state() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION)
    }

    /// Says what an operator has to mend: nothing goes on before.
    fn tell(&self) {
        let remedy = match self.state().map(SqlState::code) {
            Some("42501") => "grant the missing privilege to the role that hookwire connects as",
            Some("42P01" | "3F000") => "hookwire's tables are missing: restore them, or open the store anew",
            _ => return,
        };
        tracing::error!(error = %self, remedy, "PostgreSQL: calls fail until this is mended");
    }

    fn kind(&self) -> StoreErrorKind {
        match (self, self.state()) {
            (Self::Unreadable(_), _) => StoreErrorKind::Corrupt,
            (Self::AnotherStore, _) => StoreErrorKind::Schema,
            (_, Some(state)) => kind_of(state.code()),
            (Self::Pool(PoolError::Closed), None) => StoreErrorKind::Closed,
            // No connection, or none that lives: nothing has happened, unless the caller knows better.
            (_, None) => StoreErrorKind::Unavailable,
        }
    }

    /// As the error of a call of which nothing has happened.
    pub(super) fn into_store_error(self) -> StoreError {
        self.tell();
        StoreError::with_source(self.kind(), self)
    }

    /// As the error of a call that may have happened when the server has not answered.
    pub(super) fn in_doubt(self) -> StoreError {
        self.tell();
        let kind = if self.is_in_doubt() { StoreErrorKind::Unknown } else { self.kind() };
        StoreError::with_source(kind, self)
    }
}

/// A code of the server's, by class (postgresql.org/docs/current/errcodes-appendix.html).
pub(super) fn kind_of(code: &str) -> StoreErrorKind {
    match (code, code.get(..2)) {
        // A full disk, and a full shared memory or temporary space.
        ("53100", _) => StoreErrorKind::Full,
        ("42703" | "42883", _) => StoreErrorKind::Schema,
        (_, Some("22" | "23" | "54")) => StoreErrorKind::Invalid,
        ("XX001" | "XX002", _) => StoreErrorKind::Corrupt,
        // A privilege or a table is missing, as while a backup is restored: whoever has taken it can bring it back.
        // Shutting down, no connection, read-only, a lock, a time limit, a deadlock, out of memory: the server's doing.
        _ => StoreErrorKind::Unavailable,
    }
}
