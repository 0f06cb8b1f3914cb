//! Recording the ends of attempts: deliveries, ordering keys, health and endpoints in one transaction.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::try_join;
use tokio_postgres::Row;
use uuid::Uuid;

use super::error::StoreFailure;
use super::order;
use super::records::{KeySealer, find_endpoint, write_endpoint};
use super::rows::{
    BYTES, INTS, LONGS, SHORTS, TEXTS, UUIDS, delivery_id, endpoint_id, fence, health, lease_fence, log_line,
    uuid_of_delivery, uuid_of_endpoint,
};
use super::session::{Db, Operation, Param, Session};
use crate::clock::Timestamp;
use crate::delivery::{Lease, Settlement};
use crate::endpoint::Health;
use crate::id::EndpointId;
use crate::retry::{Decision, FailReason};
use crate::store::Settled;
use crate::store::relational::leave_out;
use crate::store::sql::{DELIVERED, FAILED, HELD, settled_column};

/// A batch of settlements.
pub(super) struct Settling {
    pub(super) batch: Vec<Settlement>,
    pub(super) sealer: KeySealer,
    pub(super) health_cache: HealthCache,
}

/// The health of endpoints whose last success is so recent that another success changes nothing. The cache is bounded; the statement checks
/// the stored health.
#[derive(Clone, Debug, Default)]
pub(super) struct HealthCache(Arc<Mutex<HashMap<EndpointId, Health>>>);

/// The limit of cached endpoints.
const MAX_CACHED: usize = 10_000;

impl HealthCache {
    fn known(&self) -> MutexGuard<'_, HashMap<EndpointId, Health>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn record(&self, healths: &Healths) {
        let mut known = self.known();
        if known.len() + healths.len() > MAX_CACHED {
            known.clear();
        }
        known.extend(healths.iter().map(|(endpoint, health)| (*endpoint, *health)));
    }

    pub(super) fn forget(&self, endpoint: EndpointId) {
        self.known().remove(&endpoint);
    }

    /// Whether all of these are successes that change only their deliveries.
    fn covers(&self, batch: &[Settlement]) -> bool {
        let known = self.known();
        // A queue has no health.
        let changes_nothing = |one: &Settlement| {
            one.lane.endpoint().is_none_or(|id| known.get(&id).is_some_and(|health| health.after(one).is_none()))
        };
        batch.iter().all(|one| one.decision == Decision::Delivered && !one.ordered && changes_nothing(one))
    }

    /// Settles in one statement, which is a transaction of its own. Returns `None` if more changes are required or if the statement failed:
    /// either nothing was changed, or the transaction that follows finds what was changed.
    pub(super) async fn settle_in_one_statement(&self, db: &Db, batch: &[Settlement]) -> Option<Vec<Settled>> {
        if !self.covers(batch) {
            return None;
        }
        let rows = Rows::of(batch).ok()?;
        let endpoints = endpoints_of(batch.iter());
        let mut params = rows.params();
        params.push((&endpoints, UUIDS));
        let settled = settled(&db.query_untried(SETTLE_HEALTHY, &params).await.ok()?).ok()?;
        // Empty if all leases are lost, or if an endpoint has failed in another process.
        (!settled.is_empty()).then(|| results(batch, settled))
    }
}

impl Operation for Settling {
    type Answer = Vec<Settled>;

    async fn run(&self, session: &Session<'_>) -> Result<Vec<Settled>, StoreFailure> {
        settle_all(session, &self.sealer, &self.health_cache, &self.batch).await
    }
}

pub(super) async fn settle_all(
    session: &Session<'_>,
    sealer: &KeySealer,
    health_cache: &HealthCache,
    batch: &[Settlement],
) -> Result<Vec<Settled>, StoreFailure> {
    let ordered: Vec<_> =
        batch.iter().filter(|one| one.ordered).map(|one| uuid_of_delivery(one.lease.delivery)).collect();
    let lanes = order::lanes_of_deliveries(session, &ordered).await?;
    if session.is_callers_transaction() {
        order::lock(session, &lanes).await?;
    } else {
        order::lock_within(session, &lanes, order::RETRIED_LOCK_WAIT).await?;
    }
    let rows = Rows::of(batch)?;
    // Sent together: usually the health of an endpoint does not change, and there is nothing to write.
    let mut params = rows.params();
    params.push((&rows.delays, LONGS));
    let (rows, health) = try_join(session.query(SETTLE, &params), read_health(session, batch)).await?;
    let now = batch.iter().map(|one| one.at).max().unwrap_or_default();
    order::arrange(session, &lanes, now).await?;
    let results = results(batch, settled(&rows)?);
    let done: Vec<_> =
        batch.iter().zip(&results).filter(|(_, answer)| **answer == Settled::Done).map(|(one, _)| one).collect();
    let before = |id: EndpointId| health.get(&id).copied().unwrap_or_default();
    if done.iter().any(|one| one.lane.endpoint().is_some_and(|id| before(id).after(one).is_some())) {
        keep_health(session, &done).await?;
    } else {
        health_cache.record(&health);
    }
    for one in &done {
        affect_endpoint(session, sealer, one).await?;
    }
    if done.len() < results.len() {
        // The caller relies on an earlier settlement, so the commit waits for its replication.
        session.wait_for_replication().await?;
    }
    Ok(results)
}

/// The leases that were valid.
fn settled(rows: &[Row]) -> Result<HashSet<Lease>, StoreFailure> {
    rows.iter().map(|row| Ok(Lease { delivery: delivery_id(row, "id")?, fence: fence(row, "fence")? })).collect()
}

/// The result of each settlement: the first one of a lease counts, if the lease was valid.
fn results(batch: &[Settlement], mut settled: HashSet<Lease>) -> Vec<Settled> {
    let answer = |one: &Settlement| if settled.remove(&one.lease) { Settled::Done } else { Settled::LeaseLost };
    batch.iter().map(answer).collect()
}

/// The distinct endpoints of settlements, sorted.
fn endpoints_of<'a>(batch: impl Iterator<Item = &'a Settlement>) -> Vec<Uuid> {
    let mut endpoints: Vec<_> = batch.filter_map(|one| one.lane.endpoint()).map(uuid_of_endpoint).collect();
    endpoints.sort_unstable();
    endpoints.dedup();
    endpoints
}

/// The effect of a settlement, as a number in the statement. Numbers up to 3 are final states. The others are these.
const HOLD: i16 = HELD;
const RETRY: i16 = 5;
const AGAIN: i16 = 6;

// `due` is the time at which the delivery is due or was finished.
const SETTLE: &str = "WITH s AS MATERIALIZED (SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8) \
     AS s (id, fence, kind, due, reason, line, note, delay)), \
     gone AS (DELETE FROM hookwire.delivery d USING s WHERE d.id = s.id AND d.fence = s.fence AND d.leased AND s.kind <= 3 \
     RETURNING d.*, s.kind, s.due AS at, s.reason AS why, s.line, s.note), \
     kept AS (INSERT INTO hookwire.finished (id, event, lane, state, due, fence, attempts, created_at, order_key, \
     finished_at, reason, log) SELECT id, event, lane, kind, due, fence, attempts, created_at, order_key, at, why, \
     log || line FROM gone), \
     changed AS (UPDATE hookwire.delivery d SET state = CASE s.kind WHEN 4 THEN 4 ELSE 0 END, \
     due = least(s.due, (extract(epoch FROM now()) * 1000000)::bigint + s.delay), \
     attempts = CASE s.kind WHEN 6 THEN greatest(d.attempts - 1, 0) ELSE d.attempts END, \
     faults = CASE s.kind WHEN 6 THEN d.faults + 1 ELSE 0 END, \
     fence = d.fence + 1, leased = false, reason = s.reason, log = d.log || s.line \
     FROM s WHERE d.id = s.id AND d.fence = s.fence AND d.leased AND s.kind > 3 RETURNING d.id, s.fence, s.note), \
     done AS (SELECT id, fence, note FROM gone UNION ALL SELECT id, fence, note FROM changed), \
     noted AS (INSERT INTO hookwire.settled (notes) SELECT string_agg(note, '') FROM done HAVING count(*) > 0) \
     SELECT id, fence FROM done";

// The same for successes of endpoints without failures; it changes nothing if one of them has failures.
const SETTLE_HEALTHY: &str = "WITH gone AS (DELETE FROM hookwire.delivery d \
     USING unnest($1, $2, $3, $4, $5, $6, $7) AS s (id, fence, kind, due, reason, line, note) \
     WHERE d.id = s.id AND d.fence = s.fence AND d.leased \
     AND NOT EXISTS (SELECT 1 FROM hookwire.health h WHERE h.endpoint = ANY($8) AND h.failures > 0) \
     RETURNING d.*, s.due AS at, s.line, s.note), \
     noted AS (INSERT INTO hookwire.settled (notes) SELECT string_agg(note, '') FROM gone HAVING count(*) > 0) \
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
    notes: Vec<Vec<u8>>,
    /// The time from the attempt until the delivery is due again: it must not be due later because the caller's clock is ahead.
    delays: Vec<i64>,
}

impl Rows {
    fn of(batch: &[Settlement]) -> Result<Self, StoreFailure> {
        let (mut rows, mut leases) = (Self::default(), HashSet::new());
        // Each lease is taken once: a second settlement changes nothing, and a statement can change a row only once.
        for one in batch.iter().filter(|one| leases.insert(one.lease)) {
            let (kind, due, reason) = match one.decision {
                Decision::Delivered => (DELIVERED, one.at, None),
                Decision::Fail { reason } | Decision::Disable { reason } => (FAILED, one.at, Some(reason)),
                Decision::Hold { reason } => (HOLD, one.at, Some(reason)),
                Decision::Retry { at: due, .. } => (RETRY, due, None),
                Decision::RetryUncounted { at: due } => (AGAIN, due, None),
            };
            rows.ids.push(uuid_of_delivery(one.lease.delivery));
            rows.fences.push(lease_fence(one.lease));
            rows.kinds.push(kind);
            rows.dues.push(due.as_micros());
            let delay = due.as_micros().saturating_sub(one.at.as_micros());
            rows.delays.push(delay.clamp(0, i64::MAX / 4));
            rows.reasons.push(reason.map(FailReason::as_str));
            rows.notes.push(settled_column(one));
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
            (&self.notes, BYTES),
        ]
    }
}

type Healths = BTreeMap<EndpointId, Health>;

const HEALTH: &str = "SELECT endpoint, failing_since, last_failure, failures, last_success, paused_until \
     FROM hookwire.health WHERE endpoint = ANY($1)";

// Locks the rows in sorted order, so that two transactions never wait for each other.
const LOCK_HEALTH: &str = "SELECT endpoint, failing_since, last_failure, failures, last_success, paused_until \
     FROM hookwire.health WHERE endpoint = ANY($1) ORDER BY endpoint FOR UPDATE";

async fn read_health(session: &Session<'_>, batch: &[Settlement]) -> Result<Healths, StoreFailure> {
    let endpoints = endpoints_of(batch.iter());
    if endpoints.is_empty() {
        return Ok(Healths::new());
    }
    healths(&session.query(HEALTH, &[(&endpoints, UUIDS)]).await?)
}

fn healths(rows: &[Row]) -> Result<Healths, StoreFailure> {
    rows.iter().map(|row| Ok((endpoint_id(row, "endpoint")?, health(row)?))).collect()
}

const NEW_HEALTH: &str = "INSERT INTO hookwire.health (endpoint, failures) SELECT endpoint, 0 FROM unnest($1) AS h (endpoint) \
     ORDER BY 1 ON CONFLICT DO NOTHING";

/// Reads health again under a lock, so that failures from other processes are not lost.
async fn keep_health(session: &Session<'_>, done: &[&Settlement]) -> Result<(), StoreFailure> {
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

pub(super) async fn write_health(session: &Session<'_>, healths: &Healths) -> Result<(), StoreFailure> {
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

/// Applies the effect of a final failure to the endpoint.
async fn affect_endpoint(
    session: &Session<'_>,
    sealer: &KeySealer,
    settlement: &Settlement,
) -> Result<(), StoreFailure> {
    let affects =
        matches!(settlement.decision, Decision::Disable { .. } | Decision::Fail { reason: FailReason::Blocked });
    let Some(id) = settlement.lane.endpoint().filter(|_| affects) else { return Ok(()) };
    let endpoint = match find_endpoint(session, sealer, id, true).await {
        Err(error @ StoreFailure::Unreadable(_)) => {
            leave_out(&id, &error);
            None
        }
        found => found?,
    };
    match endpoint.and_then(|endpoint| endpoint.affected_by(settlement.decision, settlement.at)) {
        Some(changed) => write_endpoint(session, sealer, &changed).await,
        None => Ok(()),
    }
}
