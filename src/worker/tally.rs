//! How much each tenant holds of something.

use std::collections::HashMap;

use crate::id::Tenant;

/// A count for each tenant that holds any, and their sum. `None` is for what belongs to no tenant.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    held: HashMap<Option<Tenant>, u32>,
    total: u32,
}

impl Tally {
    /// How much all of them hold.
    pub(crate) const fn total(&self) -> u32 {
        self.total
    }

    /// How much this tenant holds.
    pub(crate) fn of(&self, tenant: &Option<Tenant>) -> u32 {
        self.held.get(tenant).copied().unwrap_or_default()
    }

    /// It holds so much more.
    pub(crate) fn add(&mut self, tenant: &Option<Tenant>, more: u32) {
        match self.held.get_mut(tenant) {
            Some(held) => *held += more,
            None if more > 0 => drop(self.held.insert(tenant.clone(), more)),
            None => {}
        }
        self.total += more;
    }

    /// It holds so much less. Nothing is remembered of a tenant that holds nothing.
    pub(crate) fn remove(&mut self, tenant: &Option<Tenant>, fewer: u32) {
        let Some(held) = self.held.get_mut(tenant) else { return };
        let fewer = fewer.min(*held);
        *held -= fewer;
        self.total -= fewer;
        if *held == 0 {
            self.held.remove(tenant);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_counts_by_tenant_and_in_all_and_forgets_who_holds_nothing() {
        let (mut tally, [a, b]) = (Tally::default(), ["a", "b"].map(|name| Some(Tenant::from(name))));
        tally.add(&a, 3);
        tally.add(&b, 0);
        tally.add(&None, 1);
        tally.remove(&a, 1);
        assert_eq!((tally.of(&a), tally.of(&b), tally.of(&None), tally.total()), (2, 0, 1, 3));
        tally.remove(&a, 9);
        tally.remove(&b, 1);
        assert_eq!((tally.held.len(), tally.total()), (1, 1), "no more than it holds");
    }
}
