//! The directory role.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::PostgresStore;
use super::error::Trouble;
use super::records::{Vault, endpoint, endpoints, find_endpoint, write_endpoint};
use super::rows::{endpoint_id, get, uuid_of_endpoint};
use super::session::{LISTING, Operation, Session};
use super::settle::write_health;
use crate::clock::Timestamp;
use crate::endpoint::{Endpoint, EndpointRecord};
use crate::id::{EndpointId, Tenant};
use crate::store::relational::{DISABLED, lane_column, succeeds};
use crate::store::{Directory, Put, StoreError};

/// Deliveries cancelled in one transaction, so that nobody waits long behind a removal.
const CANCEL_BATCH: i64 = 1_000;

/// Endpoints sealed anew in one transaction.
const RESEAL_BATCH: i64 = 100;

#[async_trait]
impl Directory for PostgresStore {
    async fn put(&self, endpoint: Endpoint) -> Result<Put, StoreError> {
        self.db.transact(Putting { endpoint, vault: self.vault.clone() }).await
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
            let rows = list(&session, tenant, after, limit).await?;
            if !rows.is_empty() {
                return Ok(rows);
            }
            // A tenant without endpoints is owed nothing, so this has to be true.
            self.db.check_identity(&session).await?;
            list(&session, tenant, after, limit).await
        };
        let read = list.await.and_then(|rows| rows.iter().map(|row| endpoint(row, &self.vault)).collect());
        read.map_err(Trouble::into_store_error)
    }

    async fn of_tenant(&self, tenant: &Tenant) -> Result<Vec<Arc<Endpoint>>, StoreError> {
        self.list(Some(tenant), None, u32::MAX).await
    }

    async fn remove(&self, id: EndpointId, now: Timestamp) -> Result<bool, StoreError> {
        let removed = self.db.transact(Burying(id)).await?;
        // From here on nothing is claimed; what is owed reads as cancelled already, and is made so piece by piece.
        while removed && self.db.transact(CancelSome { endpoint: id, now }).await? > 0 {}
        Ok(removed)
    }
}

const LIST: &str = endpoints!("WHERE n.state < 2 AND n.id > $1 ORDER BY n.id LIMIT $2");
const LIST_OF: &str = endpoints!("WHERE n.state < 2 AND n.id > $1 AND n.tenant = $3 ORDER BY n.id LIMIT $2");

async fn list(
    session: &Session<'_>,
    tenant: Option<&Tenant>,
    after: Option<EndpointId>,
    limit: u32,
) -> Result<Vec<tokio_postgres::Row>, Trouble> {
    let after = after.map_or(Uuid::nil(), uuid_of_endpoint);
    let limit = i64::from(limit);
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
    vault: Vault,
}

impl Operation for Putting {
    type Answer = Put;

    async fn run(&self, session: &Session<'_>) -> Result<Put, Trouble> {
        let Self { endpoint, vault } = self;
        // Two who put the same endpoint for the first time have no row to lock.
        let id = uuid_of_endpoint(endpoint.id);
        let lock = "SELECT pg_advisory_xact_lock(hashtextextended($1::text, 1))";
        session.query(lock, &[(&id, Type::UUID)]).await?;
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

async fn forgive(session: &Session<'_>, vault: &Vault, id: EndpointId) -> Result<(), Trouble> {
    let before = find_endpoint(session, vault, id, true).await?;
    let Some(before) = before else { return Ok(()) };
    write_health(session, &BTreeMap::from([(id, before.health.forgiven())])).await
}

/// Removed, and its keys forgotten. The row stays, so that nothing owed to it is ever sent.
struct Burying(EndpointId);

impl Operation for Burying {
    type Answer = bool;

    async fn run(&self, session: &Session<'_>) -> Result<bool, Trouble> {
        let id = uuid_of_endpoint(self.0);
        session.query("DELETE FROM hookwire.health WHERE endpoint = $1", &[(&id, Type::UUID)]).await?;
        let bury = "UPDATE hookwire.endpoint SET state = 2, record = '' WHERE id = $1 AND state < 2 RETURNING id";
        let buried = !session.query(bury, &[(&id, Type::UUID)]).await?.is_empty();
        if !buried {
            session.witness().await?;
        }
        Ok(buried)
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
    /// nothing can be opened and nothing is changed. Answers how many were sealed. Afterwards the older keys can go, once no
    /// other process seals with them.
    ///
    /// # Errors
    /// When an endpoint cannot be opened or sealed, or the store is in trouble; those before it are sealed then.
    pub async fn reseal(&self) -> Result<u64, StoreError> {
        let (mut count, mut after) = (0, Some(Uuid::nil()));
        while let Some(from) = after {
            let page = self.db.transact(Resealing { after: from, vault: self.vault.clone() }).await?;
            count += page.0;
            after = page.1;
        }
        Ok(count)
    }
}

struct Resealing {
    after: Uuid,
    vault: Vault,
}

impl Operation for Resealing {
    /// How many were sealed, and the last one looked at; `None` when all have been.
    type Answer = (u64, Option<Uuid>);

    const PATIENCE: u32 = LISTING;

    async fn run(&self, session: &Session<'_>) -> Result<Self::Answer, Trouble> {
        let sql =
            "SELECT id, record FROM hookwire.endpoint WHERE state < 2 AND id > $1 ORDER BY id LIMIT $2 FOR UPDATE";
        let rows = session.query(sql, &[(&self.after, Type::UUID), (&RESEAL_BATCH, Type::INT8)]).await?;
        let mut sealed = 0;
        for row in &rows {
            let record: EndpointRecord = serde_json::from_str(get(row, "record")?).map_err(Trouble::unreadable)?;
            if self.vault.is_none() || record.is_sealed_as(self.vault.as_deref()) {
                continue;
            }
            let id = endpoint_id(row, "id")?;
            if let Some(endpoint) = find_endpoint(session, &self.vault, id, true).await? {
                write_endpoint(session, &self.vault, &endpoint).await?;
                sealed += 1;
            }
        }
        Ok((sealed, rows.last().map(|row| get(row, "id")).transpose()?))
    }
}
