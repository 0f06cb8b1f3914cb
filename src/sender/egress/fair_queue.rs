//! Which name is looked up next: tenants take turns, and each tenant can use only a share of the lookup slots.

use std::collections::{HashMap, VecDeque};

use crate::id::Tenant;
use crate::worker::Tally;

/// Maximum number of names of one tenant that wait.
const MAX_WAITING_PER_TENANT: usize = 512;

/// Lookup slots, and the names that wait for a slot. The tenant `None` is the application itself.
#[derive(Debug)]
pub(super) struct FairQueue {
    slots: u32,
    used: Tally,
    queues: HashMap<Option<Tenant>, VecDeque<Box<str>>>,
    /// The tenants that have a queue, the next one first.
    turns: VecDeque<Option<Tenant>>,
}

impl FairQueue {
    pub(super) fn new(slots: usize) -> Self {
        let slots = u32::try_from(slots).unwrap_or(u32::MAX).max(1);
        Self { slots, used: Tally::default(), queues: HashMap::new(), turns: VecDeque::new() }
    }

    /// Appends a name to its tenant's queue. Returns false if the queue is full of names for which `is_wanted` is true.
    pub(super) fn push(&mut self, tenant: &Option<Tenant>, name: &str, is_wanted: impl Fn(&str) -> bool) -> bool {
        let queue = self.queues.entry(tenant.clone()).or_default();
        if queue.len() >= MAX_WAITING_PER_TENANT {
            let before = queue.len();
            queue.retain(|name| is_wanted(name));
            if queue.len() == before {
                return false;
            }
        }
        queue.push_back(name.into());
        if !self.turns.contains(tenant) {
            self.turns.push_back(tenant.clone());
        }
        true
    }

    /// Returns the next name and takes a slot for it. A tenant gets no slot while it uses at least as many as are free, so the
    /// next tenant always finds a free one. Names that are not wanted are dropped.
    pub(super) fn pop(&mut self, is_wanted: impl Fn(&str) -> bool) -> Option<(Option<Tenant>, Box<str>)> {
        for _ in 0..self.turns.len() {
            let tenant = self.turns.pop_front()?;
            if self.used.of(&tenant) >= self.slots.saturating_sub(self.used.total()) {
                self.turns.push_back(tenant);
                continue;
            }
            let next = self.next_of(&tenant, &is_wanted);
            if self.queues.get(&tenant).is_some_and(VecDeque::is_empty) {
                self.queues.remove(&tenant);
            } else {
                self.turns.push_back(tenant.clone());
            }
            if let Some(name) = next {
                self.used.add(&tenant, 1);
                return Some((tenant, name));
            }
        }
        None
    }

    fn next_of(&mut self, tenant: &Option<Tenant>, is_wanted: impl Fn(&str) -> bool) -> Option<Box<str>> {
        let queue = self.queues.get_mut(tenant)?;
        loop {
            let name = queue.pop_front()?;
            if is_wanted(&name) {
                return Some(name);
            }
        }
    }

    /// Returns the slot of a finished lookup.
    pub(super) fn release(&mut self, tenant: &Option<Tenant>) {
        self.used.remove(tenant, 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(name: &str) -> Option<Tenant> {
        Some(Tenant::from(name))
    }

    fn started(queue: &mut FairQueue) -> Vec<String> {
        std::iter::from_fn(|| queue.pop(|_| true)).map(|(_, name)| name.into()).collect()
    }

    #[test]
    fn one_tenant_takes_at_most_half_of_the_slots_and_the_next_half_of_the_rest() {
        for (slots, expected) in [(1, 1), (2, 1), (16, 8), (256, 128)] {
            let mut queue = FairQueue::new(slots);
            for number in 0..500 {
                assert!(queue.push(&tenant("greedy"), &number.to_string(), |_| true));
            }
            assert_eq!(started(&mut queue).len(), expected, "of {slots}");
            assert!(slots == 1 || (queue.push(&tenant("other"), "x", |_| true) && started(&mut queue) == ["x"]));
        }
    }

    #[test]
    fn tenants_take_turns_and_a_released_slot_is_used_again() {
        let mut queue = FairQueue::new(4);
        for (who, name) in [("a", "a1"), ("a", "a2"), ("a", "a3"), ("b", "b1")] {
            assert!(queue.push(&tenant(who), name, |_| true));
        }
        assert_eq!(started(&mut queue), ["a1", "b1", "a2"]);
        queue.release(&tenant("b"));
        assert_eq!(started(&mut queue), Vec::<String>::new(), "two are used, two are free");
        queue.release(&tenant("a"));
        assert_eq!(started(&mut queue), ["a3"]);
    }

    #[test]
    fn queues_are_bounded_and_unwanted_names_leave_them() {
        let mut queue = FairQueue::new(1);
        let mut push = |number: usize, wanted: bool| queue.push(&tenant("a"), &number.to_string(), |_| wanted);
        assert_eq!((0..1_000).filter(|number| push(*number, true)).count(), MAX_WAITING_PER_TENANT);
        assert!(push(1_000, false), "the other names are not wanted any more");
        assert_eq!(queue.pop(|_| true).map(|(_, name)| name), Some("1000".into()));
    }
}
