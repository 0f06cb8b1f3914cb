//! What recurs: leases are extended, old history is forgotten.

use std::sync::Arc;
use std::time::Duration;

use super::engine::Engine;
use crate::store::{Settled, StoreError};

/// How often old history is looked for.
const PRUNE_INTERVAL: Duration = Duration::from_secs(60);

/// How much history one call forgets, so that appends never wait long behind it.
const PRUNE_BATCH: u32 = 500;

/// Pause between two calls that forget.
const PRUNE_PAUSE: Duration = Duration::from_millis(50);

impl Engine {
    /// Extends leases for as long as it is polled: four times in the life of a lease, those in their second half.
    pub(super) async fn extend_forever(self: &Arc<Self>) -> Result<(), StoreError> {
        loop {
            tokio::time::sleep(self.config.lease / 4).await;
            match self.extend().await {
                Err(error) if !error.is_retryable() => return Err(error),
                Err(error) => tracing::warn!(%error, "extending leases failed; it will be tried again"),
                Ok(()) => {}
            }
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

    /// Forgets old history for as long as it is polled.
    pub(super) async fn prune_forever(self: &Arc<Self>) -> Result<(), StoreError> {
        loop {
            if let Some(retention) = self.config.retention {
                self.prune(retention).await?;
            }
            tokio::time::sleep(PRUNE_INTERVAL).await;
        }
    }

    async fn prune(&self, retention: Duration) -> Result<(), StoreError> {
        let before = self.clock.now() - retention;
        loop {
            match self.store.prune(before, PRUNE_BATCH).await {
                Ok(gone) if gone < u64::from(PRUNE_BATCH) => return Ok(()),
                Ok(_) => tokio::time::sleep(PRUNE_PAUSE).await,
                Err(error) if error.is_retryable() => {
                    tracing::warn!(%error, "pruning failed; it will be tried again");
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
    }
}
