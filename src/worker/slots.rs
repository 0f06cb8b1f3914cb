//! How the slots of a worker are shared: by turns, and by what lanes have shown.

use std::collections::VecDeque;

use super::gate::Standing;
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
}

impl Slots {
    pub(super) fn new(total: u32) -> Self {
        Self { total, used: [0; 3], lines: Default::default(), line: 0, waiting: VecDeque::new() }
    }

    /// Nobody waits any more.
    pub(super) fn clear(&mut self) {
        (self.lines, self.waiting) = Default::default();
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

    /// These slots are used by lanes of another standing now, or by more or fewer of them.
    pub(super) fn recount(&mut self, before: (Standing, u32), after: (Standing, u32)) {
        self.used[before.0 as usize] = self.used[before.0 as usize].saturating_sub(before.1);
        self.used[after.0 as usize] += after.1;
    }
}

#[cfg(test)]
impl Slots {
    /// How many are used.
    pub(super) fn used(&self) -> u32 {
        self.used.iter().sum()
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
    fn each_line_moves_and_one_that_may_use_nothing_is_passed_over() {
        let lane = || LaneId::from(crate::id::EndpointId::generate(crate::clock::Timestamp::EPOCH));
        let mut slots = slots(8, [0, 4, 0]);
        let (proven, unknown, failing) = (lane(), lane(), lane());
        for (standing, lane) in STANDINGS.into_iter().zip([proven, unknown, failing]) {
            slots.push(standing, None, lane);
        }
        assert_eq!([slots.pop(), slots.pop(), slots.pop()], [Some(failing), Some(proven), None]);
        slots.recount((Standing::Unknown, 4), (Standing::Proven, 3));
        assert_eq!(slots.pop(), Some(unknown));
    }
}
