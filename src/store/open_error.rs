//! Why a store was not opened.

use std::error::Error;
use std::io;

use super::StoreError;

/// Why a store was not opened. A file that was not opened was not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The file is not an SQLite database, or it belongs to another application.
    #[error(
        "file: is not a hookwire store; choose another file, or call open_in_application_database for an application's own database"
    )]
    NotOurs,
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
    /// The URL or the connection string is invalid.
    #[error("PostgreSQL URL: is invalid; write it as postgres://user@host/database")]
    Url(#[source] Box<dyn Error + Send + Sync>),
    /// The name of the PostgreSQL schema is invalid.
    #[error("schema: is invalid; use 1 to 48 of a-z 0-9 _, and no digit at the beginning")]
    Schema,
    /// The PostgreSQL server is too old.
    #[error("PostgreSQL: is version {0}; version 15 or later is required")]
    OldServer(String),
    /// A commit would be acknowledged before it is durable.
    #[error(
        "PostgreSQL: {0} is off, so acknowledged changes may be lost; switch it on, or call allow_asynchronous_commit"
    )]
    NotDurable(&'static str),
    /// No connection to the PostgreSQL server could be made.
    #[error("PostgreSQL: no connection could be made; check the URL and that the server runs")]
    Connect(#[source] Box<dyn Error + Send + Sync>),
    /// A later version of hookwire has changed the file or the schema, and this version cannot work with it.
    #[error("schema: has version {found}, but this version of hookwire supports up to {supported}; upgrade hookwire")]
    Newer {
        /// The version found.
        found: i64,
        /// The latest version this code can use.
        supported: i64,
    },
    /// The database failed with another error.
    #[error("database: failed with an unexpected error")]
    Database(#[source] Box<dyn Error + Send + Sync>),
    /// The store failed when it was first used.
    #[error(transparent)]
    Store(#[from] StoreError),
}
