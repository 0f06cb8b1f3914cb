//! The history role.

use std::sync::Arc;

use async_trait::async_trait;
use tokio_postgres::types::{ToSql, Type};

use super::PostgresStore;
use super::error::Trouble;
use super::partitions;
use super::rows::{
    DELIVERY_COLUMNS, deliveries, delivery, delivery_id, event, event_columns, get, read_log, time, uuid_of_delivery,
    uuid_of_endpoint,
};
use super::session::{Operation, Param, Session};
use crate::clock::Timestamp;
use crate::delivery::{Attempt, Delivery};
use crate::event::Event;
use crate::id::{DeliveryId, EndpointId, EventId, Tenant};
use crate::store::relational::shown_state;
use crate::store::{Counts, DeliveryQuery, Finished, History, Old, Page, StoreError};

#[async_trait]
impl History for PostgresStore {
    async fn event(&self, tenant: &Tenant, id: &EventId) -> Result<Option<Arc<Event>>, StoreError> {
        let params: [Param<'_>; 2] = [(&tenant.as_str(), Type::TEXT), (&id.as_str(), Type::TEXT)];
        let rows = self.db.query(EVENT, &params).await?;
        rows.first().map(whole_event).transpose().map_err(Trouble::into_store_error)
    }

    async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
        let sql = format!("SELECT {DELIVERY_COLUMNS} {} WHERE d.id = $1", deliveries("hookwire.every_delivery"));
        let rows = self.query_text(&sql, &[(&uuid_of_delivery(id), Type::UUID)]).await?;
        rows.first().map(delivery).transpose().map_err(Trouble::into_store_error)
    }

    async fn deliveries(&self, query: &DeliveryQuery, page: Page) -> Result<Vec<Delivery>, StoreError> {
        let rows = self.find_deliveries(query, page).await?;
        rows.iter().map(delivery).collect::<Result<_, _>>().map_err(Trouble::into_store_error)
    }

    async fn attempts(&self, id: DeliveryId) -> Result<Vec<Attempt>, StoreError> {
        let sql = "SELECT log FROM hookwire.every_delivery WHERE id = $1";
        let rows = self.db.query(sql, &[(&uuid_of_delivery(id), Type::UUID)]).await?;
        let read = |row| get::<&str>(row, "log").and_then(read_log);
        Ok(rows.first().map(read).transpose().map_err(Trouble::into_store_error)?.unwrap_or_default())
    }

    async fn counts(&self, endpoint: Option<EndpointId>) -> Result<Counts, StoreError> {
        let rows = match endpoint.map(uuid_of_endpoint) {
            None => self.db.query(COUNTS, &[]).await?,
            Some(endpoint) => self.db.query(COUNTS_OF, &[(&endpoint, Type::UUID)]).await?,
        };
        let mut counts = Counts::default();
        for row in &rows {
            let read = || Ok((shown_state(get(row, "state")?, get(row, "endpoint_state")?), get::<i64>(row, "count")?));
            let (state, count) = read().map_err(Trouble::into_store_error)?;
            counts.add(state, u64::try_from(count).unwrap_or(0));
        }
        Ok(counts)
    }

    async fn prune(&self, old: Old, limit: u32) -> Result<u64, StoreError> {
        partitions::keep_up(&self.db, old.work).await?;
        self.db.transact(Pruning { old, limit: limit.into() }).await
    }

    async fn shed(&self, after: Finished, before: Timestamp, limit: u32) -> Result<Option<Finished>, StoreError> {
        self.db.transact(Shedding { after, before, limit: limit.into() }).await
    }
}

/// By the publish key, which is unique and indexed.
const EVENT: &str = concat!(
    "SELECT k.fingerprint, ",
    event_columns!(),
    " FROM hookwire.publish k JOIN hookwire.event e ON e.key = k.event WHERE k.tenant = $1 AND k.id = $2"
);

fn whole_event(row: &tokio_postgres::Row) -> Result<Arc<Event>, Trouble> {
    let mut event = event(row)?;
    let print = get::<Option<&[u8]>>(row, "fingerprint")?;
    event.fingerprint = print.map(|print| print.try_into().map_err(Trouble::unreadable)).transpose()?;
    Ok(Arc::new(event))
}

const COUNTS: &str = "SELECT d.state, n.state AS endpoint_state, count(*) AS count FROM hookwire.every_delivery d \
     LEFT JOIN hookwire.endpoint n ON n.id = d.endpoint GROUP BY d.state, n.state";
const COUNTS_OF: &str = "SELECT d.state, n.state AS endpoint_state, count(*) AS count FROM hookwire.every_delivery d \
     LEFT JOIN hookwire.endpoint n ON n.id = d.endpoint WHERE d.endpoint = $1 GROUP BY d.state, n.state";

impl PostgresStore {
    pub(super) async fn query_text(
        &self,
        sql: &str,
        params: &[Param<'_>],
    ) -> Result<Vec<tokio_postgres::Row>, StoreError> {
        let session = self.db.session().await.map_err(Trouble::into_store_error)?;
        let sql = self.db.schema.apply(sql);
        session.query_text(&sql, params).await.map_err(Trouble::into_store_error)
    }
}

// Whole days go with their partitions. Row by row goes only what was made outside of the days that had one.
const PRUNE_DELIVERIES: &str = "DELETE FROM hookwire.finished_rest WHERE id IN \
     (SELECT id FROM hookwire.finished_rest WHERE finished_at < $1 ORDER BY finished_at LIMIT $2) RETURNING id";

const PRUNE_EVENTS: &str = "DELETE FROM hookwire.event_rest WHERE key IN (SELECT e.key FROM hookwire.event_rest e \
     WHERE e.appended_at < $1 AND NOT EXISTS (SELECT 1 FROM hookwire.delivery d WHERE d.event = e.key) \
     AND NOT EXISTS (SELECT 1 FROM hookwire.finished f WHERE f.event = e.key) ORDER BY e.key LIMIT $2) RETURNING key";

const PRUNE_KEYS: &str = "DELETE FROM hookwire.publish WHERE (tenant, id) IN (SELECT k.tenant, k.id FROM hookwire.publish k \
     WHERE k.appended_at < $1 AND NOT EXISTS (SELECT 1 FROM hookwire.event e WHERE e.key = k.event) \
     ORDER BY k.appended_at LIMIT $2) RETURNING event";

struct Pruning {
    old: Old,
    limit: i64,
}

impl Operation for Pruning {
    type Answer = u64;

    async fn run(&self, session: &Session<'_>) -> Result<u64, Trouble> {
        let limit = (&self.limit as &(dyn ToSql + Sync), Type::INT8);
        let (work, keys) = (self.old.work.as_micros(), self.old.keys.as_micros());
        let deliveries = session.query(PRUNE_DELIVERIES, &[(&work, Type::INT8), limit.clone()]).await?;
        let events = session.query(PRUNE_EVENTS, &[(&work, Type::INT8), limit.clone()]).await?;
        let keys = session.query(PRUNE_KEYS, &[(&keys, Type::INT8), limit]).await?;
        Ok(deliveries.len().max(events.len()).max(keys.len()) as u64)
    }
}

const SHED: &str = "SELECT finished_at, id, event FROM hookwire.finished WHERE (finished_at, id) > ($1, $2) \
     AND finished_at < $3 ORDER BY finished_at, id LIMIT $4";

const FORGET: &str = "UPDATE hookwire.event SET expunged = true, body = '' WHERE key = ANY($1) AND NOT expunged \
     AND NOT EXISTS (SELECT 1 FROM hookwire.delivery d WHERE d.event = key)";

struct Shedding {
    after: Finished,
    before: Timestamp,
    limit: i64,
}

impl Operation for Shedding {
    type Answer = Option<Finished>;

    async fn run(&self, session: &Session<'_>) -> Result<Option<Finished>, Trouble> {
        let (at, id) = self.after;
        let params: [Param<'_>; 4] = [
            (&at.as_micros(), Type::INT8),
            (&uuid_of_delivery(id), Type::UUID),
            (&self.before.as_micros(), Type::INT8),
            (&self.limit, Type::INT8),
        ];
        let rows = session.query(SHED, &params).await?;
        let events = rows.iter().map(|row| get(row, "event")).collect::<Result<Vec<i64>, _>>()?;
        session.query(FORGET, &[(&events, Type::INT8_ARRAY)]).await?;
        let full = rows.len() as u64 == u64::try_from(self.limit).unwrap_or(u64::MAX);
        let last = rows.last().filter(|_| full);
        last.map(|row| Ok((time(row, "finished_at")?, delivery_id(row, "id")?))).transpose()
    }
}
