//! Deletion of old data, with faults.

use hookwire::clock::Timestamp;
use hookwire::delivery::DeliveryState;
use hookwire::id::{DeliveryId, Work};
use hookwire::store::{FinishedCursor, RetentionCutoff};

use super::bug::Bug;
use super::db::{Db, EventRow, Row};

impl Db {
    pub fn prune(&mut self, work: Work, cutoff: RetentionCutoff, limit: u32) -> u64 {
        let limit = if self.has(Bug::PruneIgnoresTheLimit) { usize::MAX } else { limit as usize };
        let deliveries = self.prune_deliveries(work, cutoff.work, limit);
        let events = self.prune_events(work, cutoff.work, limit);
        let ids = self.prune_ids(work, cutoff, limit);
        if self.has(Bug::PruneLimitsNothingReturned) { 0 } else { deliveries.max(events).max(ids) as u64 }
    }

    fn is_kind(&self, of: Work, work: Work) -> bool {
        of == work || self.has(Bug::PruneMixesKinds)
    }

    fn is_old(&self, row: &Row, before: Timestamp) -> bool {
        let ends = match row.state {
            DeliveryState::Pending => self.has(Bug::PruneTakesPending).then_some(row.created_at),
            DeliveryState::Held => self.has(Bug::PruneTakesHeld).then_some(row.created_at),
            DeliveryState::Cancelled if self.has(Bug::PruneKeepsCancelled) => None,
            DeliveryState::Failed if self.has(Bug::PruneKeepsFailed) => None,
            _ if self.has(Bug::PruneByAppendTime) => Some(row.created_at),
            _ => row.finished_at,
        };
        let ends = ends.or_else(|| row.finished_at.filter(|_| self.has(Bug::ResentIsStillOld)));
        ends.is_some_and(|at| {
            at < before || self.has(Bug::PruneTakesAtTheCutoff) && at == before || self.has(Bug::PruneIgnoresTheTime)
        })
    }

    fn prune_deliveries(&mut self, work: Work, before: Timestamp, limit: usize) -> usize {
        let old = |row: &Row| self.is_kind(row.lane.work(), work) && self.is_old(row, before);
        let old: Vec<_> = self.deliveries.iter().filter(|(_, row)| old(row)).map(|(id, _)| *id).take(limit).collect();
        for id in &old {
            self.deliveries.remove(id);
            if !self.has(Bug::PruneKeepsAttempts) && !self.has(Bug::PrunedIsStillCounted) {
                self.attempts.retain(|(of, _)| of != id);
            }
        }
        old.len()
    }

    fn prune_events(&mut self, work: Work, before: Timestamp, limit: usize) -> usize {
        let is_owed = |seq: i64| self.deliveries.values().any(|row| row.seq == seq);
        let is_old = |seq: i64, kept: &EventRow| {
            let is_free = !is_owed(seq) || self.has(Bug::AddedIsStillChildless) && !kept.wanted;
            let is_taken = match self.bug {
                Some(Bug::PruneKeepsEvents) => kept.wanted,
                Some(Bug::PruneKeepsUnwanted) => !kept.wanted,
                _ => false,
            };
            let old = kept.appended_at < before
                || self.has(Bug::PruneIgnoresTheTime)
                || self.has(Bug::PruneTakesAtTheCutoff) && kept.appended_at == before;
            self.is_kind(kept.event.audience.work(), work) && is_free && !is_taken && old
        };
        let old: Vec<_> =
            self.events.iter().filter(|(seq, kept)| is_old(**seq, kept)).map(|(seq, _)| *seq).take(limit).collect();
        for seq in &old {
            self.events.remove(seq);
            self.deliveries.retain(|_, row| row.seq != *seq);
        }
        if self.has(Bug::PruneTakesOwedEvents) {
            let seen: Vec<_> = self.deliveries.values().map(|row| row.seq).collect();
            for (seq, kept) in &mut self.events {
                let orphans = kept.wanted && kept.appended_at < before && seen.contains(seq);
                kept.event.payload = if orphans { bytes::Bytes::new() } else { kept.event.payload.clone() };
            }
        }
        old.len()
    }

    fn prune_ids(&mut self, work: Work, cutoff: RetentionCutoff, limit: usize) -> usize {
        if self.has(Bug::PruneNeverFreesIds) {
            return 0;
        }
        let stored: Vec<_> = self.events.values().map(|kept| self.key_of(&kept.event)).collect();
        let before = if self.has(Bug::PruneFreesIdsEarly) { cutoff.work } else { cutoff.keys };
        let is_free = |key| !stored.contains(key) || self.has(Bug::PruneFreesIdsOfOwed);
        let old: Vec<_> = self
            .ids
            .iter()
            .filter(|(key, taken)| self.is_kind(key.0, work) && taken.appended_at < before && is_free(key))
            .map(|(key, _)| key.clone())
            .take(limit)
            .collect();
        for key in &old {
            self.ids.remove(key);
            if !self.has(Bug::PruneKeepsReplays) {
                self.replays.retain(|_, of| of != key);
            }
        }
        if self.has(Bug::PruneFreesReplaysEarly) {
            self.replays.retain(|_, of| stored.contains(of));
        }
        if self.has(Bug::PruneForgetsFingerprints) {
            for (_, taken) in self.ids.iter_mut().filter(|(key, _)| !stored.contains(key)) {
                taken.fingerprint = None;
            }
        }
        old.len()
    }

    pub fn drop_payloads(
        &mut self,
        work: Work,
        after: FinishedCursor,
        before: Timestamp,
        limit: u32,
    ) -> Option<FinishedCursor> {
        let is_kind = |row: &Row| row.lane.work() == work || self.has(Bug::DropMixesKinds);
        let is_after = |at: FinishedCursor| {
            at > after || self.has(Bug::DropIgnoresAfter) || self.has(Bug::DropAfterIsInclusive) && at == after
        };
        let is_before = |at: Timestamp| {
            at < before || self.has(Bug::DropIgnoresBefore) || self.has(Bug::DropBeforeIsInclusive) && at == before
        };
        let is_final =
            |row: &Row| row.state.is_final() && !(row.state == DeliveryState::Failed && self.has(Bug::DropKeepsFailed));
        let mut found: Vec<(FinishedCursor, i64)> = self
            .deliveries
            .iter()
            .filter(|(_, row)| is_kind(row) && is_final(row))
            .filter_map(|(id, row)| Some(((row.finished_at?, *id), row.seq)))
            .filter(|(at, _)| is_after(*at) && is_before(at.0))
            .collect();
        found.sort_by_key(|(at, _)| *at);
        found.truncate(if self.has(Bug::DropIgnoresTheLimit) { usize::MAX } else { limit as usize });
        for (_, seq) in &found {
            self.drop_payload(*seq);
        }
        let last = found.last().map(|(at, _)| *at);
        match self.bug {
            Some(Bug::DropReturnsTheFirst) => {
                found.first().map(|(at, _)| *at).filter(|_| found.len() >= limit as usize)
            }
            Some(Bug::DropNeverEnds) => last.or(Some(after)),
            Some(Bug::DropStopsEarly) => None,
            _ => last.filter(|_| found.len() >= limit as usize),
        }
    }

    fn drop_payload(&mut self, seq: i64) {
        let is_kept = |row: &Row| match row.state {
            DeliveryState::Pending if row.leased => !self.has(Bug::DropTakesLeased),
            DeliveryState::Pending => !self.has(Bug::DropTakesPending),
            DeliveryState::Held => !self.has(Bug::DropTakesHeld),
            _ => false,
        };
        if self.deliveries.values().any(|row| row.seq == seq && is_kept(row)) || self.has(Bug::DropDoesNothing) {
            return;
        }
        if self.has(Bug::DropDeletesTheEvent) {
            self.deliveries.retain(|_, row| row.seq != seq);
            self.events.remove(&seq);
        } else if let Some(kept) = self.events.get_mut(&seq) {
            kept.event.payload = bytes::Bytes::new();
            kept.has_payload = false;
        }
    }

    /// The deliveries of an event.
    pub fn of_event(&self, seq: i64) -> Vec<DeliveryId> {
        self.deliveries.iter().filter(|(_, row)| row.seq == seq).map(|(id, _)| *id).collect()
    }
}
