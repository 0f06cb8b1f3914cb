//! The retention role.

use async_trait::async_trait;
use tokio_postgres::types::{ToSql, Type};

use super::PostgresStore;
use super::error::StoreFailure;
use super::partitions::{self, Maintained};
use super::rows::{delivery_id, get, time, uuid_of_delivery};
use super::session::{LONG_CALL, Operation, Param, Session};
use crate::clock::Timestamp;
use crate::id::Work;
use crate::store::relational::{events_of, keys_of, lanes_of};
use crate::store::{FinishedCursor, Retention, RetentionCutoff, StoreError};

#[async_trait]
impl Retention for PostgresStore {
    async fn prune(&self, work: Work, old: RetentionCutoff, limit: u32) -> Result<u64, StoreError> {
        let Maintained { gone, kept_from } = partitions::maintain(&self.db, work, old.work, limit).await?;
        Ok(gone.max(self.db.transact(Pruning { work, old, limit: limit.into(), kept_from }).await?))
    }

    async fn drop_payloads(
        &self,
        work: Work,
        after: FinishedCursor,
        before: Timestamp,
        limit: u32,
    ) -> Result<Option<FinishedCursor>, StoreError> {
        self.db.transact(DroppingPayloads { work, after, before, limit: limit.into() }).await
    }
}

// Whole days are dropped with their partitions. This statement deletes only rows of days without a partition.
fn prune_deliveries(work: Work) -> String {
    format!(
        "DELETE FROM hookwire.finished_rest WHERE id IN (SELECT id FROM hookwire.finished_rest WHERE finished_at < $1 \
         AND {} ORDER BY finished_at LIMIT $2) RETURNING id",
        lanes_of!("lane", work)
    )
}

// `OFFSET 0` makes the planner look up each row, and never read all of the other table.
fn prune_events(work: Work) -> String {
    format!(
        "DELETE FROM hookwire.event_rest WHERE key IN (SELECT e.key FROM hookwire.event_rest e \
         WHERE e.appended_at < $1 AND e.key < $3 AND {} \
         AND NOT EXISTS (SELECT 1 FROM hookwire.delivery d WHERE d.event = e.key OFFSET 0) \
         AND NOT EXISTS (SELECT 1 FROM hookwire.finished f WHERE f.event = e.key OFFSET 0) ORDER BY e.key LIMIT $2) RETURNING key",
        events_of!("e.audience", work)
    )
}

// Events of a day that keeps its partition still exist, so their keys are not read.
fn prune_keys(work: Work) -> String {
    format!(
        "DELETE FROM hookwire.publish WHERE (tenant, id) IN (SELECT tenant, id FROM hookwire.publish \
         WHERE appended_at < $1 AND event < $3 AND {} \
         AND NOT EXISTS (SELECT 1 FROM hookwire.event e WHERE e.key = event OFFSET 0) \
         ORDER BY appended_at LIMIT $2) RETURNING event",
        keys_of(work)
    )
}

struct Pruning {
    work: Work,
    old: RetentionCutoff,
    limit: i64,
    /// All events from this key on are kept.
    kept_from: i64,
}

impl Operation for Pruning {
    type Answer = u64;

    const TIME_FACTOR: u32 = LONG_CALL;

    async fn run(&self, session: &Session<'_>) -> Result<u64, StoreFailure> {
        let old = [self.old.work, self.old.work, self.old.keys].map(Timestamp::as_micros);
        let mut most = 0;
        for (sql, old) in [prune_deliveries, prune_events, prune_keys].into_iter().zip(old) {
            let values: [&(dyn ToSql + Sync); 3] = [&old, &self.limit, &self.kept_from];
            let sql = sql(self.work);
            let gone =
                session.query_text(&session.schema().apply(&sql), &values.map(|value| (value, Type::INT8))).await?;
            most = most.max(gone.len());
        }
        Ok(most as u64)
    }
}

fn drop_payloads_sql(work: Work) -> String {
    format!(
        "SELECT finished_at, id, event FROM hookwire.finished WHERE (finished_at, id) > ($1, $2) AND finished_at < $3 \
         AND {} ORDER BY finished_at, id LIMIT $4",
        lanes_of!("lane", work)
    )
}

const FORGET: &str = "UPDATE hookwire.event SET expunged = true, body = '' WHERE key = ANY($1) AND NOT expunged \
     AND NOT EXISTS (SELECT 1 FROM hookwire.delivery d WHERE d.event = key)";

struct DroppingPayloads {
    work: Work,
    after: FinishedCursor,
    before: Timestamp,
    limit: i64,
}

impl Operation for DroppingPayloads {
    type Answer = Option<FinishedCursor>;

    const TIME_FACTOR: u32 = LONG_CALL;

    async fn run(&self, session: &Session<'_>) -> Result<Option<FinishedCursor>, StoreFailure> {
        let (at, id) = self.after;
        let params: [Param<'_>; 4] = [
            (&at.as_micros(), Type::INT8),
            (&uuid_of_delivery(id), Type::UUID),
            (&self.before.as_micros(), Type::INT8),
            (&self.limit, Type::INT8),
        ];
        let sql = drop_payloads_sql(self.work);
        let rows = session.query_text(&session.schema().apply(&sql), &params).await?;
        let events = rows.iter().map(|row| get(row, "event")).collect::<Result<Vec<i64>, _>>()?;
        session.query(FORGET, &[(&events, Type::INT8_ARRAY)]).await?;
        let full = rows.len() as u64 == u64::try_from(self.limit).unwrap_or(u64::MAX);
        let last = rows.last().filter(|_| full);
        last.map(|row| Ok((time(row, "finished_at")?, delivery_id(row, "id")?))).transpose()
    }
}
