//! A sender with the rights of one caller. The HTTP API and the tools for agents use it; the application uses the sender itself.

pub(super) mod audit;
mod deliveries;
#[cfg(any(feature = "console", feature = "mcp"))]
mod diagnose;
mod endpoints;
mod events;
mod jobs;
mod rollups;
#[cfg(feature = "console")]
pub(super) mod samples;
#[cfg(feature = "console")]
mod send_now;
#[cfg(any(feature = "console", feature = "manage", feature = "mcp"))]
mod surface;

pub use self::jobs::Bulk;
use super::handle::Sender;
use super::scope::Scope;
use crate::clock::Timestamp;
use crate::endpoint::Endpoint;
use crate::id::Tenant;
use crate::store::StoreError;

/// A [`Sender`] with the rights of one caller. The HTTP API and the tools for agents use it, so that one place decides who may read and
/// change what. Cheap to clone.
///
/// - An object that is out of [scope](Scope) is treated exactly like an object that does not exist: it is not found, and lists leave it
///   out.
/// - An endpoint or event that a tenant creates belongs to that tenant, whatever tenant the caller sets.
/// - A tenant changes its endpoints [with the rights of the owner](super::EndpointChange::for_owner).
/// - Every change is recorded in the [audit log](Self::audit_log), with the [name](Scope::named) of the caller. If the record cannot be
///   stored, the change is not made. Dispatched events are not changes.
/// - Every change by a read-only caller fails with [`EndpointError::ReadOnly`](super::EndpointError::ReadOnly),
///   [`DispatchError::ReadOnly`](super::DispatchError::ReadOnly) or [`DeliveryError::ReadOnly`](super::DeliveryError::ReadOnly), whether or
///   not the object exists.
///
/// ```
/// use hookwire::endpoint::NewEndpoint;
/// use hookwire::sender::{EndpointError, Scope, Sender};
/// use hookwire::store::MemoryStore;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let sender = Sender::builder(MemoryStore::new()).build()?;
/// let acme = sender.scoped(Scope::tenant("acme"));
/// let endpoint = acme.create(NewEndpoint::https("https://acme.example/hooks")?).await?;
/// assert_eq!(endpoint.tenant, "acme".into());
///
/// let other = sender.scoped(Scope::tenant("other"));
/// assert!(matches!(other.remove(endpoint.id).await, Err(EndpointError::NotFound)));
/// let reader = sender.scoped(Scope::tenant("acme").read_only());
/// assert!(reader.endpoint(endpoint.id).await.is_ok());
/// assert!(matches!(reader.remove(endpoint.id).await, Err(EndpointError::ReadOnly)));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Scoped {
    sender: Sender,
    scope: Scope,
    /// The surface that the request came from, for the audit log.
    surface: &'static str,
}

impl Sender {
    /// Returns this sender with the rights of a scope.
    #[must_use]
    pub fn scoped(&self, scope: Scope) -> Scoped {
        Scoped { sender: self.clone(), scope, surface: "code" }
    }
}

impl Scoped {
    /// The caller's scope.
    #[must_use]
    pub const fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Fails with this error if the caller may only read.
    fn writable<E>(&self, read_only: E) -> Result<(), E> {
        if self.scope.is_read_only() { Err(read_only) } else { Ok(()) }
    }

    /// Returns the tenant of a list: the named tenant, the caller's own tenant, or `Some(None)` for all tenants. Returns `None` if the list
    /// must be empty, because the named tenant is out of scope.
    fn listed<'a>(&'a self, named: Option<&'a Tenant>) -> Option<Option<&'a Tenant>> {
        match named {
            Some(named) if !self.scope.covers(named) => None,
            Some(named) => Some(Some(named)),
            None => Some(self.scope.as_tenant()),
        }
    }

    /// The number of workers of senders that are alive on the store.
    pub(crate) async fn workers_alive(&self) -> Result<u32, StoreError> {
        self.sender.shared.engine.workers_alive(self.now()).await
    }

    /// The number of pending deliveries to these endpoints, counted up to `limit`, and the earliest time at which one is due.
    pub(crate) async fn waiting<'a>(
        &self,
        endpoints: impl Iterator<Item = &'a Endpoint>,
        limit: u32,
    ) -> Result<(u32, Option<Timestamp>), StoreError> {
        let covered = endpoints.filter(|endpoint| self.scope.covers(&endpoint.tenant));
        let lanes: Vec<_> = covered.map(|endpoint| endpoint.id.into()).collect();
        let store = &self.sender.shared.store;
        Ok((store.backlog(&lanes, limit).await?, store.oldest_due(&lanes).await?))
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.sender.now()
    }
}
