//! One run of a worker that ends by itself: for lambdas, cron, and commands.

use std::time::Duration;

use tokio::time::sleep;

use super::engine::{Engine, State};
use super::progress::Drained;
use super::run::Run;
use crate::clock::Timestamp;
use crate::delivery::Settlement;
use crate::store::{Settled, StoreError};

/// The number of lanes that one call of the store lists.
const PAGE: u32 = 1_024;

impl Run {
    /// Works until nothing more is due or a limit is reached, and then shuts down.
    pub(super) async fn until_drained(self, engine: &Engine, time: Duration) -> Result<Drained, StoreError> {
        let stop = async {
            tokio::select! {
                () = engine.until_drained() => {}
                () = sleep(time) => {}
            }
        };
        self.until(stop).await?;
        let progress = engine.state().drain.take().unwrap_or_default();
        Ok(Drained { next: engine.next_due().await?, ..progress.drained() })
    }
}

impl State {
    /// Counts what the store has recorded.
    pub(super) fn count_recorded(&mut self, batch: &[Settlement], settled: &[Settled]) {
        let Some(progress) = &mut self.drain else { return };
        let done = batch.iter().zip(settled).filter(|(_, settled)| **settled == Settled::Done);
        done.for_each(|(settlement, _)| progress.record(settlement.decision));
    }

    /// Whether nothing more is due, or the number of attempts is used up, and all attempts are recorded.
    fn is_drained(&self, swept: bool, now: Timestamp) -> bool {
        let Some(progress) = &self.drain else { return false };
        let recorded = progress.all_ended() && self.unsettled.count() == 0;
        recorded
            && (!progress.may_start()
                || (swept && progress.maintained && progress.worked_off && self.lanes.is_quiet(now)))
    }
}

impl Engine {
    /// Called after a claim round, so that no claim is running.
    pub(super) fn end_if_drained(&self, swept: bool) {
        let mut state = self.state();
        let finished = state.is_drained(swept, self.clock.now());
        if let Some(progress) = state.drain.as_mut().filter(|_| finished) {
            progress.finished = true;
            self.drained.notify_one();
        }
    }

    async fn until_drained(&self) {
        while self.state().drain.as_ref().is_some_and(|progress| !progress.finished) {
            self.drained.notified().await;
        }
    }

    /// Notes that the outbox table is empty.
    pub(super) fn note_maintained(&self) {
        let mut state = self.state();
        let news = state.drain.as_mut().is_some_and(|progress| !std::mem::replace(&mut progress.maintained, true));
        drop(state);
        if news {
            self.work.notify_one();
        }
    }

    /// Notes that no job can be worked on at the moment.
    pub(super) fn note_worked_off(&self) {
        let mut state = self.state();
        let news = state.drain.as_mut().is_some_and(|progress| !std::mem::replace(&mut progress.worked_off, true));
        drop(state);
        if news {
            self.work.notify_one();
        }
    }

    /// When the store's next delivery is due.
    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        let (mut next, mut after) = (None, None);
        loop {
            let page = self.store.lanes(self.deliver.work(), after, PAGE).await?;
            next = page.iter().map(|(_, due)| *due).chain(next).min();
            after = page.last().map(|(lane, _)| *lane);
            if page.len() < PAGE as usize {
                return Ok(next);
            }
        }
    }
}
