//! Beginning and ending: one shift of a worker.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::engine::{Crew, Engine};
use super::settle::Unrecorded;
use crate::store::StoreError;

/// How long after the grace a worker still waits for its store: to record what was abandoned, and to give it back.
const LAST: Duration = Duration::from_secs(1);

/// How far the end of a shift has come. Whatever the store does, it goes on.
#[derive(Debug)]
pub(super) struct Ending {
    begun: CancellationToken,
    out_of_time: CancellationToken,
}

impl Ending {
    /// Begins when `stop` is cancelled.
    pub(super) fn after(stop: &CancellationToken) -> Self {
        Self { begun: stop.child_token(), out_of_time: CancellationToken::new() }
    }

    /// Begins now.
    pub(super) fn begin(&self) {
        self.begun.cancel();
    }

    pub(super) fn has_begun(&self) -> bool {
        self.begun.is_cancelled()
    }

    /// Runs this until the end begins; `None` when it was cut off.
    pub(super) async fn or_begun<T>(&self, run: impl Future<Output = T>) -> Option<T> {
        self.begun.run_until_cancelled(run).await
    }

    /// Runs this until the grace is over.
    pub(super) async fn or_out_of_time(
        &self,
        run: impl Future<Output = Result<(), StoreError>>,
    ) -> Result<(), StoreError> {
        self.out_of_time.run_until_cancelled(run).await.unwrap_or(Ok(()))
    }
}

/// A running worker. Dropped without [`drain`](Self::drain), everything stops at once.
#[derive(Debug)]
pub(super) struct Shift {
    engine: Arc<Engine>,
    crew: Arc<Crew>,
}

impl Shift {
    /// Begins, unless another has begun and not ended.
    pub(super) fn begin(engine: &Arc<Engine>) -> Option<Self> {
        let mut state = engine.state();
        if state.crew.is_some() {
            return None;
        }
        let crew = Arc::new(Crew::new());
        state.crew = Some(crew.clone());
        state.lanes.open();
        drop(state);
        Some(Self { engine: engine.clone(), crew })
    }

    /// Starts nothing more once the end has begun, and completes when nothing is waited for any longer.
    pub(super) async fn end(&self, ending: &Ending) {
        ending.begun.cancelled().await;
        self.close();
        sleep(self.engine.config.grace).await;
        ending.out_of_time.cancel();
        sleep(LAST).await;
        tracing::warn!("the store did not record every attempt in time; some will be made twice");
    }

    /// Ends in good order: unstarted leases back, attempts in flight finished or abandoned, their ends recorded by the
    /// settling that goes on beside this.
    pub(super) async fn drain(&self, ending: &Ending) -> Result<(), StoreError> {
        self.close();
        if ending.out_of_time.run_until_cancelled(self.crew.tasks.wait()).await.is_none() {
            self.crew.kill.cancel();
            self.crew.tasks.wait().await;
        }
        self.engine.all_recorded().await;
        self.take_leftovers();
        self.engine.leave().await;
        self.engine.give_back().await
    }

    fn close(&self) {
        self.engine.state().lanes.close();
        self.crew.tasks.close();
    }

    fn take_leftovers(&self) {
        let count = self.engine.state().lanes.abandon_all();
        if count > 0 {
            tracing::warn!(count, "attempts outlasted the grace and were abandoned");
        }
    }
}

impl Drop for Shift {
    fn drop(&mut self) {
        self.crew.kill.cancel();
        let mut state = self.engine.state();
        state.crew = None;
        state.lanes.reset();
        state.unrecorded = Unrecorded::default();
    }
}
