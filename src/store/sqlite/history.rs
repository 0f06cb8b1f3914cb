//! History in SQL.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{OptionalExtension, params};

use super::SqliteStore;
use super::counts::counts;
use super::list::{find_deliveries, find_events};
use super::rows::{DELIVERY_COLUMNS, EVENT_COLUMNS, EVENT_WIDTH, attempt, delivery, event, select};
use super::session::Session;
use crate::clock::Timestamp;
use crate::delivery::{Attempt, Delivery};
use crate::event::Event;
use crate::id::{DeliveryId, EventId, LaneId, Tenant, Work};
use crate::store::relational::lanes_of;
use crate::store::sql::{lane_column, publish_key};
use crate::store::{Counts, DeliveryQuery, EventQuery, EventSummary, History, Listed, Page, StoreError};

/// A delivery with its event, and its endpoint if there is one.
const DELIVERIES: &str = "FROM hookwire_delivery d JOIN hookwire_event e ON e.seq = d.event \
                          LEFT JOIN hookwire_endpoint n ON n.id = d.lane";

#[async_trait]
impl History for SqliteStore {
    async fn event(&self, work: Work, tenant: &Tenant, id: &EventId) -> Result<Option<Arc<Event>>, StoreError> {
        let (tenant, key) = (tenant.clone(), publish_key(work, id).into_owned());
        self.read(move |session| find_event(session, &tenant, &key)).await
    }

    async fn events(&self, query: &EventQuery, page: Page<u64>) -> Result<Listed<EventSummary, u64>, StoreError> {
        let query = query.clone();
        self.read(move |session| find_events(session, &query, page)).await
    }

    async fn delivery(&self, work: Work, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
        let of_work = lanes_of!("d.lane", work);
        let sql = select(DELIVERY_COLUMNS, &format!("{DELIVERIES} WHERE d.id = ?1 AND {of_work}"));
        self.read(move |session| session.prepare_cached(&sql)?.query_row([id.as_bytes()], delivery).optional()).await
    }

    async fn deliveries(&self, query: &DeliveryQuery, page: Page) -> Result<Listed<Delivery>, StoreError> {
        let query = query.clone();
        self.read(move |session| find_deliveries(session, &query, page)).await
    }

    async fn attempts(&self, work: Work, ids: &[DeliveryId]) -> Result<Vec<Vec<Attempt>>, StoreError> {
        let of_work = lanes_of!("lane", work);
        let sql = format!(
            "SELECT number, at, duration, class, status, excerpt, fence FROM hookwire_attempt WHERE delivery = ?1 \
             AND EXISTS (SELECT 1 FROM hookwire_delivery WHERE id = ?1 AND {of_work}) \
             UNION ALL SELECT last_number, last_at, last_duration, last_class, last_status, last_excerpt, last_fence \
             FROM hookwire_delivery WHERE id = ?1 AND last_fence IS NOT NULL AND {of_work} ORDER BY fence"
        );
        let ids = ids.to_vec();
        self.read(move |session| {
            let mut statement = session.prepare_cached(&sql)?;
            let mut read = |id: &DeliveryId| statement.query_map([id.as_bytes()], attempt)?.collect();
            ids.iter().map(&mut read).collect()
        })
        .await
    }

    async fn counts(&self, work: Work, lane: Option<LaneId>) -> Result<Counts, StoreError> {
        self.read(move |session| counts(session, work, lane)).await
    }

    async fn backlog(&self, lanes: &[LaneId], most: u32) -> Result<u32, StoreError> {
        let lanes: Vec<_> = lanes.iter().map(|lane| lane_column(*lane)).collect();
        self.read(move |session| {
            let sql = "SELECT count(*) FROM (SELECT 1 FROM hookwire_delivery WHERE state = 0 AND lane = ?1 LIMIT ?2)";
            let mut count = session.prepare_cached(sql)?;
            let mut waiting = 0;
            for lane in &lanes {
                waiting += count.query_row(params![lane, most - waiting], |row| row.get::<_, u32>(0))?;
            }
            Ok(waiting)
        })
        .await
    }

    async fn oldest_due(&self, lanes: &[LaneId]) -> Result<Option<Timestamp>, StoreError> {
        let lanes: Vec<_> = lanes.iter().map(|lane| lane_column(*lane)).collect();
        self.read(move |session| {
            let sql = "SELECT min(due) FROM hookwire_delivery WHERE state = 0 AND lane = ?1";
            let mut first = session.prepare_cached(sql)?;
            let due = |lane| first.query_row([lane], |row| row.get::<_, Option<i64>>(0));
            let due = lanes.iter().map(due).collect::<rusqlite::Result<Vec<_>>>()?;
            Ok(due.into_iter().flatten().min().map(Timestamp::from_micros))
        })
        .await
    }
}

/// Finds an event by its publish key, which is unique and indexed.
fn find_event(session: &Session<'_>, tenant: &Tenant, key: &str) -> rusqlite::Result<Option<Arc<Event>>> {
    let columns = format!("{EVENT_COLUMNS}, k.fingerprint");
    let sql = select(
        &columns,
        "FROM hookwire_publish k JOIN hookwire_event e ON e.seq = k.event JOIN hookwire_payload p ON p.event = k.event \
         WHERE k.tenant = ?1 AND k.id = ?2",
    );
    let read = |row: &rusqlite::Row<'_>| {
        let mut event = event(row, 0)?;
        event.fingerprint = row.get(EVENT_WIDTH)?;
        Ok(Arc::new(event))
    };
    session.prepare_cached(&sql)?.query_row([tenant.as_str(), key], read).optional()
}
