//! Endpoints within a scope.

use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use super::super::change::{EndpointChange, not_moved};
use super::super::dispatch::Receipt;
use super::super::endpoints::{Endpoints, PreparedKey, is_unproven};
use super::super::error::EndpointError;
use super::super::operate::Stats;
use super::super::ownership::Ownership;
use super::super::replay::Replay;
use super::Scoped;
use super::audit::AuditedChange;
use crate::delivery::Attempt;
use crate::endpoint::{Endpoint, NewEndpoint};
use crate::id::{EndpointId, Tenant};
use crate::secret::Key;
use crate::store::{StoreError, StoreErrorKind};

impl Scoped {
    /// Reads one endpoint.
    ///
    /// # Errors
    /// Returns [`EndpointError::NotFound`] if there is no such endpoint in scope, and [`EndpointError::Store`] if the store fails.
    pub async fn endpoint(&self, id: EndpointId) -> Result<Arc<Endpoint>, EndpointError> {
        let endpoint = self.sender.endpoints().get(id).await?;
        if self.scope.covers(&endpoint.tenant) { Ok(endpoint) } else { Err(EndpointError::NotFound) }
    }

    /// Reads an endpoint before it is changed.
    async fn endpoint_for_change(&self, id: EndpointId) -> Result<Arc<Endpoint>, EndpointError> {
        self.writable(EndpointError::ReadOnly)?;
        let endpoint = self.endpoint(id).await?;
        not_moved(&endpoint).map(|()| endpoint)
    }

    /// Fails if the caller may not change this endpoint.
    pub(super) fn may_change(&self, endpoint: &Endpoint) -> Result<(), EndpointError> {
        self.writable(EndpointError::ReadOnly)?;
        if self.scope.covers(&endpoint.tenant) { not_moved(endpoint) } else { Err(EndpointError::NotFound) }
    }

    /// Lists endpoints in the order of creation, a page at a time: of the named tenant, or of every tenant in scope. See
    /// [`Endpoints::list`](crate::sender::Endpoints::list).
    ///
    /// ```
    /// use hookwire::endpoint::NewEndpoint;
    /// use hookwire::sender::{Scope, Sender};
    /// use hookwire::store::MemoryStore;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let sender = Sender::builder(MemoryStore::new()).build()?;
    /// let operator = sender.scoped(Scope::operator());
    /// for tenant in ["acme", "other"] {
    ///     operator.create(NewEndpoint::https("https://acme.example/hooks")?.tenant(tenant)).await?;
    /// }
    /// assert_eq!(operator.endpoints(None, None, 100).await?.len(), 2);
    /// assert_eq!(operator.endpoints(Some(&"acme".into()), None, 100).await?.len(), 1);
    /// assert_eq!(sender.scoped(Scope::tenant("acme")).endpoints(None, None, 100).await?.len(), 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Returns [`EndpointError::Store`] if the store fails.
    pub async fn endpoints(
        &self,
        tenant: Option<&Tenant>,
        after: Option<EndpointId>,
        limit: u32,
    ) -> Result<Vec<Arc<Endpoint>>, EndpointError> {
        match self.listed(tenant) {
            Some(tenant) => self.sender.endpoints().list(tenant, after, limit).await,
            None => Ok(Vec::new()),
        }
    }

    /// Returns all endpoints of a tenant.
    pub(crate) async fn endpoints_of(&self, tenant: &Tenant) -> Result<Vec<Arc<Endpoint>>, StoreError> {
        if self.scope.covers(tenant) { self.sender.shared.store.of_tenant(tenant).await } else { Ok(Vec::new()) }
    }

    /// Creates an endpoint. See [`Endpoints::create`](crate::sender::Endpoints::create).
    ///
    /// # Errors
    /// Returns [`EndpointError::ReadOnly`] if the caller may only read, [`EndpointError::AboveCeiling`] if a tenant sets limits above [the
    /// highest allowed ones](crate::sender::SenderBuilder::max_limits_of_tenants); otherwise the errors of
    /// [`Endpoints::create`](crate::sender::Endpoints::create).
    pub async fn create(&self, new: NewEndpoint) -> Result<Endpoint, EndpointError> {
        self.create_as(new, EndpointId::generate(self.now())).await
    }

    /// Creates an endpoint with this id. Returns a conflict if the id is taken, so that a request that is sent twice creates one endpoint.
    pub(crate) async fn create_as(&self, new: NewEndpoint, id: EndpointId) -> Result<Endpoint, EndpointError> {
        let (new, tenant) = self.own_endpoint(new, id)?;
        let change = AuditedChange::new("endpoint.create", &tenant, id);
        let endpoints = self.sender.endpoints();
        self.audited(change, async {
            match self.scope.as_tenant() {
                Some(_) => endpoints.create_for_owner(new).await,
                None => endpoints.create(new).await,
            }
        })
        .await
    }

    /// Assigns a new endpoint to the caller's tenant and gives it an id. Returns its tenant too.
    fn own_endpoint(&self, mut new: NewEndpoint, id: EndpointId) -> Result<(NewEndpoint, Tenant), EndpointError> {
        self.writable(EndpointError::ReadOnly)?;
        if let Some(own) = self.scope.as_tenant() {
            new = new.tenant(own.clone());
        }
        new.tenant.check().map_err(EndpointError::Tenant)?;
        new.id = Some(id);
        let tenant = new.tenant.clone();
        Ok((new, tenant))
    }

    /// Creates an endpoint of the caller's tenant. `ownership` sets how the owner of the target is asked.
    pub(crate) async fn create_verified_by(
        &self,
        new: NewEndpoint,
        ownership: &Ownership,
    ) -> Result<Endpoint, EndpointError> {
        let id = EndpointId::generate(self.now());
        let (new, tenant) = self.own_endpoint(new, id)?;
        let change = AuditedChange::new("endpoint.create", &tenant, id);
        self.audited(change, self.sender.endpoints().create_verified_by(new, ownership)).await
    }

    /// Changes an endpoint. The endpoint is read once.
    ///
    /// # Errors
    /// Returns [`EndpointError::ReadOnly`] if the caller may only read; otherwise the errors of
    /// [`Endpoints::update`](crate::sender::Endpoints::update).
    pub async fn update(&self, id: EndpointId, change: EndpointChange) -> Result<Endpoint, EndpointError> {
        let endpoint = self.endpoint_for_change(id).await?;
        self.update_read(&endpoint, change).await
    }

    /// Changes an endpoint that was read before.
    pub(crate) async fn update_read(
        &self,
        endpoint: &Endpoint,
        change: EndpointChange,
    ) -> Result<Endpoint, EndpointError> {
        self.may_change(endpoint)?;
        let change = if self.scope.as_tenant().is_some() { change.for_owner() } else { change };
        let audited = AuditedChange::new("endpoint.update", &endpoint.tenant, endpoint.id).detail(change.fields());
        self.audited(audited, self.sender.endpoints().update_read(endpoint, change)).await
    }

    /// Returns the secret that the owner of an endpoint needs. See [`Endpoints::secret`](crate::sender::Endpoints::secret).
    ///
    /// # Errors
    /// Returns [`EndpointError::ReadOnly`] if the caller may only read, because a secret signs requests, and
    /// [`EndpointError::NotFound`] if the endpoint is out of scope.
    pub fn secret(&self, endpoint: &Endpoint) -> Result<Zeroizing<String>, EndpointError> {
        self.may_change(endpoint)?;
        Ok(Endpoints::secret(endpoint))
    }

    /// Gives an endpoint a fresh key. See [`Endpoints::renew_key`](crate::sender::Endpoints::renew_key).
    ///
    /// # Errors
    /// Returns [`EndpointError::ReadOnly`] if the caller may only read; otherwise the errors of
    /// [`Endpoints::renew_key`](crate::sender::Endpoints::renew_key).
    pub async fn renew_key(&self, id: EndpointId, overlap: Duration) -> Result<Endpoint, EndpointError> {
        let prepared = self.prepare_key(id, overlap).await?;
        self.store_key(prepared).await
    }

    /// Generates a key without storing it, so that its secret can be handed over first.
    pub(crate) async fn prepare_key(&self, id: EndpointId, overlap: Duration) -> Result<PreparedKey, EndpointError> {
        let endpoint = self.endpoint_for_change(id).await?;
        self.sender.endpoints().prepare_key(&endpoint, overlap)
    }

    /// Stores a prepared key.
    pub(crate) async fn store_key(&self, prepared: PreparedKey) -> Result<Endpoint, EndpointError> {
        let endpoint = prepared.endpoint();
        self.may_change(endpoint)?;
        let (tenant, id) = (endpoint.tenant.clone(), endpoint.id);
        let change = AuditedChange::new("endpoint.rotate_key", &tenant, id);
        self.audited(change, self.sender.endpoints().store_key(prepared)).await
    }

    /// Makes `key` the current key of an endpoint that was read before.
    pub(crate) async fn rotate_read(
        &self,
        endpoint: &Endpoint,
        key: Key,
        overlap: Duration,
    ) -> Result<Endpoint, EndpointError> {
        self.may_change(endpoint)?;
        let change = AuditedChange::new("endpoint.rotate_key", &endpoint.tenant, endpoint.id);
        self.audited(change, self.sender.endpoints().rotate_read(endpoint, key, overlap)).await
    }

    /// Asks the owner of the target to agree. See [`Endpoints::prove`](crate::sender::Endpoints::prove).
    ///
    /// # Errors
    /// Returns [`EndpointError::ReadOnly`] if the caller may only read; otherwise the errors of
    /// [`Endpoints::prove`](crate::sender::Endpoints::prove).
    pub async fn prove(&self, id: EndpointId) -> Result<Endpoint, EndpointError> {
        let endpoint = self.endpoint_for_change(id).await?;
        self.prove_read(&endpoint, None).await
    }

    /// Asks the owner of an endpoint that was read before. `ownership` sets how the owner is asked; with `None`, the setting for the tenant
    /// is used.
    pub(crate) async fn prove_read(
        &self,
        endpoint: &Endpoint,
        ownership: Option<&Ownership>,
    ) -> Result<Endpoint, EndpointError> {
        self.may_change(endpoint)?;
        if !is_unproven(endpoint) {
            return Ok(endpoint.clone());
        }
        let endpoints = self.sender.endpoints();
        self.audited(AuditedChange::new("endpoint.verify", &endpoint.tenant, endpoint.id), async {
            match ownership {
                Some(ownership) => endpoints.prove_read(endpoint, ownership).await,
                None => endpoints.prove_owner(endpoint).await,
            }
        })
        .await
    }

    /// Marks the target of an endpoint that was read before as verified. Only callers that have verified it in another way may call this.
    pub(crate) async fn mark_proved_read(&self, endpoint: &Endpoint) -> Result<Endpoint, EndpointError> {
        self.may_change(endpoint)?;
        if !is_unproven(endpoint) {
            return Ok(endpoint.clone());
        }
        let change = AuditedChange::new("endpoint.verify", &endpoint.tenant, endpoint.id);
        self.audited(change, self.sender.endpoints().mark_proved_read(endpoint)).await
    }

    /// Removes an endpoint and cancels its deliveries that are not final. An operator can remove an endpoint whose record is corrupt, too.
    ///
    /// # Errors
    /// Returns the errors of [`remove_at`](Self::remove_at) except `Conflict`.
    pub async fn remove(&self, id: EndpointId) -> Result<(), EndpointError> {
        self.remove_at(id, None).await
    }

    /// Removes an endpoint if it has this [`version`](Endpoint::version), or any version if `version` is `None`. The endpoint is read once.
    ///
    /// # Errors
    /// Returns [`EndpointError::ReadOnly`] if the caller may only read, [`EndpointError::NotFound`] if there is no such endpoint in scope,
    /// [`EndpointError::Conflict`] if it has another version, and [`EndpointError::Store`] if the store fails.
    pub async fn remove_at(&self, id: EndpointId, version: Option<u64>) -> Result<(), EndpointError> {
        let endpoint = match self.endpoint_for_change(id).await {
            Ok(endpoint) => endpoint,
            Err(EndpointError::Store(error))
                if error.kind() == StoreErrorKind::Corrupt && self.scope.as_tenant().is_none() =>
            {
                let change = AuditedChange::new("endpoint.remove", None, id);
                return self.audited(change, self.sender.endpoints().remove_read(id, None, version)).await;
            }
            Err(error) => return Err(error),
        };
        let change = AuditedChange::new("endpoint.remove", &endpoint.tenant, id);
        self.audited(change, self.sender.endpoints().remove_known(&endpoint, version)).await
    }

    /// Removes an endpoint that was read before.
    pub(crate) async fn remove_read(&self, endpoint: &Endpoint) -> Result<(), EndpointError> {
        self.may_change(endpoint)?;
        let change = AuditedChange::new("endpoint.remove", &endpoint.tenant, endpoint.id);
        self.audited(change, self.sender.endpoints().remove_known(endpoint, None)).await
    }

    /// Sends a test event to one endpoint. See [`Sender::test`](crate::sender::Sender::test).
    ///
    /// # Errors
    /// Returns [`EndpointError::ReadOnly`] if the caller may only read, [`EndpointError::NotFound`] if there is no such endpoint in scope,
    /// and [`EndpointError::Store`] if the store fails.
    pub async fn test(&self, id: EndpointId) -> Result<Receipt, EndpointError> {
        let endpoint = self.endpoint_for_change(id).await?;
        let change = AuditedChange::new("endpoint.test", &endpoint.tenant, id);
        self.audited(change, self.sender.test_read(&endpoint)).await
    }

    /// Sends a test event and waits for the first attempt, for at most `patience`.
    pub(crate) async fn test_and_wait(
        &self,
        id: EndpointId,
        patience: Duration,
    ) -> Result<(Receipt, Option<Attempt>), EndpointError> {
        let receipt = self.test(id).await?;
        let attempt = match receipt.deliveries.first() {
            Some(delivery) => self.sender.first_attempt(*delivery, patience).await?,
            None => None,
        };
        Ok((receipt, attempt))
    }

    /// Reads statistics of an endpoint. See [`Sender::stats`](crate::sender::Sender::stats).
    ///
    /// # Errors
    /// Returns [`EndpointError::NotFound`] if there is no such endpoint in scope, and [`EndpointError::Store`] if the store fails.
    pub async fn stats(&self, id: EndpointId) -> Result<Stats, EndpointError> {
        Ok(self.stats_read(&*self.endpoint(id).await?).await?)
    }

    /// Reads statistics of an endpoint that was read before.
    pub(crate) async fn stats_read(&self, endpoint: &Endpoint) -> Result<Stats, StoreError> {
        self.sender.stats_read(endpoint).await
    }

    /// The number, the median and the longest duration of the last attempts of this process; `None` before the first attempt.
    pub(crate) fn recent_durations(&self, endpoint: &Endpoint) -> Option<(usize, Duration, Duration)> {
        let latency = self.sender.shared.health.latency.of(endpoint.id)?;
        Some((latency.attempts, latency.median, latency.max))
    }

    /// Prepares a replay to one endpoint. See [`Sender::replay`](crate::sender::Sender::replay). A read-only caller can only count.
    ///
    /// # Errors
    /// Returns [`EndpointError::NotFound`] if there is no such endpoint in scope, and [`EndpointError::Store`] if the store fails.
    pub async fn replay(&self, id: EndpointId) -> Result<Replay<'_>, EndpointError> {
        Ok(self.replay_read(self.endpoint(id).await?))
    }

    /// Prepares a replay to an endpoint that was read before through this scope.
    pub(crate) fn replay_read(&self, endpoint: Arc<Endpoint>) -> Replay<'_> {
        self.sender.replay_scoped(endpoint, self)
    }
}
