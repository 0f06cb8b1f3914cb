//! Reads which changes of a plan are next. Nothing is changed here.

use std::collections::HashSet;
use std::fmt::Display;
use std::str::FromStr;

use super::plan::{Action, Batch, Part, Plan, Progress, Selection};
use crate::clock::Timestamp;
use crate::delivery::{Delivery, DeliveryState};
use crate::endpoint::{Endpoint, Verdict};
use crate::event::Audience;
use crate::id::{LaneId, Work};
use crate::sender::change::not_moved;
use crate::sender::directory::CachedDirectory;
use crate::sender::error::EndpointError;
use crate::store::{DeliveryQuery, EventQuery, EventSummary, Listed, Page, Store, StoreError, StoreErrorKind};

/// The number of deliveries of one event that one call reads.
const OF_ONE_EVENT: u32 = 256;

/// Reads the lists of a plan.
#[derive(Clone, Copy, Debug)]
pub(in crate::sender) struct Reader<'a> {
    pub(in crate::sender) store: &'a dyn Store,
    pub(in crate::sender) directory: &'a CachedDirectory,
    pub(in crate::sender) plan: &'a Plan,
    /// The endpoint of a replay.
    pub(in crate::sender) endpoint: Option<&'a Endpoint>,
    /// The number of items that one call reads.
    pub(in crate::sender) page: u32,
}

/// The beginning of a page: up to the last item that is allowed by the limit.
struct Cut<T> {
    wanted: Vec<T>,
    next: Option<String>,
    examined: u64,
}

impl Reader<'_> {
    /// Reads the next batch, with at most `most` changes. Returns `None` if the plan is done. A batch may be empty although more follow.
    pub(in crate::sender) async fn next(&self, progress: &Progress, most: u64) -> Result<Option<Batch>, EndpointError> {
        let most = usize::try_from(self.plan.left(progress).min(most)).unwrap_or(usize::MAX);
        match progress.part {
            None => Ok(None),
            Some(Part::Events) => self.events(progress, most).await.map(Some),
            Some(part) => self.deliveries(progress, part, most).await.map(Some),
        }
    }

    async fn deliveries(&self, progress: &Progress, part: Part, most: usize) -> Result<Batch, EndpointError> {
        let page = Page::of(self.page).after(cursor(progress));
        let found = self.store.deliveries(&self.plan.query(part), page).await?;
        let mut flags = Vec::with_capacity(found.items.len());
        // A replay of what did not arrive takes one delivery of each event on a page.
        let (mut wanted, mut events) = (0, HashSet::new());
        for delivery in &found.items {
            if wanted == most {
                break;
            }
            let is_other = !self.is_only_not_arrived() || !events.contains(&delivery.event);
            let is_wanted = is_other && self.is_wanted(delivery).await?;
            flags.push(is_wanted);
            if is_wanted {
                wanted += 1;
                events.insert(delivery.event.clone());
            }
        }
        let cut = cut(found, &flags, most, |delivery| delivery.id);
        let mut endpoints: Vec<_> = cut.wanted.iter().filter_map(Delivery::endpoint).collect();
        endpoints.sort_unstable();
        endpoints.dedup();
        let deliveries = cut.wanted.iter().map(|delivery| delivery.id).collect();
        Ok(Batch { part, deliveries, endpoints, events: Vec::new(), next: cut.next, examined: cut.examined })
    }

    async fn is_wanted(&self, delivery: &Delivery) -> Result<bool, StoreError> {
        if !self.plan.concerns(delivery) || !self.is_here(delivery.lane).await? {
            return Ok(false);
        }
        Ok(!self.is_only_not_arrived() || !self.has_arrived(delivery).await?)
    }

    const fn is_only_not_arrived(&self) -> bool {
        matches!(self.plan.action, Action::Replay { selection: Selection::NotArrived, .. })
    }

    /// Whether the plan may change deliveries of this lane. The endpoint must be readable and must not have moved to another store. The
    /// deliveries of a removed endpoint can only be cancelled.
    async fn is_here(&self, lane: LaneId) -> Result<bool, StoreError> {
        let Some(id) = lane.endpoint() else { return Ok(false) };
        match self.directory.endpoint(id).await {
            Ok(Some(endpoint)) => Ok(not_moved(&endpoint).is_ok()),
            Ok(None) => Ok(self.plan.action == Action::Cancel),
            Err(error) if error.kind() == StoreErrorKind::Corrupt => {
                tracing::warn!(endpoint = %id, %error, "the record of an endpoint cannot be read; a bulk job leaves its deliveries out");
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether another delivery of the event has reached the endpoint or may still reach it.
    async fn has_arrived(&self, failed: &Delivery) -> Result<bool, StoreError> {
        let mut query = DeliveryQuery::of(Work::Sent);
        (query.lane, query.event) = (Some(failed.lane), Some(failed.event.clone()));
        query.tenant = Some(failed.tenant.clone());
        let mut page = Page::of(OF_ONE_EVENT);
        loop {
            let found = self.store.deliveries(&query, page).await?;
            let may_arrive = |state| !matches!(state, DeliveryState::Failed | DeliveryState::Cancelled);
            if found.items.iter().any(|other| may_arrive(other.state)) {
                return Ok(true);
            }
            let Some(next) = found.next else { return Ok(false) };
            page = page.after(next);
        }
    }

    async fn events(&self, progress: &Progress, most: usize) -> Result<Batch, EndpointError> {
        let endpoint = self.endpoint.ok_or(EndpointError::NotFound)?;
        let page = Page::of(self.page).after(cursor(progress));
        let found = self.store.events(&self.events_of(endpoint), page).await?;
        let flags: Vec<_> = found.items.iter().map(|event| self.is_for(endpoint, event)).collect();
        let cut = cut(found, &flags, most, |event| event.cursor);
        let events = cut.wanted.into_iter().map(|event| event.id).collect();
        let (part, deliveries, endpoints) = (Part::Events, Vec::new(), vec![endpoint.id]);
        Ok(Batch { part, deliveries, endpoints, events, next: cut.next, examined: cut.examined })
    }

    fn events_of(&self, endpoint: &Endpoint) -> EventQuery {
        let from = self.plan.filter.from.unwrap_or(Timestamp::from_micros(i64::MIN));
        let to = self.plan.end().unwrap_or(Timestamp::MAX);
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
}

/// Cuts a page after `most` wanted items. Then the cursor is the last wanted item, so that the next page begins with the items cut off.
fn cut<T, C: Copy + Display>(found: Listed<T, C>, flags: &[bool], most: usize, id: impl Fn(&T) -> C) -> Cut<T> {
    let Listed { items, next } = found;
    let (mut cut, all) =
        (Cut { wanted: Vec::new(), next: next.map(|next| next.to_string()), examined: 0 }, items.len());
    for (item, is_wanted) in items.into_iter().zip(flags) {
        cut.examined += 1;
        let cursor = id(&item);
        if *is_wanted {
            cut.wanted.push(item);
        }
        if cut.wanted.len() == most {
            if cut.examined < all as u64 {
                cut.next = Some(cursor.to_string());
            }
            break;
        }
    }
    cut
}

/// The cursor of the next page. A cursor that is unreadable, which only a damaged record has, begins the list anew.
fn cursor<C: FromStr>(progress: &Progress) -> Option<C> {
    progress.after.as_deref().and_then(|text| text.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_cut_behind_the_last_item_that_is_allowed() {
        let page = || Listed { items: vec![1, 2, 3, 4, 5], next: Some(5) };
        let even = [false, true, false, true, false];
        for (most, wanted, next, examined) in [(1, vec![2], 2, 2), (2, vec![2, 4], 4, 4), (3, vec![2, 4], 5, 5)] {
            let cut = cut(page(), &even, most, |item| *item);
            assert_eq!((cut.wanted, cut.next, cut.examined), (wanted, Some(next.to_string()), examined), "{most}");
        }
        let last = cut(Listed { items: vec![1, 2], next: None::<u64> }, &[true, true], 2, |item| *item);
        assert_eq!((last.wanted.len(), last.next, last.examined), (2, None, 2));
    }
}
