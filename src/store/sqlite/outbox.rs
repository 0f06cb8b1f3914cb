//! The outbox in SQL.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{OptionalExtension, params};

use super::SqliteStore;
use super::directory::cancel_part;
use super::order::{self, NewRow};
use super::rows::{count, delivery_id, event, event_columns, fence, lane, lease_fence, time};
use super::session::Session;
use super::settle::{settle_all, under_lease};
use crate::clock::Timestamp;
use crate::delivery::{Lease, Leased, NewDelivery, Settlement};
use crate::event::Event;
use crate::id::{EndpointId, LaneId, Work};
use crate::store::sql::{
    ENABLED, QUEUE, REMOVED, audience_column, lane_column, order_column, origin_column, publish_key, replay_key,
};
use crate::store::{Append, Appended, Claim, Claimed, Outbox, Settled, StoreError};

#[async_trait]
impl Outbox for SqliteStore {
    async fn append(&self, batch: Vec<Append>) -> Result<Vec<Appended>, StoreError> {
        let bytes = batch.iter().map(|one| one.event.payload.len()).sum();
        let append = move |session: &Session<'_>| batch.iter().map(|one| append(session, one)).collect();
        self.writer.call_with(bytes, append).await
    }

    async fn claim(&self, claim: Claim) -> Result<Claimed, StoreError> {
        self.write(move |session| claim_lanes(session, &claim)).await
    }

    async fn settle(&self, batch: Vec<Settlement>) -> Result<Vec<Settled>, StoreError> {
        let sealer = self.sealer.clone();
        self.write(move |session| settle_all(session, &sealer, &batch)).await
    }

    async fn extend(&self, leases: Vec<Lease>, until: Timestamp) -> Result<Vec<Settled>, StoreError> {
        let sql = "UPDATE hookwire_delivery SET due = ?3 WHERE id = ?1 AND fence = ?2 AND state = 0";
        self.write(move |session| leases.iter().map(|lease| under_lease(session, sql, *lease, until)).collect()).await
    }

    async fn release(&self, leases: Vec<Lease>, due: Timestamp) -> Result<Vec<Settled>, StoreError> {
        self.write(move |session| leases.iter().map(|lease| release(session, *lease, due)).collect()).await
    }

    async fn lanes(
        &self,
        work: Work,
        after: Option<LaneId>,
        limit: u32,
    ) -> Result<Vec<(LaneId, Timestamp)>, StoreError> {
        self.read(move |session| lanes(session, work, after, limit)).await
    }
}

/// A release ends the lease: its holder can no longer settle it.
fn release(session: &Session<'_>, lease: Lease, due: Timestamp) -> rusqlite::Result<Settled> {
    let sql = "UPDATE hookwire_delivery SET due = ?3, attempts = max(attempts - 1, 0), fence = fence + 1 \
               WHERE id = ?1 AND fence = ?2 AND state = 0 RETURNING lane, order_key";
    let values = params![lease.delivery.as_bytes(), lease_fence(lease), due.as_micros()];
    let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Option<String>>(1)?));
    let Some((lane, key)) = session.query_row(sql, values, read).optional()? else {
        return Ok(Settled::LeaseLost);
    };
    if let Some(key) = key {
        order::arrange_key(session, (&lane, &key), due)?;
    }
    Ok(Settled::Done)
}

pub(super) fn append(session: &Session<'_>, append: &Append) -> rusqlite::Result<Appended> {
    let Append { event, deliveries, now } = append;
    let insert = "INSERT INTO hookwire_event (tenant, id, type, content_type, occurred_at, appended_at, childless, order_key, expires_at, \
                  audience, origin) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    let key = event.order.as_ref().map(order_column);
    session.execute(
        insert,
        params![
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
        ],
    )?;
    let seq = session.last_insert_rowid();
    if !publish(session, event, seq)? {
        return remove_unpublished(session, event, seq);
    }
    if !publish_replay(session, event, seq)? {
        return remove_repeated(session, event, seq);
    }
    session.execute("INSERT INTO hookwire_payload (event, body) VALUES (?1, ?2)", params![seq, &*event.payload])?;
    for delivery in deliveries {
        append_delivery(session, (seq, key.as_deref()), delivery, *now)?;
    }
    Ok(Appended::Stored)
}

/// Takes the event's id for the tenant. Returns whether the id was free. It does not look up the id first, because a lookup would make
/// every event as expensive as a repeated event.
fn publish(session: &Session<'_>, event: &Event, seq: i64) -> rusqlite::Result<bool> {
    let insert = "INSERT OR IGNORE INTO hookwire_publish (tenant, id, event, fingerprint) VALUES (?1, ?2, ?3, ?4)";
    let fingerprint = event.fingerprint.as_ref().map(<[u8; 32]>::as_slice);
    let inserted = session.execute(
        insert,
        params![event.tenant.as_str(), &*publish_key(event.audience.work(), &event.id), seq, fingerprint],
    )?;
    Ok(inserted > 0)
}

/// Takes the signed bytes of a received event. Returns whether they were free.
fn publish_replay(session: &Session<'_>, event: &Event, seq: i64) -> rusqlite::Result<bool> {
    let Some(key) = replay_key(event) else { return Ok(true) };
    let insert = "INSERT OR IGNORE INTO hookwire_publish (tenant, id, event) VALUES (?1, ?2, ?3)";
    Ok(session.execute(insert, params![event.tenant.as_str(), key, seq])? > 0)
}

/// The same signed bytes were stored before under another id: deletes the event and its id again.
fn remove_repeated(session: &Session<'_>, event: &Event, seq: i64) -> rusqlite::Result<Appended> {
    session.execute("DELETE FROM hookwire_event WHERE seq = ?1", [seq])?;
    session.execute(
        "DELETE FROM hookwire_publish WHERE tenant = ?1 AND id = ?2 AND event = ?3",
        params![event.tenant.as_str(), &*publish_key(event.audience.work(), &event.id), seq],
    )?;
    Ok(Appended::Duplicate)
}

/// The id is taken: deletes the event again; the stored fingerprint determines the result.
fn remove_unpublished(session: &Session<'_>, event: &Event, seq: i64) -> rusqlite::Result<Appended> {
    session.execute("DELETE FROM hookwire_event WHERE seq = ?1", [seq])?;
    let found: Option<Vec<u8>> = session.query_row(
        "SELECT fingerprint FROM hookwire_publish WHERE tenant = ?1 AND id = ?2",
        [event.tenant.as_str(), &publish_key(event.audience.work(), &event.id)],
        |row| row.get(0),
    )?;
    let same = found.as_deref() == event.fingerprint.as_ref().map(<[u8; 32]>::as_slice);
    Ok(if same { Appended::Duplicate } else { Appended::Conflict })
}

fn append_delivery(
    session: &Session<'_>,
    (event, key): (i64, Option<&str>),
    new: &NewDelivery,
    now: Timestamp,
) -> rusqlite::Result<()> {
    // A delivery with an ordering key may have to wait, so it is never born leased.
    let leased_until = new.leased_until.filter(|_| key.is_none());
    let (due, is_leased) = (leased_until.unwrap_or(now), leased_until.is_some());
    order::insert(session, &NewRow { id: new.id, event, lane: &lane_column(new.lane), key, due, is_leased, now })
}

fn claim_lanes(session: &Session<'_>, claim: &Claim) -> rusqlite::Result<Claimed> {
    let mut claimed = Claimed::default();
    for (lane, quota) in &claim.lanes {
        let endpoint = lane.endpoint();
        match endpoint.map(|id| endpoint_state(session, id)).transpose()?.flatten() {
            None | Some(ENABLED) => {
                claim_lane(session, (*lane, *quota), claim, &mut claimed.leased)?;
                claimed.next.extend(next_due(session, *lane)?);
            }
            // An interrupted removal has left these deliveries, or a dispatch appended them before the removal was visible to it.
            Some(REMOVED) => {
                cancel_part(session, *lane, claim.now)?;
            }
            Some(_) => {}
        }
    }
    Ok(claimed)
}

/// Reads the state once for each lane, never in the condition of a row.
pub(super) fn endpoint_state(session: &Session<'_>, endpoint: EndpointId) -> rusqlite::Result<Option<i16>> {
    session
        .query_row("SELECT state FROM hookwire_endpoint WHERE id = ?1", [endpoint.as_bytes()], |row| row.get(0))
        .optional()
}

const DUE: &str = concat!(
    "SELECT d.id, d.attempts + 1, d.faults, d.fence + 1, d.created_at, ",
    event_columns!(),
    " FROM hookwire_delivery d JOIN hookwire_event e ON e.seq = d.event JOIN hookwire_payload p ON p.event = d.event \
     WHERE d.state = 0 AND d.lane = ?1 AND d.due <= ?2 ORDER BY d.due LIMIT ?3"
);

const LEASE: &str = "UPDATE hookwire_delivery SET due = ?2, attempts = attempts + 1, fence = fence + 1, \
     leased_fence = iif(order_key IS NULL, NULL, fence + 1) WHERE id = ?1";

fn claim_lane(
    session: &Session<'_>,
    (lane, quota): (LaneId, u32),
    claim: &Claim,
    leased: &mut Vec<Leased>,
) -> rusqlite::Result<()> {
    let first = leased.len();
    session.with(DUE, |statement| {
        let mut rows = statement.query(params![lane_column(lane), claim.now.as_micros(), quota])?;
        while let Some(row) = rows.next()? {
            let lease = Lease { delivery: delivery_id(row, 0)?, fence: fence(row, 3)? };
            let one = Leased::new(lease, lane, Arc::new(event(row, 5)?), claim.until).made_at(time(row, 4)?);
            leased.push(one.with_counts(count(row, 1)?, count(row, 2)?));
        }
        Ok(())
    })?;
    session.with(LEASE, |lease| {
        for one in leased.iter().skip(first) {
            lease.execute(params![one.lease.delivery.as_bytes(), claim.until.as_micros()])?;
        }
        Ok(())
    })
}

fn next_due(session: &Session<'_>, lane: LaneId) -> rusqlite::Result<Option<(LaneId, Timestamp)>> {
    session
        .query_row(
            "SELECT due FROM hookwire_delivery WHERE state = 0 AND lane = ?1 ORDER BY due LIMIT 1",
            [lane_column(lane)],
            |row| Ok((lane, time(row, 0)?)),
        )
        .optional()
}

/// Skips from lane to lane in the hot index: the cost is proportional to the number of listed lanes, not to the number of deliveries in
/// them.
fn lanes(
    session: &Session<'_>,
    work: Work,
    after: Option<LaneId>,
    limit: u32,
) -> rusqlite::Result<Vec<(LaneId, Timestamp)>> {
    let sql = "SELECT lane, due FROM hookwire_delivery WHERE state = 0 AND lane > ?1 ORDER BY lane, due LIMIT 1";
    let mut next = session.prepare_cached(sql)?;
    let mut lanes = Vec::new();
    // Every lane sorts after the empty text. Queues sort after all endpoints except those whose first byte is that of a queue.
    let first = match work {
        Work::Sent => Vec::new(),
        Work::Received => vec![QUEUE],
    };
    let mut last = after.map_or(first, lane_column);
    while lanes.len() < limit as usize {
        let found = next.query_row([&last], |row| Ok((lane(row, 0)?, time(row, 1)?)));
        let Some((lane, due)) = found.optional()? else { break };
        last = lane_column(lane);
        if lane.work() == work {
            lanes.push((lane, due));
        }
    }
    Ok(lanes)
}
