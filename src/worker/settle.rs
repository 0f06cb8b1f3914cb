//! Recording the ends of attempts: whatever has gathered while the store was busy is one batch. A batch that cannot be recorded
//! is set aside and recorded one by one, beside those that come after it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::{sleep, timeout};

use super::engine::{Engine, State};
use crate::clock::Timestamp;
use crate::delivery::{Next, Settlement};
use crate::store::{Settled, StoreError, StoreErrorKind};
use crate::telemetry;

/// Most settlements in one call.
const MAX_BATCH: usize = 1_024;

/// Delay before a store in trouble is asked again: doubled each time, from the first to the last of these.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// After so long without an answer the store counts as being in trouble.
const SLOW: Duration = Duration::from_secs(1);

/// So many of those set aside are being recorded at the same time.
const AT_A_TIME: usize = 3;

/// The next delay after `delay`.
pub(super) fn back_off(delay: Option<Duration>) -> Duration {
    delay.map_or(BACKOFF.0, |delay| (delay * 2).min(BACKOFF.1))
}

/// Ends of attempts that the store has not recorded.
#[derive(Debug, Default)]
pub(super) struct Unrecorded {
    /// Not given to the store yet.
    ends: Vec<Settlement>,
    /// Could not be recorded together with others.
    aside: VecDeque<Aside>,
    /// How many the store is being asked to record.
    recording: usize,
    /// The store has failed, or does not answer, and has recorded nothing since.
    pub(super) in_trouble: bool,
}

/// One end by itself.
#[derive(Debug)]
struct Aside {
    end: Settlement,
    /// How long was waited before it was last tried.
    delay: Option<Duration>,
}

impl Unrecorded {
    pub(super) fn push(&mut self, end: Settlement) {
        self.ends.push(end);
    }

    pub(super) fn count(&self) -> usize {
        self.ends.len() + self.aside.len() + self.recording
    }

    fn take(&mut self) -> Vec<Settlement> {
        let count = self.ends.len().min(MAX_BATCH);
        let rest = self.ends.split_off(count);
        self.recording += count;
        std::mem::replace(&mut self.ends, rest)
    }

    fn take_aside(&mut self) -> Option<Aside> {
        let one = self.aside.pop_front()?;
        self.recording += 1;
        Some(one)
    }

    fn set_aside(&mut self, ends: impl Iterator<Item = Aside>) {
        let before = self.aside.len();
        self.aside.extend(ends);
        self.recording = self.recording.saturating_sub(self.aside.len() - before);
    }
}

impl Engine {
    /// Records ends for as long as it is polled.
    pub(super) async fn settle_forever(self: &Arc<Self>) -> Result<(), StoreError> {
        tokio::select! {
            failed = self.settle_batches() => failed,
            failed = self.settle_aside() => failed,
        }
    }

    async fn settle_batches(self: &Arc<Self>) -> Result<(), StoreError> {
        let mut delay = None;
        loop {
            let batch = self.state().unrecorded.take();
            if batch.is_empty() {
                self.ends.notified().await;
                continue;
            }
            if self.settle(&batch).await? {
                delay = None;
                continue;
            }
            self.state().unrecorded.set_aside(batch.into_iter().map(|end| Aside { end, delay: None }));
            self.aside.notify_one();
            // Until one of them is recorded, or after a while.
            let wait = back_off(delay);
            let recovered = timeout(wait, self.recovered.notified()).await;
            delay = recovered.is_err().then_some(wait);
        }
    }

    /// Waits until every end there is has been recorded.
    pub(super) async fn all_recorded(&self) {
        loop {
            let recorded = self.recorded.notified();
            if self.state().unrecorded.count() == 0 {
                return;
            }
            recorded.await;
        }
    }

    /// Records what was set aside, however often the store has to be asked: an attempt that was made is not forgotten because
    /// the disk was full for a while. Its lease is extended meanwhile.
    async fn settle_aside(self: &Arc<Self>) -> Result<(), StoreError> {
        let (mut running, mut trouble) = (FuturesUnordered::new(), None);
        loop {
            while running.len() < AT_A_TIME
                && let Some(one) = self.take_aside()
            {
                running.push(self.settle_again(one, trouble));
            }
            tokio::select! {
                Some(tried) = running.next(), if !running.is_empty() => match tried? {
                    None => trouble = None,
                    Some(one) => {
                        trouble = self.state().unrecorded.in_trouble.then(|| back_off(trouble));
                        self.state().unrecorded.set_aside(std::iter::once(one));
                    }
                },
                () = self.aside.notified() => {}
            }
        }
    }

    fn take_aside(&self) -> Option<Aside> {
        self.state().unrecorded.take_aside()
    }

    /// Tries one end again, after a while. Answers it when it could not be recorded.
    async fn settle_again(self: &Arc<Self>, one: Aside, wait: Option<Duration>) -> Result<Option<Aside>, StoreError> {
        if let Some(wait) = one.delay.max(wait) {
            sleep(wait).await;
        }
        let recorded = self.settle(std::slice::from_ref(&one.end)).await?;
        Ok((!recorded).then(|| Aside { delay: Some(back_off(one.delay)), ..one }))
    }

    /// Asks the store to record these ends; whether it has.
    async fn settle(self: &Arc<Self>, batch: &[Settlement]) -> Result<bool, StoreError> {
        let mut asked = std::pin::pin!(self.store.settle(batch.to_vec()));
        let answer = match timeout(SLOW, &mut asked).await {
            Ok(answer) => answer,
            Err(_) => {
                self.state().unrecorded.in_trouble = true;
                asked.await
            }
        };
        if let Ok(settled) = &answer {
            self.note_settled(batch, settled);
        }
        answer.map(|_| true).or_else(|error| self.note_trouble(error, batch.len()))
    }

    /// Whoever has failed to record is asked again, unless the store has failed for good.
    fn note_trouble(&self, error: StoreError, count: usize) -> Result<bool, StoreError> {
        if matches!(error.kind(), StoreErrorKind::Closed | StoreErrorKind::Schema) {
            return Err(error);
        }
        if error.is_retryable() {
            self.state().unrecorded.in_trouble = true;
            tracing::warn!(%error, count, "settling failed; it will be tried again");
        } else {
            warn_of_refusal(&error);
        }
        Ok(false)
    }

    fn note_settled(self: &Arc<Self>, batch: &[Settlement], settled: &[Settled]) {
        let now = self.clock.now();
        let mut state = self.state();
        let next_timer = state.lanes.next_timer();
        let was_full = state.is_stuck() || state.unrecorded.count() >= self.config.in_flight as usize;
        for (settlement, settled) in batch.iter().zip(settled) {
            state.note_settled(settlement, *settled, now);
        }
        let unrecorded = &mut state.unrecorded;
        unrecorded.recording = unrecorded.recording.saturating_sub(batch.len());
        let recovered = std::mem::take(&mut unrecorded.in_trouble);
        // Leases are free again, and timers may be nearer: the claiming side is woken only for those.
        let news = recovered || state.lanes.wants_claim() || state.lanes.next_timer() != next_timer;
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
        if news {
            self.work.notify_one();
        }
    }
}

fn warn_of_refusal(error: &StoreError) {
    tracing::error!(%error, "the store cannot record how an attempt has ended; it is asked again");
}

impl State {
    fn note_settled(&mut self, settlement: &Settlement, settled: Settled, now: Timestamp) {
        let lane = settlement.lane;
        if settled == Settled::LeaseLost {
            telemetry::lease_lost();
            tracing::warn!(delivery = %settlement.lease.delivery, "lease lost: the attempt may be made twice");
        } else if let Next::Retry { due } | Next::Again { due } = settlement.next {
            self.lanes.due(lane, due, now);
        }
        if settlement.ordered {
            // The next of the key may follow now; of a retry, the one that took its place.
            self.lanes.due(lane, now, now);
        }
        self.lanes.settled(settlement.lease, lane, now);
    }
}
