//! Several senders, each on a store of its own, behind one handle.

mod adopt;
mod carry;
mod places;
mod transfer;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use self::carry::carry_events;
use self::places::{Known, Places};
use super::change::moved_at;
use super::dispatch::Receipt;
use super::error::{DispatchError, SendersError};
use super::handle::Sender;
use crate::clock::Timestamp;
use crate::event::NewEvent;
use crate::id::{EventId, Tenant};
use crate::store::{Placement, Placements, StoreError, StoreErrorKind};

const CACHED_FOR: Duration = Duration::from_secs(2);

/// The number of endpoints that are looked at to find a tenant.
const EXAMINED: u32 = 100;

/// Several senders, each on a store of its own, for more tenants than one database can serve. A table in one of the stores, or in another
/// one, keeps which store has which tenant ([`Placements`]). Cheap to clone.
///
/// A tenant gets its place when it is used for the first time: the store that has endpoints of it already, else one by a hash of its name.
/// It keeps its place until [`move_tenant`](Self::move_tenant). Stores can be added at any time, after all processes know them. The store
/// with the table is asked once in [`cache_for`](Self::cache_for) for each tenant in use; while it is unavailable, calls for tenants that
/// are not cached fail, and workers deliver on. The first call for a new tenant needs all stores.
///
/// Notices, audit entries and the events of inboxes stay in the store where they were made.
///
/// ```
/// use hookwire::endpoint::NewEndpoint;
/// use hookwire::event::NewEvent;
/// use hookwire::sender::{Sender, Senders};
/// use hookwire::store::MemoryStore;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (first, second) = (MemoryStore::new(), MemoryStore::new());
/// let shards = [("eu-1", first.clone()), ("eu-2", second)];
/// let shards = shards.map(|(name, store)| (name, Sender::builder(store).build().unwrap()));
/// let senders = Senders::new(first, shards)?;
/// // Each process also runs the worker of each sender: `senders.all()`.
///
/// let acme = senders.of(&"acme".into()).await?;
/// acme.endpoints().create(NewEndpoint::https("https://acme.example/hooks")?.tenant("acme")).await?;
/// let receipt = senders.dispatch(NewEvent::json("invoice.paid", &1042)?.tenant("acme")).await?;
/// assert_eq!(receipt.deliveries.len(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Senders {
    shards: Arc<BTreeMap<Arc<str>, Sender>>,
    places: Arc<Places>,
}

impl Senders {
    /// Puts senders behind one handle. Each has a name, which the table of `placements` keeps: a name must not be given to another store
    /// later.
    ///
    /// # Errors
    /// Returns [`SendersError::NoShard`] if there is no sender, and [`SendersError::RepeatedShard`] if two have one name.
    pub fn new<N: Into<Arc<str>>>(
        placements: impl Placements,
        shards: impl IntoIterator<Item = (N, Sender)>,
    ) -> Result<Self, SendersError> {
        let mut all = BTreeMap::new();
        for (name, sender) in shards {
            let name = name.into();
            if all.insert(name.clone(), sender).is_some() {
                return Err(SendersError::RepeatedShard(name));
            }
        }
        if all.is_empty() {
            return Err(SendersError::NoShard);
        }
        Ok(Self { shards: Arc::new(all), places: Arc::new(Places::new(Arc::new(placements), CACHED_FOR)) })
    }

    /// Sets how long the place of a tenant is cached. Default: 2 s. All processes must have the same value: a move waits this long for the
    /// others.
    #[must_use]
    pub fn cache_for(mut self, time: Duration) -> Self {
        self.places = Arc::new(Places::new(self.places.table.clone(), time));
        self
    }

    /// All senders with their names, to run their workers.
    pub fn all(&self) -> impl Iterator<Item = (&str, &Sender)> {
        self.shards.iter().map(|(name, sender)| (&**name, sender))
    }

    /// The sender that has this tenant: for its endpoints and its history. Use it for one request, because the tenant may be elsewhere after
    /// [`cache_for`](Self::cache_for). Dispatch events by [`dispatch`](Self::dispatch), which notices a move.
    ///
    /// # Errors
    /// Returns [`SendersError::Tenant`] if the name is malformed, [`SendersError::Moving`] if the deliveries of the tenant are being copied
    /// for longer than 5 s, [`SendersError::UnknownShard`] if this handle has no sender of the name that the table contains, and
    /// [`SendersError::Store`] if a store fails.
    pub async fn of(&self, tenant: &Tenant) -> Result<Sender, SendersError> {
        self.shard(&self.place_of(tenant).await?).cloned()
    }

    /// The name of the sender that has this tenant.
    ///
    /// # Errors
    /// Returns the errors of [`of`](Self::of), except [`SendersError::UnknownShard`].
    pub async fn place_of(&self, tenant: &Tenant) -> Result<Arc<str>, SendersError> {
        Ok(self.settled(tenant).await?.placement.shard.clone())
    }

    /// Accepts an event, in the store that has its tenant, as [`Sender::dispatch`] does. While the tenant's deliveries are being copied, it
    /// waits for up to 5 s. An event with an [id](NewEvent::id) of its own is also looked up in the stores that had the tenant before, as
    /// long as [ids are taken](crate::worker::Config::key_retention): an event that they still have is a duplicate.
    ///
    /// # Errors
    /// Returns the errors of [`Sender::dispatch`], and [`DispatchError::Shards`] with the errors of [`of`](Self::of).
    pub async fn dispatch(&self, event: NewEvent) -> Result<Receipt, DispatchError> {
        let (tenant, is_given) = (event.tenant.clone(), event.id.is_some());
        let known = self.settled(&tenant).await?;
        let sender = self.shard(&known.placement.shard)?;
        if is_given && let Some(id) = self.find_in_former(&known.placement, sender, &event).await? {
            return Ok(Receipt { event: id, deliveries: Vec::new(), duplicate: true });
        }
        let receipt = sender.dispatch(event).await?;
        // The event is stored: from here on, a failure does not mean that it was not accepted.
        self.follow(&tenant, &known, &receipt.event).await.map_err(|error| {
            tracing::warn!(%error, %tenant, event = %receipt.event, "an event may be in the former store of its tenant; dispatch it again under its id");
            StoreError::with_source(StoreErrorKind::Unknown, error)
        })?;
        Ok(receipt)
    }

    /// Takes an event with it that was stored so slowly that its tenant may have been moved meanwhile.
    async fn follow(&self, tenant: &Tenant, known: &Known, event: &EventId) -> Result<(), SendersError> {
        if !self.places.has_changed_since(tenant, known).await? {
            return Ok(());
        }
        let now = self.settled(tenant).await?;
        let (from, to) = (self.shard(&known.placement.shard)?, self.shard(&now.placement.shard)?);
        if known.placement.shard == now.placement.shard {
            Ok(())
        } else {
            carry_events(from, to, tenant, &[event]).await
        }
    }

    /// Looks for an event in the stores that had its tenant before. What is still owed there is taken along.
    async fn find_in_former(
        &self,
        placement: &Placement,
        present: &Sender,
        event: &NewEvent,
    ) -> Result<Option<EventId>, DispatchError> {
        let now = present.now();
        for (name, left_at) in placement.former.iter().filter(|(_, at)| now.since(*at) <= present.shared.key_retention)
        {
            let Some(former) = self.shards.get(name) else {
                tracing::warn!(shard = %name, left_at = %left_at, "a former store of a tenant is not known, so repeated events are not found there");
                continue;
            };
            let event = event.clone().seal(now);
            if let Some(known) = former.history().event(&event.tenant, &event.id).await? {
                if known.fingerprint != event.fingerprint {
                    return Err(DispatchError::IdConflict(event.id));
                }
                carry_events(former, present, &event.tenant, &[&event.id]).await?;
                return Ok(Some(event.id));
            }
        }
        Ok(None)
    }

    async fn settled(&self, tenant: &Tenant) -> Result<Known, SendersError> {
        tenant.check().map_err(SendersError::Tenant)?;
        self.places.settled(tenant, || self.first_place(tenant)).await
    }

    fn shard(&self, name: &Arc<str>) -> Result<&Sender, SendersError> {
        self.shards.get(name).ok_or_else(|| SendersError::UnknownShard(name.clone()))
    }

    /// The place of a new tenant: the first store that has endpoints of it. Otherwise the name with the highest hash together with the
    /// tenant's name: when a store is added, only the tenants that it gets are placed differently.
    async fn first_place(&self, tenant: &Tenant) -> Result<Arc<str>, StoreError> {
        for (name, sender) in self.shards.iter() {
            let endpoints = sender.shared.store.list(Some(tenant), None, EXAMINED).await?;
            if endpoints.iter().any(|endpoint| moved_at(endpoint).is_none()) {
                return Ok(name.clone());
            }
        }
        let hash =
            |name: &str| Sha256::new().chain_update(name).chain_update([0]).chain_update(tenant.as_str()).finalize();
        Ok(self.shards.keys().max_by_key(|name| hash(name)).cloned().unwrap_or_else(|| "".into()))
    }
}

/// The former places of a placement after its tenant has left it for another store.
fn left(placement: &Placement, to: &Arc<str>, at: Timestamp) -> Vec<(Arc<str>, Timestamp)> {
    let others = placement.former.iter().filter(|(name, _)| name != to && *name != placement.shard).cloned();
    others.chain([(placement.shard.clone(), at)]).collect()
}
