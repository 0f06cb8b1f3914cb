//! The directory role.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::PostgresStore;
use super::error::StoreFailure;
use super::records::{KeySealer, endpoint, endpoints, find_endpoint, write_endpoint};
use super::rows::{endpoint_id, get, signed, uuid_of_endpoint};
use super::session::{LONG_CALL, Operation, Param, Session};
use super::settle::write_health;
use crate::clock::Timestamp;
use crate::endpoint::{Endpoint, EndpointRecord};
use crate::id::{EndpointId, Tenant};
use crate::store::relational::leave_out;
use crate::store::sql::{DISABLED, is_next_version, lane_column};
use crate::store::{Directory, PutResult, Removal, Resealed, StoreError};

/// The number of deliveries that are cancelled in one transaction, so that other calls never wait long for a removal.
const CANCEL_BATCH: i64 = 1_000;

/// The number of endpoints that are sealed in one transaction.
const RESEAL_BATCH: i64 = 100;

#[async_trait]
impl Directory for PostgresStore {
    async fn put(&self, endpoint: Endpoint) -> Result<PutResult, StoreError> {
        self.store(endpoint, None).await
    }

    async fn create(&self, endpoint: Endpoint, limit: u32) -> Result<PutResult, StoreError> {
        self.store(endpoint, Some(limit)).await
    }

    async fn get(&self, id: EndpointId) -> Result<Option<Arc<Endpoint>>, StoreError> {
        let find = async {
            let session = self.db.session().await?;
            let found = find_endpoint(&session, &self.sealer, id, false).await?;
            if found.is_some() {
                return Ok(found);
            }
            self.db.check_identity(&session).await?;
            find_endpoint(&session, &self.sealer, id, false).await
        };
        find.await.map_err(StoreFailure::into_store_error)
    }

    async fn list(
        &self,
        tenant: Option<&Tenant>,
        after: Option<EndpointId>,
        limit: u32,
    ) -> Result<Vec<Arc<Endpoint>>, StoreError> {
        let list = async {
            let session = self.db.session_for(LONG_CALL).await?;
            let found = self.readable(&session, tenant, after, limit).await?;
            if !found.is_empty() {
                return Ok(found);
            }
            // An event of a tenant without endpoints gets no deliveries, so an empty list must be correct.
            self.db.check_identity(&session).await?;
            self.readable(&session, tenant, after, limit).await
        };
        list.await.map_err(StoreFailure::into_store_error)
    }

    async fn of_tenant(&self, tenant: &Tenant) -> Result<Vec<Arc<Endpoint>>, StoreError> {
        self.list(Some(tenant), None, u32::MAX).await
    }

    async fn remove(&self, id: EndpointId, version: Option<u64>, now: Timestamp) -> Result<Removal, StoreError> {
        let removal = self.db.transact(Removing { id, version }).await?;
        let removed = removal == Removal::Removed;
        // From here on no delivery is claimed, and history shows the pending ones as cancelled. They are cancelled in batches.
        while removed && self.db.transact(CancelSome { endpoint: id, now }).await? > 0 {}
        Ok(removal)
    }
}

impl PostgresStore {
    async fn store(&self, endpoint: Endpoint, most: Option<u32>) -> Result<PutResult, StoreError> {
        let (id, is_new) = (endpoint.id, endpoint.version == 1);
        let stored = self.db.transact(Putting { endpoint, most, sealer: self.sealer.clone() }).await;
        if is_new {
            // The stored health is empty now, so the cached one must not hide the next success.
            self.health_cache.forget(id);
        } else if matches!(stored, Ok(PutResult::Stored)) {
            // Deliveries that were held may be due now.
            self.notifier.notify();
        }
        stored
    }

    /// Returns readable endpoints. Unreadable ones are replaced by the following ones, because a page that is not full is the last one.
    async fn readable(
        &self,
        session: &Session<'_>,
        tenant: Option<&Tenant>,
        after: Option<EndpointId>,
        limit: u32,
    ) -> Result<Vec<Arc<Endpoint>>, StoreFailure> {
        let (mut endpoints, mut after) = (Vec::new(), after.map_or(Uuid::nil(), uuid_of_endpoint));
        loop {
            let left = i64::from(limit) - i64::try_from(endpoints.len()).unwrap_or(i64::MAX);
            let rows = list(session, tenant, after, left).await?;
            for row in &rows {
                after = get(row, "id")?;
                match endpoint(row, &self.sealer) {
                    Ok(endpoint) => endpoints.push(endpoint),
                    Err(error) => leave_out(&EndpointId::from_bytes(*after.as_bytes()), &error),
                }
            }
            if endpoints.len() >= limit as usize || i64::try_from(rows.len()).unwrap_or(i64::MAX) < left {
                return Ok(endpoints);
            }
        }
    }
}

const LIST: &str = endpoints!("WHERE n.state < 2 AND n.id > $1 ORDER BY n.id LIMIT $2");
const LIST_OF: &str = endpoints!("WHERE n.state < 2 AND n.id > $1 AND n.tenant = $3 ORDER BY n.id LIMIT $2");

async fn list(
    session: &Session<'_>,
    tenant: Option<&Tenant>,
    after: Uuid,
    limit: i64,
) -> Result<Vec<Row>, StoreFailure> {
    match tenant {
        None => session.query(LIST, &[(&after, Type::UUID), (&limit, Type::INT8)]).await,
        Some(tenant) => {
            let of = tenant.as_str();
            session.query(LIST_OF, &[(&after, Type::UUID), (&limit, Type::INT8), (&of, Type::TEXT)]).await
        }
    }
}

struct Putting {
    endpoint: Endpoint,
    /// The limit of live endpoints of the tenant, for a new endpoint.
    most: Option<u32>,
    sealer: KeySealer,
}

impl Operation for Putting {
    type Answer = PutResult;

    async fn run(&self, session: &Session<'_>) -> Result<PutResult, StoreFailure> {
        let Self { endpoint, most, sealer } = self;
        if let Some(most) = most
            && live_of(session, &endpoint.tenant).await? >= i64::from(*most)
        {
            return Ok(PutResult::TooMany);
        }
        // Two calls that put the same new endpoint have no row to lock.
        let id = uuid_of_endpoint(endpoint.id);
        let lock = "SELECT pg_advisory_xact_lock(hashtextextended($1 || $2::text, 1))";
        session.query(lock, &[(&session.lock_name(), Type::TEXT), (&id, Type::UUID)]).await?;
        let find = "SELECT version, state, tenant FROM hookwire.endpoint WHERE id = $1 FOR UPDATE";
        let rows = session.query(find, &[(&id, Type::UUID)]).await?;
        let found =
            rows.first().map(|row| Ok::<_, StoreFailure>((get::<i64>(row, "version")?, get::<i16>(row, "state")?)));
        let found = found.transpose()?;
        if !is_next_version(endpoint.version, found) {
            return Ok(PutResult::VersionConflict);
        }
        if let Some(row) = rows.first()
            && get::<&str>(row, "tenant")? != endpoint.tenant.as_str()
        {
            return Err(StoreFailure::OtherTenant);
        }
        if endpoint.is_enabled() && found.is_some_and(|(_, state)| state == DISABLED) {
            forgive(session, sealer, endpoint.id).await?;
        }
        if found.is_none() {
            // Attempts may have been settled under this id before the endpoint was stored.
            delete_health(session, endpoint.id).await?;
        }
        write_endpoint(session, sealer, endpoint).await?;
        Ok(PutResult::Stored)
    }
}

/// The number of live endpoints of a tenant. No other transaction adds an endpoint to this tenant before this one ends.
async fn live_of(session: &Session<'_>, tenant: &Tenant) -> Result<i64, StoreFailure> {
    let of: Param<'_> = (&tenant.as_str(), Type::TEXT);
    let lock = "SELECT pg_advisory_xact_lock(hashtextextended($1 || $2, 2))";
    session.query(lock, &[(&session.lock_name(), Type::TEXT), of.clone()]).await?;
    let count = "SELECT count(*) AS live FROM hookwire.endpoint WHERE tenant = $1 AND state < 2";
    session.query(count, &[of]).await?.first().map_or(Ok(0), |row| get(row, "live"))
}

async fn forgive(session: &Session<'_>, sealer: &KeySealer, id: EndpointId) -> Result<(), StoreFailure> {
    let before = find_endpoint(session, sealer, id, true).await?;
    let Some(before) = before else { return Ok(()) };
    write_health(session, &BTreeMap::from([(id, before.health.cleared())])).await
}

async fn delete_health(session: &Session<'_>, id: EndpointId) -> Result<(), StoreFailure> {
    let id: [Param<'_>; 1] = [(&uuid_of_endpoint(id), Type::UUID)];
    session.query("DELETE FROM hookwire.health WHERE endpoint = $1", &id).await?;
    Ok(())
}

/// Removes an endpoint and deletes its keys. The row remains, so that no delivery to it is ever sent.
struct Removing {
    id: EndpointId,
    version: Option<u64>,
}

impl Operation for Removing {
    type Answer = Removal;

    async fn run(&self, session: &Session<'_>) -> Result<Removal, StoreFailure> {
        let id: [Param<'_>; 1] = [(&uuid_of_endpoint(self.id), Type::UUID)];
        let find = "SELECT version FROM hookwire.endpoint WHERE id = $1 AND state < 2 FOR UPDATE";
        let rows = session.query(find, &id).await?;
        let Some(row) = rows.first() else {
            session.wait_for_replication().await?;
            return Ok(Removal::NotFound);
        };
        let found: i64 = get(row, "version")?;
        if self.version.is_some_and(|version| signed(version) != found) {
            session.wait_for_replication().await?;
            return Ok(Removal::VersionConflict);
        }
        delete_health(session, self.id).await?;
        session.query("UPDATE hookwire.endpoint SET state = 2, record = '' WHERE id = $1", &id).await?;
        Ok(Removal::Removed)
    }
}

const CANCEL: &str = "WITH gone AS (DELETE FROM hookwire.delivery WHERE id IN \
     (SELECT id FROM hookwire.delivery WHERE lane = $1 LIMIT $2 FOR UPDATE SKIP LOCKED) RETURNING *) \
     INSERT INTO hookwire.finished (id, event, lane, state, due, fence, attempts, created_at, order_key, finished_at, \
     reason, log) SELECT id, event, lane, 3, due, fence + 1, attempts, created_at, order_key, $3, NULL, log FROM gone \
     RETURNING id";

/// Cancels a part of the deliveries to a removed endpoint. Returns how many.
pub(super) struct CancelSome {
    pub(super) endpoint: EndpointId,
    pub(super) now: Timestamp,
}

impl Operation for CancelSome {
    type Answer = usize;

    async fn run(&self, session: &Session<'_>) -> Result<usize, StoreFailure> {
        let (lane, now) = (lane_column(self.endpoint.into()), self.now.as_micros());
        let rows =
            session.query(CANCEL, &[(&lane, Type::BYTEA), (&CANCEL_BATCH, Type::INT8), (&now, Type::INT8)]).await?;
        Ok(rows.len())
    }
}

impl PostgresStore {
    /// Seals every endpoint again, with the provider's current key, if its secrets are stored in the clear or sealed with another key.
    /// Without a provider nothing can be opened and nothing is changed. An endpoint whose row is unreadable, or that no key opens, is left
    /// unchanged and returned. Afterwards the older keys can be deleted, once no other process seals with them and no endpoint was left
    /// unchanged.
    ///
    /// The server keeps the earlier rows in its pages until `VACUUM FULL hookwire.endpoint` has rewritten them, and in its log, standbys
    /// and backups as long as it keeps those.
    ///
    /// # Errors
    /// Returns an error if the provider cannot seal, or if the store fails. Endpoints before the failure are sealed then.
    pub async fn reseal(&self) -> Result<Resealed, StoreError> {
        let (mut all, mut after) = (Resealed::default(), Some(Uuid::nil()));
        while let Some(from) = after {
            let (page, last) = self.db.transact(Resealing { after: from, sealer: self.sealer.clone() }).await?;
            all.sealed += page.sealed;
            all.left.extend(page.left);
            after = last;
        }
        Ok(all)
    }
}

struct Resealing {
    after: Uuid,
    sealer: KeySealer,
}

impl Operation for Resealing {
    /// The result of a page and the id of its last row, which is `None` if the page was empty.
    type Answer = (Resealed, Option<Uuid>);

    const TIME_FACTOR: u32 = LONG_CALL;

    async fn run(&self, session: &Session<'_>) -> Result<Self::Answer, StoreFailure> {
        let sql =
            "SELECT id, record FROM hookwire.endpoint WHERE state < 2 AND id > $1 ORDER BY id LIMIT $2 FOR UPDATE";
        let rows = session.query(sql, &[(&self.after, Type::UUID), (&RESEAL_BATCH, Type::INT8)]).await?;
        let mut page = Resealed::default();
        for row in &rows {
            let id = endpoint_id(row, "id")?;
            match self.one(session, id, get(row, "record")?).await {
                Ok(sealed) => page.sealed += u64::from(sealed),
                Err(error @ StoreFailure::Unreadable(_)) => {
                    leave_out(&id, &error);
                    page.left.push(id);
                }
                Err(error) => return Err(error),
            }
        }
        Ok((page, rows.last().map(|row| get(row, "id")).transpose()?))
    }
}

impl Resealing {
    async fn one(&self, session: &Session<'_>, id: EndpointId, record: &str) -> Result<bool, StoreFailure> {
        let record: EndpointRecord = serde_json::from_str(record).map_err(StoreFailure::unreadable)?;
        if self.sealer.is_none() || record.is_sealed_with(self.sealer.as_deref()) {
            return Ok(false);
        }
        let Some(endpoint) = find_endpoint(session, &self.sealer, id, true).await? else { return Ok(false) };
        write_endpoint(session, &self.sealer, &endpoint).await?;
        Ok(true)
    }
}
