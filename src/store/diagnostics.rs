//! The role that keeps diagnostic notes, which help to find a fault.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::StoreError;
use crate::clock::Timestamp;

/// A note that helps to find a fault: how a request was sent and answered, or why a request was rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "complete: read back as written")]
pub struct DiagnosticNote {
    /// What the note is about: the id of a delivery, or a source.
    pub subject: Box<str>,
    /// When it happened.
    pub at: Timestamp,
    /// The note, as JSON of at most 64 KiB.
    pub content: Box<str>,
}

/// The number of notes that a store keeps of one subject.
pub const NOTES_KEPT: u32 = 50;

/// Keeps notes that help to find a fault. Nothing else depends on them, so a lost note does no harm.
///
/// 1. `note` MUST keep every field of a note (`a_diagnostic_note_reads_back_as_written`).
/// 2. A store MUST keep the newest [`NOTES_KEPT`] notes of a subject, and delete the older ones when it writes newer ones
///    (`old_diagnostic_notes_of_a_subject_make_room`). Notes that several processes write at the same time MAY exceed this number by those
///    of one call.
/// 3. `notes` MUST return the notes of this subject, the last written first (`diagnostic_notes_belong_to_their_subject`).
/// 4. `prune_notes` MUST delete the notes that are older than the given time, at most `limit` in a call, and no other note
///    (`prune_notes_forgets_old_notes_only`).
#[async_trait]
pub trait Diagnostics: fmt::Debug + Send + Sync + 'static {
    /// Stores notes, all of them or none.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    async fn note(&self, notes: Vec<DiagnosticNote>) -> Result<(), StoreError>;

    /// Reads the notes of a subject, the last written first.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    async fn notes(&self, subject: &str) -> Result<Vec<DiagnosticNote>, StoreError>;

    /// Deletes notes that are older than `before`, at most `limit`. Returns their number. A result below `limit` means that nothing is left
    /// to delete.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    async fn prune_notes(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError>;
}

delegate_store! { [S: Diagnostics + ?Sized] Arc<S>, |shared| **shared; Diagnostics }
