//! The directory in SQL.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, ffi, params};

use super::SqliteStore;
use super::rows::{
    ENDPOINT_COLUMNS, ENDPOINTS, Vault, does_not_read, endpoint, endpoint_id, find_endpoint, health, select, signed,
    unreadable, write_endpoint, write_health,
};
use crate::clock::Timestamp;
use crate::endpoint::{Endpoint, EndpointRecord};
use crate::id::{EndpointId, LaneId, Tenant};
use crate::store::relational::{DISABLED, lane_column, leave_out, succeeds};
use crate::store::{Directory, Put, Removal, Resealed, StoreError};

/// Deliveries cancelled in one transaction, so that appends never wait long behind a removal.
const CANCEL_BATCH: i64 = 1_000;

#[async_trait]
impl Directory for SqliteStore {
    async fn put(&self, endpoint: Endpoint) -> Result<Put, StoreError> {
        let vault = self.vault.clone();
        self.write(move |connection| put(connection, &vault, &endpoint)).await
    }

    async fn create(&self, endpoint: Endpoint, most: u32) -> Result<Put, StoreError> {
        let vault = self.vault.clone();
        self.write(move |connection| {
            let count = "SELECT count(*) FROM hookwire_endpoint WHERE tenant = ?1 AND state < 2";
            let live: i64 =
                connection.prepare_cached(count)?.query_row([endpoint.tenant.as_str()], |row| row.get(0))?;
            if live >= i64::from(most) { Ok(Put::TooMany) } else { put(connection, &vault, &endpoint) }
        })
        .await
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

    async fn remove(&self, id: EndpointId, version: Option<u64>, now: Timestamp) -> Result<Removal, StoreError> {
        let removal = self.write(move |connection| bury(connection, id, version)).await?;
        let removed = removal == Removal::Removed;
        // From here on nothing is claimed; what is owed reads as cancelled already, and is made so piece by piece.
        while removed && self.write(move |connection| cancel_some(connection, id.into(), now)).await? > 0 {}
        Ok(removal)
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
    /// nothing can be opened and nothing is changed. What does not read, or cannot be opened, is left as it is and named. Where
    /// anything was sealed, the file is [scrubbed](Self::scrub) of what it held before. Afterwards the older keys can go, once no other
    /// process seals with them and nothing was left.
    ///
    /// # Errors
    /// When the provider cannot seal, or the store is in trouble; those before it are sealed then.
    pub async fn reseal(&self) -> Result<Resealed, StoreError> {
        let (mut all, mut after) = (Resealed::default(), Vec::new());
        loop {
            let (vault, from) = (self.vault.clone(), after.clone());
            let (page, last) = self.write(move |connection| reseal(connection, &vault, &from)).await?;
            all.sealed += page.sealed;
            all.left.extend(page.left);
            match last {
                Some(last) => after = last,
                None if all.sealed > 0 => {
                    self.scrub().await?;
                    return Ok(all);
                }
                None => return Ok(all),
            }
        }
    }

    /// Writes the file anew, so that nothing of what was overwritten or deleted is left in it or in its log: SQLite's `VACUUM`, and a
    /// log of no length. Takes as long as copying the file, and nothing is written meanwhile. What the disk, a snapshot or a backup
    /// keeps of an earlier file is out of its reach.
    ///
    /// In an application's own database this writes the application's tables anew as well. SQLite may then change the `rowid` of rows in
    /// tables that have no `INTEGER PRIMARY KEY`.
    ///
    /// # Errors
    /// When the disk has no room for a copy, or another process reads an old state of the file for too long; call it again then.
    pub async fn scrub(&self) -> Result<(), StoreError> {
        self.writer.call_alone(scrub).await
    }
}

/// Endpoints sealed anew in one transaction.
const RESEAL_BATCH: u32 = 100;

fn scrub(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch("VACUUM")?;
    let is_busy: bool = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    if is_busy {
        let busy = ffi::Error::new(ffi::SQLITE_BUSY);
        return Err(rusqlite::Error::SqliteFailure(busy, Some("the log is still read".into())));
    }
    Ok(())
}

/// What became of a page, and its last row; `None` when there was none.
fn reseal(connection: &Connection, vault: &Vault, after: &[u8]) -> rusqlite::Result<(Resealed, Option<Vec<u8>>)> {
    let sql = "SELECT id, record FROM hookwire_endpoint WHERE state < 2 AND id > ?1 ORDER BY id LIMIT ?2";
    let rows: Vec<(Vec<u8>, String)> = connection
        .prepare_cached(sql)?
        .query_map(params![after, RESEAL_BATCH], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let mut page = Resealed::default();
    for (id, record) in &rows {
        let id = EndpointId::from_bytes(id.as_slice().try_into().map_err(|_| unreadable(0, "not an id"))?);
        match reseal_one(connection, vault, id, record) {
            Ok(sealed) => page.sealed += u64::from(sealed),
            Err(error) if does_not_read(&error) => {
                leave_out(&id, &error);
                page.left.push(id);
            }
            Err(error) => return Err(error),
        }
    }
    Ok((page, rows.into_iter().last().map(|(id, _)| id)))
}

fn reseal_one(connection: &Connection, vault: &Vault, id: EndpointId, record: &str) -> rusqlite::Result<bool> {
    let record: EndpointRecord = serde_json::from_str(record).map_err(|error| unreadable(1, error))?;
    if vault.is_none() || record.is_sealed_as(vault.as_deref()) {
        return Ok(false);
    }
    let Some(endpoint) = find_endpoint(connection, vault, id)? else { return Ok(false) };
    write_endpoint(connection, vault, &endpoint)?;
    Ok(true)
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
    let of = if tenant.is_some() { "n.tenant = ?2" } else { "?2 IS NULL" };
    let rest = format!("{ENDPOINTS} WHERE n.state < 2 AND n.id > ?1 AND {of} ORDER BY n.id");
    let mut statement = connection.prepare_cached(&select(ENDPOINT_COLUMNS, &rest))?;
    let mut rows = statement.query(params![after, tenant.map(Tenant::as_str)])?;
    let mut endpoints = Vec::new();
    while endpoints.len() < limit as usize
        && let Some(row) = rows.next()?
    {
        match endpoint(row, vault) {
            Ok(endpoint) => endpoints.push(endpoint),
            Err(error) if does_not_read(&error) => leave_out(&endpoint_id(row, 0)?, &error),
            Err(error) => return Err(error),
        }
    }
    Ok(endpoints)
}

/// Removed, and its keys forgotten. The row stays, so that nothing owed to it is ever sent.
fn bury(connection: &Connection, id: EndpointId, version: Option<u64>) -> rusqlite::Result<Removal> {
    let find = "SELECT version FROM hookwire_endpoint WHERE id = ?1 AND state < 2";
    let found: Option<i64> =
        connection.prepare_cached(find)?.query_row([id.as_bytes()], |row| row.get(0)).optional()?;
    let Some(found) = found else { return Ok(Removal::NotFound) };
    if version.is_some_and(|version| signed(version) != found) {
        return Ok(Removal::VersionConflict);
    }
    for sql in [
        "UPDATE hookwire_endpoint SET state = 2, record = '' WHERE id = ?1",
        "DELETE FROM hookwire_health WHERE endpoint = ?1",
    ] {
        connection.prepare_cached(sql)?.execute([id.as_bytes()])?;
    }
    Ok(Removal::Removed)
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
