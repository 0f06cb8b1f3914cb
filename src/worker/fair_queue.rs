//! A queue of lanes in which tenants take turns.

use std::collections::{HashMap, VecDeque};

use crate::id::{LaneId, Tenant};

/// Lanes that wait for their turn: round robin over tenants, then over the lanes of each tenant. A tenant with ten thousand lanes has as
/// many turns as a tenant with one lane.
#[derive(Debug, Default)]
pub(super) struct FairQueue {
    tenants: VecDeque<Option<Tenant>>,
    lanes: HashMap<Option<Tenant>, VecDeque<LaneId>>,
    len: usize,
}

impl FairQueue {
    /// Adds a lane after the other lanes of its tenant.
    pub(super) fn push(&mut self, tenant: Option<Tenant>, lane: LaneId) {
        self.len += 1;
        if let Some(line) = self.lanes.get_mut(&tenant) {
            line.push_back(lane);
            return;
        }
        self.lanes.insert(tenant.clone(), VecDeque::from([lane]));
        self.tenants.push_back(tenant);
    }

    /// Removes the next lane of the next tenant.
    pub(super) fn pop(&mut self) -> Option<LaneId> {
        let tenant = self.tenants.pop_front()?;
        let line = self.lanes.get_mut(&tenant)?;
        let lane = line.pop_front();
        if line.is_empty() {
            self.lanes.remove(&tenant);
        } else {
            self.tenants.push_back(tenant);
        }
        self.len -= 1;
        lane
    }

    /// Removes the next lane of this tenant, out of turn.
    pub(super) fn pop_of(&mut self, tenant: &Option<Tenant>) -> Option<LaneId> {
        let line = self.lanes.get_mut(tenant)?;
        let lane = line.pop_front()?;
        if line.is_empty() {
            self.lanes.remove(tenant);
            self.tenants.retain(|other| other != tenant);
        }
        self.len -= 1;
        Some(lane)
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    #[test]
    fn a_tenant_with_many_lanes_has_no_more_turns_than_a_tenant_with_one_lane() {
        let lane = || LaneId::from(crate::id::EndpointId::generate(Timestamp::EPOCH));
        let (many, single) = (Some(Tenant::from("many")), Some(Tenant::from("single")));
        let mut queue = FairQueue::default();
        for _ in 0..100 {
            queue.push(many.clone(), lane());
        }
        let lone = lane();
        queue.push(single, lone);
        let first: Vec<_> = (0..4).filter_map(|_| queue.pop()).collect();
        assert_eq!(first.iter().position(|it| *it == lone), Some(1));
        assert_eq!((queue.len(), first.len()), (97, 4));
        assert!(queue.pop_of(&many).is_some());
        let rest = std::iter::from_fn(|| queue.pop()).count();
        assert_eq!((rest, queue.is_empty(), queue.pop_of(&many)), (96, true, None));
    }
}
