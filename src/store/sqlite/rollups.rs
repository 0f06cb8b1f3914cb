//! Rollups in SQL.

use std::collections::HashMap;

use async_trait::async_trait;
use rusqlite::{OptionalExtension, params};

use super::SqliteStore;
use super::failures::{add_failures, delete_failures, find_failures};
use super::rows::unreadable;
use super::session::Session;
use crate::clock::Timestamp;
use crate::id::{EndpointId, LaneId, Tenant};
use crate::store::relational::{FOLDED, count_notes};
use crate::store::sql::{Folded, RollupFold, restore_rollup, rollup_column, rollup_group_column, rollup_step_column};
use crate::store::{FailureList, FailureQuery, Rollup, RollupGroup, RollupStep, Rollups, StoreError};

/// The number of old rollups that one call deletes.
const DELETED: u32 = 2_000;

#[async_trait]
impl Rollups for SqliteStore {
    async fn fold(&self, now: Timestamp) -> Result<bool, StoreError> {
        // Usually there is nothing to do, and a reader finds that without the write lock.
        if self.read(move |session| has_work(session, now)).await? {
            self.write(move |session| fold(session, now)).await
        } else {
            Ok(false)
        }
    }

    async fn rollups(
        &self,
        groups: &[RollupGroup],
        step: RollupStep,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Vec<Rollup>>, StoreError> {
        let groups: Vec<_> = groups.iter().map(rollup_group_column).collect();
        self.read(move |session| groups.iter().map(|group| rollups_of(session, group, (step, from, to))).collect())
            .await
    }

    async fn failures(&self, query: &FailureQuery) -> Result<FailureList, StoreError> {
        let query = query.clone();
        self.read(move |session| find_failures(session, &query)).await
    }
}

/// Skips from step to step: the table is sorted by time, and a group has one row in each step.
fn rollups_of(
    session: &Session<'_>,
    group: &[u8],
    (step, from, to): (RollupStep, Timestamp, Timestamp),
) -> rusqlite::Result<Vec<Rollup>> {
    let kind = rollup_step_column(step);
    let sql = "SELECT numbers FROM hookwire_rollup WHERE step = ?1 AND at = ?2 AND of = ?3";
    let mut find = session.prepare_cached(sql)?;
    let mut found = Vec::new();
    for at in step.starts(from, to) {
        let row = find.query_row(params![kind, at.as_micros(), group], |row| row.get::<_, Vec<u8>>(0)).optional()?;
        if let Some(numbers) = row {
            found.push(
                restore_rollup(at, &numbers).ok_or_else(|| unreadable(0, "the numbers of a rollup are invalid"))?,
            );
        }
    }
    Ok(found)
}

fn has_work(session: &Session<'_>, now: Timestamp) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM hookwire_settled) OR EXISTS (SELECT 1 FROM hookwire_rollup WHERE step = 0 AND at < ?1) \
               OR EXISTS (SELECT 1 FROM hookwire_rollup WHERE step = 1 AND at < ?2) \
               OR EXISTS (SELECT 1 FROM hookwire_failure WHERE hour < ?2)";
    let oldest = |step: RollupStep| (now - step.retention()).as_micros();
    session.query_row(sql, [oldest(RollupStep::Minute), oldest(RollupStep::Hour)], |row| row.get(0))
}

fn fold(session: &Session<'_>, now: Timestamp) -> rusqlite::Result<bool> {
    let (fold, is_full) = take_notes(session)?;
    let tenants = tenants_of(session, fold.lanes())?;
    add_failures(session, fold.failures(&tenants))?;
    add(session, &fold.finish(&tenants))?;
    let mut most = delete_failures(session, now - RollupStep::Hour.retention(), DELETED)?;
    for step in [RollupStep::Minute, RollupStep::Hour] {
        let sql = "DELETE FROM hookwire_rollup WHERE step = ?1 AND (at, of) IN \
                   (SELECT at, of FROM hookwire_rollup WHERE step = ?1 AND at < ?2 ORDER BY at LIMIT ?3)";
        let oldest = (now - step.retention()).as_micros();
        most = most.max(session.execute(sql, params![rollup_step_column(step), oldest, DELETED])?);
    }
    Ok(is_full || most >= DELETED as usize)
}

/// Counts the oldest notes and deletes them. Also returns whether more may be left.
fn take_notes(session: &Session<'_>) -> rusqlite::Result<(RollupFold, bool)> {
    let mut fold = RollupFold::default();
    let mut statement = session.prepare_cached("SELECT seq, notes FROM hookwire_settled ORDER BY seq LIMIT ?1")?;
    let mut rows = statement.query([FOLDED])?;
    let (mut last, mut found) = (i64::MIN, 0);
    while let Some(row) = rows.next()? {
        last = row.get(0)?;
        found += 1;
        count_notes(&mut fold, row.get_ref(1)?.as_blob().unwrap_or_default());
    }
    session.execute("DELETE FROM hookwire_settled WHERE seq <= ?1", [last])?;
    Ok((fold, found >= FOLDED))
}

fn tenants_of(
    session: &Session<'_>,
    lanes: impl Iterator<Item = LaneId>,
) -> rusqlite::Result<HashMap<EndpointId, Tenant>> {
    let mut find = session.prepare_cached("SELECT tenant FROM hookwire_endpoint WHERE id = ?1")?;
    let mut tenants = HashMap::new();
    for id in lanes.filter_map(|lane| lane.endpoint()) {
        let tenant: Option<String> = find.query_row([id.as_bytes()], |row| row.get(0)).optional()?;
        tenants.extend(tenant.map(|tenant| (id, Tenant::from(tenant))));
    }
    Ok(tenants)
}

fn add(session: &Session<'_>, folded: &Folded) -> rusqlite::Result<()> {
    let find = "SELECT numbers FROM hookwire_rollup WHERE step = ?1 AND at = ?2 AND of = ?3";
    let write = "INSERT OR REPLACE INTO hookwire_rollup (step, at, of, numbers) VALUES (?1, ?2, ?3, ?4)";
    let (mut find, mut write) = (session.prepare_cached(find)?, session.prepare_cached(write)?);
    for ((step, at, group), rollup) in folded {
        let (step, micros, of) = (rollup_step_column(*step), at.as_micros(), rollup_group_column(group));
        let found: Option<Vec<u8>> = find.query_row(params![step, micros, of], |row| row.get(0)).optional()?;
        // Unreadable numbers are replaced, so that they do not stop the others.
        let mut sum = found.and_then(|numbers| restore_rollup(*at, &numbers)).unwrap_or_default();
        sum.merge(rollup);
        write.execute(params![step, micros, of, rollup_column(&sum)])?;
    }
    Ok(())
}
