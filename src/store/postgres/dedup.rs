//! The dedup role on PostgreSQL.

use std::collections::HashMap;

use async_trait::async_trait;
use tokio_postgres::types::Type;

use super::PostgresStore;
use super::dedup_batch::{Beginning, Finish, columns, settled};
use super::error::StoreFailure;
use super::rows::{BYTES, LONGS, get};
use super::session::{Operation, Param, Session};
use crate::clock::Timestamp;
use crate::store::{BeginResult, Dedup, DedupEntry, DedupGroup, DedupLease, FirstResponse, Settled, StoreError};

#[async_trait]
impl Dedup for PostgresStore {
    async fn begin(
        &self,
        entries: &[DedupEntry],
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Vec<BeginResult>, StoreError> {
        let begin = |entry: &DedupEntry| Beginning { entry: *entry, now, until: lease_until };
        self.beginnings.call(entries.iter().map(begin).collect(), 0).await
    }

    async fn finish(
        &self,
        leases: &[DedupLease],
        answer: &FirstResponse,
        expires: Timestamp,
    ) -> Result<Vec<Settled>, StoreError> {
        let finish = |lease: &DedupLease| Finish { lease: *lease, answer: answer.clone(), expires };
        self.finishes.call(leases.iter().map(finish).collect(), answer.body.len()).await
    }

    async fn abandon(&self, leases: &[DedupLease]) -> Result<Vec<Settled>, StoreError> {
        if leases.is_empty() {
            return Ok(Vec::new());
        }
        // The row remains until it is pruned, so that the next begin has a higher fence.
        let sql = "UPDATE hookwire.dedup d SET ends = 0 FROM unnest($1, $2) AS c (key, fence) \
                   WHERE d.key = c.key AND d.fence = c.fence AND d.status IS NULL AND d.ends > 0 RETURNING d.key, d.fence";
        let (keys, fences) = columns(leases.iter());
        let rows = self.db.query(sql, &[(&keys, BYTES), (&fences, LONGS)]).await?;
        settled(leases.iter(), &rows).map_err(StoreFailure::into_store_error)
    }

    async fn forget(&self, groups: &[DedupGroup]) -> Result<Vec<u64>, StoreError> {
        self.db.transact(Forgetting(groups.to_vec())).await
    }

    async fn prune(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let sql = "DELETE FROM hookwire.dedup WHERE key IN (SELECT key FROM hookwire.dedup WHERE ends <= $1 ORDER BY ends \
                   LIMIT $2 FOR UPDATE SKIP LOCKED) RETURNING key";
        let params: [Param<'_>; 2] = [(&now.as_micros(), Type::INT8), (&i64::from(limit), Type::INT8)];
        Ok(self.db.query(sql, &params).await?.len() as u64)
    }
}

struct Forgetting(Vec<DedupGroup>);

impl Operation for Forgetting {
    type Answer = Vec<u64>;

    async fn run(&self, session: &Session<'_>) -> Result<Vec<u64>, StoreFailure> {
        let sql = "DELETE FROM hookwire.dedup WHERE event_group = ANY($1) AND status IS NOT NULL RETURNING event_group";
        let wanted: Vec<_> = self.0.iter().map(|group| &group.as_bytes()[..]).collect();
        let mut forgotten: HashMap<Vec<u8>, u64> = HashMap::new();
        for row in &session.query(sql, &[(&wanted, BYTES)]).await? {
            let group: &[u8] = get(row, "event_group")?;
            *forgotten.entry(group.to_vec()).or_default() += 1;
        }
        if forgotten.is_empty() {
            session.wait_for_replication().await?;
        }
        Ok(self.0.iter().map(|group| forgotten.remove(&group.as_bytes()[..]).unwrap_or(0)).collect())
    }
}
