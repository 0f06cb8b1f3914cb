//! The role that imports events that an application wrote in its own transaction (the transactional outbox).

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
    /// The number of the row, which is never reused.
    pub row: u64,
    /// The event that the row describes, or the reason why the row is invalid.
    pub event: Result<NewEvent, String>,
    /// When the row was written, if the row contains this time.
    pub written_at: Option<Timestamp>,
}

/// What to do with a staged row.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "complete: made by workers")]
pub struct Import {
    /// The number of the row.
    pub row: u64,
    /// The event with its deliveries, or the reason why the row cannot be dispatched.
    pub verdict: Result<Append, String>,
}

/// The result of an [`Import`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImportResult {
    /// The event and its deliveries are stored and the row is deleted. If the event is a duplicate, only the row is deleted.
    Taken,
    /// The row is kept together with the reason: it is invalid, or its id belongs to another event.
    Refused,
    /// Another worker has imported the row. Nothing was changed.
    Gone,
}

/// Waits until another process on the same store reports new work. It reduces the delay; workers also find the work without it, by polling.
///
/// ```
/// use hookwire::store::ChangeListener;
/// use tokio::sync::watch;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let (notify, receiver) = watch::channel(());
/// let (_connection, connected) = watch::channel(true);
/// let mut changes = ChangeListener::from(receiver).connected(connected);
/// notify.send_replace(());
/// changes.next().await;
/// assert!(changes.is_connected());
/// # }
/// ```
#[derive(Debug)]
pub struct ChangeListener {
    reports: Option<watch::Receiver<()>>,
    connected: Option<watch::Receiver<bool>>,
}

impl ChangeListener {
    /// Creates a listener that never reports, for a store whose processes cannot notify each other.
    #[must_use]
    pub const fn never() -> Self {
        Self { reports: None, connected: None }
    }

    /// Adds whether the connection that brings the reports is open. While it is, workers poll the store less often: so a store may use this
    /// only if it reports all that [`Staging::changes`] lists.
    #[must_use]
    pub fn connected(mut self, connected: watch::Receiver<bool>) -> Self {
        self.connected = Some(connected);
        self
    }

    /// Returns whether the connection that brings the reports is open; `false` if the store has none.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.connected.as_ref().is_some_and(|connected| *connected.borrow())
    }

    /// Waits for a report that has arrived after the last call.
    pub async fn next(&mut self) {
        if let Some(reports) = &mut self.reports
            && reports.changed().await.is_ok()
        {
            return;
        }
        std::future::pending::<()>().await;
    }
}

impl From<watch::Receiver<()>> for ChangeListener {
    fn from(reports: watch::Receiver<()>) -> Self {
        Self { reports: Some(reports), connected: None }
    }
}

/// Imports events that other clients have written into the store's own database. Every method has a default for a store without a staging
/// table: `impl Staging for MyStore {}`. A store with a staging table implements all four. A wrapper MUST delegate all four, as
/// [`delegate_store!`](crate::delegate_store) does.
///
/// 1. `staged` MUST return only committed rows that were neither imported nor refused, in the order they were written, at most `limit`. It
///    MUST NOT read data that is longer than `longest` bytes: the event of such a row is an error that names the length. It SHOULD limit
///    the bytes of data that one call returns, but it always returns the first row.
/// 2. A row that is invalid MUST be returned with the reason, and MUST NOT make the call fail.
/// 3. `import` MUST be atomic for each element: the row is deleted if and only if the event and its deliveries are stored. It MUST follow
///    the rules of [`Outbox::append`](super::Outbox::append). A conflict MUST mark the row as refused.
/// 4. A refused row MUST be kept with its reason, and MUST NOT be returned again until its reason is deleted.
#[async_trait]
pub trait Staging: fmt::Debug + Send + Sync + 'static {
    /// Reads rows to import. The default returns no rows.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    async fn staged(&self, limit: u32, longest: usize) -> Result<Vec<StagedRow>, StoreError> {
        let _ = (limit, longest);
        Ok(Vec::new())
    }

    /// Imports rows, or marks them as refused. Returns one result for each element, in order. The default returns
    /// [`Gone`](ImportResult::Gone) for every row.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails. Nothing is changed then.
    async fn import(&self, batch: Vec<Import>) -> Result<Vec<ImportResult>, StoreError> {
        Ok(batch.iter().map(|_| ImportResult::Gone).collect())
    }

    /// Returns a listener for work that other processes have stored. The default never reports anything.
    ///
    /// A listener that is ever [connected](ChangeListener::connected) MUST report what `append`, `import`, `release`, `resend`, `cancel`,
    /// `add_deliveries` and a `put` of an existing endpoint make due.
    fn changes(&self) -> ChangeListener {
        ChangeListener::never()
    }

    /// Returns a listener for rows that are written through this store. It reports a row when the row is written, which is before its
    /// transaction commits; the worker then polls the table often for a while. The default never reports anything.
    fn writes(&self) -> ChangeListener {
        ChangeListener::never()
    }
}

delegate_store! { [S: Staging + ?Sized] Arc<S>, |shared| **shared; Staging }
