//! Settlements that the store has not recorded yet.

use std::collections::VecDeque;
use std::time::Duration;

use crate::delivery::Settlement;

/// The number of settlements in one call of the store.
const MAX_BATCH: usize = 1_024;

/// Settlements that the store has not recorded yet.
#[derive(Debug, Default)]
pub(super) struct Unsettled {
    /// Settlements that were not passed to the store yet.
    queue: Vec<Settlement>,
    /// Settlements of a batch that could not be recorded; they are recorded one by one.
    set_aside: VecDeque<SetAside>,
    /// The number of settlements that the store is recording.
    recording: usize,
    /// Whether the store has failed or is slow, and has recorded nothing since then.
    pub(super) store_in_trouble: bool,
}

/// A settlement that is recorded separately.
#[derive(Debug)]
pub(super) struct SetAside {
    pub(super) settlement: Settlement,
    /// The delay before its last try.
    pub(super) delay: Option<Duration>,
}

impl Unsettled {
    pub(super) fn push(&mut self, settlement: Settlement) {
        self.queue.push(settlement);
    }

    /// The number of unrecorded settlements.
    pub(super) fn count(&self) -> usize {
        self.queue.len() + self.set_aside.len() + self.recording
    }

    /// Takes a batch to record. [`recorded`](Self::recorded) or [`set_aside`](Self::set_aside) must follow.
    pub(super) fn take_batch(&mut self) -> Vec<Settlement> {
        let count = self.queue.len().min(MAX_BATCH);
        let rest = self.queue.split_off(count);
        self.recording += count;
        std::mem::replace(&mut self.queue, rest)
    }

    /// Takes a settlement that was set aside, to record it. [`recorded`](Self::recorded) or [`set_aside`](Self::set_aside) must
    /// follow.
    pub(super) fn take_set_aside(&mut self) -> Option<SetAside> {
        let one = self.set_aside.pop_front()?;
        self.recording += 1;
        Some(one)
    }

    /// Sets settlements aside that were taken but not recorded.
    pub(super) fn set_aside(&mut self, settlements: impl Iterator<Item = SetAside>) {
        let before = self.set_aside.len();
        self.set_aside.extend(settlements);
        self.recording = self.recording.saturating_sub(self.set_aside.len() - before);
    }

    /// Drops this number of settlements that were taken and recorded. Returns whether the store had failed before.
    pub(super) fn recorded(&mut self, count: usize) -> bool {
        self.recording = self.recording.saturating_sub(count);
        std::mem::take(&mut self.store_in_trouble)
    }
}
