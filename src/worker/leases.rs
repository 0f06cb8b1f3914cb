//! The leases of a worker. A lease is kept until its delivery is settled or released.

use std::collections::HashMap;

use super::fair_share::FairShare;
use crate::clock::Timestamp;
use crate::delivery::Lease;
use crate::id::{DeliveryId, Tenant};

/// The number of leases that every tenant may hold, also when leases are scarce.
const LEAST: u32 = 16;

/// All leases, including those of unsettled deliveries.
#[derive(Debug)]
pub(super) struct Leases {
    total: u32,
    held: HashMap<DeliveryId, Held>,
    /// The number of leases of each tenant. It includes expected leases: of deliveries that are being appended, and of deliveries that a
    /// claim requests.
    by_tenant: FairShare,
}

#[derive(Debug)]
struct Held {
    fence: u64,
    until: Timestamp,
    tenant: Option<Tenant>,
}

impl Leases {
    pub(super) fn new(total: u32) -> Self {
        Self { total, held: HashMap::new(), by_tenant: FairShare::default() }
    }

    /// Records that this tenant has work.
    pub(super) fn see(&mut self, tenant: Option<&Tenant>) {
        self.by_tenant.see(tenant);
    }

    /// The number of free leases.
    pub(super) const fn free(&self) -> u32 {
        self.total.saturating_sub(self.by_tenant.total())
    }

    /// Whether a lane of this tenant may hold one more lease.
    pub(super) fn may_hold(&self, tenant: &Option<Tenant>) -> bool {
        self.by_tenant.may_hold(tenant, self.free(), self.total, LEAST)
    }

    /// The number of leases that a claim may request in a lane of this tenant.
    pub(super) fn allowance(&self, tenant: &Option<Tenant>) -> u32 {
        self.by_tenant.allowance(tenant, self.free(), self.total, LEAST)
    }

    /// Changes the number of expected leases of a lane from `before` to `after`.
    pub(super) fn recount(&mut self, tenant: &Option<Tenant>, before: u32, after: u32) {
        if after > before {
            self.by_tenant.add(tenant, after - before);
        } else if after < before {
            self.by_tenant.remove(tenant, before - after);
        }
    }

    /// Adds a lease. It replaces an earlier lease of the same delivery.
    pub(super) fn add(&mut self, lease: Lease, until: Timestamp, tenant: Option<Tenant>) {
        self.end(lease.delivery);
        self.by_tenant.add(&tenant, 1);
        self.held.insert(lease.delivery, Held { fence: lease.fence, until, tenant });
    }

    /// Removes the lease of a delivery, whatever its fence.
    pub(super) fn end(&mut self, delivery: DeliveryId) {
        if let Some(held) = self.held.remove(&delivery) {
            self.by_tenant.remove(&held.tenant, 1);
        }
    }

    /// Removes this lease, but not a later lease of the same delivery. Returns whether it was held.
    pub(super) fn forget(&mut self, lease: Lease) -> bool {
        let is_held = self.held.get(&lease.delivery).is_some_and(|held| held.fence == lease.fence);
        if is_held {
            self.end(lease.delivery);
        }
        is_held
    }

    /// Whether the lease is held and lasts longer than `now`.
    pub(super) fn is_valid(&self, lease: Lease, now: Timestamp) -> bool {
        self.held.get(&lease.delivery).is_some_and(|held| held.fence == lease.fence && held.until > now)
    }

    /// Returns the leases that end before `deadline`, in the order of their deliveries: a simulation repeats a run exactly.
    pub(super) fn ending(&self, deadline: Timestamp) -> Vec<Lease> {
        let ends = |(delivery, held): (&DeliveryId, &Held)| {
            (held.until < deadline).then_some(Lease { delivery: *delivery, fence: held.fence })
        };
        let mut ending: Vec<_> = self.held.iter().filter_map(ends).collect();
        ending.sort_unstable_by_key(|lease| lease.delivery);
        ending
    }

    /// Records that the store has extended this lease.
    pub(super) fn extend(&mut self, lease: Lease, until: Timestamp) {
        if let Some(held) = self.held.get_mut(&lease.delivery)
            && held.fence == lease.fence
        {
            held.until = until;
        }
    }

    /// Removes and returns all leases.
    pub(super) fn take_all(&mut self) -> Vec<Lease> {
        let all = self.ending(Timestamp::MAX);
        all.iter().for_each(|lease| self.end(lease.delivery));
        all
    }
}
