//! The live workers.

use async_trait::async_trait;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::PostgresStore;
use super::error::StoreFailure;
use super::rows::get;
use super::session::Param;
use crate::clock::Timestamp;
use crate::id::WorkerId;
use crate::store::{StoreError, WorkerRegistry};

const HEARTBEAT: &str = "WITH gone AS (DELETE FROM hookwire.worker WHERE ends <= $3 AND id <> $2), \
     here AS (INSERT INTO hookwire.worker (id, crew, ends) VALUES ($2, $1, $4) \
     ON CONFLICT (id) DO UPDATE SET ends = excluded.ends) \
     SELECT 1 + count(*) AS live FROM hookwire.worker WHERE crew = $1 AND ends > $3 AND id <> $2";

const ALIVE: &str = "SELECT count(*) AS alive FROM hookwire.worker WHERE crew = $1 AND ends > $2";

#[async_trait]
impl WorkerRegistry for PostgresStore {
    async fn heartbeat(
        &self,
        group: &'static str,
        worker: WorkerId,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<u32, StoreError> {
        let id = Uuid::from_bytes(*worker.as_bytes());
        let (now, until) = (now.as_micros(), until.as_micros());
        let params: [Param<'_>; 4] =
            [(&group, Type::TEXT), (&id, Type::UUID), (&now, Type::INT8), (&until, Type::INT8)];
        let rows = self.db.query(HEARTBEAT, &params).await?;
        let live = rows.first().map_or(Ok(1), |row| get::<i64>(row, "live"));
        live.map(|live| u32::try_from(live).unwrap_or(u32::MAX)).map_err(StoreFailure::into_store_error)
    }

    async fn alive(&self, group: &'static str, now: Timestamp) -> Result<u32, StoreError> {
        let now = now.as_micros();
        let params: [Param<'_>; 2] = [(&group, Type::TEXT), (&now, Type::INT8)];
        let rows = self.db.query(ALIVE, &params).await?;
        let alive = rows.first().map_or(Ok(0), |row| get::<i64>(row, "alive"));
        alive.map(|alive| u32::try_from(alive).unwrap_or(u32::MAX)).map_err(StoreFailure::into_store_error)
    }

    async fn leave(&self, worker: WorkerId) -> Result<(), StoreError> {
        let id = Uuid::from_bytes(*worker.as_bytes());
        self.db.query("DELETE FROM hookwire.worker WHERE id = $1", &[(&id, Type::UUID)]).await.map(drop)
    }
}
