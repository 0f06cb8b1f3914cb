//! Ordering keys in SQL.

use rusqlite::{Row, params};

use super::rows::{delivery_id, unreadable};
use super::session::Session;
use crate::clock::Timestamp;
use crate::id::DeliveryId;
use crate::retry::FailReason;
use crate::store::ordering::{Change, KeyedDelivery, Turn, arrange};
use crate::store::sql::{CANCELLED, HELD, PENDING, WAITING, restore_order};

/// A lane and one of its ordering keys, as stored in the table.
pub(super) type Key<'a> = (&'a [u8], &'a str);

/// A delivery that was never claimed, to be inserted.
pub(super) struct NewRow<'a> {
    pub(super) id: DeliveryId,
    pub(super) event: i64,
    pub(super) lane: &'a [u8],
    pub(super) key: Option<&'a str>,
    pub(super) due: Timestamp,
    /// Whether it is leased until it is due.
    pub(super) is_leased: bool,
    pub(super) now: Timestamp,
}

const INSERT: &str = "INSERT INTO hookwire_delivery \
     (id, event, lane, state, due, attempts, faults, fence, created_at, order_key, finished_at, reason) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, ?6, ?7, ?8, ?9, ?10)";

/// Inserts a delivery at its place in its ordering key.
pub(super) fn insert(session: &Session<'_>, row: &NewRow<'_>) -> rusqlite::Result<()> {
    let mut state = PENDING;
    let mut due = row.due.as_micros();
    if let Some(key) = row.key {
        let new = KeyedDelivery { id: row.id, place: row.event, turn: Turn::Ready };
        for change in changes((row.lane, key), session, Some(new))? {
            match change {
                Change::Block(id) if id == row.id => due = WAITING,
                Change::Supersede(id) if id == row.id => state = CANCELLED,
                change => apply(session, change, row.now)?,
            }
        }
    }
    let is_superseded = state == CANCELLED;
    session.execute(
        INSERT,
        params![
            row.id.as_bytes(),
            row.event,
            row.lane,
            state,
            due,
            i64::from(row.is_leased),
            row.now.as_micros(),
            row.key,
            is_superseded.then(|| row.now.as_micros()),
            is_superseded.then(|| FailReason::Superseded.as_str())
        ],
    )?;
    Ok(())
}

/// Brings a key into order after a change. Deliveries that become ready are due at `now`.
pub(super) fn arrange_key(session: &Session<'_>, key: Key<'_>, now: Timestamp) -> rusqlite::Result<()> {
    changes(key, session, None)?.into_iter().try_for_each(|change| apply(session, change, now))
}

const ALL: &str = "SELECT id, event, state, due, fence, leased_fence FROM hookwire_delivery \
     WHERE lane = ?1 AND order_key = ?2 AND finished_at IS NULL";

// Reads at most one waiting delivery, so the cost does not depend on how many wait.
const FEW: &str = "SELECT id, event, state, due, fence, leased_fence FROM hookwire_delivery \
     WHERE lane = ?1 AND order_key = ?2 AND finished_at IS NULL AND due < 9223372036854775807 \
     UNION ALL SELECT * FROM (SELECT id, event, state, due, fence, leased_fence FROM hookwire_delivery \
     WHERE lane = ?1 AND order_key = ?2 AND finished_at IS NULL AND due = 9223372036854775807 ORDER BY event, id LIMIT 1)";

/// The changes that a key requires, including a delivery that is about to be added.
fn changes((lane, key): Key<'_>, session: &Session<'_>, new: Option<KeyedDelivery>) -> rusqlite::Result<Vec<Change>> {
    let order = restore_order(key).ok_or_else(|| unreadable(1, "unknown ordering key"))?;
    let sql = if order.is_latest() { ALL } else { FEW };
    let mut statement = session.prepare_cached(sql)?;
    let mut rows = statement.query_map(params![lane, key], keyed)?.collect::<Result<Vec<_>, _>>()?;
    rows.extend(new);
    Ok(arrange(&order, &rows))
}

fn keyed(row: &Row<'_>) -> rusqlite::Result<KeyedDelivery> {
    let (state, due): (i16, i64) = (row.get(2)?, row.get(3)?);
    let (fence, leased): (i64, Option<i64>) = (row.get(4)?, row.get(5)?);
    let turn = match state {
        HELD => Turn::Held,
        _ if leased == Some(fence) => Turn::Leased,
        _ if due == WAITING => Turn::Waiting,
        _ => Turn::Ready,
    };
    Ok(KeyedDelivery { id: delivery_id(row, 0)?, place: row.get(1)?, turn })
}

fn apply(session: &Session<'_>, change: Change, now: Timestamp) -> rusqlite::Result<()> {
    let (id, due) = match change {
        Change::Promote(id) => (id, now.as_micros()),
        Change::Block(id) => (id, WAITING),
        Change::Supersede(id) => {
            let sql = "UPDATE hookwire_delivery SET state = 3, reason = 'superseded', finished_at = ?2, faults = 0, \
                       fence = fence + 1 WHERE id = ?1";
            return session.execute(sql, params![id.as_bytes(), now.as_micros()]).map(drop);
        }
    };
    let sql = "UPDATE hookwire_delivery SET due = ?2 WHERE id = ?1";
    session.execute(sql, params![id.as_bytes(), due]).map(drop)
}
