//! What the worker starts: selects the next lane, and decides whether it may use a slot.

use super::Lanes;
use crate::clock::Timestamp;
use crate::delivery::Leased;
use crate::id::LaneId;
use crate::outcome::Outcome;
use crate::worker::slots::Slots;

impl Lanes {
    /// Returns the next delivery to attempt. Tenants and their lanes take turns; each lane obeys its own limits, and all lanes together
    /// obey the worker's.
    pub(in crate::worker) fn next(&mut self, now: Timestamp) -> Option<Leased> {
        while self.open {
            let Some(id) = self.slots.pop() else {
                // No attempt is in flight, so the end of an attempt cannot wake the lanes that wait for their share.
                if self.slots.used() > 0 || !self.wake_all() {
                    return None;
                }
                continue;
            };
            if let Some(leased) = self.start(id, now) {
                self.enqueue(id);
                return Some(leased);
            }
        }
        None
    }

    /// Starts an attempt of this lane if its throttle and its share of the slots permit it.
    fn start(&mut self, id: LaneId, now: Timestamp) -> Option<Leased> {
        let is_only_lane = self.lanes.len() == 1;
        let lane = self.lanes.get_mut(&id)?;
        if !lane.slot.take() || !lane.can_start() {
            return None;
        }
        let health = lane.throttle.health();
        if self.slots.free(health) == 0 {
            // The lane's health has changed since it was queued, so it moves to the other queue.
            self.enqueue(id);
            return None;
        }
        if !self.slots.may_start(lane.tenant(), health) {
            lane.slot.wait();
            self.slots.push_tenant_at_share(lane.tenant().clone(), id);
            return None;
        }
        // Every lane may have one slot, and a single lane may have all slots.
        if lane.in_flight > 0 && !is_only_lane && lane.in_flight >= self.slots.share(health) {
            lane.slot.wait();
            self.slots.push_at_share(id);
            return None;
        }
        if let Err(until) = lane.throttle.take(now) {
            self.wait_until(id, until, now);
            return None;
        }
        let leased = lane.ready.pop_front()?;
        if !self.leases.is_valid(leased.lease, now) {
            // The lease has ended or may have ended: the next worker that claims the delivery makes the attempt.
            self.forget(leased.lease);
            self.enqueue(id);
            self.list(id);
            self.drop_if_idle(id, now);
            return None;
        }
        self.update(id, |lane| lane.in_flight += 1);
        Some(leased)
    }

    /// Queues a lane for a slot if it has something to start.
    pub(super) fn enqueue(&mut self, id: LaneId) {
        if let Some(lane) = self.lanes.get_mut(&id)
            && lane.can_start()
            && lane.slot.enqueue()
        {
            self.slots.push(lane.throttle.health(), lane.tenant().clone(), id);
        }
    }

    /// Frees the slot of an attempt that has ended. Its lease is kept until it is settled.
    pub(in crate::worker) fn ended(&mut self, id: LaneId, outcome: Option<Outcome>) {
        self.update(id, |lane| {
            lane.end_attempt(outcome);
            lane.slot.wake();
        });
        self.enqueue(id);
        self.list(id);
        let tenant = self.lanes.get(&id).map(|lane| lane.tenant().clone());
        self.wake_one(Slots::pop_at_share);
        if let Some(tenant) = tenant {
            self.wake_one(|slots| slots.pop_this_tenant_at_share(&tenant));
        }
        self.wake_one(Slots::pop_tenant_at_share);
    }

    /// Queues the next lane that `pop` returns and that still waits for its share. Returns whether there was such a lane.
    fn wake_one(&mut self, pop: impl Fn(&mut Slots) -> Option<LaneId>) -> bool {
        while let Some(id) = pop(&mut self.slots) {
            if self.lanes.get_mut(&id).is_some_and(|lane| lane.slot.wake()) {
                self.enqueue(id);
                return true;
            }
        }
        false
    }

    /// Queues all lanes that wait for their share. Returns whether there was such a lane.
    fn wake_all(&mut self) -> bool {
        let mut any = false;
        while self.wake_one(Slots::pop_at_share) || self.wake_one(Slots::pop_tenant_at_share) {
            any = true;
        }
        any
    }
}
