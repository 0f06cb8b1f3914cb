//! What is asked of the store: which lanes, and how much of each.

use super::{Claimed, LaneClaim, LaneDue, LaneId, Lanes, MAX_CLAIM_LANES, MAX_QUOTA, Terms, Timestamp};

impl Lanes {
    /// Leases have ended: lists those again whose tenants may hold more now.
    pub(super) fn feed_starved(&mut self) {
        while let Some(id) = self.starved.pop() {
            let Some(lane) = self.lanes.get_mut(&id) else { continue };
            lane.listed = false;
            let tenant = lane.terms.tenant.clone();
            self.list(id);
            if !self.leases.may_hold(&tenant) {
                return;
            }
        }
    }

    pub(super) fn list(&mut self, id: LaneId) {
        if let Some(lane) = self.lanes.get_mut(&id)
            && lane.backlog
            && !lane.listed
            && lane.room() > 0
        {
            lane.listed = true;
            let tenant = lane.terms.tenant.clone();
            if self.leases.may_hold(&tenant) { self.backlogged.push(tenant, id) } else { self.starved.push(tenant, id) }
        }
    }

    /// Whether a claim would have something to ask for.
    pub(in super::super) fn wants_claim(&self) -> bool {
        !self.backlogged.is_empty() && self.leases.room() > 0
    }

    /// Takes the lanes whose turn it is to be claimed from: those with due work and room.
    pub(in super::super) fn take_backlogged(&mut self, now: Timestamp) -> Vec<LaneId> {
        while let Some((at, id)) = self.timers.first().copied().filter(|(at, _)| *at <= now) {
            self.timers.remove(&(at, id));
            if let Some(lane) = self.lanes.get_mut(&id) {
                (lane.timer, lane.backlog) = (None, true);
            }
            self.enqueue(id);
            self.list(id);
        }
        let count = self.backlogged.len().min(MAX_CLAIM_LANES).min(self.leases.room() as usize);
        let ids: Vec<_> = std::iter::from_fn(|| self.backlogged.pop()).take(count).collect();
        for id in &ids {
            if let Some(lane) = self.lanes.get_mut(id) {
                lane.listed = false;
            }
        }
        ids
    }

    /// The quotas of a claim for these lanes under fresh terms. Closed, shut and full lanes are left out.
    pub(in super::super) fn quotas(&mut self, lanes: &[(LaneId, Terms)], now: Timestamp) -> Vec<LaneClaim> {
        let share = (self.leases.room() / u32::try_from(lanes.len()).unwrap_or(u32::MAX).max(1)).clamp(1, MAX_QUOTA);
        lanes.iter().filter_map(|(id, terms)| self.quota(*id, terms, share, now)).collect()
    }

    fn quota(&mut self, id: LaneId, terms: &Terms, share: u32, now: Timestamp) -> Option<LaneClaim> {
        self.agree(id, terms, now);
        let lane = self.lanes.get_mut(&id)?;
        if let Some(until) = lane.gate.shut_until(now) {
            lane.backlog = false;
            self.set_timer(id, until);
        } else if lane.room() > 0 {
            let tenant = lane.terms.tenant.clone();
            let max = lane.room().min(share).min(self.leases.allowance(&tenant));
            if max == 0 {
                (lane.backlog, lane.listed) = (true, true);
                self.starved.push(tenant, id);
                return None;
            }
            self.leases.reserve(&tenant, max);
            (lane.claiming, lane.asked, lane.backlog, lane.due_since) = (true, max, false, None);
            return Some(LaneClaim { lane: id, max });
        } else if lane.is_closed() {
            (lane.backlog, lane.due_since) = (false, None);
            self.tidy(id, now);
        }
        None
    }

    /// Takes in what a claim from these lanes found.
    pub(in super::super) fn claimed(&mut self, from: &[LaneId], claimed: Claimed, now: Timestamp) {
        for id in from {
            self.end_asking(*id);
        }
        for leased in claimed.leased {
            self.push(leased);
        }
        for LaneDue { lane, due } in claimed.next {
            self.due(lane, due, now);
        }
        for id in from {
            if let Some(lane) = self.lanes.get_mut(id) {
                lane.claiming = false;
            }
            self.tidy(*id, now);
        }
        self.feed_starved();
    }

    /// A claim from this lane has ended: what it brought is counted by itself.
    pub(super) fn end_asking(&mut self, id: LaneId) {
        if let Some(lane) = self.lanes.get_mut(&id) {
            self.leases.unreserve(&lane.terms.tenant, std::mem::take(&mut lane.asked));
        }
    }

    /// A claim from these lanes came to nothing: they still have a backlog.
    pub(in super::super) fn put_back(&mut self, lanes: &[LaneId]) {
        for id in lanes {
            self.end_asking(*id);
            if let Some(lane) = self.lanes.get_mut(id) {
                (lane.claiming, lane.backlog) = (false, true);
            }
            self.list(*id);
        }
        self.feed_starved();
    }
}
