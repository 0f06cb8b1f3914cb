//! The table of bulk jobs.

use std::collections::{BTreeMap, BTreeSet};

use crate::clock::Timestamp;
use crate::store::BulkJob;

#[derive(Debug, Default)]
pub(super) struct JobTable {
    pub(super) by_number: BTreeMap<u64, BulkJob>,
    /// The jobs that are not finished, by the time at which a worker may take them up.
    pub(super) open: BTreeSet<(Timestamp, u64)>,
    pub(super) last: u64,
}

impl JobTable {
    /// Stores a job in place of the one with its number.
    pub(super) fn put(&mut self, job: BulkJob) {
        let (number, wake_at) = (job.number, job.wake_at);
        let former = self.by_number.insert(number, job).and_then(|former| former.wake_at);
        if let Some(at) = former {
            self.open.remove(&(at, number));
        }
        self.open.extend(wake_at.map(|at| (at, number)));
    }
}
