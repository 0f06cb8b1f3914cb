//! Dedup records in SQL.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};

use super::SqliteStore;
use super::rows::signed;
use crate::clock::Timestamp;
use crate::store::{Begin, Claimant, Dedup, DedupEntry, DedupGroup, FirstAnswer, Settled, StoreError};

#[async_trait]
impl Dedup for SqliteStore {
    async fn begin(
        &self,
        entries: &[DedupEntry],
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Vec<Begin>, StoreError> {
        let entries = entries.to_vec();
        self.write(move |connection| entries.iter().map(|entry| begin(connection, entry, now, lease_until)).collect())
            .await
    }

    async fn finish(
        &self,
        claimants: &[Claimant],
        answer: &FirstAnswer,
        expires: Timestamp,
    ) -> Result<Vec<Settled>, StoreError> {
        let (claimants, answer) = (claimants.to_vec(), answer.clone());
        self.write(move |connection| claimants.iter().map(|one| finish(connection, one, &answer, expires)).collect())
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

    async fn forget(&self, groups: &[DedupGroup]) -> Result<Vec<u64>, StoreError> {
        let groups = groups.to_vec();
        self.write(move |connection| {
            let mut forget = connection.prepare_cached(FORGET)?;
            let mut one = |group: &DedupGroup| forget.execute([group.as_bytes()]).map(counted);
            groups.iter().map(&mut one).collect()
        })
        .await
    }

    async fn prune(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let sql = "DELETE FROM hookwire_dedup WHERE key IN \
                   (SELECT key FROM hookwire_dedup WHERE ends <= ?1 ORDER BY ends LIMIT ?2)";
        self.write(move |connection| {
            connection.prepare_cached(sql)?.execute(params![now.as_micros(), limit]).map(counted)
        })
        .await
    }
}

fn counted(rows: usize) -> u64 {
    u64::try_from(rows).unwrap_or(u64::MAX)
}

impl SqliteStore {
    /// Finishes [claims](crate::receiver::Ticket::claimants) on a received event as part of the caller's own transaction, so that
    /// what the handler has written and that the event was handled become true together. On [`Settled::LeaseLost`] somebody
    /// else has it: roll back. After the commit: [`Ticket::finished_elsewhere`](crate::receiver::Ticket::finished_elsewhere).
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn finish_in(
        &self,
        transaction: &rusqlite::Transaction<'_>,
        claimants: &[Claimant],
        answer: &FirstAnswer,
        expires: Timestamp,
    ) -> rusqlite::Result<Settled> {
        for claimant in claimants {
            if finish(transaction, claimant, answer, expires)? == Settled::LeaseLost {
                return Ok(Settled::LeaseLost);
            }
        }
        Ok(Settled::Done)
    }
}

const FINISH: &str = "UPDATE hookwire_dedup SET status = ?3, ends = ?4, content_type = ?5, body = ?6 \
     WHERE key = ?1 AND fence = ?2 AND status IS NULL";

const FORGET: &str = "DELETE FROM hookwire_dedup WHERE event_group = ?1 AND status IS NOT NULL";

fn finish(
    connection: &Connection,
    claimant: &Claimant,
    answer: &FirstAnswer,
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
    connection.prepare_cached(FINISH)?.execute(values).map(settled)
}

/// A record as it is found: its fence, its status once it is finished, when it ends, and the rest of the first answer.
type Found = (i64, Option<u16>, i64, Option<String>, Option<Vec<u8>>);

fn begin(
    connection: &Connection,
    entry: &DedupEntry,
    now: Timestamp,
    lease_until: Timestamp,
) -> rusqlite::Result<Begin> {
    let key = entry.key;
    let found: Option<Found> = connection
        .prepare_cached("SELECT fence, status, ends, content_type, body FROM hookwire_dedup WHERE key = ?1")?
        .query_row([key.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)))
        .optional()?;
    let before = found.as_ref().map_or(0, |(fence, ..)| *fence);
    match found {
        Some((_, Some(status), ends, content_type, body)) if now.as_micros() < ends => {
            return Ok(Begin::Done(FirstAnswer { status, content_type, body: body.unwrap_or_default().into() }));
        }
        Some((_, None, ends, ..)) if now.as_micros() < ends => {
            return Ok(Begin::Busy { until: Timestamp::from_micros(ends) });
        }
        _ => {}
    }
    // The time is part of the fence, so that it rises even over a record that was pruned or abandoned in between.
    let fence = before.saturating_add(1).max(now.as_micros());
    let insert =
        "INSERT OR REPLACE INTO hookwire_dedup (key, fence, status, ends, event_group) VALUES (?1, ?2, NULL, ?3, ?4)";
    let group = entry.group.as_ref().map(DedupGroup::as_bytes);
    connection.prepare_cached(insert)?.execute(params![key.as_bytes(), fence, lease_until.as_micros(), group])?;
    let fence = u64::try_from(fence).unwrap_or(0);
    Ok(Begin::Fresh(Claimant { key, fence }))
}

const fn settled(changed: usize) -> Settled {
    if changed == 0 { Settled::LeaseLost } else { Settled::Done }
}
