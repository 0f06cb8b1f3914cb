//! The history, with faults.

use std::cmp::Reverse;
use std::sync::Arc;

use hookwire::clock::Timestamp;
use hookwire::delivery::{Attempt, Delivery, DeliveryState};
use hookwire::event::Event;
use hookwire::id::{DeliveryId, EventId, LaneId, Tenant, Work};
use hookwire::store::{Counts, DeliveryQuery, EventQuery, EventSummary, Listed, MOST_EXAMINED, Page};

use super::bug::Bug;
use super::db::{Db, EventRow, Row};

/// Leaves the rows that a call may examine. Returns the cursor of the last one, if there are more.
fn examined<R, C>(rows: &mut Vec<R>, cursor: impl Fn(&R) -> C) -> Option<C> {
    let is_cut = rows.len() > MOST_EXAMINED as usize;
    rows.truncate(MOST_EXAMINED as usize);
    rows.last().filter(|_| is_cut).map(cursor)
}

impl Db {
    pub fn event(&self, work: Work, tenant: &Tenant, id: &EventId) -> Option<Arc<Event>> {
        self.find(work, tenant, id).map(|seq| self.events[&seq].event.clone().into())
    }

    /// A delivery as the history shows it.
    fn show(&self, id: DeliveryId, row: &Row) -> Delivery {
        let (event, state) = (&self.event_of(row).event, self.shown_state(row));
        let mut delivery =
            Delivery::new(id, row.lane, event.tenant.clone(), event.id.clone(), event.event_type.clone());
        delivery.state = state;
        delivery.attempts = if self.has(Bug::AttemptsAreNotShown) { 0 } else { row.attempts };
        delivery.due = if self.has(Bug::DueIsNotShown) { row.created_at } else { row.due };
        delivery.created_at = row.created_at;
        delivery.finished_at = row.finished_at;
        delivery.reason = row.reason;
        delivery
    }

    pub fn delivery(&self, work: Work, id: DeliveryId) -> Option<Delivery> {
        let row = self.deliveries.get(&id)?;
        (row.lane.work() == work || self.has(Bug::QueryIgnoresKind)).then(|| self.show(id, row))
    }

    fn fits(&self, query: &DeliveryQuery, id: DeliveryId, row: &Row) -> bool {
        let event = &self.event_of(row).event;
        let same = |a: &str, b: &str| self.key(a) == self.key(b);
        let ignores = |bug: Bug| self.has(bug);
        let state = if ignores(Bug::QueryStateIsStored) { row.state } else { self.shown_state(row) };
        let before = |to: Timestamp| row.created_at < to || ignores(Bug::QueryToIsInclusive) && row.created_at == to;
        let since =
            |from: Timestamp| from < row.created_at || !ignores(Bug::QueryFromIsExclusive) && row.created_at == from;
        (row.lane.work() == query.work || ignores(Bug::QueryIgnoresKind))
            && (ignores(Bug::QueryIgnoresTenant)
                || query.tenant.as_ref().is_none_or(|it| same(it.as_str(), event.tenant.as_str())))
            && (ignores(Bug::QueryIgnoresEvent)
                || query.event.as_ref().is_none_or(|it| same(it.as_str(), event.id.as_str())))
            && (ignores(Bug::QueryIgnoresLane) || query.lane.is_none_or(|lane| row.lane == lane))
            && (ignores(Bug::QueryIgnoresType)
                || query.event_type.as_ref().is_none_or(|it| same(it.as_str(), event.event_type.as_str())))
            && (ignores(Bug::QueryIgnoresFrom) || query.from.is_none_or(since))
            && (ignores(Bug::QueryIgnoresTo) || query.to.is_none_or(before))
            && (ignores(Bug::QueryIgnoresState) || query.state.is_none_or(|wanted| state == wanted))
            && self.fits_last_attempt(query, id, row)
    }

    pub fn list_deliveries(&self, query: &DeliveryQuery, page: Page) -> Listed<Delivery> {
        let newest_first = page.newest_first && !self.has(Bug::PageIgnoresNewestFirst);
        let is_after = |id: DeliveryId| match page.after {
            Some(after) if self.has(Bug::PageRepeatsTheCursor) => id >= after,
            Some(after) if newest_first => id < after || self.has(Bug::PageNewestIgnoresCursor),
            Some(after) => id > after,
            None => true,
        };
        let mut rows: Vec<_> = self.deliveries.iter().filter(|(id, _)| is_after(**id)).collect();
        if newest_first {
            rows.reverse();
        }
        if self.has(Bug::PageOrderedByDue) {
            rows.sort_by_key(|(_, row)| row.due);
        }
        let limit = if self.has(Bug::PageIgnoresTheLimit) { usize::MAX } else { page.limit as usize };
        if self.has(Bug::QueryFiltersAfterLimit) {
            rows.truncate(limit);
        }
        let end = if self.has(Bug::ListsExamineAll) { None } else { examined(&mut rows, |(id, _)| **id) };
        let fitting = rows.into_iter().filter(|(id, row)| self.fits(query, **id, row));
        let found = fitting.take(limit.saturating_add(1)).map(|(id, row)| self.show(*id, row)).collect();
        self.cut(found, limit, |delivery: &Delivery| delivery.id, end)
    }

    /// A page of the first items that were found, one of which may be too many. `end` is the last row that was examined.
    fn cut<T, C: Copy>(
        &self,
        mut items: Vec<T>,
        limit: usize,
        cursor: impl Fn(&T) -> C,
        end: Option<C>,
    ) -> Listed<T, C> {
        if limit == 0 {
            let next = items.first().map(cursor).filter(|_| self.has(Bug::PageOfZeroGoesOn));
            return Listed { items: Vec::new(), next };
        }
        let last = items.last().map(&cursor);
        let is_full = items.len() > limit;
        items.truncate(limit);
        let before = items.len().checked_sub(2).and_then(|place| items.get(place)).map(&cursor);
        let next = match self.bug {
            Some(Bug::NextSkipsARow) if is_full => last,
            Some(Bug::NextRepeatsARow) if is_full && before.is_some() => before,
            Some(Bug::NextEndsWithAFullPage) if is_full => None,
            Some(Bug::NextEndsAtTheBound) if !is_full => None,
            Some(Bug::NextIsTheLastFound) if !is_full && end.is_some() => last,
            _ if is_full => items.last().map(cursor),
            _ => end,
        };
        Listed { items, next }
    }

    pub fn list_attempts(&self, work: Work, id: DeliveryId) -> Vec<Attempt> {
        if self.deliveries.get(&id).is_none_or(|row| row.lane.work() != work) && !self.has(Bug::PruneKeepsAttempts) {
            return Vec::new();
        }
        let mut made: Vec<_> =
            self.attempts.iter().filter(|(of, _)| *of == id).map(|(_, attempt)| attempt.clone()).collect();
        match self.bug {
            Some(Bug::AttemptsByNumber) => made.sort_by_key(|attempt| Reverse(attempt.number)),
            Some(Bug::AttemptsByTime) => made.sort_by_key(|attempt| attempt.at),
            _ => {}
        }
        made
    }

    fn lists(&self, query: &EventQuery, seq: i64, kept: &EventRow) -> bool {
        let ignores = |bug: Bug| self.has(bug);
        let audience = kept.event.audience;
        let is_for = match query.audience {
            None if ignores(Bug::EventsShowTheInbox) => true,
            Some(_) if ignores(Bug::EventsIgnoreAudience) => audience.work() == query.work(),
            _ => query.is_for(audience),
        };
        let is_missing =
            |endpoint| !self.deliveries.values().any(|row| row.seq == seq && row.lane == LaneId::Endpoint(endpoint));
        (kept.has_payload || ignores(Bug::ExpungeStaysListed) || ignores(Bug::DropStaysListed))
            && (ignores(Bug::EventsIgnoreTenant)
                || self.key(kept.event.tenant.as_str()) == self.key(query.tenant.as_str()))
            && (ignores(Bug::EventsIgnoreFrom) || query.from <= kept.appended_at)
            && (ignores(Bug::EventsIgnoreTo) || kept.appended_at < query.to)
            && is_for
            && (ignores(Bug::EventsIgnoreMissing) || query.missing_at.is_none_or(is_missing))
    }

    pub fn list_events(&self, query: &EventQuery, page: Page<u64>) -> Listed<EventSummary, u64> {
        let newest_first = page.newest_first && !self.has(Bug::EventsIgnoreNewestFirst);
        let is_after = |cursor: u64| match page.after {
            Some(after) if self.has(Bug::EventsRepeatTheCursor) => {
                if newest_first {
                    cursor <= after
                } else {
                    cursor >= after
                }
            }
            Some(after) if newest_first => cursor < after,
            Some(after) => cursor > after,
            None => true,
        };
        let mut found: Vec<_> = self.events.iter().filter(|(seq, _)| is_after(seq.unsigned_abs())).collect();
        if newest_first {
            found.reverse();
        }
        let end =
            if self.has(Bug::EventsExamineAll) { None } else { examined(&mut found, |(seq, _)| seq.unsigned_abs()) };
        found.retain(|(seq, kept)| self.lists(query, **seq, kept));
        if self.has(Bug::EventsOrderedById) {
            found.sort_by(|(_, a), (_, b)| a.event.id.cmp(&b.event.id));
        }
        let limit = if self.has(Bug::EventsIgnoreTheLimit) { usize::MAX } else { page.limit as usize };
        let summary = |(seq, kept): (&i64, &EventRow)| EventSummary {
            cursor: seq.unsigned_abs(),
            id: kept.event.id.clone(),
            event_type: kept.event.event_type.clone(),
            audience: kept.event.audience,
            appended_at: if self.has(Bug::EventsLoseTheTime) { kept.event.occurred_at } else { kept.appended_at },
        };
        let found = found.into_iter().take(limit.saturating_add(1)).map(summary).collect();
        self.cut(found, limit, |event: &EventSummary| event.cursor, end)
    }

    pub fn counts(&self, work: Work, lane: Option<LaneId>) -> Counts {
        let is_counted = |row: &&Row| {
            (row.lane.work() == work || self.has(Bug::CountsMixKinds))
                && lane.is_none_or(|lane| row.lane == lane || self.has(Bug::CountsIgnoreTheLane))
        };
        let mut counts = Counts::default();
        for row in self.deliveries.values().filter(is_counted) {
            let state = self.shown_state(row);
            let state = match self.bug {
                Some(Bug::CountsLeaveHeldPending) if state == DeliveryState::Held => DeliveryState::Pending,
                Some(Bug::CountsOfLaneAreStored) if lane.is_some() => row.state,
                Some(Bug::CountsForgetCancelled) if state == DeliveryState::Cancelled => continue,
                _ => state,
            };
            counts.add(state, 1);
        }
        if self.has(Bug::PrunedIsStillCounted) {
            counts.delivered += self.attempts.iter().filter(|(id, _)| !self.deliveries.contains_key(id)).count() as u64;
        }
        match self.bug {
            Some(Bug::CountsAreUnbounded) => {}
            Some(Bug::CountsStopTooEarly) => counts.pending = counts.pending.min(1_000),
            _ => counts = counts.capped(),
        }
        counts
    }

    pub fn backlog(&self, lanes: &[LaneId], limit: u32) -> u32 {
        let is_counted = |row: &&Row| match row.state {
            DeliveryState::Pending => !(row.leased && self.has(Bug::BacklogLeavesLeasedOut)),
            DeliveryState::Held => self.has(Bug::BacklogCountsHeld),
            _ => self.has(Bug::BacklogCountsFinal),
        };
        let of_lanes = |row: &&Row| lanes.contains(&row.lane) || self.has(Bug::BacklogOfAllLanes);
        let count = self.deliveries.values().filter(of_lanes).filter(is_counted).count();
        let limit = if self.has(Bug::BacklogIgnoresTheLimit) { u32::MAX } else { limit };
        u32::try_from(count).unwrap().min(limit)
    }

    pub fn oldest_due(&self, lanes: &[LaneId]) -> Option<Timestamp> {
        let is_counted = |row: &&Row| match row.state {
            DeliveryState::Pending => !(row.leased && self.has(Bug::OldestDueLeavesLeasedOut)),
            state => state.is_final() && self.has(Bug::OldestDueCountsFinal),
        };
        let of_lanes = |row: &&Row| lanes.contains(&row.lane) || self.has(Bug::OldestDueOfAllLanes);
        let due = self.deliveries.values().filter(of_lanes).filter(is_counted).map(|row| row.due);
        if self.has(Bug::OldestDueIsTheNewest) { due.max() } else { due.min() }
    }
}
