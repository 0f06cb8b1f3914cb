//! The outbox in SQL.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};

use super::SqliteStore;
use super::directory::cancel_some;
use super::order;
use super::rows::{EVENT_COLUMNS, count, delivery_id, event, fence, lane, select, time};
use super::settle::{settle_all, under_lease};
use crate::clock::Timestamp;
use crate::delivery::{Lease, Leased, NewDelivery, Settlement};
use crate::event::Event;
use crate::id::{EndpointId, LaneId, Work};
use crate::store::relational::{
    ENABLED, QUEUE, REMOVED, audience_column, lane_column, order_column, origin_column, publish_key, replay_key,
};
use crate::store::{Append, Appended, Claim, Claimed, LaneClaim, LaneDue, Outbox, Settled, StoreError};

#[async_trait]
impl Outbox for SqliteStore {
    async fn append(&self, batch: Vec<Append>) -> Result<Vec<Appended>, StoreError> {
        let bytes = batch.iter().map(|one| one.event.payload.len()).sum();
        let append = move |connection: &Connection| batch.iter().map(|one| append(connection, one)).collect();
        self.writer.call_with(bytes, append).await
    }

    async fn claim(&self, claim: Claim) -> Result<Claimed, StoreError> {
        self.write(move |connection| claim_lanes(connection, &claim)).await
    }

    async fn settle(&self, batch: Vec<Settlement>) -> Result<Vec<Settled>, StoreError> {
        let vault = self.vault.clone();
        self.write(move |connection| settle_all(connection, &vault, &batch)).await
    }

    async fn extend(&self, leases: Vec<Lease>, until: Timestamp) -> Result<Vec<Settled>, StoreError> {
        let sql = "UPDATE hookwire_delivery SET due = ?3 WHERE id = ?1 AND fence = ?2 AND state = 0";
        self.write(move |connection| leases.iter().map(|lease| under_lease(connection, sql, *lease, until)).collect())
            .await
    }

    async fn release(&self, leases: Vec<Lease>, due: Timestamp) -> Result<Vec<Settled>, StoreError> {
        // A release ends the lease: what its holder says afterwards no longer counts.
        let sql = "UPDATE hookwire_delivery SET due = ?3, attempts = max(attempts - 1, 0), fence = fence + 1 \
                   WHERE id = ?1 AND fence = ?2 AND state = 0";
        self.write(move |connection| leases.iter().map(|lease| under_lease(connection, sql, *lease, due)).collect())
            .await
    }

    async fn lanes(&self, work: Work, after: Option<LaneId>, limit: u32) -> Result<Vec<LaneDue>, StoreError> {
        self.read(move |connection| lanes(connection, work, after, limit)).await
    }
}

pub(super) fn append(connection: &Connection, append: &Append) -> rusqlite::Result<Appended> {
    let Append { event, deliveries, now } = append;
    let insert = "INSERT INTO hookwire_event (tenant, id, type, content_type, occurred_at, appended_at, childless, order_key, expires_at, \
                  audience, origin) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    let key = event.order.as_ref().map(order_column);
    connection.prepare_cached(insert)?.execute(params![
        event.tenant.as_str(),
        event.id.as_str(),
        event.event_type.as_str(),
        &*event.content_type,
        event.occurred_at.as_micros(),
        now.as_micros(),
        deliveries.is_empty().then(|| now.as_micros()),
        key,
        event.expires_at.map(Timestamp::as_micros),
        audience_column(event.audience),
        origin_column(event)
    ])?;
    let seq = connection.last_insert_rowid();
    if !publish(connection, event, seq)? {
        return unpublished(connection, event, seq);
    }
    if !publish_replay(connection, event, seq)? {
        return repeated(connection, event, seq);
    }
    connection
        .prepare_cached("INSERT INTO hookwire_payload (event, body) VALUES (?1, ?2)")?
        .execute(params![seq, &*event.payload])?;
    for delivery in deliveries {
        append_delivery(connection, (seq, key.as_deref()), delivery, *now)?;
    }
    Ok(Appended::Stored)
}

/// Takes the event's id for the tenant; whether it was free. Asking first would cost every event what a repeated one
/// costs this way.
fn publish(connection: &Connection, event: &Event, seq: i64) -> rusqlite::Result<bool> {
    let insert = "INSERT OR IGNORE INTO hookwire_publish (tenant, id, event, fingerprint) VALUES (?1, ?2, ?3, ?4)";
    let fingerprint = event.fingerprint.as_ref().map(<[u8; 32]>::as_slice);
    let inserted = connection.prepare_cached(insert)?.execute(params![
        event.tenant.as_str(),
        &*publish_key(event.audience.work(), &event.id),
        seq,
        fingerprint
    ])?;
    Ok(inserted > 0)
}

/// Takes the signed bytes of a received event; whether they were free.
fn publish_replay(connection: &Connection, event: &Event, seq: i64) -> rusqlite::Result<bool> {
    let Some(key) = replay_key(event) else { return Ok(true) };
    let insert = "INSERT OR IGNORE INTO hookwire_publish (tenant, id, event) VALUES (?1, ?2, ?3)";
    Ok(connection.prepare_cached(insert)?.execute(params![event.tenant.as_str(), key, seq])? > 0)
}

/// The same signed bytes came before, under another id: event and id go again.
fn repeated(connection: &Connection, event: &Event, seq: i64) -> rusqlite::Result<Appended> {
    connection.prepare_cached("DELETE FROM hookwire_event WHERE seq = ?1")?.execute([seq])?;
    connection
        .prepare_cached("DELETE FROM hookwire_publish WHERE tenant = ?1 AND id = ?2 AND event = ?3")?
        .execute(params![event.tenant.as_str(), &*publish_key(event.audience.work(), &event.id), seq])?;
    Ok(Appended::Duplicate)
}

/// The id was taken: the event goes again, and the fingerprint tells what it was.
fn unpublished(connection: &Connection, event: &Event, seq: i64) -> rusqlite::Result<Appended> {
    connection.prepare_cached("DELETE FROM hookwire_event WHERE seq = ?1")?.execute([seq])?;
    let found: Option<Vec<u8>> = connection
        .prepare_cached("SELECT fingerprint FROM hookwire_publish WHERE tenant = ?1 AND id = ?2")?
        .query_row([event.tenant.as_str(), &publish_key(event.audience.work(), &event.id)], |row| row.get(0))?;
    let same = found.as_deref() == event.fingerprint.as_ref().map(<[u8; 32]>::as_slice);
    Ok(if same { Appended::Duplicate } else { Appended::Conflict })
}

fn append_delivery(
    connection: &Connection,
    (event, key): (i64, Option<&str>),
    new: &NewDelivery,
    now: Timestamp,
) -> rusqlite::Result<()> {
    // What has to keep its order may have to wait, so it is never born leased.
    let leased_until = new.leased_until.filter(|_| key.is_none());
    let born_leased = i64::from(leased_until.is_some());
    let lane = lane_column(new.lane);
    let due = match key {
        Some(key) => order::enter(connection, &lane, key, now, now)?,
        None => leased_until.unwrap_or(now).as_micros(),
    };
    let insert = "INSERT INTO hookwire_delivery \
                  (id, event, lane, state, due, attempts, faults, fence, created_at, order_key) \
                  VALUES (?1, ?2, ?3, 0, ?4, ?5, 0, ?5, ?6, ?7)";
    connection.prepare_cached(insert)?.execute(params![
        new.id.as_bytes(),
        event,
        lane,
        due,
        born_leased,
        now.as_micros(),
        key
    ])?;
    Ok(())
}

fn claim_lanes(connection: &Connection, claim: &Claim) -> rusqlite::Result<Claimed> {
    let mut claimed = Claimed::default();
    for lane in &claim.lanes {
        let endpoint = lane.lane.endpoint();
        match endpoint.map(|id| endpoint_state(connection, id)).transpose()?.flatten() {
            None | Some(ENABLED) => {
                claim_lane(connection, lane, claim, &mut claimed.leased)?;
                claimed.next.extend(next_due(connection, lane.lane)?);
            }
            // Left by a removal that was cut off, or by a dispatch that did not know of it yet.
            Some(REMOVED) => {
                cancel_some(connection, lane.lane, claim.now)?;
            }
            Some(_) => {}
        }
    }
    Ok(claimed)
}

/// Judged once a lane, never in the condition of a row.
fn endpoint_state(connection: &Connection, endpoint: EndpointId) -> rusqlite::Result<Option<i16>> {
    connection
        .prepare_cached("SELECT state FROM hookwire_endpoint WHERE id = ?1")?
        .query_row([endpoint.as_bytes()], |row| row.get(0))
        .optional()
}

fn claim_lane(
    connection: &Connection,
    lane: &LaneClaim,
    claim: &Claim,
    leased: &mut Vec<Leased>,
) -> rusqlite::Result<()> {
    let columns = format!("d.id, d.attempts + 1, d.faults, d.fence + 1, d.created_at, {EVENT_COLUMNS}");
    let due = select(
        &columns,
        "FROM hookwire_delivery d JOIN hookwire_event e ON e.seq = d.event JOIN hookwire_payload p ON p.event = d.event \
         WHERE d.state = 0 AND d.lane = ?1 AND d.due <= ?2 ORDER BY d.due LIMIT ?3",
    );
    let first = leased.len();
    let mut statement = connection.prepare_cached(&due)?;
    let mut rows = statement.query(params![lane_column(lane.lane), claim.now.as_micros(), lane.max])?;
    while let Some(row) = rows.next()? {
        let delivery = NewDelivery { id: delivery_id(row, 0)?, lane: lane.lane, leased_until: None };
        let one = Leased::first(&delivery, claim.until, time(row, 4)?, Arc::new(event(row, 5)?));
        leased.push(one.with_counts(fence(row, 3)?, count(row, 1)?, count(row, 2)?));
    }
    drop(rows);
    let mut lease = connection.prepare_cached(
        "UPDATE hookwire_delivery SET due = ?2, attempts = attempts + 1, fence = fence + 1 WHERE id = ?1",
    )?;
    for one in leased.iter().skip(first) {
        lease.execute(params![one.lease.delivery.as_bytes(), claim.until.as_micros()])?;
    }
    Ok(())
}

fn next_due(connection: &Connection, lane: LaneId) -> rusqlite::Result<Option<LaneDue>> {
    connection
        .prepare_cached("SELECT due FROM hookwire_delivery WHERE state = 0 AND lane = ?1 ORDER BY due LIMIT 1")?
        .query_row([lane_column(lane)], |row| Ok(LaneDue { lane, due: time(row, 0)? }))
        .optional()
}

/// Hops from lane to lane in the hot index: the cost is that of the lanes listed, not of what is in them.
fn lanes(connection: &Connection, work: Work, after: Option<LaneId>, limit: u32) -> rusqlite::Result<Vec<LaneDue>> {
    let sql = "SELECT lane, due FROM hookwire_delivery WHERE state = 0 AND lane > ?1 ORDER BY lane, due LIMIT 1";
    let mut next = connection.prepare_cached(sql)?;
    let mut lanes = Vec::new();
    // Every lane sorts after the empty text. Queues sort after all endpoints but those that begin as queues do.
    let first = match work {
        Work::Sent => Vec::new(),
        Work::Received => vec![QUEUE],
    };
    let mut last = after.map_or(first, lane_column);
    while lanes.len() < limit as usize {
        let found = next.query_row([&last], |row| Ok(LaneDue { lane: lane(row, 0)?, due: time(row, 1)? }));
        let Some(found) = found.optional()? else { break };
        last = lane_column(found.lane);
        if found.lane.work() == work {
            lanes.push(found);
        }
    }
    Ok(lanes)
}
