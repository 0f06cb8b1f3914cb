//! Why a file was not opened.

use std::io;

use rusqlite::ErrorCode;

/// Why a file was not opened. The file was not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The file is not an SQLite database, or it belongs to another application.
    #[error(
        "file: is not a hookwire store; choose another file, or call open_in_application_database for an application's own database"
    )]
    NotOurs,
    /// A later version of hookwire has written the file.
    #[error(
        "file: has schema version {found}, but this version of hookwire supports up to {supported}; upgrade hookwire"
    )]
    Newer {
        /// The version found.
        found: i64,
        /// The latest version this code can use.
        supported: i64,
    },
    /// The file may not be written.
    #[error("file: is read-only; make it writable")]
    ReadOnly,
    /// The file is truncated or damaged.
    #[error("file: is damaged ({0}); restore it from a backup")]
    Corrupt(String),
    /// Another process has held the file for too long.
    #[error("file: is locked by another process; end that process or its transaction, then open the file again")]
    Locked,
    /// The file cannot be read or made: a missing directory, a full disk.
    #[error("file: cannot be opened; check that its directory exists and that the disk has space")]
    Io(#[source] io::Error),
    /// SQLite is too old: it can corrupt a file that several connections write to.
    #[error("SQLite: is version {0}; version 3.51.3 or later is required")]
    OldSqlite(&'static str),
    /// SQLite failed with another error.
    #[error("SQLite: failed with an unexpected error")]
    Sqlite(#[source] rusqlite::Error),
}

impl OpenError {
    pub(super) fn of(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::NotOurs,
            Some(ErrorCode::DatabaseCorrupt) => Self::Corrupt(error.to_string()),
            Some(ErrorCode::ReadOnly) => Self::ReadOnly,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked,
            Some(ErrorCode::CannotOpen | ErrorCode::DiskFull) => Self::Io(io::Error::other(error)),
            _ => Self::Sqlite(error),
        }
    }
}
