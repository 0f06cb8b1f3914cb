//! Group commit: callers that come while the last group is under way share the next transaction.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::{sleep, timeout};

use super::session::Db;
use crate::clock::{Clock, SystemClock};
use crate::store::room::Room;
use crate::store::{StoreError, StoreErrorKind};

/// Calls that may wait for a group; further callers wait before they are queued.
const QUEUE: usize = 4_096;

/// Most elements in one group: bounds the statement, and how long the first of them waits.
const MAX_GROUP: usize = 512;

/// Groups under way at the same time. While one waits for the disk the next is made.
const UNDER_WAY: usize = 2;

/// What a group does with its elements: all in one transaction, each answered in its place.
pub(super) trait Batch: Send + Sized + 'static {
    /// What it answers.
    type Answer: Send + 'static;

    /// Whether it has to wait for somebody else, by the error of the group that it was in. The others of the group need not.
    fn waits(&self, error: &StoreError) -> bool;

    /// Does it. May be done again after an error.
    fn run(db: &Db, batch: Arc<Vec<Self>>) -> impl Future<Output = Result<Vec<Self::Answer>, StoreError>> + Send;
}

struct Call<I: Batch> {
    items: Vec<I>,
    to: oneshot::Sender<Result<Vec<I::Answer>, StoreError>>,
    /// Given back when the call has been answered.
    _room: Option<OwnedSemaphorePermit>,
}

/// Collects calls of one kind. Its task ends when the last handle is gone.
pub(super) struct Group<I: Batch> {
    calls: mpsc::Sender<Call<I>>,
    room: Room,
    limit: Duration,
}

impl<I: Batch> Clone for Group<I> {
    fn clone(&self) -> Self {
        Self { calls: self.calls.clone(), room: self.room.clone(), limit: self.limit }
    }
}

impl<I: Batch> fmt::Debug for Group<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group").field("room", &self.calls.capacity()).finish()
    }
}

impl<I: Batch + Sync> Group<I> {
    /// Must be called within a tokio runtime.
    pub(super) fn new(db: Db) -> Self {
        let (limit, (calls, queue)) = (db.limit(), mpsc::channel(QUEUE));
        tokio::spawn(serve(db, queue));
        Self { calls, room: Room::default(), limit }
    }

    /// Runs some elements, which bring so many bytes with them. When the future is dropped after they were queued, they are
    /// run all the same; so they are when their time is over.
    pub(super) async fn call(&self, items: Vec<I>, bytes: usize) -> Result<Vec<I::Answer>, StoreError> {
        if items.is_empty() {
            return Ok(Vec::new());
        }
        let closed = || StoreError::new(StoreErrorKind::Closed);
        let mut queued = false;
        let run = async {
            let _room = self.room.hold(bytes).await;
            let (to, answer) = oneshot::channel();
            self.calls.send(Call { items, to, _room }).await.map_err(|_| closed())?;
            queued = true;
            answer.await.map_err(|_| StoreError::new(StoreErrorKind::Unknown))?
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
        // Whoever has come while there was no slot comes along.
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
            answer(&db, group, &turns).await;
            drop(slot);
        });
    }
}

/// Runs a group. When it fails because of what one call brings, every call is run by itself.
async fn answer<I: Batch + Sync>(db: &Db, mut group: Vec<Call<I>>, turns: &Arc<Semaphore>) {
    let sizes: Vec<_> = group.iter().map(|call| call.items.len()).collect();
    let items = Arc::new(group.iter_mut().flat_map(|call| std::mem::take(&mut call.items)).collect::<Vec<_>>());
    match I::run(db, items.clone()).await {
        Ok(answers) => {
            let mut answers = answers.into_iter();
            for (call, size) in group.into_iter().zip(sizes) {
                // A caller that has gone away does not want to know.
                let _gone = call.to.send(Ok(answers.by_ref().take(size).collect()));
            }
        }
        Err(error) if items.iter().any(|item| item.waits(&error)) => {
            let Ok(items) = Arc::try_unwrap(items) else { return };
            let mut items = items.into_iter();
            for (call, size) in group.iter_mut().zip(sizes) {
                call.items = items.by_ref().take(size).collect();
            }
            let (waiting, others) =
                group.into_iter().partition(|call| call.items.iter().any(|item| item.waits(&error)));
            let waiting: Vec<Call<I>> = waiting;
            waiting.into_iter().for_each(|call| drop(tokio::spawn(wait(db.clone(), call, turns.clone()))));
            if !others.is_empty() {
                Box::pin(answer(db, others, turns)).await;
            }
        }
        Err(error) if error.kind() == StoreErrorKind::Invalid && group.len() > 1 => {
            let Ok(items) = Arc::try_unwrap(items) else { return };
            let mut items = items.into_iter();
            for (call, size) in group.into_iter().zip(sizes) {
                let own = Arc::new(items.by_ref().take(size).collect());
                let _gone = call.to.send(I::run(db, own).await);
            }
        }
        Err(error) => {
            let (kind, text) = (error.kind(), error_text(&error));
            group.into_iter().for_each(|call| drop(call.to.send(Err(StoreError::with_source(kind, text.clone())))));
        }
    }
}

/// How long one that has to wait pauses at first, and at most, before it is tried again.
const PAUSES: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(250));

/// Runs a call by itself, again and again until it has to wait no longer or its time is over. No connection is held meanwhile.
async fn wait<I: Batch + Sync>(db: Db, mut call: Call<I>, turns: Arc<Semaphore>) {
    let (items, began) = (Arc::new(std::mem::take(&mut call.items)), SystemClock.uptime());
    let mut pause = PAUSES.0;
    loop {
        sleep(pause).await;
        pause = (pause * 2).min(PAUSES.1);
        let turn = turns.acquire().await;
        let done = I::run(&db, items.clone()).await;
        drop(turn);
        let waits = done.as_ref().is_err_and(|error| items.iter().any(|item| item.waits(error)));
        if !waits || SystemClock.uptime().saturating_sub(began) >= db.limit() {
            let _gone = call.to.send(done);
            return;
        }
    }
}

/// What a shared error was, for those who share it.
fn error_text(error: &StoreError) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), error_chain)
}

fn error_chain(error: &(dyn std::error::Error + 'static)) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", error_chain(source)),
        None => error.to_string(),
    }
}
