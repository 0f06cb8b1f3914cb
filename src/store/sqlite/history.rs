//! History in SQL.

use std::borrow::Cow;
use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, ToSql, params};

use super::SqliteStore;
use super::rows::{
    DELIVERY_COLUMNS, EVENT_COLUMNS, EVENT_WIDTH, attempt, audience, delivery, event, event_id, event_type, fence,
    select, time,
};
use crate::clock::Timestamp;
use crate::delivery::{Attempt, Delivery, DeliveryState};
use crate::event::Event;
use crate::id::{DeliveryId, EndpointId, EventId, LaneId, Tenant, Work};
use crate::store::relational::{audience_condition, cursor, lanes_of, state_condition};
use crate::store::sql::{ids_between, lane_column, publish_key, shown_state};
use crate::store::{Counts, DeliveryQuery, EventQuery, EventSummary, History, Page, StoreError};

/// A delivery with its event, and its endpoint if there is one.
const DELIVERIES: &str = "FROM hookwire_delivery d JOIN hookwire_event e ON e.seq = d.event \
                          LEFT JOIN hookwire_endpoint n ON n.id = d.lane";

#[async_trait]
impl History for SqliteStore {
    async fn event(&self, work: Work, tenant: &Tenant, id: &EventId) -> Result<Option<Arc<Event>>, StoreError> {
        let (tenant, key) = (tenant.clone(), publish_key(work, id).into_owned());
        self.read(move |connection| find_event(connection, &tenant, &key)).await
    }

    async fn events(&self, query: &EventQuery, page: Page<u64>) -> Result<Vec<EventSummary>, StoreError> {
        let query = query.clone();
        self.read(move |connection| events(connection, &query, page)).await
    }

    async fn delivery(&self, work: Work, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
        let of_work = lanes_of!("d.lane", work);
        let sql = select(DELIVERY_COLUMNS, &format!("{DELIVERIES} WHERE d.id = ?1 AND {of_work}"));
        self.read(move |connection| connection.prepare_cached(&sql)?.query_row([id.as_bytes()], delivery).optional())
            .await
    }

    async fn deliveries(&self, query: &DeliveryQuery, page: Page) -> Result<Vec<Delivery>, StoreError> {
        let query = query.clone();
        self.read(move |connection| find_deliveries(connection, &query, page)).await
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
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(&sql)?;
            let mut read = |id: &DeliveryId| statement.query_map([id.as_bytes()], attempt)?.collect();
            ids.iter().map(&mut read).collect()
        })
        .await
    }

    async fn counts(&self, work: Work, lane: Option<LaneId>) -> Result<Counts, StoreError> {
        self.read(move |connection| counts(connection, work, lane)).await
    }

    async fn backlog(&self, lanes: &[LaneId], most: u32) -> Result<u32, StoreError> {
        let lanes: Vec<_> = lanes.iter().map(|lane| lane_column(*lane)).collect();
        self.read(move |connection| {
            let sql = "SELECT count(*) FROM (SELECT 1 FROM hookwire_delivery WHERE state = 0 AND lane = ?1 LIMIT ?2)";
            let mut count = connection.prepare_cached(sql)?;
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
        self.read(move |connection| {
            let sql = "SELECT min(due) FROM hookwire_delivery WHERE state = 0 AND lane = ?1";
            let mut first = connection.prepare_cached(sql)?;
            let due = |lane| first.query_row([lane], |row| row.get::<_, Option<i64>>(0));
            let due = lanes.iter().map(due).collect::<rusqlite::Result<Vec<_>>>()?;
            Ok(due.into_iter().flatten().min().map(Timestamp::from_micros))
        })
        .await
    }
}

fn events(connection: &Connection, query: &EventQuery, page: Page<u64>) -> rusqlite::Result<Vec<EventSummary>> {
    let (beyond, order) = page.direction();
    let sql = format!(
        "SELECT e.seq, e.id, e.type, e.appended_at, e.audience FROM hookwire_event e WHERE e.seq {beyond} ?1 AND e.tenant = ?2 \
               AND e.appended_at >= ?3 AND e.appended_at < ?4 AND e.expunged = 0 AND {} AND (?5 IS NULL OR NOT EXISTS \
               (SELECT 1 FROM hookwire_delivery d WHERE d.event = e.seq AND d.lane = ?5)) ORDER BY e.seq {order} LIMIT ?6",
        audience_condition(query)
    );
    let read = |row: &rusqlite::Row<'_>| {
        Ok(EventSummary {
            cursor: fence(row, 0)?,
            id: event_id(row, 1)?,
            event_type: event_type(row, 2)?,
            audience: audience(row, 4)?,
            appended_at: time(row, 3)?,
        })
    };
    let missing_at = query.missing_at.map(|id: EndpointId| id.as_bytes().to_vec());
    let (from, to) = (query.from.as_micros(), query.to.as_micros());
    let after = cursor(page);
    let values = params![after, query.tenant.as_str(), from, to, missing_at, page.limit];
    connection.prepare_cached(&sql)?.query_map(values, read)?.collect()
}

/// Finds an event by its publish key, which is unique and indexed.
fn find_event(connection: &Connection, tenant: &Tenant, key: &str) -> rusqlite::Result<Option<Arc<Event>>> {
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
    connection.prepare_cached(&sql)?.query_row([tenant.as_str(), key], read).optional()
}

/// What is held: by decision, or because its endpoint is disabled. The same as the [`state_condition`], but the cost is proportional to
/// the number of held deliveries. `CROSS JOIN` makes SQLite start with the endpoints.
const HELD: &str = "d.id IN (SELECT h.id FROM hookwire_delivery h WHERE h.state = 4 UNION ALL \
                    SELECT p.id FROM hookwire_endpoint m CROSS JOIN hookwire_delivery p WHERE m.state = 1 AND p.lane = m.id AND p.state = 0)";

/// What is pending, if only some deliveries are: the same as the [`state_condition`], but it does not read what is finished. If many are
/// pending, the plain condition soon finds a page of them.
const PENDING_OF_FEW: &str =
    "d.id IN (SELECT p.id FROM hookwire_delivery p WHERE p.state = 0) AND coalesce(n.state, 0) = 0";

/// Up to so many pending deliveries are few.
const FEW: u32 = 2_000;

fn few_are_pending(connection: &Connection) -> rusqlite::Result<bool> {
    let sql = "SELECT count(*) FROM (SELECT 1 FROM hookwire_delivery WHERE state = 0 LIMIT ?1)";
    let found: u32 = connection.prepare_cached(sql)?.query_row([FEW + 1], |row| row.get(0))?;
    Ok(found <= FEW)
}

/// The statement contains only the conditions that the query sets, so that each combination can use its index. Values are always bound.
fn find_deliveries(connection: &Connection, query: &DeliveryQuery, page: Page) -> rusqlite::Result<Vec<Delivery>> {
    let asked: Vec<_> = conditions(query, page).into_iter().filter(|(.., value)| value.is_some()).collect();
    let state = match query.state {
        Some(DeliveryState::Held) => Some(HELD),
        Some(DeliveryState::Pending) if query.lane.is_none() && few_are_pending(connection)? => Some(PENDING_OF_FEW),
        state => state.map(state_condition),
    };
    let conditions: Vec<_> = [lanes_of!("d.lane", query.work)]
        .into_iter()
        .chain(asked.iter().map(|(_, text, _)| *text))
        .chain(state)
        .collect();
    let (conditions, (_, order)) = (conditions.join(" AND "), page.direction());
    let rest = format!("{DELIVERIES} WHERE {conditions} ORDER BY d.id {order} LIMIT :limit");
    let mut values: Vec<(&str, &dyn ToSql)> =
        asked.iter().map(|(name, _, value)| (*name, value as &dyn ToSql)).collect();
    values.push((":limit", &page.limit));
    let mut statement = connection.prepare_cached(&select(DELIVERY_COLUMNS, &rest))?;
    statement.query_map(&*values, delivery)?.collect()
}

/// The name of a parameter, the condition that uses it, and its value if the query sets it.
type Condition = (&'static str, &'static str, Option<Value>);

fn conditions(query: &DeliveryQuery, page: Page) -> Vec<Condition> {
    let blob = |bytes: &[u8; 16]| Value::Blob(bytes.to_vec());
    let text = |text: &str| Value::Text(text.to_owned());
    let time = |at: Timestamp| Value::Integer(at.as_micros());
    let (first, end) = ids_between(query.from, query.to);
    let after = if page.newest_first { "d.id < :after" } else { "d.id > :after" };
    let event = match query.tenant {
        Some(_) => "d.event = (SELECT event FROM hookwire_publish WHERE tenant = :tenant AND id = :event)",
        None => "e.id = :event",
    };
    vec![
        (":after", after, page.after.map(|id| blob(id.as_bytes()))),
        (":first", "d.id >= :first", first.map(|id| blob(id.as_bytes()))),
        (":end", "d.id < :end", end.map(|id| blob(id.as_bytes()))),
        (":from", "d.created_at >= :from", query.from.map(time)),
        (":to", "d.created_at < :to", query.to.map(time)),
        (":tenant", "e.tenant = :tenant", query.tenant.as_ref().map(|tenant| text(tenant.as_str()))),
        (":event", event, query.event.as_ref().map(|id| text(&event_key(query, id)))),
        (":lane", "d.lane = :lane", query.lane.map(|lane| Value::Blob(lane_column(lane)))),
        (":type", "e.type = :type", query.event_type.as_ref().map(|event_type| text(event_type.as_str()))),
    ]
}

/// The value by which an event is found: with a tenant, the key under which its id is taken.
fn event_key<'a>(query: &DeliveryQuery, id: &'a EventId) -> Cow<'a, str> {
    match query.tenant {
        Some(_) => publish_key(query.work, id),
        None => Cow::Borrowed(id.as_str()),
    }
}

fn counts(connection: &Connection, work: Work, lane: Option<LaneId>) -> rusqlite::Result<Counts> {
    let (of, of_work) = (if lane.is_some() { "d.lane = ?1" } else { "?1 IS NULL" }, lanes_of!("d.lane", work));
    let sql = format!(
        "SELECT d.state, n.state, count(*) FROM hookwire_delivery d LEFT JOIN hookwire_endpoint n ON n.id = d.lane \
         WHERE {of} AND {of_work} GROUP BY d.state, n.state"
    );
    let mut counts = Counts::default();
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([lane.map(lane_column)])?;
    while let Some(row) = rows.next()? {
        let count: i64 = row.get(2)?;
        counts.add(shown_state(row.get(0)?, row.get(1)?), u64::try_from(count).unwrap_or(0));
    }
    Ok(counts)
}
