//! Ordering keys in memory: of each lane and key one delivery is in the way, those behind it are due never.

use super::tables::Tables;
use crate::clock::Timestamp;
use crate::delivery::DeliveryState;
use crate::event::Order;
use crate::id::{DeliveryId, LaneId};
use crate::retry::FailReason;

/// When a delivery is due that waits for its turn.
pub(super) const NEVER: Timestamp = Timestamp::MAX;

impl Tables {
    /// Makes room for a new delivery of this key and answers when it is due: at `due`, or never while another is in the way.
    pub(super) fn enter(&mut self, lane: LaneId, key: &Order, due: Timestamp, now: Timestamp) -> Timestamp {
        if key.is_latest() {
            self.supersede(lane, key, now);
        }
        if self.is_blocked(lane, key) { NEVER } else { due }
    }

    /// Cancels what waits under a key and is not leased.
    fn supersede(&mut self, lane: LaneId, key: &Order, now: Timestamp) {
        for id in self.of_key(lane, key) {
            if self.deliveries.get(&id).is_some_and(|row| !row.leased) {
                self.finish(id, DeliveryState::Cancelled, Some(FailReason::Superseded), now);
            }
        }
    }

    /// What is not final under a key, oldest event first.
    fn of_key(&self, lane: LaneId, key: &Order) -> Vec<DeliveryId> {
        let waiting = self.keys.get(&(lane, key.clone())).into_iter().flatten();
        waiting.map(|(_, id)| *id).collect()
    }

    /// Whether a delivery of this key is in the way: pending or held, and not itself waiting.
    pub(super) fn is_blocked(&self, lane: LaneId, key: &Order) -> bool {
        let active = |id: &DeliveryId| self.deliveries.get(id).is_some_and(|row| row.due < NEVER);
        self.of_key(lane, key).iter().any(active)
    }

    /// Nothing is in the way any more: the oldest that waits is due.
    pub(super) fn follow(&mut self, lane: LaneId, key: &Order, now: Timestamp) {
        let waits = |id: &DeliveryId| self.deliveries.get(id).is_some_and(|row| row.due == NEVER);
        if let Some(next) = self.of_key(lane, key).into_iter().find(waits) {
            self.reschedule(next, now);
        }
    }

    /// Whether a delivery that is to be tried again has been overtaken by a newer one of its key.
    pub(super) fn is_overtaken(&self, lane: LaneId, key: &Order) -> bool {
        let waits = |id: &DeliveryId| self.deliveries.get(id).is_some_and(|row| row.due == NEVER);
        key.is_latest() && self.of_key(lane, key).iter().any(waits)
    }
}
