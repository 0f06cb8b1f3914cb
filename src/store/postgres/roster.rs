//! How many workers live.

use async_trait::async_trait;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::PostgresStore;
use super::error::Trouble;
use super::rows::get;
use super::session::Param;
use crate::clock::Timestamp;
use crate::id::WorkerId;
use crate::store::{Roster, StoreError};

const ATTEND: &str = "WITH gone AS (DELETE FROM hookwire.worker WHERE ends <= $3 AND id <> $2), \
     here AS (INSERT INTO hookwire.worker (id, crew, ends) VALUES ($2, $1, $4) \
     ON CONFLICT (id) DO UPDATE SET ends = excluded.ends) \
     SELECT 1 + count(*) AS live FROM hookwire.worker WHERE crew = $1 AND ends > $3 AND id <> $2";

#[async_trait]
impl Roster for PostgresStore {
    async fn attend(
        &self,
        crew: &'static str,
        worker: WorkerId,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<u32, StoreError> {
        let id = Uuid::from_bytes(*worker.as_bytes());
        let (now, until) = (now.as_micros(), until.as_micros());
        let params: [Param<'_>; 4] = [(&crew, Type::TEXT), (&id, Type::UUID), (&now, Type::INT8), (&until, Type::INT8)];
        let rows = self.db.query(ATTEND, &params).await?;
        let live = rows.first().map_or(Ok(1), |row| get::<i64>(row, "live"));
        live.map(|live| u32::try_from(live).unwrap_or(u32::MAX)).map_err(Trouble::into_store_error)
    }

    async fn leave(&self, worker: WorkerId) -> Result<(), StoreError> {
        let id = Uuid::from_bytes(*worker.as_bytes());
        self.db.query("DELETE FROM hookwire.worker WHERE id = $1", &[(&id, Type::UUID)]).await.map(drop)
    }
}
