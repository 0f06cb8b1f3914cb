//! Creates, reads and changes endpoints.

use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use super::challenge;
use super::change::{Actor, EndpointChange, is_disabled_by_operator, not_moved, within};
use super::egress::Refusal;
use super::error::{EndpointError, MAX_SCHEMES};
use super::handle::{Sender, Shared};
use super::notice::NoticeKind;
use super::ownership::Ownership;
use super::signers::wants_text_keys;
use crate::endpoint::{DisableReason, Endpoint, EndpointState, Limits, NewEndpoint, Target};
use crate::id::{EndpointId, Tenant};
use crate::secret::{Key, Keyring, KeyringEntry};
use crate::store::{PutResult, Removal, StoreError, StoreErrorKind};
use crate::worker::LanePolicy;

/// The number of endpoints in one page of a list.
const MAX_PAGE: u32 = 1_000;

/// How often an endpoint is read again because it was changed before it was removed.
const MAX_READS: u32 = 5;

/// The endpoints of a [`Sender`]: those of all tenants.
///
/// ```
/// use std::time::Duration;
/// use hookwire::endpoint::NewEndpoint;
/// use hookwire::sender::{EndpointChange, Endpoints, Sender};
/// use hookwire::store::MemoryStore;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let sender = Sender::builder(MemoryStore::new()).build()?;
/// let endpoints = sender.endpoints();
/// let created = endpoints.create(NewEndpoint::https("https://acme.example/hooks")?.tenant("acme")).await?;
/// assert!(Endpoints::secret(&created).starts_with("whsec_"), "the text to show to the customer once");
///
/// let change = EndpointChange::new().target("https://acme.example/new".parse()?);
/// assert_eq!(endpoints.update(created.id, change).await?.version, 2);
/// let rotated = endpoints.renew_key(created.id, Duration::from_secs(86_400)).await?;
/// assert_eq!(rotated.keys.entries().len(), 2, "both keys sign for a day");
///
/// assert_eq!(endpoints.list(Some(&"acme".into()), None, 100).await?.len(), 1);
/// endpoints.remove(created.id).await?;
/// assert!(endpoints.get(created.id).await.is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Endpoints<'a> {
    pub(super) shared: &'a Shared,
}

impl Sender {
    /// Creates, reads and changes endpoints.
    #[must_use]
    pub fn endpoints(&self) -> Endpoints<'_> {
        Endpoints { shared: &self.shared }
    }
}

/// An endpoint with a fresh key that is not stored yet: its secret can be handed over before the key is used.
#[derive(Debug)]
#[must_use = "the key is not used before it is stored"]
pub(crate) struct PreparedKey(Endpoint);

impl PreparedKey {
    /// The endpoint with the new key.
    pub(crate) const fn endpoint(&self) -> &Endpoint {
        &self.0
    }
}

/// Generates a symmetric key; a text key if the schemes use text keys.
fn fresh_key(schemes: &[Arc<str>]) -> Result<Key, EndpointError> {
    let key = Key::generate()?;
    if wants_text_keys(schemes) { Ok(Key::text(&key.expose())?) } else { Ok(key) }
}

pub(super) fn is_unproven(endpoint: &Endpoint) -> bool {
    matches!(endpoint.state, EndpointState::Disabled { reason: DisableReason::Unproven, .. })
}

impl Endpoints<'_> {
    /// Creates an endpoint, with a fresh `whsec_` key unless [`NewEndpoint::keys`] sets keys. The name of the target is resolved
    /// for at most a second. So a target whose addresses are all forbidden is refused now, and not at the first delivery.
    ///
    /// # Errors
    /// Returns [`EndpointError::Target`] if the egress guard refuses the target, and [`EndpointError::TooMany`] if the tenant has
    /// too many endpoints. Returns [`EndpointError::Tenant`], [`EndpointError::UnknownPolicy`], [`EndpointError::UnknownScheme`] or
    /// [`EndpointError::TooManySchemes`] if a name is invalid, and [`EndpointError::Store`] if the store fails.
    pub async fn create(&self, new: NewEndpoint) -> Result<Endpoint, EndpointError> {
        let mut new = new;
        // Limits that differ from the default were chosen by the operator, so the owner cannot raise them.
        new.ceiling = Some(new.limits).filter(|limits| *limits != Limits::default());
        let ownership = self.shared.ownership.of(&new.tenant);
        self.create_verified_by(new, &ownership).await
    }

    /// Like [`create`](Self::create), with the rights of the owner.
    pub(super) async fn create_for_owner(&self, new: NewEndpoint) -> Result<Endpoint, EndpointError> {
        within(new.limits, self.shared.quotas.endpoint_limits)?;
        let ownership = self.shared.ownership.of(&new.tenant);
        self.create_verified_by(new, &ownership).await
    }

    /// Creates an endpoint; `ownership` sets how its owner is asked.
    pub(super) async fn create_verified_by(
        &self,
        new: NewEndpoint,
        ownership: &Ownership,
    ) -> Result<Endpoint, EndpointError> {
        new.tenant.check().map_err(EndpointError::Tenant)?;
        self.check_target(&new.tenant, &new.target).await?;
        self.check_policy(new.retry.as_deref())?;
        self.check_schemes(&new.schemes)?;
        let key = fresh_key(&new.schemes)?;
        let mut endpoint = Endpoint::new(new, Keyring::new(key), self.shared.clock.now());
        self.demand_proof(&mut endpoint, ownership);
        let limit = self.shared.quotas.endpoints_per_tenant;
        let most = u32::try_from(limit).unwrap_or(u32::MAX);
        let created = self.shared.store.create(endpoint.clone(), most).await;
        self.stored(endpoint, created)
    }

    /// Checks the URL of a target, and the addresses of its name if the name can be resolved now.
    async fn check_target(&self, tenant: &Tenant, target: &Target) -> Result<(), Refusal> {
        self.shared.egress.check_target(target)?;
        self.shared.client.precheck(tenant, target).await
    }

    /// Reads one endpoint.
    ///
    /// # Errors
    /// Returns [`EndpointError::NotFound`] if there is no such endpoint, and [`EndpointError::Store`] if the store fails.
    pub async fn get(&self, id: EndpointId) -> Result<Arc<Endpoint>, EndpointError> {
        self.shared.store.get(id).await?.ok_or(EndpointError::NotFound)
    }

    /// Reads endpoints in the order of creation, a page at a time: those after `after`, at most `limit` (and never more than 1,000),
    /// of one tenant or of all.
    ///
    /// # Errors
    /// Returns [`EndpointError::Store`] if the store fails.
    pub async fn list(
        &self,
        tenant: Option<&Tenant>,
        after: Option<EndpointId>,
        limit: u32,
    ) -> Result<Vec<Arc<Endpoint>>, EndpointError> {
        Ok(self.shared.store.list(tenant, after, limit.min(MAX_PAGE)).await?)
    }

    /// Changes an endpoint.
    ///
    /// # Errors
    /// Returns [`EndpointError::NotFound`] if there is no such endpoint. Returns [`EndpointError::Conflict`] if another call
    /// changed it at the same time, or if it does not have [the required version](EndpointChange::at_version). Returns the errors
    /// of [`create`](Self::create) if a new value is invalid. Returns [`EndpointError::Unproven`] if the change enables the
    /// endpoint and its owner has not agreed.
    pub async fn update(&self, id: EndpointId, change: EndpointChange) -> Result<Endpoint, EndpointError> {
        let endpoint = self.get(id).await?;
        self.update_read(&endpoint, change).await
    }

    /// Changes an endpoint that was read before. Fails with a conflict if the endpoint was changed since then.
    pub(super) async fn update_read(
        &self,
        endpoint: &Endpoint,
        change: EndpointChange,
    ) -> Result<Endpoint, EndpointError> {
        not_moved(endpoint)?;
        let mut endpoint = endpoint.clone();
        if change.version.is_some_and(|version| version != endpoint.version) {
            return Err(EndpointError::Conflict);
        }
        let was_enabled = endpoint.is_enabled();
        if let Some(target) = change.target {
            change.actor.check_may_enable(&endpoint)?;
            if endpoint.fixed_target {
                return Err(EndpointError::FixedTarget);
            }
            self.check_target(&endpoint.tenant, &target).await?;
            (endpoint.target, endpoint.flagged_at) = (target, None);
            let ownership = self.shared.ownership.of(&endpoint.tenant);
            self.demand_proof(&mut endpoint, &ownership);
        }
        if let Some(name) = &change.retry {
            self.check_policy(name.as_deref())?;
            endpoint.retry.clone_from(name);
        }
        if let Some(schemes) = change.schemes {
            self.check_schemes(&schemes)?;
            endpoint.schemes = schemes;
        }
        endpoint.labels = change.labels.unwrap_or(endpoint.labels);
        endpoint.headers = change.headers.unwrap_or(endpoint.headers);
        endpoint.filter = change.filter.unwrap_or(endpoint.filter);
        if let Some(limits) = change.limits {
            change.actor.limit(&mut endpoint, limits, self.shared.quotas.endpoint_limits)?;
        }
        endpoint.on_failure = change.on_failure.unwrap_or(endpoint.on_failure);
        match change.enabled {
            Some(true) if is_unproven(&endpoint) => return Err(EndpointError::Unproven),
            Some(true) if !was_enabled => {
                change.actor.check_may_enable(&endpoint)?;
                (endpoint.state, endpoint.health) = (EndpointState::Enabled, endpoint.health.cleared());
            }
            Some(false) if endpoint.is_enabled() || change.actor == Actor::Operator => {
                let (reason, at) = (change.actor.reason(), self.shared.clock.now());
                endpoint.state = EndpointState::Disabled { reason, at };
            }
            _ => {}
        }
        let endpoint = self.put_next(endpoint).await?;
        if endpoint.is_enabled() != was_enabled {
            self.switched(&endpoint);
        }
        Ok(endpoint)
    }

    pub(super) fn check_schemes(&self, names: &[Arc<str>]) -> Result<(), EndpointError> {
        if names.len() > MAX_SCHEMES {
            return Err(EndpointError::TooManySchemes);
        }
        if self.shared.signers.contains_all(names) { Ok(()) } else { Err(EndpointError::UnknownScheme) }
    }

    /// Disables the endpoint until its owner has agreed, if the owner must be asked.
    fn demand_proof(&self, endpoint: &mut Endpoint, ownership: &Ownership) {
        if *ownership != Ownership::NotAsked && !is_disabled_by_operator(endpoint) {
            let (reason, at) = (DisableReason::Unproven, self.shared.clock.now());
            endpoint.state = EndpointState::Disabled { reason, at };
        }
    }

    /// Asks the owner of the target to agree, in the way that [`Ownership`] defines for the tenant. If the response is right, the endpoint
    /// is enabled and held deliveries are sent. An endpoint that does not wait for its owner is returned unchanged.
    ///
    /// # Errors
    /// Returns [`EndpointError::Unproven`] if the response is wrong or missing; otherwise the errors of [`update`](Self::update).
    pub async fn prove(&self, id: EndpointId) -> Result<Endpoint, EndpointError> {
        let endpoint = self.get(id).await?;
        let ownership = self.shared.ownership.of(&endpoint.tenant);
        self.prove_read(&endpoint, &ownership).await
    }

    /// Like [`prove`](Self::prove), for an endpoint that was read before. The setting for the tenant decides how the owner is asked.
    pub(super) async fn prove_owner(&self, endpoint: &Endpoint) -> Result<Endpoint, EndpointError> {
        self.prove_read(endpoint, &self.shared.ownership.of(&endpoint.tenant)).await
    }

    /// Like [`prove`](Self::prove), for an endpoint that was read before. `ownership` decides how the owner is asked.
    pub(super) async fn prove_read(
        &self,
        endpoint: &Endpoint,
        ownership: &Ownership,
    ) -> Result<Endpoint, EndpointError> {
        if !is_unproven(endpoint) {
            return Ok(endpoint.clone());
        }
        if challenge::ask_owner(self.shared, endpoint, ownership).await? {
            self.accept(endpoint).await
        } else {
            Err(EndpointError::Unproven)
        }
    }

    /// Marks the target as verified by out-of-band means: the endpoint is enabled as if its owner had agreed.
    ///
    /// # Errors
    /// Returns the errors of [`update`](Self::update).
    pub async fn mark_proved(&self, id: EndpointId) -> Result<Endpoint, EndpointError> {
        let endpoint = self.get(id).await?;
        self.mark_proved_read(&endpoint).await
    }

    pub(super) async fn mark_proved_read(&self, endpoint: &Endpoint) -> Result<Endpoint, EndpointError> {
        if is_unproven(endpoint) { self.accept(endpoint).await } else { Ok(endpoint.clone()) }
    }

    async fn accept(&self, endpoint: &Endpoint) -> Result<Endpoint, EndpointError> {
        let endpoint = self.put_next(Endpoint { state: EndpointState::Enabled, ..endpoint.clone() }).await?;
        self.switched(&endpoint);
        Ok(endpoint)
    }

    pub(super) fn check_policy(&self, name: Option<&str>) -> Result<(), EndpointError> {
        match name {
            Some(name) if !self.shared.policies.named.contains_key(name) => Err(EndpointError::UnknownPolicy),
            _ => Ok(()),
        }
    }

    /// Makes `key` the current key. The keys before it continue to sign for `overlap`, so that the receiver has this time to adopt the new
    /// key; from the next attempt on, requests carry both signatures.
    ///
    /// # Errors
    /// Returns [`EndpointError::Key`] if the keyring is full; otherwise the errors of [`update`](Self::update).
    pub async fn rotate_key(&self, id: EndpointId, key: Key, overlap: Duration) -> Result<Endpoint, EndpointError> {
        let endpoint = self.get(id).await?;
        self.rotate_read(&endpoint, key, overlap).await
    }

    pub(super) async fn rotate_read(
        &self,
        endpoint: &Endpoint,
        key: Key,
        overlap: Duration,
    ) -> Result<Endpoint, EndpointError> {
        not_moved(endpoint)?;
        let mut endpoint = endpoint.clone();
        endpoint.keys.rotate(key, self.shared.clock.now(), overlap)?;
        self.put_next(endpoint).await
    }

    /// Returns the secret that the owner of an endpoint needs to verify signatures of the current key. For a key pair this is the public
    /// key; for a symmetric key it is `whsec_…`, or the text itself if the schemes use text keys. Show it to the owner once.
    #[must_use]
    pub fn secret(endpoint: &Endpoint) -> Zeroizing<String> {
        let Some(KeyringEntry { key, .. }) = endpoint.keys.entries().first() else { return Zeroizing::default() };
        let text = key.expose_text().filter(|_| wants_text_keys(&endpoint.schemes));
        key.public().map(|public| public.expose()).or(text).unwrap_or_else(|| key.expose())
    }

    /// Generates a key of the same kind as the current one and makes it the current key, as [`rotate_key`](Self::rotate_key) does. Show the
    /// [`secret`](Self::secret) of the returned endpoint to its owner.
    ///
    /// # Errors
    /// Returns [`EndpointError::Key`] if no key can be generated; otherwise the errors of [`rotate_key`](Self::rotate_key).
    pub async fn renew_key(&self, id: EndpointId, overlap: Duration) -> Result<Endpoint, EndpointError> {
        let endpoint = self.get(id).await?;
        self.store_key(self.prepare_key(&endpoint, overlap)?).await
    }

    /// Generates a key without storing it. First the secret is handed over, and then the key is [stored](Self::store_key): if the handover
    /// fails, the endpoint keeps the key whose secret its owner has.
    pub(super) fn prepare_key(&self, endpoint: &Endpoint, overlap: Duration) -> Result<PreparedKey, EndpointError> {
        not_moved(endpoint)?;
        let mut endpoint = endpoint.clone();
        let current = endpoint.keys.entries().first().map(|entry| &entry.key);
        let key = if current.is_some_and(|key| key.public().is_some()) {
            Key::generate_ed25519()?
        } else {
            fresh_key(&endpoint.schemes)?
        };
        endpoint.keys.rotate(key, self.shared.clock.now(), overlap)?;
        Ok(PreparedKey(endpoint))
    }

    /// Stores a prepared key. Returns a conflict if the endpoint was changed since it was read.
    pub(super) async fn store_key(&self, prepared: PreparedKey) -> Result<Endpoint, EndpointError> {
        self.put_next(prepared.0).await
    }

    /// Removes an endpoint and cancels its deliveries that are not final. An endpoint whose record is corrupt can be removed too.
    ///
    /// # Errors
    /// Returns [`EndpointError::NotFound`] if there is no such endpoint, and [`EndpointError::Store`] if the store fails.
    pub async fn remove(&self, id: EndpointId) -> Result<(), EndpointError> {
        self.remove_at(id, None).await
    }

    /// Removes an endpoint if it has this [`version`](Endpoint::version), or any if `version` is `None`.
    ///
    /// # Errors
    /// Returns [`EndpointError::Conflict`] if the endpoint has another version; otherwise the errors of [`remove`](Self::remove).
    pub async fn remove_at(&self, id: EndpointId, version: Option<u64>) -> Result<(), EndpointError> {
        for _ in 0..MAX_READS {
            let (tenant, read) = match self.get(id).await {
                Ok(endpoint) => {
                    not_moved(&endpoint).map(|()| (Some(endpoint.tenant.clone()), Some(endpoint.version)))?
                }
                Err(EndpointError::Store(error)) if error.kind() == StoreErrorKind::Corrupt => (None, None),
                Err(error) => return Err(error),
            };
            match self.remove_read(id, tenant.as_ref(), version.or(read)).await {
                Err(EndpointError::Conflict) if version.is_none() => {}
                done => return done,
            }
        }
        Err(EndpointError::Conflict)
    }

    /// Like [`remove_at`](Self::remove_at), for an endpoint that was read before. `tenant` is its tenant, if its record is readable.
    pub(super) async fn remove_read(
        &self,
        id: EndpointId,
        tenant: Option<&Tenant>,
        version: Option<u64>,
    ) -> Result<(), EndpointError> {
        let removal = self.shared.store.remove(id, version, self.shared.clock.now()).await;
        self.shared.directory.forget(id, tenant);
        match removal? {
            Removal::NotFound => return Err(EndpointError::NotFound),
            Removal::VersionConflict => return Err(EndpointError::Conflict),
            Removal::Removed => {}
        }
        self.shared.health.forget(id);
        self.shared.engine.change_policy(id.into(), &LanePolicy::closed());
        Ok(())
    }

    async fn put_next(&self, mut endpoint: Endpoint) -> Result<Endpoint, EndpointError> {
        endpoint.version += 1;
        let put = self.shared.store.put(endpoint.clone()).await;
        self.stored(endpoint, put)
    }

    pub(super) fn stored(
        &self,
        endpoint: Endpoint,
        put: Result<PutResult, StoreError>,
    ) -> Result<Endpoint, EndpointError> {
        // If the call failed, the endpoint may have been stored nevertheless, so the cached record may be wrong.
        self.shared.directory.forget(endpoint.id, Some(&endpoint.tenant));
        match put? {
            PutResult::Stored => {
                self.shared.engine.change_policy(endpoint.id.into(), &self.shared.health.lane_policy(&endpoint));
                Ok(endpoint)
            }
            PutResult::VersionConflict => Err(EndpointError::Conflict),
            PutResult::TooMany => Err(EndpointError::TooMany { limit: self.shared.quotas.endpoints_per_tenant }),
        }
    }

    /// Reports that the endpoint was enabled or disabled. Sends its held deliveries if it was enabled.
    fn switched(&self, endpoint: &Endpoint) {
        let health = &self.shared.health;
        health.forget(endpoint.id);
        let kind = match endpoint.state {
            EndpointState::Enabled => {
                self.shared.engine.release_held(endpoint.id.into(), &health.lane_policy(endpoint));
                NoticeKind::EndpointEnabled
            }
            EndpointState::Disabled { reason, .. } => NoticeKind::EndpointDisabled { reason },
        };
        health.report(kind, endpoint.id, Some(endpoint.tenant.clone()));
    }
}
