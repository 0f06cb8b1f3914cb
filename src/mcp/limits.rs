//! How often a tenant may change callbacks, test and resend.

use std::fmt;
use std::num::NonZeroU32;

use governor::clock::{Clock, DefaultClock};
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

use super::failure::Failure;
use crate::id::Tenant;

/// So many tenants are remembered before those are forgotten who have not called for a while.
const MANY: usize = 10_000;

/// One kind of call.
pub(super) struct Limit(RateLimiter<Tenant, HashMapStateStore<Tenant>, DefaultClock>);

impl fmt::Debug for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Limit")
    }
}

impl Limit {
    pub(super) fn per_minute(count: NonZeroU32) -> Self {
        Self(RateLimiter::hashmap(Quota::per_minute(count)))
    }

    /// Counts a call, or says how long to wait.
    pub(super) fn take(&self, tenant: &Tenant) -> Result<(), Failure> {
        if self.0.len() >= MANY {
            self.0.retain_recent();
        }
        let refused = |not_until: governor::NotUntil<_>| {
            let wait = not_until.wait_time_from(DefaultClock::default().now());
            Failure::RateLimited { seconds: wait.as_secs() + 1 }
        };
        self.0.check_key(tenant).map_err(refused)
    }
}
