//! The directory in memory.

use std::ops::Bound;
use std::sync::Arc;

use async_trait::async_trait;

use super::MemoryStore;
use crate::clock::Timestamp;
use crate::endpoint::{Endpoint, Health};
use crate::id::{EndpointId, Tenant};
use crate::store::{Directory, Put, StoreError};

#[async_trait]
impl Directory for MemoryStore {
    async fn put(&self, endpoint: Endpoint) -> Result<Put, StoreError> {
        let mut tables = self.tables();
        let (expected, health) = match tables.endpoints.get(&endpoint.id) {
            None => (1, Health::default()),
            Some(Some(kept)) if !kept.is_enabled() && endpoint.is_enabled() => {
                (kept.version + 1, kept.health.forgiven())
            }
            Some(Some(kept)) => (kept.version + 1, kept.health),
            Some(None) => return Ok(Put::VersionConflict),
        };
        if endpoint.version != expected {
            return Ok(Put::VersionConflict);
        }
        let endpoint = Endpoint { health, ..endpoint };
        tables.tenants.entry(endpoint.tenant.clone()).or_default().insert(endpoint.id);
        tables.endpoints.insert(endpoint.id, Some(Arc::new(endpoint)));
        Ok(Put::Stored)
    }

    async fn get(&self, id: EndpointId) -> Result<Option<Arc<Endpoint>>, StoreError> {
        Ok(self.tables().endpoints.get(&id).cloned().flatten())
    }

    async fn list(
        &self,
        tenant: Option<&Tenant>,
        after: Option<EndpointId>,
        limit: u32,
    ) -> Result<Vec<Arc<Endpoint>>, StoreError> {
        let tables = self.tables();
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let live = tables.endpoints.range((start, Bound::Unbounded)).filter_map(|(_, kept)| kept.as_ref());
        let wanted = live.filter(|endpoint| tenant.is_none_or(|tenant| endpoint.tenant == *tenant));
        Ok(wanted.take(limit as usize).cloned().collect())
    }

    async fn of_tenant(&self, tenant: &Tenant) -> Result<Vec<Arc<Endpoint>>, StoreError> {
        let tables = self.tables();
        let ids = tables.tenants.get(tenant).into_iter().flatten();
        Ok(ids.filter_map(|id| tables.endpoints.get(id).cloned().flatten()).collect())
    }

    async fn remove(&self, id: EndpointId, now: Timestamp) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        let Some(endpoint) = tables.endpoints.get_mut(&id).and_then(Option::take) else { return Ok(false) };
        if let Some(ids) = tables.tenants.get_mut(&endpoint.tenant) {
            ids.remove(&id);
        }
        tables.cancel_lane(id.into(), now);
        Ok(true)
    }
}
