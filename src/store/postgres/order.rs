//! Ordering keys.
//!
//! Every change to the deliveries of a key takes three steps: it locks the key, makes its change, and then [`arrange`]s the key. Two
//! transactions never arrange one key at the same time, so each sees the other's changes.

use std::time::Duration;

use futures_util::future::try_join;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::error::{OrderedLane, StoreFailure};
use super::rows::{BYTES, LONGS, TEXTS, UUIDS, delivery_id, get, signed, uuid_of_delivery};
use super::session::{Param, Session};
use crate::clock::{Clock, SystemClock, Timestamp};
use crate::store::Append;
use crate::store::ordering::{self, Change, KeyedDelivery, Turn};
use crate::store::sql::{HELD, WAITING, lane_column, order_column, restore_order};

/// The ordering keys to which a batch adds deliveries.
pub(super) fn lanes_of(batch: &[Append]) -> Vec<OrderedLane> {
    let mut lanes = Vec::new();
    for append in batch {
        let Some(key) = append.event.order.as_ref().map(order_column) else { continue };
        lanes.extend(append.deliveries.iter().map(|delivery| (lane_column(delivery.lane), key.clone())));
    }
    lanes.sort_unstable();
    lanes.dedup();
    lanes
}

const LANES: &str = "SELECT DISTINCT lane, order_key FROM hookwire.every_delivery \
     WHERE id = ANY($1) AND order_key IS NOT NULL";

/// The ordering keys of these deliveries.
pub(super) async fn lanes_of_deliveries(session: &Session<'_>, ids: &[Uuid]) -> Result<Vec<OrderedLane>, StoreFailure> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows = session.query(LANES, &[(&ids, UUIDS)]).await?;
    rows.iter().map(|row| Ok((get(row, "lane")?, get(row, "order_key")?))).collect()
}

// Locks the keys in sorted order, so that two transactions never wait for each other.
const LOCK: &str = "SELECT pg_advisory_xact_lock(place) FROM (SELECT DISTINCT hashtextextended($1 || encode(lane, 'hex') || key, 0) \
     AS place FROM unnest($2, $3) AS l (lane, key) ORDER BY 1) lanes";

/// How long a transaction for many callers waits for a key that another transaction holds. This is longer than the store's own changes
/// take; an application's transaction may be longer without limit.
pub(super) const GROUP_LOCK_WAIT: Duration = Duration::from_millis(30);

/// How long a call that is retried separately later waits for such a key.
pub(super) const RETRIED_LOCK_WAIT: Duration = Duration::from_millis(500);

/// The time between two tries to get the lock.
const LOCK_POLL: Duration = Duration::from_millis(3);

const TRY_LOCK: &str = "SELECT l.item, pg_try_advisory_xact_lock(hashtextextended($1 || encode(l.lane, 'hex') || l.key, 0)) AS got \
     FROM unnest($2, $3, $4) AS l (lane, key, item)";

/// Like [`lock`], for a transaction that others wait for: after the longest wait it fails with the keys that another transaction holds.
pub(super) async fn lock_within(
    session: &Session<'_>,
    lanes: &[OrderedLane],
    longest: Duration,
) -> Result<(), StoreFailure> {
    let began = SystemClock.uptime();
    loop {
        let held = try_lock(session, lanes).await?;
        if held.is_empty() {
            return Ok(());
        }
        if SystemClock.uptime().saturating_sub(began) >= longest {
            return Err(StoreFailure::Held(held));
        }
        tokio::time::sleep(LOCK_POLL).await;
    }
}

/// Locks the free keys. Returns those that another transaction holds.
pub(super) async fn try_lock(session: &Session<'_>, lanes: &[OrderedLane]) -> Result<Vec<OrderedLane>, StoreFailure> {
    if lanes.is_empty() {
        return Ok(Vec::new());
    }
    let (of, keys) = columns(lanes);
    let items: Vec<_> = (0..lanes.len()).map(|index| signed(index as u64)).collect();
    let name = session.lock_name();
    let params: [Param<'_>; 4] = [(&name, Type::TEXT), (&of, BYTES), (&keys, TEXTS), (&items, LONGS)];
    let mut held = Vec::new();
    for row in &session.query(TRY_LOCK, &params).await? {
        if !get::<bool>(row, "got")? {
            let index = usize::try_from(get::<i64>(row, "item")?).unwrap_or(usize::MAX);
            held.extend(lanes.get(index).cloned());
        }
    }
    Ok(held)
}

/// Prevents changes to these keys by others until the transaction ends.
pub(super) async fn lock(session: &Session<'_>, lanes: &[OrderedLane]) -> Result<(), StoreFailure> {
    if lanes.is_empty() {
        return Ok(());
    }
    let (of, keys) = columns(lanes);
    let name = session.lock_name();
    let params: [Param<'_>; 3] = [(&name, Type::TEXT), (&of, BYTES), (&keys, TEXTS)];
    session.query(LOCK, &params).await.map(drop)
}

// No claim can take these rows from here on. The statement waits for an earlier claim; its rows are leased then and are not locked.
const LOCK_READY: &str = "SELECT d.id FROM unnest($1, $2) AS l (lane, key) JOIN hookwire.delivery d ON d.lane = l.lane \
     AND d.order_key = l.key WHERE d.state = 0 AND NOT d.leased AND d.due < 9223372036854775807 FOR UPDATE OF d";

// One waiting delivery of a `Fifo` key is enough, so the cost does not depend on how many wait.
const ROWS: &str = "SELECT l.item, d.* FROM unnest($1, $2, $3) AS l (lane, key, item) CROSS JOIN LATERAL (\
     (SELECT a.id, a.place, a.state, a.due, a.leased FROM hookwire.delivery a WHERE a.lane = l.lane AND a.order_key = l.key \
     AND (a.due < 9223372036854775807 OR left(l.key, 1) = 'l')) UNION ALL \
     (SELECT w.id, w.place, w.state, w.due, w.leased FROM hookwire.delivery w WHERE w.lane = l.lane AND w.order_key = l.key \
     AND w.due = 9223372036854775807 AND left(l.key, 1) = 'f' ORDER BY w.place, w.id LIMIT 1)) d";

const SUPERSEDE: &str = "WITH gone AS (DELETE FROM hookwire.delivery WHERE id = ANY($1) AND NOT leased RETURNING *) \
     INSERT INTO hookwire.finished (id, event, lane, state, due, fence, attempts, created_at, order_key, \
     finished_at, reason, log) SELECT id, event, lane, 3, due, fence + 1, attempts, created_at, order_key, $2, \
     'superseded', log FROM gone";

// Uses the server's time, because the caller's clock may be wrong.
const PROMOTE: &str = "UPDATE hookwire.delivery SET due = least($2, (extract(epoch FROM now()) * 1000000)::bigint) \
     WHERE id = ANY($1)";

const BLOCK: &str = "UPDATE hookwire.delivery SET due = 9223372036854775807 WHERE id = ANY($1) AND NOT leased";

/// Brings keys into order after a change: call this last, while [`lock`] holds the keys.
pub(super) async fn arrange(session: &Session<'_>, lanes: &[OrderedLane], now: Timestamp) -> Result<(), StoreFailure> {
    if lanes.is_empty() {
        return Ok(());
    }
    let (of, keys) = columns(lanes);
    let items: Vec<_> = (0..lanes.len()).map(|index| signed(index as u64)).collect();
    let keyed: [Param<'_>; 2] = [(&of, BYTES), (&keys, TEXTS)];
    let numbered: [Param<'_>; 3] = [(&of, BYTES), (&keys, TEXTS), (&items, LONGS)];
    // Sent together; the second statement sees the changes that the first has waited for.
    let (_, rows) = try_join(session.query(LOCK_READY, &keyed), session.query(ROWS, &numbered)).await?;
    let mut found = vec![Vec::new(); lanes.len()];
    for row in &rows {
        let item = usize::try_from(get::<i64>(row, "item")?).unwrap_or(usize::MAX);
        if let Some(found) = found.get_mut(item) {
            found.push(keyed_delivery(row)?);
        }
    }
    let mut changes = Changes::default();
    for ((_, key), rows) in lanes.iter().zip(&found) {
        let order = restore_order(key).ok_or_else(|| StoreFailure::unreadable("unknown ordering key"))?;
        ordering::arrange(&order, rows).into_iter().for_each(|change| changes.add(change));
    }
    changes.apply(session, now).await
}

fn keyed_delivery(row: &tokio_postgres::Row) -> Result<KeyedDelivery, StoreFailure> {
    let turn = match (get::<i16>(row, "state")?, get::<bool>(row, "leased")?, get::<i64>(row, "due")?) {
        (HELD, ..) => Turn::Held,
        (_, true, _) => Turn::Leased,
        (_, _, WAITING) => Turn::Waiting,
        _ => Turn::Ready,
    };
    Ok(KeyedDelivery { id: delivery_id(row, "id")?, place: get(row, "place")?, turn })
}

/// The changes to the keys of a batch.
#[derive(Default)]
struct Changes {
    promoted: Vec<Uuid>,
    blocked: Vec<Uuid>,
    superseded: Vec<Uuid>,
}

impl Changes {
    fn add(&mut self, change: Change) {
        match change {
            Change::Promote(id) => self.promoted.push(uuid_of_delivery(id)),
            Change::Block(id) => self.blocked.push(uuid_of_delivery(id)),
            Change::Supersede(id) => self.superseded.push(uuid_of_delivery(id)),
        }
    }

    async fn apply(&self, session: &Session<'_>, now: Timestamp) -> Result<(), StoreFailure> {
        let now: Param<'_> = (&now.as_micros(), Type::INT8);
        if !self.superseded.is_empty() {
            session.query(SUPERSEDE, &[(&self.superseded, UUIDS), now.clone()]).await?;
        }
        if !self.blocked.is_empty() {
            session.query(BLOCK, &[(&self.blocked, UUIDS)]).await?;
        }
        if !self.promoted.is_empty() {
            session.query(PROMOTE, &[(&self.promoted, UUIDS), now]).await?;
        }
        Ok(())
    }
}

fn columns(lanes: &[OrderedLane]) -> (Vec<&[u8]>, Vec<&str>) {
    lanes.iter().map(|(lane, key)| (lane.as_slice(), key.as_str())).unzip()
}
