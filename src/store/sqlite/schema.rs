//! The tables and their migrations.
//!
//! Every name begins with `hookwire_`, so that the tables can be in an application's own database. `hookwire_schema` contains the number of
//! the last migration that was applied.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::open_error::open_error;
use super::session::Session;
use crate::store::OpenError;

/// Migrations in order; the schema's version is the number of applied migrations. The statements of a released entry are never changed.
const MIGRATIONS: [&str; 14] = [
    include_str!("migrations/0001.sql"),
    include_str!("migrations/0002.sql"),
    include_str!("migrations/0003.sql"),
    include_str!("migrations/0004.sql"),
    include_str!("migrations/0005.sql"),
    include_str!("migrations/0006.sql"),
    include_str!("migrations/0007.sql"),
    include_str!("migrations/0008.sql"),
    include_str!("migrations/0009.sql"),
    include_str!("migrations/0010.sql"),
    include_str!("migrations/0011.sql"),
    include_str!("migrations/0012.sql"),
    include_str!("migrations/0013.sql"),
    include_str!("migrations/0014.sql"),
];

/// The schema version of this code.
pub(super) const VERSION: i64 = MIGRATIONS.len() as i64;

/// The version of the schema in a file; `None` if the file has none.
pub(super) fn version(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    let exists = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'hookwire_schema'";
    if connection.query_row(exists, [], |_| Ok(())).optional()?.is_none() {
        return Ok(None);
    }
    connection.query_row("SELECT version FROM hookwire_schema", [], |row| row.get(0)).optional()
}

/// Whether the schema still has the version of this code. If this is checked in a transaction, it stays true until the transaction ends.
pub(super) fn is_current(session: &Session<'_>) -> rusqlite::Result<bool> {
    let sql = "SELECT version FROM hookwire_schema";
    let found: Option<i64> = session.query_row(sql, [], |row| row.get(0)).optional()?;
    Ok(found == Some(VERSION))
}

/// Whether the file has any tables, hookwire's or others.
pub(super) fn has_tables(connection: &Connection) -> rusqlite::Result<bool> {
    let any = "SELECT 1 FROM sqlite_schema LIMIT 1";
    Ok(connection.query_row(any, [], |_| Ok(())).optional()?.is_some())
}

/// Updates the schema to [`VERSION`], in one transaction under the write lock: if several processes start together, one migrates and the
/// others find the schema up to date.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), OpenError> {
    if version(connection).map_err(open_error)? == Some(VERSION) {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(open_error)?;
    let found = version(&transaction).map_err(open_error)?.unwrap_or(0);
    if found > VERSION {
        return Err(OpenError::Newer { found, supported: VERSION });
    }
    let pending = MIGRATIONS.iter().skip(usize::try_from(found).unwrap_or(0));
    for migration in pending {
        transaction.execute_batch(migration).map_err(open_error)?;
    }
    transaction.execute("UPDATE hookwire_schema SET version = ?1", [VERSION]).map_err(open_error)?;
    transaction.commit().map_err(open_error)
}
