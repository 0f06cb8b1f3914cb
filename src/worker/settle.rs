//! Settling: ended attempts are recorded in batches. The settlements of a failed batch are set aside and recorded one by one, in parallel
//! with the batches that follow.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::{sleep, timeout};

use super::backoff::next_delay;
use super::engine::{Engine, State};
use super::unsettled::SetAside;
use crate::clock::Timestamp;
use crate::delivery::Settlement;
use crate::retry::Decision;
use crate::store::{Settled, StoreError, StoreErrorKind};
use crate::telemetry;

/// A store that does not respond for this long counts as failed.
const SLOW: Duration = Duration::from_secs(1);

/// The number of set-aside settlements that are recorded at the same time.
const MAX_SET_ASIDE: usize = 3;

impl Engine {
    /// Records settlements. Returns only if the store fails permanently.
    pub(super) async fn settle_forever(self: &Arc<Self>) -> Result<(), StoreError> {
        tokio::select! {
            biased; // A simulation repeats a run exactly.
            failed = self.settle_batches() => failed,
            failed = self.settle_set_aside() => failed,
        }
    }

    async fn settle_batches(self: &Arc<Self>) -> Result<(), StoreError> {
        let mut delay = None;
        loop {
            let batch = self.state().unsettled.take_batch();
            if batch.is_empty() {
                self.attempt_ended.notified().await;
                continue;
            }
            if self.settle(&batch).await? {
                delay = None;
                continue;
            }
            let one_by_one = batch.into_iter().map(|settlement| SetAside { settlement, delay: None });
            self.state().unsettled.set_aside(one_by_one);
            self.set_aside.notify_one();
            // The next batch is tried when one settlement was recorded, or after a delay.
            let wait = next_delay(delay);
            let recovered = timeout(wait, self.recovered.notified()).await;
            delay = recovered.is_err().then_some(wait);
        }
    }

    /// Records the set-aside settlements, with as many retries as necessary, because an attempt must not be lost while the disk is full.
    /// The leases are extended meanwhile.
    async fn settle_set_aside(self: &Arc<Self>) -> Result<(), StoreError> {
        let (mut running, mut delay) = (FuturesUnordered::new(), None);
        loop {
            while running.len() < MAX_SET_ASIDE
                && let Some(one) = self.take_set_aside()
            {
                running.push(self.settle_again(one, delay));
            }
            tokio::select! {
                biased; // As above.
                Some(tried) = running.next(), if !running.is_empty() => match tried? {
                    None => delay = None,
                    Some(one) => {
                        delay = self.state().unsettled.store_in_trouble.then(|| next_delay(delay));
                        self.state().unsettled.set_aside(std::iter::once(one));
                    }
                },
                () = self.set_aside.notified() => {}
            }
        }
    }

    fn take_set_aside(&self) -> Option<SetAside> {
        self.state().unsettled.take_set_aside()
    }

    /// Tries to record one settlement after the longer of the two delays. Returns it if it could not be recorded.
    async fn settle_again(
        self: &Arc<Self>,
        one: SetAside,
        delay: Option<Duration>,
    ) -> Result<Option<SetAside>, StoreError> {
        if let Some(delay) = one.delay.max(delay) {
            sleep(delay).await;
        }
        let recorded = self.settle(std::slice::from_ref(&one.settlement)).await?;
        Ok((!recorded).then(|| SetAside { delay: Some(next_delay(one.delay)), ..one }))
    }

    /// Records this batch in the store. Returns whether it was recorded.
    async fn settle(self: &Arc<Self>, batch: &[Settlement]) -> Result<bool, StoreError> {
        let mut call = std::pin::pin!(self.store.settle(batch.to_vec()));
        let answer = match timeout(SLOW, &mut call).await {
            Ok(answer) => answer,
            Err(_) => {
                self.state().unsettled.store_in_trouble = true;
                call.await
            }
        };
        if let Ok(settled) = &answer {
            self.handle_recorded(batch, settled);
        }
        answer.map(|_| true).or_else(|error| self.record_failure(error, batch.len()))
    }

    /// Returns the error if the store has failed permanently. After any other error the batch is retried.
    fn record_failure(&self, error: StoreError, count: usize) -> Result<bool, StoreError> {
        if matches!(error.kind(), StoreErrorKind::Closed | StoreErrorKind::Schema) {
            return Err(error);
        }
        if error.is_retryable() {
            self.state().unsettled.store_in_trouble = true;
            tracing::warn!(%error, count, "settling failed; the worker retries it");
        } else {
            log_refusal(&error);
        }
        Ok(false)
    }

    fn handle_recorded(self: &Arc<Self>, batch: &[Settlement], settled: &[Settled]) {
        let now = self.clock.now();
        let mut state = self.state();
        let timer_before = state.lanes.next_timer();
        let was_full = state.is_stuck() || state.unsettled.count() >= self.config.in_flight as usize;
        for (settlement, settled) in batch.iter().zip(settled) {
            state.handle_recorded(settlement, *settled, now);
        }
        let recovered = state.unsettled.recorded(batch.len());
        state.count_recorded(batch, settled);
        // The claim loop is woken only for free leases and for an earlier timer.
        let has_news =
            recovered || state.lanes.wants_claim() || state.lanes.next_timer() != timer_before || state.drain.is_some();
        drop(state);
        self.recorded.notify_one();
        if recovered {
            self.recovered.notify_one();
        }
        if was_full {
            self.start();
        }
        for (settlement, settled) in batch.iter().zip(settled) {
            if *settled == Settled::Done {
                self.deliver.settled(settlement);
            }
        }
        self.has_settled.store(true, Ordering::Relaxed);
        self.settled.notify_one();
        if has_news {
            self.work.notify_one();
        }
    }

    /// Waits until every settlement is recorded.
    pub(super) async fn all_recorded(&self) {
        loop {
            let recorded = self.recorded.notified();
            if self.state().unsettled.count() == 0 {
                return;
            }
            recorded.await;
        }
    }
}

fn log_refusal(error: &StoreError) {
    tracing::error!(%error, "the store cannot record the end of an attempt; the worker retries it");
}

impl State {
    /// Handles a settlement that the store has recorded, or whose lease was lost.
    fn handle_recorded(&mut self, settlement: &Settlement, settled: Settled, now: Timestamp) {
        let lane = settlement.lane;
        if settled == Settled::LeaseLost {
            telemetry::lease_lost();
            tracing::warn!(delivery = %settlement.lease.delivery, "the lease of a delivery was lost; the attempt may be made twice");
        } else if let Decision::Retry { at, .. } | Decision::RetryUncounted { at } = settlement.decision {
            self.lanes.note_due(lane, at, now);
        }
        if settlement.ordered {
            // The next delivery of the ordering key may be due now.
            self.lanes.note_due(lane, now, now);
        }
        self.lanes.settled(settlement.lease, lane, now);
    }
}
