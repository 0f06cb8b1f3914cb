//! Tables, and how they came to be.

use deadpool_postgres::Object;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::open::OpenError;
use super::session::Schema;

/// Migrations in order; the schema's version is how many were applied. An entry is never changed once it was released. It adds, so
/// that code which knows only the one before still works, or it raises `serves` and says so in the changelog.
const MIGRATIONS: [&str; 4] = [
    include_str!("migrations/0001.sql"),
    include_str!("migrations/0002.sql"),
    include_str!("migrations/0003.sql"),
    include_str!("migrations/0004.sql"),
];

/// The schema version of this code.
pub(super) const VERSION: i32 = MIGRATIONS.len() as i32;

/// Brings the schema up to [`VERSION`], in one transaction under an advisory lock: of several processes that start together, one
/// migrates and the others find it done.
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
    // Who may not create schemas can be given one.
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

/// Which store stands in a schema.
pub(super) async fn identity(client: &Object, schema: &Schema) -> Result<Uuid, OpenError> {
    let rows = client.query_typed(&schema.apply("SELECT identity FROM hookwire.schema"), &[]).await?;
    Ok(rows.first().map_or(Ok(Uuid::nil()), |row| row.try_get(0))?)
}

/// What a schema says of itself.
#[derive(Clone, Copy)]
struct Found {
    version: i32,
    serves: i32,
}

/// Whether there is nothing to migrate.
const fn is_served(found: Found) -> Result<bool, OpenError> {
    if found.serves > VERSION {
        return Err(OpenError::Newer { found: found.version, supported: VERSION });
    }
    Ok(found.version >= VERSION)
}

/// What the schema says; `None` where there is none.
async fn version(client: &Object, schema: &Schema) -> Result<Option<Found>, OpenError> {
    let exists = "SELECT 1 FROM pg_tables WHERE schemaname = $1 AND tablename = 'schema'";
    if client.query_typed(exists, &[(&schema.name(), Type::TEXT)]).await?.is_empty() {
        return Ok(None);
    }
    let rows = client.query_typed(&schema.apply("SELECT version, serves FROM hookwire.schema"), &[]).await?;
    let read = |row: &tokio_postgres::Row| Ok(Found { version: row.try_get(0)?, serves: row.try_get(1)? });
    rows.first().map(read).transpose()
}
