//! The role that imports events which an application wrote in its own transaction: the transactional outbox.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;

use super::{Append, StoreError};
use crate::clock::Timestamp;
use crate::event::NewEvent;

/// A row that an application has committed and no worker has imported yet.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "complete: made by stores")]
pub struct StagedRow {
    /// The number of the row; never used twice.
    pub row: u64,
    /// The event that the row describes, or why the row is invalid.
    pub event: Result<NewEvent, String>,
    /// When the row was written, if the row has this time.
    pub written_at: Option<Timestamp>,
}

/// What to do with a staged row.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "complete: made by workers")]
pub struct Import {
    /// The number of the row.
    pub row: u64,
    /// The event with its deliveries, or why the row cannot be dispatched.
    pub verdict: Result<Append, String>,
}

/// The result of an [`Import`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImportResult {
    /// Event and deliveries are stored and the row is deleted. Of a duplicate only the row is deleted.
    Taken,
    /// The row is kept, with the reason beside it: it was invalid, or its id belongs to another event.
    Refused,
    /// Another worker has imported the row. Nothing was changed.
    Gone,
}

/// Waits until another process on the same store reports new work. It only saves time: workers find the work without it.
///
/// ```
/// use hookwire::store::ChangeListener;
/// use tokio::sync::watch;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let (notify, receiver) = watch::channel(());
/// let mut changes = ChangeListener::from(receiver);
/// notify.send_replace(());
/// changes.next().await;
/// # }
/// ```
#[derive(Debug)]
pub struct ChangeListener(Option<watch::Receiver<()>>);

impl ChangeListener {
    /// A listener that never returns, for a store whose processes cannot notify each other.
    #[must_use]
    pub const fn never() -> Self {
        Self(None)
    }

    /// Waits for a report that arrived after the last call.
    pub async fn next(&mut self) {
        if let Some(receiver) = &mut self.0
            && receiver.changed().await.is_ok()
        {
            return;
        }
        std::future::pending::<()>().await;
    }
}

impl From<watch::Receiver<()>> for ChangeListener {
    fn from(receiver: watch::Receiver<()>) -> Self {
        Self(Some(receiver))
    }
}

/// Imports events that others have written into the store's own database.
///
/// Every method has a default for a store that has no such table: `impl Staging for MyStore {}`. A store that has one implements all
/// three. A wrapper MUST pass all three on; [`delegate_store!`](crate::delegate_store) does.
///
/// 1. `staged` MUST return only committed rows that were neither imported nor refused, in the order they were written, at most `limit`. It
///    MUST NOT read the data of a row that is longer than `longest` bytes: the event of such a row is an error that names the length. It
///    SHOULD limit the bytes of data that one call returns; it returns the first row in any case.
/// 2. A row that is invalid MUST be returned with the reason, and MUST NOT make the call fail.
/// 3. `import` MUST be atomic for each element: the row is deleted exactly when the event and its deliveries are stored. It
///    MUST follow the rules of [`Outbox::append`](super::Outbox::append). A conflict MUST mark the row as refused.
/// 4. A refused row MUST be kept with its reason, and MUST NOT be returned again until its reason is deleted.
#[async_trait]
pub trait Staging: fmt::Debug + Send + Sync + 'static {
    /// Reads rows that are to be imported. The default returns none.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    async fn staged(&self, limit: u32, longest: usize) -> Result<Vec<StagedRow>, StoreError> {
        let _ = (limit, longest);
        Ok(Vec::new())
    }

    /// Imports rows, or marks them as refused. Returns one result for each element, in order. The default finds every row
    /// [`Gone`](ImportResult::Gone).
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails. Nothing is changed then.
    async fn import(&self, batch: Vec<Import>) -> Result<Vec<ImportResult>, StoreError> {
        Ok(batch.iter().map(|_| ImportResult::Gone).collect())
    }

    /// Returns a listener for work that other processes have stored. The default never reports anything.
    fn changes(&self) -> ChangeListener {
        ChangeListener::never()
    }
}

delegate_store! { [S: Staging + ?Sized] Arc<S>, |shared| **shared; Staging }
