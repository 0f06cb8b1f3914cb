//! The directory in SQL.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{OptionalExtension, ffi, params};

use super::SqliteStore;
use super::rows::{
    ENDPOINT_COLUMNS, ENDPOINTS, KeySealer, delete_health, endpoint, endpoint_id, find_endpoint, health, is_unreadable,
    select, signed, unreadable, write_endpoint, write_health,
};
use super::session::Session;
use crate::clock::Timestamp;
use crate::endpoint::{Endpoint, EndpointRecord};
use crate::id::{EndpointId, LaneId, Tenant};
use crate::store::relational::leave_out;
use crate::store::sql::{DISABLED, is_next_version, lane_column};
use crate::store::{Directory, PutResult, Removal, Resealed, StoreError};

/// The number of deliveries that are cancelled in one transaction, so that appends never wait long for a removal.
const CANCEL_BATCH: i64 = 1_000;

#[async_trait]
impl Directory for SqliteStore {
    async fn put(&self, endpoint: Endpoint) -> Result<PutResult, StoreError> {
        let sealer = self.sealer.clone();
        self.write(move |session| put(session, &sealer, &endpoint)).await
    }

    async fn create(&self, endpoint: Endpoint, limit: u32) -> Result<PutResult, StoreError> {
        let sealer = self.sealer.clone();
        self.write(move |session| {
            let count = "SELECT count(*) FROM hookwire_endpoint WHERE tenant = ?1 AND state < 2";
            let live: i64 = session.query_row(count, [endpoint.tenant.as_str()], |row| row.get(0))?;
            if live >= i64::from(limit) { Ok(PutResult::TooMany) } else { put(session, &sealer, &endpoint) }
        })
        .await
    }

    async fn get(&self, id: EndpointId) -> Result<Option<Arc<Endpoint>>, StoreError> {
        let sealer = self.sealer.clone();
        self.read(move |session| find_endpoint(session, &sealer, id)).await
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
        let removal = self.write(move |session| remove_endpoint(session, id, version)).await?;
        let removed = removal == Removal::Removed;
        // From here on no delivery is claimed, and history shows the pending ones as cancelled. They are cancelled in batches.
        while removed && self.write(move |session| cancel_part(session, id.into(), now)).await? > 0 {}
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
        let sealer = self.sealer.clone();
        self.read(move |session| list(session, &sealer, tenant.as_ref(), (&after, limit))).await
    }

    /// Seals every endpoint again, with the provider's current key, if its secrets are stored in the clear or sealed with another key.
    /// Without a provider nothing can be opened and nothing is changed. An endpoint whose row is unreadable, or that no key opens, is left
    /// unchanged and returned. If any endpoint was sealed, the file is [scrubbed](Self::scrub) of the earlier contents. Afterwards the
    /// older keys can be deleted, once no other process seals with them and no endpoint was left unchanged.
    ///
    /// # Errors
    /// Returns an error if the provider cannot seal, or if the store fails. Endpoints before the failure are sealed then.
    pub async fn reseal(&self) -> Result<Resealed, StoreError> {
        let (mut all, mut after) = (Resealed::default(), Vec::new());
        loop {
            let (sealer, from) = (self.sealer.clone(), after.clone());
            let (page, last) = self.write(move |session| reseal(session, &sealer, &from)).await?;
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

    /// Rewrites the file, so that it and its log no longer contain overwritten or deleted data: runs SQLite's `VACUUM` and truncates the
    /// log. This takes as long as copying the file, and blocks all writes meanwhile. It does not remove earlier contents from the disk's
    /// free blocks, from snapshots or from backups.
    ///
    /// In an application's own database this also rewrites the application's tables. SQLite may then change the `rowid` of rows in tables
    /// that have no `INTEGER PRIMARY KEY`.
    ///
    /// # Errors
    /// Returns an error if the disk has no space for a copy, or if another process reads an old state of the file for too long. Call it
    /// again then.
    pub async fn scrub(&self) -> Result<(), StoreError> {
        self.writer.call_outside_transaction(scrub).await
    }
}

/// The number of endpoints that are sealed in one transaction.
const RESEAL_BATCH: u32 = 100;

fn scrub(session: &Session<'_>) -> rusqlite::Result<()> {
    session.execute_batch("VACUUM")?;
    let is_busy: bool = session.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    if is_busy {
        let busy = ffi::Error::new(ffi::SQLITE_BUSY);
        return Err(rusqlite::Error::SqliteFailure(
            busy,
            Some("another process still reads the write-ahead log; call scrub again".into()),
        ));
    }
    Ok(())
}

/// Seals one page of endpoints. Returns the result of the page and the id of its last row, which is `None` if the page was empty.
fn reseal(session: &Session<'_>, sealer: &KeySealer, after: &[u8]) -> rusqlite::Result<(Resealed, Option<Vec<u8>>)> {
    let sql = "SELECT id, record FROM hookwire_endpoint WHERE state < 2 AND id > ?1 ORDER BY id LIMIT ?2";
    let rows: Vec<(Vec<u8>, String)> = session
        .prepare_cached(sql)?
        .query_map(params![after, RESEAL_BATCH], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let mut page = Resealed::default();
    for (id, record) in &rows {
        let id = EndpointId::from_bytes(id.as_slice().try_into().map_err(|_| unreadable(0, "not an id"))?);
        match reseal_one(session, sealer, id, record) {
            Ok(sealed) => page.sealed += u64::from(sealed),
            Err(error) if is_unreadable(&error) => {
                leave_out(&id, &error);
                page.left.push(id);
            }
            Err(error) => return Err(error),
        }
    }
    Ok((page, rows.into_iter().last().map(|(id, _)| id)))
}

fn reseal_one(session: &Session<'_>, sealer: &KeySealer, id: EndpointId, record: &str) -> rusqlite::Result<bool> {
    let record: EndpointRecord = serde_json::from_str(record).map_err(|error| unreadable(1, error))?;
    if sealer.is_none() || record.is_sealed_with(sealer.as_deref()) {
        return Ok(false);
    }
    let Some(endpoint) = find_endpoint(session, sealer, id)? else { return Ok(false) };
    write_endpoint(session, sealer, &endpoint)?;
    Ok(true)
}

fn put(session: &Session<'_>, sealer: &KeySealer, endpoint: &Endpoint) -> rusqlite::Result<PutResult> {
    let found: Option<(i64, i16, String)> = session
        .query_row(
            "SELECT version, state, tenant FROM hookwire_endpoint WHERE id = ?1",
            [endpoint.id.as_bytes()],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .optional()?;
    let (found, tenant) = found.map(|(version, state, tenant)| ((version, state), tenant)).unzip();
    if !is_next_version(endpoint.version, found) {
        return Ok(PutResult::VersionConflict);
    }
    if tenant.is_some_and(|tenant| tenant != endpoint.tenant.as_str()) {
        let refused = ffi::Error::new(ffi::SQLITE_CONSTRAINT);
        return Err(rusqlite::Error::SqliteFailure(
            refused,
            Some("tenant: differs from the stored one; an endpoint cannot change its tenant".into()),
        ));
    }
    if endpoint.is_enabled() && found.is_some_and(|(_, state)| state == DISABLED) {
        let cleared = health(session, endpoint.id)?.cleared();
        write_health(session, endpoint.id, &cleared)?;
    }
    if found.is_none() {
        // Attempts may have been settled under this id before the endpoint was stored.
        delete_health(session, endpoint.id)?;
    }
    write_endpoint(session, sealer, endpoint)?;
    Ok(PutResult::Stored)
}

fn list(
    session: &Session<'_>,
    sealer: &KeySealer,
    tenant: Option<&Tenant>,
    (after, limit): (&[u8], u32),
) -> rusqlite::Result<Vec<Arc<Endpoint>>> {
    let of = if tenant.is_some() { "n.tenant = ?2" } else { "?2 IS NULL" };
    let rest = format!("{ENDPOINTS} WHERE n.state < 2 AND n.id > ?1 AND {of} ORDER BY n.id");
    let mut statement = session.prepare_cached(&select(ENDPOINT_COLUMNS, &rest))?;
    let mut rows = statement.query(params![after, tenant.map(Tenant::as_str)])?;
    let mut endpoints = Vec::new();
    while endpoints.len() < limit as usize
        && let Some(row) = rows.next()?
    {
        match endpoint(row, sealer) {
            Ok(endpoint) => endpoints.push(endpoint),
            Err(error) if is_unreadable(&error) => leave_out(&endpoint_id(row, 0)?, &error),
            Err(error) => return Err(error),
        }
    }
    Ok(endpoints)
}

/// Removes an endpoint and deletes its keys. The row remains, so that no delivery to it is ever sent.
fn remove_endpoint(session: &Session<'_>, id: EndpointId, version: Option<u64>) -> rusqlite::Result<Removal> {
    let find = "SELECT version FROM hookwire_endpoint WHERE id = ?1 AND state < 2";
    let found: Option<i64> = session.query_row(find, [id.as_bytes()], |row| row.get(0)).optional()?;
    let Some(found) = found else { return Ok(Removal::NotFound) };
    if version.is_some_and(|version| signed(version) != found) {
        return Ok(Removal::VersionConflict);
    }
    let remove = "UPDATE hookwire_endpoint SET state = 2, record = '' WHERE id = ?1";
    session.execute(remove, [id.as_bytes()])?;
    delete_health(session, id)?;
    Ok(Removal::Removed)
}

const CANCEL_PENDING: &str = "UPDATE hookwire_delivery SET state = 3, finished_at = ?2, fence = fence + 1 WHERE id IN \
     (SELECT id FROM hookwire_delivery WHERE state = 0 AND lane = ?1 LIMIT ?3)";
const CANCEL_HELD: &str = "UPDATE hookwire_delivery SET state = 3, finished_at = ?2, fence = fence + 1, reason = NULL WHERE id IN \
     (SELECT id FROM hookwire_delivery WHERE state = 4 AND lane = ?1 LIMIT ?3)";

/// Cancels a part of the pending and held deliveries of a lane. Returns how many.
pub(super) fn cancel_part(session: &Session<'_>, lane: LaneId, now: Timestamp) -> rusqlite::Result<usize> {
    let (mut cancelled, lane) = (0, lane_column(lane));
    for sql in [CANCEL_PENDING, CANCEL_HELD] {
        cancelled += session.execute(sql, params![lane, now.as_micros(), CANCEL_BATCH])?;
    }
    Ok(cancelled)
}
