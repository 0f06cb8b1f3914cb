//! Ordering keys in memory.

use super::tables::{Row, Tables};
use crate::clock::Timestamp;
use crate::delivery::DeliveryState;
use crate::event::Order;
use crate::id::{DeliveryId, LaneId};
use crate::retry::FailReason;
use crate::store::ordering::{Change, KeyedDelivery, Turn, arrange};

/// The due time of a delivery that waits for its turn.
pub(super) const NEVER: Timestamp = Timestamp::MAX;

impl Tables {
    /// Brings an ordering key into order after a change. Deliveries that become ready are due at `now`.
    pub(super) fn arrange(&mut self, lane: LaneId, order: &Order, now: Timestamp) {
        let key = (lane, order.clone());
        let Some(keyed) = self.keys.get(&key) else { return };
        let turn = |waiting: bool, row: &Row| match row.state {
            DeliveryState::Held => Turn::Held,
            _ if row.leased => Turn::Leased,
            _ if waiting => Turn::Waiting,
            _ => Turn::Ready,
        };
        let row = |(waiting, seq, id): (bool, u64, DeliveryId)| {
            let turn = turn(waiting, self.deliveries.get(&id)?);
            Some(KeyedDelivery { id, place: i64::try_from(seq).unwrap_or(i64::MAX), turn })
        };
        let rows: Vec<_> = keyed.relevant(order).filter_map(row).collect();
        for change in arrange(order, &rows) {
            match change {
                Change::Promote(id) => self.turn(&key, id, now),
                Change::Block(id) => self.turn(&key, id, NEVER),
                Change::Supersede(id) => {
                    self.finish(id, DeliveryState::Cancelled, Some(FailReason::Superseded), now);
                }
            }
        }
    }

    fn turn(&mut self, key: &(LaneId, Order), id: DeliveryId, due: Timestamp) {
        let Some(row) = self.deliveries.get(&id) else { return };
        let entry = (row.seq, id);
        if let Some(keyed) = self.keys.get_mut(key) {
            let (from, to) = match due {
                NEVER => (&mut keyed.active, &mut keyed.waiting),
                _ => (&mut keyed.waiting, &mut keyed.active),
            };
            from.remove(&entry);
            to.insert(entry);
        }
        self.reschedule(id, due);
    }
}
