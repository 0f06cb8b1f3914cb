//! The role that remembers what was received.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::StatusCode;

use super::StoreError;
use crate::clock::Timestamp;

/// What became of one lease that was settled, extended, released or finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The lease was valid, and the change was made.
    Done,
    /// Another claim, or the end, came first: nothing was changed.
    LeaseLost,
}

/// What a received event is recognised by: a digest over tenant, source and what identifies the event, length-prefixed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DedupKey([u8; 32]);

impl DedupKey {
    /// From the digest.
    #[must_use]
    pub const fn new(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// The digest.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The key with its group in front, for what is known by its id: a store finds the records of a group beside each other.
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

/// What all records of one event id have in common: a digest over tenant, source and id. [`Dedup::forget`] takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DedupGroup([u8; 16]);

impl DedupGroup {
    /// From the digest.
    #[must_use]
    pub const fn new(digest: [u8; 16]) -> Self {
        Self(digest)
    }

    /// The digest.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Whether the key begins with the bytes of this group. A store that keeps keys in order finds such a record by its key, and needs
    /// no index of groups for it.
    #[must_use]
    pub fn begins(&self, key: &DedupKey) -> bool {
        key.0.starts_with(&self.0)
    }
}

/// A record to be begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "made by callers of Dedup")]
pub struct DedupEntry {
    /// Its key.
    pub key: DedupKey,
    /// The group by which it can be forgotten; `None` for an event without an id.
    pub group: Option<DedupGroup>,
}

/// A key without a group.
impl From<DedupKey> for DedupEntry {
    fn from(key: DedupKey) -> Self {
        Self { key, group: None }
    }
}

/// What the first request for an event was answered: its duplicates get the same.
#[derive(Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "made by callers of Dedup")]
pub struct FirstAnswer {
    /// The status code.
    pub status: u16,
    /// The content type of the body.
    pub content_type: Option<String>,
    /// The body, where the provider uses it; else empty.
    pub body: Bytes,
}

impl FirstAnswer {
    /// A status without a body.
    #[must_use]
    pub const fn status(status: u16) -> Self {
        Self { status, content_type: None, body: Bytes::new() }
    }
}

/// A status without a body.
impl From<StatusCode> for FirstAnswer {
    fn from(status: StatusCode) -> Self {
        Self::status(status.as_u16())
    }
}

/// The body may be confidential.
impl fmt::Debug for FirstAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FirstAnswer({}, {} bytes)", self.status, self.body.len())
    }
}

/// The right to finish or abandon what `begin` answered [`Begin::Fresh`] to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Claimant {
    /// What was begun.
    pub key: DedupKey,
    /// Rises with every beginning of this key.
    pub fence: u64,
}

/// What `begin` found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Begin {
    /// Nobody has handled it: the caller does.
    Fresh(Claimant),
    /// Somebody is handling it, at most until then.
    Busy {
        /// When the other's lease ends.
        until: Timestamp,
    },
    /// It was handled; this was answered.
    Done(FirstAnswer),
}

/// Remembers what was received.
///
/// 1. `begin` MUST be atomic: of any number of concurrent calls with one key, exactly one is fresh
///    (`of_concurrent_beginnings_one_is_fresh`). Elements of one batch count in order, so a repeated key is busy the
///    second time (`a_key_repeated_in_a_batch_is_busy`).
/// 2. An unfinished beginning whose lease has ended MUST be fresh again, with a higher fence
///    (`an_ended_lease_begins_again`).
/// 3. `finish` MUST be fenced: with another fence nothing changes and the answer is [`Settled::LeaseLost`]
///    (`finish_with_a_lost_lease_changes_nothing`).
/// 4. What was finished MUST answer `Done` with the first answer, body and content type included, until `expires`, and fresh from
///    then on (`done_answers_the_first_answer`, `done_is_forgotten_when_it_expires`).
/// 5. `abandon` MUST make the key fresh at once, fenced likewise (`abandon_makes_it_fresh_again`,
///    `abandon_with_a_lost_lease_changes_nothing`).
/// 6. `prune` MUST remove only what has expired: finished records past `expires`, unfinished ones whose lease ended
///    before `now`; at most `limit`; a backend that forgets by itself answers 0 (`a_dedup_prune_forgets_expired_records_only`, `a_dedup_prune_is_bounded`).
/// 7. `finish` MUST be durable when it returns, where the store is durable (`finish_is_visible_to_a_second_handle`).
/// 8. `forget` MUST make every finished record of a group fresh at once, leave unfinished ones and other groups alone, and count
///    what it forgot (`forget_makes_a_group_fresh_again`, `forget_leaves_unfinished_records_alone`).
#[async_trait]
pub trait Dedup: fmt::Debug + Send + Sync + 'static {
    /// Begins to handle. Answers in the order of `entries`.
    ///
    /// # Errors
    /// When the store is in trouble; then nothing has begun.
    async fn begin(
        &self,
        entries: &[DedupEntry],
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Vec<Begin>, StoreError>;

    /// Records that it was handled, and what was answered. Answers in the order of `claimants`.
    ///
    /// # Errors
    /// When the store is in trouble; then nothing is recorded.
    async fn finish(
        &self,
        claimants: &[Claimant],
        answer: &FirstAnswer,
        expires: Timestamp,
    ) -> Result<Vec<Settled>, StoreError>;

    /// Gives up, so that the next one is fresh. Answers in the order of `claimants`.
    ///
    /// # Errors
    /// When the store is in trouble; the leases end by themselves then.
    async fn abandon(&self, claimants: &[Claimant]) -> Result<Vec<Settled>, StoreError>;

    /// Forgets the finished records of these groups, so that the provider may send the event again and have it handled. Returns how
    /// many records were forgotten of each group, in the order of `groups`.
    ///
    /// # Errors
    /// When the store is in trouble.
    async fn forget(&self, groups: &[DedupGroup]) -> Result<Vec<u64>, StoreError>;

    /// Forgets what has expired, at most `limit` records. Answers how many.
    ///
    /// # Errors
    /// When the store is in trouble.
    async fn prune(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError>;
}

#[async_trait]
impl<S: Dedup + ?Sized> Dedup for Arc<S> {
    async fn begin(
        &self,
        entries: &[DedupEntry],
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Vec<Begin>, StoreError> {
        (**self).begin(entries, now, lease_until).await
    }

    async fn finish(
        &self,
        claimants: &[Claimant],
        answer: &FirstAnswer,
        expires: Timestamp,
    ) -> Result<Vec<Settled>, StoreError> {
        (**self).finish(claimants, answer, expires).await
    }

    async fn abandon(&self, claimants: &[Claimant]) -> Result<Vec<Settled>, StoreError> {
        (**self).abandon(claimants).await
    }

    async fn forget(&self, groups: &[DedupGroup]) -> Result<Vec<u64>, StoreError> {
        (**self).forget(groups).await
    }

    async fn prune(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        (**self).prune(now, limit).await
    }
}
