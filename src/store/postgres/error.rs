//! Failures of PostgreSQL and of its rows, and their store errors.

use deadpool_postgres::PoolError;
use tokio_postgres::error::SqlState;

use crate::store::{StoreError, StoreErrorKind};

/// A lane and one of its ordering keys, as stored in the tables.
pub(super) type OrderedLane = (Vec<u8>, String);

/// Why an operation failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum StoreFailure {
    #[error(transparent)]
    Postgres(#[from] tokio_postgres::Error),
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// No connection was available within the time limit of the call.
    #[error("PostgreSQL: no connection was available within the time limit; add connections or raise the limit")]
    NoConnection,
    /// The server did not respond within the time limit of the call.
    #[error("PostgreSQL: the server did not respond within the time limit; check its load and the network")]
    TooLong,
    /// The tables exist, but the row that identifies the store does not exist yet.
    #[error("schema: contains no store identity; wait until the restore of its backup is complete, or restore it")]
    NotRestored,
    /// The tables belong to another store than the one that was opened.
    #[error("schema: contains another store than the one that was opened; open the store again")]
    AnotherStore,
    /// Another transaction holds these ordering keys.
    #[error("PostgreSQL: another transaction holds an ordering key; try again after it has ended")]
    Held(Vec<OrderedLane>),
    /// The endpoint belongs to another tenant than the one in the call.
    #[error("tenant: differs from the stored one; an endpoint cannot change its tenant")]
    OtherTenant,
    /// Another transaction changed the same rows; a retry shows the result.
    #[error("PostgreSQL: another transaction changed the same rows; try again")]
    Overtaken,
    /// A row that hookwire cannot read, or a record that it cannot write.
    #[error("{0}")]
    Unreadable(Box<dyn std::error::Error + Send + Sync>),
}

impl StoreFailure {
    pub(super) fn unreadable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Unreadable(error.into())
    }

    fn state(&self) -> Option<&SqlState> {
        match self {
            Self::Postgres(error) | Self::Pool(PoolError::Backend(error)) => error.code(),
            _ => None,
        }
    }

    /// Two transactions conflicted: a retry may succeed at once.
    pub(super) fn is_conflict(&self) -> bool {
        let conflicts = [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED];
        matches!(self, Self::Overtaken) || self.state().is_some_and(|state| conflicts.contains(state))
    }

    /// Another row has the unique value already.
    pub(super) fn is_taken(&self) -> bool {
        self.state() == Some(&SqlState::UNIQUE_VIOLATION)
    }

    /// The connection was lost before the server responded.
    pub(super) fn is_connection_lost(&self) -> bool {
        matches!(self, Self::Postgres(error) if error.code().is_none())
    }

    /// The outcome is unknown: the connection was lost, or the time limit was reached.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.is_connection_lost() || matches!(self, Self::TooLong)
    }

    /// The server accepts no writes: it is no longer the primary, or not yet.
    pub(super) fn is_read_only(&self) -> bool {
        self.state() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION)
    }

    /// Logs the remedy for an operator if all calls fail until the operator acts.
    fn log_remedy(&self) {
        let remedy = match self.state().map(SqlState::code) {
            Some("42501") => "grant the missing privilege to the role that hookwire connects as",
            Some("42P01" | "3F000") => "restore hookwire's tables, which are missing, or open the store again",
            _ => return,
        };
        tracing::error!(error = %self, remedy, "PostgreSQL: all calls fail until this is repaired");
    }

    fn kind(&self) -> StoreErrorKind {
        match (self, self.state()) {
            (Self::Unreadable(_), _) => StoreErrorKind::Corrupt,
            (Self::OtherTenant, _) => StoreErrorKind::Invalid,
            (Self::AnotherStore, _) => StoreErrorKind::Schema,
            (_, Some(state)) => kind_of(state.code()),
            (Self::Pool(PoolError::Closed), None) => StoreErrorKind::Closed,
            // There is no connection: nothing was changed, unless a commit was already sent.
            (_, None) => StoreErrorKind::Unavailable,
        }
    }

    /// Converts to the error of a call that has changed nothing.
    pub(super) fn into_store_error(self) -> StoreError {
        self.log_remedy();
        StoreError::with_source(self.kind(), self)
    }

    /// Converts to the error of a call that may have happened if the server has not responded.
    pub(super) fn in_doubt(self) -> StoreError {
        self.log_remedy();
        let kind = if self.is_in_doubt() { StoreErrorKind::Unknown } else { self.kind() };
        StoreError::with_source(kind, self)
    }
}

/// The kind of a server's error code, by class (postgresql.org/docs/current/errcodes-appendix.html).
pub(super) fn kind_of(code: &str) -> StoreErrorKind {
    match (code, code.get(..2)) {
        // A full disk, or a full shared memory or temporary space.
        ("53100", _) => StoreErrorKind::Full,
        ("42703" | "42883", _) => StoreErrorKind::Schema,
        (_, Some("22" | "23" | "54")) => StoreErrorKind::Invalid,
        ("XX001" | "XX002", _) => StoreErrorKind::Corrupt,
        // A missing privilege or table, for instance while a backup is restored: an operator can restore it.
        // Shutdown, no connection, read-only, a lock, a time limit, a deadlock, out of memory: conditions of the server that pass.
        _ => StoreErrorKind::Unavailable,
    }
}
