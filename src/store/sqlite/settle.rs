//! Recording the ends of attempts in SQL: delivery, attempt, ordering key and endpoint in one transaction.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use rusqlite::{Connection, ToSql, params};

use super::order;
use super::rows::{Vault, does_not_read, find_endpoint, health, lease_fence, write_endpoint, write_health};
use crate::clock::Timestamp;
use crate::delivery::{Attempt, Lease, Next, Settlement};
use crate::endpoint::Health;
use crate::id::EndpointId;
use crate::retry::FailReason;
use crate::store::Settled;
use crate::store::relational::{CANCELLED, DELIVERED, FAILED, HELD, lane_column, leave_out};

/// Settles a batch. An endpoint's health is read and written once, however many of its attempts are in it.
pub(super) fn settle_all(
    connection: &Connection,
    vault: &Vault,
    batch: &[Settlement],
) -> rusqlite::Result<Vec<Settled>> {
    let mut known: HashMap<EndpointId, (Health, bool)> = HashMap::new();
    let mut answers = Vec::with_capacity(batch.len());
    for settlement in batch {
        let settled = settle(connection, vault, settlement)?;
        answers.push(settled);
        if settled == Settled::LeaseLost {
            continue;
        }
        // A queue has no health to keep.
        let Some(endpoint) = settlement.lane.endpoint() else { continue };
        let (health, changed) = match known.entry(endpoint) {
            Entry::Occupied(kept) => kept.into_mut(),
            Entry::Vacant(slot) => slot.insert((health(connection, endpoint)?, false)),
        };
        if let Some(after) = health.after(settlement) {
            (*health, *changed) = (after, true);
        }
    }
    for (endpoint, (health, _)) in known.iter().filter(|(_, (_, changed))| *changed) {
        write_health(connection, *endpoint, health)?;
    }
    Ok(answers)
}

fn settle(connection: &Connection, vault: &Vault, settlement: &Settlement) -> rusqlite::Result<Settled> {
    let Settlement { lease, attempt, next, at, .. } = settlement;
    // Under the first fence there cannot be an earlier attempt.
    if lease.fence > 1 && attempt.is_some() {
        keep_last_attempt(connection, *lease)?;
    }
    // Every settlement ends the lease: the same one again, or an extension after it, no longer counts.
    let finish = |state: i16, reason: Option<FailReason>| {
        update(connection, FINISH, settlement, &[&state, &at.as_micros(), &reason.map(FailReason::as_str)])
    };
    let is_valid = match next {
        Next::Delivered => finish(DELIVERED, None)?,
        Next::Failed { reason } | Next::Disable { reason } => finish(FAILED, Some(*reason))?,
        Next::Held { reason } => update(connection, HOLD, settlement, &[&HELD, &at.as_micros(), &reason.as_str()])?,
        Next::Retry { due } => update(connection, RETRY, settlement, &[&due.as_micros()])?,
        Next::Again { due } => update(connection, AGAIN, settlement, &[&due.as_micros()])?,
    };
    if !is_valid {
        return Ok(Settled::LeaseLost);
    }
    if settlement.ordered {
        pass_on(connection, settlement)?;
    }
    affect_endpoint(connection, vault, settlement)?;
    Ok(Settled::Done)
}

/// The next of the key follows, when this one is out of the way or has been overtaken.
fn pass_on(connection: &Connection, settlement: &Settlement) -> rusqlite::Result<()> {
    let (id, lane, at) = (settlement.lease.delivery, lane_column(settlement.lane), settlement.at);
    let sql = "SELECT order_key FROM hookwire_delivery WHERE id = ?1";
    let key: Option<String> = connection.prepare_cached(sql)?.query_row([id.as_bytes()], |row| row.get(0))?;
    let Some(key) = key else { return Ok(()) };
    match settlement.next {
        Next::Held { .. } => return Ok(()),
        Next::Delivered | Next::Failed { .. } | Next::Disable { .. } => {}
        Next::Retry { .. } | Next::Again { .. } => {
            if !order::is_overtaken(connection, &lane, &key)? {
                return Ok(());
            }
            let sql = "UPDATE hookwire_delivery SET state = ?2, finished_at = ?3, reason = ?4 WHERE id = ?1";
            let superseded = FailReason::Superseded.as_str();
            connection.prepare_cached(sql)?.execute(params![id.as_bytes(), CANCELLED, at.as_micros(), superseded])?;
        }
    }
    order::follow(connection, &lane, &key, at)
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
const HOLD: &str = settling!("state = ?9, due = ?10, reason = ?11, faults = 0, fence = fence + 1");
const RETRY: &str = settling!("due = ?9, faults = 0, fence = fence + 1");
const AGAIN: &str = settling!("due = ?9, attempts = max(attempts - 1, 0), faults = faults + 1, fence = fence + 1");

/// Runs one of the statements above; `rest` are its parameters from `?9` on. Answers whether the lease was valid.
fn update(connection: &Connection, sql: &str, of: &Settlement, rest: &[&dyn ToSql]) -> rusqlite::Result<bool> {
    let last = Last::of(of.attempt.as_ref());
    let (id, fence) = (of.lease.delivery.as_bytes(), lease_fence(of.lease));
    let first: [&dyn ToSql; 8] =
        [id, &fence, &last.number, &last.at, &last.duration, &last.class, &last.status, &last.excerpt];
    let all: Vec<_> = first.iter().chain(rest).copied().collect();
    Ok(connection.prepare_cached(sql)?.execute(&*all)? > 0)
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

/// What a final failure does to its endpoint.
fn affect_endpoint(connection: &Connection, vault: &Vault, settlement: &Settlement) -> rusqlite::Result<()> {
    let affects = matches!(settlement.next, Next::Disable { .. } | Next::Failed { reason: FailReason::Blocked });
    let Some(id) = settlement.lane.endpoint().filter(|_| affects) else { return Ok(()) };
    let endpoint = match find_endpoint(connection, vault, id) {
        Err(error) if does_not_read(&error) => {
            leave_out(&id, &error);
            None
        }
        found => found?,
    };
    endpoint
        .and_then(|endpoint| endpoint.affected_by(settlement.next, settlement.at))
        .map_or(Ok(()), |changed| write_endpoint(connection, vault, &changed))
}

/// Under which conditions an update that is fenced by a lease counts; `?3` is a time.
pub(super) fn under_lease(
    connection: &Connection,
    sql: &str,
    lease: Lease,
    due: Timestamp,
) -> rusqlite::Result<Settled> {
    let changed = connection.prepare_cached(sql)?.execute(params![
        lease.delivery.as_bytes(),
        lease_fence(lease),
        due.as_micros()
    ])?;
    Ok(if changed == 0 { Settled::LeaseLost } else { Settled::Done })
}
