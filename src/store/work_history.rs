//! The history of one kind of work.

use std::sync::Arc;

use super::{Counts, DeliveryQuery, History, Page, StoreError};
use crate::delivery::{Attempt, Delivery};
use crate::event::Event;
use crate::id::{DeliveryId, EventId, LaneId, Tenant, Work};

/// What happened to one kind of work: of a [sender](crate::sender::Sender::history), or of an
/// [inbox](crate::receiver::inbox::Inbox::history). Whatever else is in the same store cannot be reached through it.
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

    /// One event, with its payload.
    ///
    /// # Errors
    /// When the store is in trouble.
    pub async fn event(self, tenant: &Tenant, id: &EventId) -> Result<Option<Arc<Event>>, StoreError> {
        self.store.event(self.work, tenant, id).await
    }

    /// One delivery.
    ///
    /// # Errors
    /// When the store is in trouble.
    pub async fn delivery(self, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
        self.store.delivery(self.work, id).await
    }

    /// Deliveries, a page at a time: of this kind of work, whatever the query says.
    ///
    /// # Errors
    /// When the store is in trouble.
    pub async fn deliveries(self, query: &DeliveryQuery, page: Page) -> Result<Vec<Delivery>, StoreError> {
        self.store.deliveries(&DeliveryQuery { work: self.work, ..query.clone() }, page).await
    }

    /// The attempts at one delivery, in the order they were made.
    ///
    /// # Errors
    /// When the store is in trouble.
    pub async fn attempts(self, id: DeliveryId) -> Result<Vec<Attempt>, StoreError> {
        self.store.attempts(self.work, id).await
    }

    /// How many deliveries are in each state; of one lane, or of all. The cost is proportional to what is counted.
    ///
    /// # Errors
    /// When the store is in trouble.
    pub async fn counts(self, lane: Option<LaneId>) -> Result<Counts, StoreError> {
        self.store.counts(self.work, lane).await
    }
}
