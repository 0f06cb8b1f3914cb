//! The role that keeps endpoints.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::StoreError;
use crate::clock::Timestamp;
use crate::endpoint::Endpoint;
use crate::id::{EndpointId, Tenant};

/// What became of a `put`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// Stored.
    Stored,
    /// Somebody else changed it first, or it exists already, or it is gone: nothing was changed.
    VersionConflict,
    /// Its tenant has as many endpoints as it may have: nothing was changed.
    TooMany,
}

/// What sealing anew has come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resealed {
    /// How many endpoints were sealed.
    pub sealed: u64,
    /// Those that were left as they are, because they do not read or no key of the provider's opens them. The older keys are still
    /// needed for them; or remove them.
    pub left: Vec<EndpointId>,
}

/// What became of a `remove`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// Removed.
    Removed,
    /// There is no such endpoint.
    NotFound,
    /// It has another version than the caller means: nothing was changed.
    VersionConflict,
}

/// Keeps endpoints.
///
/// 1. `put` MUST store an endpoint of version 1 only when no endpoint, live or removed, has its id, and one of a higher
///    version only over its predecessor (`put_checks_the_version`, `a_removed_endpoint_cannot_be_put_again`).
/// 2. `get` MUST answer `None` for unknown and removed endpoints (`a_removed_endpoint_is_gone`), and everything that
///    was put, keys included (`an_endpoint_reads_back_whole`).
/// 3. `list` MUST answer in id order after `after`, at most `limit`; with a tenant only that tenant's
///    (`list_pages_in_id_order`, `list_of_one_tenant_shows_no_other`).
/// 4. `of_tenant` MUST answer all live endpoints of the tenant, disabled ones too (`of_tenant_answers_disabled_ones_too`).
/// 5. `remove` MUST cancel what the endpoint was owed and end its leases (`remove_cancels_what_was_owed`), and change nothing where
///    the endpoint has another version than the one that is meant (`remove_checks_the_version`).
/// 6. `create` MUST be atomic: of any number of concurrent calls, at most as many are stored as the tenant may have
///    (`a_tenants_cap_holds_under_concurrency`).
/// 7. `list` and `of_tenant` MUST leave out an endpoint that does not read, loudly, and answer the others: a page that is not full is the
///    last one.
#[async_trait]
pub trait Directory: fmt::Debug + Send + Sync + 'static {
    /// Stores `endpoint`, whose version is one above the stored one.
    ///
    /// # Errors
    /// When the store is in trouble.
    async fn put(&self, endpoint: Endpoint) -> Result<Put, StoreError>;

    /// Stores a new endpoint, of version 1, unless its tenant has `most` live ones already.
    ///
    /// # Errors
    /// When the store is in trouble.
    async fn create(&self, endpoint: Endpoint, most: u32) -> Result<Put, StoreError>;

    /// One endpoint.
    ///
    /// # Errors
    /// When the store is in trouble.
    async fn get(&self, id: EndpointId) -> Result<Option<Arc<Endpoint>>, StoreError>;

    /// Endpoints, a page at a time.
    ///
    /// # Errors
    /// When the store is in trouble.
    async fn list(
        &self,
        tenant: Option<&Tenant>,
        after: Option<EndpointId>,
        limit: u32,
    ) -> Result<Vec<Arc<Endpoint>>, StoreError>;

    /// All endpoints of one tenant: who might want its events.
    ///
    /// # Errors
    /// When the store is in trouble.
    async fn of_tenant(&self, tenant: &Tenant) -> Result<Vec<Arc<Endpoint>>, StoreError>;

    /// Removes an endpoint, of this version if one is named, and cancels what it was owed.
    ///
    /// # Errors
    /// When the store is in trouble.
    async fn remove(&self, id: EndpointId, version: Option<u64>, now: Timestamp) -> Result<Removal, StoreError>;
}

#[async_trait]
impl<S: Directory + ?Sized> Directory for Arc<S> {
    async fn put(&self, endpoint: Endpoint) -> Result<Put, StoreError> {
        (**self).put(endpoint).await
    }

    async fn create(&self, endpoint: Endpoint, most: u32) -> Result<Put, StoreError> {
        (**self).create(endpoint, most).await
    }

    async fn get(&self, id: EndpointId) -> Result<Option<Arc<Endpoint>>, StoreError> {
        (**self).get(id).await
    }

    async fn list(
        &self,
        tenant: Option<&Tenant>,
        after: Option<EndpointId>,
        limit: u32,
    ) -> Result<Vec<Arc<Endpoint>>, StoreError> {
        (**self).list(tenant, after, limit).await
    }

    async fn of_tenant(&self, tenant: &Tenant) -> Result<Vec<Arc<Endpoint>>, StoreError> {
        (**self).of_tenant(tenant).await
    }

    async fn remove(&self, id: EndpointId, version: Option<u64>, now: Timestamp) -> Result<Removal, StoreError> {
        (**self).remove(id, version, now).await
    }
}
