//! The role that keeps which of several stores has a tenant.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::StoreError;
use crate::clock::Timestamp;
use crate::id::Tenant;

/// The store that has a tenant, of several ones, and the progress of a move to another store.
///
/// ```
/// use hookwire::store::Placement;
///
/// let mut placement = Placement::new("eu-1");
/// assert_eq!((placement.version, placement.moving_to.is_some()), (1, false));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Placement {
    /// The name of the store.
    pub shard: Arc<str>,
    /// The name of the store that the tenant is being moved to.
    pub moving_to: Option<Arc<str>>,
    /// Whether no event of the tenant is accepted at the moment, because its deliveries are being copied.
    pub is_frozen: bool,
    /// The stores that had the tenant before, and when it left each of them last; the latest one is the last.
    pub former: Vec<(Arc<str>, Timestamp)>,
    /// How often the placement was stored.
    pub version: u64,
}

impl Placement {
    /// The first placement of a tenant.
    #[must_use]
    pub fn new(shard: impl Into<Arc<str>>) -> Self {
        Self { shard: shard.into(), moving_to: None, is_frozen: false, former: Vec::new(), version: 1 }
    }
}

/// Keeps which of several stores has a tenant, for [`Senders`](crate::sender::Senders). A store does not need this role to be used by a
/// sender.
///
/// 1. `place` MUST store a placement of version 1 only if the tenant has none, and one of a higher version only over its predecessor
///    (`a_placement_is_stored_over_its_predecessor`). If several calls store the same version at the same time,
///    one of them succeeds (`of_concurrent_placements_one_wins`).
/// 2. `placement` MUST return everything that was stored (`a_placement_reads_back_whole`). Tenants are compared byte by byte.
/// 3. `moving` MUST return the tenants that are being moved, in the order of their names, after `after` and at most `limit`
///    (`moves_that_are_under_way_are_listed`).
#[async_trait]
pub trait Placements: fmt::Debug + Send + Sync + 'static {
    /// Reads the placement of a tenant.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    async fn placement(&self, tenant: &Tenant) -> Result<Option<Placement>, StoreError>;

    /// Stores a placement. Returns `false` if the stored version is not the predecessor; nothing was changed then.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    async fn place(&self, tenant: &Tenant, placement: &Placement) -> Result<bool, StoreError>;

    /// Lists the tenants that are being moved, a page at a time.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    async fn moving(&self, after: Option<&Tenant>, limit: u32) -> Result<Vec<(Tenant, Placement)>, StoreError>;
}

delegate_store! { [S: Placements + ?Sized] Arc<S>, |shared| **shared; Placements }
