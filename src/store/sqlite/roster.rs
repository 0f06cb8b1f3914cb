//! How many workers live, in SQL.

use async_trait::async_trait;
use rusqlite::params;

use super::SqliteStore;
use crate::clock::Timestamp;
use crate::id::WorkerId;
use crate::store::{Roster, StoreError};

#[async_trait]
impl Roster for SqliteStore {
    async fn attend(
        &self,
        crew: &'static str,
        worker: WorkerId,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<u32, StoreError> {
        let attend = move |connection: &rusqlite::Connection| {
            connection.prepare_cached("DELETE FROM hookwire_worker WHERE ends <= ?1")?.execute([now.as_micros()])?;
            let insert = "INSERT OR REPLACE INTO hookwire_worker (id, crew, ends) VALUES (?1, ?2, ?3)";
            connection.prepare_cached(insert)?.execute(params![worker.as_bytes(), crew, until.as_micros()])?;
            let mut count = connection.prepare_cached("SELECT count(*) FROM hookwire_worker WHERE crew = ?1")?;
            count.query_row([crew], |row| row.get(0))
        };
        self.write(attend).await
    }

    async fn leave(&self, worker: WorkerId) -> Result<(), StoreError> {
        let sql = "DELETE FROM hookwire_worker WHERE id = ?1";
        self.write(move |connection| connection.prepare_cached(sql)?.execute([worker.as_bytes()]).map(drop)).await
    }
}
