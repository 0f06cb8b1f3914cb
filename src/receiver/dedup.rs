//! The third step: who handles the event, and what is remembered of it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::StatusCode;
use sha2::{Digest as _, Sha256};

use super::reject::Rejection;
use super::source::{DedupBy, Source};
use super::{Gate, Verified};
use crate::clock::Timestamp;
use crate::id::Tenant;
use crate::signature::{EventRef, KnownBy};
use crate::store::{Begin, Claimant, Dedup, DedupKey, Settled, StoreError};

/// How many claims of handlers that were cut off are remembered, to be given up at the next beginning.
const MAX_STRAYS: usize = 1_024;

/// A duplicate of work in progress is asked to come again after the other's lease, between these many seconds.
const RETRY_AFTER_SECS: std::ops::RangeInclusive<u64> = 1..=5;

/// What was signed, as far as a repetition is known by it.
#[derive(Clone, Copy)]
pub(super) struct Signed<'a> {
    /// The body of the request.
    pub(super) body: &'a [u8],
    /// Which event of a batch.
    pub(super) index: Option<usize>,
    /// When it was received.
    pub(super) at: Timestamp,
}

/// What identifies an event: SHA-256 over tenant, source and the parts that the rule names, each behind its length, so
/// that ("a", "bc") and ("ab", "c") differ, and behind a tag, so that an id never equals a body.
///
/// An event of a batch that has no id of its own is known by the whole request and its place in it, not by its own bytes:
/// two events may be written alike, and the second must not be lost.
pub(super) fn key(tenant: &Tenant, source: &Source, event: &EventRef, signed: Signed<'_>) -> DedupKey {
    let (id, body) = (event.id.as_deref(), Some(signed.body));
    let (id, body, known_by) = match (source.dedup_rule(), &event.known_by) {
        (DedupBy::Authentic, KnownBy::This(text)) => (None, None, Some(text.clone())),
        (DedupBy::Authentic, KnownBy::Nothing) => (None, body, Some(signed.at.as_micros().to_string())),
        (DedupBy::Authentic, KnownBy::Authentic) if event.id_authenticated && id.is_some() => (id, None, None),
        (DedupBy::IdAndBody, _) | (DedupBy::Authentic, KnownBy::IdAndBody) => (id, body, None),
        (DedupBy::Authentic, KnownBy::Authentic) | (DedupBy::Body, _) => (None, body, None),
    };
    let index = body.and(signed.index).map(|index| index.to_string());
    let mut digest = Sha256::new_with_prefix(b"hookwire dedup 1");
    let parts = [
        Some(tenant.as_str().as_bytes()),
        Some(source.name().as_bytes()),
        id.map(str::as_bytes),
        body,
        known_by.as_deref().map(str::as_bytes),
        index.as_deref().map(str::as_bytes),
    ];
    for part in parts {
        digest.update([u8::from(part.is_some())]);
        let part = part.unwrap_or_default();
        digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        digest.update(part);
    }
    DedupKey::new(digest.finalize().into())
}

/// What [`Gate::begin`] found.
#[derive(Debug)]
#[non_exhaustive]
pub enum Begun {
    /// Nobody has handled it: handle it, then finish or abandon the ticket.
    Fresh(Ticket),
    /// It was handled before; answer this status and no body.
    Duplicate {
        /// The first answer's status.
        status: StatusCode,
    },
}

/// The right to handle one event, until the lease ends. One that is dropped is abandoned at the next beginning in this
/// process, and everywhere when its lease ends.
#[derive(Debug)]
#[must_use = "finish it or abandon it"]
pub struct Ticket {
    desk: Arc<Desk>,
    claimant: Claimant,
    open: bool,
}

impl Ticket {
    /// The claim, for a store that can finish it in the handler's own transaction; call
    /// [`finished_elsewhere`](Self::finished_elsewhere) once that has committed.
    #[must_use]
    pub const fn claimant(&self) -> Claimant {
        self.claimant
    }

    /// Records that the event was handled and answered so: later duplicates get the same status.
    ///
    /// # Errors
    /// When the store is in trouble. The effect has happened and is not recorded: a duplicate that arrives after the
    /// lease is handled again.
    pub async fn finish(mut self, status: StatusCode) -> Result<Settled, StoreError> {
        // From here on nothing may make the event fresh: it was handled.
        self.open = false;
        let expires = self.desk.clock.now() + self.desk.retention;
        one(self.desk.store.finish(&[self.claimant], status.as_u16(), expires).await?)
    }

    /// Makes the event fresh again, so that the sender's retry is handled.
    ///
    /// # Errors
    /// When the store is in trouble. It is tried once more at the next beginning; else the lease ends by itself.
    pub async fn abandon(mut self) -> Result<Settled, StoreError> {
        let settled = one(self.desk.store.abandon(&[self.claimant]).await?)?;
        self.open = false;
        Ok(settled)
    }

    /// The claim was finished by other means.
    pub fn finished_elsewhere(mut self) {
        self.open = false;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.open {
            self.desk.strays.add(self.claimant);
        }
    }
}

/// A store that answers less than it was asked is broken; nothing may be concluded from it.
fn one<T>(answers: Vec<T>) -> Result<T, StoreError> {
    answers.into_iter().next().ok_or_else(|| StoreError::new(crate::store::StoreErrorKind::Corrupt))
}

/// The dedup store with the rules of its use.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) store: Box<dyn Dedup>,
    pub(super) clock: Arc<dyn crate::clock::Clock>,
    pub(super) lease: Duration,
    pub(super) retention: Duration,
    pub(super) strays: Strays,
    pub(super) upkeep: Upkeep,
}

impl Gate {
    /// Claims the event. A lower-level way than [`handle`](Self::handle), for handlers that finish the claim themselves.
    ///
    /// # Errors
    /// [`Busy`](super::RejectionKind::Busy) while another handles it,
    /// [`StoreUnavailable`](super::RejectionKind::StoreUnavailable) when the store is in trouble.
    pub async fn begin(&self, verified: &Verified) -> Result<Begun, Rejection> {
        let desk = self.desk();
        desk.upkeep().await;
        let now = desk.clock.now();
        let begun = desk.store.begin(&[verified.dedup_key()], now, now + desk.lease).await.and_then(one);
        match begun.map_err(Rejection::store)? {
            Begin::Fresh(claimant) => Ok(Begun::Fresh(Ticket { desk: Arc::clone(desk), claimant, open: true })),
            Begin::Busy { until } => Err(Rejection::busy(retry_after_secs(now, until))),
            Begin::Done { status } => Ok(Begun::Duplicate { status: recorded(status) }),
        }
    }
}

fn retry_after_secs(now: Timestamp, until: Timestamp) -> u64 {
    let left = until.since(now);
    let whole = left.as_secs().saturating_add(u64::from(left.subsec_nanos() > 0));
    whole.clamp(*RETRY_AFTER_SECS.start(), *RETRY_AFTER_SECS.end())
}

/// Only successes are recorded; whatever else stands in the store, the event was handled.
fn recorded(status: u16) -> StatusCode {
    StatusCode::from_u16(status).ok().filter(StatusCode::is_success).unwrap_or(StatusCode::OK)
}

impl Desk {
    /// Work that is due once in a while, done by whoever comes by: there is no background task. Its failures are not
    /// the caller's: leases and records end by themselves.
    async fn upkeep(&self) {
        self.give_up_strays().await;
        if self.upkeep.is_due() {
            self.prune().await;
        }
    }

    async fn give_up_strays(&self) {
        let strays = self.strays.take();
        if !strays.is_empty()
            && let Err(error) = self.store.abandon(&strays).await
        {
            tracing::warn!(reason = %error, claims = strays.len(), "webhook claims end with their leases");
        }
    }

    async fn prune(&self) {
        if let Err(error) = self.store.prune(self.clock.now(), Upkeep::EVERY).await {
            tracing::warn!(reason = %error, "webhook dedup records not pruned");
        }
    }
}

/// Claims whose handlers were cut off. A handler is cut off when the connection ends and the server drops its future;
/// `Drop` cannot wait for a store, so the claim is given up by the next beginning, which comes before the sender's
/// retry is looked at.
#[derive(Debug, Default)]
pub(super) struct Strays(Mutex<Vec<Claimant>>);

impl Strays {
    fn add(&self, claimant: Claimant) {
        let mut strays = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if strays.len() < MAX_STRAYS {
            strays.push(claimant);
        }
    }

    fn take(&self) -> Vec<Claimant> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// When to prune. A beginning adds at most one record, and every 256th forgets up to 256, so the store does not grow
/// beyond what has not expired.
#[derive(Debug, Default)]
pub(super) struct Upkeep(std::sync::atomic::AtomicU32);

impl Upkeep {
    const EVERY: u32 = 256;

    fn is_due(&self) -> bool {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % Self::EVERY == Self::EVERY - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(name: &'static str) -> Source {
        Source::standard("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap().named(name)
    }

    fn whole(body: &[u8]) -> Signed<'_> {
        Signed { body, index: None, at: Timestamp::EPOCH }
    }

    fn event(id: Option<&str>, id_authenticated: bool) -> EventRef {
        EventRef { id: id.map(Into::into), id_authenticated, ..EventRef::default() }
    }

    #[test]
    fn r_32_parts_never_run_into_each_other() {
        let of =
            |tenant: &'static str, name, id| key(&tenant.into(), &source(name), &event(Some(id), true), whole(b"{}"));
        let all = [of("a", "bc", "d"), of("ab", "c", "d"), of("a", "b", "cd"), of("abcd", "", ""), of("", "", "abcd")];
        let distinct: std::collections::HashSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
    }

    #[test]
    fn r_32_no_byte_of_a_part_passes_for_a_boundary() {
        let of =
            |tenant: &'static str, name| key(&tenant.into(), &source(name), &event(Some("id"), true), whole(b"{}"));
        assert_ne!(of("a\u{1}b", "c"), of("a", "b\u{1}c"));
        assert_ne!(of("a\0b", "c"), of("a", "b\0c"));
    }

    #[test]
    fn r_32_an_id_never_equals_a_body() {
        let by_id = key(&"t".into(), &source("s"), &event(Some("x"), true), whole(b"y"));
        let by_body = key(&"t".into(), &source("s"), &event(None, true), whole(b"x"));
        assert_ne!(by_id, by_body);
    }

    #[test]
    fn r_33_the_key_holds_only_what_was_signed() {
        let of =
            |id, authenticated, body: &[u8]| key(&"t".into(), &source("s"), &event(id, authenticated), whole(body));
        assert_eq!(of(Some("1"), false, b"x"), of(Some("2"), false, b"x"), "an unsigned id counts for nothing");
        assert_ne!(of(Some("1"), false, b"x"), of(Some("1"), false, b"y"));
        assert_eq!(of(Some("1"), true, b"x"), of(Some("1"), true, b"y"), "a signed id is enough");
        assert_ne!(of(None, true, b"x"), of(None, true, b"y"), "without an id the body decides");
    }

    #[test]
    fn id_and_body_together_on_request() {
        let rule = |id, body: &[u8]| {
            key(&"t".into(), &source("s").dedup_by(DedupBy::IdAndBody), &event(Some(id), false), whole(body))
        };
        assert_eq!(rule("1", b"x"), rule("1", b"x"));
        assert_ne!(rule("1", b"x"), rule("2", b"x"));
        assert_ne!(rule("1", b"x"), rule("1", b"y"));
    }

    #[test]
    fn retry_after_is_rounded_up_and_clamped() {
        let now = Timestamp::from_secs(100);
        for (left_ms, expected) in [(0, 1), (1, 1), (1_001, 2), (4_000, 4), (60_000, 5)] {
            assert_eq!(retry_after_secs(now, now + Duration::from_millis(left_ms)), expected, "{left_ms} ms");
        }
        assert_eq!(retry_after_secs(now, Timestamp::EPOCH), 1);
    }

    #[test]
    fn a_record_that_is_no_success_reads_as_200() {
        assert_eq!([202, 500, 0, 9_999].map(|status| recorded(status).as_u16()), [202, 200, 200, 200]);
    }

    #[test]
    fn strays_are_bounded() {
        let strays = Strays::default();
        for fence in 0..5_000 {
            strays.add(Claimant { key: DedupKey::new([0; 32]), fence });
        }
        assert_eq!(strays.take().len(), MAX_STRAYS);
        assert!(strays.take().is_empty());
    }
}
