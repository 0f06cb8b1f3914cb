//! The live workers, in SQL.

use async_trait::async_trait;
use rusqlite::params;

use super::SqliteStore;
use crate::clock::Timestamp;
use crate::id::WorkerId;
use crate::store::{StoreError, WorkerRegistry};

#[async_trait]
impl WorkerRegistry for SqliteStore {
    async fn heartbeat(
        &self,
        group: &'static str,
        worker: WorkerId,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<u32, StoreError> {
        let attend = move |connection: &rusqlite::Connection| {
            connection.prepare_cached("DELETE FROM hookwire_worker WHERE ends <= ?1")?.execute([now.as_micros()])?;
            let insert = "INSERT OR REPLACE INTO hookwire_worker (id, crew, ends) VALUES (?1, ?2, ?3)";
            connection.prepare_cached(insert)?.execute(params![worker.as_bytes(), group, until.as_micros()])?;
            let mut count = connection.prepare_cached("SELECT count(*) FROM hookwire_worker WHERE crew = ?1")?;
            count.query_row([group], |row| row.get(0))
        };
        self.write(attend).await
    }

    async fn alive(&self, group: &'static str, now: Timestamp) -> Result<u32, StoreError> {
        let count = move |connection: &rusqlite::Connection| {
            let sql = "SELECT count(*) FROM hookwire_worker WHERE crew = ?1 AND ends > ?2";
            connection.prepare_cached(sql)?.query_row(params![group, now.as_micros()], |row| row.get(0))
        };
        self.read(count).await
    }

    async fn leave(&self, worker: WorkerId) -> Result<(), StoreError> {
        let sql = "DELETE FROM hookwire_worker WHERE id = ?1";
        self.write(move |connection| connection.prepare_cached(sql)?.execute([worker.as_bytes()]).map(drop)).await
    }
}
