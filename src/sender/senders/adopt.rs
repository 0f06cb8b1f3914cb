//! Endpoints that come from another store, or may have gone to one.

use crate::endpoint::Endpoint;
use crate::sender::{EndpointError, Endpoints};

impl Endpoints<'_> {
    /// Stores an endpoint of another store, with everything that it has.
    pub(super) async fn adopt(&self, endpoint: Endpoint) -> Result<Endpoint, EndpointError> {
        self.check_adoption(&endpoint)?;
        self.put_as_is(endpoint).await
    }

    /// Fails if this sender lacks the retry policy or a scheme of the endpoint.
    pub(super) fn check_adoption(&self, endpoint: &Endpoint) -> Result<(), EndpointError> {
        self.check_policy(endpoint.retry.as_deref())?;
        self.check_schemes(&endpoint.schemes)
    }

    /// Stores a whole endpoint with its version.
    pub(super) async fn put_as_is(&self, endpoint: Endpoint) -> Result<Endpoint, EndpointError> {
        let put = self.shared.store.put(endpoint.clone()).await;
        let is_enabled = endpoint.is_enabled();
        let endpoint = self.stored(endpoint, put)?;
        if is_enabled {
            self.shared.engine.release_held(endpoint.id.into(), &self.shared.health.lane_policy(&endpoint));
        }
        Ok(endpoint)
    }

    /// Removes an endpoint that was read before, if it has this version, or any if `version` is `None` and it was not moved since then.
    pub(in crate::sender) async fn remove_known(
        &self,
        known: &Endpoint,
        version: Option<u64>,
    ) -> Result<(), EndpointError> {
        match self.remove_read(known.id, Some(&known.tenant), version.or(Some(known.version))).await {
            Err(EndpointError::Conflict) if version.is_none() => self.remove_at(known.id, None).await,
            done => done,
        }
    }
}
