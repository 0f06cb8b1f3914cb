//! The table of audit entries.

use std::collections::{BTreeMap, BTreeSet};

use crate::clock::Timestamp;
use crate::store::AuditEntry;

#[derive(Debug, Default)]
pub(super) struct AuditTable {
    pub(super) entries: BTreeMap<u64, AuditEntry>,
    /// The entries by time, for pruning.
    pub(super) by_time: BTreeSet<(Timestamp, u64)>,
    pub(super) last: u64,
}
