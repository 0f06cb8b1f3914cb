//! The history role.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::PostgresStore;
use super::error::StoreFailure;
use super::rows::{
    BYTES, DELIVERY_COLUMNS, deliveries, delivery, event, event_columns, get, read_log, uuid_of_delivery,
};
use super::session::{LONG_CALL, Param};
use crate::clock::Timestamp;
use crate::delivery::{Attempt, Delivery};
use crate::event::Event;
use crate::id::{DeliveryId, EventId, LaneId, Tenant, Work};
use crate::store::relational::lanes_of;
use crate::store::sql::{lane_column, publish_key};
use crate::store::{Counts, DeliveryQuery, EventQuery, EventSummary, History, Listed, Page, StoreError};

#[async_trait]
impl History for PostgresStore {
    async fn event(&self, work: Work, tenant: &Tenant, id: &EventId) -> Result<Option<Arc<Event>>, StoreError> {
        let params: [Param<'_>; 2] = [(&tenant.as_str(), Type::TEXT), (&publish_key(work, id), Type::TEXT)];
        let rows = self.db.query(EVENT, &params).await?;
        rows.first().map(whole_event).transpose().map_err(StoreFailure::into_store_error)
    }

    async fn events(&self, query: &EventQuery, page: Page<u64>) -> Result<Listed<EventSummary, u64>, StoreError> {
        self.find_events(query, page).await
    }

    async fn delivery(&self, work: Work, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
        let (from, of_work) = (deliveries("hookwire.every_delivery"), lanes_of!("d.lane", work));
        let sql = format!("SELECT {DELIVERY_COLUMNS} {from} WHERE d.id = $1 AND {of_work}");
        let rows = self.query_text(&sql, &[(&uuid_of_delivery(id), Type::UUID)]).await?;
        rows.first().map(delivery).transpose().map_err(StoreFailure::into_store_error)
    }

    async fn deliveries(&self, query: &DeliveryQuery, page: Page) -> Result<Listed<Delivery>, StoreError> {
        self.find_deliveries(query, page).await
    }

    async fn attempts(&self, work: Work, ids: &[DeliveryId]) -> Result<Vec<Vec<Attempt>>, StoreError> {
        // One look-up for each id. With the kind of work inside, the planner would read a whole index of that kind in each partition.
        let sql = format!(
            "SELECT d.id, d.log FROM unnest($1) AS w (id) CROSS JOIN LATERAL \
             (SELECT d.id, d.log, d.lane FROM hookwire.every_delivery d WHERE d.id = w.id OFFSET 0) d WHERE {}",
            lanes_of!("d.lane", work)
        );
        let uuids: Vec<_> = ids.iter().map(|id| uuid_of_delivery(*id)).collect();
        let rows = self.query_text(&sql, &[(&uuids, Type::UUID_ARRAY)]).await?;
        let read = |row| Ok((get::<Uuid>(row, "id")?, read_log(get(row, "log")?)?));
        let found: HashMap<_, _> =
            rows.iter().map(read).collect::<Result<_, _>>().map_err(StoreFailure::into_store_error)?;
        Ok(uuids.iter().map(|id| found.get(id).cloned().unwrap_or_default()).collect())
    }

    async fn counts(&self, work: Work, lane: Option<LaneId>) -> Result<Counts, StoreError> {
        self.count(work, lane).await
    }

    async fn backlog(&self, lanes: &[LaneId], most: u32) -> Result<u32, StoreError> {
        let lanes: Vec<_> = lanes.iter().map(|lane| lane_column(*lane)).collect();
        let sql = "SELECT count(*) AS waiting FROM \
                   (SELECT 1 FROM hookwire.delivery WHERE state = 0 AND lane = ANY($1) LIMIT $2) AS counted";
        let rows = self.db.query(sql, &[(&lanes, BYTES), (&i64::from(most), Type::INT8)]).await?;
        let waiting: i64 =
            rows.first().map_or(Ok(0), |row| get(row, "waiting")).map_err(StoreFailure::into_store_error)?;
        Ok(u32::try_from(waiting).unwrap_or(most))
    }

    async fn oldest_due(&self, lanes: &[LaneId]) -> Result<Option<Timestamp>, StoreError> {
        let lanes: Vec<_> = lanes.iter().map(|lane| lane_column(*lane)).collect();
        // One index look-up for each lane: a minimum over all lanes at once would read every pending delivery.
        let sql = "SELECT min(first.due) AS due FROM unnest($1) AS requested (lane) CROSS JOIN LATERAL \
                   (SELECT due FROM hookwire.delivery WHERE state = 0 AND lane = requested.lane ORDER BY due LIMIT 1) AS first";
        let rows = self.db.query(sql, &[(&lanes, BYTES)]).await?;
        let due: Option<i64> =
            rows.first().map_or(Ok(None), |row| get(row, "due")).map_err(StoreFailure::into_store_error)?;
        Ok(due.map(Timestamp::from_micros))
    }
}

/// Finds an event by its publish key, which is unique and indexed.
const EVENT: &str = concat!(
    "SELECT k.fingerprint, ",
    event_columns!(),
    " FROM hookwire.publish k JOIN hookwire.event e ON e.key = k.event WHERE k.tenant = $1 AND k.id = $2"
);

fn whole_event(row: &tokio_postgres::Row) -> Result<Arc<Event>, StoreFailure> {
    let mut event = event(row)?;
    let print = get::<Option<&[u8]>>(row, "fingerprint")?;
    event.fingerprint = print.map(|print| print.try_into().map_err(StoreFailure::unreadable)).transpose()?;
    Ok(Arc::new(event))
}

impl PostgresStore {
    pub(super) async fn query_text(
        &self,
        sql: &str,
        params: &[Param<'_>],
    ) -> Result<Vec<tokio_postgres::Row>, StoreError> {
        let session = self.db.session_for(LONG_CALL).await.map_err(StoreFailure::into_store_error)?;
        let sql = self.db.schema.apply(sql);
        session.query_text(&sql, params).await.map_err(StoreFailure::into_store_error)
    }
}
