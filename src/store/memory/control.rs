//! Changing by hand what is owed, in memory; and a database of which nobody else knows.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::MemoryStore;
use super::order::NEVER;
use super::tables::{EventKey, Row, Tables, beyond, in_order, key_of};
use crate::clock::Timestamp;
use crate::delivery::DeliveryState;
use crate::event::Event;
use crate::id::{DeliveryId, EventId, LaneId, Tenant, Work};
use crate::store::{
    Admit, Admitted, Control, DedupGroup, EventQuery, EventSummary, Intake, Owe, Page, Staged, StoreError, Wakes,
};

#[async_trait]
impl Control for MemoryStore {
    async fn resend(&self, work: Work, deliveries: Vec<(DeliveryId, Timestamp)>) -> Result<Vec<bool>, StoreError> {
        let mut tables = self.tables();
        Ok(deliveries.into_iter().map(|(id, due)| tables.is_of(work, id) && tables.resend(id, due)).collect())
    }

    async fn cancel(&self, work: Work, deliveries: Vec<DeliveryId>, now: Timestamp) -> Result<Vec<bool>, StoreError> {
        let mut tables = self.tables();
        Ok(deliveries.into_iter().map(|id| tables.is_of(work, id) && tables.cancel(id, now)).collect())
    }

    async fn owe(&self, batch: Vec<Owe>) -> Result<Vec<bool>, StoreError> {
        let mut tables = self.tables();
        Ok(batch.iter().map(|one| tables.owe(one)).collect())
    }

    async fn events(&self, query: &EventQuery, page: Page<u64>) -> Result<Vec<EventSummary>, StoreError> {
        Ok(self.tables().events(query, page))
    }

    async fn expunge(&self, work: Work, tenant: &Tenant, event: &EventId, now: Timestamp) -> Result<bool, StoreError> {
        Ok(self.tables().expunge(&(work, tenant.clone(), event.clone()), now))
    }

    async fn waiting(&self, lanes: &[LaneId], most: u32) -> Result<u32, StoreError> {
        let tables = self.tables();
        let waiting = lanes.iter().filter_map(|lane| tables.lanes.get(lane)).map(BTreeSet::len).sum::<usize>();
        Ok(u32::try_from(waiting).unwrap_or(u32::MAX).min(most))
    }

    async fn forget_received(&self, tenant: &Tenant, groups: &[DedupGroup]) -> Result<Vec<u64>, StoreError> {
        let mut tables = self.tables();
        Ok(groups.iter().map(|group| tables.forget_received(tenant, group)).collect())
    }
}

#[async_trait]
impl Intake for MemoryStore {
    async fn staged(&self, _limit: u32, _longest: usize) -> Result<Vec<Staged>, StoreError> {
        Ok(Vec::new())
    }

    async fn admit(&self, batch: Vec<Admit>) -> Result<Vec<Admitted>, StoreError> {
        Ok(batch.iter().map(|_| Admitted::Gone).collect())
    }

    fn wakes(&self) -> Wakes {
        Wakes::never()
    }
}

impl Tables {
    fn is_of(&self, work: Work, id: DeliveryId) -> bool {
        self.deliveries.get(&id).is_some_and(|row| row.lane.work() == work)
    }

    fn resend(&mut self, id: DeliveryId, due: Timestamp) -> bool {
        let Some(row) = self.deliveries.get_mut(&id).filter(|row| row.state != DeliveryState::Pending) else {
            return false;
        };
        let key = key_of(&row.event);
        if self.events.get(&key).is_none_or(|kept| kept.expunged) {
            return false;
        }
        let (before, finished_at) = (row.state, row.finished_at.take());
        (row.state, row.attempts, row.faults, row.reason, row.due) = (DeliveryState::Pending, 0, 0, None, NEVER);
        row.fence += 1;
        let (lane, order, seq) = (row.lane, row.event.order.clone(), row.seq);
        let tally = self.tally.of_mut(lane.work());
        tally.take(before);
        tally.add(DeliveryState::Pending, 1);
        self.finished.of_mut(lane.work()).remove(&(finished_at.unwrap_or(NEVER), id));
        self.lanes.entry(lane).or_default().insert((NEVER, id));
        let free = order.is_none_or(|order| {
            self.keys.entry((lane, order.clone())).or_default().insert((seq, id));
            !self.is_blocked(lane, &order)
        });
        if free {
            self.reschedule(id, due);
        }
        true
    }

    fn cancel(&mut self, id: DeliveryId, now: Timestamp) -> bool {
        let Some(row) = self.deliveries.get(&id).filter(|row| !row.state.is_final()) else { return false };
        let (lane, order, was_waiting) = (row.lane, row.event.order.clone(), row.due == NEVER);
        self.finish(id, DeliveryState::Cancelled, None, now);
        if let Some(order) = order.filter(|_| !was_waiting) {
            self.follow(lane, &order, now);
        }
        true
    }

    fn owe(&mut self, owe: &Owe) -> bool {
        let key = (owe.lane.work(), owe.tenant.clone(), owe.event.clone());
        let Some(kept) = self.events.get_mut(&key).filter(|kept| !kept.expunged) else { return false };
        kept.deliveries = kept.deliveries.saturating_add(1);
        let (event, seq, appended_at) = (kept.event.clone(), kept.seq, kept.appended_at);
        self.childless.of_mut(key.0).remove(&(appended_at, key));
        let due = match &event.order {
            Some(order) => self.enter(owe.lane, &order.clone(), owe.due, owe.now),
            None => owe.due,
        };
        self.insert(owe.delivery, Row::pending(event, seq, owe.lane, due, owe.now));
        true
    }

    fn events(&self, query: &EventQuery, page: Page<u64>) -> Vec<EventSummary> {
        let owed: HashSet<u64> = match query.missing_at {
            Some(endpoint) => {
                self.deliveries.values().filter(|row| row.lane == endpoint.into()).map(|row| row.seq).collect()
            }
            None => HashSet::new(),
        };
        let in_time = |at: Timestamp| query.from <= at && at < query.to;
        let summary = |(seq, key): (&u64, &EventKey)| {
            let kept = self.events.get(key).filter(|kept| !kept.expunged && key.1 == query.tenant)?;
            let (id, event_type, audience) =
                (kept.event.id.clone(), kept.event.event_type.clone(), kept.event.audience);
            let summary = EventSummary { cursor: *seq, id, event_type, audience, appended_at: kept.appended_at };
            let wanted = query.is_for(audience) && in_time(kept.appended_at) && !owed.contains(seq);
            wanted.then_some(summary)
        };
        in_order(page, self.log.range(beyond(page))).filter_map(summary).take(page.limit as usize).collect()
    }

    /// Goes through all events: it is done by hand, once in a while.
    fn forget_received(&mut self, tenant: &Tenant, group: &DedupGroup) -> u64 {
        let head = format!("evt_{}_", hex::encode(group.as_bytes()));
        let is_of_group = |(work, owner, id): &EventKey| {
            *work == Work::Received && owner == tenant && id.as_str().starts_with(&head) && !id.as_str().contains('-')
        };
        let taken: Vec<_> =
            self.events.keys().chain(self.spent.keys()).filter(|key| is_of_group(key)).cloned().collect();
        for key in &taken {
            self.replays.retain(|_, of| of != key);
            self.free(key);
        }
        taken.len() as u64
    }

    /// The event goes on under an id that nobody else has.
    fn free(&mut self, key: &EventKey) {
        if self.spent.remove(key).is_some() {
            self.spent_at.of_mut(key.0).retain(|(_, spent)| spent != key);
        }
        let Some(mut kept) = self.events.remove(key) else { return };
        let Ok(id) = EventId::new(format!("{}-{}", key.2, kept.seq)) else { return };
        let renamed = (key.0, key.1.clone(), id.clone());
        kept.event = Arc::new(Event { id, ..Event::clone(&kept.event) });
        self.log.insert(kept.seq, renamed.clone());
        if self.childless.of_mut(key.0).remove(&(kept.appended_at, key.clone())) {
            self.childless.of_mut(key.0).insert((kept.appended_at, renamed.clone()));
        }
        for row in self.deliveries.values_mut().filter(|row| row.seq == kept.seq) {
            row.event = kept.event.clone();
        }
        self.events.insert(renamed, kept);
    }

    fn expunge(&mut self, key: &EventKey, now: Timestamp) -> bool {
        let Some(ids) = self.forget_payload(key) else { return false };
        for id in ids {
            self.cancel(id, now);
        }
        true
    }

    /// Answers the event's deliveries; `None` for an unknown event.
    pub(super) fn forget_payload(&mut self, key: &EventKey) -> Option<Vec<DeliveryId>> {
        let kept = self.events.get_mut(key)?;
        let empty = Arc::new(Event { payload: Bytes::new(), ..Event::clone(&kept.event) });
        (kept.event, kept.expunged) = (empty.clone(), true);
        let seq = kept.seq;
        let mut ids = Vec::new();
        for (id, row) in self.deliveries.iter_mut().filter(|(_, row)| row.seq == seq) {
            row.event = empty.clone();
            ids.push(*id);
        }
        Some(ids)
    }
}
