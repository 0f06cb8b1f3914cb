//! The live workers, in SQL.

use async_trait::async_trait;
use rusqlite::params;

use super::SqliteStore;
use super::session::Session;
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
        let attend = move |session: &Session<'_>| {
            session.execute("DELETE FROM hookwire_worker WHERE ends <= ?1", [now.as_micros()])?;
            let insert = "INSERT OR REPLACE INTO hookwire_worker (id, crew, ends) VALUES (?1, ?2, ?3)";
            session.execute(insert, params![worker.as_bytes(), group, until.as_micros()])?;
            let mut count = session.prepare_cached("SELECT count(*) FROM hookwire_worker WHERE crew = ?1")?;
            count.query_row([group], |row| row.get(0))
        };
        self.write(attend).await
    }

    async fn alive(&self, group: &'static str, now: Timestamp) -> Result<u32, StoreError> {
        let count = move |session: &Session<'_>| {
            let sql = "SELECT count(*) FROM hookwire_worker WHERE crew = ?1 AND ends > ?2";
            session.query_row(sql, params![group, now.as_micros()], |row| row.get(0))
        };
        self.read(count).await
    }

    async fn leave(&self, worker: WorkerId) -> Result<(), StoreError> {
        let sql = "DELETE FROM hookwire_worker WHERE id = ?1";
        self.write(move |session| session.execute(sql, [worker.as_bytes()]).map(drop)).await
    }
}
