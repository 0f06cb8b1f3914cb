//! The placements of the simple store, with faults.

use async_trait::async_trait;
use hookwire::clock::Timestamp;
use hookwire::id::Tenant;
use hookwire::store::{Placement, Placements, StoreError};

use super::bug::Bug;
use super::db::Db;
use super::roles::Simple;

impl Db {
    fn place_key(&self, tenant: &Tenant) -> String {
        if self.has(Bug::PlacementsFoldTenants) { tenant.as_str().to_lowercase() } else { tenant.as_str().into() }
    }

    fn may_place(&self, tenant: &Tenant, version: u64) -> bool {
        let stored = self.placements.get(&self.place_key(tenant)).map(|(_, placement)| placement.version);
        match (stored, self.bug) {
            (_, Some(Bug::PlaceIgnoresTheVersion)) => true,
            (Some(stored), Some(Bug::PlaceTakesTheSameVersion)) => version == stored || version == stored + 1,
            (Some(stored), Some(Bug::PlaceTakesLaterVersions)) => version > stored,
            (None, Some(Bug::FirstPlaceTakesAnyVersion)) => true,
            (stored, _) => version == stored.unwrap_or(0) + 1,
        }
    }

    fn place(&mut self, tenant: &Tenant, mut placement: Placement) {
        let before = self.placements.get(&self.place_key(tenant)).map(|(_, before)| before.clone());
        match self.bug {
            Some(Bug::PlacementLosesTheMove) => placement.moving_to = None,
            Some(Bug::PlacementIsNeverFrozen) => placement.is_frozen = false,
            Some(Bug::PlacementLosesTheOrigin) => placement.former.truncate(1),
            Some(Bug::PlacementLosesTheTime) => placement.former.iter_mut().for_each(|(_, at)| *at = Timestamp::EPOCH),
            Some(Bug::PlacementKeepsTheMove) => {
                placement.moving_to = placement.moving_to.or_else(|| before.and_then(|before| before.moving_to));
            }
            _ => {}
        }
        self.placements.insert(self.place_key(tenant), (tenant.clone(), placement));
    }

    fn moving(&self, after: Option<&Tenant>, limit: u32) -> Vec<(Tenant, Placement)> {
        let after = after.map(|after| self.place_key(after));
        let includes = self.has(Bug::MovingRepeatsTheCursor);
        let is_after = |key: &String| after.as_ref().is_none_or(|after| key > after || (includes && key == after));
        let all = self.has(Bug::MovingListsAll);
        let found = self.placements.iter().filter(|(key, _)| is_after(key));
        let mut found: Vec<_> = found
            .filter(|(_, (_, placement))| all || placement.moving_to.is_some())
            .map(|(_, (tenant, placement))| (tenant.clone(), placement.clone()))
            .collect();
        if self.has(Bug::MovingIsNewestFirst) {
            found.reverse();
        }
        if !self.has(Bug::MovingIgnoresTheLimit) {
            found.truncate(limit as usize);
        }
        found
    }
}

#[async_trait]
impl Placements for Simple {
    async fn placement(&self, tenant: &Tenant) -> Result<Option<Placement>, StoreError> {
        Ok(self.read(|db| db.placements.get(&db.place_key(tenant)).map(|(_, placement)| placement.clone())).await)
    }

    async fn place(&self, tenant: &Tenant, placement: &Placement) -> Result<bool, StoreError> {
        let (version, placement) = (placement.version, placement.clone());
        if self.read(|db| db.has(Bug::UnlockedPlace)).await {
            let may = self.read(|db| db.may_place(tenant, version)).await;
            tokio::task::yield_now().await;
            if may {
                self.change(|db| db.place(tenant, placement)).await;
            }
            return Ok(may);
        }
        let change = |db: &mut Db| {
            let may = db.may_place(tenant, version);
            if may {
                db.place(tenant, placement);
            }
            may
        };
        Ok(self.change(change).await)
    }

    async fn moving(&self, after: Option<&Tenant>, limit: u32) -> Result<Vec<(Tenant, Placement)>, StoreError> {
        Ok(self.read(|db| db.moving(after, limit)).await)
    }
}
