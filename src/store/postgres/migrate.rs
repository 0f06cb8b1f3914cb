//! The tables and their migrations.

use deadpool_postgres::Object;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::session::Schema;
use crate::store::OpenError;

/// Migrations in order; the schema's version is the number of applied migrations. The statements of a released entry are never changed. An
/// entry only adds, so that code of the version before still works; otherwise it raises `serves`, and the changelog says this.
const MIGRATIONS: [&str; 11] = [
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
];

/// The schema version of this code.
pub(super) const VERSION: i32 = MIGRATIONS.len() as i32;

/// Updates the schema to [`VERSION`], in one transaction under an advisory lock: if several processes start together, one migrates and the
/// others find the schema up to date.
pub(super) async fn migrate(client: &mut Object, schema: &Schema) -> Result<(), OpenError> {
    if let Some(found) = version(client, schema).await?
        && is_served(found)?
    {
        return Ok(());
    }
    client.batch_execute("BEGIN").await?;
    let done = migrate_here(client, schema).await;
    let end = if done.is_ok() { "COMMIT" } else { "ROLLBACK" };
    client.batch_execute(end).await?;
    done
}

async fn migrate_here(client: &Object, schema: &Schema) -> Result<(), OpenError> {
    let lock = "SELECT pg_advisory_xact_lock(hashtextextended('hookwire migration ' || $1, 0))";
    client.query_typed(lock, &[(&schema.name(), Type::TEXT)]).await?;
    let found = version(client, schema).await?;
    if found.map(is_served).transpose()? == Some(true) {
        return Ok(());
    }
    // The role may have no privilege to create schemas, but get an existing one.
    let exists = "SELECT 1 FROM pg_namespace WHERE nspname = $1";
    if client.query_typed(exists, &[(&schema.name(), Type::TEXT)]).await?.is_empty() {
        client.batch_execute(&format!("CREATE SCHEMA \"{}\"", schema.name())).await?;
    }
    for migration in MIGRATIONS.iter().skip(found.and_then(|found| usize::try_from(found.version).ok()).unwrap_or(0)) {
        client.batch_execute(&schema.apply(migration)).await?;
    }
    client.batch_execute(&schema.apply(&format!("UPDATE hookwire.schema SET version = {VERSION}"))).await?;
    Ok(())
}

/// The identity of the store in a schema.
pub(super) async fn identity(client: &Object, schema: &Schema) -> Result<Uuid, OpenError> {
    let rows = client.query_typed(&schema.apply("SELECT identity FROM hookwire.schema"), &[]).await?;
    Ok(rows.first().map_or(Ok(Uuid::nil()), |row| row.try_get(0))?)
}

/// The versions that a schema contains.
#[derive(Clone, Copy)]
struct Found {
    version: i32,
    serves: i32,
}

/// Whether the schema needs no migration.
fn is_served(found: Found) -> Result<bool, OpenError> {
    if found.serves > VERSION {
        return Err(OpenError::Newer { found: found.version.into(), supported: VERSION.into() });
    }
    Ok(found.version >= VERSION)
}

/// The versions of the schema; `None` if it has no tables.
async fn version(client: &Object, schema: &Schema) -> Result<Option<Found>, OpenError> {
    let exists = "SELECT 1 FROM pg_tables WHERE schemaname = $1 AND tablename = 'schema'";
    if client.query_typed(exists, &[(&schema.name(), Type::TEXT)]).await?.is_empty() {
        return Ok(None);
    }
    let rows = client.query_typed(&schema.apply("SELECT version, serves FROM hookwire.schema"), &[]).await?;
    let read = |row: &tokio_postgres::Row| Ok(Found { version: row.try_get(0)?, serves: row.try_get(1)? });
    rows.first().map(read).transpose()
}
