//! The engine: claims leases, hands each delivery to a [`Deliver`], asks its retry policy, settles.
//!
//! It knows nothing of HTTP and nothing of SQL, and it serves both directions: the sender's `Deliver` signs and posts;
//! the inbox's calls the application's handler.
//!
//! ```text
//! dispatch --reserve--> append --hand over--+
//!                                           v
//! store --claim (fair quotas)--> lanes: ready --next--> slot: deliver, decide --> ends --settle (one batch)--> store
//!                                  ^                                                        |
//!                                  +------------------- due again --------------------------+
//! ```
//!
//! # Rules
//!
//! 1. A lane (an endpoint, or a queue of an inbox) has at most its own concurrency in flight and keeps to its own rate, the worker has at most
//!    [`Config::in_flight`]. Tenants take turns, and the lanes of each; lanes that fail, or have not answered yet, leave room for
//!    those that succeed. So one that hangs holds its own slots and nothing else. A lane that fails is probed by one attempt at
//!    a time, one that asks for rest is left alone.
//! 2. A lane with older work in the store lets nothing newer pass.
//! 3. A lease is extended for as long as it is needed, and given back when it is not. Nothing starts under one that has ended.
//! 4. The worker holds no store connection and no lock while an attempt is made.
//! 5. When the store is in trouble, attempts that were made wait to be recorded, and count as if they were in flight; while none
//!    can be recorded, nothing new is claimed or started. One that cannot be recorded holds up no other.
//! 6. It runs where it is spawned and stops when told; see [`Worker::run`].
//!
//! ```no_run
//! use hookwire::sender::Sender;
//! use hookwire::store::MemoryStore;
//! use hookwire::worker::CancellationToken;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let sender = Sender::builder(MemoryStore::new()).build()?;
//! let stop = CancellationToken::new();
//! let worker = tokio::spawn(sender.worker().run(stop.clone()));
//! // ... dispatch ...
//! stop.cancel();
//! worker.await??;
//! # Ok(())
//! # }
//! ```

mod claim;
mod config;
mod crowd;
mod deliver;
mod drain;
mod engine;
mod gate;
mod lane;
mod lanes;
mod leases;
mod settle;
mod slots;
mod tally;
mod tenants;
mod turns;
mod upkeep;

use std::sync::Arc;

pub use tokio_util::sync::CancellationToken;

pub use self::config::{Config, ConfigError};
pub use self::deliver::{Deliver, Tended, Terms};
use self::drain::{Ending, Shift};
pub use self::engine::{Engine, Reservation};
#[cfg(feature = "sender")]
pub(crate) use self::tally::Tally;
use crate::store::StoreError;

/// The worker of one sender, inbox or engine in this process.
#[derive(Clone, Debug)]
pub struct Worker {
    engine: Arc<Engine>,
}

/// Why a worker stopped by itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkerError {
    /// It is running already; one per sender is enough, its limits are its own.
    #[error("worker: it is running already")]
    AlreadyRunning,
    /// The store is in trouble that does not pass: closed, damaged, of another version.
    #[error("worker: the store failed for good")]
    Store(#[source] StoreError),
}

impl Worker {
    /// The worker of this engine. A [`Sender`](crate::sender::Sender) and an inbox bring their own.
    #[must_use]
    pub const fn new(engine: Arc<Engine>) -> Self {
        Self { engine }
    }

    /// Works until `stop` is cancelled, then: claims nothing more, gives back what was not started, waits up to
    /// [`Config::grace`] for attempts in flight, records how they ended, and returns. Attempts that outlast the grace
    /// are abandoned; their deliveries are given back and tried again by the next worker, so the endpoint may see them
    /// twice. A second after the grace it returns in any case, even though the store does not answer.
    ///
    /// Dropping the future stops the worker at once; leases then end by themselves.
    ///
    /// # Errors
    /// [`WorkerError::AlreadyRunning`], or [`WorkerError::Store`] when the store fails for good. Trouble that may
    /// pass is waited out.
    pub async fn run(self, stop: CancellationToken) -> Result<(), WorkerError> {
        let shift = Shift::begin(&self.engine).ok_or(WorkerError::AlreadyRunning)?;
        let engine = &self.engine;
        let ending = Ending::after(&stop);
        let work = async {
            ending.or_out_of_time(engine.attend()).await?;
            let worked = tokio::select! {
                biased;
                stopped_or_failed = engine.claim_until(&ending) => stopped_or_failed,
                failed = engine.extend_forever() => failed,
                failed = engine.attend_forever() => failed,
                failed = engine.prune_forever() => failed,
                failed = engine.tend_forever() => failed,
            };
            ending.begin();
            worked.and(shift.drain(&ending).await)
        };
        // Ends are recorded all the way, while working and while draining.
        let done = tokio::select! {
                biased;
            done = work => done,
            failed = engine.settle_forever() => failed,
            () = shift.end(&ending) => Ok(()),
        };
        done.map_err(WorkerError::Store)
    }
}
