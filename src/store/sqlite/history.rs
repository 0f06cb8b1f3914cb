//! History in SQL.

use std::borrow::Cow;
use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, ToSql, params};

use super::SqliteStore;
use super::rows::{DELIVERY_COLUMNS, EVENT_COLUMNS, EVENT_WIDTH, attempt, delivery, delivery_id, event, select, time};
use crate::clock::Timestamp;
use crate::delivery::{Attempt, Delivery};
use crate::event::Event;
use crate::id::{DeliveryId, EventId, LaneId, Tenant, Work};
use crate::store::relational::{
    events_of, ids_made, keys_of, lane_column, lanes_of, publish_key, shown_state, state_condition,
};
use crate::store::{Counts, DeliveryQuery, Finished, History, Old, Page, StoreError};

/// A delivery with its event, and its endpoint if there is one.
const DELIVERIES: &str = "FROM hookwire_delivery d JOIN hookwire_event e ON e.seq = d.event \
                          LEFT JOIN hookwire_endpoint n ON n.id = d.lane";

#[async_trait]
impl History for SqliteStore {
    async fn event(&self, work: Work, tenant: &Tenant, id: &EventId) -> Result<Option<Arc<Event>>, StoreError> {
        let (tenant, key) = (tenant.clone(), publish_key(work, id).into_owned());
        self.read(move |connection| find_event(connection, &tenant, &key)).await
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

    async fn attempts(&self, work: Work, id: DeliveryId) -> Result<Vec<Attempt>, StoreError> {
        let of_work = lanes_of!("lane", work);
        let sql = format!(
            "SELECT number, at, duration, class, status, excerpt, fence FROM hookwire_attempt WHERE delivery = ?1 \
             AND EXISTS (SELECT 1 FROM hookwire_delivery WHERE id = ?1 AND {of_work}) \
             UNION ALL SELECT last_number, last_at, last_duration, last_class, last_status, last_excerpt, last_fence \
             FROM hookwire_delivery WHERE id = ?1 AND last_fence IS NOT NULL AND {of_work} ORDER BY fence"
        );
        self.read(move |connection| connection.prepare_cached(&sql)?.query_map([id.as_bytes()], attempt)?.collect())
            .await
    }

    async fn counts(&self, work: Work, lane: Option<LaneId>) -> Result<Counts, StoreError> {
        self.read(move |connection| counts(connection, work, lane)).await
    }

    async fn prune(&self, work: Work, old: Old, limit: u32) -> Result<u64, StoreError> {
        self.write(move |connection| prune(connection, work, old, limit)).await
    }

    async fn shed(
        &self,
        work: Work,
        after: Finished,
        before: Timestamp,
        limit: u32,
    ) -> Result<Option<Finished>, StoreError> {
        self.write(move |connection| shed(connection, work, after, (before, limit))).await
    }
}

/// By the publish key, which is unique and indexed.
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

/// Only the conditions that are asked for stand in the statement, so that each can use its index; values are always bound.
fn find_deliveries(connection: &Connection, query: &DeliveryQuery, page: Page) -> rusqlite::Result<Vec<Delivery>> {
    let asked: Vec<_> = conditions(query, page).into_iter().filter(|(.., value)| value.is_some()).collect();
    let state = query.state.map(state_condition);
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

/// A parameter's name, the condition that it stands in, and its value where that was asked for.
type Condition = (&'static str, &'static str, Option<Value>);

fn conditions(query: &DeliveryQuery, page: Page) -> Vec<Condition> {
    let blob = |bytes: &[u8; 16]| Value::Blob(bytes.to_vec());
    let text = |text: &str| Value::Text(text.to_owned());
    let time = |at: Timestamp| Value::Integer(at.as_micros());
    let (first, end) = ids_made(query.from, query.to);
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

/// What an event is looked for by: where its tenant is known, the key under which its id is taken.
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

/// Finished deliveries of one kind of work, by an index of its own.
fn finished(work: Work) -> String {
    let of_work = lanes_of!("lane", work);
    format!(
        "SELECT id, event FROM hookwire_delivery WHERE finished_at < ?1 AND {of_work} ORDER BY finished_at LIMIT ?2"
    )
}

/// Events of one kind of work without deliveries, by an index of its own.
fn childless(work: Work) -> String {
    let of_work = events_of!("audience", work);
    format!("SELECT seq FROM hookwire_event WHERE childless < ?1 AND {of_work} ORDER BY childless LIMIT ?2")
}

/// Ids of events of one kind of work that are gone, by an index of its own.
fn spent(work: Work) -> String {
    format!("SELECT id, tenant FROM hookwire_publish WHERE spent < ?1 AND {} ORDER BY spent LIMIT ?2", keys_of(work))
}

fn prune(connection: &Connection, work: Work, old: Old, limit: u32) -> rusqlite::Result<u64> {
    let deliveries = prune_deliveries(connection, work, (old.work, limit))?;
    let events = prune_events(connection, work, (old, limit))?;
    let sql = format!("DELETE FROM hookwire_publish WHERE (id, tenant) IN ({})", spent(work));
    let keys = connection.prepare_cached(&sql)?.execute(params![old.keys.as_micros(), limit])?;
    Ok(u64::try_from(deliveries.max(events).max(keys)).unwrap_or(u64::MAX))
}

fn shedding(work: Work) -> String {
    let of_work = lanes_of!("lane", work);
    format!(
        "SELECT finished_at, id, event FROM hookwire_delivery WHERE (finished_at, id) > (?1, ?2) AND finished_at < ?3 \
         AND {of_work} ORDER BY finished_at, id LIMIT ?4"
    )
}

fn shed(
    connection: &Connection,
    work: Work,
    (after, id): Finished,
    (before, limit): (Timestamp, u32),
) -> rusqlite::Result<Option<Finished>> {
    let values = params![after.as_micros(), id.as_bytes(), before.as_micros(), limit];
    let read = |row: &rusqlite::Row<'_>| Ok((time(row, 0)?, delivery_id(row, 1)?, row.get::<_, i64>(2)?));
    let found = connection.prepare_cached(&shedding(work))?.query_map(values, read)?.collect::<Result<Vec<_>, _>>()?;
    let mut forget = connection.prepare_cached(
        "UPDATE hookwire_event SET expunged = 1 WHERE seq = ?1 AND expunged = 0 AND NOT EXISTS \
         (SELECT 1 FROM hookwire_delivery d WHERE d.event = ?1 AND d.finished_at IS NULL)",
    )?;
    let mut payload = connection.prepare_cached("UPDATE hookwire_payload SET body = x'' WHERE event = ?1")?;
    for (_, _, event) in &found {
        if forget.execute([event])? > 0 {
            payload.execute([event])?;
        }
    }
    Ok(found.last().filter(|_| found.len() == limit as usize).map(|(at, id, _)| (*at, *id)))
}

fn prune_deliveries(connection: &Connection, work: Work, (before, limit): (Timestamp, u32)) -> rusqlite::Result<usize> {
    let gone: Vec<(Vec<u8>, i64)> = connection
        .prepare_cached(&finished(work))?
        .query_map(params![before.as_micros(), limit], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let mut attempts = connection.prepare_cached("DELETE FROM hookwire_attempt WHERE delivery = ?1")?;
    let mut delivery = connection.prepare_cached("DELETE FROM hookwire_delivery WHERE id = ?1")?;
    let mut event = connection.prepare_cached(
        "UPDATE hookwire_event SET childless = appended_at \
         WHERE seq = ?1 AND NOT EXISTS (SELECT 1 FROM hookwire_delivery d WHERE d.event = ?1)",
    )?;
    for (id, seq) in &gone {
        attempts.execute([id])?;
        delivery.execute([id])?;
        event.execute([seq])?;
    }
    Ok(gone.len())
}

/// The cost is that of what is forgotten: events still owed to somebody, however old, are not even looked at.
/// The signed bytes of an event are free again when its id is. As in `replay_key`.
const SPEND_REPLAY: &str = "UPDATE hookwire_publish SET spent = (SELECT appended_at FROM hookwire_event WHERE seq = ?1) \
     WHERE event = ?1 AND (tenant, id) = (SELECT k.tenant, ':r' || lower(hex(k.fingerprint)) FROM hookwire_event e \
     JOIN hookwire_publish k ON k.tenant = e.tenant AND k.id = ':' || e.id AND k.event = e.seq \
     WHERE e.seq = ?1 AND k.fingerprint IS NOT NULL)";

fn prune_events(connection: &Connection, work: Work, (old, limit): (Old, u32)) -> rusqlite::Result<usize> {
    let sequences: Vec<i64> = connection
        .prepare_cached(&childless(work))?
        .query_map(params![old.work.as_micros(), limit], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for seq in &sequences {
        // As in `publish_key`.
        let publish = "UPDATE hookwire_publish SET spent = (SELECT appended_at FROM hookwire_event WHERE seq = ?1) \
                       WHERE (tenant, id) = (SELECT tenant, iif(audience = 2, ':' || id, id) FROM hookwire_event \
                       WHERE seq = ?1) AND event = ?1";
        if work == Work::Received {
            connection.prepare_cached(SPEND_REPLAY)?.execute([seq])?;
        }
        for sql in
            [publish, "DELETE FROM hookwire_payload WHERE event = ?1", "DELETE FROM hookwire_event WHERE seq = ?1"]
        {
            connection.prepare_cached(sql)?.execute([seq])?;
        }
    }
    Ok(sequences.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::schema;

    /// So that neither what is pending nor what is young costs anything, however much of it there is.
    #[test]
    fn prune_finds_what_it_may_forget_by_index_alone() {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::migrate(&mut connection).unwrap();
        let all = [(Work::Sent, "sent"), (Work::Received, "received")].map(|(work, kind)| {
            [(finished(work), "finished"), (childless(work), "childless"), (spent(work), "spent")]
                .map(|(sql, index)| (sql, format!("hookwire_{index}_{kind}")))
        });
        for (sql, index) in all.as_flattened() {
            let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let steps: Vec<String> = plan.query_map([0, 1], |row| row.get(3)).unwrap().map(Result::unwrap).collect();
            let [step] = &steps[..] else { panic!("{sql}: {steps:?}") };
            assert!(step.starts_with("SEARCH") && step.contains(index), "{sql}: {step}");
        }
    }
}
