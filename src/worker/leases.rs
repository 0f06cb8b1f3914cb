//! The leases that a worker answers for: none of them is forgotten before it was settled or given back.

use std::collections::HashMap;

use super::tenants::Tenants;
use crate::clock::Timestamp;
use crate::delivery::Lease;
use crate::id::{DeliveryId, Tenant};

/// So many leases every tenant may hold.
const LEAST: u32 = 16;

/// Every lease, unsettled ones included.
#[derive(Debug)]
pub(super) struct Leases {
    most: u32,
    held: HashMap<DeliveryId, Held>,
    /// How many each tenant holds: leases, and room that is kept for deliveries that are being appended or asked for by a claim.
    tenants: Tenants,
}

#[derive(Debug)]
struct Held {
    fence: u64,
    until: Timestamp,
    tenant: Option<Tenant>,
}

impl Leases {
    pub(super) fn new(most: u32) -> Self {
        Self { most, held: HashMap::new(), tenants: Tenants::default() }
    }

    /// There is work of this tenant.
    pub(super) fn see(&mut self, tenant: Option<&Tenant>) {
        self.tenants.see(tenant);
    }

    /// How many more there may be.
    pub(super) const fn room(&self) -> u32 {
        self.most.saturating_sub(self.tenants.total())
    }

    /// Whether a lane of this tenant may have one more.
    pub(super) fn may_hold(&self, tenant: &Option<Tenant>) -> bool {
        self.tenants.may_hold(tenant, self.room(), self.most, LEAST)
    }

    /// How many more a lane of this tenant may ask for.
    pub(super) fn allowance(&self, tenant: &Option<Tenant>) -> u32 {
        self.tenants.allowance(tenant, self.room(), self.most, LEAST)
    }

    /// Keeps room for so many of this tenant.
    pub(super) fn reserve(&mut self, tenant: &Option<Tenant>, count: u32) {
        self.tenants.add(tenant, count);
    }

    pub(super) fn unreserve(&mut self, tenant: &Option<Tenant>, count: u32) {
        self.tenants.remove(tenant, count);
    }

    /// A lease over what was held of the delivery before.
    pub(super) fn add(&mut self, lease: Lease, until: Timestamp, tenant: Option<Tenant>) {
        self.end(lease.delivery);
        self.tenants.add(&tenant, 1);
        self.held.insert(lease.delivery, Held { fence: lease.fence, until, tenant });
    }

    /// Not answered for any more, whatever its fence.
    pub(super) fn end(&mut self, delivery: DeliveryId) {
        if let Some(held) = self.held.remove(&delivery) {
            self.tenants.remove(&held.tenant, 1);
        }
    }

    /// The same, unless the delivery has been claimed anew since. Whether it was held.
    pub(super) fn forget(&mut self, lease: Lease) -> bool {
        let is_held = self.held.get(&lease.delivery).is_some_and(|held| held.fence == lease.fence);
        if is_held {
            self.end(lease.delivery);
        }
        is_held
    }

    /// Whether it is held, and does not end before.
    pub(super) fn is_valid(&self, lease: Lease, now: Timestamp) -> bool {
        self.held.get(&lease.delivery).is_some_and(|held| held.fence == lease.fence && held.until > now)
    }

    /// Those that end before `deadline`.
    pub(super) fn ending(&self, deadline: Timestamp) -> Vec<Lease> {
        let ends = |(delivery, held): (&DeliveryId, &Held)| {
            (held.until < deadline).then_some(Lease { delivery: *delivery, fence: held.fence })
        };
        self.held.iter().filter_map(ends).collect()
    }

    /// It ends then.
    pub(super) fn extend(&mut self, lease: Lease, until: Timestamp) {
        if let Some(held) = self.held.get_mut(&lease.delivery)
            && held.fence == lease.fence
        {
            held.until = until;
        }
    }

    /// All of them; none is answered for any more.
    pub(super) fn take_all(&mut self) -> Vec<Lease> {
        let all = self.ending(Timestamp::MAX);
        all.iter().for_each(|lease| self.end(lease.delivery));
        all
    }
}
