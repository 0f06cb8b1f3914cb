//! The history of one kind of work.

use std::sync::Arc;

use super::{Counts, DeliveryQuery, EventQuery, EventSummary, History, Listed, Page, StoreError};
use crate::delivery::{Attempt, Delivery};
use crate::event::{Audience, Event};
use crate::id::{DeliveryId, EventId, LaneId, Tenant, Work};

/// The history of one kind of work: of a [sender](crate::sender::Sender::history), or of an
/// [inbox](crate::receiver::inbox::Inbox::history). It is read-only and gives no access to anything else in the store.
///
/// ```
/// use hookwire::id::Work;
/// use hookwire::store::{MemoryStore, WorkHistory};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = MemoryStore::new();
/// let history = WorkHistory::new(&store, Work::Sent);
/// assert_eq!(history.counts(None).await?.pending, 0);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct WorkHistory<'a> {
    store: &'a dyn History,
    work: Work,
}

impl<'a> WorkHistory<'a> {
    /// The history of one kind of work in this store.
    #[must_use]
    pub const fn new(store: &'a dyn History, work: Work) -> Self {
        Self { store, work }
    }

    /// Reads one event, with its payload.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    pub async fn event(self, tenant: &Tenant, id: &EventId) -> Result<Option<Arc<Event>>, StoreError> {
        self.store.event(self.work, tenant, id).await
    }

    /// Lists events of this kind of work, a page at a time. A query for the other kind finds nothing; a query without an audience lists all
    /// events of this kind. A page may be short although the list goes on: see [`Listed`].
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    pub async fn events(self, query: &EventQuery, page: Page<u64>) -> Result<Listed<EventSummary, u64>, StoreError> {
        let query = match (query.audience, self.work) {
            (None, Work::Received) => query.clone().audience(Audience::Inbox),
            _ => query.clone(),
        };
        if query.work() == self.work { self.store.events(&query, page).await } else { Ok(Listed::default()) }
    }

    /// Reads one delivery.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    pub async fn delivery(self, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
        self.store.delivery(self.work, id).await
    }

    /// Lists deliveries, a page at a time: of this kind of work, whatever the query says. A page may be short although the list goes on: see
    /// [`Listed`].
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    pub async fn deliveries(self, query: &DeliveryQuery, page: Page) -> Result<Listed<Delivery>, StoreError> {
        self.store.deliveries(&DeliveryQuery { work: self.work, ..query.clone() }, page).await
    }

    /// Reads the attempts at one delivery, in the order they were made.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    pub async fn attempts(self, id: DeliveryId) -> Result<Vec<Attempt>, StoreError> {
        Ok(self.store.attempts(self.work, &[id]).await?.pop().unwrap_or_default())
    }

    /// The attempts at each of these deliveries, in the order of `ids`, read at once. The list of an unknown delivery is empty.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    pub async fn attempts_of(self, ids: &[DeliveryId]) -> Result<Vec<Vec<Attempt>>, StoreError> {
        self.store.attempts(self.work, ids).await
    }

    /// Counts the deliveries in each state, of one lane or of all, up to [`Counts::MOST`] in each.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    pub async fn counts(self, lane: Option<LaneId>) -> Result<Counts, StoreError> {
        self.store.counts(self.work, lane).await
    }
}
