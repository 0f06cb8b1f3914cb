//! Deduplication: each event is claimed under a lease, and then finished or abandoned.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::reject::Rejection;
use crate::clock::{Clock, Timestamp};
use crate::store::{BeginResult, Dedup, DedupEntry, DedupLease, FirstResponse, Settled, StoreError, StoreErrorKind};

/// The maximum number of leases of cut-off handlers that are remembered until a later request abandons them.
const MAX_ABANDONED: usize = 1_024;

/// The shortest and the longest `Retry-After`, in seconds, for a duplicate of an event that is being handled.
const RETRY_AFTER_SECS: std::ops::RangeInclusive<u64> = 1..=5;

/// Whether an event is new.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Deduplicated<T> {
    /// The event is new. After [`Gate::begin`](super::Gate::begin): handle it, then finish or abandon this guard. After
    /// [`Gate::handle`](super::Gate::handle): this is what the handler returned.
    Fresh(T),
    /// The event was handled before, and this was the response. Respond in the same way.
    Duplicate(FirstResponse),
}

/// The right to handle one event until the lease ends. Dropping the guard abandons the event: it is new again in this process when the next
/// request arrives, and in other processes when the lease ends.
#[derive(Debug)]
#[must_use = "finish it or abandon it"]
pub struct DedupGuard {
    deduper: Arc<Deduper>,
    leases: Vec<DedupLease>,
    open: bool,
}

impl DedupGuard {
    /// Returns the leases, for a store that can finish them in the handler's own transaction. Call
    /// [`finished_elsewhere`](Self::finished_elsewhere) after the commit. The slice is empty for an event that is not deduplicated.
    #[must_use]
    pub fn leases(&self) -> &[DedupLease] {
        &self.leases
    }

    /// Records that the event was handled, and the response that later duplicates get.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails. The handled event is then not recorded, and a duplicate that arrives after the end of
    /// the lease is handled again.
    pub async fn finish(mut self, answer: impl Into<FirstResponse>) -> Result<Settled, StoreError> {
        // The event was handled, so from here on nothing may make it new again.
        self.open = false;
        if self.leases.is_empty() {
            return Ok(Settled::Done);
        }
        let expires = self.deduper.clock.now() + self.deduper.retention;
        all_of(self.deduper.store.finish(&self.leases, &answer.into(), expires).await?)
    }

    /// Makes the event new again, so that the provider's next request is handled.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails. A later request then abandons the lease, or the lease expires.
    pub async fn abandon(mut self) -> Result<Settled, StoreError> {
        if self.leases.is_empty() {
            return Ok(Settled::Done);
        }
        let settled = all_of(self.deduper.store.abandon(&self.leases).await?)?;
        self.open = false;
        Ok(settled)
    }

    /// Records that the leases were finished elsewhere, for example in the handler's own transaction.
    pub fn finished_elsewhere(mut self) {
        self.open = false;
    }
}

impl Drop for DedupGuard {
    fn drop(&mut self) {
        if self.open {
            self.leases.iter().for_each(|lease| self.deduper.abandoned.add(*lease));
        }
    }
}

/// Returns whether all leases were settled. If one lease is lost, another process has the event. If a store returns too few results,
/// nothing can be concluded from them, so this fails.
fn all_of(settled: Vec<Settled>) -> Result<Settled, StoreError> {
    match settled.into_iter().max_by_key(|settled| *settled == Settled::LeaseLost) {
        Some(settled) => Ok(settled),
        None => Err(StoreError::new(StoreErrorKind::Corrupt)),
    }
}

/// The dedup store and its settings.
#[derive(Debug)]
pub(super) struct Deduper {
    pub(super) store: Box<dyn Dedup>,
    pub(super) clock: Arc<dyn Clock>,
    lease: Duration,
    retention: Duration,
    abandoned: Abandoned,
    upkeep: Upkeep,
}

impl Deduper {
    pub(super) fn new(store: Box<dyn Dedup>, clock: Arc<dyn Clock>, lease: Duration, retention: Duration) -> Self {
        Self { store, clock, lease, retention, abandoned: Abandoned::default(), upkeep: Upkeep::default() }
    }

    /// Claims an event by its records.
    pub(super) async fn begin(self: &Arc<Self>, entries: &[DedupEntry]) -> Result<Deduplicated<DedupGuard>, Rejection> {
        let mut guard = DedupGuard { deduper: Arc::clone(self), leases: Vec::with_capacity(entries.len()), open: true };
        if entries.is_empty() {
            return Ok(Deduplicated::Fresh(guard));
        }
        self.clean_up().await;
        let now = self.clock.now();
        let begun = self.store.begin(entries, now, now + self.lease).await.map_err(Rejection::store)?;
        if begun.len() != entries.len() {
            return Err(Rejection::store(StoreError::new(StoreErrorKind::Corrupt)));
        }
        let mut other = None;
        for one in begun {
            match one {
                BeginResult::Fresh(lease) => guard.leases.push(lease),
                // If one record is finished, the event was handled, whatever the state of the other record.
                BeginResult::Done(_) => other = Some(one),
                BeginResult::Busy { .. } => other = other.or(Some(one)),
            }
        }
        let Some(other) = other else { return Ok(Deduplicated::Fresh(guard)) };
        give_back(guard).await;
        match other {
            BeginResult::Busy { until } => Err(Rejection::busy(retry_after_secs(now, until))),
            BeginResult::Done(answer) => Ok(Deduplicated::Duplicate(recorded(answer))),
            BeginResult::Fresh(_) => Err(Rejection::store(StoreError::new(StoreErrorKind::Corrupt))),
        }
    }

    /// Cleans up periodically. Requests do this, because there is no background task. A failure does not affect the request, because leases
    /// and records expire by themselves.
    async fn clean_up(&self) {
        let abandoned = self.abandoned.take();
        if !abandoned.is_empty()
            && let Err(error) = self.store.abandon(&abandoned).await
        {
            tracing::warn!(reason = %error, leases = abandoned.len(), "webhook leases end by themselves");
        }
        if self.upkeep.is_due() {
            self.prune().await;
        }
    }

    async fn prune(&self) {
        if let Err(error) = self.store.prune(self.clock.now(), 2 * Upkeep::EVERY).await {
            tracing::warn!(reason = %error, "webhook dedup records were not pruned");
        }
    }
}

/// Abandons the lease of the record that was new, because the other record belongs to another request.
async fn give_back(guard: DedupGuard) {
    if !guard.leases.is_empty()
        && let Err(error) = guard.abandon().await
    {
        tracing::warn!(reason = %error, "webhook lease was not released; it expires");
    }
}

/// Returns the remaining time of the other request's lease, in whole seconds within the bounds.
fn retry_after_secs(now: Timestamp, until: Timestamp) -> u64 {
    let left = until.since(now);
    let whole = left.as_secs().saturating_add(u64::from(left.subsec_nanos() > 0));
    whole.clamp(*RETRY_AFTER_SECS.start(), *RETRY_AFTER_SECS.end())
}

/// Only successes are recorded. If the store returns another status, the event was handled nevertheless.
fn recorded(answer: FirstResponse) -> FirstResponse {
    let is_success = (200..300).contains(&answer.status);
    if is_success { answer } else { FirstResponse::status(200) }
}

/// Leases of guards that were dropped. A handler is cut off when the connection ends and the server drops its future. `Drop` cannot wait
/// for a store, so the next request abandons the lease, before it checks its own event.
#[derive(Debug, Default)]
struct Abandoned(Mutex<Vec<DedupLease>>);

impl Abandoned {
    fn add(&self, lease: DedupLease) {
        let mut abandoned = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if abandoned.len() < MAX_ABANDONED {
            abandoned.push(lease);
        }
    }

    fn take(&self) -> Vec<DedupLease> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Decides when to prune: at every 256th request. A request adds at most two records, so it is enough to delete twice as many records as
/// there were requests.
#[derive(Debug, Default)]
struct Upkeep(AtomicU32);

impl Upkeep {
    const EVERY: u32 = 256;

    fn is_due(&self) -> bool {
        self.0.fetch_add(1, Ordering::Relaxed) % Self::EVERY == Self::EVERY - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::DedupKey;

    #[test]
    fn retry_after_is_rounded_up_and_clamped() {
        let now = Timestamp::from_secs(100);
        for (left_ms, expected) in [(0, 1), (1, 1), (1_001, 2), (4_000, 4), (60_000, 5)] {
            assert_eq!(retry_after_secs(now, now + Duration::from_millis(left_ms)), expected, "{left_ms} ms");
        }
        assert_eq!(retry_after_secs(now, Timestamp::EPOCH), 1);
    }

    #[test]
    fn a_record_with_another_status_reads_as_200() {
        let read = |status| recorded(FirstResponse::status(status)).status;
        assert_eq!([202, 500, 0, 9_999].map(read), [202, 200, 200, 200]);
    }

    #[test]
    fn abandoned_leases_are_bounded() {
        let abandoned = Abandoned::default();
        for fence in 0..5_000 {
            abandoned.add(DedupLease { key: DedupKey::new([0; 32]), fence });
        }
        assert_eq!(abandoned.take().len(), MAX_ABANDONED);
        assert!(abandoned.take().is_empty());
    }
}
