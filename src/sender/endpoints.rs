//! Creating, reading and changing endpoints.

use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use super::Shared;
use super::egress::Refusal;
use super::notice::What;
use super::ownership::{self, Ownership};
use super::signers::wants_text_keys;
use crate::endpoint::{
    CustomHeaders, DisableReason, Endpoint, EndpointState, Filter, Labels, Limits, NewEndpoint, OnFailure, Target,
};
use crate::entropy::NoEntropy;
use crate::id::{EndpointId, IdError, Tenant};
use crate::secret::{Entry, Key, KeyError, Keyring};
use crate::store::{Put, StoreError};
use crate::worker::Terms;

/// Most schemes one request is signed by.
const MAX_SCHEMES: usize = 4;

/// Most endpoints in one page of a list.
const MAX_PAGE: u32 = 1_000;

/// The endpoints of a [`Sender`](super::Sender).
#[derive(Clone, Copy, Debug)]
pub struct Endpoints<'a> {
    shared: &'a Shared,
}

/// An endpoint was not created or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// The tenant's name is malformed.
    #[error(transparent)]
    Tenant(IdError),
    /// The egress guard does not allow the target.
    #[error(transparent)]
    Target(#[from] Refusal),
    /// The tenant has as many endpoints as it may have.
    #[error("tenant: has {limit} endpoints, the most that are allowed")]
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// The key cannot be added to the ring.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// No key could be made.
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    /// The sender knows no retry policy of this name.
    #[error("retry: the sender has no policy of this name")]
    UnknownPolicy,
    /// The sender knows no way of signing by this name.
    #[error("schemes: the sender has none of this name")]
    UnknownScheme,
    /// More than four.
    #[error("schemes: must be at most {MAX_SCHEMES}")]
    TooManySchemes,
    /// The owner of its target has not agreed.
    #[error("endpoint: the owner of its target has not agreed")]
    Unproven,
    /// There is no such endpoint.
    #[error("endpoint: there is none with this id")]
    NotFound,
    /// Somebody else changed the endpoint at the same time; read it again.
    #[error("endpoint: was changed by somebody else at the same time")]
    Conflict,
    /// The store is in trouble.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A change to an endpoint: what is set is changed, the rest stays.
///
/// ```
/// use hookwire::sender::EndpointChange;
///
/// let change = EndpointChange::new().enabled();
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct EndpointChange {
    target: Option<Target>,
    filter: Option<Filter>,
    limits: Option<Limits>,
    on_failure: Option<OnFailure>,
    retry: Option<Option<Arc<str>>>,
    schemes: Option<Vec<Arc<str>>>,
    headers: Option<CustomHeaders>,
    enabled: Option<bool>,
    labels: Option<Labels>,
    version: Option<u64>,
}

impl EndpointChange {
    /// No change.
    pub fn new() -> Self {
        Self::default()
    }

    /// Another target. It is judged by the egress guard.
    pub fn target(mut self, target: Target) -> Self {
        self.target = Some(target);
        self
    }

    /// Other events.
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = Some(filter);
        self
    }

    /// Other limits.
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.limits = Some(limits);
        self
    }

    /// Another rule for ordering keys whose head has failed.
    pub const fn on_failure(mut self, rule: OnFailure) -> Self {
        self.on_failure = Some(rule);
        self
    }

    /// Another retry policy, by its name; `None`: by event type, or the sender's own.
    pub fn retry(mut self, name: Option<&str>) -> Self {
        self.retry = Some(name.map(Into::into));
        self
    }

    /// Other schemes. For a migration name the old and the new one: every request carries both.
    pub fn schemes<S: AsRef<str>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.schemes = Some(names.into_iter().map(|name| name.as_ref().into()).collect());
        self
    }

    /// Other headers.
    pub fn headers(mut self, headers: CustomHeaders) -> Self {
        self.headers = Some(headers);
        self
    }

    /// Other labels: all of them anew.
    pub fn labels(mut self, labels: Labels) -> Self {
        self.labels = Some(labels);
        self
    }

    /// Only if the endpoint still has this [`version`](Endpoint::version); else it is a [`Conflict`](EndpointError::Conflict).
    pub const fn at_version(mut self, version: u64) -> Self {
        self.version = Some(version);
        self
    }

    /// Serve it: held deliveries go out, oldest first, one at a time at first, then within its limits. Its failures are
    /// forgiven.
    pub const fn enabled(mut self) -> Self {
        self.enabled = Some(true);
        self
    }

    /// Do not serve it: its deliveries are held.
    pub const fn disabled(mut self) -> Self {
        self.enabled = Some(false);
        self
    }
}

/// A symmetric key, as text where a scheme takes it so.
fn fresh_key(schemes: &[Arc<str>]) -> Result<Key, EndpointError> {
    let key = Key::generate()?;
    if wants_text_keys(schemes) { Ok(Key::text(&key.expose())?) } else { Ok(key) }
}

fn is_unproven(endpoint: &Endpoint) -> bool {
    matches!(endpoint.state, EndpointState::Disabled { reason: DisableReason::Unproven, .. })
}

impl<'a> Endpoints<'a> {
    pub(super) const fn new(shared: &'a Shared) -> Self {
        Self { shared }
    }

    /// Creates an endpoint, with a fresh `whsec_` key unless the caller brought keys.
    ///
    /// # Errors
    /// When the egress guard refuses the target, the tenant has too many endpoints, or the store is in trouble.
    pub async fn create(&self, new: NewEndpoint) -> Result<Endpoint, EndpointError> {
        let ownership = self.shared.ownership.of(&new.tenant);
        self.create_asking(new, &ownership).await
    }

    /// As [`create`](Self::create), and its owner is to be asked so.
    pub(crate) async fn create_asking(&self, new: NewEndpoint, how: &Ownership) -> Result<Endpoint, EndpointError> {
        new.tenant.check().map_err(EndpointError::Tenant)?;
        self.check_target(&new.tenant, &new.target).await?;
        self.check_policy(new.retry.as_deref())?;
        let limit = self.shared.limits.endpoints_per_tenant;
        if self.shared.store.of_tenant(&new.tenant).await?.len() >= limit {
            return Err(EndpointError::TooMany { limit });
        }
        self.check_schemes(&new.schemes)?;
        let key = fresh_key(&new.schemes)?;
        let mut endpoint = Endpoint::new(new, Keyring::new(key), self.shared.clock.now());
        self.demand_proof(&mut endpoint, how);
        self.put(endpoint).await
    }

    /// Whether it may be reached, as far as that is known now: by its URL, and by the addresses of its name.
    async fn check_target(&self, tenant: &Tenant, target: &Target) -> Result<(), Refusal> {
        self.shared.egress.check_target(target)?;
        self.shared.client.foresee(tenant, target).await
    }

    /// One endpoint.
    ///
    /// # Errors
    /// When there is none, or the store is in trouble.
    pub async fn get(&self, id: EndpointId) -> Result<Arc<Endpoint>, EndpointError> {
        self.shared.store.get(id).await?.ok_or(EndpointError::NotFound)
    }

    /// Endpoints in the order of creation, a page at a time: those after `after`, at most `limit` (and never more than
    /// 1,000); of one tenant, or of all.
    ///
    /// # Errors
    /// When the store is in trouble.
    pub async fn list(
        &self,
        tenant: Option<&Tenant>,
        after: Option<EndpointId>,
        limit: u32,
    ) -> Result<Vec<Arc<Endpoint>>, EndpointError> {
        Ok(self.shared.store.list(tenant, after, limit.min(MAX_PAGE)).await?)
    }

    /// All of one tenant.
    pub(crate) async fn of_tenant(&self, tenant: &Tenant) -> Result<Vec<Arc<Endpoint>>, StoreError> {
        self.shared.store.of_tenant(tenant).await
    }

    /// Changes an endpoint.
    ///
    /// # Errors
    /// When there is none, the egress guard refuses the new target, somebody else changed it at the same time, or the
    /// store is in trouble.
    pub async fn update(&self, id: EndpointId, change: EndpointChange) -> Result<Endpoint, EndpointError> {
        let mut endpoint = Endpoint::clone(&*self.get(id).await?);
        if change.version.is_some_and(|version| version != endpoint.version) {
            return Err(EndpointError::Conflict);
        }
        let was_enabled = endpoint.is_enabled();
        if let Some(target) = change.target {
            self.check_target(&endpoint.tenant, &target).await?;
            (endpoint.target, endpoint.flagged_at) = (target, None);
            let how = self.shared.ownership.of(&endpoint.tenant);
            self.demand_proof(&mut endpoint, &how);
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
        endpoint.limits = change.limits.unwrap_or(endpoint.limits);
        endpoint.on_failure = change.on_failure.unwrap_or(endpoint.on_failure);
        match change.enabled {
            Some(true) if is_unproven(&endpoint) => return Err(EndpointError::Unproven),
            Some(true) if !was_enabled => {
                (endpoint.state, endpoint.health) = (EndpointState::Enabled, endpoint.health.forgiven());
            }
            Some(false) if endpoint.is_enabled() => {
                let at = self.shared.clock.now();
                endpoint.state = EndpointState::Disabled { reason: DisableReason::Requested, at };
            }
            _ => {}
        }
        let endpoint = self.put_next(endpoint).await?;
        if endpoint.is_enabled() != was_enabled {
            self.switched(&endpoint);
        }
        Ok(endpoint)
    }

    fn check_schemes(&self, names: &[Arc<str>]) -> Result<(), EndpointError> {
        if names.len() > MAX_SCHEMES {
            return Err(EndpointError::TooManySchemes);
        }
        if self.shared.signers.know(names) { Ok(()) } else { Err(EndpointError::UnknownScheme) }
    }

    /// A target whose owner is to be asked is not served before.
    fn demand_proof(&self, endpoint: &mut Endpoint, how: &Ownership) {
        if *how != Ownership::NotAsked {
            let (reason, at) = (DisableReason::Unproven, self.shared.clock.now());
            endpoint.state = EndpointState::Disabled { reason, at };
        }
    }

    /// Asks the owner of a target that was not proven yet, as the tenant's [`Ownership`] says; when the answer is right, the
    /// endpoint is enabled and what was held goes out. Answers the endpoint as it is then.
    ///
    /// # Errors
    /// [`EndpointError::Unproven`] when the answer is not right; else as [`update`](Self::update).
    pub async fn prove(&self, id: EndpointId) -> Result<Endpoint, EndpointError> {
        let how = self.shared.ownership.of(&self.get(id).await?.tenant);
        self.prove_by(id, &how).await
    }

    /// As [`prove`](Self::prove), asking so.
    pub(crate) async fn prove_by(&self, id: EndpointId, how: &Ownership) -> Result<Endpoint, EndpointError> {
        let endpoint = self.get(id).await?;
        if !is_unproven(&endpoint) {
            return Ok(Endpoint::clone(&endpoint));
        }
        if ownership::ask(self.shared, &endpoint, how).await? {
            self.accept(&endpoint).await
        } else {
            Err(EndpointError::Unproven)
        }
    }

    /// Says yes for the owner of a target that was not proven yet, because it was learnt in another way.
    ///
    /// # Errors
    /// As [`update`](Self::update).
    pub async fn vouch(&self, id: EndpointId) -> Result<Endpoint, EndpointError> {
        let endpoint = self.get(id).await?;
        if is_unproven(&endpoint) { self.accept(&endpoint).await } else { Ok(Endpoint::clone(&endpoint)) }
    }

    async fn accept(&self, endpoint: &Endpoint) -> Result<Endpoint, EndpointError> {
        let endpoint = self.put_next(Endpoint { state: EndpointState::Enabled, ..endpoint.clone() }).await?;
        self.switched(&endpoint);
        Ok(endpoint)
    }

    fn check_policy(&self, name: Option<&str>) -> Result<(), EndpointError> {
        match name {
            Some(name) if !self.shared.policies.named.contains_key(name) => Err(EndpointError::UnknownPolicy),
            _ => Ok(()),
        }
    }

    /// Makes `key` the current one. The ones before it go on signing for `overlap`, so that the receiver has that long to
    /// learn the new key; the very next attempt carries both signatures.
    ///
    /// # Errors
    /// As [`update`](Self::update), and when the ring is full.
    pub async fn rotate_key(&self, id: EndpointId, key: Key, overlap: Duration) -> Result<Endpoint, EndpointError> {
        let mut endpoint = Endpoint::clone(&*self.get(id).await?);
        endpoint.keys.rotate(key, self.shared.clock.now(), overlap)?;
        self.put_next(endpoint).await
    }

    /// What the owner of an endpoint is shown, once, to verify what its current key signs: the public half of a key pair; the
    /// secret of a symmetric key, as the text it is where the schemes take it so, else as `whsec_…`.
    #[must_use]
    pub fn secret(endpoint: &Endpoint) -> Zeroizing<String> {
        let Some(Entry { key, .. }) = endpoint.keys.entries().first() else { return Zeroizing::default() };
        let text = key.expose_text().filter(|_| wants_text_keys(&endpoint.schemes));
        key.public().map(|public| public.expose()).or(text).unwrap_or_else(|| key.expose())
    }

    /// Makes a fresh key of the same kind as the current one the current one; what its owner is to be shown is its
    /// [`secret`](Self::secret). See [`rotate_key`](Self::rotate_key).
    ///
    /// # Errors
    /// As [`rotate_key`](Self::rotate_key), and when no key could be made.
    pub async fn renew_key(&self, id: EndpointId, overlap: Duration) -> Result<Endpoint, EndpointError> {
        let endpoint = self.get(id).await?;
        let current = endpoint.keys.entries().first().map(|entry| &entry.key);
        let key = if current.is_some_and(|key| key.public().is_some()) {
            Key::generate_ed25519()?
        } else {
            fresh_key(&endpoint.schemes)?
        };
        self.rotate_key(id, key, overlap).await
    }

    /// Removes an endpoint and cancels what it is owed.
    ///
    /// # Errors
    /// When there is none, or the store is in trouble.
    pub async fn remove(&self, id: EndpointId) -> Result<(), EndpointError> {
        let now = self.shared.clock.now();
        let endpoint = self.get(id).await?;
        let removed = self.shared.store.remove(id, now).await;
        self.shared.directory.forget(id, Some(&endpoint.tenant));
        self.shared.keeper.forget(id);
        self.shared.engine.change_terms(id.into(), &Terms::closed());
        if removed? { Ok(()) } else { Err(EndpointError::NotFound) }
    }

    async fn put_next(&self, mut endpoint: Endpoint) -> Result<Endpoint, EndpointError> {
        endpoint.version += 1;
        self.put(endpoint).await
    }

    async fn put(&self, endpoint: Endpoint) -> Result<Endpoint, EndpointError> {
        let put = self.shared.store.put(endpoint.clone()).await;
        // Whatever became of it, what was cached is in doubt.
        self.shared.directory.forget(endpoint.id, Some(&endpoint.tenant));
        match put? {
            Put::Stored => {
                self.shared.engine.change_terms(endpoint.id.into(), &self.shared.keeper.terms(&endpoint));
                Ok(endpoint)
            }
            Put::VersionConflict => Err(EndpointError::Conflict),
        }
    }

    /// It was disabled and is served again, or the other way round.
    fn switched(&self, endpoint: &Endpoint) {
        let keeper = &self.shared.keeper;
        keeper.forget(endpoint.id);
        let what = match endpoint.state {
            EndpointState::Enabled => {
                self.shared.engine.release_held(endpoint.id.into(), &keeper.terms(endpoint));
                What::EndpointEnabled
            }
            EndpointState::Disabled { reason, .. } => What::EndpointDisabled { reason },
        };
        keeper.say(what, endpoint.id, Some(endpoint.tenant.clone()));
    }
}
