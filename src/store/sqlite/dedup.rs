//! Dedup records in SQL.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};

use super::SqliteStore;
use super::rows::signed;
use crate::clock::Timestamp;
use crate::store::{Begin, Claimant, Dedup, DedupKey, Settled, StoreError};

#[async_trait]
impl Dedup for SqliteStore {
    async fn begin(&self, keys: &[DedupKey], now: Timestamp, lease_until: Timestamp) -> Result<Vec<Begin>, StoreError> {
        let keys = keys.to_vec();
        self.write(move |connection| keys.iter().map(|key| begin(connection, *key, now, lease_until)).collect()).await
    }

    async fn finish(
        &self,
        claimants: &[Claimant],
        status: u16,
        expires: Timestamp,
    ) -> Result<Vec<Settled>, StoreError> {
        let claimants = claimants.to_vec();
        self.write(move |connection| claimants.iter().map(|one| finish(connection, one, status, expires)).collect())
            .await
    }

    async fn abandon(&self, claimants: &[Claimant]) -> Result<Vec<Settled>, StoreError> {
        let claimants = claimants.to_vec();
        // The row stays until it is pruned, so that the next beginning has a higher fence.
        let sql = "UPDATE hookwire_dedup SET ends = 0 WHERE key = ?1 AND fence = ?2 AND status IS NULL AND ends > 0";
        self.write(move |connection| {
            let mut abandon = connection.prepare_cached(sql)?;
            let mut one = |claimant: &Claimant| {
                abandon.execute(params![claimant.key.as_bytes(), signed(claimant.fence)]).map(settled)
            };
            claimants.iter().map(&mut one).collect()
        })
        .await
    }

    async fn prune(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let sql = "DELETE FROM hookwire_dedup WHERE key IN \
                   (SELECT key FROM hookwire_dedup WHERE ends <= ?1 ORDER BY ends LIMIT ?2)";
        self.write(move |connection| {
            let gone = connection.prepare_cached(sql)?.execute(params![now.as_micros(), limit])?;
            Ok(u64::try_from(gone).unwrap_or(u64::MAX))
        })
        .await
    }
}

impl SqliteStore {
    /// Finishes a [claim](crate::receiver::Ticket::claimant) on a received event as part of the caller's own transaction, so that
    /// what the handler has written and that the event was handled become true together. On [`Settled::LeaseLost`] somebody
    /// else has it: roll back. After the commit: [`Ticket::finished_elsewhere`](crate::receiver::Ticket::finished_elsewhere).
    ///
    /// # Errors
    /// Of SQLite.
    pub fn finish_in(
        &self,
        transaction: &rusqlite::Transaction<'_>,
        claimant: &Claimant,
        status: u16,
        expires: Timestamp,
    ) -> rusqlite::Result<Settled> {
        finish(transaction, claimant, status, expires)
    }
}

const FINISH: &str =
    "UPDATE hookwire_dedup SET status = ?3, ends = ?4 WHERE key = ?1 AND fence = ?2 AND status IS NULL";

fn finish(connection: &Connection, claimant: &Claimant, status: u16, expires: Timestamp) -> rusqlite::Result<Settled> {
    let values = params![claimant.key.as_bytes(), signed(claimant.fence), status, expires.as_micros()];
    connection.prepare_cached(FINISH)?.execute(values).map(settled)
}

fn begin(connection: &Connection, key: DedupKey, now: Timestamp, lease_until: Timestamp) -> rusqlite::Result<Begin> {
    let found: Option<(i64, Option<u16>, i64)> = connection
        .prepare_cached("SELECT fence, status, ends FROM hookwire_dedup WHERE key = ?1")?
        .query_row([key.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    match found {
        Some((_, Some(status), ends)) if now.as_micros() < ends => return Ok(Begin::Done { status }),
        Some((_, None, ends)) if now.as_micros() < ends => {
            return Ok(Begin::Busy { until: Timestamp::from_micros(ends) });
        }
        _ => {}
    }
    // The time is part of the fence, so that it rises even over a record that was pruned or abandoned in between.
    let fence = found.map_or(0, |(fence, ..)| fence).saturating_add(1).max(now.as_micros());
    connection
        .prepare_cached("INSERT OR REPLACE INTO hookwire_dedup (key, fence, status, ends) VALUES (?1, ?2, NULL, ?3)")?
        .execute(params![key.as_bytes(), fence, lease_until.as_micros()])?;
    let fence = u64::try_from(fence).unwrap_or(0);
    Ok(Begin::Fresh(Claimant { key, fence }))
}

const fn settled(changed: usize) -> Settled {
    if changed == 0 { Settled::LeaseLost } else { Settled::Done }
}
