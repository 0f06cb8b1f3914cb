//! What recurs: leases are extended, old history is forgotten.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use super::deliver::Tended;
use super::engine::Engine;
use super::settle::back_off;
use crate::clock::Timestamp;
use crate::id::{DeliveryId, LaneId};
use crate::store::{Finished, Old, Settled, StoreError};
use crate::telemetry;

/// The part of a lease after which a worker says again that it lives: while it is alone, and beside others.
const ALONE: u32 = 6;
const AMONG_OTHERS: u32 = 24;

/// So many times in a row a worker may be silent before it counts as dead.
const SILENCES: u32 = 3;

/// How often old history is looked for.
const PRUNE_INTERVAL: Duration = Duration::from_secs(60);

/// How much history one call forgets, so that appends never wait long behind it.
const PRUNE_BATCH: u32 = 500;

/// Pause between two calls that forget.
const PRUNE_PAUSE: Duration = Duration::from_millis(50);

impl Engine {
    /// Extends leases for as long as it is polled: four times in the life of a lease, those in their second half.
    pub(super) async fn extend_forever(self: &Arc<Self>) -> Result<(), StoreError> {
        let mut oldest = telemetry::Oldest::of(self.deliver.work());
        loop {
            tokio::time::sleep(self.config.lease / 4).await;
            telemetry::lanes_failing(self.deliver.work(), self.state().lanes.failing());
            oldest.record(|| (self.state().lanes.late(), self.clock.now()));
            match self.extend().await {
                Err(error) if !error.is_retryable() => return Err(error),
                Err(error) => tracing::warn!(%error, "extending leases failed; it will be tried again"),
                Ok(()) => {}
            }
        }
    }

    /// Says that this worker lives, and learns how many others do, for as long as it is polled.
    pub(super) async fn attend_forever(&self) -> Result<(), StoreError> {
        let mut interval = self.attend_interval();
        loop {
            tokio::time::sleep(interval).await;
            interval = self.attend_interval();
            self.attend().await?;
        }
    }

    fn attend_interval(&self) -> Duration {
        let is_alone = self.state().lanes.crowd().workers == NonZeroU32::MIN;
        self.config.lease / if is_alone { ALONE } else { AMONG_OTHERS }
    }

    pub(super) async fn attend(&self) -> Result<(), StoreError> {
        let (me, now) = (self.state().lanes.crowd().me, self.clock.now());
        let until = now + self.attend_interval() * SILENCES;
        match self.store.attend(self.deliver.crew(), me, now, until).await {
            Ok(workers) => {
                self.state().lanes.crowd().workers = NonZeroU32::new(workers).unwrap_or(NonZeroU32::MIN);
                Ok(())
            }
            Err(error) if error.is_retryable() => {
                tracing::warn!(%error, "this worker could not say that it lives; it will be tried again");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Says that this worker has stopped. If that fails, the others will notice.
    pub(super) async fn leave(&self) {
        let me = self.state().lanes.crowd().me;
        if let Err(error) = self.store.leave(me).await {
            tracing::debug!(%error, "nobody was told that this worker has stopped");
        }
    }

    async fn extend(&self) -> Result<(), StoreError> {
        let now = self.clock.now();
        let leases = self.state().lanes.ending(now + self.config.lease / 2);
        if leases.is_empty() {
            return Ok(());
        }
        let until = self.lease_end(now);
        let extended = self.store.extend(leases.clone(), until).await?;
        let mut state = self.state();
        for (lease, extended) in leases.into_iter().zip(extended) {
            match extended {
                Settled::Done => state.lanes.extended(lease, until),
                // Settled meanwhile, or lost; the settlement will tell.
                Settled::LeaseLost => state.lanes.forget(lease),
            }
        }
        Ok(())
    }

    /// Tends to what the delivering side looks after, for as long as it is polled: when woken, and every
    /// [`Config::tend`](super::Config::tend).
    pub(super) async fn tend_forever(self: &Arc<Self>) -> Result<(), StoreError> {
        let mut trouble = None;
        loop {
            let wait = match self.deliver.tend().await {
                Ok(Tended { due, more }) => {
                    trouble = None;
                    self.announce_all(&due);
                    if more { Duration::ZERO } else { self.config.tend }
                }
                Err(error) if error.is_retryable() => {
                    tracing::warn!(%error, "tending failed; it will be tried again");
                    let wait = back_off(trouble);
                    trouble = Some(wait);
                    wait
                }
                Err(error) => return Err(error),
            };
            // Woken or not: what there is to do is asked anew.
            let _woken = tokio::time::timeout(wait, self.tending.notified()).await;
        }
    }

    fn announce_all(&self, lanes: &[LaneId]) {
        let now = self.clock.now();
        for lane in lanes {
            self.announce(*lane, now);
        }
    }

    /// Forgets old history for as long as it is polled.
    pub(super) async fn prune_forever(self: &Arc<Self>) -> Result<(), StoreError> {
        let mut shed_to = (Timestamp::from_micros(i64::MIN), DeliveryId::from_bytes([0; 16]));
        loop {
            let done = async {
                if let Some(span) = self.config.payloads {
                    shed_to = self.shed(shed_to, self.clock.now() - span).await?;
                }
                match self.config.retention {
                    Some(span) => self.prune(span).await,
                    None => Ok(()),
                }
            };
            match done.await {
                Err(error) if !error.is_retryable() => return Err(error),
                Err(error) => tracing::warn!(%error, "pruning failed; it will be tried again"),
                Ok(()) => {}
            }
            tokio::time::sleep(PRUNE_INTERVAL).await;
        }
    }

    async fn prune(&self, retention: Duration) -> Result<(), StoreError> {
        let now = self.clock.now();
        let old = Old { work: now - retention, keys: now - self.config.keys };
        while self.store.prune(self.deliver.work(), old, PRUNE_BATCH).await? >= u64::from(PRUNE_BATCH) {
            tokio::time::sleep(PRUNE_PAUSE).await;
        }
        Ok(())
    }

    /// Forgets payloads of what finished before `before`; answers after what to look the next time.
    async fn shed(&self, mut from: Finished, before: Timestamp) -> Result<Finished, StoreError> {
        while let Some(next) = self.store.shed(self.deliver.work(), from, before, PRUNE_BATCH).await? {
            from = next;
            tokio::time::sleep(PRUNE_PAUSE).await;
        }
        Ok(from.max((before, DeliveryId::from_bytes([0; 16]))))
    }
}
