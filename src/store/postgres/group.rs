//! Group commit: calls that arrive while the last group runs share the next transaction.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::{sleep, timeout};

use super::session::Db;
use crate::clock::{Clock, SystemClock};
use crate::store::byte_budget::ByteBudget;
use crate::store::{StoreError, StoreErrorKind};

/// The number of calls that may wait for a group; further callers wait before they are queued.
const QUEUE: usize = 4_096;

/// The limit of elements in one group. It bounds the statement, and how long the first element waits.
const MAX_GROUP: usize = 512;

/// The number of groups that run at the same time: while one waits for the disk, the next is collected.
const UNDER_WAY: usize = 2;

/// A kind of element whose groups run in one transaction, with one result for each element.
pub(super) trait Batch: Send + Sized + 'static {
    /// The result of one element.
    type Answer: Send + 'static;

    /// Whether this element must wait for another transaction, by the error of its group. Other elements of the group need not wait.
    fn must_wait(&self, error: &StoreError) -> bool;

    /// Runs a group. It may run again after an error.
    fn run(db: &Db, batch: Arc<Vec<Self>>) -> impl Future<Output = Result<Vec<Self::Answer>, StoreError>> + Send;
}

struct Call<I: Batch> {
    items: Vec<I>,
    reply_to: oneshot::Sender<Result<Vec<I::Answer>, StoreError>>,
    /// Released when the caller has its result.
    _bytes: Option<OwnedSemaphorePermit>,
}

/// Collects calls of one kind. Its task ends when the last handle is dropped.
pub(super) struct Group<I: Batch> {
    calls: mpsc::Sender<Call<I>>,
    budget: ByteBudget,
    limit: Duration,
}

impl<I: Batch> Clone for Group<I> {
    fn clone(&self) -> Self {
        Self { calls: self.calls.clone(), budget: self.budget.clone(), limit: self.limit }
    }
}

impl<I: Batch> fmt::Debug for Group<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group").field("capacity", &self.calls.capacity()).finish()
    }
}

impl<I: Batch + Sync> Group<I> {
    /// Starts the task. Must be called within a tokio runtime.
    pub(super) fn new(db: Db) -> Self {
        let (limit, (calls, queue)) = (db.limit(), mpsc::channel(QUEUE));
        tokio::spawn(serve(db, queue));
        Self { calls, budget: ByteBudget::default(), limit }
    }

    /// Runs elements that have this many bytes of payload. If the future is dropped after the elements were queued, or if the time limit is
    /// reached, they run nevertheless.
    pub(super) async fn call(&self, items: Vec<I>, bytes: usize) -> Result<Vec<I::Answer>, StoreError> {
        if items.is_empty() {
            return Ok(Vec::new());
        }
        let closed = || StoreError::new(StoreErrorKind::Closed);
        let mut queued = false;
        let run = async {
            let _bytes = self.budget.acquire(bytes).await;
            let (reply_to, response) = oneshot::channel();
            self.calls.send(Call { items, reply_to, _bytes }).await.map_err(|_| closed())?;
            queued = true;
            response.await.map_err(|_| StoreError::new(StoreErrorKind::Unknown))?
        };
        let done = timeout(self.limit, run).await;
        let late = if queued { StoreErrorKind::Unknown } else { StoreErrorKind::Unavailable };
        done.unwrap_or_else(|_| Err(StoreError::new(late)))
    }
}

async fn serve<I: Batch + Sync>(db: Db, mut queue: mpsc::Receiver<Call<I>>) {
    let (slots, turns) = (Arc::new(Semaphore::new(UNDER_WAY)), Arc::new(Semaphore::new(UNDER_WAY)));
    let mut next = None;
    loop {
        let Some(first) = (match next.take() {
            Some(call) => Some(call),
            None => queue.recv().await,
        }) else {
            return;
        };
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        // Calls that arrived while no slot was free join this group.
        let mut group = vec![first];
        let mut size = group.iter().map(|call| call.items.len()).sum::<usize>();
        while let Ok(call) = queue.try_recv() {
            size += call.items.len();
            if size > MAX_GROUP {
                next = Some(call);
                break;
            }
            group.push(call);
        }
        let (db, turns) = (db.clone(), turns.clone());
        tokio::spawn(async move {
            run_group(&db, group, &turns).await;
            drop(slot);
        });
    }
}

/// Runs a group. If it fails because of one call, every call is run separately.
async fn run_group<I: Batch + Sync>(db: &Db, mut group: Vec<Call<I>>, turns: &Arc<Semaphore>) {
    let sizes: Vec<_> = group.iter().map(|call| call.items.len()).collect();
    let items = Arc::new(group.iter_mut().flat_map(|call| std::mem::take(&mut call.items)).collect::<Vec<_>>());
    match I::run(db, items.clone()).await {
        Ok(answers) => {
            let mut answers = answers.into_iter();
            for (call, size) in group.into_iter().zip(sizes) {
                // A caller that has dropped its future needs no result.
                let _gone = call.reply_to.send(Ok(answers.by_ref().take(size).collect()));
            }
        }
        Err(error) if items.iter().any(|item| item.must_wait(&error)) => {
            let Ok(items) = Arc::try_unwrap(items) else { return };
            let mut items = items.into_iter();
            for (call, size) in group.iter_mut().zip(sizes) {
                call.items = items.by_ref().take(size).collect();
            }
            let (waiting, others) =
                group.into_iter().partition(|call| call.items.iter().any(|item| item.must_wait(&error)));
            let waiting: Vec<Call<I>> = waiting;
            waiting.into_iter().for_each(|call| drop(tokio::spawn(wait(db.clone(), call, turns.clone()))));
            if !others.is_empty() {
                Box::pin(run_group(db, others, turns)).await;
            }
        }
        Err(error) if error.kind() == StoreErrorKind::Invalid && group.len() > 1 => {
            let Ok(items) = Arc::try_unwrap(items) else { return };
            let mut items = items.into_iter();
            for (call, size) in group.into_iter().zip(sizes) {
                let own = Arc::new(items.by_ref().take(size).collect());
                let _gone = call.reply_to.send(I::run(db, own).await);
            }
        }
        Err(error) => {
            let (kind, text) = (error.kind(), error_text(&error));
            group
                .into_iter()
                .for_each(|call| drop(call.reply_to.send(Err(StoreError::with_source(kind, text.clone())))));
        }
    }
}

/// The first and the longest pause before a waiting call is retried.
const PAUSES: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(250));

/// Runs a call separately, again and again until it need not wait or its time limit is reached. It holds no connection during the pauses.
async fn wait<I: Batch + Sync>(db: Db, mut call: Call<I>, turns: Arc<Semaphore>) {
    let (items, began) = (Arc::new(std::mem::take(&mut call.items)), SystemClock.uptime());
    let mut pause = PAUSES.0;
    loop {
        sleep(pause).await;
        pause = (pause * 2).min(PAUSES.1);
        let turn = turns.acquire().await;
        let done = I::run(&db, items.clone()).await;
        drop(turn);
        let must_wait = done.as_ref().is_err_and(|error| items.iter().any(|item| item.must_wait(error)));
        if !must_wait || SystemClock.uptime().saturating_sub(began) >= db.limit() {
            let _gone = call.reply_to.send(done);
            return;
        }
    }
}

/// The text of an error that several callers share.
fn error_text(error: &StoreError) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), error_chain)
}

fn error_chain(error: &(dyn std::error::Error + 'static)) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", error_chain(source)),
        None => error.to_string(),
    }
}
