//! Rollups.

use std::collections::HashMap;

use async_trait::async_trait;
use futures_util::future::join_all;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::PostgresStore;
use super::error::StoreFailure;
use super::failures::{add_failures, delete_failures, find_failures};
use super::rows::{BYTES, LONGS, SHORTS, UUIDS, endpoint_id, get, uuid_of_endpoint};
use super::session::{LONG_CALL, Operation, Param, Session};
use crate::clock::Timestamp;
use crate::id::{EndpointId, Tenant};
use crate::store::relational::{FOLDED, count_notes};
use crate::store::sql::{Folded, RollupFold, restore_rollup, rollup_column, rollup_group_column, rollup_step_column};
use crate::store::{FailureList, FailureQuery, Rollup, RollupGroup, RollupStep, Rollups, StoreError};

/// The number of old rollups that one call deletes.
const DELETED: i64 = 2_000;

#[async_trait]
impl Rollups for PostgresStore {
    async fn fold(&self, now: Timestamp) -> Result<bool, StoreError> {
        // Usually there is nothing to do, which one short query finds.
        let (minutes, hours) = (oldest(RollupStep::Minute, now), oldest(RollupStep::Hour, now));
        if self.db.query(HAS_WORK, &[(&minutes, Type::INT8), (&hours, Type::INT8)]).await?.is_empty() {
            return Ok(false);
        }
        self.db.transact(Folding { now }).await
    }

    async fn rollups(
        &self,
        groups: &[RollupGroup],
        step: RollupStep,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Vec<Rollup>>, StoreError> {
        let of: Vec<_> = groups.iter().map(rollup_group_column).collect();
        let at: Vec<_> = step.starts(from, to).map(Timestamp::as_micros).collect();
        let params: [Param<'_>; 3] = [(&rollup_step_column(step), Type::INT2), (&at, LONGS), (&of, BYTES)];
        let rows = self.db.query(FIND, &params).await?;
        let mut found: HashMap<Vec<u8>, Vec<Rollup>> = HashMap::new();
        for row in &rows {
            let (of, rollup) = read(row).map_err(StoreFailure::into_store_error)?;
            found.entry(of).or_default().push(rollup);
        }
        Ok(of.iter().map(|of| found.get(of).cloned().unwrap_or_default()).collect())
    }

    async fn failures(&self, query: &FailureQuery) -> Result<FailureList, StoreError> {
        find_failures(&self.db, query).await
    }
}

const HAS_WORK: &str = "SELECT 1 WHERE EXISTS (SELECT 1 FROM hookwire.settled) \
     OR EXISTS (SELECT 1 FROM hookwire.rollup WHERE step = 0 AND at < $1) \
     OR EXISTS (SELECT 1 FROM hookwire.rollup WHERE step = 1 AND at < $2) OR EXISTS (SELECT 1 FROM hookwire.failure WHERE hour < $2)";

// One look-up for each step and group: the table is sorted by time.
const FIND: &str = "SELECT r.at, r.of, r.numbers FROM unnest($2) AS a (at) CROSS JOIN unnest($3) AS g (of) \
     JOIN hookwire.rollup r ON r.step = $1 AND r.at = a.at AND r.of = g.of ORDER BY r.at";

fn read(row: &Row) -> Result<(Vec<u8>, Rollup), StoreFailure> {
    let at = Timestamp::from_micros(get(row, "at")?);
    let rollup = restore_rollup(at, get(row, "numbers")?)
        .ok_or_else(|| StoreFailure::unreadable("the numbers of a rollup are invalid"))?;
    Ok((get(row, "of")?, rollup))
}

/// Rollups that begin before this time are old.
fn oldest(step: RollupStep, now: Timestamp) -> i64 {
    (now - step.retention()).as_micros()
}

struct Folding {
    now: Timestamp,
}

// One process at a time. The others leave the notes to it.
const TRY_LOCK: &str = "SELECT 1 WHERE pg_try_advisory_xact_lock(hashtextextended('rollups ' || $1, 0))";

const TAKE: &str = "DELETE FROM hookwire.settled WHERE seq IN (SELECT seq FROM hookwire.settled ORDER BY seq LIMIT $1) \
     RETURNING notes";

const TENANTS: &str = "SELECT id, tenant FROM hookwire.endpoint WHERE id = ANY($1)";

const BEFORE: &str = "SELECT r.at, r.of, r.step, r.numbers FROM unnest($1, $2, $3) AS a (step, at, of) \
     JOIN hookwire.rollup r ON r.step = a.step AND r.at = a.at AND r.of = a.of";

const WRITE: &str = "INSERT INTO hookwire.rollup (step, at, of, numbers) SELECT * FROM unnest($1, $2, $3, $4) \
     ON CONFLICT (step, at, of) DO UPDATE SET numbers = excluded.numbers";

const DELETE: &str = "DELETE FROM hookwire.rollup WHERE step = $1 AND (at, of) IN \
     (SELECT at, of FROM hookwire.rollup WHERE step = $1 AND at < $2 ORDER BY at LIMIT $3) RETURNING 1 AS gone";

impl Operation for Folding {
    /// Whether more is left to do.
    type Answer = bool;

    const TIME_FACTOR: u32 = LONG_CALL;

    async fn run(&self, session: &Session<'_>) -> Result<bool, StoreFailure> {
        if session.query(TRY_LOCK, &[(&session.lock_name(), Type::TEXT)]).await?.is_empty() {
            return Ok(false);
        }
        let notes = session.query(TAKE, &[(&i64::from(FOLDED), Type::INT8)]).await?;
        let mut fold = RollupFold::default();
        for row in &notes {
            count_notes(&mut fold, get(row, "notes")?);
        }
        let tenants = tenants_of(session, &fold).await?;
        add_failures(session, fold.failures(&tenants)).await?;
        add(session, &fold.finish(&tenants)).await?;
        let deleted = [RollupStep::Minute, RollupStep::Hour].map(|step| self.delete_old(session, step));
        let deleted = join_all(deleted).await.into_iter().collect::<Result<Vec<_>, _>>()?;
        let are_failures_left = delete_failures(session, self.now - RollupStep::Hour.retention(), DELETED).await?;
        Ok(notes.len() >= FOLDED as usize || deleted.contains(&true) || are_failures_left)
    }
}

impl Folding {
    /// Deletes old rollups of a step. Returns whether more may be left.
    async fn delete_old(&self, session: &Session<'_>, step: RollupStep) -> Result<bool, StoreFailure> {
        let old = oldest(step, self.now);
        let params: [Param<'_>; 3] =
            [(&rollup_step_column(step), Type::INT2), (&old, Type::INT8), (&DELETED, Type::INT8)];
        Ok(session.query(DELETE, &params).await?.len() as i64 >= DELETED)
    }
}

async fn tenants_of(session: &Session<'_>, fold: &RollupFold) -> Result<HashMap<EndpointId, Tenant>, StoreFailure> {
    let endpoints: Vec<_> = fold.lanes().filter_map(|lane| lane.endpoint()).map(uuid_of_endpoint).collect();
    let rows = session.query(TENANTS, &[(&endpoints, UUIDS)]).await?;
    rows.iter().map(|row| Ok((endpoint_id(row, "id")?, Tenant::from(get::<String>(row, "tenant")?)))).collect()
}

/// The lock makes reading and writing one step.
async fn add(session: &Session<'_>, folded: &Folded) -> Result<(), StoreFailure> {
    let steps: Vec<_> = folded.keys().map(|(step, ..)| rollup_step_column(*step)).collect();
    let times: Vec<_> = folded.keys().map(|(_, at, _)| at.as_micros()).collect();
    let groups: Vec<_> = folded.keys().map(|(.., group)| rollup_group_column(group)).collect();
    let mut params: Vec<Param<'_>> = vec![(&steps, SHORTS), (&times, LONGS), (&groups, BYTES)];
    let mut before = HashMap::new();
    for row in &session.query(BEFORE, &params).await? {
        let (of, rollup) = read(row)?;
        before.insert((get::<i16>(row, "step")?, rollup.at, of), rollup);
    }
    let mut numbers = Vec::with_capacity(folded.len());
    for ((step, at, group), rollup) in folded {
        let key = (rollup_step_column(*step), *at, rollup_group_column(group));
        let mut sum = before.remove(&key).unwrap_or_default();
        sum.merge(rollup);
        numbers.push(rollup_column(&sum));
    }
    params.push((&numbers, BYTES));
    session.query(WRITE, &params).await.map(drop)
}
