//! The other roles of the simple store.

use std::sync::Arc;

use async_trait::async_trait;
use hookwire::clock::Timestamp;
use hookwire::delivery::{Attempt, Delivery};
use hookwire::event::Event;
use hookwire::id::{DeliveryId, EventId, LaneId, Tenant, Work, WorkerId};
use hookwire::store::{
    AddDelivery, BeginResult, Control, Counts, Dedup, DedupEntry, DedupGroup, DedupLease, DeliveryQuery, EventQuery,
    EventSummary, FinishedCursor, FirstResponse, History, Import, ImportResult, Listed, Page, Retention,
    RetentionCutoff, Settled, StagedRow, Staging, StoreError, StoreErrorKind, WorkerRegistry,
};

use super::bug::Bug;
use super::db::Db;
use super::roles::{Simple, checked, each, invalid};

#[async_trait]
impl History for Simple {
    async fn event(&self, work: Work, tenant: &Tenant, id: &EventId) -> Result<Option<Arc<Event>>, StoreError> {
        Ok(self.read(|db| db.event(work, tenant, id)).await)
    }

    async fn events(&self, query: &EventQuery, page: Page<u64>) -> Result<Listed<EventSummary, u64>, StoreError> {
        Ok(self.read(|db| db.list_events(query, page)).await)
    }

    async fn delivery(&self, work: Work, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
        Ok(self.read(|db| db.delivery(work, id)).await)
    }

    async fn deliveries(&self, query: &DeliveryQuery, page: Page) -> Result<Listed<Delivery>, StoreError> {
        Ok(self.read(|db| db.list_deliveries(query, page)).await)
    }

    async fn attempts(&self, work: Work, ids: &[DeliveryId]) -> Result<Vec<Vec<Attempt>>, StoreError> {
        let mut made: Vec<_> = self.read(|db| ids.iter().map(|id| db.list_attempts(work, *id)).collect()).await;
        match self.bug() {
            Some(Bug::AttemptsLeaveUnknownOut) => made.retain(|list: &Vec<Attempt>| !list.is_empty() || ids.len() == 1),
            Some(Bug::AttemptsInTheOrderOfIds) => {
                made.sort_by_key(|list| list.first().map(|first| first.outcome.status()));
            }
            _ => {}
        }
        Ok(made)
    }

    async fn counts(&self, work: Work, lane: Option<LaneId>) -> Result<Counts, StoreError> {
        Ok(self.read(|db| db.counts(work, lane)).await)
    }

    async fn backlog(&self, lanes: &[LaneId], limit: u32) -> Result<u32, StoreError> {
        Ok(self.read(|db| db.backlog(lanes, limit)).await)
    }

    async fn oldest_due(&self, lanes: &[LaneId]) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.read(|db| db.oldest_due(lanes)).await)
    }
}

#[async_trait]
impl Retention for Simple {
    async fn prune(&self, work: Work, cutoff: RetentionCutoff, limit: u32) -> Result<u64, StoreError> {
        Ok(self.change(|db| db.prune(work, cutoff, limit)).await)
    }

    async fn drop_payloads(
        &self,
        work: Work,
        after: FinishedCursor,
        before: Timestamp,
        limit: u32,
    ) -> Result<Option<FinishedCursor>, StoreError> {
        Ok(self.change(|db| db.drop_payloads(work, after, before, limit)).await)
    }
}

#[async_trait]
impl Control for Simple {
    async fn resend(&self, work: Work, mut deliveries: Vec<(DeliveryId, Timestamp)>) -> Result<Vec<bool>, StoreError> {
        if let Some((_, first)) = deliveries.first().copied().filter(|_| self.has(Bug::ResendSharesDue)) {
            deliveries.iter_mut().for_each(|(_, due)| *due = first);
        }
        let resend = |db: &mut Db, (id, due): &(DeliveryId, Timestamp)| {
            let can = db.can_resend(work, *id);
            if can {
                db.resend(*id, *due);
            }
            can || db.has(Bug::ResendAnswersTrue)
        };
        if !self.has(Bug::UnlockedResend) {
            return Ok(each(self, Bug::SplitResend, deliveries, resend).await);
        }
        let can = checked(self, &deliveries, |db, (id, _)| db.can_resend(work, *id)).await;
        let all = |db: &mut Db| {
            deliveries.iter().zip(&can).filter(|(_, can)| **can).for_each(|((id, due), _)| db.resend(*id, *due));
        };
        self.change(all).await;
        Ok(can)
    }

    async fn cancel(&self, work: Work, deliveries: Vec<DeliveryId>, now: Timestamp) -> Result<Vec<bool>, StoreError> {
        let cancel = |db: &mut Db, id: &DeliveryId| {
            let can = db.can_cancel(work, *id);
            if can {
                db.cancel(*id, now);
            }
            can
        };
        if !self.has(Bug::UnlockedCancel) {
            return Ok(self.change(|db| deliveries.iter().map(|id| cancel(db, id)).collect()).await);
        }
        let can = checked(self, &deliveries, |db, id| db.can_cancel(work, *id)).await;
        let all =
            |db: &mut Db| deliveries.iter().zip(&can).filter(|(_, can)| **can).for_each(|(id, _)| db.cancel(*id, now));
        self.change(all).await;
        Ok(can)
    }

    async fn add_deliveries(&self, batch: Vec<AddDelivery>) -> Result<Vec<bool>, StoreError> {
        let is_open = |db: &Db, id| db.deliveries.get(&id).is_some_and(|row| !row.state.is_final());
        if self.read(|db| batch.iter().any(|one| is_open(db, one.delivery))).await {
            return Err(invalid());
        }
        Ok(self.change(|db| batch.iter().map(|one| db.add(one)).collect()).await)
    }

    async fn expunge(&self, work: Work, tenant: &Tenant, event: &EventId, now: Timestamp) -> Result<bool, StoreError> {
        let found = self.read(|db| db.expunged(work, tenant, event)).await;
        let key = self.read(|db| db.ids.contains_key(&db.id_key(work, tenant, event))).await;
        let Some(seq) = found else { return Ok(key) };
        let was_expunged = self.read(|db| !db.events[&seq].has_payload).await;
        if self.has(Bug::SplitExpunge) {
            self.change(|db| db.expunge_payload(seq)).await;
            self.change(|db| db.expunge_deliveries(seq, now)).await;
        } else {
            let expunge = |db: &mut Db| {
                db.expunge_payload(seq);
                db.expunge_deliveries(seq, now);
            };
            self.change(expunge).await;
        }
        Ok(!(was_expunged && self.has(Bug::ExpungeTwiceIsFalse)))
    }

    async fn forget_received(&self, tenant: &Tenant, groups: &[DedupGroup]) -> Result<Vec<u64>, StoreError> {
        Ok(self.change(|db| groups.iter().map(|group| db.forget_received(tenant, group)).collect()).await)
    }
}

#[async_trait]
impl Staging for Simple {
    async fn staged(&self, limit: u32, longest: usize) -> Result<Vec<StagedRow>, StoreError> {
        let rows = self.read(|db| db.staged(limit, longest)).await;
        let fails = self.has(Bug::StagedFailsOnLongRows) && rows.iter().any(|row| row.event.is_err());
        if fails { Err(StoreError::new(StoreErrorKind::Corrupt)) } else { Ok(rows) }
    }

    async fn import(&self, batch: Vec<Import>) -> Result<Vec<ImportResult>, StoreError> {
        if self.has(Bug::UnlockedImport) {
            let found = checked(self, &batch, |db, one| db.is_staged(one.row)).await;
            let all = |db: &mut Db| {
                let one = |(one, found): (&Import, bool)| match (&one.verdict, found) {
                    (_, false) => ImportResult::Gone,
                    (Ok(append), true) => {
                        db.append(append);
                        db.delete_row(one.row);
                        ImportResult::Taken
                    }
                    _ => db.import(one),
                };
                batch.iter().zip(found).map(one).collect()
            };
            return Ok(self.change(all).await);
        }
        if self.has(Bug::SplitImport) {
            let deletes: Vec<_> = batch.iter().filter(|one| one.verdict.is_ok()).cloned().collect();
            let rows = self.read(|db| db.staged.clone()).await;
            let first = |db: &mut Db| {
                let imported: Vec<_> = batch.iter().map(|one| db.import(one)).collect();
                let refused = |row: &super::staging::Row| db.staged.iter().any(|kept| kept.number == row.number);
                let gone: Vec<_> = rows.iter().filter(|row| !refused(row)).cloned().collect();
                db.staged.extend(gone);
                imported
            };
            let imported = self.change(first).await;
            let delete = |db: &mut Db| deletes.iter().zip(&imported).for_each(|(one, _)| db.delete_row(one.row));
            self.change(delete).await;
            return Ok(imported);
        }
        let mut is_stopped = false;
        let all = |db: &mut Db| {
            let one = |one: &Import| {
                if is_stopped {
                    return ImportResult::Gone;
                }
                let imported = db.import(one);
                is_stopped = imported == ImportResult::Refused && self.has(Bug::ImportStopsAtRefused);
                imported
            };
            batch.iter().map(one).collect()
        };
        Ok(self.change(all).await)
    }
}

#[async_trait]
impl WorkerRegistry for Simple {
    async fn heartbeat(
        &self,
        group: &'static str,
        worker: WorkerId,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<u32, StoreError> {
        let stale = self.read(|db| db.workers.clone()).await;
        if self.has(Bug::UnlockedHeartbeat) {
            self.pause().await;
        }
        let beat = |db: &mut Db| {
            if self.has(Bug::UnlockedHeartbeat) {
                db.workers = stale;
            }
            let group = if self.has(Bug::HeartbeatFoldsGroups) { group.to_lowercase() } else { group.into() };
            let last = db.workers.get(&worker).map_or(until, |(_, last)| *last);
            let until = db.time(if self.has(Bug::HeartbeatKeepsTheLongest) { last.max(until) } else { until });
            db.workers.insert(worker, (group.clone(), until));
            let lives = |ends: Timestamp| {
                ends > now || self.has(Bug::HeartbeatNeverEnds) || self.has(Bug::HeartbeatEndsLate) && ends == now
            };
            let is_other = |id: &WorkerId| *id != worker || !self.has(Bug::HeartbeatLeavesCallerOut);
            let of_group = |of: &str| of == group || self.has(Bug::HeartbeatMixesGroups);
            let count =
                db.workers.iter().filter(|(id, (of, ends))| of_group(of) && lives(*ends) && is_other(id)).count();
            u32::try_from(count).unwrap() + u32::from(self.has(Bug::HeartbeatCountsTwice) && last != until)
        };
        Ok(self.change(beat).await)
    }

    async fn alive(&self, group: &'static str, now: Timestamp) -> Result<u32, StoreError> {
        let is_alive = |ends: Timestamp| ends > now || self.has(Bug::AliveCountsTheDead);
        let of_group = |of: &str| of == group || self.has(Bug::AliveMixesGroups);
        let count = |db: &Db| db.workers.values().filter(|(of, ends)| of_group(of) && is_alive(*ends)).count();
        Ok(u32::try_from(self.read(count).await).unwrap())
    }

    async fn leave(&self, worker: WorkerId) -> Result<(), StoreError> {
        let leave = |db: &mut Db| match self.bug() {
            Some(Bug::LeaveDoesNothing) => {}
            Some(Bug::LeaveTakesAll) => db.workers.clear(),
            _ => drop(db.workers.remove(&worker)),
        };
        self.change(leave).await;
        Ok(())
    }
}

#[async_trait]
impl Dedup for Simple {
    async fn begin(
        &self,
        entries: &[DedupEntry],
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<BeginResult>, StoreError> {
        if self.has(Bug::UnlockedBegin) || self.has(Bug::RepeatInBatchIsFresh) {
            let found = self.read(|db| entries.iter().map(|entry| db.look(entry, now)).collect::<Vec<_>>()).await;
            self.pause().await;
            let locks = self.has(Bug::RepeatInBatchIsFresh) && entries.len() == 1;
            let begin = |db: &mut Db| {
                let one = |(entry, found): (&DedupEntry, Option<BeginResult>)| {
                    let again = if self.has(Bug::UnlockedBegin) && entries.len() > 1 || locks {
                        db.look(entry, now)
                    } else {
                        None
                    };
                    found.or(again).unwrap_or_else(|| db.begin_fresh(entry, until))
                };
                entries.iter().zip(found).map(one).collect()
            };
            return Ok(self.change(begin).await);
        }
        let mut begun =
            self.change(|db| entries.iter().map(|entry| db.begin(entry, now, until)).collect::<Vec<_>>()).await;
        if self.has(Bug::BeginAnswersReversed) {
            begun.reverse();
        }
        Ok(begun)
    }

    async fn finish(
        &self,
        leases: &[DedupLease],
        response: &FirstResponse,
        expires: Timestamp,
    ) -> Result<Vec<Settled>, StoreError> {
        if self.has(Bug::UnlockedFinish) {
            let valid = checked(self, leases, |db, lease| db.is_begun(lease, true)).await;
            let finish = |db: &mut Db| {
                let one = |(lease, valid): (&DedupLease, bool)| {
                    let finished = db.finish_record(lease, response, expires);
                    if valid && leases.len() == 1 { Settled::Done } else { finished }
                };
                leases.iter().zip(valid).map(one).collect()
            };
            return Ok(self.change(finish).await);
        }
        Ok(self.change(|db| leases.iter().map(|lease| db.finish_record(lease, response, expires)).collect()).await)
    }

    async fn abandon(&self, leases: &[DedupLease]) -> Result<Vec<Settled>, StoreError> {
        Ok(self.change(|db| leases.iter().map(|lease| db.abandon_record(lease)).collect()).await)
    }

    async fn forget(&self, groups: &[DedupGroup]) -> Result<Vec<u64>, StoreError> {
        Ok(self.change(|db| groups.iter().map(|group| db.forget_group(*group)).collect()).await)
    }

    async fn prune(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        Ok(self.change(|db| db.prune_records(now, limit)).await)
    }
}
