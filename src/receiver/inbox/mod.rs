//! Keep, answer 202, handle later: the durable queue of verified events.
//!
//! A handler that runs while the provider waits must be fast and must not fail. With an inbox it may be slow and may fail: a
//! verified event is stored before it is answered, and a worker calls the application's handler with retries, a limit on
//! how many run at once, an order where one is asked for, a deadline, and a place for what was given up. It is the engine
//! that sends, turned round: schedules, leases, graceful stop and history are the same.
//!
//! ```
//! use hookwire::receiver::inbox::{Inbox, Queue};
//! use hookwire::receiver::{Receiver, Source};
//! use hookwire::store::{MemoryDedup, MemoryStore}; // or SqliteStore, which is both, for what must survive the process
//! use hookwire::worker::CancellationToken;
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let inbox = Inbox::builder(MemoryStore::new())
//!     .queue(Queue::new("urgent", |job| async move {
//!         let ticket: serde_json::Value = job.json()?; // an error is tried again
//!         println!("{}: {ticket}", job.event_type());
//!         Ok(())
//!     }).types("ticket.escalated".parse()?))
//!     .queue(Queue::new("rest", |_job| async { Ok(()) }))
//!     .build()?;
//! let receiver = Receiver::builder(MemoryDedup::new())
//!     .source(Source::standard("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?)
//!     .build()?;
//! let service = receiver.keep("standard", &inbox)?;
//! let stop = CancellationToken::new();
//! let worker = tokio::spawn(inbox.worker().run(stop.clone()));
//! # stop.cancel();
//! # worker.await??;
//! # drop(service);
//! # Ok(()) }
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(run()).unwrap();
//! ```
//!
//! # Rules
//!
//! 1. The 202 is given after the event is durable in the store. Whoever sends it again is answered as before, and it is not
//!    stored twice: its id in the store is made of its [identity](super::Verified::dedup_keys).
//! 2. An event goes to the first [`Queue`] whose source and types fit. One that fits none is kept, and nobody is called.
//! 3. A handler's error is tried again by the queue's retry policy; [`JobError::reject`] and the last allowed attempt make the
//!    job a dead letter: a failed delivery in [`Inbox::history`], which [`Inbox::resend`] brings back.
//! 4. Queues do not wait for each other. A queue for one type is how that type goes first.
//!
//! # When a handler may see an event twice
//!
//! The process ends, or the store fails, between the handler's effect and the record of it; a stopping worker's grace ends
//! before the handler does. [`SqliteStore::settle_in`](crate::store::SqliteStore::settle_in) closes that window where the
//! effect is in the same database.
//!
//! # Defaults and caveats
//!
//! 8 handlers at once in each queue, 30 s for each call, the retry schedule of [`Policy`](crate::retry::Policy). For the choice
//! of the queue, types are read in the alphabet of [`EventType`](crate::event::EventType): any other character becomes `_`.
//! What the provider sent as id and type is kept beside it, up to 256 bytes each; of the headers, those that
//! [its scheme keeps](super::Verified::kept_headers).
//!
//! A sender may use the same store. Neither can see or change what the other has: events, deliveries, jobs, counts and metrics
//! are apart, and each forgets what is old of its own.

mod deliver;
mod job;
mod keep;
mod legacy;
mod queue;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use self::deliver::{HandlerDeliver, Served};
pub use self::job::{Job, JobError};
pub use self::keep::{KeepService, Kept};
pub use self::queue::Queue;
use crate::clock::{Clock, Steady, SystemClock};
use crate::delivery::{Delivery, DeliveryState};
use crate::id::{DeliveryId, IdError, LaneId, QueueName, Work};
use crate::store::{DeliveryQuery, Page, Store, StoreError, WorkHistory};
use crate::worker::{Config, ConfigError, Engine, Worker};

/// Keeps verified events and has them handled. Cheap to clone; every clone is the same inbox.
#[derive(Clone, Debug)]
pub struct Inbox {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    engine: Arc<Engine>,
    queues: Vec<Arc<Served>>,
}

/// Sets up an [`Inbox`].
#[derive(Debug)]
#[must_use = "build it"]
pub struct InboxBuilder {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    config: Config,
    queues: Vec<Queue>,
}

/// An inbox cannot be set up so.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InboxError {
    /// Nobody would ever be called.
    #[error("queue: at least one is needed")]
    NoQueue,
    /// A queue's name is not 1 to 32 of `[A-Za-z0-9_.-]`.
    #[error("queue `{name}`: {error}")]
    QueueName {
        /// The beginning of the name.
        name: String,
        /// What is wrong with it.
        error: IdError,
    },
    /// Two queues of one name would share their jobs.
    #[error("queue: two are named {0}")]
    DuplicateQueue(Arc<str>),
    /// The worker's settings do not fit.
    #[error(transparent)]
    Worker(#[from] ConfigError),
}

impl Inbox {
    /// An inbox in this store, to be set up. A sender may use the same store.
    pub fn builder<S: Store + 'static>(store: S) -> InboxBuilder {
        let (clock, config) = (Arc::new(SystemClock), Config::default());
        InboxBuilder { store: Arc::new(store), clock, config, queues: Vec::new() }
    }

    /// The worker that calls the handlers. Spawn its [`run`](Worker::run); one per inbox and process.
    #[must_use]
    pub fn worker(&self) -> Worker {
        Worker::new(self.shared.engine.clone())
    }

    /// What was kept and what became of it. What a sender does in the same store is not in it.
    #[must_use]
    pub fn history(&self) -> WorkHistory<'_> {
        WorkHistory::new(&self.shared.store, Work::Received)
    }

    /// What was given up in a queue, a page at a time. Nothing for an unknown queue.
    ///
    /// # Errors
    /// When the store is in trouble.
    pub async fn dead_letters(&self, queue: &str, page: Page) -> Result<Vec<Delivery>, StoreError> {
        let Ok(name) = QueueName::new(queue) else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for lane in lanes_of(name) {
            let mut query = DeliveryQuery::of(Work::Received);
            (query.lane, query.state) = (Some(lane), Some(DeliveryState::Failed));
            found.extend(self.shared.store.deliveries(&query, page).await?);
        }
        found.sort_unstable_by_key(|delivery| delivery.id);
        if page.newest_first {
            found.reverse();
        }
        found.truncate(usize::try_from(page.limit).unwrap_or(usize::MAX));
        Ok(found)
    }

    /// Has a job handled again that is done, failed or cancelled. Answers `false` for any other.
    ///
    /// # Errors
    /// When the store is in trouble.
    pub async fn resend(&self, job: DeliveryId) -> Result<bool, StoreError> {
        self.shared.engine.resend(job).await
    }

    /// Cancels a job that is pending. Answers `false` for any other.
    ///
    /// # Errors
    /// When the store is in trouble.
    pub async fn cancel(&self, job: DeliveryId) -> Result<bool, StoreError> {
        self.shared.engine.cancel(job).await
    }
}

impl InboxBuilder {
    /// Adds a queue. Events go to the first that fits.
    pub fn queue(mut self, queue: Queue) -> Self {
        self.queues.push(queue);
        self
    }

    /// Who tells the time. Default: the system.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// How the worker behaves. Default: [`Config::default`].
    pub const fn worker(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// The inbox.
    ///
    /// # Errors
    /// Names what does not fit.
    pub fn build(self) -> Result<Inbox, InboxError> {
        let Self { store, clock, config, queues } = self;
        // Leases and due times hold although the wall clock steps.
        let clock: Arc<dyn Clock> = Arc::new(Steady::over(clock));
        let longest = queues.iter().map(|queue| queue.timeout).max().unwrap_or(Duration::ZERO);
        config.check(longest)?;
        let mut served = Vec::with_capacity(queues.len());
        let mut lanes = HashMap::new();
        for queue in queues {
            let queue = Arc::new(Served { name: name_of(&queue)?, queue });
            for lane in lanes_of(queue.name) {
                if lanes.insert(lane, queue.clone()).is_some() {
                    return Err(InboxError::DuplicateQueue(queue.queue.name.clone()));
                }
            }
            served.push(queue);
        }
        if served.is_empty() {
            return Err(InboxError::NoQueue);
        }
        let deliver = Arc::new(HandlerDeliver { lanes, clock: clock.clone() });
        let engine = Engine::new(store.clone(), deliver, clock.clone(), config);
        Ok(Inbox { shared: Arc::new(Shared { store, clock, engine, queues: served }) })
    }
}

fn name_of(queue: &Queue) -> Result<QueueName, InboxError> {
    let shown = || queue.name.chars().take(MAX_SHOWN).collect();
    QueueName::new(&queue.name).map_err(|error| InboxError::QueueName { name: shown(), error })
}

/// So much of a wrong name is shown.
const MAX_SHOWN: usize = 64;

/// Where the jobs of a queue are: its own lane, and the one in which an earlier version has kept them.
fn lanes_of(queue: QueueName) -> impl Iterator<Item = LaneId> {
    std::iter::once(queue).chain(legacy::queue(queue)).map(LaneId::Queue)
}
