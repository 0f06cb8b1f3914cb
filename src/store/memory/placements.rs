//! Which of several stores has a tenant, in memory.

use std::ops::Bound;

use async_trait::async_trait;

use super::MemoryStore;
use crate::id::Tenant;
use crate::store::{Placement, Placements, StoreError};

#[async_trait]
impl Placements for MemoryStore {
    async fn placement(&self, tenant: &Tenant) -> Result<Option<Placement>, StoreError> {
        Ok(self.tables().placements.get(tenant).cloned())
    }

    async fn place(&self, tenant: &Tenant, placement: &Placement) -> Result<bool, StoreError> {
        let placements = &mut self.tables().placements;
        let stored = placements.get(tenant).map_or(0, |stored| stored.version);
        let is_next = placement.version == stored + 1;
        if is_next {
            placements.insert(tenant.clone(), placement.clone());
        }
        Ok(is_next)
    }

    async fn moving(&self, after: Option<&Tenant>, limit: u32) -> Result<Vec<(Tenant, Placement)>, StoreError> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let tables = self.tables();
        let moving =
            tables.placements.range((from, Bound::Unbounded)).filter(|(_, placement)| placement.moving_to.is_some());
        Ok(moving.take(limit as usize).map(|(tenant, placement)| (tenant.clone(), placement.clone())).collect())
    }
}
