//! The directory in memory.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

use async_trait::async_trait;

use super::MemoryStore;
use super::tables::Tables;
use crate::clock::Timestamp;
use crate::endpoint::{Endpoint, Health};
use crate::id::{EndpointId, Tenant};
use crate::store::{Directory, PutResult, Removal, StoreError, StoreErrorKind};

#[async_trait]
impl Directory for MemoryStore {
    async fn put(&self, endpoint: Endpoint) -> Result<PutResult, StoreError> {
        put(&mut self.tables(), endpoint)
    }

    async fn create(&self, endpoint: Endpoint, limit: u32) -> Result<PutResult, StoreError> {
        let mut tables = self.tables();
        if tables.tenants.get(&endpoint.tenant).map_or(0, BTreeSet::len) >= limit as usize {
            return Ok(PutResult::TooMany);
        }
        put(&mut tables, endpoint)
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

    async fn remove(&self, id: EndpointId, version: Option<u64>, now: Timestamp) -> Result<Removal, StoreError> {
        let mut tables = self.tables();
        let Some(kept) = tables.endpoints.get_mut(&id) else { return Ok(Removal::NotFound) };
        if kept.as_ref().is_some_and(|kept| version.is_some_and(|version| version != kept.version)) {
            return Ok(Removal::VersionConflict);
        }
        let Some(endpoint) = kept.take() else { return Ok(Removal::NotFound) };
        if let Some(ids) = tables.tenants.get_mut(&endpoint.tenant) {
            ids.remove(&id);
        }
        tables.removed.insert(id, endpoint.tenant.clone());
        tables.cancel_lane(id.into(), now);
        Ok(Removal::Removed)
    }
}

fn put(tables: &mut Tables, endpoint: Endpoint) -> Result<PutResult, StoreError> {
    let (expected, health) = match tables.endpoints.get(&endpoint.id) {
        None => (1, Health::default()),
        Some(Some(kept)) if !kept.is_enabled() && endpoint.is_enabled() => (kept.version + 1, kept.health.cleared()),
        Some(Some(kept)) => (kept.version + 1, kept.health),
        Some(None) => return Ok(PutResult::VersionConflict),
    };
    if endpoint.version != expected {
        return Ok(PutResult::VersionConflict);
    }
    if tables.endpoints.get(&endpoint.id).and_then(Option::as_ref).is_some_and(|kept| kept.tenant != endpoint.tenant) {
        return Err(StoreError::new(StoreErrorKind::Invalid));
    }
    let endpoint = Endpoint { health, ..endpoint };
    tables.tenants.entry(endpoint.tenant.clone()).or_default().insert(endpoint.id);
    tables.endpoints.insert(endpoint.id, Some(Arc::new(endpoint)));
    Ok(PutResult::Stored)
}
