//! Diagnostic notes of the simple store, with faults.

use async_trait::async_trait;
use hookwire::clock::Timestamp;
use hookwire::store::{DiagnosticNote, Diagnostics, NOTES_KEPT, StoreError};

use super::bug::Bug;
use super::db::Db;
use super::roles::Simple;

impl Db {
    fn write_note(&mut self, mut note: DiagnosticNote) {
        match self.bug {
            Some(Bug::NotesLoseTheTime) => note.at = Timestamp::EPOCH,
            Some(Bug::NotesAreCutAt16K) => note.content = note.content.chars().take(16_384).collect::<String>().into(),
            _ => {}
        }
        self.diagnostics.push(note.clone());
        let kept = if self.has(Bug::NotesAreNeverDropped) { usize::MAX } else { NOTES_KEPT as usize };
        let of_all = self.has(Bug::NotesOfAllMakeRoom);
        let is_one = |other: &DiagnosticNote| of_all || other.subject == note.subject;
        let mut excess = self.diagnostics.iter().filter(|other| is_one(other)).count().saturating_sub(kept);
        let newest = self.has(Bug::NewestNotesMakeRoom);
        if newest && excess > 0 {
            self.diagnostics.pop();
        } else {
            self.diagnostics.retain(|other| {
                let is_dropped = excess > 0 && is_one(other);
                excess -= usize::from(is_dropped);
                !is_dropped
            });
        }
    }

    fn notes_of(&self, subject: &str) -> Vec<DiagnosticNote> {
        let is_one = |note: &&DiagnosticNote| match self.bug {
            Some(Bug::NoteSubjectsAreFolded) => note.subject.to_lowercase() == subject.to_lowercase(),
            _ => &*note.subject == subject,
        };
        let mut found: Vec<_> = self.diagnostics.iter().filter(is_one).cloned().collect();
        if !self.has(Bug::NotesAreOldestFirst) {
            found.reverse();
        }
        if self.has(Bug::NotesAreSortedByTime) {
            found.sort_by_key(|note| std::cmp::Reverse(note.at));
        }
        found
    }

    fn prune_notes(&mut self, before: Timestamp, limit: u32) -> u64 {
        let mut left = if self.has(Bug::PruneNotesIgnoresTheLimit) { u32::MAX } else { limit };
        let (had, inclusive) = (self.diagnostics.len(), self.has(Bug::PruneNotesIsInclusive));
        let nothing = self.has(Bug::PruneNotesDoesNothing);
        self.diagnostics.retain(|note| {
            let is_old = !nothing && left > 0 && (note.at < before || inclusive && note.at == before);
            left -= u32::from(is_old);
            !is_old
        });
        (had - self.diagnostics.len()) as u64
    }
}

#[async_trait]
impl Diagnostics for Simple {
    async fn note(&self, notes: Vec<DiagnosticNote>) -> Result<(), StoreError> {
        self.change(|db| notes.into_iter().for_each(|note| db.write_note(note))).await;
        Ok(())
    }

    async fn notes(&self, subject: &str) -> Result<Vec<DiagnosticNote>, StoreError> {
        Ok(self.read(|db| db.notes_of(subject)).await)
    }

    async fn prune_notes(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        Ok(self.change(|db| db.prune_notes(before, limit)).await)
    }
}
