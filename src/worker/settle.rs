//! Recording the ends of attempts: whatever has gathered while the store was busy is one batch.

use std::sync::Arc;
use std::time::Duration;

use super::engine::Engine;
use crate::delivery::{Next, Settlement};
use crate::store::{Settled, StoreError};
use crate::telemetry;

/// Most settlements in one call.
const MAX_BATCH: usize = 1_024;

/// Delay before a store in trouble is asked again: doubled each time, from the first to the last of these.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// The next delay after `delay`.
pub(super) fn back_off(delay: Option<Duration>) -> Duration {
    delay.map_or(BACKOFF.0, |delay| (delay * 2).min(BACKOFF.1))
}

impl Engine {
    /// Records ends for as long as it is polled.
    pub(super) async fn settle_forever(self: &Arc<Self>) -> Result<(), StoreError> {
        loop {
            let batch = self.take_ends();
            if batch.is_empty() {
                self.ends.notified().await;
                continue;
            }
            self.settle(batch).await?;
        }
    }

    fn take_ends(&self) -> Vec<Settlement> {
        let mut state = self.state();
        let count = state.ends.len().min(MAX_BATCH);
        let rest = state.ends.split_off(count);
        state.recording = count;
        std::mem::replace(&mut state.ends, rest)
    }

    /// Waits until every end there is has been recorded.
    pub(super) async fn all_recorded(&self) {
        loop {
            let recorded = self.recorded.notified();
            {
                let state = self.state();
                if state.ends.is_empty() && state.recording == 0 {
                    return;
                }
            }
            recorded.await;
        }
    }

    /// Records one batch, however often the store has to be asked: an attempt that was made is not forgotten because
    /// the disk was full for a while. Its lease is extended meanwhile.
    async fn settle(self: &Arc<Self>, batch: Vec<Settlement>) -> Result<(), StoreError> {
        let mut delay = None;
        loop {
            match self.store.settle(batch.clone()).await {
                Ok(settled) => {
                    self.note_settled(&batch, &settled);
                    return Ok(());
                }
                Err(error) if error.is_retryable() => {
                    tracing::warn!(%error, batch = batch.len(), "settling failed; it will be tried again");
                    let wait = back_off(delay);
                    tokio::time::sleep(wait).await;
                    delay = Some(wait);
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn note_settled(self: &Arc<Self>, batch: &[Settlement], settled: &[Settled]) {
        let now = self.clock.now();
        let mut state = self.state();
        let next_timer = state.lanes.next_timer();
        for (settlement, settled) in batch.iter().zip(settled) {
            let (lane, ordered) = (settlement.lane, settlement.ordered);
            if *settled == Settled::LeaseLost {
                telemetry::lease_lost();
                tracing::warn!(delivery = %settlement.lease.delivery, "lease lost: the attempt may be made twice");
            } else if let Next::Retry { due } | Next::Again { due } = settlement.next {
                state.lanes.due(lane, due, now);
            }
            if ordered {
                // The next of the key may follow now; of a retry, the one that took its place.
                state.lanes.due(lane, now, now);
            }
            state.lanes.settled(settlement.lease, lane, now);
        }
        state.recording = 0;
        // Leases are free again, and timers may be nearer: the claiming side is woken only for those.
        let news = state.lanes.wants_claim() || state.lanes.next_timer() != next_timer;
        drop(state);
        self.recorded.notify_one();
        for (settlement, settled) in batch.iter().zip(settled) {
            if *settled == Settled::Done {
                self.deliver.settled(settlement);
            }
        }
        if news {
            self.work.notify_one();
        }
    }
}
