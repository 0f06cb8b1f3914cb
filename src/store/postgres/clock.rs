//! One time for every process: the server's.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::rows::get;
use super::session::Db;
use crate::clock::{Clock, SystemClock, Timestamp};

/// How often this machine's clock is compared with the server's.
const INTERVAL: Duration = Duration::from_secs(30);

/// An answer that took longer says too little about the time.
const LONGEST: Duration = Duration::from_millis(500);

/// The time as the database server told it last, and what has passed since by this machine's monotonic clock; the server is asked
/// every 30 s. This machine's wall clock has no part in it.
///
/// Leases are points in time. Where the processes on one database all run on its clock, they agree on when a lease has ended,
/// to about the time of a round trip, whatever their machines' clocks say:
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use hookwire::sender::Sender;
/// use hookwire::store::PostgresStore;
///
/// let store = PostgresStore::connect("postgres://localhost/app").await?;
/// let sender = Sender::builder(store.clone()).clock(store.clock()).build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct DatabaseClock {
    /// The server's time when this machine's uptime was zero, in microseconds.
    origin: Arc<AtomicI64>,
}

/// Until the server was asked: this machine's time.
impl Default for DatabaseClock {
    fn default() -> Self {
        let origin = SystemClock.now() - SystemClock.uptime();
        Self { origin: Arc::new(AtomicI64::new(origin.as_micros())) }
    }
}

impl Clock for DatabaseClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.origin.load(Ordering::Relaxed)) + SystemClock.uptime()
    }

    fn uptime(&self) -> Duration {
        SystemClock.uptime()
    }
}

impl DatabaseClock {
    /// Asks the server for the time.
    pub(super) async fn adjust(&self, db: &Db) -> Result<(), crate::store::StoreError> {
        let asked = SystemClock.uptime();
        let sql = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now";
        let rows = db.query(sql, &[]).await?;
        let uptime = SystemClock.uptime();
        let took = uptime.saturating_sub(asked);
        if let Some(there) = rows.first().and_then(|row| get::<i64>(row, "now").ok())
            && took <= LONGEST
        {
            // The server read its clock about half-way through.
            let origin = Timestamp::from_micros(there) + took / 2 - uptime;
            self.origin.store(origin.as_micros(), Ordering::Relaxed);
        }
        Ok(())
    }

    /// Asks again and again, until `ended`.
    pub(super) fn keep_adjusting(&self, db: Db, ended: CancellationToken) {
        let clock = self.clone();
        tokio::spawn(ended.run_until_cancelled_owned(async move {
            loop {
                tokio::time::sleep(INTERVAL).await;
                if let Err(error) = clock.adjust(&db).await {
                    tracing::debug!(%error, "the server was not asked for the time; the last answer stands");
                }
            }
        }));
    }
}
