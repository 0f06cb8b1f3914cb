//! How often a tenant may call a kind of tool.

use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::failure::Failure;
use crate::clock::{Clock as _, SystemClock, Timestamp};
use crate::id::Tenant;
use crate::worker::gcra::{Due, Quota};

/// When more tenants than this are remembered, tenants that have not called for a while are forgotten.
const MAX_TENANTS: usize = 10_000;

/// A limit on one kind of call, for each tenant.
pub(super) struct RateLimit {
    /// `None` if the rate is too high to be a limit.
    quota: Option<Quota>,
    tenants: Mutex<Tenants>,
}

struct Tenants {
    due: HashMap<Tenant, Due>,
    /// How many tenants are remembered before the idle ones are forgotten.
    most: usize,
}

impl fmt::Debug for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RateLimit")
    }
}

impl RateLimit {
    pub(super) fn per_minute(count: NonZeroU32) -> Self {
        let tenants = Tenants { due: HashMap::new(), most: MAX_TENANTS };
        Self { quota: Quota::new(count, Duration::from_secs(60)), tenants: Mutex::new(tenants) }
    }

    /// Counts a call, or fails with the time to wait.
    pub(super) fn take(&self, tenant: &Tenant) -> Result<(), Failure> {
        // The wall clock may step. Only differences matter here.
        self.take_at(tenant, Timestamp::EPOCH + SystemClock.uptime())
    }

    fn take_at(&self, tenant: &Tenant, now: Timestamp) -> Result<(), Failure> {
        let Some(quota) = self.quota else { return Ok(()) };
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        tenants.forget_idle(now);
        let due = tenants.due.get(tenant).copied().unwrap_or_default();
        let refused = |at: Timestamp| Failure::RateLimited { seconds: at.since(now).as_secs() + 1 };
        let next = quota.take(due, now).map_err(refused)?;
        tenants.due.insert(tenant.clone(), next);
        Ok(())
    }
}

impl Tenants {
    fn forget_idle(&mut self, now: Timestamp) {
        if self.due.len() < self.most {
            return;
        }
        self.due.retain(|_, due| !due.is_plain(now));
        // A sweep reads all tenants. If most of them are busy, the next sweep starts only when their number has doubled.
        self.most = MAX_TENANTS.max(self.due.len().saturating_mul(2));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tenant_has_its_own_limit_and_idle_tenants_are_forgotten() {
        let limit = RateLimit::per_minute(NonZeroU32::MIN);
        let tenant = |number: usize| Tenant::from(format!("tenant-{number}"));
        for number in 1..MAX_TENANTS {
            assert!(limit.take_at(&tenant(number), Timestamp::EPOCH).is_ok());
        }
        let again = limit.take_at(&tenant(1), Timestamp::from_secs(30));
        assert!(matches!(again, Err(Failure::RateLimited { seconds: 31 })));
        assert!(limit.take_at(&tenant(0), Timestamp::from_secs(30)).is_ok());
        assert!(limit.take_at(&tenant(1), Timestamp::from_secs(60)).is_ok());
        assert_eq!(limit.tenants.lock().unwrap().due.len(), 2);
    }
}
