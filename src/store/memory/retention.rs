//! Retention in memory.

use std::ops::Bound;

use async_trait::async_trait;

use super::MemoryStore;
use super::tables::{EventKey, Tables, key_of};
use crate::clock::Timestamp;
use crate::id::Work;
use crate::store::{FinishedCursor, Retention, RetentionCutoff, StoreError};

#[async_trait]
impl Retention for MemoryStore {
    async fn prune(&self, work: Work, cutoff: RetentionCutoff, limit: u32) -> Result<u64, StoreError> {
        let mut tables = self.tables();
        let deliveries = tables.prune_deliveries(work, cutoff.work, limit);
        let events = tables.prune_events(work, cutoff, limit);
        Ok(deliveries.max(events).max(tables.prune_keys(work, cutoff.keys, limit)))
    }

    async fn drop_payloads(
        &self,
        work: Work,
        after: FinishedCursor,
        before: Timestamp,
        limit: u32,
    ) -> Result<Option<FinishedCursor>, StoreError> {
        Ok(self.tables().drop_payloads(work, after, before, limit))
    }
}

impl Tables {
    fn prune_deliveries(&mut self, work: Work, before: Timestamp, limit: u32) -> u64 {
        let mut gone = 0;
        while gone < u64::from(limit) {
            let finished = self.finished.of_mut(work);
            let Some((_, id)) = finished.first().copied().filter(|(at, _)| *at < before) else { break };
            finished.pop_first();
            gone += 1;
            let Some(row) = self.deliveries.remove(&id) else { continue };
            self.tally.take(row.lane, row.state);
            let key = key_of(&row.event);
            let Some(kept) = self.events.get_mut(&key) else { continue };
            if let Some(place) = kept.lanes.iter().position(|lane| *lane == row.lane) {
                kept.lanes.swap_remove(place);
            }
            if kept.lanes.is_empty() {
                self.childless.of_mut(key.0).insert((kept.appended_at, key));
            }
        }
        gone
    }

    /// Keeps the fingerprint of an event whose id is still taken.
    fn prune_events(&mut self, work: Work, cutoff: RetentionCutoff, limit: u32) -> u64 {
        let mut count = 0;
        while count < u64::from(limit) && self.childless.of(work).first().is_some_and(|(at, _)| *at < cutoff.work) {
            count += 1;
            let Some((at, key)) = self.childless.of_mut(work).pop_first() else { break };
            let Some(gone) = self.events.remove(&key) else { continue };
            self.log.remove(&gone.seq);
            if at < cutoff.keys {
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

    /// Frees the signed bytes of a received event together with its id.
    fn free_replay(&mut self, key: &EventKey, fingerprint: Option<[u8; 32]>) {
        if let (Work::Received, Some(digest)) = (key.0, fingerprint) {
            self.replays.remove(&(key.1.clone(), digest));
        }
    }

    fn drop_payloads(
        &mut self,
        work: Work,
        after: FinishedCursor,
        before: Timestamp,
        limit: u32,
    ) -> Option<FinishedCursor> {
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
