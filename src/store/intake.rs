//! The role that takes in what others have written into the store's own database: the transactional outbox.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;

use super::{Append, StoreError};
use crate::clock::Timestamp;
use crate::event::NewEvent;

/// A row that an application has committed and no worker has taken in yet.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "made by stores")]
pub struct Staged {
    /// Which row; never used twice.
    pub row: u64,
    /// What it says, or why it says nothing that can be dispatched.
    pub event: Result<NewEvent, String>,
    /// When it was written, where the writer said so.
    pub written_at: Option<Timestamp>,
}

/// What becomes of a staged row.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "made by workers")]
pub struct Admit {
    /// Which row.
    pub row: u64,
    /// The event with its deliveries, or why the row cannot be dispatched.
    pub verdict: Result<Append, String>,
}

/// What became of a staged row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Admitted {
    /// Event and deliveries are stored and the row is gone; for a duplicate only the row is gone.
    Taken,
    /// The row is kept, with the reason beside it: refused, or in conflict with another event under its id.
    Refused,
    /// Another worker was faster: nothing was changed.
    Gone,
}

/// Hears when another process on the same store has said that there may be work. A comfort: nothing depends on it.
#[derive(Debug)]
pub struct Wakes(Option<watch::Receiver<()>>);

impl Wakes {
    /// Of a store that nobody speaks through.
    #[must_use]
    pub const fn never() -> Self {
        Self(None)
    }

    /// Waits until something was said since the last time. Nothing is missed by not waiting.
    pub async fn next(&mut self) {
        if let Some(heard) = &mut self.0
            && heard.changed().await.is_ok()
        {
            return;
        }
        std::future::pending::<()>().await;
    }
}

impl From<watch::Receiver<()>> for Wakes {
    fn from(heard: watch::Receiver<()>) -> Self {
        Self(Some(heard))
    }
}

/// Takes in what others have written. A backend whose database nobody else can write to has nothing staged.
///
/// 1. `staged` MUST answer only committed rows that nobody has taken in or refused, in the order they were written, at most
///    `limit`.
///    A row whose data is longer than `longest` bytes MUST NOT be read: its event is an error that says so. The data of all rows
///    of a call together SHOULD be bounded; the first row is answered in any case.
/// 2. `admit` MUST be atomic for each element: the row is gone exactly when the event and its deliveries are there; and it
///    MUST follow the rules of [`Outbox::append`](super::Outbox::append).
#[async_trait]
pub trait Intake: fmt::Debug + Send + Sync + 'static {
    /// Rows to be taken in.
    ///
    /// # Errors
    /// When the store is in trouble.
    async fn staged(&self, limit: u32, longest: usize) -> Result<Vec<Staged>, StoreError>;

    /// Takes rows in, or marks them. Answers in the order of `batch`.
    ///
    /// # Errors
    /// When the store is in trouble; then nothing is changed.
    async fn admit(&self, batch: Vec<Admit>) -> Result<Vec<Admitted>, StoreError>;

    /// Tells when to look for work that another process has stored; [`Wakes::never`] where processes cannot tell each other.
    fn wakes(&self) -> Wakes;
}

#[async_trait]
impl<S: Intake + ?Sized> Intake for Arc<S> {
    async fn staged(&self, limit: u32, longest: usize) -> Result<Vec<Staged>, StoreError> {
        (**self).staged(limit, longest).await
    }

    async fn admit(&self, batch: Vec<Admit>) -> Result<Vec<Admitted>, StoreError> {
        (**self).admit(batch).await
    }

    fn wakes(&self) -> Wakes {
        (**self).wakes()
    }
}
