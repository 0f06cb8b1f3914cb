//! The worker: claims deliveries, makes attempts, decides what follows, and settles.
//!
//! The worker contains no HTTP and no SQL, and it serves both directions. The sender's [`Deliver`] signs and sends requests, and
//! the inbox's implementation calls the application's handler.
//!
//! ```text
//! store --claim--> ready --start--> attempt, decision --settle--> store
//!                    ^
//! dispatch --reserve, append, hand over (no claim)
//! ```
//!
//! Read the files in this order. `claim` finds the lanes that have due deliveries. `lanes` selects how many deliveries of each lane
//! to claim, and which to start next. `attempt` makes the attempts and decides what follows. `settle` records the results in the
//! store. `run` starts and stops the worker.
//!
//! # Rules
//!
//! 1. A lane (an endpoint, or a queue of an inbox) obeys its own concurrency and rate, and the worker obeys [`Config::in_flight`]. Tenants
//!    take turns, and so do the lanes of each tenant. Lanes that fail, or have no outcome yet, leave slots to lanes that succeed. Therefore
//!    an endpoint that hangs holds its own slots and no others. A lane that fails is probed by one attempt at a time. A lane whose endpoint
//!    asked for a pause starts no attempt.
//! 2. A new delivery does not overtake older deliveries of its lane that wait in the store.
//! 3. A lease is extended while it is needed and released when it is not. No attempt starts after its lease has ended.
//! 4. The worker holds no store connection and no lock during an attempt.
//! 5. While the store fails, ended attempts wait to be recorded and count as in flight. While no attempt can be recorded, the worker claims
//!    and starts nothing. One attempt that cannot be recorded does not delay the others.
//! 6. The worker runs in the task that calls it, and stops on request; see [`Worker::run_until`]. [`Worker::drain`] ends by itself.
//!
//! ```
//! use hookwire::sender::Sender;
//! use hookwire::store::MemoryStore;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let sender = Sender::builder(MemoryStore::new()).build()?;
//! let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
//! let worker = tokio::spawn(sender.worker().run_until(stopped));
//! // ... dispatch ...
//! drop(stop);
//! worker.await??;
//! # Ok(())
//! # }
//! ```

mod absence;
mod attempt;
mod backoff;
mod claim;
mod config;
mod deliver;
mod drain;
#[cfg_attr(not(feature = "sender"), expect(dead_code, reason = "the sender opens lanes"))]
mod engine;
mod error;
mod fair_queue;
mod fair_share;
#[cfg_attr(not(any(test, feature = "mcp")), expect(dead_code, reason = "only the tools for agents forget a limiter"))]
pub(crate) mod gcra;
mod heartbeat;
mod journal;
mod lane;
mod lanes;
mod leases;
mod maintain;
mod peers;
mod policy;
mod progress;
mod run;
mod settle;
mod shutdown;
mod slots;
mod stage;
mod tally;
mod task_pool;
mod throttle;
mod unsettled;
mod upkeep;
mod work_off;

use std::sync::Arc;
use std::time::Duration;

pub use tokio_util::sync::CancellationToken;

#[cfg(any(feature = "sender", feature = "inbox"))]
pub(crate) use self::attempt::Reservation;
pub use self::config::Config;
pub use self::deliver::{Deliver, Maintenance};
pub(crate) use self::engine::Engine;
pub use self::error::WorkerError;
pub use self::policy::LanePolicy;
pub use self::progress::Drained;
use self::progress::Progress;
use self::run::Run;
#[cfg(feature = "sender")]
pub(crate) use self::tally::Tally;
use crate::clock::Clock;
use crate::id::{DeliveryId, LaneId};
use crate::store::{Store, StoreError};

/// Makes the deliveries of one sender, inbox, or [`Deliver`] in this process. Cheap to clone; every clone is the same worker.
#[derive(Clone, Debug)]
pub struct Worker {
    engine: Arc<Engine>,
}

impl Worker {
    /// Creates a worker for your own kind of delivery, such as messages to a bus. A [`Sender`](crate::sender::Sender) and an inbox already
    /// have a worker.
    ///
    /// Deliveries are appended to the store with [`Outbox::append`](crate::store::Outbox::append) and then
    /// [announced](Self::announce). The settings should be [checked](Config::check) before.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, deliver: Arc<dyn Deliver>, clock: Arc<dyn Clock>, config: Config) -> Self {
        Self { engine: Engine::new(store, deliver, clock, config) }
    }

    /// Runs until `stop` completes, and then shuts down: claims nothing more, releases the deliveries that were not started, waits up to
    /// [`Config::grace`] for attempts in flight, records their outcomes, and returns. Attempts that exceed the grace are cut off; their
    /// deliveries are released and attempted again by the next worker, so the endpoint may receive them twice. The worker returns at most
    /// one second after the grace, even if the store does not respond.
    ///
    /// `stop` can be any future, such as `tokio::signal::ctrl_c()` or the receiver of a channel; its output is ignored. Dropping the
    /// returned future stops the worker at once. Its leases then end by themselves.
    ///
    /// # Errors
    /// Returns [`WorkerError::AlreadyRunning`] if another run of this worker has not ended, and [`WorkerError::Store`] if the store fails
    /// permanently. After any other error of the store the worker retries.
    pub async fn run_until(self, stop: impl Future) -> Result<(), WorkerError> {
        let run = Run::start(&self.engine, None).ok_or(WorkerError::AlreadyRunning)?;
        let stopped = run.until(stop).await;
        if let Err(error) = &stopped {
            tracing::error!(%error, work = ?self.engine.deliver.work(), "the worker has stopped: its store failed");
        }
        stopped.map_err(WorkerError::Store)
    }

    /// Runs until the token is cancelled, and then shuts down like [`run_until`](Self::run_until).
    ///
    /// # Errors
    /// Returns the errors of [`run_until`](Self::run_until).
    pub async fn run(self, stop: CancellationToken) -> Result<(), WorkerError> {
        self.run_until(stop.cancelled_owned()).await
    }

    /// Delivers what is due now, and returns when nothing more is due or a limit is reached. It starts attempts for at most `time`, and
    /// at most `attempts` of them; with `None` their number is not limited. For processes that do not run all the time:
    /// lambdas, cron, commands. It also imports the events that applications have written to the outbox table. Retries that become due
    /// later are left to a later call: see [`Drained::next`]. It also works on bulk jobs until each of them is finished or waits, for its
    /// rate or because too many deliveries are pending. [`Drained::next`] does not include the jobs that wait: call again later for them.
    ///
    /// Deliveries that were claimed and not started are released. The call waits for attempts in flight, up to [`Config::grace`],
    /// and then cuts them off. Their deliveries are released, and the next worker attempts them again. So the call ends at most the
    /// grace and one second after its time limit. Choose a grace longer than the longest attempt. The time limit and the grace
    /// together must be shorter than the time that the platform allows.
    ///
    /// Dropping the returned future, or killing the process, loses nothing: the leases end by themselves, and the deliveries are attempted
    /// again.
    ///
    /// ```
    /// use std::time::Duration;
    /// use hookwire::sender::Sender;
    /// use hookwire::store::MemoryStore;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let sender = Sender::builder(MemoryStore::new()).build()?; // the store of all instances: PostgresStore
    /// let drained = sender.worker().drain(Duration::from_secs(20), 10_000).await?;
    /// assert_eq!((drained.delivered, drained.next), (0, None));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Returns [`WorkerError::AlreadyRunning`] if another run of this worker has not ended. Returns [`WorkerError::Store`] if the store
    /// fails permanently, or if it fails at the end, when the worker asks for the next due time.
    pub async fn drain(&self, time: Duration, attempts: impl Into<Option<u64>>) -> Result<Drained, WorkerError> {
        let progress = Progress::of(attempts.into().unwrap_or(u64::MAX));
        let run = Run::start(&self.engine, Some(progress)).ok_or(WorkerError::AlreadyRunning)?;
        run.until_drained(&self.engine, time).await.map_err(WorkerError::Store)
    }

    /// Reports that the store has due deliveries in this lane. Without this call the next [poll](Config::poll) finds them.
    pub fn announce(&self, lane: LaneId) {
        self.engine.announce(lane, self.engine.clock.now());
    }

    /// Makes a delivery pending again that is final or held. Returns `false` for any other delivery.
    ///
    /// # Errors
    /// Returns the store's error.
    pub async fn resend(&self, delivery: DeliveryId) -> Result<bool, StoreError> {
        self.engine.resend(delivery).await
    }

    /// Cancels a delivery that is pending or held. Returns `false` for any other delivery.
    ///
    /// # Errors
    /// Returns the store's error.
    pub async fn cancel(&self, delivery: DeliveryId) -> Result<bool, StoreError> {
        self.engine.cancel(delivery).await
    }

    /// Changes the policy of a lane at once, and not at the next claim. A lane that is now closed releases the deliveries that it has not
    /// started.
    pub fn change_policy(&self, lane: LaneId, policy: &LanePolicy) {
        self.engine.change_policy(lane, policy);
    }

    /// Looks for work at once: calls [`Deliver::maintain`], and claims due deliveries. In a test, call this after the clock was changed.
    pub fn wake(&self) {
        self.engine.wake();
    }
}

/// The worker of a sender or of an inbox.
impl From<Arc<Engine>> for Worker {
    fn from(engine: Arc<Engine>) -> Self {
        Self { engine }
    }
}
