//! An inbox: its queues, its worker and its history.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::deliver::{HandlerDeliver, ServedQueue};
use super::legacy;
use super::queue::Queue;
use super::recent_notes::RecentNotes;
use crate::clock::{Clock, SteadyClock, SystemClock};
use crate::delivery::{Delivery, DeliveryState};
use crate::id::{DeliveryId, LaneId, QueueName, Work};
use crate::receiver::ReceiverConfigError;
use crate::store::{DeliveryQuery, Listed, Page, Store, StoreError, WorkHistory};
use crate::worker::{Config, Engine, Worker};

/// Stores verified events, and a worker handles them later. Cheap to clone; every clone is the same inbox.
#[derive(Clone, Debug)]
pub struct Inbox {
    pub(super) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) engine: Arc<Engine>,
    pub(super) queues: Vec<Arc<ServedQueue>>,
    pub(super) recent_notes: RecentNotes,
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

impl Inbox {
    /// Begins to set up an inbox in this store. A sender may use the same store.
    pub fn builder<S: Store + 'static>(store: S) -> InboxBuilder {
        let (clock, config) = (Arc::new(SystemClock), Config::default());
        InboxBuilder { store: Arc::new(store), clock, config, queues: Vec::new() }
    }

    /// Returns the worker that calls the handlers. Spawn its [`run_until`](Worker::run_until), once per inbox and process.
    #[must_use]
    pub fn worker(&self) -> Worker {
        Worker::from(self.shared.engine.clone())
    }

    /// Returns the history of the stored events and their jobs, without the deliveries of a sender in the same store.
    #[must_use]
    pub fn history(&self) -> WorkHistory<'_> {
        WorkHistory::new(&self.shared.store, Work::Received)
    }

    /// Returns a page of the failed jobs of a queue. The page of an unknown queue is empty. A page may be short although the list goes on: see
    /// [`Listed`].
    ///
    /// # Errors
    /// Returns the store's error.
    pub async fn dead_letters(&self, queue: &str, page: Page) -> Result<Listed<Delivery>, StoreError> {
        let Ok(name) = QueueName::new(queue) else { return Ok(Listed::default()) };
        let mut lists = Vec::new();
        for lane in lanes_of(name) {
            let mut query = DeliveryQuery::of(Work::Received);
            (query.lane, query.state) = (Some(lane), Some(DeliveryState::Failed));
            lists.push(self.shared.store.deliveries(&query, page).await?);
        }
        Ok(merged(lists, page))
    }

    /// Makes a handled, failed, cancelled or held job pending again. Returns `false` for any other job.
    ///
    /// # Errors
    /// Returns the store's error.
    pub async fn resend(&self, job: DeliveryId) -> Result<bool, StoreError> {
        self.shared.engine.resend(job).await
    }

    /// Cancels a pending or held job. Returns `false` for any other job.
    ///
    /// # Errors
    /// Returns the store's error.
    pub async fn cancel(&self, job: DeliveryId) -> Result<bool, StoreError> {
        self.shared.engine.cancel(job).await
    }
}

impl InboxBuilder {
    /// Adds a queue. An event goes to the first queue that matches.
    pub fn queue(mut self, queue: Queue) -> Self {
        self.queues.push(queue);
        self
    }

    /// Sets the clock. Default: the system's.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sets the settings of the worker. Default: [`Config::default`].
    pub const fn worker(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Builds the inbox.
    ///
    /// # Errors
    /// Returns the [`ReceiverConfigError`] of the first setting or queue that is invalid.
    pub fn build(self) -> Result<Inbox, ReceiverConfigError> {
        let Self { store, clock, config, queues } = self;
        // Leases and due times must not change when the wall clock steps.
        let clock: Arc<dyn Clock> = Arc::new(SteadyClock::new(clock));
        let longest = queues.iter().map(|queue| queue.timeout).max().unwrap_or(Duration::ZERO);
        config.check(longest).map_err(|error| ReceiverConfigError::Worker(error.to_string()))?;
        let mut served = Vec::with_capacity(queues.len());
        let mut lanes = HashMap::new();
        for queue in queues {
            let queue = Arc::new(ServedQueue { name: name_of(&queue)?, queue });
            for lane in lanes_of(queue.name) {
                if lanes.insert(lane, queue.clone()).is_some() {
                    return Err(ReceiverConfigError::DuplicateQueue(queue.queue.name.clone()));
                }
            }
            served.push(queue);
        }
        if served.is_empty() {
            return Err(ReceiverConfigError::NoQueue);
        }
        let deliver = Arc::new(HandlerDeliver { lanes, clock: clock.clone() });
        let engine = Engine::new(store.clone(), deliver, clock.clone(), config);
        Ok(Inbox {
            shared: Arc::new(Shared { store, clock, engine, queues: served, recent_notes: RecentNotes::default() }),
        })
    }
}

/// Merges pages of several lanes. If the list of a lane goes on after its page, the merged page ends where that page ends: a later job of
/// another lane belongs to a later page.
fn merged(lists: Vec<Listed<Delivery>>, page: Page) -> Listed<Delivery> {
    let ends = lists.iter().filter_map(|list| list.next);
    let end = if page.newest_first { ends.max() } else { ends.min() };
    let is_before = |id: DeliveryId| end.is_none_or(|end| if page.newest_first { id >= end } else { id <= end });
    let mut found: Vec<_> =
        lists.into_iter().flat_map(|list| list.items).filter(|delivery| is_before(delivery.id)).collect();
    found.sort_unstable_by_key(|delivery| delivery.id);
    if page.newest_first {
        found.reverse();
    }
    Listed::cut(found, page.limit, |delivery| delivery.id, end)
}

fn name_of(queue: &Queue) -> Result<QueueName, ReceiverConfigError> {
    let shown = || queue.name.chars().take(MAX_SHOWN).collect();
    QueueName::new(&queue.name).map_err(|error| ReceiverConfigError::QueueName { name: shown(), error })
}

/// Maximum number of characters of an invalid name that an error shows.
const MAX_SHOWN: usize = 64;

/// The lanes with jobs of a queue: its own lane, and the lane in which an earlier version has stored them.
pub(super) fn lanes_of(queue: QueueName) -> impl Iterator<Item = LaneId> {
    std::iter::once(queue).chain(legacy::queue(queue)).map(LaneId::Queue)
}
