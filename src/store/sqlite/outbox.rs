//! The outbox in SQL.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, ToSql, params};

use super::SqliteStore;
use super::directory::cancel_some;
use super::rows::{
    DELIVERED, ENABLED, EVENT_COLUMNS, FAILED, REMOVED, count, delivery_id, endpoint_id, event, fence, find_endpoint,
    lease_fence, select, time, write_endpoint,
};
use crate::clock::Timestamp;
use crate::delivery::{Attempt, Lease, Leased, NewDelivery, Next, Settlement};
use crate::event::Event;
use crate::id::EndpointId;
use crate::retry::FailReason;
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
        self.write(move |connection| batch.iter().map(|one| settle(connection, one)).collect()).await
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

    async fn lanes(&self, after: Option<EndpointId>, limit: u32) -> Result<Vec<LaneDue>, StoreError> {
        self.read(move |connection| lanes(connection, after, limit)).await
    }
}

fn append(connection: &Connection, append: &Append) -> rusqlite::Result<Appended> {
    let Append { event, deliveries, now } = append;
    let insert = "INSERT INTO hookwire_event (tenant, id, type, content_type, occurred_at, appended_at, childless) \
                  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    connection.prepare_cached(insert)?.execute(params![
        event.tenant.as_str(),
        event.id.as_str(),
        event.event_type.as_str(),
        &*event.content_type,
        event.occurred_at.as_micros(),
        now.as_micros(),
        deliveries.is_empty().then(|| now.as_micros())
    ])?;
    let seq = connection.last_insert_rowid();
    if !publish(connection, event, seq)? {
        return unpublished(connection, event, seq);
    }
    connection
        .prepare_cached("INSERT INTO hookwire_payload (event, body) VALUES (?1, ?2)")?
        .execute(params![seq, &*event.payload])?;
    for delivery in deliveries {
        append_delivery(connection, seq, delivery, *now)?;
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
        event.id.as_str(),
        seq,
        fingerprint
    ])?;
    Ok(inserted > 0)
}

/// The id was taken: the event goes again, and the fingerprint tells what it was.
fn unpublished(connection: &Connection, event: &Event, seq: i64) -> rusqlite::Result<Appended> {
    connection.prepare_cached("DELETE FROM hookwire_event WHERE seq = ?1")?.execute([seq])?;
    let found: Option<Vec<u8>> = connection
        .prepare_cached("SELECT fingerprint FROM hookwire_publish WHERE tenant = ?1 AND id = ?2")?
        .query_row([event.tenant.as_str(), event.id.as_str()], |row| row.get(0))?;
    let same = found.as_deref() == event.fingerprint.as_ref().map(<[u8; 32]>::as_slice);
    Ok(if same { Appended::Duplicate } else { Appended::Conflict })
}

fn append_delivery(connection: &Connection, event: i64, new: &NewDelivery, now: Timestamp) -> rusqlite::Result<()> {
    let born_leased = i64::from(new.leased_until.is_some());
    let insert = "INSERT INTO hookwire_delivery \
                  (id, event, endpoint, state, due, attempts, faults, fence, created_at) \
                  VALUES (?1, ?2, ?3, 0, ?4, ?5, 0, ?5, ?6)";
    connection.prepare_cached(insert)?.execute(params![
        new.id.as_bytes(),
        event,
        new.endpoint.as_bytes(),
        new.leased_until.unwrap_or(now).as_micros(),
        born_leased,
        now.as_micros()
    ])?;
    Ok(())
}

fn claim_lanes(connection: &Connection, claim: &Claim) -> rusqlite::Result<Claimed> {
    let mut claimed = Claimed::default();
    for lane in &claim.lanes {
        match endpoint_state(connection, lane.endpoint)? {
            None | Some(ENABLED) => {
                claim_lane(connection, lane, claim, &mut claimed.leased)?;
                claimed.next.extend(next_due(connection, lane.endpoint)?);
            }
            // Left by a removal that was cut off, or by a dispatch that did not know of it yet.
            Some(REMOVED) => {
                cancel_some(connection, lane.endpoint, claim.now)?;
            }
            Some(_) => {}
        }
    }
    Ok(claimed)
}

/// Judged once a lane, never in the condition of a row.
fn endpoint_state(connection: &Connection, endpoint: EndpointId) -> rusqlite::Result<Option<i64>> {
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
         WHERE d.state = 0 AND d.endpoint = ?1 AND d.due <= ?2 ORDER BY d.due LIMIT ?3",
    );
    let first = leased.len();
    let mut statement = connection.prepare_cached(&due)?;
    let mut rows = statement.query(params![lane.endpoint.as_bytes(), claim.now.as_micros(), lane.max])?;
    while let Some(row) = rows.next()? {
        let delivery = NewDelivery { id: delivery_id(row, 0)?, endpoint: lane.endpoint, leased_until: None };
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

fn next_due(connection: &Connection, endpoint: EndpointId) -> rusqlite::Result<Option<LaneDue>> {
    connection
        .prepare_cached("SELECT due FROM hookwire_delivery WHERE state = 0 AND endpoint = ?1 ORDER BY due LIMIT 1")?
        .query_row([endpoint.as_bytes()], |row| Ok(LaneDue { endpoint, due: time(row, 0)? }))
        .optional()
}

fn settle(connection: &Connection, settlement: &Settlement) -> rusqlite::Result<Settled> {
    let Settlement { lease, attempt, next, at } = settlement;
    // Under the first fence there cannot be an earlier attempt.
    if lease.fence > 1 && attempt.is_some() {
        keep_last_attempt(connection, *lease)?;
    }
    // Every settlement ends the lease: the same one again, or an extension after it, no longer counts.
    let finish = |state: i64, reason: Option<FailReason>| {
        update(connection, FINISH, settlement, &[&state, &at.as_micros(), &reason.map(FailReason::as_str)])
    };
    let changed = match next {
        Next::Delivered => finish(DELIVERED, None)?,
        Next::Failed { reason } => finish(FAILED, Some(*reason))?,
        Next::Retry { due } => update(connection, RETRY, settlement, &[&due.as_micros()])?,
        Next::Again { due } => update(connection, AGAIN, settlement, &[&due.as_micros()])?,
    };
    if let (Settled::Done, Next::Failed { reason }) = (changed, next) {
        affect_endpoint(connection, *lease, *reason, *at)?;
    }
    Ok(changed)
}

/// Moves the attempt before this one out of the way, if the lease is valid and there was one.
fn keep_last_attempt(connection: &Connection, lease: Lease) -> rusqlite::Result<()> {
    let sql = "INSERT INTO hookwire_attempt (delivery, fence, number, at, duration, class, status, excerpt) \
               SELECT id, last_fence, last_number, last_at, last_duration, last_class, last_status, last_excerpt \
               FROM hookwire_delivery WHERE id = ?1 AND fence = ?2 AND state = 0 AND last_fence IS NOT NULL";
    connection.prepare_cached(sql)?.execute(params![lease.delivery.as_bytes(), lease_fence(lease)]).map(drop)
}

/// The update of a settlement. `?1` and `?2` are its lease, `?3` to `?8` its attempt; where nothing was tried, what stands
/// there stays. Put together by the compiler, because every attempt runs one.
macro_rules! settling {
    ($change:literal) => {
        concat!(
            "UPDATE hookwire_delivery SET last_fence = iif(?3 IS NULL, last_fence, ?2), \
             last_number = coalesce(?3, last_number), last_at = coalesce(?4, last_at), \
             last_duration = coalesce(?5, last_duration), last_class = coalesce(?6, last_class), \
             last_status = iif(?3 IS NULL, last_status, ?7), last_excerpt = iif(?3 IS NULL, last_excerpt, ?8), ",
            $change,
            " WHERE id = ?1 AND fence = ?2 AND state = 0"
        )
    };
}

const FINISH: &str = settling!("state = ?9, finished_at = ?10, reason = ?11, faults = 0");

// These end the lease too: the same settlement again, or an extension after it, no longer counts.
const RETRY: &str = settling!("due = ?9, faults = 0, fence = fence + 1");
const AGAIN: &str = settling!("due = ?9, attempts = max(attempts - 1, 0), faults = faults + 1, fence = fence + 1");

/// Runs one of the statements above; `rest` are its parameters from `?9` on.
fn update(connection: &Connection, sql: &str, of: &Settlement, rest: &[&dyn ToSql]) -> rusqlite::Result<Settled> {
    let last = Last::of(of.attempt.as_ref());
    let (id, fence) = (of.lease.delivery.as_bytes(), lease_fence(of.lease));
    let first: [&dyn ToSql; 8] =
        [id, &fence, &last.number, &last.at, &last.duration, &last.class, &last.status, &last.excerpt];
    let all: Vec<_> = first.iter().chain(rest).copied().collect();
    Ok(settled(connection.prepare_cached(sql)?.execute(&*all)?))
}

/// An attempt as columns; all `None` where nothing was tried.
#[derive(Default)]
struct Last<'a> {
    number: Option<u32>,
    at: Option<i64>,
    duration: Option<i64>,
    class: Option<&'static str>,
    status: Option<u16>,
    excerpt: Option<&'a str>,
}

impl<'a> Last<'a> {
    fn of(attempt: Option<&'a Attempt>) -> Self {
        let Some(attempt) = attempt else { return Self::default() };
        Self {
            number: Some(attempt.number),
            at: Some(attempt.at.as_micros()),
            duration: Some(i64::try_from(attempt.duration.as_micros()).unwrap_or(i64::MAX)),
            class: Some(attempt.outcome.class()),
            status: attempt.outcome.status(),
            excerpt: attempt.excerpt.as_deref(),
        }
    }
}

/// Runs an update that is fenced by the lease; `?3` is a time.
fn under_lease(connection: &Connection, sql: &str, lease: Lease, due: Timestamp) -> rusqlite::Result<Settled> {
    let changed = connection.prepare_cached(sql)?.execute(params![
        lease.delivery.as_bytes(),
        lease_fence(lease),
        due.as_micros()
    ])?;
    Ok(settled(changed))
}

const fn settled(changed: usize) -> Settled {
    if changed == 0 { Settled::LeaseLost } else { Settled::Done }
}

fn affect_endpoint(connection: &Connection, lease: Lease, reason: FailReason, at: Timestamp) -> rusqlite::Result<()> {
    let id = connection
        .prepare_cached("SELECT endpoint FROM hookwire_delivery WHERE id = ?1")?
        .query_row([lease.delivery.as_bytes()], |row| endpoint_id(row, 0))?;
    let endpoint = find_endpoint(connection, id)?;
    endpoint
        .and_then(|endpoint| endpoint.affected_by(reason, at))
        .map_or(Ok(()), |changed| write_endpoint(connection, &changed))
}

/// Hops from lane to lane in the hot index: the cost is that of the lanes listed, not of what is in them.
fn lanes(connection: &Connection, after: Option<EndpointId>, limit: u32) -> rusqlite::Result<Vec<LaneDue>> {
    let sql =
        "SELECT endpoint, due FROM hookwire_delivery WHERE state = 0 AND endpoint > ?1 ORDER BY endpoint, due LIMIT 1";
    let mut next = connection.prepare_cached(sql)?;
    let mut lanes = Vec::new();
    // Every id sorts after the empty text.
    let mut last = after.map(|id| id.as_bytes().to_vec()).unwrap_or_default();
    while lanes.len() < limit as usize {
        let lane = next.query_row([&last], |row| Ok(LaneDue { endpoint: endpoint_id(row, 0)?, due: time(row, 1)? }));
        let Some(lane) = lane.optional()? else { break };
        last = lane.endpoint.as_bytes().to_vec();
        lanes.push(lane);
    }
    Ok(lanes)
}
