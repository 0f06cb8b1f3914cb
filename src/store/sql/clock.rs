//! One time for every process: the time of the database server.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::clock::{Clock, SystemClock, Timestamp};

/// A slower response is too inaccurate to be used.
const LONGEST: Duration = Duration::from_millis(500);

/// The time of a database server: the time that the server reported last, plus the time that has passed since then on this machine's
/// monotonic clock. This machine's wall clock is not used.
///
/// Leases end at points in time. If all processes on one database use its clock, they agree on when a lease has ended, even if
/// their machines' clocks are wrong. Their times differ by at most about one round trip. A store calls [`adjust`](Self::adjust)
/// when it is opened, and then about every 30 s.
///
/// ```
/// use hookwire::clock::{Clock, Timestamp};
/// use hookwire::store::sql::DatabaseClock;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let clock = DatabaseClock::default();
/// let server_time = Timestamp::from_secs(4_000_000_000);
/// let adjusted = clock.adjust(async { Ok::<_, std::io::Error>(server_time) }).await;
/// assert!(adjusted.is_ok() && clock.now() >= server_time);
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct DatabaseClock {
    /// The server's time when this machine's uptime was zero, in microseconds.
    origin: Arc<AtomicI64>,
}

/// Until the first adjustment, the clock shows this machine's time.
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
    /// Adopts the time that `ask` reads from the server, unless `ask` takes longer than half a second.
    ///
    /// # Errors
    /// Returns the error of `ask`. The clock then continues unchanged.
    pub async fn adjust<E>(&self, ask: impl Future<Output = Result<Timestamp, E>>) -> Result<(), E> {
        let requested = SystemClock.uptime();
        let there = ask.await?;
        let uptime = SystemClock.uptime();
        let took = uptime.saturating_sub(requested);
        if took <= LONGEST {
            // The server read its clock about half-way through the round trip.
            let origin = there + took / 2 - uptime;
            self.origin.store(origin.as_micros(), Ordering::Relaxed);
        }
        Ok(())
    }
}
