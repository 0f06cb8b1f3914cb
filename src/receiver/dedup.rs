//! The third step: who handles the event, and what is remembered of it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::reject::Rejection;
use super::source::{DedupBy, Source};
use super::{Gate, Verified};
use crate::clock::Timestamp;
use crate::id::Tenant;
use crate::signature::{EventRef, Identity};
use crate::store::{
    Begin, Claimant, Dedup, DedupEntry, DedupGroup, DedupKey, FirstAnswer, Settled, StoreError, StoreErrorKind,
};

/// How many claims of handlers that were cut off are remembered, to be given up at the next beginning.
const MAX_STRAYS: usize = 1_024;

/// A duplicate of work in progress is asked to come again after the other's lease, between these many seconds.
const RETRY_AFTER_SECS: std::ops::RangeInclusive<u64> = 1..=5;

/// What an event's keys are made of, beside what the event says of itself.
#[derive(Clone, Copy)]
pub(super) struct Signed<'a> {
    /// The body of the request.
    pub(super) request: &'a [u8],
    /// The bytes of the event: the whole body, or its part of a batch.
    pub(super) event: &'a [u8],
    /// Which event of a batch.
    pub(super) index: Option<usize>,
    /// The signed time, where the scheme signs one.
    pub(super) at: Option<Timestamp>,
}

/// What an event is recognised by: at most two records.
///
/// - The **identity** is what the provider documents as its idempotency key, with the event type. Two requests with one
///   identity are one event.
/// - The **replay** key is made of the signed bytes, and is there only where a time is signed and the signature does not cover all
///   of the identity: a captured request cannot be sent again under another id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventKeys {
    pub(super) identity: Option<DedupKey>,
    pub(super) replay: Option<DedupKey>,
    pub(super) group: Option<DedupGroup>,
}

impl EventKeys {
    /// What identifies the event; `None` where every request is handled.
    #[must_use]
    pub const fn identity(&self) -> Option<DedupKey> {
        self.identity
    }

    /// What a copy of the signed bytes is recognised by, where the identity is not enough.
    #[must_use]
    pub const fn replay(&self) -> Option<DedupKey> {
        self.replay
    }

    /// The group by which the event can be forgotten; `None` if it has no id.
    #[must_use]
    pub const fn group(&self) -> Option<DedupGroup> {
        self.group
    }

    /// The records to be begun.
    #[must_use]
    pub fn entries(&self) -> Vec<DedupEntry> {
        let entry = |key| DedupEntry { key, group: self.group };
        self.identity.into_iter().chain(self.replay).map(entry).collect()
    }
}

/// The keys of an event, by the rule of its source.
pub(super) fn keys(tenant: &Tenant, source: &Source, event: &EventRef, signed: Signed<'_>) -> EventKeys {
    let keyed = Keyed { tenant, source: source.name(), event, signed };
    let id = event.id.as_deref();
    let group = id.map(|id| group(tenant, source.name(), id));
    let identity = match (source.dedup_rule(), &event.identity) {
        (DedupBy::Never, _) => return EventKeys::default(),
        (DedupBy::Body, _) => Some(keyed.by_body()),
        (DedupBy::Identity, Identity::Body) => Some(keyed.by("body of type", None, Some(signed.event))),
        (DedupBy::Identity, Identity::Request) => Some(keyed.by_request()),
        (DedupBy::IdAndBody, _) | (DedupBy::Identity, Identity::IdAndBody) if id.is_some() => {
            Some(keyed.by("id and body", id, Some(signed.event)).within(group))
        }
        (DedupBy::Identity, Identity::Id) if id.is_some() => Some(keyed.by("id", id, None).within(group)),
        (DedupBy::Identity, Identity::This(text)) => Some(keyed.by("text", Some(text), None)),
        (DedupBy::Identity, Identity::Nothing) => None,
        (DedupBy::IdAndBody, _) | (DedupBy::Identity, Identity::Id | Identity::IdAndBody | Identity::Content) => {
            keyed.by_signed_bytes()
        }
    };
    let replay = if event.identity_authenticated { None } else { keyed.by_signed_bytes() };
    let replay = replay.filter(|replay| identity != Some(*replay));
    EventKeys { identity, replay, group }
}

/// What all records of one event id have in common, whatever the event's type and bytes.
pub(super) fn group(tenant: &Tenant, source: &str, id: &str) -> DedupGroup {
    let parts = [tenant.as_str().as_bytes(), source.as_bytes(), id.as_bytes()].map(Some);
    let digest = digest(b"hookwire dedup group 2", &parts);
    let mut first = [0; 16];
    first.iter_mut().zip(digest).for_each(|(to, byte)| *to = byte);
    DedupGroup::new(first)
}

#[derive(Clone, Copy)]
struct Keyed<'a> {
    tenant: &'a Tenant,
    source: &'a str,
    event: &'a EventRef,
    signed: Signed<'a>,
}

impl Keyed<'_> {
    /// The key made of an id or another text, the event type and perhaps the event's bytes.
    fn by(&self, how: &'static str, text: Option<&str>, bytes: Option<&[u8]>) -> DedupKey {
        self.key(how, [text.map(str::as_bytes), self.event.event_type.as_deref().map(str::as_bytes), bytes])
    }

    fn by_body(&self) -> DedupKey {
        self.key("body", [Some(self.signed.event), None, None])
    }

    /// The key made of the request's body and the event's place in it.
    fn by_request(&self) -> DedupKey {
        let index = self.signed.index.map(|index| index.to_string());
        self.key("request", [Some(self.signed.request), index.as_deref().map(str::as_bytes), None])
    }

    /// The key made of the signed content (the request's body for most schemes, and the id if it is signed), the signed time and the
    /// event's place in the request; `None` if no time is signed.
    fn by_signed_bytes(&self) -> Option<DedupKey> {
        let at = self.signed.at?.as_micros().to_be_bytes();
        let index = self.signed.index.map(|index| index.to_string()).unwrap_or_default();
        // Two events may be written alike and signed in one second: then their signed ids tell them apart.
        let id = self.event.id.as_deref().filter(|_| self.event.id_authenticated).unwrap_or_default();
        let signed = self.event.signed.as_deref().map_or(self.signed.request, str::as_bytes);
        Some(self.key("signed bytes", [Some(signed), Some(&at), Some(format!("{index} {id}").as_bytes())]))
    }

    fn key(&self, how: &'static str, [first, second, third]: [Option<&[u8]>; 3]) -> DedupKey {
        let (tenant, source) = (self.tenant.as_str().as_bytes(), self.source.as_bytes());
        let parts = [Some(tenant), Some(source), Some(how.as_bytes()), first, second, third];
        DedupKey::new(digest(b"hookwire dedup 2", &parts))
    }
}

/// SHA-256 over parts, each behind its length, so that ("a", "bc") and ("ab", "c") differ, and behind a byte that tells an
/// empty part from an absent one.
fn digest(prefix: &[u8], parts: &[Option<&[u8]>]) -> [u8; 32] {
    let mut digest = Sha256::new_with_prefix(prefix);
    for part in parts {
        digest.update([u8::from(part.is_some())]);
        let part = part.unwrap_or_default();
        digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}

/// What [`Gate::begin`] found.
#[derive(Debug)]
#[non_exhaustive]
pub enum Begun {
    /// Nobody has handled it: handle it, then finish or abandon the ticket.
    Fresh(Ticket),
    /// It was handled before: answer the same.
    Duplicate(FirstAnswer),
}

/// The right to handle one event, until the lease ends. One that is dropped is abandoned at the next beginning in this
/// process, and everywhere when its lease ends.
#[derive(Debug)]
#[must_use = "finish it or abandon it"]
pub struct Ticket {
    desk: Arc<Desk>,
    claimants: Vec<Claimant>,
    open: bool,
}

impl Ticket {
    /// The claims, for a store that can finish them in the handler's own transaction; call
    /// [`finished_elsewhere`](Self::finished_elsewhere) once that has committed. Empty for an event that is not deduplicated.
    #[must_use]
    pub fn claimants(&self) -> &[Claimant] {
        &self.claimants
    }

    /// Records that the event was handled and what was answered: later duplicates get the same answer.
    ///
    /// # Errors
    /// When the store is in trouble. The effect has happened and is not recorded: a duplicate that arrives after the
    /// lease is handled again.
    pub async fn finish(mut self, answer: impl Into<FirstAnswer>) -> Result<Settled, StoreError> {
        // From here on nothing may make the event fresh: it was handled.
        self.open = false;
        if self.claimants.is_empty() {
            return Ok(Settled::Done);
        }
        let expires = self.desk.clock.now() + self.desk.retention;
        all_of(self.desk.store.finish(&self.claimants, &answer.into(), expires).await?)
    }

    /// Makes the event fresh again, so that the sender's retry is handled.
    ///
    /// # Errors
    /// When the store is in trouble. It is tried once more at the next beginning; else the lease ends by itself.
    pub async fn abandon(mut self) -> Result<Settled, StoreError> {
        if self.claimants.is_empty() {
            return Ok(Settled::Done);
        }
        let settled = all_of(self.desk.store.abandon(&self.claimants).await?)?;
        self.open = false;
        Ok(settled)
    }

    /// The claims were finished by other means.
    pub fn finished_elsewhere(mut self) {
        self.open = false;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.open {
            self.claimants.iter().for_each(|claimant| self.desk.strays.add(*claimant));
        }
    }
}

/// One lost lease is enough: somebody else has the event. A store that answers less than it was asked is broken; nothing may be
/// concluded from it.
fn all_of(settled: Vec<Settled>) -> Result<Settled, StoreError> {
    match settled.into_iter().max_by_key(|settled| *settled == Settled::LeaseLost) {
        Some(settled) => Ok(settled),
        None => Err(StoreError::new(StoreErrorKind::Corrupt)),
    }
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
        let entries = verified.dedup_keys().entries();
        let mut ticket = Ticket { desk: Arc::clone(desk), claimants: Vec::with_capacity(entries.len()), open: true };
        if entries.is_empty() {
            return Ok(Begun::Fresh(ticket));
        }
        desk.upkeep().await;
        let now = desk.clock.now();
        let begun = desk.store.begin(&entries, now, now + desk.lease).await.map_err(Rejection::store)?;
        if begun.len() != entries.len() {
            return Err(Rejection::store(StoreError::new(StoreErrorKind::Corrupt)));
        }
        let mut other = None;
        for one in begun {
            match one {
                Begin::Fresh(claimant) => ticket.claimants.push(claimant),
                // What is done says more than what is under way.
                Begin::Done(_) => other = Some(one),
                Begin::Busy { .. } => other = other.or(Some(one)),
            }
        }
        let Some(other) = other else { return Ok(Begun::Fresh(ticket)) };
        self.let_go(ticket).await;
        match other {
            Begin::Busy { until } => Err(Rejection::busy(retry_after_secs(now, until))),
            Begin::Done(answer) => Ok(Begun::Duplicate(recorded(answer))),
            Begin::Fresh(_) => Err(Rejection::store(StoreError::new(StoreErrorKind::Corrupt))),
        }
    }

    /// One of its two records was fresh and the other is somebody else's.
    async fn let_go(&self, ticket: Ticket) {
        if !ticket.claimants.is_empty()
            && let Err(error) = ticket.abandon().await
        {
            tracing::warn!(source = self.source_name(), reason = %error, "webhook claim ends with its lease");
        }
    }
}

fn retry_after_secs(now: Timestamp, until: Timestamp) -> u64 {
    let left = until.since(now);
    let whole = left.as_secs().saturating_add(u64::from(left.subsec_nanos() > 0));
    whole.clamp(*RETRY_AFTER_SECS.start(), *RETRY_AFTER_SECS.end())
}

/// Only successes are recorded; whatever else stands in the store, the event was handled.
fn recorded(answer: FirstAnswer) -> FirstAnswer {
    let is_success = (200..300).contains(&answer.status);
    if is_success { answer } else { FirstAnswer::status(200) }
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
        Signed { request: body, event: body, index: None, at: None }
    }

    fn event(id: Option<&str>, identity: Identity) -> EventRef {
        EventRef { id: id.map(Into::into), identity, identity_authenticated: true, ..EventRef::default() }
    }

    fn identity(tenant: &'static str, name: &'static str, event: &EventRef, body: &[u8]) -> DedupKey {
        keys(&tenant.into(), &source(name), event, whole(body)).identity.unwrap()
    }

    #[test]
    fn r_32_parts_never_run_into_each_other() {
        let of = |tenant, name, id| identity(tenant, name, &event(Some(id), Identity::Id), b"{}");
        let all = [of("a", "bc", "d"), of("ab", "c", "d"), of("a", "b", "cd"), of("abcd", "", ""), of("", "", "abcd")];
        let distinct: std::collections::HashSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
    }

    #[test]
    fn r_32_no_byte_of_a_part_passes_for_a_boundary() {
        let of = |tenant, name| identity(tenant, name, &event(Some("id"), Identity::Id), b"{}");
        assert_ne!(of("a\u{1}b", "c"), of("a", "b\u{1}c"));
        assert_ne!(of("a\0b", "c"), of("a", "b\0c"));
    }

    #[test]
    fn r_32_an_id_never_equals_a_body() {
        let by_id = identity("t", "s", &event(Some("x"), Identity::Id), b"y");
        let by_body = identity("t", "s", &event(None, Identity::Body), b"x");
        assert_ne!(by_id, by_body);
    }

    #[test]
    fn the_type_is_part_of_the_identity() {
        let of = |event_type: &str| EventRef { event_type: Some(event_type.into()), ..event(Some("1"), Identity::Id) };
        let group = |event| keys(&"t".into(), &source("s"), event, whole(b"{}")).group;
        assert_ne!(identity("t", "s", &of("created"), b"{}"), identity("t", "s", &of("paid"), b"{}"));
        assert_eq!(group(&of("created")), group(&of("paid")), "both are forgotten together");
    }

    #[test]
    fn an_unsigned_id_counts_together_with_the_signed_body() {
        let of = |id, body: &[u8]| identity("t", "s", &event(Some(id), Identity::IdAndBody), body);
        assert_eq!(of("1", b"x"), of("1", b"x"));
        assert_ne!(of("1", b"x"), of("2", b"x"), "equal bodies of two deliveries are two events");
        assert_ne!(of("1", b"x"), of("1", b"y"), "nobody suppresses another event by its id");
    }

    #[test]
    fn without_an_id_and_a_signed_time_nothing_is_a_duplicate() {
        let of = |identity, at| keys(&"t".into(), &source("s"), &event(None, identity), Signed { at, ..whole(b"{}") });
        for identity in [Identity::Id, Identity::IdAndBody, Identity::Content] {
            assert_eq!(of(identity.clone(), None), EventKeys::default(), "{identity:?}");
            assert!(of(identity, Some(Timestamp::EPOCH)).identity.is_some());
        }
    }

    #[test]
    fn signed_bytes_are_remembered_where_an_identity_is_not_signed() {
        let at = Some(Timestamp::from_secs(7));
        let of = |id, authenticated, at| {
            let event = EventRef { identity_authenticated: authenticated, ..event(Some(id), Identity::IdAndBody) };
            keys(&"t".into(), &source("s"), &event, Signed { at, ..whole(b"{}") })
        };
        assert_ne!(of("1", false, at).identity, of("2", false, at).identity);
        assert_eq!(of("1", false, at).replay, of("2", false, at).replay, "the same signed bytes");
        assert!(of("1", false, at).replay.is_some());
        assert_eq!(of("1", false, None).replay, None, "no time, no replay protection");
        assert_eq!(of("1", true, at).replay, None, "the identity is enough");
    }

    #[test]
    fn a_source_says_by_which_rule() {
        let of = |rule, id, body| {
            let source = source("s").dedup_by(rule);
            keys(&"t".into(), &source, &event(Some(id), Identity::Id), whole(body))
        };
        assert_eq!(of(DedupBy::Body, "1", b"x").identity, of(DedupBy::Body, "2", b"x").identity);
        assert_ne!(of(DedupBy::IdAndBody, "1", b"x").identity, of(DedupBy::IdAndBody, "2", b"x").identity);
        assert_ne!(of(DedupBy::IdAndBody, "1", b"x").identity, of(DedupBy::IdAndBody, "1", b"y").identity);
        assert_eq!(of(DedupBy::Never, "1", b"x"), EventKeys::default());
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
        let read = |status| recorded(FirstAnswer::status(status)).status;
        assert_eq!([202, 500, 0, 9_999].map(read), [202, 200, 200, 200]);
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
