//! The distribution of a worker's slots: tenants take turns, and lanes that fail leave slots to lanes that succeed.

use std::collections::VecDeque;

use super::fair_queue::FairQueue;
use super::fair_share::FairShare;
use super::lane::Usage;
use super::throttle::LaneHealth;
use crate::id::{LaneId, Tenant};

/// All values of [`LaneHealth`], in the order of their numbers.
const HEALTHS: [LaneHealth; 3] = [LaneHealth::Proven, LaneHealth::Unknown, LaneHealth::Failing];

/// Slots, and the lanes that wait for one.
#[derive(Debug)]
pub(super) struct Slots {
    total: u32,
    /// The number of slots that lanes of each health use.
    used: [u32; 3],
    /// Lanes that have something to start: one queue for each health, served in turn.
    queues: [FairQueue; 3],
    /// The queue that was served last.
    last: usize,
    /// Lanes that hold their share of the slots. One of them is checked again whenever a slot is freed.
    lanes_at_share: VecDeque<LaneId>,
    /// Lanes whose tenants hold their share of the slots. Whenever a slot is freed, one lane of its tenant and one lane of the next tenant
    /// are checked again.
    tenants_at_share: FairQueue,
    /// The number of slots that each tenant uses.
    by_tenant: FairShare,
    /// The number of slots that each tenant uses for lanes that are not [`Proven`](LaneHealth::Proven).
    unproven_by_tenant: FairShare,
}

impl Slots {
    pub(super) fn new(total: u32) -> Self {
        Self {
            total,
            used: [0; 3],
            queues: Default::default(),
            last: 0,
            lanes_at_share: VecDeque::new(),
            tenants_at_share: FairQueue::default(),
            by_tenant: FairShare::default(),
            unproven_by_tenant: FairShare::default(),
        }
    }

    /// Empties the queues. Used slots remain counted.
    pub(super) fn clear_queues(&mut self) {
        (self.queues, self.lanes_at_share, self.tenants_at_share) = Default::default();
    }

    /// Adds a lane that has something to start.
    pub(super) fn push(&mut self, health: LaneHealth, tenant: Option<Tenant>, lane: LaneId) {
        self.queues[health as usize].push(tenant, lane);
    }

    /// Removes the lane whose turn it is: from the next queue that has a lane and whose lanes may use a slot.
    pub(super) fn pop(&mut self) -> Option<LaneId> {
        HEALTHS.iter().find_map(|_| {
            self.last = (self.last + 1) % HEALTHS.len();
            if self.free(HEALTHS[self.last]) == 0 { None } else { self.queues[self.last].pop() }
        })
    }

    /// Adds a lane that holds its share.
    pub(super) fn push_at_share(&mut self, lane: LaneId) {
        self.lanes_at_share.push_back(lane);
    }

    /// Removes a lane that held its share, so that it is checked again.
    pub(super) fn pop_at_share(&mut self) -> Option<LaneId> {
        self.lanes_at_share.pop_front()
    }

    /// Adds a lane whose tenant holds its share.
    pub(super) fn push_tenant_at_share(&mut self, tenant: Option<Tenant>, lane: LaneId) {
        self.tenants_at_share.push(tenant, lane);
    }

    /// Removes a lane of the next tenant that held its share, so that it is checked again.
    pub(super) fn pop_tenant_at_share(&mut self) -> Option<LaneId> {
        self.tenants_at_share.pop()
    }

    /// Removes a lane of this tenant that held its share, so that it is checked again.
    pub(super) fn pop_this_tenant_at_share(&mut self, tenant: &Option<Tenant>) -> Option<LaneId> {
        self.tenants_at_share.pop_of(tenant)
    }

    /// The number of used slots.
    pub(super) fn used(&self) -> u32 {
        self.used.iter().sum()
    }

    /// The number of slots that lanes of this health may still take. Unknown lanes use at most half of all slots, failing lanes too, and
    /// both together three quarters, so that lanes that succeed always have slots.
    pub(super) fn free(&self, health: LaneHealth) -> u32 {
        let [proven, unknown, failing] = self.used;
        let free = self.total.saturating_sub(proven + unknown + failing);
        if health == LaneHealth::Proven {
            return free;
        }
        let of_both = (self.total - self.total / 4).saturating_sub(unknown + failing);
        self.total.div_ceil(2).saturating_sub(self.used[health as usize]).min(of_both).min(free)
    }

    /// The number of slots that one of several lanes of this health may hold: it falls with the number of free slots.
    pub(super) fn share(&self, health: LaneHealth) -> u32 {
        let free = self.free(health);
        if health == LaneHealth::Proven { free.saturating_mul(2) } else { free.div_ceil(2) }
    }

    /// Records that this tenant has work.
    pub(super) fn see(&mut self, tenant: Option<&Tenant>) {
        self.by_tenant.see(tenant);
        self.unproven_by_tenant.see(tenant);
    }

    /// Whether a lane of this tenant and health may use one more slot. Proven lanes of a tenant do not use up the share of its new
    /// endpoints.
    pub(super) fn may_start(&self, tenant: &Option<Tenant>, health: LaneHealth) -> bool {
        let held = if health == LaneHealth::Proven { &self.by_tenant } else { &self.unproven_by_tenant };
        held.may_hold(tenant, self.free(health), self.total, 1)
    }

    /// Counts the slots that a lane uses, if `before` was counted.
    pub(super) fn recount(&mut self, tenant: &Option<Tenant>, before: Usage, after: Usage) {
        if before.health == after.health {
            self.add(tenant, after.health, after.in_flight.saturating_sub(before.in_flight));
            self.remove(tenant, after.health, before.in_flight.saturating_sub(after.in_flight));
        } else {
            self.remove(tenant, before.health, before.in_flight);
            self.add(tenant, after.health, after.in_flight);
        }
    }

    fn add(&mut self, tenant: &Option<Tenant>, health: LaneHealth, count: u32) {
        if count == 0 {
            return;
        }
        self.used[health as usize] += count;
        self.by_tenant.add(tenant, count);
        if health != LaneHealth::Proven {
            self.unproven_by_tenant.add(tenant, count);
        }
    }

    fn remove(&mut self, tenant: &Option<Tenant>, health: LaneHealth, count: u32) {
        if count == 0 {
            return;
        }
        self.used[health as usize] = self.used[health as usize].saturating_sub(count);
        self.by_tenant.remove(tenant, count);
        if health != LaneHealth::Proven {
            self.unproven_by_tenant.remove(tenant, count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(total: u32, used: [u32; 3]) -> Slots {
        Slots { used, ..Slots::new(total) }
    }

    #[test]
    fn failing_and_unknown_lanes_leave_a_quarter_to_proven_lanes() {
        let full = slots(256, [0, 128, 64]);
        assert_eq!(HEALTHS.map(|health| full.free(health)), [64, 0, 0]);
        let failing = slots(256, [0, 0, 128]);
        assert_eq!(HEALTHS.map(|health| failing.free(health)), [128, 64, 0]);
        assert_eq!(HEALTHS.map(|health| slots(1, [0; 3]).free(health)), [1, 1, 1], "a single slot is open to all");
    }

    #[test]
    fn proven_lanes_do_not_keep_a_new_endpoint_of_their_tenant_waiting() {
        let mut slots = Slots::new(256);
        let [busy, other] = ["busy", "other"].map(|name| Some(Tenant::from(name)));
        [&busy, &other].into_iter().for_each(|tenant| slots.see(tenant.as_ref()));
        slots.add(&busy, LaneHealth::Proven, 128);
        let may_start = |tenant| HEALTHS.map(|health| slots.may_start(tenant, health));
        assert_eq!(may_start(&busy), [false, true, true]);
        assert_eq!(may_start(&other), [true; 3]);
    }

    #[test]
    fn queues_take_turns_and_a_queue_without_free_slots_is_passed_over() {
        let lane = || LaneId::from(crate::id::EndpointId::generate(crate::clock::Timestamp::EPOCH));
        let mut slots = slots(8, [0, 4, 0]);
        let (proven, unknown, failing) = (lane(), lane(), lane());
        for (health, lane) in HEALTHS.into_iter().zip([proven, unknown, failing]) {
            slots.push(health, None, lane);
        }
        assert_eq!([slots.pop(), slots.pop(), slots.pop()], [Some(failing), Some(proven), None]);
        slots.remove(&None, LaneHealth::Unknown, 4);
        slots.add(&None, LaneHealth::Proven, 3);
        assert_eq!(slots.pop(), Some(unknown));
    }
}
