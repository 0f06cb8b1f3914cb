//! Rollups within a scope.

use super::Scoped;
use crate::clock::Timestamp;
use crate::endpoint::Endpoint;
use crate::id::{LaneId, Tenant, Work};
use crate::store::{FailureList, FailureQuery, Rollup, RollupGroup, RollupStep, StoreError};

impl Scoped {
    /// Reads what happened in each minute or hour that begins at `from` or later, and before `to`: for all deliveries in scope, or for those
    /// of one tenant. Minutes and hours without attempts are left out. The list is empty if the tenant is out of scope. A worker adds new
    /// attempts after some seconds, at most a minute.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use hookwire::clock::Timestamp;
    /// use hookwire::sender::{Scope, Sender};
    /// use hookwire::store::{MemoryStore, RollupStep};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let sender = Sender::builder(MemoryStore::new()).build()?;
    /// let noon = Timestamp::from_secs(1_700_000_000);
    /// let hours = sender.scoped(Scope::tenant("acme")).rollups(None, RollupStep::Hour, noon - Duration::from_secs(86_400), noon).await?;
    /// assert_eq!(hours.iter().map(|hour| hour.failed).sum::<u64>(), 0);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    pub async fn rollups(
        &self,
        tenant: Option<&Tenant>,
        step: RollupStep,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Rollup>, StoreError> {
        let Some(listed) = self.listed(tenant) else { return Ok(Vec::new()) };
        let group = listed.map_or(RollupGroup::All(Work::Sent), |tenant| RollupGroup::Tenant(tenant.clone()));
        let mut found = self.sender.shared.store.rollups(&[group], step, from, to).await?;
        Ok(found.pop().unwrap_or_default())
    }

    /// Like [`rollups`](Self::rollups), for each of these endpoints, in order. The list of an endpoint that is out of scope is empty.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    pub async fn endpoint_rollups(
        &self,
        endpoints: &[&Endpoint],
        step: RollupStep,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Vec<Rollup>>, StoreError> {
        let lane = |endpoint: &&Endpoint| RollupGroup::Lane(LaneId::from(endpoint.id));
        let covered: Vec<_> = endpoints.iter().map(|endpoint| self.scope.covers(&endpoint.tenant)).collect();
        let groups: Vec<_> =
            endpoints.iter().zip(&covered).filter(|(_, is_covered)| **is_covered).map(|(one, _)| lane(one)).collect();
        let mut found = self.sender.shared.store.rollups(&groups, step, from, to).await?.into_iter();
        let list = |is_covered: &bool| if *is_covered { found.next().unwrap_or_default() } else { Vec::new() };
        Ok(covered.iter().map(list).collect())
    }

    /// Reads deliveries that failed finally, in groups: by endpoint, outcome, reason and the [shape](crate::store::FailureKind::shape_of) of
    /// the response. So a broken release of one endpoint is one group. The largest group comes first, and groups of all hours in the span
    /// are merged. [`FailureList::from`] says since when every failure is counted. The list is empty if the tenant of the query is out of
    /// scope; a tenant never gets groups of another tenant. A worker adds new failures after some seconds, at most a minute, and keeps them
    /// for 90 days. An end later than an hour from now means an hour from now.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use hookwire::clock::Timestamp;
    /// use hookwire::sender::{Scope, Sender};
    /// use hookwire::store::{FailureQuery, MemoryStore};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let sender = Sender::builder(MemoryStore::new()).build()?;
    /// let noon = Timestamp::from_secs(1_700_000_000);
    /// let query = FailureQuery::between(noon - Duration::from_secs(86_400), noon);
    /// for group in sender.scoped(Scope::tenant("acme")).failures(query).await?.groups {
    ///     println!("{} × {:?} at {}", group.count, group.kind.outcome, group.endpoint);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    pub async fn failures(&self, mut query: FailureQuery) -> Result<FailureList, StoreError> {
        // A span is cut to its last part, and nothing fails in the future. The clock of the store may be ahead of this one.
        query.to = query.to.min(self.now() + RollupStep::Hour.length());
        let Some(tenant) = self.listed(query.tenant.as_ref()).map(Option::<&Tenant>::cloned) else {
            return Ok(FailureList::merged(&query, []));
        };
        query.tenant = tenant;
        self.sender.shared.store.failures(&query).await
    }
}
