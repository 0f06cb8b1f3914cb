//! What the worker claims: from which lanes, and how many deliveries from each.

use super::Lanes;
use crate::clock::Timestamp;
use crate::id::LaneId;
use crate::store::Claimed;
use crate::worker::policy::LanePolicy;
use crate::worker::stage::ClaimStage;

/// The number of deliveries that a claim requests in one lane, so that one claim serves many lanes.
const MAX_QUOTA: u32 = 64;

/// The number of lanes in one claim.
const MAX_CLAIM_LANES: usize = 256;

impl Lanes {
    /// Records that a delivery of this lane is due at this time. [`Timestamp::MAX`] is the due time of a delivery that waits behind an
    /// older delivery of its ordering key.
    pub(in crate::worker) fn note_due(&mut self, id: LaneId, at: Timestamp, now: Timestamp) {
        if !self.open || at == Timestamp::MAX {
            return;
        }
        let lane = self.lanes.entry(id).or_default();
        if at <= now {
            lane.due_since = Some(lane.due_since.map_or(at, |since| since.min(at)));
        }
        let at = lane.throttle.paused_until(now).map_or(at, |until| at.max(until));
        if at <= now {
            lane.claim.due();
            self.list(id);
        } else {
            self.set_timer(id, at);
        }
    }

    /// Lists a lane to claim from if it has due deliveries and can hold more.
    pub(super) fn list(&mut self, id: LaneId) {
        let Some(lane) = self.lanes.get_mut(&id) else { return };
        if lane.capacity() == 0 || !lane.claim.list() {
            return;
        }
        let tenant = lane.tenant().clone();
        if self.leases.may_hold(&tenant) { self.claimable.push(tenant, id) } else { self.starved.push(tenant, id) }
    }

    /// Lists lanes again whose tenants may hold more leases, after leases have ended.
    pub(super) fn list_waiting(&mut self) {
        while let Some(id) = self.starved.pop() {
            let Some(lane) = self.lanes.get_mut(&id).filter(|lane| lane.claim == ClaimStage::Listed) else { continue };
            lane.claim.unlist();
            let tenant = lane.tenant().clone();
            self.list(id);
            if !self.leases.may_hold(&tenant) {
                return;
            }
        }
    }

    /// Whether a claim would request anything.
    pub(in crate::worker) fn wants_claim(&self) -> bool {
        !self.claimable.is_empty() && self.leases.free() > 0
    }

    /// Selects the lanes for the next claim. [`quotas`](Self::quotas) and then [`claimed`](Self::claimed), or
    /// [`claim_failed`](Self::claim_failed), must follow.
    pub(in crate::worker) fn select(&mut self, now: Timestamp) -> Vec<LaneId> {
        self.fire_timers(now);
        let count = self.claimable.len().min(MAX_CLAIM_LANES).min(self.leases.free() as usize);
        let mut selected = Vec::with_capacity(count);
        for _ in 0..count {
            let Some(id) = self.claimable.pop() else { break };
            if self.lanes.get_mut(&id).is_some_and(|lane| lane.claim.select()) {
                selected.push(id);
            }
        }
        selected
    }

    /// Checks the lanes whose timer has fired.
    fn fire_timers(&mut self, now: Timestamp) {
        while let Some((at, id)) = self.timers.first().copied().filter(|(at, _)| *at <= now) {
            self.timers.remove(&(at, id));
            if let Some(lane) = self.lanes.get_mut(&id) {
                lane.timer = None;
                lane.claim.due();
            }
            self.enqueue(id);
            self.list(id);
        }
    }

    /// Returns how many deliveries to claim from each lane under its current policy. Closed, paused and full lanes are left out.
    pub(in crate::worker) fn quotas(&mut self, lanes: &[(LaneId, LanePolicy)], now: Timestamp) -> Vec<(LaneId, u32)> {
        let share = (self.leases.free() / u32::try_from(lanes.len()).unwrap_or(u32::MAX).max(1)).clamp(1, MAX_QUOTA);
        lanes.iter().filter_map(|(id, policy)| self.quota(*id, policy, share, now)).collect()
    }

    fn quota(&mut self, id: LaneId, policy: &LanePolicy, share: u32, now: Timestamp) -> Option<(LaneId, u32)> {
        self.adopt(id, policy, now);
        let lane = self.lanes.get_mut(&id)?;
        if lane.is_closed() {
            // The lane is listed again when it is opened.
            (lane.claim, lane.due_since) = (ClaimStage::Nothing, None);
            self.drop_if_idle(id, now);
            return None;
        }
        if let Some(until) = lane.throttle.paused_until(now) {
            lane.claim = ClaimStage::Nothing;
            self.set_timer(id, until);
            return None;
        }
        if lane.capacity() == 0 {
            // The lane is listed again when one of its attempts ends.
            lane.claim.fail();
            return None;
        }
        let max = lane.capacity().min(share).min(self.leases.allowance(lane.tenant()));
        if max == 0 {
            lane.claim.fail();
            self.list(id);
            return None;
        }
        lane.due_since = None;
        self.update(id, |lane| lane.claim.ask(max));
        Some((id, max))
    }

    /// Accepts the deliveries that a claim from these lanes has found.
    pub(in crate::worker) fn claimed(&mut self, from: &[LaneId], claimed: Claimed, now: Timestamp) {
        self.end_claim(from, ClaimStage::end);
        for leased in claimed.leased {
            self.accept(leased);
        }
        for (lane, due) in claimed.next {
            self.note_due(lane, due, now);
        }
        for id in from {
            self.list(*id);
            self.drop_if_idle(*id, now);
        }
        self.list_waiting();
    }

    /// Ends a claim from these lanes that has failed: their deliveries are still due.
    pub(in crate::worker) fn claim_failed(&mut self, from: &[LaneId], now: Timestamp) {
        self.end_claim(from, ClaimStage::fail);
        for id in from {
            self.list(*id);
            self.drop_if_idle(*id, now);
        }
        self.list_waiting();
    }

    /// Ends a claim. Its requested deliveries are no longer expected; the deliveries that it has found are counted themselves.
    fn end_claim(&mut self, lanes: &[LaneId], end: impl Fn(&mut ClaimStage)) {
        for id in lanes {
            self.update(*id, |lane| end(&mut lane.claim));
        }
    }
}
