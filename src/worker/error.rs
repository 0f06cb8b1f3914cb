//! Why a worker cannot run.

use std::time::Duration;

use crate::store::StoreError;

/// Why a worker cannot run: its settings are invalid, it is already running, or its store failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkerError {
    /// `in_flight` is 0, so no attempt could start.
    #[error("in_flight: must be at least 1")]
    InFlight,
    /// There are fewer `leases` than attempts in flight.
    #[error("leases: must be at least in_flight")]
    Leases,
    /// A `lease` could end during an attempt.
    #[error("lease: {lease:?} must be at least twice the longest attempt, {attempt:?}")]
    Lease {
        /// The lease.
        lease: Duration,
        /// The longest time that one attempt may take.
        attempt: Duration,
    },
    /// `poll` is so short that the worker would mainly poll.
    #[error("poll: must be at least 10 ms")]
    Poll,
    /// `outbox_poll` is so short that the worker would mainly read the outbox table.
    #[error("outbox_poll: must be at least 1 ms")]
    OutboxPoll,
    /// The worker is already running. One worker for each sender is enough; its limits apply to all of the sender's deliveries.
    #[error("worker: is already running; run it only once")]
    AlreadyRunning,
    /// The store has failed and will not recover: it is closed, damaged, or has a schema of another version.
    #[error("worker: stopped because its store failed permanently; open the store again")]
    Store(#[source] StoreError),
}
