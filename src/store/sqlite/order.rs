//! Ordering keys in SQL: of each lane and key one delivery is in the way, those behind it are due never.

use rusqlite::{Connection, OptionalExtension, params};

use crate::clock::Timestamp;
use crate::store::relational::NEVER;

fn is_latest(key: &str) -> bool {
    key.starts_with('l')
}

/// Makes room for a new delivery of this key and answers when it is due: at `due`, or never while another is in the way.
pub(super) fn enter(
    connection: &Connection,
    lane: &[u8],
    key: &str,
    due: Timestamp,
    now: Timestamp,
) -> rusqlite::Result<i64> {
    if is_latest(key) {
        supersede(connection, lane, key, now)?;
    }
    Ok(if is_blocked(connection, lane, key)? { NEVER } else { due.as_micros() })
}

/// Cancels what waits under a key: behind another, held, or between two attempts.
fn supersede(connection: &Connection, lane: &[u8], key: &str, now: Timestamp) -> rusqlite::Result<()> {
    let sql = "UPDATE hookwire_delivery SET state = 3, reason = 'superseded', finished_at = ?3, fence = fence + 1 \
               WHERE id IN (SELECT id FROM hookwire_delivery WHERE lane = ?1 AND order_key = ?2 \
               AND finished_at IS NULL AND (state = 4 OR due = ?4 OR fence = 0 OR fence = last_fence + 1))";
    connection.prepare_cached(sql)?.execute(params![lane, key, now.as_micros(), NEVER]).map(drop)
}

/// Whether a delivery of this key is in the way: pending or held, and not itself waiting.
pub(super) fn is_blocked(connection: &Connection, lane: &[u8], key: &str) -> rusqlite::Result<bool> {
    let sql = "SELECT 1 FROM hookwire_delivery WHERE lane = ?1 AND order_key = ?2 AND finished_at IS NULL \
               AND due < ?3 LIMIT 1";
    let found = connection.prepare_cached(sql)?.query_row(params![lane, key, NEVER], |_| Ok(())).optional()?;
    Ok(found.is_some())
}

/// Nothing is in the way any more: the oldest that waits is due.
pub(super) fn follow(connection: &Connection, lane: &[u8], key: &str, now: Timestamp) -> rusqlite::Result<()> {
    let sql = "UPDATE hookwire_delivery SET due = ?3 WHERE id = (SELECT id FROM hookwire_delivery \
               WHERE lane = ?1 AND order_key = ?2 AND finished_at IS NULL AND due = ?4 ORDER BY event LIMIT 1)";
    connection.prepare_cached(sql)?.execute(params![lane, key, now.as_micros(), NEVER]).map(drop)
}

/// Whether a delivery that is to be tried again has been overtaken by a newer one of its key.
pub(super) fn is_overtaken(connection: &Connection, lane: &[u8], key: &str) -> rusqlite::Result<bool> {
    if !is_latest(key) {
        return Ok(false);
    }
    let sql = "SELECT 1 FROM hookwire_delivery WHERE lane = ?1 AND order_key = ?2 AND finished_at IS NULL \
               AND due = ?3 LIMIT 1";
    let found = connection.prepare_cached(sql)?.query_row(params![lane, key, NEVER], |_| Ok(())).optional()?;
    Ok(found.is_some())
}
