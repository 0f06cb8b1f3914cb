//! One run of a worker, from its start to its shutdown.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::engine::Engine;
use super::progress::Progress;
use super::shutdown::Shutdown;
use super::task_pool::TaskPool;
use super::unsettled::Unsettled;
use crate::store::StoreError;

/// How long after the grace a worker still waits for its store, to record attempts that were cut off and to release leases.
const LAST: Duration = Duration::from_secs(1);

/// A running worker. Dropping it stops everything at once.
#[derive(Debug)]
pub(super) struct Run {
    engine: Arc<Engine>,
    tasks: Arc<TaskPool>,
}

impl Run {
    /// Starts a run. With `drain`, the run ends when nothing more is due. Returns `None` if the worker is already running.
    pub(super) fn start(engine: &Arc<Engine>, drain: Option<Progress>) -> Option<Self> {
        let mut state = engine.state();
        if state.tasks.is_some() {
            return None;
        }
        let tasks = Arc::new(TaskPool::new());
        state.tasks = Some(tasks.clone());
        state.drain = drain;
        state.lanes.open();
        drop(state);
        Some(Self { engine: engine.clone(), tasks })
    }

    /// Works until `stop` completes, and then shuts down.
    pub(super) async fn until(self, stop: impl Future) -> Result<(), StoreError> {
        let shutdown = Shutdown::default();
        let working = async {
            let worked = self.work(&shutdown).await;
            shutdown.request();
            worked.and(self.drain(&shutdown).await)
        };
        // Settling runs in parallel with the work and with the shutdown. The stop is polled first, so that a worker that is stopped
        // before it has started claims nothing.
        tokio::select! {
            biased;
            () = self.time_out(stop, &shutdown) => Ok(()),
            done = working => done,
            failed = self.engine.settle_forever() => failed,
        }
    }

    /// Works until the shutdown is requested or the store fails.
    async fn work(&self, shutdown: &Shutdown) -> Result<(), StoreError> {
        let engine = &self.engine;
        shutdown.call_store(engine.heartbeat()).await?;
        tokio::select! {
            biased;
            stopped_or_failed = engine.claim_until(shutdown) => stopped_or_failed,
            failed = engine.extend_forever() => failed,
            failed = engine.heartbeat_forever() => failed,
            failed = engine.prune_forever() => failed,
            failed = engine.fold_forever() => failed,
            failed = engine.maintain_forever() => failed,
            never = engine.work_off_forever() => match never {},
        }
    }

    /// Requests the shutdown when `stop` completes, and completes when the time for the shutdown is over.
    async fn time_out(&self, stop: impl Future, shutdown: &Shutdown) {
        let _stopped_from_outside = shutdown.until_requested(stop).await;
        shutdown.request();
        self.close();
        sleep(self.engine.config.grace).await;
        shutdown.end_grace();
        sleep(LAST).await;
        tracing::warn!("the store did not record all attempts in time; the next worker makes them again");
    }

    /// Releases the deliveries that were not started, and waits for attempts in flight until the grace ends. Then waits until they
    /// are recorded, and releases the deliveries whose attempts were cut off.
    async fn drain(&self, shutdown: &Shutdown) -> Result<(), StoreError> {
        self.close();
        if shutdown.until_out_of_time(self.tasks.wait()).await.is_none() {
            self.tasks.abort();
            self.tasks.wait().await;
        }
        self.engine.all_recorded().await;
        let cut_off = self.engine.state().lanes.release_all();
        if cut_off > 0 {
            warn_cut_off(cut_off);
        }
        self.engine.leave().await;
        let released = self.engine.release().await;
        self.engine.deliver.flush().await;
        // Everything is recorded: a store that hangs now must not delay the stop.
        let _in_time = timeout(LAST, self.engine.fold_rest()).await;
        released
    }

    fn close(&self) {
        self.engine.state().lanes.close();
        self.tasks.close();
    }
}

fn warn_cut_off(count: usize) {
    tracing::warn!(count, "attempts exceeded the grace and were cut off; the next worker makes them again");
}

impl Drop for Run {
    fn drop(&mut self) {
        self.tasks.abort();
        let mut state = self.engine.state();
        state.tasks = None;
        state.lanes.reset(self.engine.config.in_flight, self.engine.config.leases);
        state.unsettled = Unsettled::default();
    }
}
