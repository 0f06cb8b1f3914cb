//! Ordering keys: of each lane and key one delivery is in the way, those behind it are due never.
//!
//! Whatever changes the deliveries of a key does three things: it locks the key, makes its change, and then [`arrange`]s the key
//! again. Two transactions never arrange one key at the same time, so each sees what the other has done.

use std::time::Duration;

use uuid::Uuid;

use super::error::Trouble;
use super::rows::{BYTES, LONGS, TEXTS, UUIDS, get, signed};
use super::session::{Param, Session};
use crate::clock::{Clock, SystemClock, Timestamp};
use crate::store::Append;
use crate::store::relational::{lane_column, order_column};

/// A lane and one of its ordering keys, as the tables have it.
pub(super) type OrderedLane = (Vec<u8>, String);

/// The ordering keys that a batch adds to.
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
pub(super) async fn lanes_of_deliveries(session: &Session<'_>, ids: &[Uuid]) -> Result<Vec<OrderedLane>, Trouble> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows = session.query(LANES, &[(&ids, UUIDS)]).await?;
    rows.iter().map(|row| Ok((get(row, "lane")?, get(row, "order_key")?))).collect()
}

// In one order, so that two transactions never wait for each other.
const LOCK: &str = "SELECT pg_advisory_xact_lock(place) FROM (SELECT DISTINCT hashtextextended($1 || encode(lane, 'hex') || key, 0) \
     AS place FROM unnest($2, $3) AS l (lane, key) ORDER BY 1) lanes";

/// How long a transaction that stands for many callers waits for a key that somebody else is changing. Longer than our own changes
/// take; an application's transaction may last for as long as it likes.
pub(super) const FOR_ALL: Duration = Duration::from_millis(30);

/// The same where what cannot be done now is set aside and tried again.
pub(super) const SET_ASIDE: Duration = Duration::from_millis(500);

/// How often it looks meanwhile.
const LOOK: Duration = Duration::from_millis(3);

const TRY_LOCK: &str = "SELECT l.item, pg_try_advisory_xact_lock(hashtextextended($1 || encode(l.lane, 'hex') || l.key, 0)) AS got \
     FROM unnest($2, $3, $4) AS l (lane, key, item)";

/// As [`lock`], where others wait for the same transaction: an error that names the keys that somebody else holds for longer.
pub(super) async fn lock_within(session: &Session<'_>, lanes: &[OrderedLane], most: Duration) -> Result<(), Trouble> {
    let began = SystemClock.uptime();
    loop {
        let held = try_lock(session, lanes).await?;
        if held.is_empty() {
            return Ok(());
        }
        if SystemClock.uptime().saturating_sub(began) >= most {
            return Err(Trouble::Held(held));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Those that somebody else holds.
pub(super) async fn try_lock(session: &Session<'_>, lanes: &[OrderedLane]) -> Result<Vec<OrderedLane>, Trouble> {
    if lanes.is_empty() {
        return Ok(Vec::new());
    }
    let (of, keys) = columns(lanes);
    let items: Vec<_> = (0..lanes.len()).map(|index| signed(index as u64)).collect();
    let name = session.lock_name();
    let params: [Param<'_>; 4] =
        [(&name, tokio_postgres::types::Type::TEXT), (&of, BYTES), (&keys, TEXTS), (&items, LONGS)];
    let mut held = Vec::new();
    for row in &session.query(TRY_LOCK, &params).await? {
        if !get::<bool>(row, "got")? {
            let index = usize::try_from(get::<i64>(row, "item")?).unwrap_or(usize::MAX);
            held.extend(lanes.get(index).cloned());
        }
    }
    Ok(held)
}

/// Keeps others from changing these keys until the transaction ends.
pub(super) async fn lock(session: &Session<'_>, lanes: &[OrderedLane]) -> Result<(), Trouble> {
    if lanes.is_empty() {
        return Ok(());
    }
    let (of, keys) = columns(lanes);
    let name = session.lock_name();
    let params: [Param<'_>; 3] = [(&name, tokio_postgres::types::Type::TEXT), (&of, BYTES), (&keys, TEXTS)];
    session.query(LOCK, &params).await.map(drop)
}

// Under a key of which only the newest counts, everything older goes that nobody is trying at the moment.
const SUPERSEDE: &str = "WITH gone AS (DELETE FROM hookwire.delivery d USING unnest($1, $2) AS l (lane, key) \
     WHERE left(l.key, 1) = 'l' AND d.lane = l.lane AND d.order_key = l.key AND NOT d.leased AND EXISTS \
     (SELECT 1 FROM hookwire.delivery n WHERE n.lane = l.lane AND n.order_key = l.key AND n.place > d.place) \
     RETURNING d.*) INSERT INTO hookwire.finished (id, event, lane, state, due, fence, attempts, created_at, order_key, \
     finished_at, reason, log) SELECT id, event, lane, 3, due, fence + 1, attempts, created_at, order_key, ($3)[1], \
     'superseded', log FROM gone";

// Where nothing is in the way, the oldest that waits is due: now, whatever time it is where the caller runs, unless its time is set.
const PROMOTE: &str = "UPDATE hookwire.delivery SET due = coalesce(($3)[2], least(($3)[1], \
     (extract(epoch FROM now()) * 1000000)::bigint)) WHERE id IN (SELECT \
     (SELECT w.id FROM hookwire.delivery w WHERE w.lane = l.lane AND w.order_key = l.key \
     AND w.due = 9223372036854775807 ORDER BY w.place LIMIT 1) FROM unnest($1, $2) AS l (lane, key) \
     WHERE NOT EXISTS (SELECT 1 FROM hookwire.delivery b WHERE b.lane = l.lane AND b.order_key = l.key \
     AND b.due < 9223372036854775807))";

/// Brings keys back in order after a change: call it last, under [`lock`].
pub(super) async fn arrange(session: &Session<'_>, lanes: &[OrderedLane], now: Timestamp) -> Result<(), Trouble> {
    arrange_by(session, lanes, vec![now.as_micros()]).await
}

/// The same where what is due next is due then, which may be later.
pub(super) async fn arrange_for(session: &Session<'_>, lanes: &[OrderedLane], due: Timestamp) -> Result<(), Trouble> {
    arrange_by(session, lanes, vec![due.as_micros(); 2]).await
}

async fn arrange_by(session: &Session<'_>, lanes: &[OrderedLane], now: Vec<i64>) -> Result<(), Trouble> {
    if lanes.is_empty() {
        return Ok(());
    }
    let (of, keys) = columns(lanes);
    let params: [Param<'_>; 3] = [(&of, BYTES), (&keys, TEXTS), (&now, LONGS)];
    session.query(SUPERSEDE, &params).await?;
    session.query(PROMOTE, &params).await.map(drop)
}

fn columns(lanes: &[OrderedLane]) -> (Vec<&[u8]>, Vec<&str>) {
    lanes.iter().map(|(lane, key)| (lane.as_slice(), key.as_str())).unzip()
}
