//! The role that stores endpoints.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::StoreError;
use crate::clock::Timestamp;
use crate::endpoint::Endpoint;
use crate::id::{EndpointId, Tenant};

/// The result of a [`Directory::put`] or [`Directory::create`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PutResult {
    /// The endpoint is stored.
    Stored,
    /// The stored version is not the predecessor, or the endpoint is removed. Nothing was changed.
    VersionConflict,
    /// The tenant has as many endpoints as it may have. Nothing was changed.
    TooMany,
}

/// The result of sealing the keys of all endpoints again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resealed {
    /// How many endpoints were sealed.
    pub sealed: u64,
    /// Endpoints that were left unchanged, because their rows are unreadable or no key of the provider opens them. Keep the older keys for them, or
    /// remove them.
    pub left: Vec<EndpointId>,
}

/// The result of a [`Directory::remove`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Removal {
    /// The endpoint is removed.
    Removed,
    /// There is no such endpoint.
    NotFound,
    /// The endpoint has another version than the one named. Nothing was changed.
    VersionConflict,
}

/// Stores endpoints.
///
/// 1. `put` MUST store an endpoint of version 1 only if no endpoint, live or removed, has its id, and one of a higher
///    version only over its predecessor (`put_checks_the_version`, `a_removed_endpoint_cannot_be_put_again`). Every other version is a conflict, 0 too.
///    Of concurrent calls with one version, one is stored (`of_concurrent_puts_one_wins`).
/// 2. The tenant of an endpoint never changes: `put` with another tenant than the stored one MUST fail with
///    [`Invalid`](super::StoreErrorKind::Invalid) and change nothing (`an_endpoint_keeps_its_tenant`).
/// 3. `put` MUST keep the stored [`Health`](crate::endpoint::Health), whatever health the endpoint comes with: attempts change it, and
///    nothing else. Enabling a disabled endpoint MUST [clear](crate::endpoint::Health::cleared) it (`enabling_forgives_failures`). A new
///    endpoint MUST start with empty health, although deliveries to its id may have been settled before it was stored
///    (`a_new_endpoint_starts_with_empty_health`).
/// 4. `get` MUST return `None` for unknown and removed endpoints (`a_removed_endpoint_is_gone`), and everything that
///    was put, keys included (`an_endpoint_reads_back_whole`); an endpoint without keys is valid (`an_endpoint_without_keys_reads_back`).
/// 5. `list` MUST list live endpoints in the order of ids after `after`, at most `limit`; with a tenant that tenant's only
///    (`list_pages_in_id_order`, `list_of_one_tenant_shows_no_other`). Tenants are compared byte by byte.
/// 6. `of_tenant` MUST return all live endpoints of the tenant, disabled ones too (`of_tenant_returns_disabled_ones_too`).
/// 7. `list` and `of_tenant` MUST leave out an endpoint whose row is unreadable, log it as an error, and return the others: one damaged row must not stop
///    a tenant. `get` of such an endpoint fails with [`Corrupt`](super::StoreErrorKind::Corrupt).
/// 8. `create` MUST be atomic: of any number of concurrent calls, at most as many are stored as the tenant may have
///    (`a_tenants_cap_holds_under_concurrency`).
/// 9. `remove` MUST end the leases of the endpoint's deliveries and cancel what is pending or held (`remove_cancels_what_was_owed`), and change nothing if
///    the endpoint has another version than the one named (`remove_checks_the_version`). It MAY cancel in several transactions after the one that removes the
///    endpoint. For an endpoint that was never stored it returns [`NotFound`](Removal::NotFound) and cancels nothing.
#[async_trait]
pub trait Directory: fmt::Debug + Send + Sync + 'static {
    /// Stores `endpoint`, whose version is one above the stored one.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails, with [`Invalid`](super::StoreErrorKind::Invalid) if the tenant differs from the stored one.
    async fn put(&self, endpoint: Endpoint) -> Result<PutResult, StoreError>;

    /// Stores a new endpoint, of version 1, unless its tenant has `limit` live ones already.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    async fn create(&self, endpoint: Endpoint, limit: u32) -> Result<PutResult, StoreError>;

    /// Reads one live endpoint.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    async fn get(&self, id: EndpointId) -> Result<Option<Arc<Endpoint>>, StoreError>;

    /// Lists live endpoints, a page at a time.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    async fn list(
        &self,
        tenant: Option<&Tenant>,
        after: Option<EndpointId>,
        limit: u32,
    ) -> Result<Vec<Arc<Endpoint>>, StoreError>;

    /// Returns all live endpoints of one tenant: those that may get its events.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    async fn of_tenant(&self, tenant: &Tenant) -> Result<Vec<Arc<Endpoint>>, StoreError>;

    /// Removes an endpoint, if it has the version named, and cancels its deliveries.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    async fn remove(&self, id: EndpointId, version: Option<u64>, now: Timestamp) -> Result<Removal, StoreError>;
}

delegate_store! { [S: Directory + ?Sized] Arc<S>, |shared| **shared; Directory }
