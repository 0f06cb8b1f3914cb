//! The role that deletes old data.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::StoreError;
use crate::clock::Timestamp;
use crate::id::{DeliveryId, Work};

/// A position among finished deliveries: the time when a delivery finished, and its id.
pub type FinishedCursor = (Timestamp, DeliveryId);

/// The times before which data is deleted.
///
/// ```
/// use hookwire::clock::Timestamp;
/// use hookwire::store::RetentionCutoff;
///
/// let cutoff = RetentionCutoff::before(Timestamp::from_secs(60));
/// assert_eq!(cutoff.work, cutoff.keys);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "complete: made by workers")]
pub struct RetentionCutoff {
    /// Deliveries that finished before this time are deleted, with their attempts. Events that were appended before this time and have no
    /// delivery left are deleted too, with their payload.
    pub work: Timestamp,
    /// The id of an event that was appended before this time is free again, once the event is deleted.
    pub keys: Timestamp,
}

impl RetentionCutoff {
    /// Creates a cutoff with the same time for work and keys.
    #[must_use]
    pub const fn before(at: Timestamp) -> Self {
        Self { work: at, keys: at }
    }
}

/// Deletes old data.
///
/// Both methods delete work of one kind, and MUST NOT touch the other kind (`prune_forgets_one_kind_of_work`,
/// `drop_payloads_forgets_one_kind_of_work`).
/// 1. `prune` MUST delete deliveries that finished before [`RetentionCutoff::work`], with their attempts, and events that were appended
///    before it and have no delivery left. It deletes at most `limit` of each in a call, and nothing else
///    (`prune_forgets_finished_work_only`, `prune_is_bounded`, `prune_keeps_an_event_that_is_still_owed`). A store MAY keep work for up to
///    a day longer.
/// 2. The id of an event MUST stay taken until [`RetentionCutoff::keys`], whether the event still exists or not
///    (`an_event_id_outlives_its_event`), and MUST be free afterwards (`prune_makes_an_event_id_new_again`).
/// 3. `drop_payloads` MUST delete the payload of an event if one of its deliveries finished in the requested span and none is pending or
///    held. It MUST NOT delete other payloads (`drop_payloads_forgets_the_payloads_of_finished_work_only`). The event stays and reads with
///    an empty payload; [`History::events`](super::History::events) no longer lists it, its deliveries can no longer be resent, and none
///    can be added.
#[async_trait]
pub trait Retention: fmt::Debug + Send + Sync + 'static {
    /// Deletes old data, at most `limit` of each kind of row. Returns the largest of three numbers: the deleted deliveries, events and ids.
    /// A result below `limit` means that nothing is left to delete.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    async fn prune(&self, work: Work, cutoff: RetentionCutoff, limit: u32) -> Result<u64, StoreError>;

    /// Deletes the payloads of finished events. Examines at most `limit` deliveries that come after `after` and finished before `before`,
    /// in the order of [`FinishedCursor`]. Returns the last examined delivery. Returns `None` if fewer than `limit` were left, so that
    /// nothing is left to examine.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    async fn drop_payloads(
        &self,
        work: Work,
        after: FinishedCursor,
        before: Timestamp,
        limit: u32,
    ) -> Result<Option<FinishedCursor>, StoreError>;
}

delegate_store! { [S: Retention + ?Sized] Arc<S>, |shared| **shared; Retention }
