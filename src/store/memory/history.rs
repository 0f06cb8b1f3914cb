//! History in memory.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

use async_trait::async_trait;

use super::MemoryStore;
use super::tables::{EventKey, Row, Tables, beyond, in_order, key_of};
use crate::clock::Timestamp;
use crate::delivery::{Attempt, Delivery, DeliveryState};
use crate::event::Event;
use crate::id::{DeliveryId, EventId, LaneId, Tenant, Work};
use crate::store::{
    Begin, Claimant, Counts, Dedup, DedupEntry, DedupGroup, DeliveryQuery, Finished, FirstAnswer, History, Old, Page,
    Settled, StoreError,
};

#[async_trait]
impl History for MemoryStore {
    async fn event(&self, work: Work, tenant: &Tenant, id: &EventId) -> Result<Option<Arc<Event>>, StoreError> {
        let tables = self.tables();
        Ok(tables.events.get(&(work, tenant.clone(), id.clone())).map(|row| row.event.clone()))
    }

    async fn delivery(&self, work: Work, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
        let tables = self.tables();
        Ok(tables.row(work, id).map(|row| tables.show(id, row)))
    }

    async fn deliveries(&self, query: &DeliveryQuery, page: Page) -> Result<Vec<Delivery>, StoreError> {
        let tables = self.tables();
        let rows = in_order(page, tables.deliveries.range(beyond(page)));
        let wanted = rows.filter(|(_, row)| tables.fits(query, row)).take(page.limit as usize);
        Ok(wanted.map(|(id, row)| tables.show(*id, row)).collect())
    }

    async fn attempts(&self, work: Work, id: DeliveryId) -> Result<Vec<Attempt>, StoreError> {
        Ok(self.tables().row(work, id).map(|row| row.log.clone()).unwrap_or_default())
    }

    async fn counts(&self, work: Work, lane: Option<LaneId>) -> Result<Counts, StoreError> {
        let tables = self.tables();
        let Some(lane) = lane else { return Ok(tables.count_all(work)) };
        let mut counts = Counts::default();
        for row in tables.deliveries.values().filter(|row| row.lane == lane && lane.work() == work) {
            counts.add(tables.shown_state(row), 1);
        }
        Ok(counts)
    }

    async fn prune(&self, work: Work, old: Old, limit: u32) -> Result<u64, StoreError> {
        let mut tables = self.tables();
        let deliveries = tables.prune_deliveries(work, old.work, limit);
        let events = tables.prune_events(work, old, limit);
        Ok(deliveries.max(events).max(tables.prune_keys(work, old.keys, limit)))
    }

    async fn shed(
        &self,
        work: Work,
        after: Finished,
        before: Timestamp,
        limit: u32,
    ) -> Result<Option<Finished>, StoreError> {
        Ok(self.tables().shed(work, after, before, limit))
    }
}

impl Tables {
    fn row(&self, work: Work, id: DeliveryId) -> Option<&Row> {
        self.deliveries.get(&id).filter(|row| row.lane.work() == work)
    }

    /// From the running tally; only held deliveries are told apart here.
    fn count_all(&self, work: Work) -> Counts {
        let tally = *self.tally.of(work);
        if work == Work::Received {
            return tally;
        }
        let disabled = self.endpoints.iter().filter(|(_, kept)| kept.as_ref().is_some_and(|it| !it.is_enabled()));
        let lanes = disabled.filter_map(|(id, _)| self.lanes.get(&LaneId::Endpoint(*id)));
        let held = u64::try_from(lanes.map(BTreeSet::len).sum::<usize>()).unwrap_or(u64::MAX);
        Counts { pending: tally.pending.saturating_sub(held), held: tally.held + held, ..tally }
    }

    fn fits(&self, query: &DeliveryQuery, row: &Row) -> bool {
        row.lane.work() == query.work
            && query.tenant.as_ref().is_none_or(|tenant| row.event.tenant == *tenant)
            && query.event.as_ref().is_none_or(|event| row.event.id == *event)
            && query.lane.is_none_or(|lane| row.lane == lane)
            && query.event_type.as_ref().is_none_or(|event_type| row.event.event_type == *event_type)
            && query.from.is_none_or(|from| from <= row.created_at)
            && query.to.is_none_or(|to| row.created_at < to)
            && query.state.is_none_or(|state: DeliveryState| self.shown_state(row) == state)
    }

    fn prune_deliveries(&mut self, work: Work, before: Timestamp, limit: u32) -> u64 {
        let mut gone = 0;
        while gone < u64::from(limit) {
            let finished = self.finished.of_mut(work);
            let Some((_, id)) = finished.first().copied().filter(|(at, _)| *at < before) else { break };
            finished.pop_first();
            gone += 1;
            let Some(row) = self.deliveries.remove(&id) else { continue };
            self.tally.of_mut(work).take(row.state);
            let key = key_of(&row.event);
            let Some(kept) = self.events.get_mut(&key) else { continue };
            kept.deliveries = kept.deliveries.saturating_sub(1);
            if kept.deliveries == 0 {
                self.childless.of_mut(key.0).insert((kept.appended_at, key));
            }
        }
        gone
    }

    /// Of an event whose id is still taken, the fingerprint stays.
    fn prune_events(&mut self, work: Work, old: Old, limit: u32) -> u64 {
        let mut count = 0;
        while count < u64::from(limit) && self.childless.of(work).first().is_some_and(|(at, _)| *at < old.work) {
            count += 1;
            let Some((at, key)) = self.childless.of_mut(work).pop_first() else { break };
            let Some(gone) = self.events.remove(&key) else { continue };
            self.log.remove(&gone.seq);
            if at < old.keys {
                self.free_replay(&key, gone.event.fingerprint);
            } else {
                self.spent.insert(key.clone(), gone.event.fingerprint);
                self.spent_at.of_mut(work).insert((at, key));
            }
        }
        count
    }

    fn prune_keys(&mut self, work: Work, before: Timestamp, limit: u32) -> u64 {
        let mut count = 0;
        while count < u64::from(limit) && self.spent_at.of(work).first().is_some_and(|(at, _)| *at < before) {
            count += 1;
            if let Some((_, key)) = self.spent_at.of_mut(work).pop_first() {
                let fingerprint = self.spent.remove(&key).flatten();
                self.free_replay(&key, fingerprint);
            }
        }
        count
    }

    /// The signed bytes of a received event are free again when its id is.
    fn free_replay(&mut self, key: &EventKey, fingerprint: Option<[u8; 32]>) {
        if let (Work::Received, Some(digest)) = (key.0, fingerprint) {
            self.replays.remove(&(key.1.clone(), digest));
        }
    }

    fn shed(&mut self, work: Work, after: Finished, before: Timestamp, limit: u32) -> Option<Finished> {
        let later = self.finished.of(work).range((Bound::Excluded(after), Bound::Unbounded));
        let found: Vec<_> = later.take_while(|(at, _)| *at < before).take(limit as usize).copied().collect();
        for (_, id) in &found {
            let Some(row) = self.deliveries.get(id) else { continue };
            let (seq, key) = (row.seq, key_of(&row.event));
            let owed = self.deliveries.values().any(|row| row.seq == seq && !row.state.is_final());
            if !owed {
                self.forget_payload(&key);
            }
        }
        found.last().filter(|_| found.len() == limit as usize).copied()
    }
}

/// So that one store can serve both directions.
#[async_trait]
impl Dedup for MemoryStore {
    async fn begin(
        &self,
        entries: &[DedupEntry],
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Vec<Begin>, StoreError> {
        self.dedup.begin(entries, now, lease_until).await
    }

    async fn finish(
        &self,
        claimants: &[Claimant],
        answer: &FirstAnswer,
        expires: Timestamp,
    ) -> Result<Vec<Settled>, StoreError> {
        self.dedup.finish(claimants, answer, expires).await
    }

    async fn abandon(&self, claimants: &[Claimant]) -> Result<Vec<Settled>, StoreError> {
        self.dedup.abandon(claimants).await
    }

    async fn forget(&self, groups: &[DedupGroup]) -> Result<Vec<u64>, StoreError> {
        self.dedup.forget(groups).await
    }

    async fn prune(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        Dedup::prune(&self.dedup, now, limit).await
    }
}
