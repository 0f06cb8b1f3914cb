//! The directory in SQL.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};

use super::SqliteStore;
use super::rows::{
    ENDPOINT_COLUMNS, ENDPOINTS, Vault, endpoint, find_endpoint, health, select, unreadable, write_endpoint,
    write_health,
};
use crate::clock::Timestamp;
use crate::endpoint::{Endpoint, EndpointRecord};
use crate::id::{EndpointId, LaneId, Tenant};
use crate::store::relational::{DISABLED, lane_column, succeeds};
use crate::store::{Directory, Put, StoreError};

/// Deliveries cancelled in one transaction, so that appends never wait long behind a removal.
const CANCEL_BATCH: i64 = 1_000;

#[async_trait]
impl Directory for SqliteStore {
    async fn put(&self, endpoint: Endpoint) -> Result<Put, StoreError> {
        let vault = self.vault.clone();
        self.write(move |connection| put(connection, &vault, &endpoint)).await
    }

    async fn get(&self, id: EndpointId) -> Result<Option<Arc<Endpoint>>, StoreError> {
        let vault = self.vault.clone();
        self.read(move |connection| find_endpoint(connection, &vault, id)).await
    }

    async fn list(
        &self,
        tenant: Option<&Tenant>,
        after: Option<EndpointId>,
        limit: u32,
    ) -> Result<Vec<Arc<Endpoint>>, StoreError> {
        let tenant = tenant.cloned();
        let after = after.map(|id| id.as_bytes().to_vec()).unwrap_or_default();
        self.list_endpoints(tenant, after, limit).await
    }

    async fn of_tenant(&self, tenant: &Tenant) -> Result<Vec<Arc<Endpoint>>, StoreError> {
        self.list_endpoints(Some(tenant.clone()), Vec::new(), u32::MAX).await
    }

    async fn remove(&self, id: EndpointId, now: Timestamp) -> Result<bool, StoreError> {
        let removed = self.write(move |connection| bury(connection, id)).await?;
        // From here on nothing is claimed; what is owed reads as cancelled already, and is made so piece by piece.
        while removed && self.write(move |connection| cancel_some(connection, id.into(), now)).await? > 0 {}
        Ok(removed)
    }
}

impl SqliteStore {
    async fn list_endpoints(
        &self,
        tenant: Option<Tenant>,
        after: Vec<u8>,
        limit: u32,
    ) -> Result<Vec<Arc<Endpoint>>, StoreError> {
        let vault = self.vault.clone();
        self.read(move |connection| list(connection, &vault, tenant.as_ref(), (&after, limit))).await
    }

    /// Seals anew, with the provider's current key, every endpoint that is in the clear or sealed by another; with no provider,
    /// nothing can be opened and nothing is changed. Answers how many were sealed. Afterwards the older keys can go, once no
    /// other process seals with them.
    ///
    /// # Errors
    /// When an endpoint cannot be opened or sealed, or the store is in trouble; those before it are sealed then.
    pub async fn reseal(&self) -> Result<u64, StoreError> {
        let (mut count, mut after) = (0, Vec::new());
        loop {
            let (vault, from) = (self.vault.clone(), after.clone());
            let page = self.write(move |connection| reseal(connection, &vault, &from)).await?;
            count += page.sealed;
            let Some(last) = page.last else { return Ok(count) };
            after = last;
        }
    }
}

/// Endpoints sealed anew in one transaction.
const RESEAL_BATCH: u32 = 100;

struct Resealed {
    sealed: u64,
    /// The last one looked at; `None` when all have been.
    last: Option<Vec<u8>>,
}

fn reseal(connection: &Connection, vault: &Vault, after: &[u8]) -> rusqlite::Result<Resealed> {
    let sql = "SELECT id, record FROM hookwire_endpoint WHERE state < 2 AND id > ?1 ORDER BY id LIMIT ?2";
    let rows: Vec<(Vec<u8>, String)> = connection
        .prepare_cached(sql)?
        .query_map(params![after, RESEAL_BATCH], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let mut sealed = 0;
    for (id, record) in &rows {
        let record: EndpointRecord = serde_json::from_str(record).map_err(|error| unreadable(1, error))?;
        if vault.is_none() || record.is_sealed_as(vault.as_deref()) {
            continue;
        }
        let id = EndpointId::from_bytes(id.as_slice().try_into().map_err(|_| unreadable(0, "not an id"))?);
        if let Some(endpoint) = find_endpoint(connection, vault, id)? {
            write_endpoint(connection, vault, &endpoint)?;
            sealed += 1;
        }
    }
    Ok(Resealed { sealed, last: rows.into_iter().last().map(|(id, _)| id) })
}

fn put(connection: &Connection, vault: &Vault, endpoint: &Endpoint) -> rusqlite::Result<Put> {
    let found: Option<(i64, i16)> = connection
        .prepare_cached("SELECT version, state FROM hookwire_endpoint WHERE id = ?1")?
        .query_row([endpoint.id.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    if !succeeds(endpoint.version, found) {
        return Ok(Put::VersionConflict);
    }
    if endpoint.is_enabled() && found.is_some_and(|(_, state)| state == DISABLED) {
        let forgiven = health(connection, endpoint.id)?.forgiven();
        write_health(connection, endpoint.id, &forgiven)?;
    }
    write_endpoint(connection, vault, endpoint)?;
    Ok(Put::Stored)
}

fn list(
    connection: &Connection,
    vault: &Vault,
    tenant: Option<&Tenant>,
    (after, limit): (&[u8], u32),
) -> rusqlite::Result<Vec<Arc<Endpoint>>> {
    let of = if tenant.is_some() { "n.tenant = ?3" } else { "?3 IS NULL" };
    let rest = format!("{ENDPOINTS} WHERE n.state < 2 AND n.id > ?1 AND {of} ORDER BY n.id LIMIT ?2");
    let mut statement = connection.prepare_cached(&select(ENDPOINT_COLUMNS, &rest))?;
    statement.query_map(params![after, limit, tenant.map(Tenant::as_str)], |row| endpoint(row, vault))?.collect()
}

/// Removed, and its keys forgotten. The row stays, so that nothing owed to it is ever sent.
fn bury(connection: &Connection, id: EndpointId) -> rusqlite::Result<bool> {
    let sql = "UPDATE hookwire_endpoint SET state = 2, record = '' WHERE id = ?1 AND state < 2";
    connection.prepare_cached("DELETE FROM hookwire_health WHERE endpoint = ?1")?.execute([id.as_bytes()])?;
    Ok(connection.prepare_cached(sql)?.execute([id.as_bytes()])? > 0)
}

const CANCEL_PENDING: &str = "UPDATE hookwire_delivery SET state = 3, finished_at = ?2, fence = fence + 1 WHERE id IN \
     (SELECT id FROM hookwire_delivery WHERE state = 0 AND lane = ?1 LIMIT ?3)";
const CANCEL_HELD: &str = "UPDATE hookwire_delivery SET state = 3, finished_at = ?2, fence = fence + 1 WHERE id IN \
     (SELECT id FROM hookwire_delivery WHERE state = 4 AND lane = ?1 LIMIT ?3)";

/// Cancels a part of what is owed in a lane; how much.
pub(super) fn cancel_some(connection: &Connection, lane: LaneId, now: Timestamp) -> rusqlite::Result<usize> {
    let (mut cancelled, lane) = (0, lane_column(lane));
    for sql in [CANCEL_PENDING, CANCEL_HELD] {
        cancelled += connection.prepare_cached(sql)?.execute(params![lane, now.as_micros(), CANCEL_BATCH])?;
    }
    Ok(cancelled)
}
