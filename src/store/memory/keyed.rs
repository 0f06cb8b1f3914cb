//! The deliveries of an ordering key in memory.

use std::collections::BTreeSet;

use crate::event::Order;
use crate::id::DeliveryId;

/// The deliveries of one lane and ordering key that are not final, by the place of their event.
#[derive(Debug, Default)]
pub(super) struct Keyed {
    /// Deliveries that wait for their turn.
    pub(super) waiting: BTreeSet<(u64, DeliveryId)>,
    /// All other deliveries.
    pub(super) active: BTreeSet<(u64, DeliveryId)>,
}

impl Keyed {
    pub(super) fn insert(&mut self, seq: u64, id: DeliveryId) {
        self.active.insert((seq, id));
    }

    /// Returns whether no delivery is left.
    pub(super) fn remove(&mut self, seq: u64, id: DeliveryId) -> bool {
        self.waiting.remove(&(seq, id));
        self.active.remove(&(seq, id));
        self.waiting.is_empty() && self.active.is_empty()
    }

    /// The deliveries that [`arrange`](crate::store::ordering::arrange) requires.
    pub(super) fn relevant(&self, order: &Order) -> impl Iterator<Item = (bool, u64, DeliveryId)> {
        let waiting = if order.is_latest() { usize::MAX } else { 1 };
        let active = self.active.iter().map(|(seq, id)| (false, *seq, *id));
        active.chain(self.waiting.iter().take(waiting).map(|(seq, id)| (true, *seq, *id)))
    }
}
