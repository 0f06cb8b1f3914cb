//! Recurring work: extends leases, adds settlements to the rollups, and prunes old history.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::engine::Engine;
use crate::clock::Timestamp;
use crate::id::{DeliveryId, Work};
use crate::store::{FinishedCursor, RetentionCutoff, Settled, StoreError};
use crate::telemetry;

/// How often old history is searched for.
const PRUNE_INTERVAL: Duration = Duration::from_secs(60);

/// How often settlements are added to the rollups. Charts show what this process has done with this delay.
const FOLD_INTERVAL: Duration = Duration::from_secs(5);

/// The same for a worker that has settled nothing since the last time. It then folds what a dead process has left.
const IDLE_FOLD_INTERVAL: Duration = Duration::from_secs(60);

/// How often a worker that stops adds settlements to the rollups.
const MAX_LAST_FOLDS: u32 = 16;

/// How much history one call deletes, so that appends never wait long for it.
const PRUNE_BATCH: u32 = 500;

/// The pause between two such calls.
const PRUNE_PAUSE: Duration = Duration::from_millis(50);

/// A cursor before every delivery.
const FIRST_ID: DeliveryId = DeliveryId::from_bytes([0; 16]);

/// Marks settlements as not yet added to the rollups when it is dropped before they are.
struct Unfolded<'a> {
    has_settled: &'a AtomicBool,
    is_done: bool,
}

impl Drop for Unfolded<'_> {
    fn drop(&mut self) {
        if !self.is_done {
            self.has_settled.store(true, Ordering::Relaxed);
        }
    }
}

impl Engine {
    /// Extends the leases that are in their second half, four times in the time of a lease. Returns only if the store fails permanently.
    pub(super) async fn extend_forever(self: &Arc<Self>) -> Result<(), StoreError> {
        let mut oldest = telemetry::Oldest::of(self.deliver.work());
        loop {
            tokio::time::sleep(self.config.lease / 4).await;
            telemetry::lanes_failing(self.deliver.work(), self.state().lanes.failing());
            oldest.record(|| (self.state().lanes.overdue(), self.clock.now()));
            match self.extend().await {
                Err(error) if !error.is_retryable() => return Err(error),
                Err(error) => tracing::warn!(%error, "extending leases failed; the worker retries it"),
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
                // The lease was settled meanwhile or is lost; the settlement reports which.
                Settled::LeaseLost => state.lanes.forget(lease),
            }
        }
        Ok(())
    }

    /// Adds settlements to the rollups. Returns only if the store fails permanently.
    pub(super) async fn fold_forever(self: &Arc<Self>) -> Result<(), StoreError> {
        let (mut wait, mut idle) = (FOLD_INTERVAL, IDLE_FOLD_INTERVAL);
        loop {
            tokio::time::sleep(wait).await;
            idle += wait;
            let has_rest = wait == PRUNE_PAUSE || self.has_settled.load(Ordering::Relaxed);
            if !has_rest && idle < IDLE_FOLD_INTERVAL {
                continue;
            }
            idle = Duration::ZERO;
            wait = match self.fold().await {
                Ok(true) => PRUNE_PAUSE,
                Ok(false) => FOLD_INTERVAL,
                Err(error) if !error.is_retryable() => return Err(error),
                Err(error) => {
                    tracing::warn!(%error, "adding settlements to the rollups failed; the worker retries it");
                    FOLD_INTERVAL
                }
            };
        }
    }

    /// Folds once. Returns whether more is left. If this future is dropped, or if more is left, there are still settlements to add.
    async fn fold(&self) -> Result<bool, StoreError> {
        let mut unfolded = Unfolded { has_settled: &self.has_settled, is_done: false };
        self.has_settled.store(false, Ordering::Relaxed);
        let is_left = self.store.fold(self.clock.now()).await?;
        unfolded.is_done = !is_left;
        Ok(is_left)
    }

    /// Adds the last settlements of a worker that stops to the rollups.
    pub(super) async fn fold_rest(&self) {
        for _ in 0..MAX_LAST_FOLDS {
            if !self.has_settled.load(Ordering::Relaxed) {
                return;
            }
            if let Err(error) = self.fold().await {
                tracing::debug!(%error, "the last settlements were not added to the rollups; another worker does it");
                return;
            }
        }
    }

    /// Deletes history and payloads that are older than their retention. Returns only if the store fails permanently.
    pub(super) async fn prune_forever(self: &Arc<Self>) -> Result<(), StoreError> {
        let mut payloads_after = (Timestamp::from_micros(i64::MIN), FIRST_ID);
        loop {
            match self.prune_all(&mut payloads_after).await {
                Err(error) if !error.is_retryable() => return Err(error),
                Err(error) => tracing::warn!(%error, "pruning failed; the worker retries it"),
                Ok(()) => {}
            }
            tokio::time::sleep(PRUNE_INTERVAL).await;
        }
    }

    async fn prune_all(&self, payloads_after: &mut FinishedCursor) -> Result<(), StoreError> {
        if let Some(retention) = self.config.payload_retention {
            self.drop_payloads(payloads_after, self.clock.now() - retention).await?;
        }
        if let Some(retention) = self.config.delivery_retention {
            self.prune(retention).await?;
        }
        self.prune_records().await;
        Ok(())
    }

    /// Deletes old diagnostic notes and audit entries. A failure of these must not stop the deletion of history, nor the worker.
    async fn prune_records(&self) {
        let now = self.clock.now();
        let notes = match self.config.diagnostics_retention {
            Some(retention) => in_batches(|| self.store.prune_notes(now - retention, PRUNE_BATCH)).await,
            None => Ok(()),
        };
        // Only senders have an audit log, so an inbox on the same store must not shorten it.
        let audit = match (self.config.audit_retention, self.deliver.work()) {
            (Some(retention), Work::Sent) => in_batches(|| self.store.prune_audit(now - retention, PRUNE_BATCH)).await,
            _ => Ok(()),
        };
        for (what, pruned) in [("diagnostic notes", notes), ("the audit log", audit)] {
            if let Err(error) = pruned {
                warn_not_pruned(what, &error);
            }
        }
    }

    async fn prune(&self, retention: Duration) -> Result<(), StoreError> {
        let now = self.clock.now();
        let old = RetentionCutoff { work: now - retention, keys: now - self.config.key_retention };
        in_batches(|| self.store.prune(self.deliver.work(), old, PRUNE_BATCH)).await
    }

    /// Deletes the payloads of deliveries that finished before `before`, and moves `after` behind the last one.
    async fn drop_payloads(&self, after: &mut FinishedCursor, before: Timestamp) -> Result<(), StoreError> {
        while let Some(next) = self.store.drop_payloads(self.deliver.work(), *after, before, PRUNE_BATCH).await? {
            *after = next;
            tokio::time::sleep(PRUNE_PAUSE).await;
        }
        *after = (*after).max((before, FIRST_ID));
        Ok(())
    }
}

/// Deletes batch after batch until one is not full.
async fn in_batches<F>(delete: impl Fn() -> F) -> Result<(), StoreError>
where
    F: Future<Output = Result<u64, StoreError>>,
{
    while delete().await? >= u64::from(PRUNE_BATCH) {
        tokio::time::sleep(PRUNE_PAUSE).await;
    }
    Ok(())
}

fn warn_not_pruned(what: &str, error: &StoreError) {
    tracing::warn!(%error, what, "pruning failed; the worker retries it");
}
