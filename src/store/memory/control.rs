//! Changing by hand what is owed, in memory; and a database of which nobody else knows.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::MemoryStore;
use super::order::NEVER;
use super::tables::{Row, Tables, beyond, in_order};
use crate::clock::Timestamp;
use crate::delivery::DeliveryState;
use crate::event::Event;
use crate::id::{DeliveryId, EventId, Tenant};
use crate::store::{Admit, Admitted, Control, EventQuery, EventSummary, Intake, Owe, Page, Staged, StoreError, Wakes};

#[async_trait]
impl Control for MemoryStore {
    async fn resend(&self, deliveries: Vec<(DeliveryId, Timestamp)>) -> Result<Vec<bool>, StoreError> {
        let mut tables = self.tables();
        Ok(deliveries.into_iter().map(|(id, due)| tables.resend(id, due)).collect())
    }

    async fn cancel(&self, deliveries: Vec<DeliveryId>, now: Timestamp) -> Result<Vec<bool>, StoreError> {
        let mut tables = self.tables();
        Ok(deliveries.into_iter().map(|id| tables.cancel(id, now)).collect())
    }

    async fn owe(&self, batch: Vec<Owe>) -> Result<Vec<bool>, StoreError> {
        let mut tables = self.tables();
        Ok(batch.iter().map(|one| tables.owe(one)).collect())
    }

    async fn events(&self, query: &EventQuery, page: Page<u64>) -> Result<Vec<EventSummary>, StoreError> {
        Ok(self.tables().events(query, page))
    }

    async fn expunge(&self, tenant: &Tenant, event: &EventId, now: Timestamp) -> Result<bool, StoreError> {
        Ok(self.tables().expunge(tenant, event, now))
    }
}

#[async_trait]
impl Intake for MemoryStore {
    async fn staged(&self, _limit: u32) -> Result<Vec<Staged>, StoreError> {
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
    fn resend(&mut self, id: DeliveryId, due: Timestamp) -> bool {
        let Some(row) = self.deliveries.get_mut(&id).filter(|row| row.state != DeliveryState::Pending) else {
            return false;
        };
        let key = (row.event.tenant.clone(), row.event.id.clone());
        if self.events.get(&key).is_none_or(|kept| kept.expunged) {
            return false;
        }
        let (before, finished_at) = (row.state, row.finished_at.take());
        (row.state, row.attempts, row.faults, row.reason, row.due) = (DeliveryState::Pending, 0, 0, None, NEVER);
        row.fence += 1;
        let (endpoint, order, seq) = (row.endpoint, row.event.order.clone(), row.seq);
        self.tally.take(before);
        self.tally.add(DeliveryState::Pending, 1);
        self.finished.remove(&(finished_at.unwrap_or(NEVER), id));
        self.lanes.entry(endpoint).or_default().insert((NEVER, id));
        let free = order.is_none_or(|order| {
            self.keys.entry((endpoint, order.clone())).or_default().insert((seq, id));
            !self.is_blocked(endpoint, &order)
        });
        if free {
            self.reschedule(id, due);
        }
        true
    }

    fn cancel(&mut self, id: DeliveryId, now: Timestamp) -> bool {
        let Some(row) = self.deliveries.get(&id).filter(|row| !row.state.is_final()) else { return false };
        let (endpoint, order, was_waiting) = (row.endpoint, row.event.order.clone(), row.due == NEVER);
        self.finish(id, DeliveryState::Cancelled, None, now);
        if let Some(order) = order.filter(|_| !was_waiting) {
            self.follow(endpoint, &order, now);
        }
        true
    }

    fn owe(&mut self, owe: &Owe) -> bool {
        let key = (owe.tenant.clone(), owe.event.clone());
        let Some(kept) = self.events.get_mut(&key).filter(|kept| !kept.expunged) else { return false };
        kept.deliveries = kept.deliveries.saturating_add(1);
        let (event, seq, appended_at) = (kept.event.clone(), kept.seq, kept.appended_at);
        self.childless.remove(&(appended_at, key.0, key.1));
        let due = match &event.order {
            Some(order) => self.enter(owe.endpoint, &order.clone(), owe.due, owe.now),
            None => owe.due,
        };
        self.insert(owe.delivery, Row::pending(event, seq, owe.endpoint, due, owe.now));
        true
    }

    fn events(&self, query: &EventQuery, page: Page<u64>) -> Vec<EventSummary> {
        let owed: HashSet<u64> = match query.missing_at {
            Some(endpoint) => {
                self.deliveries.values().filter(|row| row.endpoint == endpoint).map(|row| row.seq).collect()
            }
            None => HashSet::new(),
        };
        let in_time = |at: Timestamp| query.from <= at && at < query.to;
        let summary = |(seq, key): (&u64, &(Tenant, EventId))| {
            let kept = self.events.get(key).filter(|kept| !kept.expunged && key.0 == query.tenant)?;
            let (id, event_type) = (kept.event.id.clone(), kept.event.event_type.clone());
            let summary = EventSummary { cursor: *seq, id, event_type, appended_at: kept.appended_at };
            (in_time(kept.appended_at) && !owed.contains(seq)).then_some(summary)
        };
        in_order(page, self.log.range(beyond(page))).filter_map(summary).take(page.limit as usize).collect()
    }

    fn expunge(&mut self, tenant: &Tenant, event: &EventId, now: Timestamp) -> bool {
        let Some(ids) = self.forget_payload(&(tenant.clone(), event.clone())) else { return false };
        for id in ids {
            self.cancel(id, now);
        }
        true
    }

    /// Answers the event's deliveries; `None` for an unknown event.
    pub(super) fn forget_payload(&mut self, key: &(Tenant, EventId)) -> Option<Vec<DeliveryId>> {
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
