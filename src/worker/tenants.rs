//! What each tenant holds of a thing that is scarce, so that none holds what the others need.
//!
//! Turns alone are not enough: whoever takes its turns with attempts that last holds, after a while, everything. So a tenant takes no
//! more than is left: of 256 slots one tenant gets 128, a second one 64, and there is always something free for the next. A tenant that
//! is alone leaves an eighth for whoever comes.

use super::tally::Tally;
use crate::id::Tenant;

/// How much each tenant holds. `None` is for lanes that belong to no tenant, such as the queues of an inbox.
#[derive(Debug, Default)]
pub(super) struct Tenants {
    held: Tally,
    /// The first one that was seen.
    first: Option<Tenant>,
    /// Whether another one was.
    several: bool,
}

impl Tenants {
    /// There is work of this tenant.
    pub(super) fn see(&mut self, tenant: Option<&Tenant>) {
        let Some(tenant) = tenant.filter(|_| !self.several) else { return };
        match &self.first {
            None => self.first = Some(tenant.clone()),
            Some(first) => self.several = first != tenant,
        }
    }

    /// How much all of them hold.
    pub(super) const fn total(&self) -> u32 {
        self.held.total()
    }

    /// It holds so much more.
    pub(super) fn add(&mut self, tenant: &Option<Tenant>, more: u32) {
        self.held.add(tenant, more);
    }

    /// It holds so much less.
    pub(super) fn remove(&mut self, tenant: &Option<Tenant>, fewer: u32) {
        self.held.remove(tenant, fewer);
    }

    /// How many more it may hold at once, where so much of `total` is free: afterwards it holds no more than it leaves.
    pub(super) fn allowance(&self, tenant: &Option<Tenant>, free: u32, total: u32, least: u32) -> u32 {
        let held = self.held.of(tenant);
        let more =
            if self.several { free.saturating_sub(held).div_ceil(2) } else { (total - total / 8).saturating_sub(held) };
        more.max(least.saturating_sub(held)).min(free)
    }

    /// Whether it may hold one more, where so much of `total` is free. It always may hold `least`.
    pub(super) fn may_hold(&self, tenant: &Option<Tenant>, free: u32, total: u32, least: u32) -> bool {
        let share = if self.several { free } else { total - total / 8 };
        self.held.of(tenant) < share.max(least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(name: &'static str) -> Option<Tenant> {
        Some(name.into())
    }

    /// Takes as much as it may, and returns how much.
    fn fill(tenants: &mut Tenants, tenant: &Option<Tenant>, free: &mut u32) -> u32 {
        let before = *free;
        while *free > 0 && tenants.may_hold(tenant, *free, 256, 1) {
            tenants.add(tenant, 1);
            *free -= 1;
        }
        before - *free
    }

    #[test]
    fn each_tenant_leaves_as_much_as_it_takes() {
        let (mut tenants, mut free) = (Tenants::default(), 256);
        let all = ["a", "b", "c", "d"].map(tenant);
        all.iter().for_each(|tenant| tenants.see(tenant.as_ref()));
        let taken = all.each_ref().map(|tenant| fill(&mut tenants, tenant, &mut free));
        assert_eq!((taken, free), ([128, 64, 32, 16], 16));
    }

    #[test]
    fn what_is_taken_at_once_is_no_more_than_what_is_taken_one_by_one() {
        let (mut tenants, a) = (Tenants::default(), tenant("a"));
        assert_eq!(tenants.allowance(&a, 256, 256, 16), 224);
        ["a", "b"].map(tenant).iter().for_each(|tenant| tenants.see(tenant.as_ref()));
        assert_eq!(tenants.allowance(&a, 256, 256, 16), 128);
        tenants.add(&a, 100);
        assert_eq!(tenants.allowance(&a, 156, 256, 16), 28);
        assert_eq!((tenants.allowance(&a, 20, 256, 16), tenants.allowance(&tenant("b"), 20, 256, 16)), (0, 16));
        assert_eq!(tenants.allowance(&tenant("b"), 3, 256, 16), 3, "no more than there is");
    }

    #[test]
    fn a_tenant_that_is_alone_leaves_an_eighth() {
        let (mut tenants, mut free) = (Tenants::default(), 256);
        tenants.see(tenant("a").as_ref());
        assert_eq!(fill(&mut tenants, &tenant("a"), &mut free), 224);
        tenants.see(tenant("b").as_ref());
        assert_eq!(fill(&mut tenants, &tenant("b"), &mut free), 16);
    }

    #[test]
    fn nothing_is_remembered_of_who_holds_nothing() {
        let mut tenants = Tenants::default();
        tenants.add(&tenant("a"), 3);
        tenants.remove(&tenant("a"), 3);
        tenants.add(&tenant("b"), 0);
        assert_eq!(tenants.total(), 0);
        assert!(tenants.may_hold(&tenant("a"), 0, 64, 1), "the first it always may");
    }
}
