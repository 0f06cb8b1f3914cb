//! The history role.

use std::sync::Arc;

use async_trait::async_trait;
use tokio_postgres::types::{ToSql, Type};

use super::PostgresStore;
use super::error::Trouble;
use super::partitions;
use super::rows::{
    DELIVERY_COLUMNS, deliveries, delivery, delivery_id, endpoint_of, event, event_columns, get, read_log, time,
    uuid_of_delivery,
};
use super::session::{LISTING, Operation, Param, Session};
use crate::clock::Timestamp;
use crate::delivery::{Attempt, Delivery};
use crate::event::Event;
use crate::id::{DeliveryId, EventId, LaneId, Tenant, Work};
use crate::store::relational::{events_of, keys_of, lane_column, lanes_of, publish_key, shown_state};
use crate::store::{Counts, DeliveryQuery, Finished, History, Old, Page, StoreError};

#[async_trait]
impl History for PostgresStore {
    async fn event(&self, work: Work, tenant: &Tenant, id: &EventId) -> Result<Option<Arc<Event>>, StoreError> {
        let params: [Param<'_>; 2] = [(&tenant.as_str(), Type::TEXT), (&publish_key(work, id), Type::TEXT)];
        let rows = self.db.query(EVENT, &params).await?;
        rows.first().map(whole_event).transpose().map_err(Trouble::into_store_error)
    }

    async fn delivery(&self, work: Work, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
        let (from, of_work) = (deliveries("hookwire.every_delivery"), lanes_of!("d.lane", work));
        let sql = format!("SELECT {DELIVERY_COLUMNS} {from} WHERE d.id = $1 AND {of_work}");
        let rows = self.query_text(&sql, &[(&uuid_of_delivery(id), Type::UUID)]).await?;
        rows.first().map(delivery).transpose().map_err(Trouble::into_store_error)
    }

    async fn deliveries(&self, query: &DeliveryQuery, page: Page) -> Result<Vec<Delivery>, StoreError> {
        let rows = self.find_deliveries(query, page).await?;
        rows.iter().map(delivery).collect::<Result<_, _>>().map_err(Trouble::into_store_error)
    }

    async fn attempts(&self, work: Work, id: DeliveryId) -> Result<Vec<Attempt>, StoreError> {
        let sql = format!("SELECT log FROM hookwire.every_delivery WHERE id = $1 AND {}", lanes_of!("lane", work));
        let rows = self.query_text(&sql, &[(&uuid_of_delivery(id), Type::UUID)]).await?;
        let read = |row| get::<&str>(row, "log").and_then(read_log);
        Ok(rows.first().map(read).transpose().map_err(Trouble::into_store_error)?.unwrap_or_default())
    }

    async fn counts(&self, work: Work, lane: Option<LaneId>) -> Result<Counts, StoreError> {
        let rows = match lane.map(lane_column) {
            None => self.query_text(&counts_sql(work, ""), &[]).await?,
            Some(lane) => self.query_text(&counts_sql(work, " AND d.lane = $1"), &[(&lane, Type::BYTEA)]).await?,
        };
        let mut counts = Counts::default();
        for row in &rows {
            let read = || Ok((shown_state(get(row, "state")?, get(row, "endpoint_state")?), get::<i64>(row, "count")?));
            let (state, count) = read().map_err(Trouble::into_store_error)?;
            counts.add(state, u64::try_from(count).unwrap_or(0));
        }
        Ok(counts)
    }

    async fn prune(&self, work: Work, old: Old, limit: u32) -> Result<u64, StoreError> {
        let gone = partitions::keep_up(&self.db, work, old.work, limit).await?;
        Ok(gone.max(self.db.transact(Pruning { work, old, limit: limit.into() }).await?))
    }

    async fn shed(
        &self,
        work: Work,
        after: Finished,
        before: Timestamp,
        limit: u32,
    ) -> Result<Option<Finished>, StoreError> {
        self.db.transact(Shedding { work, after, before, limit: limit.into() }).await
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

fn counts_sql(work: Work, of_lane: &str) -> String {
    format!(
        "SELECT d.state, n.state AS endpoint_state, count(*) AS count FROM hookwire.every_delivery d \
         LEFT JOIN hookwire.endpoint n ON n.id = {} WHERE {}{of_lane} GROUP BY d.state, n.state",
        endpoint_of!(),
        lanes_of!("d.lane", work)
    )
}

impl PostgresStore {
    pub(super) async fn query_text(
        &self,
        sql: &str,
        params: &[Param<'_>],
    ) -> Result<Vec<tokio_postgres::Row>, StoreError> {
        let session = self.db.session_for(LISTING).await.map_err(Trouble::into_store_error)?;
        let sql = self.db.schema.apply(sql);
        session.query_text(&sql, params).await.map_err(Trouble::into_store_error)
    }
}

// Whole days go with their partitions. Row by row goes here only what was made outside of the days that had one.
fn prune_deliveries(work: Work) -> String {
    format!(
        "DELETE FROM hookwire.finished_rest WHERE id IN (SELECT id FROM hookwire.finished_rest WHERE finished_at < $1 \
         AND {} ORDER BY finished_at LIMIT $2) RETURNING id",
        lanes_of!("lane", work)
    )
}

fn prune_events(work: Work) -> String {
    format!(
        "DELETE FROM hookwire.event_rest WHERE key IN (SELECT e.key FROM hookwire.event_rest e \
         WHERE e.appended_at < $1 AND {} AND NOT EXISTS (SELECT 1 FROM hookwire.delivery d WHERE d.event = e.key) \
         AND NOT EXISTS (SELECT 1 FROM hookwire.finished f WHERE f.event = e.key) ORDER BY e.key LIMIT $2) RETURNING key",
        events_of!("e.audience", work)
    )
}

fn prune_keys(work: Work) -> String {
    format!(
        "DELETE FROM hookwire.publish WHERE (tenant, id) IN (SELECT tenant, id FROM hookwire.publish \
         WHERE appended_at < $1 AND {} AND NOT EXISTS (SELECT 1 FROM hookwire.event e WHERE e.key = event) \
         ORDER BY appended_at LIMIT $2) RETURNING event",
        keys_of(work)
    )
}

struct Pruning {
    work: Work,
    old: Old,
    limit: i64,
}

impl Operation for Pruning {
    type Answer = u64;

    const PATIENCE: u32 = LISTING;

    async fn run(&self, session: &Session<'_>) -> Result<u64, Trouble> {
        let old = [self.old.work, self.old.work, self.old.keys].map(Timestamp::as_micros);
        let mut most = 0;
        for (sql, old) in [prune_deliveries, prune_events, prune_keys].into_iter().zip(old) {
            let limit = (&self.limit as &(dyn ToSql + Sync), Type::INT8);
            let sql = sql(self.work);
            let gone = session.query_text(&session.schema().apply(&sql), &[(&old, Type::INT8), limit]).await?;
            most = most.max(gone.len());
        }
        Ok(most as u64)
    }
}

fn shed_sql(work: Work) -> String {
    format!(
        "SELECT finished_at, id, event FROM hookwire.finished WHERE (finished_at, id) > ($1, $2) AND finished_at < $3 \
         AND {} ORDER BY finished_at, id LIMIT $4",
        lanes_of!("lane", work)
    )
}

const FORGET: &str = "UPDATE hookwire.event SET expunged = true, body = '' WHERE key = ANY($1) AND NOT expunged \
     AND NOT EXISTS (SELECT 1 FROM hookwire.delivery d WHERE d.event = key)";

struct Shedding {
    work: Work,
    after: Finished,
    before: Timestamp,
    limit: i64,
}

impl Operation for Shedding {
    type Answer = Option<Finished>;

    const PATIENCE: u32 = LISTING;

    async fn run(&self, session: &Session<'_>) -> Result<Option<Finished>, Trouble> {
        let (at, id) = self.after;
        let params: [Param<'_>; 4] = [
            (&at.as_micros(), Type::INT8),
            (&uuid_of_delivery(id), Type::UUID),
            (&self.before.as_micros(), Type::INT8),
            (&self.limit, Type::INT8),
        ];
        let sql = shed_sql(self.work);
        let rows = session.query_text(&session.schema().apply(&sql), &params).await?;
        let events = rows.iter().map(|row| get(row, "event")).collect::<Result<Vec<i64>, _>>()?;
        session.query(FORGET, &[(&events, Type::INT8_ARRAY)]).await?;
        let full = rows.len() as u64 == u64::try_from(self.limit).unwrap_or(u64::MAX);
        let last = rows.last().filter(|_| full);
        last.map(|row| Ok((time(row, "finished_at")?, delivery_id(row, "id")?))).transpose()
    }
}
