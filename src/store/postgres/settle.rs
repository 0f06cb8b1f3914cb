//! Recording the ends of attempts: deliveries, ordering keys, health and endpoints in one transaction.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::try_join;
use tokio_postgres::Row;
use uuid::Uuid;

use super::error::Trouble;
use super::order;
use super::records::{Vault, find_endpoint, write_endpoint};
use super::rows::{
    INTS, LONGS, SHORTS, TEXTS, UUIDS, delivery_id, endpoint_id, fence, get, lease_fence, log_line, uuid_of_delivery,
    uuid_of_endpoint,
};
use super::session::{Db, Operation, Param, Session};
use crate::clock::Timestamp;
use crate::delivery::{Lease, Next, Settlement};
use crate::endpoint::Health;
use crate::id::EndpointId;
use crate::retry::FailReason;
use crate::store::Settled;
use crate::store::relational::{DELIVERED, FAILED, HELD, leave_out};

/// A batch of settlements.
pub(super) struct Settling {
    pub(super) batch: Vec<Settlement>,
    pub(super) vault: Vault,
    pub(super) noted: Noted,
}

/// Endpoints whose last success was noted so lately that another one changes nothing. Bounded; the statement checks it.
#[derive(Clone, Debug, Default)]
pub(super) struct Noted(Arc<Mutex<HashMap<EndpointId, Health>>>);

/// So many endpoints are remembered.
const MAX_NOTED: usize = 10_000;

impl Noted {
    fn known(&self) -> MutexGuard<'_, HashMap<EndpointId, Health>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, healths: &Healths) {
        let mut known = self.known();
        if known.len() + healths.len() > MAX_NOTED {
            known.clear();
        }
        known.extend(healths.iter().map(|(endpoint, health)| (*endpoint, *health)));
    }

    /// Whether all of these are successes that change nothing but their deliveries.
    fn covers(&self, batch: &[Settlement]) -> bool {
        let known = self.known();
        // A queue has no health to keep.
        let changes_nothing = |one: &Settlement| {
            one.lane.endpoint().is_none_or(|id| known.get(&id).is_some_and(|health| health.after(one).is_none()))
        };
        batch.iter().all(|one| one.next == Next::Delivered && !one.ordered && changes_nothing(one))
    }

    /// Settles in one statement, which is a transaction of its own. `None` where there is more to do, or something has failed:
    /// nothing was changed then, or the longer way finds what was.
    pub(super) async fn settle_at_once(&self, db: &Db, batch: &[Settlement]) -> Option<Vec<Settled>> {
        if !self.covers(batch) {
            return None;
        }
        let rows = Rows::of(batch).ok()?;
        let endpoints = endpoints_of(batch.iter());
        let mut params = rows.params();
        params.push((&endpoints, UUIDS));
        let settled = settled(&db.query_untried(SETTLE_HEALTHY, &params).await.ok()?).ok()?;
        // None: all lost, or an endpoint has failed elsewhere.
        (!settled.is_empty()).then(|| answers(batch, settled))
    }
}

impl Operation for Settling {
    type Answer = Vec<Settled>;

    async fn run(&self, session: &Session<'_>) -> Result<Vec<Settled>, Trouble> {
        settle_all(session, &self.vault, &self.noted, &self.batch).await
    }
}

pub(super) async fn settle_all(
    session: &Session<'_>,
    vault: &Vault,
    noted: &Noted,
    batch: &[Settlement],
) -> Result<Vec<Settled>, Trouble> {
    let ordered: Vec<_> =
        batch.iter().filter(|one| one.ordered).map(|one| uuid_of_delivery(one.lease.delivery)).collect();
    let lanes = order::lanes_of_deliveries(session, &ordered).await?;
    if session.is_lent() {
        order::lock(session, &lanes).await?;
    } else {
        order::lock_within(session, &lanes, order::SET_ASIDE).await?;
    }
    let rows = Rows::of(batch)?;
    // Sent together: mostly an endpoint goes on as it was, and there is nothing to write.
    let mut params = rows.params();
    params.push((&rows.delays, LONGS));
    let (rows, health) = try_join(session.query(SETTLE, &params), read_health(session, batch)).await?;
    let now = batch.iter().map(|one| one.at).max().unwrap_or_default();
    order::arrange(session, &lanes, now).await?;
    let answers = answers(batch, settled(&rows)?);
    let done: Vec<_> =
        batch.iter().zip(&answers).filter(|(_, answer)| **answer == Settled::Done).map(|(one, _)| one).collect();
    let before = |id: EndpointId| health.get(&id).copied().unwrap_or_default();
    if done.iter().any(|one| one.lane.endpoint().is_some_and(|id| before(id).after(one).is_some())) {
        keep_health(session, &done).await?;
    } else {
        noted.note(&health);
    }
    for one in &done {
        affect_endpoint(session, vault, one).await?;
    }
    if done.len() < answers.len() {
        // Who is told that it was settled before believes it.
        session.witness().await?;
    }
    Ok(answers)
}

/// The leases that were valid.
fn settled(rows: &[Row]) -> Result<HashSet<Lease>, Trouble> {
    rows.iter().map(|row| Ok(Lease { delivery: delivery_id(row, "id")?, fence: fence(row, "fence")? })).collect()
}

/// What became of each: the first of a lease counts, if that was valid.
fn answers(batch: &[Settlement], mut settled: HashSet<Lease>) -> Vec<Settled> {
    let answer = |one: &Settlement| if settled.remove(&one.lease) { Settled::Done } else { Settled::LeaseLost };
    batch.iter().map(answer).collect()
}

/// In one order, each once.
fn endpoints_of<'a>(batch: impl Iterator<Item = &'a Settlement>) -> Vec<Uuid> {
    let mut endpoints: Vec<_> = batch.filter_map(|one| one.lane.endpoint()).map(uuid_of_endpoint).collect();
    endpoints.sort_unstable();
    endpoints.dedup();
    endpoints
}

/// What a settlement makes of a delivery, by number in the statement: up to 3 its final state, then what follows.
const HOLD: i16 = HELD;
const RETRY: i16 = 5;
const AGAIN: i16 = 6;

// `due` says when it is due, or when it was finished.
const SETTLE: &str = "WITH s AS MATERIALIZED (SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7) \
     AS s (id, fence, kind, due, reason, line, delay)), \
     gone AS (DELETE FROM hookwire.delivery d USING s WHERE d.id = s.id AND d.fence = s.fence AND d.leased AND s.kind <= 3 \
     RETURNING d.*, s.kind, s.due AS at, s.reason AS why, s.line), \
     kept AS (INSERT INTO hookwire.finished (id, event, lane, state, due, fence, attempts, created_at, order_key, \
     finished_at, reason, log) SELECT id, event, lane, kind, due, fence, attempts, created_at, order_key, at, why, \
     log || line FROM gone), \
     changed AS (UPDATE hookwire.delivery d SET state = CASE s.kind WHEN 4 THEN 4 ELSE 0 END, \
     due = least(s.due, (extract(epoch FROM now()) * 1000000)::bigint + s.delay), \
     attempts = CASE s.kind WHEN 6 THEN greatest(d.attempts - 1, 0) ELSE d.attempts END, \
     faults = CASE s.kind WHEN 6 THEN d.faults + 1 ELSE 0 END, \
     fence = d.fence + 1, leased = false, reason = s.reason, log = d.log || s.line \
     FROM s WHERE d.id = s.id AND d.fence = s.fence AND d.leased AND s.kind > 3 RETURNING d.id, s.fence) \
     SELECT id, fence FROM gone UNION ALL SELECT id, fence FROM changed";

// The same for successes of endpoints that have not failed, and nothing where one of them has.
const SETTLE_HEALTHY: &str = "WITH gone AS (DELETE FROM hookwire.delivery d \
     USING unnest($1, $2, $3, $4, $5, $6) AS s (id, fence, kind, due, reason, line) \
     WHERE d.id = s.id AND d.fence = s.fence AND d.leased \
     AND NOT EXISTS (SELECT 1 FROM hookwire.health h WHERE h.endpoint = ANY($7) AND h.failures > 0) \
     RETURNING d.*, s.due AS at, s.line) \
     INSERT INTO hookwire.finished (id, event, lane, state, due, fence, attempts, created_at, order_key, finished_at, log) \
     SELECT id, event, lane, 1, due, fence, attempts, created_at, order_key, at, log || line FROM gone RETURNING id, fence";

/// A batch as columns.
#[derive(Default)]
struct Rows {
    ids: Vec<Uuid>,
    fences: Vec<i64>,
    kinds: Vec<i16>,
    dues: Vec<i64>,
    reasons: Vec<Option<&'static str>>,
    lines: Vec<String>,
    /// How long after the attempt it is due again: not later because somebody's clock is ahead.
    delays: Vec<i64>,
}

impl Rows {
    fn of(batch: &[Settlement]) -> Result<Self, Trouble> {
        let (mut rows, mut leases) = (Self::default(), HashSet::new());
        // Each lease once: a second settlement finds it ended, and the statement may change a row once only.
        for one in batch.iter().filter(|one| leases.insert(one.lease)) {
            let (kind, due, reason) = match one.next {
                Next::Delivered => (DELIVERED, one.at, None),
                Next::Failed { reason } | Next::Disable { reason } => (FAILED, one.at, Some(reason)),
                Next::Held { reason } => (HOLD, one.at, Some(reason)),
                Next::Retry { due } => (RETRY, due, None),
                Next::Again { due } => (AGAIN, due, None),
            };
            rows.ids.push(uuid_of_delivery(one.lease.delivery));
            rows.fences.push(lease_fence(one.lease));
            rows.kinds.push(kind);
            rows.dues.push(due.as_micros());
            let delay = due.as_micros().saturating_sub(one.at.as_micros());
            rows.delays.push(delay.clamp(0, i64::MAX / 4));
            rows.reasons.push(reason.map(FailReason::as_str));
            rows.lines.push(one.attempt.as_ref().map(log_line).transpose()?.unwrap_or_default());
        }
        Ok(rows)
    }

    fn params(&self) -> Vec<Param<'_>> {
        vec![
            (&self.ids, UUIDS),
            (&self.fences, LONGS),
            (&self.kinds, SHORTS),
            (&self.dues, LONGS),
            (&self.reasons, TEXTS),
            (&self.lines, TEXTS),
        ]
    }
}

type Healths = BTreeMap<EndpointId, Health>;

const HEALTH: &str = "SELECT endpoint, failing_since, last_failure, failures, last_success, paused_until \
     FROM hookwire.health WHERE endpoint = ANY($1)";

// In one order, so that two transactions never wait for each other.
const LOCK_HEALTH: &str = "SELECT endpoint, failing_since, last_failure, failures, last_success, paused_until \
     FROM hookwire.health WHERE endpoint = ANY($1) ORDER BY endpoint FOR UPDATE";

async fn read_health(session: &Session<'_>, batch: &[Settlement]) -> Result<Healths, Trouble> {
    let endpoints = endpoints_of(batch.iter());
    if endpoints.is_empty() {
        return Ok(Healths::new());
    }
    healths(&session.query(HEALTH, &[(&endpoints, UUIDS)]).await?)
}

fn healths(rows: &[Row]) -> Result<Healths, Trouble> {
    rows.iter().map(|row| Ok((endpoint_id(row, "endpoint")?, health(row)?))).collect()
}

/// Health from columns that are all `NULL` where nothing is known.
pub(super) fn health(row: &Row) -> Result<Health, Trouble> {
    let at = |column| Ok::<_, Trouble>(get::<Option<i64>>(row, column)?.map(Timestamp::from_micros));
    let failures = get::<Option<i32>>(row, "failures")?.and_then(|count| u32::try_from(count).ok());
    let failing = at("failing_since")?.zip(at("last_failure")?).zip(failures);
    let failing = failing.map(|((since, last), failures)| (since, last, failures));
    Ok(Health::restore(failing, at("last_success")?, at("paused_until")?))
}

const NEW_HEALTH: &str = "INSERT INTO hookwire.health (endpoint, failures) SELECT endpoint, 0 FROM unnest($1) AS h (endpoint) \
     ORDER BY 1 ON CONFLICT DO NOTHING";

/// Health is read again under a lock, so that no other process's failures are forgotten.
async fn keep_health(session: &Session<'_>, done: &[&Settlement]) -> Result<(), Trouble> {
    let endpoints = endpoints_of(done.iter().copied());
    let of: [Param<'_>; 1] = [(&endpoints, UUIDS)];
    session.query(NEW_HEALTH, &of).await?;
    let before = healths(&session.query(LOCK_HEALTH, &of).await?)?;
    let mut after = before.clone();
    for one in done {
        if let Some(health) = one.lane.endpoint().and_then(|id| after.get_mut(&id)) {
            *health = health.after(one).unwrap_or(*health);
        }
    }
    after.retain(|endpoint, health| before.get(endpoint) != Some(health));
    write_health(session, &after).await
}

const WRITE_HEALTH: &str = "INSERT INTO hookwire.health (endpoint, failing_since, last_failure, failures, last_success, \
     paused_until) SELECT * FROM unnest($1, $2, $3, $4, $5, $6) ON CONFLICT (endpoint) DO UPDATE SET \
     failing_since = excluded.failing_since, last_failure = excluded.last_failure, failures = excluded.failures, \
     last_success = excluded.last_success, paused_until = excluded.paused_until";

pub(super) async fn write_health(session: &Session<'_>, healths: &Healths) -> Result<(), Trouble> {
    if healths.is_empty() {
        return Ok(());
    }
    let endpoints: Vec<_> = healths.keys().map(|endpoint| uuid_of_endpoint(*endpoint)).collect();
    let at = |pick: fn(&Health) -> Option<Timestamp>| -> Vec<_> {
        healths.values().map(|health| pick(health).map(Timestamp::as_micros)).collect()
    };
    let failing = at(|health| health.failing_since);
    let failed = at(|health| health.last_failure);
    let failures: Vec<_> = healths.values().map(|health| i32::try_from(health.failures).unwrap_or(i32::MAX)).collect();
    let succeeded = at(|health| health.last_success);
    let paused = at(|health| health.paused_until);
    let params: [Param<'_>; 6] = [
        (&endpoints, UUIDS),
        (&failing, LONGS),
        (&failed, LONGS),
        (&failures, INTS),
        (&succeeded, LONGS),
        (&paused, LONGS),
    ];
    session.query(WRITE_HEALTH, &params).await.map(drop)
}

/// What a final failure does to its endpoint.
async fn affect_endpoint(session: &Session<'_>, vault: &Vault, settlement: &Settlement) -> Result<(), Trouble> {
    let affects = matches!(settlement.next, Next::Disable { .. } | Next::Failed { reason: FailReason::Blocked });
    let Some(id) = settlement.lane.endpoint().filter(|_| affects) else { return Ok(()) };
    let endpoint = match find_endpoint(session, vault, id, true).await {
        Err(error @ Trouble::Unreadable(_)) => {
            leave_out(&id, &error);
            None
        }
        found => found?,
    };
    match endpoint.and_then(|endpoint| endpoint.affected_by(settlement.next, settlement.at)) {
        Some(changed) => write_endpoint(session, vault, &changed).await,
        None => Ok(()),
    }
}
