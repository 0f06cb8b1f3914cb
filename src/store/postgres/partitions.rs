//! A partition for each day: created before it is needed, dropped when all of its rows are old.

use std::time::Duration;

use tokio_postgres::types::Type;

use super::append::first_key_of;
use super::error::StoreFailure;
use super::rows::{get, uuid_of_delivery};
use super::session::{Db, LONG_CALL, Operation, Session};
use crate::clock::Timestamp;
use crate::id::Work;
use crate::store::relational::{events_of, lanes_of};
use crate::store::sql::first_id;
use crate::store::{StoreError, StoreErrorKind};

const DAY: Duration = Duration::from_secs(86_400);

/// The number of days after today that have partitions.
const AHEAD: u32 = 3;

/// Limits the wait for a lock, because other transactions queue behind a transaction that waits for a table.
const LOCK_TIMEOUT: &str = "SET LOCAL lock_timeout = '500ms'";

/// Events that have deliveries in some lanes.
macro_rules! needed_events {
    ($lanes:literal) => {
        concat!(
            "SELECT 1 WHERE EXISTS (SELECT 1 FROM hookwire.delivery WHERE event >= {from} AND event < {to} AND ",
            $lanes,
            ") OR EXISTS (SELECT 1 FROM hookwire.finished WHERE event >= {from} AND event < {to} AND ",
            $lanes,
            ")"
        )
    };
}

/// Deliveries of some lanes that finished after the cutoff.
macro_rules! needed_finished {
    ($lanes:literal) => {
        concat!(
            "SELECT 1 FROM hookwire.{part} WHERE finished_at >= {old} AND ",
            $lanes,
            " ORDER BY finished_at, id LIMIT 1"
        )
    };
}

/// A table that has a partition for each day.
#[derive(Clone, Copy)]
enum Table {
    Event,
    Finished,
}

impl Table {
    const fn name(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Finished => "finished",
        }
    }

    /// The first value of a day.
    fn bound(self, day: Timestamp) -> String {
        match self {
            Self::Event => first_key_of(day).to_string(),
            Self::Finished => format!("'{}'", uuid_of_delivery(first_id(day))),
        }
    }

    /// Whether any row of this kind of work in a partition is still needed.
    const fn needed(self, work: Work) -> &'static str {
        match (self, work) {
            (Self::Event, Work::Sent) => needed_events!("length(lane) = 16"),
            (Self::Event, Work::Received) => needed_events!("length(lane) <> 16"),
            (Self::Finished, Work::Sent) => needed_finished!("length(lane) = 16"),
            (Self::Finished, Work::Received) => needed_finished!("length(lane) <> 16"),
        }
    }

    /// Whether a partition has any row of this kind of work. It uses an index that contains only this kind.
    fn has(self, work: Work) -> String {
        format!("SELECT 1 FROM hookwire.{{part}} WHERE {} ORDER BY {} LIMIT 1", self.of(work), self.order())
    }

    /// Deletes some rows of this kind of work from a partition.
    fn delete_some(self, work: Work) -> String {
        let (key, of, order) = (self.key(), self.of(work), self.order());
        format!(
            "DELETE FROM hookwire.{{part}} WHERE {key} IN (SELECT {key} FROM hookwire.{{part}} WHERE {of} ORDER BY {order} \
             LIMIT {{limit}}) RETURNING 1 AS gone"
        )
    }

    const fn key(self) -> &'static str {
        match self {
            Self::Event => "key",
            Self::Finished => "id",
        }
    }

    /// The order of the index that contains one kind of work. The planner has no statistics about the kinds, so this order makes it use
    /// that index.
    const fn order(self) -> &'static str {
        match self {
            Self::Event => "tenant, key",
            Self::Finished => "finished_at, id",
        }
    }

    const fn of(self, work: Work) -> &'static str {
        match self {
            Self::Event => events_of!("audience", work),
            Self::Finished => lanes_of!("lane", work),
        }
    }
}

/// A day's partition of a table.
fn partition(table: Table, day: Timestamp) -> String {
    let date: String = day.to_string().chars().take(10).filter(char::is_ascii_digit).collect();
    format!("{}_{date}", table.name())
}

fn start_of_day(at: Timestamp) -> Timestamp {
    let day = i64::try_from(DAY.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(at.as_micros().div_euclid(day).saturating_mul(day))
}

/// What the maintenance of the partitions has done.
pub(super) struct Maintained {
    /// The largest number of rows that were deleted from one partition.
    pub(super) gone: u64,
    /// The first key of the day of the cutoff, if that day has a partition: it is dropped later, so no event from this key on is deleted.
    pub(super) kept_from: i64,
}

/// Creates partitions for the coming days, and drops partitions whose rows are all older than `old`. If a day also has rows of the other
/// kind of work, its old rows of this kind are deleted, at most `limit` in each partition. A table that cannot be locked at once is left
/// for the next run.
pub(super) async fn maintain(db: &Db, work: Work, old: Timestamp, limit: u32) -> Result<Maintained, StoreError> {
    let sql = "SELECT (extract(epoch FROM now()) * 1000000)::bigint AS now, array_agg(c.relname::text) AS names \
               FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
               WHERE n.nspname = $1 AND c.relispartition AND c.relkind = 'r'";
    let rows = db.query(sql, &[(&db.schema.name(), Type::TEXT)]).await?;
    let Some(row) = rows.first() else { return Ok(Maintained { gone: 0, kept_from: i64::MAX }) };
    let read = || Ok((Timestamp::from_micros(get(row, "now")?), get::<Option<Vec<String>>>(row, "names")?));
    let (now, names) = read().map_err(StoreFailure::into_store_error)?;
    let names = names.unwrap_or_default();
    for table in [Table::Event, Table::Finished] {
        for ahead in 0..=AHEAD {
            let day = start_of_day(now) + DAY * ahead;
            if !names.contains(&partition(table, day)) {
                unless_closed(db.transact(Creating { table, day }).await)?;
            }
        }
    }
    let mut most = 0;
    for table in [Table::Finished, Table::Event] {
        for name in &names {
            if let Some(day) = day_of(table, name).filter(|day| *day + DAY <= old) {
                most = most.max(unless_closed(db.transact(Dropping { table, day, work, old, limit }).await)?);
            }
        }
    }
    let today = start_of_day(old);
    let is_kept = names.contains(&partition(Table::Event, today));
    Ok(Maintained { gone: most, kept_from: if is_kept { first_key_of(today) } else { i64::MAX } })
}

/// The day of a partition, by its name.
fn day_of(table: Table, name: &str) -> Option<Timestamp> {
    let date = name.strip_prefix(table.name())?.strip_prefix('_').filter(|date| date.len() == 8)?;
    format!("{}-{}-{}T00:00:00Z", date.get(..4)?, date.get(4..6)?, date.get(6..)?).parse().ok()
}

/// Ignores errors, because partitions only save time: without its own partition, the rows of a day are in the default partition and are
/// deleted one by one. Once the default partition has rows of a day, no partition is created for this day.
fn unless_closed<T: Default>(done: Result<T, StoreError>) -> Result<T, StoreError> {
    match done {
        Err(error) if error.kind() != StoreErrorKind::Closed => {
            tracing::info!(%error, "PostgreSQL: a partition was not created or dropped; the next maintenance run retries it");
            Ok(T::default())
        }
        done => done,
    }
}

struct Creating {
    table: Table,
    day: Timestamp,
}

impl Operation for Creating {
    type Answer = ();

    const TIME_FACTOR: u32 = LONG_CALL;

    async fn run(&self, session: &Session<'_>) -> Result<(), StoreFailure> {
        let Self { table, day } = *self;
        session.command(LOCK_TIMEOUT).await?;
        // One process at a time, so that the second one finds the partition.
        let lock = "SELECT pg_advisory_xact_lock(hashtextextended('partitions ' || $1, 0))";
        session.query(lock, &[(&session.lock_name(), Type::TEXT)]).await?;
        let (from, to) = (table.bound(day), table.bound(day + DAY));
        session
            .command(&format!(
                "CREATE TABLE IF NOT EXISTS hookwire.{} PARTITION OF hookwire.{} FOR VALUES FROM ({from}) TO ({to})",
                partition(table, day),
                table.name()
            ))
            .await
    }
}

struct Dropping {
    table: Table,
    day: Timestamp,
    work: Work,
    old: Timestamp,
    limit: u32,
}

impl Dropping {
    /// Whether a query about this partition returns a row.
    async fn has_rows(&self, session: &Session<'_>, sql: &str) -> Result<bool, StoreFailure> {
        let sql = session.schema().apply(&self.filled_in(sql)).into_owned();
        Ok(!session.query_text(&sql, &[]).await?.is_empty())
    }

    fn filled_in(&self, sql: &str) -> String {
        let Self { table, day, old, limit, .. } = *self;
        sql.replace("{part}", &partition(table, day))
            .replace("{old}", &old.as_micros().to_string())
            .replace("{from}", &table.bound(day))
            .replace("{to}", &table.bound(day + DAY))
            .replace("{limit}", &limit.to_string())
    }
}

impl Operation for Dropping {
    /// The number of rows that were deleted one by one.
    type Answer = u64;

    const TIME_FACTOR: u32 = LONG_CALL;

    async fn run(&self, session: &Session<'_>) -> Result<u64, StoreFailure> {
        let Self { table, day, work, .. } = *self;
        let (needed, others) = (table.needed(work), table.has(work.other()));
        session.command(LOCK_TIMEOUT).await?;
        if self.has_rows(session, needed).await? {
            return Ok(0);
        }
        if self.has_rows(session, &others).await? {
            let sql = session.schema().apply(&self.filled_in(&table.delete_some(work))).into_owned();
            return Ok(session.query_text(&sql, &[]).await?.len() as u64);
        }
        // No other transaction can add rows between this check and the drop.
        let part = partition(table, day);
        session.command(&format!("LOCK TABLE hookwire.{part} IN ACCESS EXCLUSIVE MODE")).await?;
        if !self.has_rows(session, needed).await? && !self.has_rows(session, &others).await? {
            session.command(&format!("DROP TABLE hookwire.{part}")).await?;
        }
        Ok(0)
    }
}
