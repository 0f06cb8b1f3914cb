//! Heartbeats: each worker reports that it is alive, and gets the number of workers that share the lanes.

use std::num::NonZeroU32;
use std::time::Duration;

use super::engine::Engine;
use crate::clock::Timestamp;
use crate::id::Work;
use crate::store::StoreError;
use crate::telemetry;

/// The number of heartbeats in the time of a lease: for the only worker, and for one of several.
const ALONE: u32 = 6;
const AMONG_OTHERS: u32 = 24;

/// A worker that misses this number of heartbeats counts as dead.
const MISSED: u32 = 3;

impl Engine {
    /// Sends heartbeats. Returns only if the store fails permanently.
    pub(super) async fn heartbeat_forever(&self) -> Result<(), StoreError> {
        loop {
            tokio::time::sleep(self.heartbeat_interval()).await;
            self.heartbeat().await?;
        }
    }

    fn heartbeat_interval(&self) -> Duration {
        let is_alone = self.state().lanes.peers().alive == NonZeroU32::MIN;
        self.config.lease / if is_alone { ALONE } else { AMONG_OTHERS }
    }

    pub(super) async fn heartbeat(&self) -> Result<(), StoreError> {
        let (me, now) = (self.state().lanes.peers().me, self.clock.now());
        let until = now + self.heartbeat_interval() * MISSED;
        match self.store.heartbeat(self.deliver.group(), me, now, until).await {
            Ok(alive) => {
                telemetry::workers_alive(self.deliver.work(), alive);
                self.state().lanes.peers().alive = NonZeroU32::new(alive).unwrap_or(NonZeroU32::MIN);
                Ok(())
            }
            Err(error) if error.is_retryable() => {
                tracing::warn!(%error, "the heartbeat failed; the worker retries it");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Reports that this worker has stopped. If that fails, the other workers detect the missing heartbeats.
    pub(super) async fn leave(&self) {
        let me = self.state().lanes.peers().me;
        if let Err(error) = self.store.leave(me).await {
            tracing::debug!(%error, "the stop of this worker was not recorded; other workers detect it by the missing heartbeats");
        }
    }
}

impl Engine {
    /// The number of workers of this group that are alive on the store, in any process.
    pub(crate) async fn workers_alive(&self, now: Timestamp) -> Result<u32, StoreError> {
        self.store.alive(self.deliver.group(), now).await
    }

    /// Reports, at most once a minute, that work was stored and that no worker has been alive for a minute. Queries the store once
    /// a minute. An error of the store is ignored, because the calls that need the store return it.
    pub(crate) async fn report_absence(&self, now: Timestamp) {
        if !self.absence.is_due(now) {
            return;
        }
        let Ok(alive) = self.workers_alive(now).await else { return };
        telemetry::workers_alive(self.deliver.work(), alive);
        if let Some(absent) = self.absence.note(alive, now) {
            warn(self.deliver.work(), absent);
        }
    }
}

fn warn(work: Work, absent: Duration) {
    let what = match work {
        Work::Sent => "deliveries are due and no worker is alive; run one: `sender.worker().run_until(..)`",
        Work::Received => "jobs are due and no worker of the inbox is alive; run one: `inbox.worker().run_until(..)`",
    };
    tracing::warn!(absent_secs = absent.as_secs(), "{what}");
}
