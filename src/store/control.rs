//! The role that changes deliveries on behalf of an operator.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::{DedupGroup, StoreError};
use crate::clock::Timestamp;
use crate::id::{DeliveryId, EventId, LaneId, Tenant, Work};

/// A delivery to be added to a stored event.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "complete: made by callers of Control")]
pub struct AddDelivery {
    /// The tenant of the event.
    pub tenant: Tenant,
    /// The event.
    pub event: EventId,
    /// The id of the new delivery.
    pub delivery: DeliveryId,
    /// The lane that gets the event. It is of the event's kind of work: an event of the other kind is not found.
    pub lane: LaneId,
    /// When the delivery is due.
    pub due: Timestamp,
    /// When the delivery is made.
    pub now: Timestamp,
}

/// Changes deliveries on behalf of an operator.
///
/// 1. No method may find, or change, work of a kind other than the one in the call (`control_changes_one_kind_of_work`). Each method
///    returns which of its items it has changed. If a call names an item twice, the first one counts.
/// 2. `resend` MUST make a delivery pending that is final or held by decision: due at the given time, its attempts and faults counted from
///    zero, its recorded attempts kept, under a higher fence (`resend_makes_a_finished_delivery_pending_again`). It MUST NOT change: a
///    pending delivery, even if it is shown as held because its endpoint is disabled; a delivery whose event has lost its payload; and a
///    delivery whose endpoint is removed (`resend_to_a_removed_endpoint_changes_nothing`).
/// 3. `cancel` MUST make a pending or held delivery `cancelled` without a reason, and end its lease (`cancel_ends_the_lease`).
/// 4. `add_deliveries` MUST add a pending delivery to a stored event, and return `false` where the event is unknown, has lost its
///    payload, or is of the other kind of work, or where the endpoint is removed (`add_deliveries_adds_a_delivery_to_a_stored_event`).
/// 5. All of them MUST keep the [order](super::ordering) of an ordering key, in the same transaction
///    (`fifo_delivers_one_at_a_time_in_order`, `a_cancelled_head_lets_the_next_follow`). A delivery that they make pending may be
///    `cancelled` as [`Superseded`](crate::retry::FailReason::Superseded) at once, if a newer delivery of its
///    [`Latest`](crate::event::Order::latest) key is not finished; they return `true` nevertheless.
/// 6. `expunge` MUST delete the payload, cancel the pending and held deliveries of the event, and keep the event's id taken
///    (`expunge_forgets_the_payload_and_cancels_what_is_owed`). It returns `true` for every event whose id is taken, also a second time.
/// 7. `forget_received` MUST free the ids and the signed bytes of a group's received events, so that an event is stored again if its
///    provider sends it again; keep the stored events, under ids that no other event has; and leave other groups and tenants unchanged
///    (`a_forgotten_event_is_received_again`).
#[async_trait]
pub trait Control: fmt::Debug + Send + Sync + 'static {
    /// Makes final or held deliveries pending again, each due at its time. Returns one result for each, in order.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails. Nothing is changed then.
    async fn resend(&self, work: Work, deliveries: Vec<(DeliveryId, Timestamp)>) -> Result<Vec<bool>, StoreError>;

    /// Cancels pending and held deliveries. Returns one result for each, in order.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails. Nothing is changed then.
    async fn cancel(&self, work: Work, deliveries: Vec<DeliveryId>, now: Timestamp) -> Result<Vec<bool>, StoreError>;

    /// Adds deliveries to stored events. Returns one result for each, in order.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails, with [`Invalid`](super::StoreErrorKind::Invalid) if a delivery id exists. Nothing is added then.
    async fn add_deliveries(&self, batch: Vec<AddDelivery>) -> Result<Vec<bool>, StoreError>;

    /// Deletes an event's payload and cancels its deliveries that are not finished. Returns whether the event's id is taken.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails. Nothing is changed then.
    async fn expunge(&self, work: Work, tenant: &Tenant, event: &EventId, now: Timestamp) -> Result<bool, StoreError>;

    /// Frees the ids of received events, by their groups. Returns the number of renamed events for each group, in order.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails. Nothing is changed then.
    async fn forget_received(&self, tenant: &Tenant, groups: &[DedupGroup]) -> Result<Vec<u64>, StoreError>;
}

delegate_store! { [S: Control + ?Sized] Arc<S>, |shared| **shared; Control }
