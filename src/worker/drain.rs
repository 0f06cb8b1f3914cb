//! Beginning and ending: one shift of a worker.

use std::sync::Arc;

use tokio::time::timeout;

use super::engine::{Crew, Engine};
use crate::store::StoreError;

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

    /// Ends in good order: unstarted leases back, attempts in flight finished or abandoned, their ends recorded by the
    /// settling that goes on beside this.
    pub(super) async fn drain(self) -> Result<(), StoreError> {
        self.close();
        let grace = self.engine.config.grace;
        if timeout(grace, self.crew.tasks.wait()).await.is_err() {
            self.crew.kill.cancel();
            self.crew.tasks.wait().await;
        }
        // The store gets as long again to record what has ended; after that the leases end by themselves.
        if timeout(grace, self.engine.all_recorded()).await.is_err() {
            tracing::warn!("the store did not record every attempt in time; some will be made twice");
            return Ok(());
        }
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
        state.ends.clear();
        state.recording = 0;
    }
}
