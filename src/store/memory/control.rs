//! Changes on behalf of an operator, in memory.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::MemoryStore;
use super::tables::{EventKey, Row, Tables, key_of};
use crate::clock::Timestamp;
use crate::delivery::DeliveryState;
use crate::event::Event;
use crate::id::{DeliveryId, EventId, Tenant, Work};
use crate::store::{AddDelivery, Control, DedupGroup, StoreError, StoreErrorKind};

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

    async fn add_deliveries(&self, batch: Vec<AddDelivery>) -> Result<Vec<bool>, StoreError> {
        let mut tables = self.tables();
        if tables.takes_an_id_twice(batch.iter().map(|one| one.delivery)) {
            return Err(StoreError::new(StoreErrorKind::Invalid));
        }
        Ok(batch.iter().map(|one| tables.add_delivery(one)).collect())
    }

    async fn expunge(&self, work: Work, tenant: &Tenant, event: &EventId, now: Timestamp) -> Result<bool, StoreError> {
        Ok(self.tables().expunge(&(work, tenant.clone(), event.clone()), now))
    }

    async fn forget_received(&self, tenant: &Tenant, groups: &[DedupGroup]) -> Result<Vec<u64>, StoreError> {
        let mut tables = self.tables();
        Ok(groups.iter().map(|group| tables.forget_received(tenant, group)).collect())
    }
}

impl Tables {
    fn is_of(&self, work: Work, id: DeliveryId) -> bool {
        self.deliveries.get(&id).is_some_and(|row| row.lane.work() == work)
    }

    fn resend(&mut self, id: DeliveryId, due: Timestamp) -> bool {
        let is_ended = |row: &&Row| row.state != DeliveryState::Pending && !self.is_removed(row.lane);
        let Some(row) = self.deliveries.get(&id).filter(is_ended) else { return false };
        let key = key_of(&row.event);
        if self.events.get(&key).is_none_or(|kept| kept.expunged) {
            return false;
        }
        let Some(row) = self.deliveries.get_mut(&id) else { return false };
        let (before, finished_at) = (row.state, row.finished_at.take());
        (row.state, row.attempts, row.faults, row.reason, row.due) = (DeliveryState::Pending, 0, 0, None, due);
        row.fence += 1;
        let (lane, order, seq) = (row.lane, row.event.order.clone(), row.seq);
        self.tally.change(lane, before, DeliveryState::Pending);
        self.finished.of_mut(lane.work()).remove(&(finished_at.unwrap_or_default(), id));
        self.lanes.entry(lane).or_default().insert((due, id));
        if let Some(order) = order {
            self.keys.entry((lane, order.clone())).or_default().insert(seq, id);
            self.arrange(lane, &order, due);
        }
        true
    }

    fn cancel(&mut self, id: DeliveryId, now: Timestamp) -> bool {
        let Some(row) = self.deliveries.get(&id).filter(|row| !row.state.is_final()) else { return false };
        let (lane, order) = (row.lane, row.event.order.clone());
        self.finish(id, DeliveryState::Cancelled, None, now);
        if let Some(order) = order {
            self.arrange(lane, &order, now);
        }
        true
    }

    fn add_delivery(&mut self, new: &AddDelivery) -> bool {
        if self.is_removed(new.lane) {
            return false;
        }
        let key = (new.lane.work(), new.tenant.clone(), new.event.clone());
        let Some(kept) = self.events.get_mut(&key).filter(|kept| !kept.expunged) else { return false };
        kept.lanes.push(new.lane);
        let (event, seq, appended_at) = (kept.event.clone(), kept.seq, kept.appended_at);
        self.childless.of_mut(key.0).remove(&(appended_at, key));
        let order = event.order.clone();
        self.insert(new.delivery, Row::pending(event, seq, new.lane, new.due, new.now));
        if let Some(order) = order {
            self.arrange(new.lane, &order, new.now);
        }
        true
    }

    /// Scans all events: an operator calls this rarely.
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

    /// The event is kept under an id that no other event has.
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
        let Some(ids) = self.forget_payload(key) else { return self.spent.contains_key(key) };
        for id in ids {
            self.cancel(id, now);
        }
        true
    }

    /// Returns the event's deliveries; `None` for an unknown event.
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
