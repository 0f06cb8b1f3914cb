//! Creating, reading and changing endpoints.

use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use super::Shared;
use super::change::{By, EndpointChange, is_disabled_by_operator, within};
use super::egress::Refusal;
use super::notice::What;
use super::ownership::{self, Ownership};
use super::signers::wants_text_keys;
use crate::endpoint::{DisableReason, Endpoint, EndpointState, Limits, NewEndpoint, Target};
use crate::entropy::NoEntropy;
use crate::id::{EndpointId, IdError, Tenant};
use crate::secret::{Entry, Key, KeyError, Keyring};
use crate::store::{Put, Removal, StoreError, StoreErrorKind};
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
    /// An operator has disabled it, and its owner asks to enable it or to send it elsewhere.
    #[error("endpoint: was disabled by an operator; only an operator can enable it or change its URL")]
    DisabledByOperator,
    /// Its URL cannot be changed, because it belongs to a subscription.
    #[error("url: belongs to a subscription; subscribe anew for another URL")]
    FixedTarget,
    /// Its owner asks for more than an operator allows.
    #[error("limits.{field}: must be within what an operator allows: {most}")]
    AboveCeiling {
        /// Which limit.
        field: &'static str,
        /// What is allowed.
        most: Limits,
    },
    /// Its owner replays, and too many deliveries wait for it, or for all endpoints of the tenant.
    #[error("replay: too many deliveries wait already; replay when they have been sent")]
    TooManyWaiting,
    /// Its owner replays, and another replay of the tenant is under way.
    #[error("replay: another one is under way; try again when it has ended")]
    ReplayRunning,
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

/// An endpoint with a fresh key that is not stored yet, from [`Endpoints::renewed_key`].
#[derive(Debug)]
#[must_use = "nothing is changed before it is committed"]
pub struct Renewed(Endpoint);

impl Renewed {
    /// As it will be. Its [`secret`](Endpoints::secret) can be handed over now.
    #[must_use]
    pub const fn endpoint(&self) -> &Endpoint {
        &self.0
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

    /// Creates an endpoint, with a fresh `whsec_` key unless the caller brought keys. The name of its target is looked up, for a
    /// second at most: one that has none but refused addresses is refused now and not at the first delivery.
    ///
    /// # Errors
    /// When the egress guard refuses the target, the tenant has too many endpoints, or the store is in trouble.
    pub async fn create(&self, new: NewEndpoint) -> Result<Endpoint, EndpointError> {
        let mut new = new;
        // What differs from the default was decided, and stays the most that its owner may have.
        new.ceiling = Some(new.limits).filter(|limits| *limits != Limits::default());
        let ownership = self.shared.ownership.of(&new.tenant);
        self.create_asking(new, &ownership).await
    }

    /// As [`create`](Self::create), for its owner: within what an owner may have.
    pub(super) async fn create_for_owner(&self, new: NewEndpoint) -> Result<Endpoint, EndpointError> {
        within(new.limits, self.shared.limits.of_owner)?;
        let ownership = self.shared.ownership.of(&new.tenant);
        self.create_asking(new, &ownership).await
    }

    /// Its owner is to be asked so.
    pub(crate) async fn create_asking(&self, new: NewEndpoint, how: &Ownership) -> Result<Endpoint, EndpointError> {
        new.tenant.check().map_err(EndpointError::Tenant)?;
        self.check_target(&new.tenant, &new.target).await?;
        self.check_policy(new.retry.as_deref())?;
        self.check_schemes(&new.schemes)?;
        let key = fresh_key(&new.schemes)?;
        let mut endpoint = Endpoint::new(new, Keyring::new(key), self.shared.clock.now());
        self.demand_proof(&mut endpoint, how);
        let limit = self.shared.limits.endpoints_per_tenant;
        let most = u32::try_from(limit).unwrap_or(u32::MAX);
        let created = self.shared.store.create(endpoint.clone(), most).await;
        self.stored(endpoint, created)
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
            change.by.may_serve(&endpoint)?;
            if endpoint.fixed_target {
                return Err(EndpointError::FixedTarget);
            }
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
        if let Some(limits) = change.limits {
            change.by.limit(&mut endpoint, limits, self.shared.limits.of_owner)?;
        }
        endpoint.on_failure = change.on_failure.unwrap_or(endpoint.on_failure);
        match change.enabled {
            Some(true) if is_unproven(&endpoint) => return Err(EndpointError::Unproven),
            Some(true) if !was_enabled => {
                change.by.may_serve(&endpoint)?;
                (endpoint.state, endpoint.health) = (EndpointState::Enabled, endpoint.health.forgiven());
            }
            Some(false) if endpoint.is_enabled() || change.by == By::Operator => {
                let (reason, at) = (change.by.reason(), self.shared.clock.now());
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

    fn check_schemes(&self, names: &[Arc<str>]) -> Result<(), EndpointError> {
        if names.len() > MAX_SCHEMES {
            return Err(EndpointError::TooManySchemes);
        }
        if self.shared.signers.know(names) { Ok(()) } else { Err(EndpointError::UnknownScheme) }
    }

    /// A target whose owner is to be asked is not served before.
    fn demand_proof(&self, endpoint: &mut Endpoint, how: &Ownership) {
        if *how != Ownership::NotAsked && !is_disabled_by_operator(endpoint) {
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
        self.commit_key(self.renewed_key(id, overlap).await?).await
    }

    /// The endpoint with a fresh key, which does not count before it is [committed](Self::commit_key): so that the secret can be handed
    /// over first, and is never changed to one that nobody has. See [`rotate_key`](Self::rotate_key).
    ///
    /// # Errors
    /// As [`renew_key`](Self::renew_key).
    pub async fn renewed_key(&self, id: EndpointId, overlap: Duration) -> Result<Renewed, EndpointError> {
        let mut endpoint = Endpoint::clone(&*self.get(id).await?);
        let current = endpoint.keys.entries().first().map(|entry| &entry.key);
        let key = if current.is_some_and(|key| key.public().is_some()) {
            Key::generate_ed25519()?
        } else {
            fresh_key(&endpoint.schemes)?
        };
        endpoint.keys.rotate(key, self.shared.clock.now(), overlap)?;
        Ok(Renewed(endpoint))
    }

    /// Stores what [`renewed_key`](Self::renewed_key) has made.
    ///
    /// # Errors
    /// [`EndpointError::Conflict`] where the endpoint was changed since; else as [`update`](Self::update).
    pub async fn commit_key(&self, renewed: Renewed) -> Result<Endpoint, EndpointError> {
        self.put_next(renewed.0).await
    }

    /// Removes an endpoint and cancels what it is owed. One that does not read can be removed too.
    ///
    /// # Errors
    /// When there is none, or the store is in trouble.
    pub async fn remove(&self, id: EndpointId) -> Result<(), EndpointError> {
        self.remove_at(id, None).await
    }

    /// The same, if it still has this [`version`](Endpoint::version).
    ///
    /// # Errors
    /// [`Conflict`](EndpointError::Conflict) where it has another; else as [`remove`](Self::remove).
    pub async fn remove_at(&self, id: EndpointId, version: Option<u64>) -> Result<(), EndpointError> {
        let tenant = match self.get(id).await {
            Ok(endpoint) => Some(endpoint.tenant.clone()),
            Err(EndpointError::Store(error)) if error.kind() == StoreErrorKind::Corrupt => None,
            Err(error) => return Err(error),
        };
        let removal = self.shared.store.remove(id, version, self.shared.clock.now()).await;
        self.shared.directory.forget(id, tenant.as_ref());
        match removal? {
            Removal::NotFound => return Err(EndpointError::NotFound),
            Removal::VersionConflict => return Err(EndpointError::Conflict),
            Removal::Removed => {}
        }
        self.shared.keeper.forget(id);
        self.shared.engine.change_terms(id.into(), &Terms::closed());
        Ok(())
    }

    async fn put_next(&self, mut endpoint: Endpoint) -> Result<Endpoint, EndpointError> {
        endpoint.version += 1;
        self.put(endpoint).await
    }

    async fn put(&self, endpoint: Endpoint) -> Result<Endpoint, EndpointError> {
        let put = self.shared.store.put(endpoint.clone()).await;
        self.stored(endpoint, put)
    }

    fn stored(&self, endpoint: Endpoint, put: Result<Put, StoreError>) -> Result<Endpoint, EndpointError> {
        // Whatever became of it, what was cached is in doubt.
        self.shared.directory.forget(endpoint.id, Some(&endpoint.tenant));
        match put? {
            Put::Stored => {
                self.shared.engine.change_terms(endpoint.id.into(), &self.shared.keeper.terms(&endpoint));
                Ok(endpoint)
            }
            Put::VersionConflict => Err(EndpointError::Conflict),
            Put::TooMany => Err(EndpointError::TooMany { limit: self.shared.limits.endpoints_per_tenant }),
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
