//! The table of diagnostic notes.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use crate::clock::Timestamp;
use crate::store::{DiagnosticNote, NOTES_KEPT};

#[derive(Debug, Default)]
pub(super) struct NoteTable {
    /// The notes of each subject, in the order of writing.
    notes: BTreeMap<(Box<str>, u64), DiagnosticNote>,
    /// The notes by time, for pruning.
    by_time: BTreeSet<(Timestamp, Box<str>, u64)>,
    last: u64,
}

impl NoteTable {
    pub(super) fn write(&mut self, note: DiagnosticNote) {
        self.last += 1;
        let key = (note.subject.clone(), self.last);
        self.by_time.insert((note.at, key.0.clone(), key.1));
        self.notes.insert(key, note.clone());
        let old: Vec<_> = self.of(&note.subject).skip(NOTES_KEPT as usize).map(|(key, _)| key.clone()).collect();
        for key in old {
            self.remove(&key);
        }
    }

    /// The notes of a subject, the last written first.
    pub(super) fn of(&self, subject: &str) -> impl Iterator<Item = (&(Box<str>, u64), &DiagnosticNote)> {
        let all = (Bound::Included((subject.into(), 0)), Bound::Included((subject.into(), u64::MAX)));
        self.notes.range(all).rev()
    }

    fn remove(&mut self, key: &(Box<str>, u64)) {
        if let Some(note) = self.notes.remove(key) {
            self.by_time.remove(&(note.at, key.0.clone(), key.1));
        }
    }

    pub(super) fn prune(&mut self, before: Timestamp, limit: u32) -> u64 {
        let mut pruned = 0;
        while pruned < u64::from(limit)
            && let Some((at, ..)) = self.by_time.first()
            && *at < before
            && let Some((_, subject, number)) = self.by_time.pop_first()
        {
            self.notes.remove(&(subject, number));
            pruned += 1;
        }
        pruned
    }
}
