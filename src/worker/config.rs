//! The settings of a worker.

use std::time::Duration;

use super::error::WorkerError;

/// The settings of a worker.
///
/// | setting | default | meaning |
/// |---|---|---|
/// | `in_flight` | 256 | attempts in flight, over all lanes |
/// | `leases` | 4,096 | leased deliveries: ready to start, in flight, or not yet settled |
/// | `lease` | 60 s | how long a lease lasts; it is extended while it is needed. After a crash, a leased delivery waits up to this long |
/// | `poll` | 1 s | how often the store is polled for unannounced work, such as the work of another process; five times less often while the store [reports](crate::store::Staging::changes) that work |
/// | `outbox_poll` | 25 ms | how often the outbox table is read, to which applications write events. After a time without work, each wait is an eighth of that time, at most `poll` (twice `poll` while the store reports work) |
/// | `grace` | 30 s | how long a stopping worker waits for attempts in flight; it stops at most one second later |
/// | `delivery_retention` | 30 days | how long finished deliveries and their attempts are kept; `None`: without limit |
/// | `payload_retention` | `None` | how long the payloads of finished events are kept; `None`: as long as the events |
/// | `key_retention` | 30 days | how long the id of an event cannot be used again; at least as long as the event is kept |
/// | `audit_retention` | 90 days | how long the [audit log](crate::store::AuditLog) is kept; `None`: without limit; an inbox has none |
/// | `diagnostics_retention` | 7 days | how long [notes that help to find a fault](crate::store::Diagnostics) are kept; `None`: without limit. If several workers on one store differ, the shortest time counts |
///
/// Applications construct it with struct update syntax, so a new setting is a breaking change.
///
/// ```
/// use std::time::Duration;
/// use hookwire::worker::{Config, WorkerError};
///
/// let config = Config { in_flight: 1_024, ..Config::default() };
/// assert!(config.check(Duration::from_secs(15)).is_ok());
/// assert!(matches!(config.check(Duration::from_secs(45)), Err(WorkerError::Lease { .. })));
/// ```
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "made by the application with struct update syntax")]
pub struct Config {
    /// Attempts in flight, over all lanes.
    pub in_flight: u32,
    /// Leased deliveries: ready to start, in flight, or not yet settled.
    pub leases: u32,
    /// How long a lease lasts.
    pub lease: Duration,
    /// How often the store is polled for unannounced work. Five times less often while the store reports the work of other processes.
    pub poll: Duration,
    /// How often the outbox table is read while there are rows, attempts or reports. Without them, the waits grow up to `poll`, or twice
    /// `poll` while the store reports the work of other processes.
    pub outbox_poll: Duration,
    /// How long a stopping worker waits for attempts in flight.
    pub grace: Duration,
    /// How long finished deliveries and their attempts are kept.
    pub delivery_retention: Option<Duration>,
    /// How long the payloads of finished events are kept.
    pub payload_retention: Option<Duration>,
    /// How long the id of an event cannot be used again.
    pub key_retention: Duration,
    /// How long the audit log is kept.
    pub audit_retention: Option<Duration>,
    /// How long notes that help to find a fault are kept.
    pub diagnostics_retention: Option<Duration>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            in_flight: 256,
            leases: 4_096,
            lease: Duration::from_secs(60),
            poll: Duration::from_secs(1),
            outbox_poll: Duration::from_millis(25),
            grace: Duration::from_secs(30),
            delivery_retention: Some(Duration::from_secs(30 * 24 * 60 * 60)),
            payload_retention: None,
            key_retention: Duration::from_secs(30 * 24 * 60 * 60),
            audit_retention: Some(Duration::from_secs(90 * 24 * 60 * 60)),
            diagnostics_retention: Some(Duration::from_secs(7 * 24 * 60 * 60)),
        }
    }
}

impl Config {
    /// Checks the settings for attempts that take at most this long.
    ///
    /// # Errors
    /// Returns the [`WorkerError`] of the first setting that is invalid.
    pub fn check(&self, attempt: Duration) -> Result<(), WorkerError> {
        if self.in_flight == 0 {
            Err(WorkerError::InFlight)
        } else if self.leases < self.in_flight {
            Err(WorkerError::Leases)
        } else if self.lease < attempt.saturating_mul(2) {
            Err(WorkerError::Lease { lease: self.lease, attempt })
        } else if self.poll < Duration::from_millis(10) {
            Err(WorkerError::Poll)
        } else if self.outbox_poll < Duration::from_millis(1) {
            Err(WorkerError::OutboxPoll)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_shorter_than_two_attempts_is_invalid() {
        let config = Config::default();
        assert!(config.check(Duration::from_secs(30)).is_ok());
        assert!(matches!(config.check(Duration::from_secs(31)), Err(WorkerError::Lease { .. })));
    }

    #[test]
    fn settings_that_stop_the_worker_or_make_it_spin_are_invalid() {
        let with = |change: fn(&mut Config)| {
            let mut config = Config::default();
            change(&mut config);
            config.check(Duration::ZERO)
        };
        assert!(matches!(with(|c| c.in_flight = 0), Err(WorkerError::InFlight)));
        assert!(matches!(with(|c| c.leases = 1), Err(WorkerError::Leases)));
        assert!(matches!(with(|c| c.poll = Duration::ZERO), Err(WorkerError::Poll)));
        assert!(matches!(with(|c| c.outbox_poll = Duration::ZERO), Err(WorkerError::OutboxPoll)));
    }
}
