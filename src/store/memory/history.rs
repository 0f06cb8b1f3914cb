//! History in memory.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;

use super::MemoryStore;
use super::tables::{EventKey, Row, Tables, beyond, in_order, listed};
use crate::clock::Timestamp;
use crate::delivery::{Attempt, Delivery, DeliveryState};
use crate::event::Event;
use crate::id::{DeliveryId, EventId, LaneId, Tenant, Work};
use crate::store::{Counts, DeliveryQuery, EventQuery, EventSummary, History, Listed, Page, StoreError};

#[async_trait]
impl History for MemoryStore {
    async fn event(&self, work: Work, tenant: &Tenant, id: &EventId) -> Result<Option<Arc<Event>>, StoreError> {
        let tables = self.tables();
        Ok(tables.events.get(&(work, tenant.clone(), id.clone())).map(|row| row.event.clone()))
    }

    async fn events(&self, query: &EventQuery, page: Page<u64>) -> Result<Listed<EventSummary, u64>, StoreError> {
        Ok(self.tables().events(query, page))
    }

    async fn delivery(&self, work: Work, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
        let tables = self.tables();
        Ok(tables.row(work, id).map(|row| tables.show(id, row)))
    }

    async fn deliveries(&self, query: &DeliveryQuery, page: Page) -> Result<Listed<Delivery>, StoreError> {
        let tables = self.tables();
        let rows = in_order(page, tables.deliveries.range(beyond(page)).map(|(id, row)| (*id, row)));
        Ok(listed(page, rows, |id, row| tables.fits(query, row).then(|| tables.show(id, row))))
    }

    async fn attempts(&self, work: Work, ids: &[DeliveryId]) -> Result<Vec<Vec<Attempt>>, StoreError> {
        let tables = self.tables();
        Ok(ids.iter().map(|id| tables.row(work, *id).map(|row| row.log.clone()).unwrap_or_default()).collect())
    }

    async fn counts(&self, work: Work, lane: Option<LaneId>) -> Result<Counts, StoreError> {
        Ok(self.tables().count(work, lane))
    }

    async fn backlog(&self, lanes: &[LaneId], most: u32) -> Result<u32, StoreError> {
        let tables = self.tables();
        let waiting = lanes.iter().filter_map(|lane| tables.lanes.get(lane)).map(BTreeSet::len).sum::<usize>();
        Ok(u32::try_from(waiting).unwrap_or(u32::MAX).min(most))
    }

    async fn oldest_due(&self, lanes: &[LaneId]) -> Result<Option<Timestamp>, StoreError> {
        let tables = self.tables();
        let first = |lane| tables.lanes.get(lane).and_then(BTreeSet::first);
        Ok(lanes.iter().filter_map(first).map(|(due, ..)| *due).min())
    }
}

impl Tables {
    fn row(&self, work: Work, id: DeliveryId) -> Option<&Row> {
        self.deliveries.get(&id).filter(|row| row.lane.work() == work)
    }

    /// The counts of one lane or of all, in the states that are shown.
    fn count(&self, work: Work, lane: Option<LaneId>) -> Counts {
        let mut all = Counts::default();
        for (lane, counts) in self.tally.lanes(work, lane) {
            all.add(self.shown_pending(lane), counts.pending);
            for state in
                [DeliveryState::Delivered, DeliveryState::Failed, DeliveryState::Held, DeliveryState::Cancelled]
            {
                all.add(state, counts.get(state));
            }
        }
        all.capped()
    }

    fn events(&self, query: &EventQuery, page: Page<u64>) -> Listed<EventSummary, u64> {
        let in_time = |at: Timestamp| query.from <= at && at < query.to;
        let summary = |seq: u64, key: &EventKey| {
            let kept = self.events.get(key).filter(|kept| !kept.expunged && key.1 == query.tenant)?;
            let (id, event_type, audience) =
                (kept.event.id.clone(), kept.event.event_type.clone(), kept.event.audience);
            let summary = EventSummary { cursor: seq, id, event_type, audience, appended_at: kept.appended_at };
            let is_missing = query.missing_at.is_none_or(|endpoint| !kept.lanes.contains(&endpoint.into()));
            let wanted = query.is_for(audience) && in_time(kept.appended_at) && is_missing;
            wanted.then_some(summary)
        };
        listed(page, in_order(page, self.log.range(beyond(page)).map(|(seq, key)| (*seq, key))), summary)
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
            && fits_last_attempt(query, row.log.last())
            && query.label.as_ref().is_none_or(|(name, value)| self.label(row.lane, name) == Some(value))
    }

    /// The value of a label of the lane's endpoint.
    fn label(&self, lane: LaneId, name: &str) -> Option<&str> {
        self.endpoints.get(&lane.endpoint()?)?.as_ref()?.labels.get(name)
    }
}

fn fits_last_attempt(query: &DeliveryQuery, last: Option<&Attempt>) -> bool {
    let is = |fits: &dyn Fn(&Attempt) -> bool| last.is_some_and(fits);
    query.outcome.is_none_or(|outcome| is(&|last| outcome.matches(last.outcome)))
        && query.attempted_from.is_none_or(|from| is(&|last| from <= last.at))
        && query.attempted_to.is_none_or(|to| is(&|last| last.at < to))
}
