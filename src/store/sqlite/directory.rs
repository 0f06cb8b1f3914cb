//! The directory in SQL.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};

use super::SqliteStore;
use super::rows::{
    DISABLED, ENDPOINT_COLUMNS, ENDPOINTS, REMOVED, endpoint, find_endpoint, health, select, signed, write_endpoint,
    write_health,
};
use crate::clock::Timestamp;
use crate::endpoint::Endpoint;
use crate::id::{EndpointId, Tenant};
use crate::store::{Directory, Put, StoreError};

/// Deliveries cancelled in one transaction, so that appends never wait long behind a removal.
const CANCEL_BATCH: i64 = 1_000;

#[async_trait]
impl Directory for SqliteStore {
    async fn put(&self, endpoint: Endpoint) -> Result<Put, StoreError> {
        self.write(move |connection| put(connection, &endpoint)).await
    }

    async fn get(&self, id: EndpointId) -> Result<Option<Arc<Endpoint>>, StoreError> {
        self.read(move |connection| find_endpoint(connection, id)).await
    }

    async fn list(
        &self,
        tenant: Option<&Tenant>,
        after: Option<EndpointId>,
        limit: u32,
    ) -> Result<Vec<Arc<Endpoint>>, StoreError> {
        let tenant = tenant.cloned();
        let after = after.map(|id| id.as_bytes().to_vec()).unwrap_or_default();
        self.read(move |connection| list(connection, tenant.as_ref(), &after, limit)).await
    }

    async fn of_tenant(&self, tenant: &Tenant) -> Result<Vec<Arc<Endpoint>>, StoreError> {
        let tenant = tenant.clone();
        self.read(move |connection| list(connection, Some(&tenant), &[], u32::MAX)).await
    }

    async fn remove(&self, id: EndpointId, now: Timestamp) -> Result<bool, StoreError> {
        let removed = self.write(move |connection| bury(connection, id)).await?;
        // From here on nothing is claimed; what is owed reads as cancelled already, and is made so piece by piece.
        while removed && self.write(move |connection| cancel_some(connection, id, now)).await? > 0 {}
        Ok(removed)
    }
}

fn put(connection: &Connection, endpoint: &Endpoint) -> rusqlite::Result<Put> {
    let found: Option<(i64, i64)> = connection
        .prepare_cached("SELECT version, state FROM hookwire_endpoint WHERE id = ?1")?
        .query_row([endpoint.id.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let expected = match found {
        None => 1,
        Some((_, REMOVED)) => return Ok(Put::VersionConflict),
        Some((version, _)) => version.saturating_add(1),
    };
    if signed(endpoint.version) != expected {
        return Ok(Put::VersionConflict);
    }
    if endpoint.is_enabled() && found.is_some_and(|(_, state)| state == DISABLED) {
        let forgiven = health(connection, endpoint.id)?.forgiven();
        write_health(connection, endpoint.id, &forgiven)?;
    }
    write_endpoint(connection, endpoint)?;
    Ok(Put::Stored)
}

fn list(
    connection: &Connection,
    tenant: Option<&Tenant>,
    after: &[u8],
    limit: u32,
) -> rusqlite::Result<Vec<Arc<Endpoint>>> {
    let of = if tenant.is_some() { "n.tenant = ?3" } else { "?3 IS NULL" };
    let rest = format!("{ENDPOINTS} WHERE n.state < 2 AND n.id > ?1 AND {of} ORDER BY n.id LIMIT ?2");
    let mut statement = connection.prepare_cached(&select(ENDPOINT_COLUMNS, &rest))?;
    statement.query_map(params![after, limit, tenant.map(Tenant::as_str)], endpoint)?.collect()
}

/// Removed, and its keys forgotten. The row stays, so that nothing owed to it is ever sent.
fn bury(connection: &Connection, id: EndpointId) -> rusqlite::Result<bool> {
    let sql = "UPDATE hookwire_endpoint SET state = 2, record = '' WHERE id = ?1 AND state < 2";
    connection.prepare_cached("DELETE FROM hookwire_health WHERE endpoint = ?1")?.execute([id.as_bytes()])?;
    Ok(connection.prepare_cached(sql)?.execute([id.as_bytes()])? > 0)
}

const CANCEL_PENDING: &str = "UPDATE hookwire_delivery SET state = 3, finished_at = ?2, fence = fence + 1 WHERE id IN \
     (SELECT id FROM hookwire_delivery WHERE state = 0 AND endpoint = ?1 LIMIT ?3)";
const CANCEL_HELD: &str = "UPDATE hookwire_delivery SET state = 3, finished_at = ?2, fence = fence + 1 WHERE id IN \
     (SELECT id FROM hookwire_delivery WHERE state = 4 AND endpoint = ?1 LIMIT ?3)";

/// Cancels a part of what an endpoint is owed; how much.
pub(super) fn cancel_some(connection: &Connection, id: EndpointId, now: Timestamp) -> rusqlite::Result<usize> {
    let mut cancelled = 0;
    for sql in [CANCEL_PENDING, CANCEL_HELD] {
        cancelled += connection.prepare_cached(sql)?.execute(params![id.as_bytes(), now.as_micros(), CANCEL_BATCH])?;
    }
    Ok(cancelled)
}
