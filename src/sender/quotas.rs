//! The limits of one tenant in a sender.

use std::num::NonZeroU32;
use std::sync::Arc;

use crate::endpoint::{Endpoint, Limits};
use crate::id::EndpointId;
use crate::store::{Store, StoreError};

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

impl Backlog {
    /// The lower one of the two limits.
    pub(super) fn least(self) -> u64 {
        self.per_endpoint.min(self.per_tenant).into()
    }

    /// The number of further deliveries that may be pending for a tenant with these endpoints, and for this one of them.
    pub(super) async fn free(
        self,
        store: &dyn Store,
        of_tenant: &[Arc<Endpoint>],
        endpoint: Option<EndpointId>,
    ) -> Result<u64, StoreError> {
        let here = match endpoint {
            Some(id) => self.per_endpoint.saturating_sub(store.backlog(&[id.into()], self.per_endpoint).await?),
            None => u32::MAX,
        };
        let of_tenant: Vec<_> = of_tenant.iter().map(|endpoint| endpoint.id.into()).collect();
        let all = self.per_tenant.saturating_sub(store.backlog(&of_tenant, self.per_tenant).await?);
        Ok(here.min(all).into())
    }
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
