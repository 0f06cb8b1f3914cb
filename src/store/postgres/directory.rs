//! The directory role.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::PostgresStore;
use super::error::Trouble;
use super::records::{Vault, endpoint, endpoints, find_endpoint, write_endpoint};
use super::rows::{endpoint_id, get, signed, uuid_of_endpoint};
use super::session::{LISTING, Operation, Param, Session};
use super::settle::write_health;
use crate::clock::Timestamp;
use crate::endpoint::{Endpoint, EndpointRecord};
use crate::id::{EndpointId, Tenant};
use crate::store::relational::{DISABLED, lane_column, leave_out, succeeds};
use crate::store::{Directory, Put, Removal, Resealed, StoreError};

/// Deliveries cancelled in one transaction, so that nobody waits long behind a removal.
const CANCEL_BATCH: i64 = 1_000;

/// Endpoints sealed anew in one transaction.
const RESEAL_BATCH: i64 = 100;

#[async_trait]
impl Directory for PostgresStore {
    async fn put(&self, endpoint: Endpoint) -> Result<Put, StoreError> {
        self.db.transact(Putting { endpoint, most: None, vault: self.vault.clone() }).await
    }

    async fn create(&self, endpoint: Endpoint, most: u32) -> Result<Put, StoreError> {
        self.db.transact(Putting { endpoint, most: Some(most), vault: self.vault.clone() }).await
    }

    async fn get(&self, id: EndpointId) -> Result<Option<Arc<Endpoint>>, StoreError> {
        let find = async {
            let session = self.db.session().await?;
            let found = find_endpoint(&session, &self.vault, id, false).await?;
            if found.is_some() {
                return Ok(found);
            }
            self.db.check_identity(&session).await?;
            find_endpoint(&session, &self.vault, id, false).await
        };
        find.await.map_err(Trouble::into_store_error)
    }

    async fn list(
        &self,
        tenant: Option<&Tenant>,
        after: Option<EndpointId>,
        limit: u32,
    ) -> Result<Vec<Arc<Endpoint>>, StoreError> {
        let list = async {
            let session = self.db.session_for(LISTING).await?;
            let found = self.readable(&session, tenant, after, limit).await?;
            if !found.is_empty() {
                return Ok(found);
            }
            // A tenant without endpoints is owed nothing, so this has to be true.
            self.db.check_identity(&session).await?;
            self.readable(&session, tenant, after, limit).await
        };
        list.await.map_err(Trouble::into_store_error)
    }

    async fn of_tenant(&self, tenant: &Tenant) -> Result<Vec<Arc<Endpoint>>, StoreError> {
        self.list(Some(tenant), None, u32::MAX).await
    }

    async fn remove(&self, id: EndpointId, version: Option<u64>, now: Timestamp) -> Result<Removal, StoreError> {
        let removal = self.db.transact(Burying { id, version }).await?;
        let removed = removal == Removal::Removed;
        // From here on nothing is claimed; what is owed reads as cancelled already, and is made so piece by piece.
        while removed && self.db.transact(CancelSome { endpoint: id, now }).await? > 0 {}
        Ok(removal)
    }
}

impl PostgresStore {
    /// Endpoints that read. Those that do not are made up for, because a page that is not full is the last one.
    async fn readable(
        &self,
        session: &Session<'_>,
        tenant: Option<&Tenant>,
        after: Option<EndpointId>,
        limit: u32,
    ) -> Result<Vec<Arc<Endpoint>>, Trouble> {
        let (mut endpoints, mut after) = (Vec::new(), after.map_or(Uuid::nil(), uuid_of_endpoint));
        loop {
            let left = i64::from(limit) - i64::try_from(endpoints.len()).unwrap_or(i64::MAX);
            let rows = list(session, tenant, after, left).await?;
            for row in &rows {
                after = get(row, "id")?;
                match endpoint(row, &self.vault) {
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

async fn list(session: &Session<'_>, tenant: Option<&Tenant>, after: Uuid, limit: i64) -> Result<Vec<Row>, Trouble> {
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
    /// How many live endpoints its tenant may have, where it is a new one.
    most: Option<u32>,
    vault: Vault,
}

impl Operation for Putting {
    type Answer = Put;

    async fn run(&self, session: &Session<'_>) -> Result<Put, Trouble> {
        let Self { endpoint, most, vault } = self;
        if let Some(most) = most
            && live_of(session, &endpoint.tenant).await? >= i64::from(*most)
        {
            return Ok(Put::TooMany);
        }
        // Two who put the same endpoint for the first time have no row to lock.
        let id = uuid_of_endpoint(endpoint.id);
        let lock = "SELECT pg_advisory_xact_lock(hashtextextended($1 || $2::text, 1))";
        session.query(lock, &[(&session.lock_name(), Type::TEXT), (&id, Type::UUID)]).await?;
        let find = "SELECT version, state FROM hookwire.endpoint WHERE id = $1 FOR UPDATE";
        let rows = session.query(find, &[(&id, Type::UUID)]).await?;
        let found = rows.first().map(|row| Ok::<_, Trouble>((get::<i64>(row, "version")?, get::<i16>(row, "state")?)));
        let found = found.transpose()?;
        if !succeeds(endpoint.version, found) {
            return Ok(Put::VersionConflict);
        }
        if endpoint.is_enabled() && found.is_some_and(|(_, state)| state == DISABLED) {
            forgive(session, vault, endpoint.id).await?;
        }
        write_endpoint(session, vault, endpoint).await?;
        Ok(Put::Stored)
    }
}

/// How many live endpoints a tenant has. Nobody else makes one for it before the transaction ends.
async fn live_of(session: &Session<'_>, tenant: &Tenant) -> Result<i64, Trouble> {
    let of: Param<'_> = (&tenant.as_str(), Type::TEXT);
    let lock = "SELECT pg_advisory_xact_lock(hashtextextended($1 || $2, 2))";
    session.query(lock, &[(&session.lock_name(), Type::TEXT), of.clone()]).await?;
    let count = "SELECT count(*) AS live FROM hookwire.endpoint WHERE tenant = $1 AND state < 2";
    session.query(count, &[of]).await?.first().map_or(Ok(0), |row| get(row, "live"))
}

async fn forgive(session: &Session<'_>, vault: &Vault, id: EndpointId) -> Result<(), Trouble> {
    let before = find_endpoint(session, vault, id, true).await?;
    let Some(before) = before else { return Ok(()) };
    write_health(session, &BTreeMap::from([(id, before.health.forgiven())])).await
}

/// Removed, and its keys forgotten. The row stays, so that nothing owed to it is ever sent.
struct Burying {
    id: EndpointId,
    version: Option<u64>,
}

impl Operation for Burying {
    type Answer = Removal;

    async fn run(&self, session: &Session<'_>) -> Result<Removal, Trouble> {
        let id: [Param<'_>; 1] = [(&uuid_of_endpoint(self.id), Type::UUID)];
        let find = "SELECT version FROM hookwire.endpoint WHERE id = $1 AND state < 2 FOR UPDATE";
        let rows = session.query(find, &id).await?;
        let Some(row) = rows.first() else {
            session.witness().await?;
            return Ok(Removal::NotFound);
        };
        let found: i64 = get(row, "version")?;
        if self.version.is_some_and(|version| signed(version) != found) {
            session.witness().await?;
            return Ok(Removal::VersionConflict);
        }
        session.query("DELETE FROM hookwire.health WHERE endpoint = $1", &id).await?;
        session.query("UPDATE hookwire.endpoint SET state = 2, record = '' WHERE id = $1", &id).await?;
        Ok(Removal::Removed)
    }
}

const CANCEL: &str = "WITH gone AS (DELETE FROM hookwire.delivery WHERE id IN \
     (SELECT id FROM hookwire.delivery WHERE lane = $1 LIMIT $2 FOR UPDATE SKIP LOCKED) RETURNING *) \
     INSERT INTO hookwire.finished (id, event, lane, state, due, fence, attempts, created_at, order_key, finished_at, \
     reason, log) SELECT id, event, lane, 3, due, fence + 1, attempts, created_at, order_key, $3, reason, log FROM gone \
     RETURNING id";

/// Cancels a part of what a removed endpoint is owed; how much.
pub(super) struct CancelSome {
    pub(super) endpoint: EndpointId,
    pub(super) now: Timestamp,
}

impl Operation for CancelSome {
    type Answer = usize;

    async fn run(&self, session: &Session<'_>) -> Result<usize, Trouble> {
        let (lane, now) = (lane_column(self.endpoint.into()), self.now.as_micros());
        let rows =
            session.query(CANCEL, &[(&lane, Type::BYTEA), (&CANCEL_BATCH, Type::INT8), (&now, Type::INT8)]).await?;
        Ok(rows.len())
    }
}

impl PostgresStore {
    /// Seals anew, with the provider's current key, every endpoint that is in the clear or sealed by another; with no provider,
    /// nothing can be opened and nothing is changed. What does not read, or cannot be opened, is left as it is and named. Afterwards the
    /// older keys can go, once no other process seals with them and nothing was left.
    ///
    /// The server keeps the rows as they were before in its pages until `VACUUM FULL hookwire.endpoint` has written them anew, and in its
    /// log, standbys and backups for as long as it keeps those.
    ///
    /// # Errors
    /// When the provider cannot seal, or the store is in trouble; those before it are sealed then.
    pub async fn reseal(&self) -> Result<Resealed, StoreError> {
        let (mut all, mut after) = (Resealed::default(), Some(Uuid::nil()));
        while let Some(from) = after {
            let (page, last) = self.db.transact(Resealing { after: from, vault: self.vault.clone() }).await?;
            all.sealed += page.sealed;
            all.left.extend(page.left);
            after = last;
        }
        Ok(all)
    }
}

struct Resealing {
    after: Uuid,
    vault: Vault,
}

impl Operation for Resealing {
    /// What became of a page, and its last row; `None` when there was none.
    type Answer = (Resealed, Option<Uuid>);

    const PATIENCE: u32 = LISTING;

    async fn run(&self, session: &Session<'_>) -> Result<Self::Answer, Trouble> {
        let sql =
            "SELECT id, record FROM hookwire.endpoint WHERE state < 2 AND id > $1 ORDER BY id LIMIT $2 FOR UPDATE";
        let rows = session.query(sql, &[(&self.after, Type::UUID), (&RESEAL_BATCH, Type::INT8)]).await?;
        let mut page = Resealed::default();
        for row in &rows {
            let id = endpoint_id(row, "id")?;
            match self.one(session, id, get(row, "record")?).await {
                Ok(sealed) => page.sealed += u64::from(sealed),
                Err(error @ Trouble::Unreadable(_)) => {
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
    async fn one(&self, session: &Session<'_>, id: EndpointId, record: &str) -> Result<bool, Trouble> {
        let record: EndpointRecord = serde_json::from_str(record).map_err(Trouble::unreadable)?;
        if self.vault.is_none() || record.is_sealed_as(self.vault.as_deref()) {
            return Ok(false);
        }
        let Some(endpoint) = find_endpoint(session, &self.vault, id, true).await? else { return Ok(false) };
        write_endpoint(session, &self.vault, &endpoint).await?;
        Ok(true)
    }
}
