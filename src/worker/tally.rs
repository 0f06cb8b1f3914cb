//! A count for each tenant.

use std::collections::HashMap;

use crate::id::Tenant;

/// A count for each tenant, and their sum. `None` counts what has no tenant.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    held: HashMap<Option<Tenant>, u32>,
    total: u32,
}

impl Tally {
    /// The sum over all tenants.
    pub(crate) const fn total(&self) -> u32 {
        self.total
    }

    /// The count of this tenant.
    pub(crate) fn of(&self, tenant: &Option<Tenant>) -> u32 {
        self.held.get(tenant).copied().unwrap_or_default()
    }

    /// Raises the count of this tenant.
    pub(crate) fn add(&mut self, tenant: &Option<Tenant>, count: u32) {
        match self.held.get_mut(tenant) {
            Some(held) => *held += count,
            None if count > 0 => drop(self.held.insert(tenant.clone(), count)),
            None => {}
        }
        self.total += count;
    }

    /// Lowers the count of this tenant, at most to zero. A tenant whose count is zero is dropped.
    pub(crate) fn remove(&mut self, tenant: &Option<Tenant>, count: u32) {
        let Some(held) = self.held.get_mut(tenant) else { return };
        let count = count.min(*held);
        *held -= count;
        self.total -= count;
        if *held == 0 {
            self.held.remove(tenant);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_kept_by_tenant_and_in_total() {
        let (mut tally, [a, b]) = (Tally::default(), ["a", "b"].map(|name| Some(Tenant::from(name))));
        tally.add(&a, 3);
        tally.add(&b, 0);
        tally.add(&None, 1);
        tally.remove(&a, 1);
        assert_eq!((tally.of(&a), tally.of(&b), tally.of(&None), tally.total()), (2, 0, 1, 3));
        tally.remove(&a, 9);
        tally.remove(&b, 1);
        assert_eq!((tally.held.len(), tally.total()), (1, 1), "a count does not go below zero");
    }
}
