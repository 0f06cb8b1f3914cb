//! Diagnostic notes in SQL.

use async_trait::async_trait;
use rusqlite::params;

use super::SqliteStore;
use super::rows::time;
use super::session::Session;
use crate::clock::Timestamp;
use crate::store::{DiagnosticNote, Diagnostics, NOTES_KEPT, StoreError};

#[async_trait]
impl Diagnostics for SqliteStore {
    async fn note(&self, notes: Vec<DiagnosticNote>) -> Result<(), StoreError> {
        if notes.is_empty() {
            return Ok(());
        }
        self.write(move |session| notes.iter().try_for_each(|note| write(session, note))).await
    }

    async fn notes(&self, subject: &str) -> Result<Vec<DiagnosticNote>, StoreError> {
        let subject: Box<str> = subject.into();
        let read = move |session: &Session<'_>| {
            let sql = "SELECT at, content FROM hookwire_note WHERE subject = ?1 ORDER BY seq DESC";
            let note = |row: &rusqlite::Row<'_>| {
                Ok(DiagnosticNote { subject: subject.clone(), at: time(row, 0)?, content: row.get(1)? })
            };
            session.prepare_cached(sql)?.query_map([&subject], note)?.collect()
        };
        self.read(read).await
    }

    async fn prune_notes(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let sql =
            "DELETE FROM hookwire_note WHERE seq IN (SELECT seq FROM hookwire_note WHERE at < ?1 ORDER BY at LIMIT ?2)";
        let delete = move |session: &Session<'_>| {
            session.execute(sql, params![before.as_micros(), limit]).map(|deleted| deleted as u64)
        };
        self.write(delete).await
    }
}

fn write(session: &Session<'_>, note: &DiagnosticNote) -> rusqlite::Result<()> {
    let insert = "INSERT INTO hookwire_note (subject, at, content) VALUES (?1, ?2, ?3)";
    session.execute(insert, params![note.subject, note.at.as_micros(), note.content])?;
    let make_room = "DELETE FROM hookwire_note WHERE subject = ?1 AND seq <= \
                     (SELECT seq FROM hookwire_note WHERE subject = ?1 ORDER BY seq DESC LIMIT 1 OFFSET ?2)";
    session.execute(make_room, params![note.subject, NOTES_KEPT])?;
    Ok(())
}
