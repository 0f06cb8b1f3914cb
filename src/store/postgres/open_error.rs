//! Why a store was not opened.

use deadpool_postgres::PoolError;

use crate::store::StoreError;

/// Why a store was not opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The URL or the connection string is invalid.
    #[error("PostgreSQL URL: is invalid; write it as postgres://user@host/database")]
    Url(#[source] tokio_postgres::Error),
    /// The name of the schema is invalid.
    #[error("schema: is invalid; use 1 to 48 of a-z 0-9 _, and no digit at the beginning")]
    Schema,
    /// A later version of hookwire has changed the schema, and this version cannot work with it.
    #[error("schema: has version {found}, but this version of hookwire supports up to {supported}; upgrade hookwire")]
    Newer {
        /// The version found.
        found: i32,
        /// The latest version this code can use.
        supported: i32,
    },
    /// The server is too old.
    #[error("PostgreSQL: is version {0}; version 15 or later is required")]
    OldServer(String),
    /// A commit would be acknowledged before it is durable.
    #[error(
        "PostgreSQL: {0} is off, so acknowledged changes may be lost; switch it on, or call allow_asynchronous_commit"
    )]
    NotDurable(&'static str),
    /// No connection could be made.
    #[error("PostgreSQL: no connection could be made; check the URL and that the server runs")]
    Connect(#[from] PoolError),
    /// The server returned another error.
    #[error("PostgreSQL: the server returned an error")]
    Postgres(#[from] tokio_postgres::Error),
    /// The store failed when it was first used.
    #[error(transparent)]
    Store(#[from] StoreError),
}
