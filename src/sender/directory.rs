//! A cache of endpoint records: bounded, and refreshed after a short time.

use std::sync::Arc;
use std::time::Duration;

use quick_cache::sync::Cache;

use crate::clock::{Clock, Timestamp};
use crate::endpoint::Endpoint;
use crate::id::{EndpointId, Tenant};
use crate::store::{Store, StoreError};

/// The number of tenants and endpoints that are cached.
const CAPACITY: usize = 10_000;

type Aged<T> = (Timestamp, T);

#[derive(Debug)]
pub(super) struct CachedDirectory {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    fresh_for: Duration,
    tenants: Cache<Tenant, Aged<Arc<[Arc<Endpoint>]>>>,
    endpoints: Cache<EndpointId, Aged<Option<Arc<Endpoint>>>>,
}

impl CachedDirectory {
    pub(super) fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, fresh_for: Duration) -> Self {
        Self { store, clock, fresh_for, tenants: Cache::new(CAPACITY), endpoints: Cache::new(CAPACITY) }
    }

    fn is_fresh(&self, read_at: Timestamp, now: Timestamp) -> bool {
        // If the clock was set back, the entry counts as stale; otherwise it could count as fresh for hours.
        read_at <= now && now.since(read_at) < self.fresh_for
    }

    /// Reads all endpoints of a tenant, including disabled ones.
    pub(super) async fn of_tenant(&self, tenant: &Tenant) -> Result<Arc<[Arc<Endpoint>]>, StoreError> {
        let now = self.clock.now();
        if let Some((read_at, endpoints)) = self.tenants.get(tenant)
            && self.is_fresh(read_at, now)
        {
            return Ok(endpoints);
        }
        let endpoints: Arc<[_]> = self.store.of_tenant(tenant).await?.into();
        self.tenants.insert(tenant.clone(), (now, endpoints.clone()));
        Ok(endpoints)
    }

    /// Reads one endpoint. Returns `None` if it is unknown or removed.
    pub(super) async fn endpoint(&self, id: EndpointId) -> Result<Option<Arc<Endpoint>>, StoreError> {
        let now = self.clock.now();
        if let Some((read_at, endpoint)) = self.endpoints.get(&id)
            && self.is_fresh(read_at, now)
        {
            return Ok(endpoint);
        }
        let endpoint = self.store.get(id).await?;
        self.endpoints.insert(id, (now, endpoint.clone()));
        Ok(endpoint)
    }

    /// Drops the cached data of an endpoint that has changed. Returns its tenant, if that is known.
    pub(super) fn forget(&self, id: EndpointId, tenant: Option<&Tenant>) -> Option<Tenant> {
        let known = self.endpoints.remove(&id).and_then(|(_, (_, endpoint))| endpoint);
        let tenant = tenant.cloned().or_else(|| known.map(|endpoint| endpoint.tenant.clone()))?;
        self.tenants.remove(&tenant);
        Some(tenant)
    }

    /// The tenant of the endpoint, if the record is cached.
    pub(super) fn tenant_of(&self, id: EndpointId) -> Option<Tenant> {
        self.endpoints.get(&id)?.1.map(|endpoint| endpoint.tenant.clone())
    }
}
