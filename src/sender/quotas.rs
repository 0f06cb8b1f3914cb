//! The limits of one tenant in a sender.

use std::num::NonZeroU32;

use crate::endpoint::Limits;

/// How much one tenant may store, and which limits it may set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quotas {
    pub(super) payload_bytes: usize,
    pub(super) endpoints_per_tenant: usize,
    /// The highest limits that tenants may set on their own endpoints.
    pub(super) endpoint_limits: Limits,
    pub(super) backlog: Backlog,
}

/// The number of pending deliveries at which the owner of an endpoint cannot replay more.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backlog {
    pub(super) per_endpoint: u32,
    pub(super) per_tenant: u32,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            payload_bytes: 1024 * 1024,
            endpoints_per_tenant: 1_000,
            endpoint_limits: Limits { concurrency: NonZeroU32::MIN.saturating_add(63), rate: None },
            backlog: Backlog { per_endpoint: 10_000, per_tenant: 100_000 },
        }
    }
}
