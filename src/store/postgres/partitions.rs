//! A partition for each day: made before it is needed, dropped when everything in it is old.

use std::time::Duration;

use tokio_postgres::types::Type;

use super::append::first_key_of;
use super::error::Trouble;
use super::rows::{get, uuid_of_delivery};
use super::session::{Db, Operation, Session};
use crate::clock::Timestamp;
use crate::store::relational::first_id;
use crate::store::{StoreError, StoreErrorKind};

const DAY: Duration = Duration::from_secs(86_400);

/// How many days beyond today have partitions.
const AHEAD: u32 = 3;

/// Waits for locks only so long, because others wait behind whoever waits for a table.
const LOCK_TIMEOUT: &str = "SET LOCAL lock_timeout = '500ms'";

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

    /// Whether anything of a partition is still needed.
    const fn needed(self) -> &'static str {
        match self {
            Self::Event => {
                "SELECT 1 WHERE EXISTS (SELECT 1 FROM hookwire.delivery WHERE event >= {from} AND event < {to}) \
                 OR EXISTS (SELECT 1 FROM hookwire.finished WHERE event >= {from} AND event < {to})"
            }
            Self::Finished => "SELECT 1 FROM hookwire.{part} WHERE finished_at >= {old} LIMIT 1",
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

/// Makes partitions for the coming days, and drops those of which everything is older than `old`. What cannot be locked at
/// once is left for the next time.
pub(super) async fn keep_up(db: &Db, old: Timestamp) -> Result<(), StoreError> {
    let sql = "SELECT (extract(epoch FROM now()) * 1000000)::bigint AS now, array_agg(c.relname::text) AS names \
               FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
               WHERE n.nspname = $1 AND c.relispartition AND c.relkind = 'r'";
    let rows = db.query(sql, &[(&db.schema.name(), Type::TEXT)]).await?;
    let Some(row) = rows.first() else { return Ok(()) };
    let read = || Ok((Timestamp::from_micros(get(row, "now")?), get::<Option<Vec<String>>>(row, "names")?));
    let (now, names) = read().map_err(Trouble::into_store_error)?;
    let names = names.unwrap_or_default();
    for table in [Table::Event, Table::Finished] {
        for ahead in 0..=AHEAD {
            let day = start_of_day(now) + DAY * ahead;
            if !names.contains(&partition(table, day)) {
                unless_closed(db.transact(Making { table, day }).await)?;
            }
        }
    }
    for table in [Table::Finished, Table::Event] {
        for name in &names {
            if let Some(day) = day_of(table, name).filter(|day| *day + DAY <= old) {
                unless_closed(db.transact(Dropping { table, day, old }).await)?;
            }
        }
    }
    Ok(())
}

/// The day of a partition, by its name.
fn day_of(table: Table, name: &str) -> Option<Timestamp> {
    let date = name.strip_prefix(table.name())?.strip_prefix('_').filter(|date| date.len() == 8)?;
    format!("{}-{}-{}T00:00:00Z", date.get(..4)?, date.get(4..6)?, date.get(6..)?).parse().ok()
}

/// A comfort that nothing depends on: without a partition of its own a day stands in the rest, and goes row by row. It is not made
/// any more once the rest has rows of that day.
fn unless_closed(done: Result<(), StoreError>) -> Result<(), StoreError> {
    match done {
        Err(error) if error.kind() != StoreErrorKind::Closed => {
            tracing::info!(%error, "a partition was not made or dropped; it will be tried again");
            Ok(())
        }
        done => done,
    }
}

struct Making {
    table: Table,
    day: Timestamp,
}

impl Operation for Making {
    type Answer = ();

    async fn run(&self, session: &Session<'_>) -> Result<(), Trouble> {
        let Self { table, day } = *self;
        session.command(LOCK_TIMEOUT).await?;
        // One process after the other, so that the second one finds it made.
        let lock = "SELECT pg_advisory_xact_lock(hashtextextended('hookwire partitions ' || $1, 0))";
        session.query(lock, &[(&session.schema().name(), Type::TEXT)]).await?;
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
    old: Timestamp,
}

impl Operation for Dropping {
    type Answer = ();

    async fn run(&self, session: &Session<'_>) -> Result<(), Trouble> {
        let Self { table, day, old } = *self;
        session.command(LOCK_TIMEOUT).await?;
        let part = partition(table, day);
        let needed = table.needed().replace("{part}", &part).replace("{old}", &old.as_micros().to_string());
        let needed = needed.replace("{from}", &table.bound(day)).replace("{to}", &table.bound(day + DAY));
        // Nobody adds to it, or builds on it, between the question and the answer.
        session.command(&format!("LOCK TABLE hookwire.{part} IN ACCESS EXCLUSIVE MODE")).await?;
        if session.query_text(&session.schema().apply(&needed), &[]).await?.is_empty() {
            session.command(&format!("DROP TABLE hookwire.{part}")).await?;
        }
        Ok(())
    }
}
