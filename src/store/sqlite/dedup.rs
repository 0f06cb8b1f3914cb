//! Dedup records in SQL.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use rusqlite::{Row, params};

use super::SqliteStore;
use super::rows::{signed, time};
use super::session::Session;
use crate::clock::Timestamp;
use crate::store::{
    BeginResult, Dedup, DedupEntry, DedupGroup, DedupKey, DedupLease, FirstResponse, Settled, StoreError,
};

#[async_trait]
impl Dedup for SqliteStore {
    async fn begin(
        &self,
        entries: &[DedupEntry],
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Vec<BeginResult>, StoreError> {
        let entries = entries.to_vec();
        self.write(move |session| entries.iter().map(|entry| begin(session, entry, now, lease_until)).collect()).await
    }

    async fn finish(
        &self,
        claimants: &[DedupLease],
        answer: &FirstResponse,
        expires: Timestamp,
    ) -> Result<Vec<Settled>, StoreError> {
        let (claimants, answer) = (claimants.to_vec(), answer.clone());
        self.write(move |session| claimants.iter().map(|one| finish(session, one, &answer, expires)).collect()).await
    }

    async fn abandon(&self, claimants: &[DedupLease]) -> Result<Vec<Settled>, StoreError> {
        let claimants = claimants.to_vec();
        // The row remains until it is pruned, so that the next begin has a higher fence.
        let sql = "UPDATE hookwire_dedup SET ends = 0 WHERE key = ?1 AND fence = ?2 AND status IS NULL AND ends > 0";
        self.write(move |session| {
            let mut abandon = session.prepare_cached(sql)?;
            let mut one = |claimant: &DedupLease| {
                abandon.execute(params![claimant.key.as_bytes(), signed(claimant.fence)]).map(settled)
            };
            claimants.iter().map(&mut one).collect()
        })
        .await
    }

    async fn forget(&self, groups: &[DedupGroup]) -> Result<Vec<u64>, StoreError> {
        let groups = groups.to_vec();
        self.write(move |session| groups.iter().map(|group| forget(session, *group)).collect()).await
    }

    async fn prune(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let swept = Arc::clone(&self.swept);
        self.write(move |session| {
            let (pruned, next) = sweep(session, swept.load(Ordering::Relaxed), now, limit)?;
            swept.store(next, Ordering::Relaxed);
            Ok(pruned)
        })
        .await
    }
}

/// Deletes expired records among those after `from`. Records are in the order in which they were made, so the first ones expire first,
/// except where a record lives longer than later ones. A sweep reads a limited number of records; the next sweep begins where this one
/// ended. Returns the number of deleted records, and where the sweep ended.
fn sweep(session: &Session<'_>, from: i64, now: Timestamp, limit: u32) -> rusqlite::Result<(u64, i64)> {
    let mut look =
        session.prepare_cached("SELECT seq, ends FROM hookwire_dedup WHERE seq > ?1 ORDER BY seq LIMIT ?2")?;
    let (budget, limit) = (limit.saturating_mul(2).max(LOOKED_AT), limit as usize);
    let (mut expired, mut last, mut looked_at) = (Vec::new(), from, 0);
    let mut rows = look.query(params![from, budget])?;
    while expired.len() < limit
        && let Some(row) = rows.next()?
    {
        last = row.get(0)?;
        looked_at += 1;
        if row.get::<_, i64>(1)? <= now.as_micros() {
            expired.push(last);
        }
    }
    drop(rows);
    let mut delete = session.prepare_cached("DELETE FROM hookwire_dedup WHERE seq = ?1")?;
    for seq in &expired {
        delete.execute([seq])?;
    }
    let is_whole = expired.len() < limit && looked_at < budget;
    Ok((counted(expired.len()), if is_whole { 0 } else { last }))
}

/// Deletes the finished records of a group: those whose key begins with the group, and those with the group in their column.
fn forget(session: &Session<'_>, group: DedupGroup) -> rusqlite::Result<u64> {
    let (mut first, mut last) = ([0; 32], [0xff; 32]);
    for end in [&mut first, &mut last] {
        end.iter_mut().zip(group.as_bytes()).for_each(|(to, byte)| *to = *byte);
    }
    let named = session.execute(FORGET_NAMED, [group.as_bytes()])?;
    let by_key = session.execute(FORGET_BY_KEY, params![first, last])?;
    Ok(counted(named + by_key))
}

fn counted(rows: usize) -> u64 {
    u64::try_from(rows).unwrap_or(u64::MAX)
}

impl SqliteStore {
    /// Finishes the [leases](crate::receiver::DedupGuard::leases) on a received event as part of the caller's own transaction: the changes
    /// of the handler and the record that the event was handled are committed together. On [`Settled::LeaseLost`] another request handles
    /// the event: roll back. After the commit, call [`DedupGuard::finished_elsewhere`](crate::receiver::DedupGuard::finished_elsewhere).
    ///
    /// # Errors
    /// Returns an error if SQLite fails.
    pub fn finish_in(
        &self,
        transaction: &rusqlite::Transaction<'_>,
        claimants: &[DedupLease],
        answer: &FirstResponse,
        expires: Timestamp,
    ) -> rusqlite::Result<Settled> {
        let session = Session::new(transaction);
        for claimant in claimants {
            if finish(&session, claimant, answer, expires)? == Settled::LeaseLost {
                return Ok(Settled::LeaseLost);
            }
        }
        Ok(Settled::Done)
    }
}

const FINISH: &str = "UPDATE hookwire_dedup SET status = ?3, ends = ?4, content_type = ?5, body = ?6 \
     WHERE key = ?1 AND fence = ?2 AND status IS NULL";

const FORGET_NAMED: &str = "DELETE FROM hookwire_dedup WHERE event_group = ?1 AND status IS NOT NULL";

const FORGET_BY_KEY: &str =
    "DELETE FROM hookwire_dedup WHERE key BETWEEN ?1 AND ?2 AND event_group IS NULL AND status IS NOT NULL";

/// The minimum number of records that a sweep reads.
const LOOKED_AT: u32 = 64;

fn finish(
    session: &Session<'_>,
    claimant: &DedupLease,
    answer: &FirstResponse,
    expires: Timestamp,
) -> rusqlite::Result<Settled> {
    let body = Some(&*answer.body).filter(|body| !body.is_empty());
    let values = params![
        claimant.key.as_bytes(),
        signed(claimant.fence),
        answer.status,
        expires.as_micros(),
        answer.content_type,
        body
    ];
    session.execute(FINISH, values).map(settled)
}

const INSERT: &str =
    "INSERT INTO hookwire_dedup (key, fence, ends, event_group) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (key) DO NOTHING";

const FIND: &str = "SELECT fence, status, ends, content_type, body FROM hookwire_dedup WHERE key = ?1";

const BEGIN_AGAIN: &str = "UPDATE hookwire_dedup SET fence = ?2, ends = ?3, event_group = ?4, status = NULL, content_type = NULL, body = NULL WHERE key = ?1";

/// Most keys are new, so the record is inserted without a lookup first.
fn begin(
    session: &Session<'_>,
    entry: &DedupEntry,
    now: Timestamp,
    lease_until: Timestamp,
) -> rusqlite::Result<BeginResult> {
    let key = entry.key;
    let group = entry.group.as_ref().filter(|group| !group.begins(&key)).map(DedupGroup::as_bytes);
    // The fence contains the time, so that it rises even if the record was pruned in between.
    let fence = now.as_micros();
    let values = params![key.as_bytes(), fence, lease_until.as_micros(), group];
    if session.execute(INSERT, values)? > 0 {
        return Ok(fresh(key, fence));
    }
    let mut find = session.prepare_cached(FIND)?;
    let (before, found) = find.query_row([key.as_bytes()], |row| Ok((row.get::<_, i64>(0)?, begun(row, now)?)))?;
    if let Some(found) = found {
        return Ok(found);
    }
    let fence = before.saturating_add(1).max(fence);
    session.execute(BEGIN_AGAIN, params![key.as_bytes(), fence, lease_until.as_micros(), group])?;
    Ok(fresh(key, fence))
}

/// The result that a stored record gives to another begin; `None` once the record has ended.
fn begun(row: &Row<'_>, now: Timestamp) -> rusqlite::Result<Option<BeginResult>> {
    let ends: Timestamp = time(row, 2)?;
    if ends <= now {
        return Ok(None);
    }
    Ok(Some(match row.get(1)? {
        None => BeginResult::Busy { until: ends },
        Some(status) => {
            let body: Option<Vec<u8>> = row.get(4)?;
            BeginResult::Done(FirstResponse {
                status,
                content_type: row.get(3)?,
                body: body.unwrap_or_default().into(),
            })
        }
    }))
}

fn fresh(key: DedupKey, fence: i64) -> BeginResult {
    BeginResult::Fresh(DedupLease { key, fence: u64::try_from(fence).unwrap_or(0) })
}

const fn settled(changed: usize) -> Settled {
    if changed == 0 { Settled::LeaseLost } else { Settled::Done }
}
