//! The outbox in memory.

use std::collections::hash_map::Entry;
use std::ops::Bound;
use std::sync::Arc;

use async_trait::async_trait;

use super::MemoryStore;
use super::tables::{EventRow, Row, Tables, key_of};
use crate::clock::Timestamp;
use crate::delivery::{Lease, NewDelivery, Settlement};
use crate::event::Event;
use crate::id::{LaneId, Work};
use crate::store::{Append, Appended, Claim, Claimed, LaneDue, Outbox, Settled, StoreError};

#[async_trait]
impl Outbox for MemoryStore {
    async fn append(&self, batch: Vec<Append>) -> Result<Vec<Appended>, StoreError> {
        let mut tables = self.tables();
        Ok(batch.into_iter().map(|append| tables.append(append)).collect())
    }

    async fn claim(&self, claim: Claim) -> Result<Claimed, StoreError> {
        let mut tables = self.tables();
        let mut claimed = Claimed::default();
        for lane in &claim.lanes {
            match lane.lane.endpoint().and_then(|id| tables.endpoints.get(&id)) {
                // Left by a dispatch that did not know of the removal yet.
                Some(None) => tables.cancel_lane(lane.lane, claim.now),
                Some(Some(endpoint)) if !endpoint.is_enabled() => {}
                _ => {
                    claimed.leased.extend(tables.claim(lane.lane, lane.max, claim.now, claim.until));
                    claimed.next.extend(tables.due(lane.lane));
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
            // A release ends the lease: what its holder says afterwards no longer counts.
            row.fence += 1;
        };
        Ok(leases.into_iter().map(|lease| tables.under_lease(lease, due, give_back)).collect())
    }

    async fn lanes(&self, work: Work, after: Option<LaneId>, limit: u32) -> Result<Vec<LaneDue>, StoreError> {
        let tables = self.tables();
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let lanes = tables.lanes.range((start, Bound::Unbounded)).filter(|(lane, _)| lane.work() == work);
        Ok(lanes.take(limit as usize).filter_map(|(lane, _)| tables.due(*lane)).collect())
    }
}

impl Tables {
    fn append(&mut self, append: Append) -> Appended {
        let Append { event, deliveries, now } = append;
        let key = key_of(&event);
        let spent = if self.spent.is_empty() { None } else { self.spent.get(&key) };
        if let Some(fingerprint) = spent {
            return if *fingerprint == event.fingerprint { Appended::Duplicate } else { Appended::Conflict };
        }
        let replay = event.replay().map(|digest| (event.tenant.clone(), *digest));
        if replay.as_ref().is_some_and(|replay| self.replays.contains_key(replay)) {
            return Appended::Duplicate;
        }
        let slot = match self.events.entry(key.clone()) {
            Entry::Occupied(kept) if kept.get().event.fingerprint == event.fingerprint => return Appended::Duplicate,
            Entry::Occupied(_) => return Appended::Conflict,
            Entry::Vacant(slot) => slot,
        };
        let count = u32::try_from(deliveries.len()).unwrap_or(u32::MAX);
        let seq = self.log.last_key_value().map_or(1, |(last, _)| last + 1);
        self.log.insert(seq, key.clone());
        self.replays.extend(replay.map(|replay| (replay, key.clone())));
        slot.insert(EventRow { event: event.clone(), seq, appended_at: now, deliveries: count, expunged: false });
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
        match (&event.order, delivery.leased_until) {
            // What has to keep its order may have to wait, so it is never born leased.
            (Some(order), _) => row.due = self.enter(delivery.lane, order, now, now),
            (None, Some(until)) => (row.due, row.attempts, row.fence, row.leased) = (until, 1, 1, true),
            (None, None) => {}
        }
        self.insert(delivery.id, row);
    }

    fn due(&self, lane: LaneId) -> Option<LaneDue> {
        let (due, _): &(Timestamp, _) = self.lanes.get(&lane)?.first()?;
        Some(LaneDue { lane, due: *due })
    }
}
