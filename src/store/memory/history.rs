//! History in memory.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use async_trait::async_trait;

use super::MemoryStore;
use super::tables::{EventKey, Row, Tables, beyond, in_order};
use crate::clock::Timestamp;
use crate::delivery::{Attempt, Delivery, DeliveryState};
use crate::event::Event;
use crate::id::{DeliveryId, EventId, LaneId, Tenant, Work};
use crate::store::{Counts, DeliveryQuery, EventQuery, EventSummary, History, Page, StoreError};

#[async_trait]
impl History for MemoryStore {
    async fn event(&self, work: Work, tenant: &Tenant, id: &EventId) -> Result<Option<Arc<Event>>, StoreError> {
        let tables = self.tables();
        Ok(tables.events.get(&(work, tenant.clone(), id.clone())).map(|row| row.event.clone()))
    }

    async fn events(&self, query: &EventQuery, page: Page<u64>) -> Result<Vec<EventSummary>, StoreError> {
        Ok(self.tables().events(query, page))
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

    async fn attempts(&self, work: Work, ids: &[DeliveryId]) -> Result<Vec<Vec<Attempt>>, StoreError> {
        let tables = self.tables();
        Ok(ids.iter().map(|id| tables.row(work, *id).map(|row| row.log.clone()).unwrap_or_default()).collect())
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

    /// Reads the running count. Pending deliveries of disabled and removed endpoints are counted as held and cancelled.
    fn count_all(&self, work: Work) -> Counts {
        let tally = *self.tally.of(work);
        if work == Work::Received {
            return tally;
        }
        let mut counts = tally;
        for (id, kept) in self.endpoints.iter().filter(|(_, kept)| kept.as_ref().is_none_or(|it| !it.is_enabled())) {
            let pending = self.lanes.get(&LaneId::Endpoint(*id)).map_or(0, BTreeSet::len) as u64;
            counts.pending = counts.pending.saturating_sub(pending);
            let shown = if kept.is_some() { &mut counts.held } else { &mut counts.cancelled };
            *shown += pending;
        }
        counts
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
}
