//! Moves a tenant from one store to another.

use std::sync::Arc;

use super::carry::{carry, check_nothing_pending};
use super::{Senders, left};
use crate::clock::Timestamp;
use crate::endpoint::{DisableReason, Endpoint, EndpointState};
use crate::id::Tenant;
use crate::secret::Keyring;
use crate::sender::change::moved_at;
use crate::sender::{EndpointError, Sender, SendersError};
use crate::store::Placement;

/// The number of endpoints that are read at once.
const PAGE: u32 = 100;

/// How often the endpoints are read again because some were made or changed meanwhile.
const MAX_ROUNDS: u32 = 20;

/// What is copied in a moment.
const FEW: usize = 200;

/// A move that is under way.
struct Transfer<'a> {
    senders: &'a Senders,
    tenant: &'a Tenant,
    placement: Placement,
    from: &'a Sender,
    to: &'a Sender,
}

impl Senders {
    /// Moves a tenant: its endpoints, and its deliveries that are not final, with their events. History stays where it is.
    ///
    /// 1. The endpoints are copied, and disabled in the former store. Deliveries stop; events are accepted as before.
    /// 2. When no attempt can be running any more (by default about 26 s later), the deliveries are copied with their ids, in order, and
    ///    cancelled in the former store. The new store sends them.
    /// 3. The place is frozen: [`dispatch`](Self::dispatch) waits. The last deliveries are copied, and the tenant is in its new place.
    ///
    /// Every step can be repeated. After an error or a crash, call it again with the same names ([`moving`](Self::moving) lists such
    /// tenants): it goes on, and no event is lost. The process must know all stores, and must be able to read the tenant's endpoints in
    /// both. Their senders must have the same [`cache_for`](crate::sender::SenderBuilder::cache_for) and time limits in all processes.
    ///
    /// A delivery is sent twice, under one `webhook-id`, if its attempt succeeds in the former store and the result cannot be recorded
    /// before it is copied, or if another call takes the move over at the same moment. Attempts are counted anew, as is the
    /// [health](crate::endpoint::Health) of the endpoints. A retry keeps its time; an ordered delivery is due at once, also one that was
    /// [parked](crate::endpoint::OnFailure::Park). The order of an ordering key is that of the ids of deliveries, so all processes should
    /// have the [clock](crate::sender::SenderBuilder::clock) of the store.
    ///
    /// A replay that is running, and rows of the former store's outbox table, may add deliveries there after the move. They are held: call it
    /// once more to copy them too. In the former store, what was moved is shown as cancelled: a replay of cancelled deliveries there, after
    /// the tenant was moved back, sends it again. If the call is dropped or its process dies in step 3, no event of the tenant is accepted
    /// until it is repeated. The former store keeps the disabled endpoints, without their keys and headers, so that the tenant can
    /// be moved back. Until the move has ended, changes of endpoints fail with [`Moved`](EndpointError::Moved).
    ///
    /// ```
    /// use hookwire::event::NewEvent;
    /// use hookwire::sender::{Sender, Senders};
    /// use hookwire::store::MemoryStore;
    /// use std::time::Duration;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let table = MemoryStore::new();
    /// let shards = ["eu-1", "eu-2"].map(|name| (name, Sender::builder(MemoryStore::new()).build().unwrap()));
    /// let senders = Senders::new(table, shards)?.cache_for(Duration::from_millis(20));
    /// let event = || NewEvent::json("invoice.paid", &1042).unwrap().tenant("acme").id("paid-1042".parse().unwrap());
    /// senders.dispatch(event()).await?;
    /// for shard in ["eu-1", "eu-2"] {
    ///     senders.move_tenant(&"acme".into(), shard).await?;
    ///     assert!(senders.dispatch(event()).await?.duplicate, "its id is taken, wherever the tenant is");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Returns [`SendersError::UnknownShard`] if no sender has this name, [`SendersError::Elsewhere`] if the tenant is being moved to another
    /// store, and [`SendersError::Moving`] if another call moves it. Returns [`SendersError::Endpoint`] and [`SendersError::IdConflict`] if
    /// the new store refuses a row, [`SendersError::Unreadable`] if an endpoint cannot be read, and [`SendersError::Store`] if a store fails.
    pub async fn move_tenant(&self, tenant: &Tenant, to: &str) -> Result<(), SendersError> {
        tenant.check().map_err(SendersError::Tenant)?;
        let to: Arc<str> = to.into();
        let target = self.shard(&to)?;
        let placement = self.present_place(tenant).await?;
        if let Some(other) = placement.moving_to.as_ref().filter(|other| **other != to) {
            return Err(SendersError::Elsewhere { tenant: tenant.clone(), to: other.clone() });
        }
        let from = self.shard(&placement.shard)?;
        let mut transfer = Transfer { senders: self, tenant, placement, from, to: target };
        if transfer.placement.shard != to {
            transfer.check_endpoints().await?;
            transfer.begin(&to).await?;
            transfer.stop_deliveries().await?;
            transfer.carry_most().await?;
            if let Err(error) = transfer.move_frozen(&to).await {
                transfer.thaw().await;
                return Err(error);
            }
        }
        transfer.clean_up().await
    }

    /// Tenants whose move has begun and not ended, with the name of the store that they are moved to: at most `limit` after `after`.
    ///
    /// # Errors
    /// Returns [`SendersError::Store`] if the store with the table fails.
    pub async fn moving(&self, after: Option<&Tenant>, limit: u32) -> Result<Vec<(Tenant, Arc<str>)>, SendersError> {
        let found = self.places.table.moving(after, limit).await?;
        Ok(found.into_iter().filter_map(|(tenant, placement)| Some((tenant, placement.moving_to?))).collect())
    }

    async fn present_place(&self, tenant: &Tenant) -> Result<Placement, SendersError> {
        match self.places.read(tenant).await? {
            Some(placement) => Ok(placement),
            None => Ok(self.places.place_first(tenant, self.first_place(tenant).await?).await?),
        }
    }
}

impl Transfer<'_> {
    /// Fails before anything is changed if the new store cannot serve an endpoint.
    async fn check_endpoints(&self) -> Result<(), SendersError> {
        for endpoint in self.endpoints(self.from).await? {
            let checked = self.to.endpoints().check_adoption(&endpoint);
            checked.map_err(|error| SendersError::Endpoint { id: endpoint.id, error: error.into() })?;
        }
        Ok(())
    }

    /// Records that the tenant moves. A move that goes on gets a new version too: the call that has begun it stops.
    async fn begin(&mut self, to: &Arc<str>) -> Result<(), SendersError> {
        let next = Placement { moving_to: Some(to.clone()), is_frozen: false, ..self.placement.clone() };
        self.store(next).await
    }

    async fn store(&mut self, next: Placement) -> Result<(), SendersError> {
        self.placement = self.senders.places.store(self.tenant, next).await?;
        Ok(())
    }

    /// Fails if another call has taken over this move.
    async fn check(&self) -> Result<(), SendersError> {
        let found = self.senders.places.read(self.tenant).await?;
        let is_mine = found.is_some_and(|found| found.version == self.placement.version);
        if is_mine { Ok(()) } else { Err(SendersError::Moving(self.tenant.clone())) }
    }

    async fn carry(&self, made_before: Option<Timestamp>) -> Result<usize, SendersError> {
        carry((self.from, self.to), self.tenant, made_before, || self.check()).await
    }

    /// Copies what is there, until little is left for the time in which the place is frozen.
    async fn carry_most(&self) -> Result<(), SendersError> {
        for _ in 0..MAX_ROUNDS {
            if self.carry(Some(self.from.now())).await? <= FEW {
                break;
            }
        }
        Ok(())
    }

    /// The endpoints of the tenant in one of the stores.
    async fn endpoints(&self, sender: &Sender) -> Result<Vec<Arc<Endpoint>>, SendersError> {
        let mut all: Vec<Arc<Endpoint>> = Vec::new();
        loop {
            let after = all.last().map(|last| last.id);
            let page = sender.shared.store.list(Some(self.tenant), after, PAGE).await?;
            if page.is_empty() {
                return Ok(all);
            }
            all.extend(page);
        }
    }

    /// Copies each endpoint and disables it in the former store, and waits until no attempt to any of them can be running.
    async fn stop_deliveries(&self) -> Result<(), SendersError> {
        let mut disabled = None;
        for _ in 0..MAX_ROUNDS {
            let endpoints = self.endpoints(self.from).await?;
            for endpoint in endpoints.iter().filter(|endpoint| moved_at(endpoint).is_none()) {
                self.copy_and_disable(endpoint).await?;
                disabled = Some(self.from.now());
            }
            if endpoints.iter().all(|endpoint| moved_at(endpoint).is_some()) {
                let last = endpoints.iter().filter_map(|endpoint| moved_at(endpoint)).chain(disabled).max();
                let quiet_after = self.from.shared.quiet_after;
                let passed = last.map_or(quiet_after, |last| self.from.now().since(last));
                tokio::time::sleep(quiet_after.saturating_sub(passed)).await;
                return Ok(());
            }
        }
        Err(SendersError::Moving(self.tenant.clone()))
    }

    /// An endpoint that was changed since it was read is copied in the next round.
    async fn copy_and_disable(&self, endpoint: &Endpoint) -> Result<(), SendersError> {
        let there = self.to.shared.store.get(endpoint.id).await?;
        // After the read: a call that has taken over has raised the version of the copy since then.
        self.check().await?;
        let version = there.map_or(1, |there| there.version + 1);
        match self.to.endpoints().adopt(Endpoint { version, ..endpoint.clone() }).await {
            Err(EndpointError::Conflict) if self.to.shared.store.get(endpoint.id).await?.is_some() => return Ok(()),
            Err(EndpointError::Store(error)) => return Err(error.into()),
            Err(error) => return Err(SendersError::Endpoint { id: endpoint.id, error: error.into() }),
            Ok(_) => {}
        }
        let state = EndpointState::Disabled { reason: DisableReason::Moved, at: self.from.now() };
        let disabled = Endpoint { state, version: endpoint.version + 1, ..endpoint.clone() };
        match self.from.endpoints().put_as_is(disabled).await {
            Err(EndpointError::Store(error)) => Err(error.into()),
            Err(_) if self.from.shared.store.get(endpoint.id).await?.is_none() => {
                // It was removed since it was read.
                self.to.shared.store.remove(endpoint.id, Some(version), self.to.now()).await?;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Takes the rest along while the place is frozen: no event is accepted. Then the tenant has its new place.
    async fn move_frozen(&mut self, to: &Arc<str>) -> Result<(), SendersError> {
        self.store(Placement { is_frozen: true, ..self.placement.clone() }).await?;
        self.senders.places.wait_for_others().await;
        self.stop_deliveries().await?;
        self.carry(None).await?;
        check_nothing_pending(self.from, self.tenant).await?;
        self.remove_left_over().await?;
        let former = left(&self.placement, to, self.from.now());
        // The move ends when the former store is cleaned up.
        self.store(Placement { shard: to.clone(), is_frozen: false, former, ..self.placement.clone() }).await
    }

    /// After a failure events are accepted until the move goes on. They are held.
    async fn thaw(&mut self) {
        let read = self.senders.places.read(self.tenant).await;
        let is_mine = |found: &Placement| found.is_frozen && found.version <= self.placement.version + 1;
        let thawed = match read.map(|found| found.filter(is_mine)) {
            Ok(None) => Ok(()),
            Ok(Some(found)) => self.store(Placement { is_frozen: false, ..found }).await,
            Err(error) => Err(error.into()),
        };
        if let Err(error) = thawed {
            tracing::warn!(%error, tenant = %self.tenant, "the place of a tenant stays frozen after a failed move; repeat the move");
        }
    }

    /// Removes what an earlier move has left of endpoints that were removed since then.
    async fn remove_left_over(&self) -> Result<(), SendersError> {
        for endpoint in self.endpoints(self.to).await?.iter().filter(|endpoint| moved_at(endpoint).is_some()) {
            if self.from.shared.store.get(endpoint.id).await?.is_none() {
                self.check().await?;
                self.to.shared.store.remove(endpoint.id, Some(endpoint.version), self.to.now()).await?;
            }
        }
        Ok(())
    }

    /// Takes along what was added to the former stores at the last moment, deletes the keys of the endpoints there, and ends the move.
    async fn clean_up(&mut self) -> Result<(), SendersError> {
        let former = self.placement.former.iter().map(|(name, _)| name.clone());
        let former: Vec<_> = former.filter(|name| *name != self.placement.shard).collect();
        for name in former {
            let Some(from) = self.senders.shards.get(&name) else {
                tracing::warn!(shard = %name, tenant = %self.tenant, "a former store of a tenant is not known, so nothing is taken from there");
                continue;
            };
            self.from = from;
            self.stop_deliveries().await?;
            self.carry(None).await?;
            self.delete_keys().await?;
        }
        if self.placement.moving_to.is_some() {
            self.store(Placement { moving_to: None, ..self.placement.clone() }).await?;
        }
        Ok(())
    }

    async fn delete_keys(&self) -> Result<(), SendersError> {
        for endpoint in self.endpoints(self.from).await? {
            let has_secrets = !endpoint.keys.entries().is_empty() || !endpoint.headers.is_empty();
            if moved_at(&endpoint).is_none() || !has_secrets {
                continue;
            }
            self.check().await?;
            let mut bare = Endpoint { version: endpoint.version + 1, ..(*endpoint).clone() };
            (bare.keys, bare.headers) = (Keyring::empty(), Default::default());
            if let Err(EndpointError::Store(error)) = self.from.endpoints().put_as_is(bare).await {
                return Err(error.into());
            }
        }
        Ok(())
    }
}
