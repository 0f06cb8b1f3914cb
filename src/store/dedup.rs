//! The role that remembers what was received.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

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

/// What identifies a received event: a digest over tenant, source and id, length-prefixed.
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

/// The right to finish or abandon what `begin` answered [`Begin::Fresh`] to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Claimant {
    /// What was begun.
    pub key: DedupKey,
    /// Rises with every beginning of this key.
    pub fence: u64,
}

/// What `begin` found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    Done {
        /// The first answer's status code.
        status: u16,
    },
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
/// 4. What was finished MUST answer `Done` with its status until `expires`, and fresh from then on
///    (`done_answers_the_first_status`, `done_is_forgotten_when_it_expires`).
/// 5. `abandon` MUST make the key fresh at once, fenced likewise (`abandon_makes_it_fresh_again`,
///    `abandon_with_a_lost_lease_changes_nothing`).
/// 6. `prune` MUST remove only what has expired: finished records past `expires`, unfinished ones whose lease ended
///    before `now`; at most `limit`; a backend that forgets by itself answers 0 (`a_dedup_prune_forgets_expired_records_only`, `a_dedup_prune_is_bounded`).
/// 7. `finish` MUST be durable when it returns, where the store is durable (`finish_is_visible_to_a_second_handle`).
#[async_trait]
pub trait Dedup: fmt::Debug + Send + Sync + 'static {
    /// Begins to handle. Answers in the order of `keys`.
    ///
    /// # Errors
    /// When the store is in trouble; then nothing has begun.
    async fn begin(&self, keys: &[DedupKey], now: Timestamp, lease_until: Timestamp) -> Result<Vec<Begin>, StoreError>;

    /// Records that it was handled, and what was answered. Answers in the order of `claimants`.
    ///
    /// # Errors
    /// When the store is in trouble; then nothing is recorded.
    async fn finish(&self, claimants: &[Claimant], status: u16, expires: Timestamp)
    -> Result<Vec<Settled>, StoreError>;

    /// Gives up, so that the next one is fresh. Answers in the order of `claimants`.
    ///
    /// # Errors
    /// When the store is in trouble; the leases end by themselves then.
    async fn abandon(&self, claimants: &[Claimant]) -> Result<Vec<Settled>, StoreError>;

    /// Forgets what has expired, at most `limit` records. Answers how many.
    ///
    /// # Errors
    /// When the store is in trouble.
    async fn prune(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError>;
}

#[async_trait]
impl<S: Dedup + ?Sized> Dedup for Arc<S> {
    async fn begin(&self, keys: &[DedupKey], now: Timestamp, lease_until: Timestamp) -> Result<Vec<Begin>, StoreError> {
        (**self).begin(keys, now, lease_until).await
    }

    async fn finish(
        &self,
        claimants: &[Claimant],
        status: u16,
        expires: Timestamp,
    ) -> Result<Vec<Settled>, StoreError> {
        (**self).finish(claimants, status, expires).await
    }

    async fn abandon(&self, claimants: &[Claimant]) -> Result<Vec<Settled>, StoreError> {
        (**self).abandon(claimants).await
    }

    async fn prune(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        (**self).prune(now, limit).await
    }
}
