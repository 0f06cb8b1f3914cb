//! The table that applications write to: `hookwire_outbox`.

use async_trait::async_trait;
use rusqlite::{Row, params};

use super::SqliteStore;
use super::outbox::append;
use super::session::Session;
use super::settle::settle_all;
use crate::clock::{Clock, SystemClock, Timestamp};
use crate::delivery::Settlement;
use crate::event::NewEvent;
use crate::id::EventId;
use crate::store::relational::{MAX_ROW, STAGED_BYTES, row_number, row_seq, too_long};
use crate::store::sql::{NewOutboxRow, OutboxRow};
use crate::store::{Appended, ChangeListener, Import, ImportResult, Settled, StagedRow, Staging, StoreError};

impl SqliteStore {
    /// Dispatches an event as part of the caller's own transaction: the event and its deliveries exist if and only if this transaction
    /// commits. The caller's session must be to the file that this store has opened with
    /// [`open_in_application_database`](Self::open_in_application_database).
    ///
    /// The transaction writes one row and reads no endpoint. Workers on this store and its
    /// clones look for it often from now on: after [`Config::outbox_poll`](crate::worker::Config::outbox_poll) at first, and later after an
    /// eighth of the time since this call. After [`Sender::wake`](crate::sender::Sender::wake) the worker of this sender looks at once. Some errors are found only then, because only the sender can check the length of the
    /// payload and whether another event has the caller's id; see the table [`hookwire_outbox`](crate::store::SqliteStore).
    ///
    /// # Errors
    /// Returns an error if SQLite fails or if the tenant's name is invalid.
    pub fn dispatch_in(&self, transaction: &rusqlite::Transaction<'_>, event: &NewEvent) -> rusqlite::Result<EventId> {
        let now = SystemClock.now();
        let staging = NewOutboxRow::of(event, now);
        let staging = staging.map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        stage(&Session::new(transaction), &staging, now)?;
        self.writes.send_replace(());
        Ok(staging.id)
    }
}

impl SqliteStore {
    /// Records the end of an attempt as part of the caller's own transaction: the changes of an [inbox](crate::receiver::inbox) handler and
    /// the record that its job is done are committed together. On [`Settled::LeaseLost`] another worker has the job: roll back.
    ///
    /// # Errors
    /// Returns an error if SQLite fails.
    pub fn settle_in(
        &self,
        transaction: &rusqlite::Transaction<'_>,
        settlement: &Settlement,
    ) -> rusqlite::Result<Settled> {
        let settled = settle_all(&Session::new(transaction), &self.sealer, std::slice::from_ref(settlement))?;
        Ok(settled.first().copied().unwrap_or(Settled::LeaseLost))
    }
}

#[async_trait]
impl Staging for SqliteStore {
    async fn staged(&self, limit: u32, longest: usize) -> Result<Vec<StagedRow>, StoreError> {
        self.read(move |session| staged(session, limit, longest)).await
    }

    async fn import(&self, batch: Vec<Import>) -> Result<Vec<ImportResult>, StoreError> {
        self.write(move |session| batch.iter().map(|one| import_row(session, one)).collect()).await
    }

    // Processes on one file cannot notify each other; they poll.
    fn changes(&self) -> ChangeListener {
        ChangeListener::never()
    }

    fn writes(&self) -> ChangeListener {
        ChangeListener::from(self.writes.subscribe())
    }
}

// SQLite returns the length of a column without reading the column.
const STAGED: &str = "SELECT seq, written_at, octet_length(data) AS length, octet_length(data) <= ?2 \
                      AND coalesce(octet_length(content_type), 0) + coalesce(octet_length(id), 0) <= ?3 AS is_read, \
                      type, data, tenant, content_type, id, occurred_at, fifo_key, latest_key, \
                      expires_at FROM hookwire_outbox WHERE error IS NULL ORDER BY seq LIMIT ?1";

fn staged(session: &Session<'_>, limit: u32, longest: usize) -> rusqlite::Result<Vec<StagedRow>> {
    let most = i64::try_from(longest).unwrap_or(i64::MAX);
    let mut statement = session.prepare_cached(STAGED)?;
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
        // Another program may have written any number.
        staged.push(StagedRow { row: row_number(row.get("seq")?), event, written_at });
    }
    Ok(staged)
}

/// The event of a row. An invalid row is an error of the program that wrote it, not of the store.
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

/// Reads a text that another program has written: SQLite does not check that it is UTF-8.
fn text(row: &Row<'_>, column: &str) -> Result<Option<String>, String> {
    let read = |error: rusqlite::Error| format!("{column}: {error}");
    let bytes = row.get_ref(column).map_err(read)?.as_bytes_or_null().map_err(|error| format!("{column}: {error}"))?;
    let text = bytes.map(|bytes| String::from_utf8(bytes.to_vec())).transpose();
    text.map_err(|_| format!("{column}: is not UTF-8; write it as UTF-8"))
}

fn import_row(session: &Session<'_>, import: &Import) -> rusqlite::Result<ImportResult> {
    let refuse = |why: &str| {
        let sql = "UPDATE hookwire_outbox SET error = ?2 WHERE seq = ?1 AND error IS NULL";
        let changed = session.execute(sql, params![row_seq(import.row), why])?;
        Ok(if changed == 0 { ImportResult::Gone } else { ImportResult::Refused })
    };
    let one = match &import.verdict {
        Ok(one) => one,
        Err(why) => return refuse(why),
    };
    let there = "SELECT 1 FROM hookwire_outbox WHERE seq = ?1 AND error IS NULL";
    if !session.prepare_cached(there)?.exists([row_seq(import.row)])? {
        return Ok(ImportResult::Gone);
    }
    if append(session, one)? == Appended::Conflict {
        return refuse("id: another event with this id, but with another type or payload, exists; use a new id");
    }
    session.execute("DELETE FROM hookwire_outbox WHERE seq = ?1", [row_seq(import.row)])?;
    Ok(ImportResult::Taken)
}

/// The documented INSERT, with every column that a caller may set.
const INSERT: &str = "INSERT INTO hookwire_outbox (type, data, tenant, content_type, id, occurred_at, fifo_key, \
                      latest_key, expires_at, written_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";

/// Writes an event into the caller's transaction.
fn stage(session: &Session<'_>, event: &NewOutboxRow<'_>, now: Timestamp) -> rusqlite::Result<()> {
    session.execute(
        INSERT,
        params![
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
        ],
    )?;
    Ok(())
}
