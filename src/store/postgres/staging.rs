//! The table that applications write to, and the import of its rows.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use tokio_postgres::types::{ToSql, Type};

use super::PostgresStore;
use super::append::Appending;
use super::error::StoreFailure;
use super::order;
use super::rows::{LONGS, TEXTS, get};
use super::session::{Operation, Session};
use crate::clock::Timestamp;
use crate::store::relational::{MAX_ROW, STAGED_BYTES, row_number, row_seq, too_long};
use crate::store::sql::OutboxRow;
use crate::store::{Append, Appended, ChangeListener, Import, ImportResult, StagedRow, Staging, StoreError};

#[async_trait]
impl Staging for PostgresStore {
    async fn staged(&self, limit: u32, longest: usize) -> Result<Vec<StagedRow>, StoreError> {
        let bytes = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let (most, all) = (bytes(longest), bytes(STAGED_BYTES));
        let params = [i64::from(limit), most, all, MAX_ROW];
        let params = params.each_ref().map(|param| (param as &(dyn ToSql + Sync), Type::INT8));
        let rows = self.db.query(STAGED, &params).await?;
        rows.iter().map(|row| staged(row, longest)).collect::<Result<_, _>>().map_err(StoreFailure::into_store_error)
    }

    async fn import(&self, batch: Vec<Import>) -> Result<Vec<ImportResult>, StoreError> {
        let appends: Vec<Append> = batch.iter().filter_map(|admit| admit.verdict.clone().ok()).collect();
        let appending = Appending::new(&self.db, Arc::new(appends)).await?;
        let admitted = self.db.transact(Importing { batch, appending }).await?;
        self.notifier.notify();
        Ok(admitted)
    }

    fn changes(&self) -> ChangeListener {
        self.notifier.changes()
    }

    fn writes(&self) -> ChangeListener {
        self.notifier.writes()
    }
}

// The server returns the length of a row without reading the row.
const STAGED: &str = "WITH head AS MATERIALIZED (SELECT seq, octet_length(data) AS length, octet_length(type) + octet_length(tenant) + \
     coalesce(octet_length(content_type), 0) + coalesce(octet_length(id), 0) + coalesce(octet_length(fifo_key), 0) + \
     coalesce(octet_length(latest_key), 0) <= $4 AS is_plain \
     FROM hookwire.outbox WHERE error IS NULL ORDER BY seq LIMIT $1), \
     sized AS MATERIALIZED (SELECT seq, length, is_plain AND length <= $2 AS is_read, \
     sum(CASE WHEN is_plain AND length <= $2 THEN length ELSE 0 END) OVER (ORDER BY seq) AS total FROM head) \
     SELECT s.seq, s.is_read, s.length::bigint AS length, o.written_at, r.* FROM sized s \
     JOIN hookwire.outbox o ON o.seq = s.seq AND o.error IS NULL \
     LEFT JOIN LATERAL (SELECT o.type, o.data, o.tenant, o.content_type, o.id, o.occurred_at, o.fifo_key, o.latest_key, \
     o.expires_at WHERE s.is_read) r ON true \
     WHERE s.total <= $3 OR s.total = s.length ORDER BY s.seq";

/// An unreadable row is refused with the reason, like an invalid one: it must not stop other rows.
fn staged(row: &tokio_postgres::Row, longest: usize) -> Result<StagedRow, StoreFailure> {
    let event = if get(row, "is_read")? {
        outbox_row(row).map_err(|error| error.to_string()).and_then(OutboxRow::event)
    } else {
        Err(too_long(get(row, "length")?, longest))
    };
    // Another program may have written any number.
    let seq = row_number(get(row, "seq")?);
    let written_at = get::<Option<i64>>(row, "written_at")?.map(Timestamp::from_micros);
    Ok(StagedRow { row: seq, event, written_at })
}

fn outbox_row(row: &tokio_postgres::Row) -> Result<OutboxRow, StoreFailure> {
    Ok(OutboxRow {
        event_type: get(row, "type")?,
        data: get(row, "data")?,
        tenant: get(row, "tenant")?,
        content_type: get(row, "content_type")?,
        id: get(row, "id")?,
        occurred_at: get(row, "occurred_at")?,
        fifo_key: get(row, "fifo_key")?,
        latest_key: get(row, "latest_key")?,
        expires_at: get(row, "expires_at")?,
    })
}

// Rows that another worker imports count as gone.
const TAKE: &str =
    "SELECT seq FROM hookwire.outbox WHERE seq = ANY($1) AND error IS NULL ORDER BY seq FOR UPDATE SKIP LOCKED";

const REFUSE: &str =
    "UPDATE hookwire.outbox o SET error = r.why FROM unnest($1, $2) AS r (seq, why) WHERE o.seq = r.seq";

struct Importing {
    batch: Vec<Import>,
    /// The appends of rows that can be dispatched, in the order of the batch.
    appending: Appending,
}

impl Operation for Importing {
    type Answer = Vec<ImportResult>;

    async fn run(&self, session: &Session<'_>) -> Result<Vec<ImportResult>, StoreFailure> {
        let rows: Vec<_> = self.batch.iter().map(|admit| row_seq(admit.row)).collect();
        let taken = session.query(TAKE, &[(&rows, LONGS)]).await?;
        let taken = taken.iter().map(|row| get(row, "seq")).collect::<Result<HashSet<i64>, _>>()?;
        // Rows whose key another transaction holds are left for the next import.
        let appends = self.batch.iter().filter_map(|admit| admit.verdict.as_ref().ok());
        let lanes = order::lanes_of(&appends.cloned().collect::<Vec<_>>());
        let held = order::try_lock(session, &lanes).await?;
        let waits = |admit: &Import| {
            let Ok(append) = &admit.verdict else { return false };
            !held.is_empty() && order::lanes_of(std::slice::from_ref(append)).iter().any(|lane| held.contains(lane))
        };
        let is_taken = |admit: &Import| taken.contains(&row_seq(admit.row)) && !waits(admit);
        let dispatchable = self.batch.iter().filter(|admit| admit.verdict.is_ok());
        let appended = self.appending.run_some(session, &dispatchable.map(is_taken).collect::<Vec<_>>()).await?;

        let (mut gone, mut refused, mut whys) = (Vec::new(), Vec::new(), Vec::new());
        let (mut appended, mut answers) = (appended.into_iter(), Vec::with_capacity(self.batch.len()));
        for admit in &self.batch {
            let verdict = admit.verdict.as_ref().map(|_| appended.next().flatten());
            let why = match verdict {
                Ok(Some(Appended::Conflict)) => {
                    Some("id: another event with this id, but with another type or payload, exists; use a new id")
                }
                Ok(_) => None,
                Err(why) => Some(why.as_str()),
            };
            let answer = match why {
                _ if !is_taken(admit) => ImportResult::Gone,
                Some(why) => {
                    refused.push(row_seq(admit.row));
                    whys.push(why);
                    ImportResult::Refused
                }
                None => {
                    gone.push(row_seq(admit.row));
                    ImportResult::Taken
                }
            };
            answers.push(answer);
        }
        session.query("DELETE FROM hookwire.outbox WHERE seq = ANY($1)", &[(&gone, LONGS)]).await?;
        session.query(REFUSE, &[(&refused, LONGS), (&whys, TEXTS)]).await?;
        Ok(answers)
    }
}
