//! One page of a replay or a bulk job.

use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::plan::{Action, Part, Plan, Progress, Selection};
use crate::clock::Timestamp;
use crate::delivery::{Delivery, DeliveryState};
use crate::endpoint::{Endpoint, Verdict};
use crate::event::{Audience, Event};
use crate::id::{DeliveryId, EventId, LaneId, Work};
use crate::sender::error::EndpointError;
use crate::store::{AddDelivery, Append, DeliveryQuery, EventQuery, EventSummary, Listed, Page, Store, StoreError};

/// The number of events or deliveries that one step looks at.
const PAGE: u32 = 256;

/// What a step did.
#[derive(Debug, Default)]
pub(in crate::sender) struct Stepped {
    /// The lanes that have new work.
    pub(in crate::sender) lanes: Vec<LaneId>,
}

/// A page that an earlier process may have begun.
#[derive(Clone, Copy, Debug)]
pub(in crate::sender) struct Repeated {
    /// The number of the job.
    pub(in crate::sender) job: u64,
    /// When the earlier process began the page. `None` if no other process did.
    pub(in crate::sender) since: Option<Timestamp>,
}

/// Goes through a plan, page by page.
#[derive(Clone, Copy, Debug)]
pub(in crate::sender) struct Stepper<'a> {
    pub(in crate::sender) store: &'a dyn Store,
    pub(in crate::sender) plan: &'a Plan,
    /// The endpoint of a replay.
    pub(in crate::sender) endpoint: Option<&'a Endpoint>,
    pub(in crate::sender) now: Timestamp,
    /// Only counts.
    pub(in crate::sender) dry: bool,
    /// The page belongs to a job.
    pub(in crate::sender) repeated: Option<Repeated>,
}

impl Stepper<'_> {
    /// Handles the next page, with at most `most` changes, and moves behind it.
    pub(in crate::sender) async fn step(&self, progress: &mut Progress, most: u64) -> Result<Stepped, EndpointError> {
        let Some(part) = progress.part else { return Ok(Stepped::default()) };
        let most = self.plan.left(progress).min(most).min(PAGE.into());
        let limit = u32::try_from(most).unwrap_or(PAGE);
        if limit == 0 {
            return Ok(Stepped::default());
        }
        match part {
            Part::Events => self.send_events(progress, limit).await,
            Part::Matching | Part::Failed | Part::Cancelled => self.change_deliveries(progress, part, limit).await,
        }
    }

    /// The due times of the next deliveries.
    fn due(&self, progress: &Progress) -> impl Iterator<Item = Timestamp> + use<> {
        let step = self.plan.rate.map_or(Duration::ZERO, |rate| rate.per / rate.count.get());
        let first = progress.next_due.map_or(self.now, |at| at.max(self.now));
        std::iter::successors(Some(first), move |due| Some(*due + step))
    }

    /// Counts changes, and plans the deliveries after them.
    fn count(&self, progress: &mut Progress, changed: usize) {
        progress.changed += changed as u64;
        if self.plan.rate.is_some() {
            progress.next_due = self.due(progress).nth(changed);
        }
    }

    async fn change_deliveries(
        &self,
        progress: &mut Progress,
        part: Part,
        limit: u32,
    ) -> Result<Stepped, EndpointError> {
        let page = Page::of(limit).after(cursor(progress));
        let Listed { items, next } = self.store.deliveries(&self.plan.query(part), page).await?;
        let mut wanted = Vec::with_capacity(items.len());
        for delivery in items.iter().filter(|delivery| self.plan.concerns(delivery)) {
            if !self.is_not_arrived_only() || !self.has_arrived(delivery).await? {
                wanted.push(delivery);
            }
        }
        let changed = self.change(progress, &wanted).await?;
        let mut lanes: Vec<_> =
            wanted.iter().zip(&changed).filter(|(_, changed)| **changed).map(|(one, _)| one.lane).collect();
        let count = lanes.len();
        lanes.sort_unstable();
        lanes.dedup();
        progress.examined += items.len() as u64;
        self.count(progress, count);
        self.plan.advance(progress, part, next.map(|id| id.to_string()));
        Ok(Stepped { lanes })
    }

    async fn change(&self, progress: &Progress, wanted: &[&Delivery]) -> Result<Vec<bool>, StoreError> {
        let ids = wanted.iter().map(|delivery| delivery.id);
        match self.plan.action {
            _ if self.dry => Ok(vec![true; wanted.len()]),
            Action::Cancel => self.store.cancel(Work::Sent, ids.collect(), self.now).await,
            _ => self.store.resend(Work::Sent, ids.zip(self.due(progress)).collect()).await,
        }
    }

    const fn is_not_arrived_only(&self) -> bool {
        matches!(self.plan.action, Action::Replay { selection: Selection::NotArrived, .. })
    }

    /// Whether another delivery of the event has reached the endpoint or may still reach it.
    async fn has_arrived(&self, failed: &Delivery) -> Result<bool, StoreError> {
        let may_arrive = |other: &Delivery| !matches!(other.state, DeliveryState::Failed | DeliveryState::Cancelled);
        let mut query = DeliveryQuery::of(Work::Sent);
        (query.lane, query.event) = (Some(failed.lane), Some(failed.event.clone()));
        query.tenant = Some(failed.tenant.clone());
        self.exists(&query, may_arrive).await
    }

    /// Whether a delivery of this list meets a condition.
    async fn exists(
        &self,
        query: &DeliveryQuery,
        condition: impl Fn(&Delivery) -> bool + Send,
    ) -> Result<bool, StoreError> {
        let mut page = Page::of(PAGE);
        loop {
            let found = self.store.deliveries(query, page).await?;
            if found.items.iter().any(&condition) {
                return Ok(true);
            }
            let Some(next) = found.next else { return Ok(false) };
            page = page.after(next);
        }
    }

    /// Makes deliveries for stored events.
    async fn send_events(&self, progress: &mut Progress, limit: u32) -> Result<Stepped, EndpointError> {
        let endpoint = self.endpoint.ok_or(EndpointError::NotFound)?;
        let Listed { items, next } =
            self.store.events(&self.events_of(endpoint), Page::of(limit).after(cursor(progress))).await?;
        let wanted: Vec<_> = items.iter().filter(|event| self.is_for(endpoint, event)).collect();
        let count = if self.dry { wanted.len() } else { self.create_deliveries(endpoint, &wanted, progress).await? };
        progress.examined += items.len() as u64;
        self.count(progress, count);
        self.plan.advance(progress, Part::Events, next.map(|seq| seq.to_string()));
        let lanes = if count > 0 { vec![endpoint.id.into()] } else { Vec::new() };
        Ok(Stepped { lanes })
    }

    fn events_of(&self, endpoint: &Endpoint) -> EventQuery {
        let (first, last) = (Timestamp::from_micros(i64::MIN), Timestamp::MAX);
        let (from, to) = (self.plan.filter.from.unwrap_or(first), self.plan.filter.to.unwrap_or(last));
        let query = EventQuery::of(endpoint.tenant.clone()).audience(Audience::Subscribers).between(from, to);
        match self.plan.action {
            Action::Replay { selection: Selection::All, .. } => query,
            _ => query.missing_at(endpoint.id),
        }
    }

    fn is_for(&self, endpoint: &Endpoint, event: &EventSummary) -> bool {
        let verdict = endpoint.verdict(&endpoint.tenant, &event.event_type);
        self.plan.has_type(&event.event_type) && matches!(verdict, Verdict::Receives | Verdict::Holds)
    }

    async fn create_deliveries(
        &self,
        endpoint: &Endpoint,
        events: &[&EventSummary],
        progress: &Progress,
    ) -> Result<usize, EndpointError> {
        let mut ids = Vec::with_capacity(events.len());
        for id in self.ids(endpoint, events).await? {
            if !self.was_made(endpoint, &id).await? {
                ids.push(id);
            }
        }
        let (now, lane) = (self.now, endpoint.id.into());
        let add = |(event, due)| {
            let (tenant, delivery) = (endpoint.tenant.clone(), DeliveryId::generate(now));
            AddDelivery { tenant, event, delivery, lane, due, now }
        };
        let added = self.store.add_deliveries(ids.into_iter().zip(self.due(progress)).map(add).collect()).await?;
        Ok(added.into_iter().filter(|added| *added).count())
    }

    /// Whether an earlier process has made the delivery of this event in the page that is repeated.
    async fn was_made(&self, endpoint: &Endpoint, event: &EventId) -> Result<bool, StoreError> {
        let Some(since) = self.repeated.and_then(|repeated| repeated.since) else { return Ok(false) };
        let mut query = DeliveryQuery::of(Work::Sent);
        (query.lane, query.event) = (Some(endpoint.id.into()), Some(event.clone()));
        (query.tenant, query.from) = (Some(endpoint.tenant.clone()), Some(since));
        self.exists(&query, |_| true).await
    }

    /// The ids of the events, or the ids of copies under new ids. The copies are stored in one transaction.
    async fn ids(&self, endpoint: &Endpoint, events: &[&EventSummary]) -> Result<Vec<EventId>, StoreError> {
        if !matches!(self.plan.action, Action::Replay { fresh_ids: true, .. }) {
            return Ok(events.iter().map(|event| event.id.clone()).collect());
        }
        let mut copies = Vec::with_capacity(events.len());
        for event in events {
            if let Some(original) = self.store.event(Work::Sent, &endpoint.tenant, &event.id).await? {
                copies.push(Append { event: Arc::new(self.copy(&original)), deliveries: Vec::new(), now: self.now });
            }
        }
        let ids = copies.iter().map(|copy| copy.event.id.clone()).collect();
        // A copy that exists was stored by the process that began this page.
        self.store.append(copies).await?;
        Ok(ids)
    }

    /// A copy under a new id. Within a job, the id follows from the original's id, so that a repeated page makes the same copies.
    fn copy(&self, original: &Event) -> Event {
        let mut copy = original.with_new_id(self.now);
        let Some(Repeated { job, .. }) = self.repeated else { return copy };
        let digest = Sha256::new()
            .chain_update(b"hookwire job")
            .chain_update(job.to_be_bytes())
            .chain_update(original.id.as_str())
            .finalize();
        let id = format!("evt_{}", hex::encode(&digest[..16]));
        // These characters are valid, so the random id is never kept.
        copy.id = EventId::new(id).unwrap_or(copy.id);
        copy
    }
}

/// The cursor of the next page. A cursor that is unreadable, which only a damaged record has, begins the list anew.
fn cursor<C: std::str::FromStr>(progress: &Progress) -> Option<C> {
    progress.after.as_deref().and_then(|text| text.parse().ok())
}
