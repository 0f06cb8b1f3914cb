//! The table that others write to: `hookwire_outbox`.

use async_trait::async_trait;
use rusqlite::{Connection, Row, params};

use super::SqliteStore;
use super::outbox::append;
use super::settle::settle_all;
use crate::clock::{Clock, SystemClock, Timestamp};
use crate::delivery::Settlement;
use crate::event::NewEvent;
use crate::id::EventId;
use crate::store::relational::{MAX_ROW, OutboxRow, STAGED_BYTES, Staging, row_number, row_seq, too_long};
use crate::store::{Admit, Admitted, Appended, Intake, Settled, Staged, StoreError, Wakes};

impl SqliteStore {
    /// Dispatches an event as part of the caller's own transaction: the event and its deliveries exist exactly when that
    /// commits. The connection is the caller's, to the file that this store was opened on by
    /// [`open_in_application_database`](Self::open_in_application_database).
    ///
    /// The transaction writes one row and reads no endpoint. A running worker finds the row within
    /// [`Config::tend`](crate::worker::Config::tend) of the commit, at once after
    /// [`Sender::wake`](crate::sender::Sender::wake). What only the sender can check, the length of the payload and whether
    /// the caller's id was used before, is checked then; see the table [`hookwire_outbox`](crate::store::sqlite).
    ///
    /// # Errors
    /// Of SQLite, and when the tenant's name is malformed.
    pub fn dispatch_in(&self, transaction: &rusqlite::Transaction<'_>, event: &NewEvent) -> rusqlite::Result<EventId> {
        let now = SystemClock.now();
        let staging = Staging::of(event, now);
        let staging = staging.map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        stage(transaction, &staging, now)?;
        Ok(staging.id)
    }
}

impl SqliteStore {
    /// Records the end of an attempt as part of the caller's own transaction: what a handler of the
    /// [inbox](crate::receiver::inbox) has written and that it is done, become true together. On
    /// [`Settled::LeaseLost`] somebody else has the job: roll back.
    ///
    /// # Errors
    /// Of SQLite.
    pub fn settle_in(
        &self,
        transaction: &rusqlite::Transaction<'_>,
        settlement: &Settlement,
    ) -> rusqlite::Result<Settled> {
        let settled = settle_all(transaction, &self.vault, std::slice::from_ref(settlement))?;
        Ok(settled.first().copied().unwrap_or(Settled::LeaseLost))
    }
}

#[async_trait]
impl Intake for SqliteStore {
    async fn staged(&self, limit: u32, longest: usize) -> Result<Vec<Staged>, StoreError> {
        self.read(move |connection| staged(connection, limit, longest)).await
    }

    async fn admit(&self, batch: Vec<Admit>) -> Result<Vec<Admitted>, StoreError> {
        self.write(move |connection| batch.iter().map(|one| admit(connection, one)).collect()).await
    }

    // Processes on one file find each other's work by looking for it.
    fn wakes(&self) -> Wakes {
        Wakes::never()
    }
}

// How long a column is, is known without reading it.
const STAGED: &str = "SELECT seq, written_at, octet_length(data) AS length, octet_length(data) <= ?2 \
                      AND coalesce(octet_length(content_type), 0) + coalesce(octet_length(id), 0) <= ?3 AS is_read, \
                      type, data, tenant, content_type, id, occurred_at, fifo_key, latest_key, \
                      expires_at FROM hookwire_outbox WHERE error IS NULL ORDER BY seq LIMIT ?1";

fn staged(connection: &Connection, limit: u32, longest: usize) -> rusqlite::Result<Vec<Staged>> {
    let most = i64::try_from(longest).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(STAGED)?;
    let mut rows = statement.query(params![limit, most, MAX_ROW])?;
    let (mut staged, mut total) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        let (length, is_read): (i64, bool) = (row.get("length")?, row.get("is_read")?);
        if is_read {
            total += usize::try_from(length).unwrap_or(usize::MAX);
            if total > STAGED_BYTES && !staged.is_empty() {
                break;
            }
        }
        let event = if is_read { event(row)? } else { Err(too_long(length, longest)) };
        let written_at: Option<i64> = row.get("written_at")?;
        let written_at = written_at.map(Timestamp::from_micros);
        // Whatever number somebody has given it.
        staged.push(Staged { row: row_number(row.get("seq")?), event, written_at });
    }
    Ok(staged)
}

/// What a row says; a row that says nonsense is the writer's mistake, not the store's.
fn event(row: &Row<'_>) -> rusqlite::Result<Result<NewEvent, String>> {
    let (occurred_at, expires_at) = (row.get("occurred_at")?, row.get("expires_at")?);
    let data = row.get_ref("data")?.as_bytes().map(<[u8]>::to_vec).unwrap_or_default();
    let read = || {
        Ok(OutboxRow {
            event_type: text(row, "type")?.unwrap_or_default(),
            data,
            tenant: text(row, "tenant")?,
            content_type: text(row, "content_type")?,
            id: text(row, "id")?,
            occurred_at,
            fifo_key: text(row, "fifo_key")?,
            latest_key: text(row, "latest_key")?,
            expires_at,
        })
    };
    Ok(read().and_then(OutboxRow::event))
}

/// A text that somebody else has written: SQLite does not look whether it is UTF-8.
fn text(row: &Row<'_>, column: &str) -> Result<Option<String>, String> {
    let read = |error: rusqlite::Error| format!("{column}: {error}");
    let bytes = row.get_ref(column).map_err(read)?.as_bytes_or_null().map_err(|error| format!("{column}: {error}"))?;
    let text = bytes.map(|bytes| String::from_utf8(bytes.to_vec())).transpose();
    text.map_err(|_| format!("{column}: is not UTF-8"))
}

fn admit(connection: &Connection, admit: &Admit) -> rusqlite::Result<Admitted> {
    let refuse = |why: &str| {
        let sql = "UPDATE hookwire_outbox SET error = ?2 WHERE seq = ?1 AND error IS NULL";
        let changed = connection.prepare_cached(sql)?.execute(params![row_seq(admit.row), why])?;
        Ok(if changed == 0 { Admitted::Gone } else { Admitted::Refused })
    };
    let one = match &admit.verdict {
        Ok(one) => one,
        Err(why) => return refuse(why),
    };
    let there = "SELECT 1 FROM hookwire_outbox WHERE seq = ?1 AND error IS NULL";
    if !connection.prepare_cached(there)?.exists([row_seq(admit.row)])? {
        return Ok(Admitted::Gone);
    }
    if append(connection, one)? == Appended::Conflict {
        return refuse("id: was used before, for another type or payload");
    }
    connection.prepare_cached("DELETE FROM hookwire_outbox WHERE seq = ?1")?.execute([row_seq(admit.row)])?;
    Ok(Admitted::Taken)
}

/// The documented INSERT, with every column a caller may set.
const INSERT: &str = "INSERT INTO hookwire_outbox (type, data, tenant, content_type, id, occurred_at, fifo_key, \
                      latest_key, expires_at, written_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";

/// Writes an event into the caller's transaction.
fn stage(connection: &Connection, event: &Staging<'_>, now: Timestamp) -> rusqlite::Result<()> {
    connection.prepare_cached(INSERT)?.execute(params![
        event.event_type,
        event.data,
        event.tenant,
        event.content_type,
        event.id.as_str(),
        event.occurred_at,
        event.fifo_key,
        event.latest_key,
        event.expires_at,
        now.as_micros()
    ])?;
    Ok(())
}
