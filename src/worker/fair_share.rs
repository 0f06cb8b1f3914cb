//! The share of a scarce resource (slots, leases) that one tenant may hold, so that some is left for the others.
//!
//! Turns alone are not enough: a tenant whose attempts take long would hold every slot after a while. Therefore a tenant may hold at most
//! as much as it leaves free: of 256 slots the first tenant gets 128, the second 64, and some are always free for the next. If a worker has
//! only one tenant, an eighth remains free for a tenant that may come.

use super::tally::Tally;
use crate::id::Tenant;

/// How much each tenant holds. `None` counts lanes without a tenant, such as the queues of an inbox.
#[derive(Debug, Default)]
pub(super) struct FairShare {
    held: Tally,
    /// The first tenant that was seen.
    first: Option<Tenant>,
    /// Whether a second tenant was seen.
    several: bool,
}

impl FairShare {
    /// Records that this tenant has work.
    pub(super) fn see(&mut self, tenant: Option<&Tenant>) {
        let Some(tenant) = tenant.filter(|_| !self.several) else { return };
        match &self.first {
            None => self.first = Some(tenant.clone()),
            Some(first) => self.several = first != tenant,
        }
    }

    /// How much all tenants hold together.
    pub(super) const fn total(&self) -> u32 {
        self.held.total()
    }

    pub(super) fn add(&mut self, tenant: &Option<Tenant>, count: u32) {
        self.held.add(tenant, count);
    }

    pub(super) fn remove(&mut self, tenant: &Option<Tenant>, count: u32) {
        self.held.remove(tenant, count);
    }

    /// How many more the tenant may take at once, if `free` of `total` are free. Afterwards it must not hold more than it leaves
    /// free. Every tenant may hold `least`.
    pub(super) fn allowance(&self, tenant: &Option<Tenant>, free: u32, total: u32, least: u32) -> u32 {
        let held = self.held.of(tenant);
        let more =
            if self.several { free.saturating_sub(held).div_ceil(2) } else { (total - total / 8).saturating_sub(held) };
        more.max(least.saturating_sub(held)).min(free)
    }

    /// Whether the tenant may hold one more, if `free` of `total` are free. Every tenant may hold `least`.
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

    /// Takes as much as the tenant may hold, and returns how much that was.
    fn fill(shares: &mut FairShare, tenant: &Option<Tenant>, free: &mut u32) -> u32 {
        let before = *free;
        while *free > 0 && shares.may_hold(tenant, *free, 256, 1) {
            shares.add(tenant, 1);
            *free -= 1;
        }
        before - *free
    }

    #[test]
    fn each_tenant_leaves_as_much_as_it_takes() {
        let (mut shares, mut free) = (FairShare::default(), 256);
        let all = ["a", "b", "c", "d"].map(tenant);
        all.iter().for_each(|tenant| shares.see(tenant.as_ref()));
        let taken = all.each_ref().map(|tenant| fill(&mut shares, tenant, &mut free));
        assert_eq!((taken, free), ([128, 64, 32, 16], 16));
    }

    #[test]
    fn taking_at_once_gets_no_more_than_taking_one_by_one() {
        let (mut shares, a) = (FairShare::default(), tenant("a"));
        assert_eq!(shares.allowance(&a, 256, 256, 16), 224);
        ["a", "b"].map(tenant).iter().for_each(|tenant| shares.see(tenant.as_ref()));
        assert_eq!(shares.allowance(&a, 256, 256, 16), 128);
        shares.add(&a, 100);
        assert_eq!(shares.allowance(&a, 156, 256, 16), 28);
        assert_eq!((shares.allowance(&a, 20, 256, 16), shares.allowance(&tenant("b"), 20, 256, 16)), (0, 16));
        assert_eq!(shares.allowance(&tenant("b"), 3, 256, 16), 3, "not more than is free");
    }

    #[test]
    fn the_only_tenant_leaves_an_eighth() {
        let (mut shares, mut free) = (FairShare::default(), 256);
        shares.see(tenant("a").as_ref());
        assert_eq!(fill(&mut shares, &tenant("a"), &mut free), 224);
        shares.see(tenant("b").as_ref());
        assert_eq!(fill(&mut shares, &tenant("b"), &mut free), 16);
    }

    #[test]
    fn a_tenant_that_holds_nothing_is_forgotten() {
        let mut shares = FairShare::default();
        shares.add(&tenant("a"), 3);
        shares.remove(&tenant("a"), 3);
        shares.add(&tenant("b"), 0);
        assert_eq!(shares.total(), 0);
        assert!(shares.may_hold(&tenant("a"), 0, 64, 1), "the least is always allowed");
    }
}
