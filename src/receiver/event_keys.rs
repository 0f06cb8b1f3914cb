//! The keys by which a repeated event is recognised.

use sha2::{Digest as _, Sha256};

use super::source::{DedupBy, Source};
use crate::clock::Timestamp;
use crate::id::Tenant;
use crate::provider::{EventRef, Identity};
use crate::store::{DedupEntry, DedupGroup, DedupKey};

/// The data from which the keys of an event are made, in addition to the event's own fields.
#[derive(Clone, Copy)]
pub(super) struct Signed<'a> {
    /// The body of the request.
    pub(super) request: &'a [u8],
    /// The bytes of the event: the whole body, or its part of a batch.
    pub(super) event: &'a [u8],
    /// The index of the event in its batch; `None` for an event that is not part of a batch.
    pub(super) index: Option<usize>,
    /// The signed time, if the scheme signs one.
    pub(super) at: Option<Timestamp>,
}

/// The keys by which a repeated event is recognised: at most two records in the dedup store; see
/// [`Verified::dedup_entries`](super::Verified::dedup_entries).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct EventKeys {
    /// `None` if every request is handled.
    pub(super) identity: Option<DedupKey>,
    /// The key of the signed bytes; `None` if the identity is enough.
    pub(super) replay: Option<DedupKey>,
    /// The group by which the event can be forgotten; `None` if it has no id.
    pub(super) group: Option<DedupGroup>,
}

impl EventKeys {
    /// The records to claim in a [`Dedup`](crate::store::Dedup) store.
    pub(super) fn entries(&self) -> Vec<DedupEntry> {
        let entry = |key| DedupEntry { key, group: self.group };
        self.identity.into_iter().chain(self.replay).map(entry).collect()
    }
}

/// Returns the keys of an event, by the rule of its source.
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

/// The group of all records of one event id, whatever the event's type and bytes are.
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
    /// A key made of an id or another text, the event type and perhaps the event's bytes.
    fn by(&self, how: &'static str, text: Option<&str>, bytes: Option<&[u8]>) -> DedupKey {
        self.key(how, [text.map(str::as_bytes), self.event.event_type.as_deref().map(str::as_bytes), bytes])
    }

    fn by_body(&self) -> DedupKey {
        self.key("body", [Some(self.signed.event), None, None])
    }

    /// A key made of the request's body and the event's position in it.
    fn by_request(&self) -> DedupKey {
        let index = self.signed.index.map(|index| index.to_string());
        self.key("request", [Some(self.signed.request), index.as_deref().map(str::as_bytes), None])
    }

    /// A key made of the signed content, the signed time and the event's position in the request. For most schemes the signed
    /// content is the request's body, and the id if it is signed. `None` if no time is signed.
    fn by_signed_bytes(&self) -> Option<DedupKey> {
        let at = self.signed.at?.as_micros().to_be_bytes();
        let index = self.signed.index.map(|index| index.to_string()).unwrap_or_default();
        // Two events can have equal bytes and be signed in the same second; a signed id then distinguishes them.
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

/// SHA-256 over parts. Each part follows its length, so that ("a", "bc") and ("ab", "c") differ, and a byte that
/// distinguishes an empty part from an absent one.
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
}
