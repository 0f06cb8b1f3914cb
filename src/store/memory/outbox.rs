//! The outbox in memory.

use std::collections::HashSet;
use std::collections::hash_map::Entry;
use std::ops::Bound;
use std::sync::Arc;

use async_trait::async_trait;

use super::MemoryStore;
use super::tables::{EventRow, Row, Tables, key_of};
use crate::clock::Timestamp;
use crate::delivery::{Lease, NewDelivery, Settlement};
use crate::event::Event;
use crate::id::{DeliveryId, LaneId, Work};
use crate::store::{Append, Appended, Claim, Claimed, Outbox, Settled, StoreError, StoreErrorKind};

#[async_trait]
impl Outbox for MemoryStore {
    async fn append(&self, batch: Vec<Append>) -> Result<Vec<Appended>, StoreError> {
        let mut tables = self.tables();
        if tables.repeats_a_delivery(&batch) {
            return Err(StoreError::new(StoreErrorKind::Invalid));
        }
        Ok(batch.into_iter().map(|append| tables.append(append)).collect())
    }

    async fn claim(&self, claim: Claim) -> Result<Claimed, StoreError> {
        let mut tables = self.tables();
        let mut claimed = Claimed::default();
        for (lane, quota) in claim.lanes {
            match lane.endpoint().and_then(|id| tables.endpoints.get(&id)) {
                // A dispatch has appended these before the removal was visible to it.
                Some(None) => tables.cancel_lane(lane, claim.now),
                Some(Some(endpoint)) if !endpoint.is_enabled() => {}
                _ => {
                    claimed.leased.extend(tables.claim(lane, quota, claim.now, claim.until));
                    claimed.next.extend(tables.due(lane));
                }
            }
        }
        Ok(claimed)
    }

    async fn settle(&self, batch: Vec<Settlement>) -> Result<Vec<Settled>, StoreError> {
        let mut tables = self.tables();
        Ok(batch.into_iter().map(|settlement| tables.settle(settlement)).collect())
    }

    async fn extend(&self, leases: Vec<Lease>, until: Timestamp) -> Result<Vec<Settled>, StoreError> {
        let mut tables = self.tables();
        Ok(leases.into_iter().map(|lease| tables.under_lease(lease, until, |_| {})).collect())
    }

    async fn release(&self, leases: Vec<Lease>, due: Timestamp) -> Result<Vec<Settled>, StoreError> {
        let mut tables = self.tables();
        let give_back = |row: &mut Row| {
            row.attempts = row.attempts.saturating_sub(1);
            row.leased = false;
            // A release ends the lease: a later settlement by its holder changes nothing.
            row.fence += 1;
        };
        let release = |lease: Lease| {
            let settled = tables.under_lease(lease, due, give_back);
            if settled == Settled::Done {
                tables.arrange_after(lease.delivery, due);
            }
            settled
        };
        Ok(leases.into_iter().map(release).collect())
    }

    async fn lanes(
        &self,
        work: Work,
        after: Option<LaneId>,
        limit: u32,
    ) -> Result<Vec<(LaneId, Timestamp)>, StoreError> {
        let tables = self.tables();
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let lanes = tables.lanes.range((start, Bound::Unbounded)).filter(|(lane, _)| lane.work() == work);
        Ok(lanes.take(limit as usize).filter_map(|(lane, _)| tables.due(*lane)).collect())
    }
}

impl Tables {
    /// Whether an element that is to be stored has a delivery id that already exists.
    fn repeats_a_delivery(&self, batch: &[Append]) -> bool {
        let ids = || batch.iter().flat_map(|append| append.deliveries.iter().map(|delivery| delivery.id));
        if !self.takes_an_id_twice(ids()) {
            return false;
        }
        // This is rare: an event that is appended again has the same delivery ids and is a duplicate.
        let mut firsts = HashSet::new();
        let new = batch.iter().filter(|append| {
            let key = key_of(&append.event);
            let is_known = self.events.contains_key(&key) || self.spent.contains_key(&key);
            firsts.insert(key) && !is_known
        });
        self.takes_an_id_twice(new.flat_map(|append| append.deliveries.iter().map(|delivery| delivery.id)))
    }

    /// Whether one of these ids exists or is repeated.
    pub(super) fn takes_an_id_twice(&self, ids: impl Iterator<Item = DeliveryId>) -> bool {
        let mut ids: Vec<_> = ids.collect();
        ids.sort_unstable();
        ids.iter().any(|id| self.deliveries.contains_key(id)) || ids.windows(2).any(|pair| pair.first() == pair.last())
    }

    /// Brings the ordering key of a delivery into order, if it has one.
    fn arrange_after(&mut self, id: DeliveryId, now: Timestamp) {
        let Some(row) = self.deliveries.get(&id) else { return };
        let (lane, order) = (row.lane, row.event.order.clone());
        if let Some(order) = order {
            self.arrange(lane, &order, now);
        }
    }

    fn append(&mut self, append: Append) -> Appended {
        let Append { event, deliveries, now } = append;
        let key = key_of(&event);
        let spent = if self.spent.is_empty() { None } else { self.spent.get(&key) };
        if let Some(fingerprint) = spent {
            return if *fingerprint == event.fingerprint { Appended::Duplicate } else { Appended::Conflict };
        }
        let replay = event.replay_digest().map(|digest| (event.tenant.clone(), *digest));
        if replay.as_ref().is_some_and(|replay| self.replays.contains_key(replay)) {
            return Appended::Duplicate;
        }
        let slot = match self.events.entry(key.clone()) {
            Entry::Occupied(kept) if kept.get().event.fingerprint == event.fingerprint => return Appended::Duplicate,
            Entry::Occupied(_) => return Appended::Conflict,
            Entry::Vacant(slot) => slot,
        };
        let lanes = deliveries.iter().map(|delivery| delivery.lane).collect();
        let seq = self.log.last_key_value().map_or(1, |(last, _)| last + 1);
        self.log.insert(seq, key.clone());
        self.replays.extend(replay.map(|replay| (replay, key.clone())));
        slot.insert(EventRow { event: event.clone(), seq, appended_at: now, lanes, expunged: false });
        if deliveries.is_empty() {
            self.childless.of_mut(key.0).insert((now, key));
        }
        for delivery in deliveries {
            self.append_delivery(&event, seq, &delivery, now);
        }
        Appended::Stored
    }

    fn append_delivery(&mut self, event: &Arc<Event>, seq: u64, delivery: &NewDelivery, now: Timestamp) {
        let mut row = Row::pending(event.clone(), seq, delivery.lane, now, now);
        // A delivery with an ordering key may have to wait, so it is never born leased.
        if let Some(until) = delivery.leased_until.filter(|_| event.order.is_none()) {
            (row.due, row.attempts, row.fence, row.leased) = (until, 1, 1, true);
        }
        self.insert(delivery.id, row);
        if let Some(order) = &event.order {
            self.arrange(delivery.lane, order, now);
        }
    }

    fn due(&self, lane: LaneId) -> Option<(LaneId, Timestamp)> {
        let (due, _): &(Timestamp, _) = self.lanes.get(&lane)?.first()?;
        Some((lane, *due))
    }
}
