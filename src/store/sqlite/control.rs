//! Changing by hand what is owed, in SQL.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};

use super::SqliteStore;
use super::order;
use super::rows::{audience, event_id, event_type, fence, time};
use crate::clock::Timestamp;
use crate::id::{DeliveryId, EndpointId, EventId, LaneId, Tenant, Work};
use crate::store::relational::{
    NEVER, REPLAY, audience_condition, cursor, keys_of_group, lane_column, lanes_of, publish_key,
};
use crate::store::{Control, DedupGroup, EventQuery, EventSummary, Owe, Page, StoreError};

#[async_trait]
impl Control for SqliteStore {
    async fn resend(&self, work: Work, deliveries: Vec<(DeliveryId, Timestamp)>) -> Result<Vec<bool>, StoreError> {
        let all = move |connection: &Connection| {
            deliveries.iter().map(|(id, due)| resend(connection, work, *id, *due)).collect()
        };
        self.write(all).await
    }

    async fn cancel(&self, work: Work, deliveries: Vec<DeliveryId>, now: Timestamp) -> Result<Vec<bool>, StoreError> {
        self.write(move |connection| deliveries.iter().map(|id| cancel(connection, work, *id, now)).collect()).await
    }

    async fn owe(&self, batch: Vec<Owe>) -> Result<Vec<bool>, StoreError> {
        self.write(move |connection| batch.iter().map(|one| owe(connection, one)).collect()).await
    }

    async fn events(&self, query: &EventQuery, page: Page<u64>) -> Result<Vec<EventSummary>, StoreError> {
        let query = query.clone();
        self.read(move |connection| events(connection, &query, page)).await
    }

    async fn expunge(&self, work: Work, tenant: &Tenant, event: &EventId, now: Timestamp) -> Result<bool, StoreError> {
        let (tenant, key) = (tenant.clone(), publish_key(work, event).into_owned());
        self.write(move |connection| expunge(connection, work, [tenant.as_str(), &key], now)).await
    }

    async fn waiting(&self, lanes: &[LaneId], most: u32) -> Result<u32, StoreError> {
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

    async fn forget_received(&self, tenant: &Tenant, groups: &[DedupGroup]) -> Result<Vec<u64>, StoreError> {
        let (tenant, groups) = (tenant.clone(), groups.to_vec());
        self.write(move |connection| groups.iter().map(|group| forget_received(connection, &tenant, group)).collect())
            .await
    }
}

/// The ids of a group that are taken. One that was freed before has a dash, and its event's number, behind it.
const TAKEN: &str = "SELECT id, event, fingerprint FROM hookwire_publish \
     WHERE id >= ?2 AND id < ?3 AND tenant = ?1 AND instr(id, '-') = 0";

fn forget_received(connection: &Connection, tenant: &Tenant, group: &DedupGroup) -> rusqlite::Result<u64> {
    let (first, end) = keys_of_group(group);
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let taken: Vec<(String, i64, Option<Vec<u8>>)> = connection
        .prepare_cached(TAKEN)?
        .query_map([tenant.as_str(), &first, &end], read)?
        .collect::<rusqlite::Result<_>>()?;
    for (id, event, replay) in &taken {
        let freed = format!("{id}-{event}");
        let rename = "UPDATE hookwire_publish SET id = ?3 WHERE id = ?2 AND tenant = ?1";
        connection.prepare_cached(rename)?.execute([tenant.as_str(), id, &freed])?;
        let rename = "UPDATE hookwire_event SET id = ?2 WHERE seq = ?1";
        connection.prepare_cached(rename)?.execute(params![event, freed.trim_start_matches(':')])?;
        if let Some(replay) = replay {
            let forget = "DELETE FROM hookwire_publish WHERE id = ?2 AND tenant = ?1";
            let replay = format!("{REPLAY}{}", hex::encode(replay));
            connection.prepare_cached(forget)?.execute([tenant.as_str(), &replay])?;
        }
    }
    Ok(taken.len() as u64)
}

/// A lane and an ordering key.
type Place = (Vec<u8>, Option<String>);

fn place(row: &rusqlite::Row<'_>) -> rusqlite::Result<Place> {
    Ok((row.get(0)?, row.get(1)?))
}

fn resend(connection: &Connection, work: Work, id: DeliveryId, due: Timestamp) -> rusqlite::Result<bool> {
    // First out of everybody's way, then to the place that is its own.
    let sql = format!(
        "UPDATE hookwire_delivery SET state = 0, due = ?2, attempts = 0, faults = 0, fence = fence + 1, \
         finished_at = NULL, reason = NULL WHERE id = ?1 AND state <> 0 AND {} AND NOT EXISTS \
         (SELECT 1 FROM hookwire_event e WHERE e.seq = event AND e.expunged = 1) RETURNING lane, order_key",
        lanes_of!("lane", work)
    );
    let found = connection.prepare_cached(&sql)?.query_row(params![id.as_bytes(), NEVER], place).optional()?;
    let Some((lane, key)) = found else { return Ok(false) };
    let free = match &key {
        Some(key) => !order::is_blocked(connection, &lane, key)?,
        None => true,
    };
    if free {
        let sql = "UPDATE hookwire_delivery SET due = ?2 WHERE id = ?1";
        connection.prepare_cached(sql)?.execute(params![id.as_bytes(), due.as_micros()])?;
    }
    Ok(true)
}

fn cancel(connection: &Connection, work: Work, id: DeliveryId, now: Timestamp) -> rusqlite::Result<bool> {
    let sql = format!(
        "UPDATE hookwire_delivery SET state = 3, finished_at = ?2, fence = fence + 1 \
         WHERE id = ?1 AND finished_at IS NULL AND {} RETURNING lane, order_key, due",
        lanes_of!("lane", work)
    );
    let read = |row: &rusqlite::Row<'_>| Ok((place(row)?, row.get::<_, i64>(2)?));
    let found = connection.prepare_cached(&sql)?.query_row(params![id.as_bytes(), now.as_micros()], read).optional()?;
    match found {
        Some(((lane, Some(key)), due)) if due < NEVER => order::follow(connection, &lane, &key, now)?,
        Some(_) => {}
        None => return Ok(false),
    }
    Ok(true)
}

fn owe(connection: &Connection, owe: &Owe) -> rusqlite::Result<bool> {
    let find = "SELECT e.seq, e.order_key FROM hookwire_publish k JOIN hookwire_event e ON e.seq = k.event \
                WHERE k.tenant = ?1 AND k.id = ?2 AND e.expunged = 0";
    let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, Option<String>>(1)?));
    let (lane, key) = (lane_column(owe.lane), publish_key(owe.lane.work(), &owe.event));
    let keys = [owe.tenant.as_str(), &key];
    let Some((seq, key)) = connection.prepare_cached(find)?.query_row(keys, read).optional()? else { return Ok(false) };
    let due = match &key {
        Some(key) => order::enter(connection, &lane, key, owe.due, owe.now)?,
        None => owe.due.as_micros(),
    };
    let insert = "INSERT INTO hookwire_delivery \
                  (id, event, lane, state, due, attempts, faults, fence, created_at, order_key) \
                  VALUES (?1, ?2, ?3, 0, ?4, 0, 0, 0, ?5, ?6)";
    connection.prepare_cached(insert)?.execute(params![
        owe.delivery.as_bytes(),
        seq,
        lane,
        due,
        owe.now.as_micros(),
        key
    ])?;
    connection.prepare_cached("UPDATE hookwire_event SET childless = NULL WHERE seq = ?1")?.execute([seq])?;
    Ok(true)
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

fn expunge(connection: &Connection, work: Work, keys: [&str; 2], now: Timestamp) -> rusqlite::Result<bool> {
    let find = "SELECT event FROM hookwire_publish WHERE tenant = ?1 AND id = ?2";
    let Some(seq) = connection.prepare_cached(find)?.query_row(keys, |row| row.get::<_, i64>(0)).optional()? else {
        return Ok(false);
    };
    connection.prepare_cached("UPDATE hookwire_payload SET body = x'' WHERE event = ?1")?.execute([seq])?;
    connection.prepare_cached("UPDATE hookwire_event SET expunged = 1 WHERE seq = ?1")?.execute([seq])?;
    let owed = "SELECT id FROM hookwire_delivery WHERE event = ?1 AND finished_at IS NULL";
    let ids: Vec<[u8; 16]> =
        connection.prepare_cached(owed)?.query_map([seq], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for id in ids {
        cancel(connection, work, DeliveryId::from_bytes(id), now)?;
    }
    Ok(true)
}
