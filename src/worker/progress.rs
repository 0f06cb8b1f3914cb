//! The progress and the result of a drain.

use crate::clock::Timestamp;
use crate::retry::Decision;

/// What [`Worker::drain`](super::Worker::drain) has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drained {
    /// The number of deliveries that were delivered, or of jobs that were done.
    pub delivered: u64,
    /// The number of failed attempts after which the delivery is attempted again.
    pub retried: u64,
    /// The number of deliveries that were given up or are held for an operator.
    pub failed: u64,
    /// The number of attempts that were started and not recorded: they were cut off after the grace, or their lease was lost. Their
    /// deliveries are attempted again.
    pub cut_off: u64,
    /// When the next delivery is due; in the past or now if more is due than the limits allowed. `None` if nothing is pending.
    pub next: Option<Timestamp>,
}

/// The progress of a drain.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// How many attempts may still be started.
    left: u64,
    started: u64,
    ended: u64,
    /// Whether [`Deliver::maintain`](super::Deliver::maintain) has nothing more to do.
    pub(super) maintained: bool,
    /// Whether [`Deliver::work_off`](super::Deliver::work_off) has nothing more to do at the moment.
    pub(super) worked_off: bool,
    drained: Drained,
    /// Whether the run has nothing more to do.
    pub(super) finished: bool,
}

impl Progress {
    /// The progress of a run that may start this many attempts.
    pub(super) fn of(attempts: u64) -> Self {
        Self { left: attempts, ..Self::default() }
    }

    pub(super) const fn may_start(&self) -> bool {
        self.left > 0
    }

    pub(super) const fn start(&mut self) {
        self.left = self.left.saturating_sub(1);
        self.started += 1;
    }

    pub(super) const fn end(&mut self) {
        self.ended += 1;
    }

    pub(super) fn record(&mut self, decision: Decision) {
        let count = match decision {
            Decision::Delivered => &mut self.drained.delivered,
            Decision::Retry { .. } | Decision::RetryUncounted { .. } => &mut self.drained.retried,
            Decision::Hold { .. } | Decision::Fail { .. } | Decision::Disable { .. } => &mut self.drained.failed,
        };
        *count += 1;
    }

    /// Whether all attempts that were started have ended.
    pub(super) const fn all_ended(&self) -> bool {
        self.started == self.ended
    }

    pub(super) const fn drained(&self) -> Drained {
        let recorded = self.drained.delivered + self.drained.retried + self.drained.failed;
        Drained { cut_off: self.started.saturating_sub(recorded), ..self.drained }
    }
}
