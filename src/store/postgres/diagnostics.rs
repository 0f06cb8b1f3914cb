//! Diagnostic notes.

use async_trait::async_trait;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::PostgresStore;
use super::error::StoreFailure;
use super::rows::{LONGS, TEXTS, get, time};
use super::session::{Operation, Param, Session};
use crate::clock::Timestamp;
use crate::store::{DiagnosticNote, Diagnostics, NOTES_KEPT, StoreError};

const INSERT: &str = "INSERT INTO hookwire.note (subject, at, content) \
     SELECT n.subject, n.at, n.content FROM unnest($1, $2, $3) WITH ORDINALITY AS n (subject, at, content, place) ORDER BY n.place";

const MAKE_ROOM: &str = "DELETE FROM hookwire.note d USING (SELECT DISTINCT subject FROM unnest($1) AS n (subject)) n \
     WHERE d.subject = n.subject AND d.seq <= \
     (SELECT o.seq FROM hookwire.note o WHERE o.subject = n.subject ORDER BY o.seq DESC LIMIT 1 OFFSET $2)";

const FIND: &str = "SELECT subject, at, content FROM hookwire.note WHERE subject = $1 ORDER BY seq DESC";

const PRUNE: &str = "DELETE FROM hookwire.note WHERE seq IN \
     (SELECT seq FROM hookwire.note WHERE at < $1 ORDER BY at LIMIT $2) RETURNING 1 AS gone";

#[async_trait]
impl Diagnostics for PostgresStore {
    async fn note(&self, notes: Vec<DiagnosticNote>) -> Result<(), StoreError> {
        if notes.is_empty() { Ok(()) } else { self.db.transact(Noting(notes)).await }
    }

    async fn notes(&self, subject: &str) -> Result<Vec<DiagnosticNote>, StoreError> {
        let rows = self.db.query(FIND, &[(&subject, Type::TEXT)]).await?;
        rows.iter().map(note).collect::<Result<_, _>>().map_err(StoreFailure::into_store_error)
    }

    async fn prune_notes(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let values: [Param<'_>; 2] = [(&before.as_micros(), Type::INT8), (&i64::from(limit), Type::INT8)];
        Ok(self.db.query(PRUNE, &values).await?.len() as u64)
    }
}

fn note(row: &Row) -> Result<DiagnosticNote, StoreFailure> {
    let text = |column| get::<String>(row, column).map(String::into_boxed_str);
    Ok(DiagnosticNote { subject: text("subject")?, at: time(row, "at")?, content: text("content")? })
}

struct Noting(Vec<DiagnosticNote>);

impl Operation for Noting {
    type Answer = ();

    async fn run(&self, session: &Session<'_>) -> Result<(), StoreFailure> {
        let subjects: Vec<_> = self.0.iter().map(|note| &*note.subject).collect();
        let times: Vec<_> = self.0.iter().map(|note| note.at.as_micros()).collect();
        let contents: Vec<_> = self.0.iter().map(|note| &*note.content).collect();
        let values: [Param<'_>; 3] = [(&subjects, TEXTS), (&times, LONGS), (&contents, TEXTS)];
        session.query(INSERT, &values).await?;
        session.query(MAKE_ROOM, &[(&subjects, TEXTS), (&i64::from(NOTES_KEPT), Type::INT8)]).await.map(drop)
    }
}
