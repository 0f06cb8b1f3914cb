//! Recording the ends of attempts in SQL: delivery, attempt, ordering key and endpoint in one transaction.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use rusqlite::{ToSql, params};

use super::order;
use super::rows::{KeySealer, find_endpoint, health, is_unreadable, lease_fence, write_endpoint, write_health};
use super::session::Session;
use crate::clock::Timestamp;
use crate::delivery::{Attempt, Lease, Settlement};
use crate::endpoint::Health;
use crate::id::EndpointId;
use crate::retry::{Decision, FailReason};
use crate::store::Settled;
use crate::store::relational::leave_out;
use crate::store::sql::{DELIVERED, FAILED, HELD, lane_column, note_settlement};

/// Settles a batch. An endpoint's health is read and written once, however many of its attempts are in the batch.
pub(super) fn settle_all(
    session: &Session<'_>,
    sealer: &KeySealer,
    batch: &[Settlement],
) -> rusqlite::Result<Vec<Settled>> {
    let mut known: HashMap<EndpointId, (Health, bool)> = HashMap::new();
    let (mut answers, mut notes) = (Vec::with_capacity(batch.len()), Vec::new());
    for settlement in batch {
        let settled = settle(session, sealer, settlement)?;
        answers.push(settled);
        if settled == Settled::LeaseLost {
            continue;
        }
        note_settlement(&mut notes, settlement);
        // A queue has no health.
        let Some(endpoint) = settlement.lane.endpoint() else { continue };
        let (health, changed) = match known.entry(endpoint) {
            Entry::Occupied(kept) => kept.into_mut(),
            Entry::Vacant(slot) => slot.insert((health(session, endpoint)?, false)),
        };
        if let Some(after) = health.after(settlement) {
            (*health, *changed) = (after, true);
        }
    }
    for (endpoint, (health, _)) in known.iter().filter(|(_, (_, changed))| *changed) {
        write_health(session, *endpoint, health)?;
    }
    if !notes.is_empty() {
        session.execute("INSERT INTO hookwire_settled (notes) VALUES (?1)", [notes])?;
    }
    Ok(answers)
}

fn settle(session: &Session<'_>, sealer: &KeySealer, settlement: &Settlement) -> rusqlite::Result<Settled> {
    let Settlement { lease, attempt, decision, at, .. } = settlement;
    // With the first fence there cannot be an earlier attempt.
    if lease.fence > 1 && attempt.is_some() {
        keep_last_attempt(session, *lease)?;
    }
    // Every settlement ends the lease: a second settlement or a later extension changes nothing.
    let finish = |state: i16, reason: Option<FailReason>| {
        update(session, FINISH, settlement, &[&state, &at.as_micros(), &reason.map(FailReason::as_str)])
    };
    let is_valid = match decision {
        Decision::Delivered => finish(DELIVERED, None)?,
        Decision::Fail { reason } | Decision::Disable { reason } => finish(FAILED, Some(*reason))?,
        Decision::Hold { reason } => update(session, HOLD, settlement, &[&HELD, &at.as_micros(), &reason.as_str()])?,
        Decision::Retry { at: due, .. } => update(session, RETRY, settlement, &[&due.as_micros()])?,
        Decision::RetryUncounted { at: due } => update(session, AGAIN, settlement, &[&due.as_micros()])?,
    };
    if !is_valid {
        return Ok(Settled::LeaseLost);
    }
    if settlement.ordered {
        arrange_after(session, settlement)?;
    }
    affect_endpoint(session, sealer, settlement)?;
    Ok(Settled::Done)
}

/// Brings the ordering key of a settled delivery into order.
fn arrange_after(session: &Session<'_>, settlement: &Settlement) -> rusqlite::Result<()> {
    let sql = "SELECT order_key FROM hookwire_delivery WHERE id = ?1";
    let id = settlement.lease.delivery;
    let key: Option<String> = session.query_row(sql, [id.as_bytes()], |row| row.get(0))?;
    key.map_or(Ok(()), |key| order::arrange_key(session, (&lane_column(settlement.lane), &key), settlement.at))
}

/// Moves the previous attempt to its table, if the lease is valid and there was a previous attempt.
fn keep_last_attempt(session: &Session<'_>, lease: Lease) -> rusqlite::Result<()> {
    let sql = "INSERT INTO hookwire_attempt (delivery, fence, number, at, duration, class, status, excerpt) \
               SELECT id, last_fence, last_number, last_at, last_duration, last_class, last_status, last_excerpt \
               FROM hookwire_delivery WHERE id = ?1 AND fence = ?2 AND state = 0 AND last_fence IS NOT NULL";
    session.execute(sql, params![lease.delivery.as_bytes(), lease_fence(lease)]).map(drop)
}

/// The update of a settlement. `?1` and `?2` are its lease, `?3` to `?8` its attempt. If there was no attempt, the stored one is kept. The
/// compiler concatenates the statement, because every attempt runs it.
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

// These end the lease too: a second settlement or a later extension changes nothing.
const HOLD: &str = settling!("state = ?9, due = ?10, reason = ?11, faults = 0, fence = fence + 1");
const RETRY: &str = settling!("due = ?9, faults = 0, fence = fence + 1");
const AGAIN: &str = settling!("due = ?9, attempts = max(attempts - 1, 0), faults = faults + 1, fence = fence + 1");

/// Runs one of the statements above; `rest` are its parameters from `?9` on. Returns whether the lease was valid.
fn update(session: &Session<'_>, sql: &'static str, of: &Settlement, rest: &[&dyn ToSql]) -> rusqlite::Result<bool> {
    let last = Last::of(of.attempt.as_ref());
    let (id, fence) = (of.lease.delivery.as_bytes(), lease_fence(of.lease));
    let first: [&dyn ToSql; 8] =
        [id, &fence, &last.number, &last.at, &last.duration, &last.class, &last.status, &last.excerpt];
    let all: Vec<_> = first.iter().chain(rest).copied().collect();
    Ok(session.execute(sql, &*all)? > 0)
}

/// An attempt as columns; all `None` if there was no attempt.
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

/// Applies the effect of a final failure to the endpoint.
fn affect_endpoint(session: &Session<'_>, sealer: &KeySealer, settlement: &Settlement) -> rusqlite::Result<()> {
    let affects =
        matches!(settlement.decision, Decision::Disable { .. } | Decision::Fail { reason: FailReason::Blocked });
    let Some(id) = settlement.lane.endpoint().filter(|_| affects) else { return Ok(()) };
    let endpoint = match find_endpoint(session, sealer, id) {
        Err(error) if is_unreadable(&error) => {
            leave_out(&id, &error);
            None
        }
        found => found?,
    };
    endpoint
        .and_then(|endpoint| endpoint.affected_by(settlement.decision, settlement.at))
        .map_or(Ok(()), |changed| write_endpoint(session, sealer, &changed))
}

/// Runs an update that changes a delivery only under a valid lease; `?3` is a time.
pub(super) fn under_lease(
    session: &Session<'_>,
    sql: &'static str,
    lease: Lease,
    due: Timestamp,
) -> rusqlite::Result<Settled> {
    let changed = session.execute(sql, params![lease.delivery.as_bytes(), lease_fence(lease), due.as_micros()])?;
    Ok(if changed == 0 { Settled::LeaseLost } else { Settled::Done })
}
