//! How the slots of a worker are shared: by turns, and by what lanes have shown.

use std::collections::VecDeque;

use super::gate::Standing;
use super::tenants::Tenants;
use super::turns::Turns;
use crate::id::{LaneId, Tenant};

/// The standings, in the order of their lines.
const STANDINGS: [Standing; 3] = [Standing::Proven, Standing::Unknown, Standing::Failing];

/// Slots, and the lanes that wait for one.
#[derive(Debug)]
pub(super) struct Slots {
    total: u32,
    /// How many are used by lanes of each standing.
    used: [u32; 3],
    /// Lanes that have something ready, in turn: one line for each standing, and each line moves.
    lines: [Turns; 3],
    /// Which line was served last.
    line: usize,
    /// Lanes that hold their share of what is left. With each slot that is freed, one of them is looked at again.
    waiting: VecDeque<LaneId>,
    /// How many slots each tenant's lanes use, and how many those of its lanes that do not succeed.
    tenants: Tenants,
    unproven: Tenants,
    /// Lanes whose tenants do. With each slot that is freed, one of its tenant's and one of the next tenant's is looked at again.
    held_back: Turns,
}

impl Slots {
    pub(super) fn new(total: u32) -> Self {
        Self {
            total,
            used: [0; 3],
            lines: Default::default(),
            line: 0,
            waiting: VecDeque::new(),
            held_back: Turns::default(),
            tenants: Tenants::default(),
            unproven: Tenants::default(),
        }
    }

    /// Nobody waits any more.
    pub(super) fn clear(&mut self) {
        (self.lines, self.waiting, self.held_back) = Default::default();
    }

    /// At the end of its line.
    pub(super) fn push(&mut self, standing: Standing, tenant: Option<Tenant>, lane: LaneId) {
        self.lines[standing as usize].push(tenant, lane);
    }

    /// The lane whose turn it is: of the next line that has one and may use a slot.
    pub(super) fn pop(&mut self) -> Option<LaneId> {
        STANDINGS.iter().find_map(|_| {
            self.line = (self.line + 1) % STANDINGS.len();
            if self.free(STANDINGS[self.line]) == 0 { None } else { self.lines[self.line].pop() }
        })
    }

    /// It holds its share already.
    pub(super) fn wait(&mut self, lane: LaneId) {
        self.waiting.push_back(lane);
    }

    /// Its tenant holds its share already.
    pub(super) fn hold_back(&mut self, tenant: Option<Tenant>, lane: LaneId) {
        self.held_back.push(tenant, lane);
    }

    /// One that its tenant's share holds back, to be looked at again: of this tenant, or of the next one.
    pub(super) fn next_held_back(&mut self, of: Option<&Option<Tenant>>) -> Option<LaneId> {
        match of {
            Some(tenant) => self.held_back.pop_of(tenant),
            None => self.held_back.pop(),
        }
    }

    /// How many are used.
    pub(super) fn used(&self) -> u32 {
        self.used.iter().sum()
    }

    /// One that waits, to be looked at again.
    pub(super) fn next_waiting(&mut self) -> Option<LaneId> {
        self.waiting.pop_front()
    }

    /// How many slots lanes of this standing may still use. All unknown ones use at most half, all failing ones too, and both
    /// together three quarters, so that those that succeed have room whatever becomes of the others.
    pub(super) fn free(&self, standing: Standing) -> u32 {
        let [proven, unknown, failing] = self.used;
        let free = self.total.saturating_sub(proven + unknown + failing);
        if standing == Standing::Proven {
            return free;
        }
        let of_both = (self.total - self.total / 4).saturating_sub(unknown + failing);
        self.total.div_ceil(2).saturating_sub(self.used[standing as usize]).min(of_both).min(free)
    }

    /// The most that one of several lanes of this standing may hold: the scarcer the slots, the fewer.
    pub(super) fn share(&self, standing: Standing) -> u32 {
        let free = self.free(standing);
        if standing == Standing::Proven { free.saturating_mul(2) } else { free.div_ceil(2) }
    }

    /// There is work of this tenant.
    pub(super) fn see(&mut self, tenant: Option<&Tenant>) {
        self.tenants.see(tenant);
        self.unproven.see(tenant);
    }

    /// Whether a lane of this tenant and standing may use one more slot. What succeeds does not keep a new endpoint waiting.
    pub(super) fn may_start(&self, tenant: &Option<Tenant>, standing: Standing) -> bool {
        let held = if standing == Standing::Proven { &self.tenants } else { &self.unproven };
        held.may_hold(tenant, self.free(standing), self.total, 1)
    }

    /// A lane of this tenant has another standing now, or uses more or fewer slots.
    pub(super) fn recount(&mut self, tenant: &Option<Tenant>, before: (Standing, u32), after: (Standing, u32)) {
        if before.0 == after.0 {
            self.add(tenant, after.0, after.1.saturating_sub(before.1));
            self.remove(tenant, after.0, before.1.saturating_sub(after.1));
        } else {
            self.remove(tenant, before.0, before.1);
            self.add(tenant, after.0, after.1);
        }
    }

    /// A lane of this tenant and standing uses so many slots more.
    pub(super) fn add(&mut self, tenant: &Option<Tenant>, standing: Standing, count: u32) {
        if count == 0 {
            return;
        }
        self.used[standing as usize] += count;
        self.tenants.add(tenant, count);
        if standing != Standing::Proven {
            self.unproven.add(tenant, count);
        }
    }

    /// And so many fewer.
    pub(super) fn remove(&mut self, tenant: &Option<Tenant>, standing: Standing, count: u32) {
        if count == 0 {
            return;
        }
        self.used[standing as usize] = self.used[standing as usize].saturating_sub(count);
        self.tenants.remove(tenant, count);
        if standing != Standing::Proven {
            self.unproven.remove(tenant, count);
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
    fn those_that_fail_and_those_that_are_unknown_leave_a_quarter_to_the_others() {
        let full = slots(256, [0, 128, 64]);
        assert_eq!(STANDINGS.map(|standing| full.free(standing)), [64, 0, 0]);
        let failing = slots(256, [0, 0, 128]);
        assert_eq!(STANDINGS.map(|standing| failing.free(standing)), [128, 64, 0]);
        assert_eq!(STANDINGS.map(|standing| slots(1, [0; 3]).free(standing)), [1, 1, 1], "never none at all");
    }

    #[test]
    fn what_succeeds_does_not_keep_a_new_endpoint_of_its_tenant_waiting() {
        let mut slots = Slots::new(256);
        let [busy, other] = ["busy", "other"].map(|name| Some(Tenant::from(name)));
        [&busy, &other].into_iter().for_each(|tenant| slots.see(tenant.as_ref()));
        slots.add(&busy, Standing::Proven, 128);
        let may_start = |tenant| STANDINGS.map(|standing| slots.may_start(tenant, standing));
        assert_eq!(may_start(&busy), [false, true, true]);
        assert_eq!(may_start(&other), [true; 3]);
    }

    #[test]
    fn each_line_moves_and_one_that_may_use_nothing_is_passed_over() {
        let lane = || LaneId::from(crate::id::EndpointId::generate(crate::clock::Timestamp::EPOCH));
        let mut slots = slots(8, [0, 4, 0]);
        let (proven, unknown, failing) = (lane(), lane(), lane());
        for (standing, lane) in STANDINGS.into_iter().zip([proven, unknown, failing]) {
            slots.push(standing, None, lane);
        }
        assert_eq!([slots.pop(), slots.pop(), slots.pop()], [Some(failing), Some(proven), None]);
        slots.remove(&None, Standing::Unknown, 4);
        slots.add(&None, Standing::Proven, 3);
        assert_eq!(slots.pop(), Some(unknown));
    }
}
