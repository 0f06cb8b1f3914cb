//! Diagnostic notes in memory.

use async_trait::async_trait;

use super::MemoryStore;
use crate::clock::Timestamp;
use crate::store::{DiagnosticNote, Diagnostics, StoreError};

#[async_trait]
impl Diagnostics for MemoryStore {
    async fn note(&self, notes: Vec<DiagnosticNote>) -> Result<(), StoreError> {
        let table = &mut self.tables().diagnostics;
        notes.into_iter().for_each(|note| table.write(note));
        Ok(())
    }

    async fn notes(&self, subject: &str) -> Result<Vec<DiagnosticNote>, StoreError> {
        Ok(self.tables().diagnostics.of(subject).map(|(_, note)| note.clone()).collect())
    }

    async fn prune_notes(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        Ok(self.tables().diagnostics.prune(before, limit))
    }
}
