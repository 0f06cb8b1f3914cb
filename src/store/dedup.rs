//! The role that remembers which received events were handled.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::StatusCode;

use super::StoreError;
use crate::clock::Timestamp;

/// The result for one lease that was settled, extended, released, finished or abandoned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "complete: a lease is valid or lost")]
pub enum Settled {
    /// The lease was valid, and the change was made.
    Done,
    /// The lease was no longer valid: another claim or settlement came first. Nothing was changed.
    LeaseLost,
}

/// Identifies a received event: a digest of tenant, source and identity of the event, each with its length.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DedupKey([u8; 32]);

impl DedupKey {
    /// Makes it from the digest.
    #[must_use]
    pub const fn new(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// The digest.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Replaces the first bytes of the key by the bytes of the group, so that an ordered store keeps the records of a group side by side.
    #[must_use]
    pub fn within(mut self, group: Option<DedupGroup>) -> Self {
        group.iter().for_each(|group| self.0.iter_mut().zip(group.0).for_each(|(to, byte)| *to = byte));
        self
    }
}

impl fmt::Debug for DedupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = self.0.iter().take(4);
        f.write_str("DedupKey(")?;
        for byte in head {
            write!(f, "{byte:02x}")?;
        }
        f.write_str("…)")
    }
}

/// Identifies all records of one event id: a digest of tenant, source and id. It is the argument of [`Dedup::forget`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DedupGroup([u8; 16]);

impl DedupGroup {
    /// Makes it from the digest.
    #[must_use]
    pub const fn new(digest: [u8; 16]) -> Self {
        Self(digest)
    }

    /// The digest.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Returns whether the key begins with the bytes of this group. A store that keeps keys in order finds such a record by its key, and
    /// needs no index of groups for it.
    #[must_use]
    pub fn begins(&self, key: &DedupKey) -> bool {
        key.0.starts_with(&self.0)
    }
}

/// The key of an event whose handling begins, with its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "complete: made by callers of Dedup")]
pub struct DedupEntry {
    /// The key.
    pub key: DedupKey,
    /// The group by which the record can be forgotten. `None` for an event without an id.
    pub group: Option<DedupGroup>,
}

/// Creates an entry without a group.
impl From<DedupKey> for DedupEntry {
    fn from(key: DedupKey) -> Self {
        Self { key, group: None }
    }
}

/// The response to the first request for an event. Its duplicates get the same response.
#[derive(Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "complete: made by callers of Dedup")]
pub struct FirstResponse {
    /// The status code.
    pub status: u16,
    /// The content type of the body.
    pub content_type: Option<String>,
    /// The body, if the provider uses it; otherwise empty.
    pub body: Bytes,
}

impl FirstResponse {
    /// Creates a response with this status and without a body.
    #[must_use]
    pub const fn status(status: u16) -> Self {
        Self { status, content_type: None, body: Bytes::new() }
    }
}

/// Creates a response with this status and without a body.
impl From<StatusCode> for FirstResponse {
    fn from(status: StatusCode) -> Self {
        Self::status(status.as_u16())
    }
}

/// Does not print the body, which may be confidential.
impl fmt::Debug for FirstResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FirstResponse({}, {} bytes)", self.status, self.body.len())
    }
}

/// The right to finish or abandon a key. [`BeginResult::Fresh`] contains it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_structs, reason = "complete: made by stores")]
pub struct DedupLease {
    /// The key.
    pub key: DedupKey,
    /// The fencing token, which increases each time the key begins again.
    pub fence: u64,
}

/// The result of [`Dedup::begin`] for one key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BeginResult {
    /// The event was not handled yet. The caller handles it, and then finishes or abandons the key.
    Fresh(DedupLease),
    /// Another request is being handled.
    Busy {
        /// When the other request's lease ends.
        until: Timestamp,
    },
    /// The event was handled, with this response.
    Done(FirstResponse),
}

/// Remembers which received events were handled.
///
/// 1. `begin` MUST be atomic: of any number of concurrent calls with one key, exactly one returns `Fresh`
///    (`of_concurrent_beginnings_one_is_fresh`). Elements of one batch count in order, so the second occurrence of a key is busy
///    (`a_key_repeated_in_a_batch_is_busy`). Keys are compared byte by byte.
/// 2. An unfinished key whose lease has ended MUST be fresh again, with a higher fence, (`an_ended_lease_begins_again`), also if its record
///    was pruned in between (`a_fence_rises_after_a_prune`).
/// 3. `finish` MUST be fenced: if the fence differs, nothing changes and the result is [`Settled::LeaseLost`]
///    (`finish_with_a_lost_lease_changes_nothing`). A lease that has ended is still valid if its key did not begin again. If a call names a
///    lease twice, the first entry counts.
/// 4. A finished key MUST return `Done` with the first response, content type and body included, until `expires`. From then on the key is
///    fresh (`done_returns_the_first_response`, `done_is_forgotten_when_it_expires`).
/// 5. `abandon` MUST make the key fresh at once, and MUST be fenced as `finish` is (`abandon_makes_it_fresh_again`,
///    `abandon_with_a_lost_lease_changes_nothing`).
/// 6. `prune` MUST delete at most `limit` records, and only expired ones: finished records after `expires`, and unfinished records whose
///    lease ended before `now`. A backend whose records expire by themselves returns 0 (`a_dedup_prune_forgets_expired_records_only`,
///    `a_dedup_prune_is_bounded`).
/// 7. `finish` MUST be durable when it returns, if the store is durable (`finish_is_visible_to_a_second_handle`).
/// 8. `forget` MUST make every finished record of a group fresh at once, leave unfinished records and other groups unchanged, and return
///    the number of deleted records (`forget_makes_a_group_fresh_again`, `forget_leaves_unfinished_records_alone`).
/// 9. When a future is dropped, the operation MUST happen completely or not at all.
#[async_trait]
pub trait Dedup: fmt::Debug + Send + Sync + 'static {
    /// Begins to handle events, under leases until `lease_until`. Returns one result for each entry, in order.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails. Nothing is begun then.
    async fn begin(
        &self,
        entries: &[DedupEntry],
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Vec<BeginResult>, StoreError>;

    /// Records that events were handled, and the response. Returns one result for each lease, in order.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails. Nothing is recorded then.
    async fn finish(
        &self,
        leases: &[DedupLease],
        response: &FirstResponse,
        expires: Timestamp,
    ) -> Result<Vec<Settled>, StoreError>;

    /// Abandons leases, so that the next request is fresh. Returns one result for each lease, in order.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails. The leases end by themselves then.
    async fn abandon(&self, leases: &[DedupLease]) -> Result<Vec<Settled>, StoreError>;

    /// Deletes the finished records of these groups, so that an event that is sent again is handled again. Returns the number of deleted
    /// records for each group, in order.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    async fn forget(&self, groups: &[DedupGroup]) -> Result<Vec<u64>, StoreError>;

    /// Deletes expired records, at most `limit`. Returns the number of deleted records.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    async fn prune(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError>;
}

delegate_store! { [S: Dedup + ?Sized] Arc<S>, |shared| **shared; Dedup }
