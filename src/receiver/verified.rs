//! Verification: proves that the source signed a request.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use serde::de::DeserializeOwned;

use super::body::Limited;
use super::content::{self, Inflated};
use super::documents::DocumentCache;
use super::event_keys::{self, EventKeys, Signed};
use super::json::{self, JsonError};
use super::keys::KeysError;
use super::reject::{Rejection, RejectionKind};
use super::sent::sent_to;
use super::source::Source;
use crate::clock::Timestamp;
use crate::id::Tenant;
use crate::provider::{Challenge, Checked, EventRef, Events, Item, Reply, Scheme};
use crate::signature::{Received, Trust, VerifyError};
use crate::store::DedupEntry;

/// The longest event id or type, in bytes.
const MAX_NAME_BYTES: usize = 256;

/// The maximum number of documents that a scheme may request for the check of one request.
const MAX_NEEDS: usize = 3;

/// An event of a request whose signature was verified. Only verification creates it, so a function that takes it is never called
/// with an unverified request. Cheap to clone.
///
/// `Debug` prints no payload.
#[derive(Clone)]
pub struct Verified(Arc<Facts>);

struct Facts {
    source: Arc<str>,
    tenant: Tenant,
    event: EventRef,
    signed_at: Option<Timestamp>,
    received_at: Timestamp,
    body: Bytes,
    content: Bytes,
    request_body: Bytes,
    headers: HeaderMap,
    dedup_keys: EventKeys,
}

/// The content of a verified request.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Accepted {
    /// An event, to be handled.
    Event(Verified),
    /// Many events in one request. Respond with a success only if all of them were handled. The list is empty if the provider only tests
    /// the URL.
    Batch(Vec<Verified>),
    /// A handshake, with the reply to it.
    Handshake(Reply),
}

impl Verified {
    /// The name of the source.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// The tenant of the source or of the route.
    #[must_use]
    pub fn tenant(&self) -> &Tenant {
        &self.0.tenant
    }

    /// The event's id: 1 to 256 printable ASCII characters. Any other id counts as absent. See
    /// [`is_id_authentic`](Self::is_id_authentic) before you rely on it.
    #[must_use]
    pub fn event_id(&self) -> Option<&str> {
        self.0.event.id.as_deref()
    }

    /// Whether the signature covers the event's id. If not, anybody who captured a request can send it again with another id.
    #[must_use]
    pub fn is_id_authentic(&self) -> bool {
        self.0.event.id_authenticated
    }

    /// The event's type: 1 to 256 printable ASCII characters. `None` if the scheme names no place for it.
    #[must_use]
    pub fn event_type(&self) -> Option<&str> {
        self.0.event.event_type.as_deref()
    }

    /// When the request was signed. `None` if the scheme signs no time.
    #[must_use]
    pub fn signed_at(&self) -> Option<Timestamp> {
        self.0.signed_at
    }

    /// When the request was checked, by the receiver's clock.
    #[must_use]
    pub fn received_at(&self) -> Timestamp {
        self.0.received_at
    }

    /// The verified bytes of the event: the verified body, or the event's part of it if a request contains many events.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.0.body
    }

    /// The whole verified body. It is the body as received, or the decompressed body if the provider signed before it compressed.
    #[must_use]
    pub fn request_body(&self) -> &Bytes {
        &self.0.request_body
    }

    /// The headers of the event that the scheme keeps (`ce-*` of `CloudEvents`). Most schemes keep none. **No signature covers them**
    /// unless the scheme documents it.
    #[must_use]
    pub fn kept_headers(&self) -> &HeaderMap {
        &self.0.headers
    }

    /// The records by which a [`Dedup`](crate::store::Dedup) store recognises the event: at most two, or none if every request is handled.
    /// - The **identity** consists of the idempotency key that the provider documents, and of the event type. Two requests with the same
    ///   identity are one event.
    /// - The **replay** key consists of the signed bytes. It exists only if a time is signed and the signature does not cover the whole
    ///   identity. Without this key, a captured request could be sent again under another id.
    #[must_use]
    pub fn dedup_entries(&self) -> Vec<DedupEntry> {
        self.dedup_keys().entries()
    }

    pub(super) fn dedup_keys(&self) -> EventKeys {
        self.0.dedup_keys
    }

    /// The event's bytes after decompression. Id, type and JSON are read from them. They equal the [body](Self::body) if it was not
    /// compressed.
    #[must_use]
    pub fn content(&self) -> &Bytes {
        &self.0.content
    }

    /// Reads the payload as `T` from the [content](Self::content). If the content is a form, the payload is its field `payload` (GitHub,
    /// Slack); if it is a multipart form, the payload is its field `json`. A byte order mark is skipped, half a surrogate pair becomes
    /// U+FFFD, and an empty body reads as `null`. Make decisions by fields of `T`, and do not parse a second time: two parsers may disagree
    /// about repeated keys.
    ///
    /// # Errors
    /// Returns [`JsonError`] if the payload is not JSON, or not a `T`.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, JsonError> {
        json::lenient(self.content())
    }

    /// Reads the payload as `T`, and fails if an object repeats a key at any depth. Reads the payload twice.
    ///
    /// # Errors
    /// Returns [`JsonError`] if the payload is not JSON, repeats a key, or is not a `T`.
    pub fn strict_json<T: DeserializeOwned>(&self) -> Result<T, JsonError> {
        json::strict(self.content())
    }
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified")
            .field("source", &self.0.source)
            .field("tenant", &self.0.tenant)
            .field("event_id", &self.0.event.id)
            .field("event_type", &self.0.event.event_type)
            .field("signed_at", &self.0.signed_at)
            .field("bytes", &self.0.body.len())
            .finish_non_exhaustive()
    }
}

/// Checks a request by its headers and body, and changes nothing. Only this function creates a [`Verified`].
pub(super) async fn check(
    source: &Source,
    limited: &Limited,
    cache: &DocumentCache,
    now: Timestamp,
) -> Result<Accepted, Rejection> {
    let request = limited.request();
    let resolved = source.keys().resolve(request.uri().path()).await.map_err(Rejection::keys)?;
    let keys = resolved.ok_or_else(|| Rejection::new(RejectionKind::UnknownRoute))?;
    let mut received = received(request);
    let trust = source.trust(&keys.keyring, now);
    let documents = gather(source, &received, &trust, cache).await?;
    let trust = Trust { documents: &documents, ..trust };
    let scheme = source.scheme();
    let (checked, body) =
        prove(scheme, &received, &trust, limited).map_err(|error| rejected(error, source, received, trust))?;
    cache.prove(&source.shared_name(), documents.keys().map(String::as_str), now);
    let signed_at = match checked {
        Checked::Handshake(reply) => return Ok(Accepted::Handshake(reply)),
        Checked::Challenge(challenge) => return decided(source, &keys.tenant, challenge).await,
        Checked::Event { signed_at } => signed_at,
    };
    if !carries_events(source, request.method()) {
        return Err(Rejection::method(source.allowed_methods()));
    }
    let content = content_of(&body, limited)?;
    received.body = &content;
    let kept = kept(source, request.headers());
    let verified = |event: EventRef, (own, content): (Bytes, Bytes), index: Option<usize>| {
        let event = bounded(event);
        Verified(Arc::new(Facts {
            source: source.shared_name(),
            tenant: keys.tenant.clone(),
            dedup_keys: event_keys::keys(
                &keys.tenant,
                source,
                &event,
                Signed { request: &body, event: &own, index, at: signed_at },
            ),
            event,
            signed_at,
            received_at: now,
            body: own,
            content,
            request_body: body.clone(),
            headers: kept.clone(),
        }))
    };
    Ok(match source.scheme().events(&received, &trust).map_err(unverified)? {
        Events::One(event) => Accepted::Event(verified(event, (body.clone(), content.clone()), None)),
        Events::Batch(items) => {
            let each = |(at, item): (usize, Item)| {
                let bytes = item.bytes_in(&content);
                verified(item.event, (bytes.clone(), bytes), Some(at))
            };
            Accepted::Batch(items.into_iter().enumerate().map(each).collect())
        }
    })
}

/// Checks the body as received. If that fails, checks the decompressed body, because some providers sign before they compress.
/// Returns also the bytes that were signed.
fn prove(
    scheme: &Scheme,
    received: &Received<'_>,
    trust: &Trust<'_>,
    limited: &Limited,
) -> Result<(Checked, Bytes), VerifyError> {
    let error = match scheme.verify(received, trust) {
        Ok(checked) => return Ok((checked, limited.request().body().clone())),
        Err(error @ VerifyError::OutOfTolerance { .. }) => return Err(error),
        Err(error) => error,
    };
    let plain = content::inflate_unproved(received.headers, received.body, limited.max_bytes()).ok_or(error)?;
    let checked = scheme.verify(&Received { body: &plain, ..*received }, trust).map_err(|_| error)?;
    Ok((checked, plain))
}

/// Decompresses a body that was signed as received. A body that was signed before its compression is decompressed already.
fn content_of(body: &Bytes, limited: &Limited) -> Result<Bytes, Rejection> {
    let request = limited.request();
    if body.as_ptr() != request.body().as_ptr() {
        return Ok(body.clone());
    }
    match content::inflate(request.headers(), body, limited.max_bytes()) {
        Inflated::Plain(plain) => Ok(plain),
        Inflated::TooLong => Err(Rejection::too_large(limited.max_bytes())),
        Inflated::Not => Ok(body.clone()),
    }
}

/// Adds the cause of the failure and its remedy, for the operator.
fn rejected(error: VerifyError, source: &Source, received: Received<'_>, trust: Trust<'_>) -> Rejection {
    let cause = source.diagnoses().and_then(|all| all.cause(error, source.scheme(), received, trust));
    cause.map_or_else(|| unverified(error), |cause| unverified(error).because(cause))
}

/// Answers a handshake according to the decision of the application.
async fn decided(source: &Source, tenant: &Tenant, challenge: Challenge) -> Result<Accepted, Rejection> {
    if source.decision(tenant, &challenge).await {
        Ok(Accepted::Handshake(challenge.confirmation))
    } else {
        Err(unverified(VerifyError::HandshakeRejected { status: challenge.rejection_status }))
    }
}

/// Fetches the documents that the scheme needs to check this request.
async fn gather(
    source: &Source,
    received: &Received<'_>,
    trust: &Trust<'_>,
    cache: &DocumentCache,
) -> Result<BTreeMap<String, Bytes>, Rejection> {
    let mut documents = BTreeMap::new();
    for _ in 0..MAX_NEEDS {
        let trust = Trust { documents: &documents, ..*trust };
        let Some(need) = source.scheme().fetch_request(received, &trust).map_err(unverified)? else { break };
        let content = cache.get(&source.shared_name(), &need, trust.now).await;
        let content = content.map_err(|error| Rejection::keys(KeysError::new(error)))?;
        documents.insert(need.name, content);
        if need.last {
            break;
        }
    }
    Ok(documents)
}

/// Returns the headers that the scheme keeps. Most schemes keep none, and an empty map does not allocate.
fn kept(source: &Source, headers: &HeaderMap) -> HeaderMap {
    let kept = headers.iter().filter(|(name, _)| source.scheme().keeps(name.as_str()));
    kept.fold(HeaderMap::new(), |mut all, (name, value)| {
        all.append(name, value.clone());
        all
    })
}

fn received(request: &Request<Bytes>) -> Received<'_> {
    Received { method: request.method(), uri: sent_to(request), headers: request.headers(), body: request.body() }
}

fn carries_events(source: &Source, method: &Method) -> bool {
    source.scheme().sends_events_by(method)
}

const fn unverified(error: VerifyError) -> Rejection {
    Rejection::new(RejectionKind::Unverified(error))
}

/// Removes an id or type that is too long or not printable, because they go into keys and logs. Without an id, the signed
/// body identifies the event.
fn bounded(event: EventRef) -> EventRef {
    let bounded = |text: &String| is_bounded(text);
    EventRef { id: event.id.filter(bounded), event_type: event.event_type.filter(bounded), ..event }
}

fn is_bounded(text: &str) -> bool {
    (1..=MAX_NAME_BYTES).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}
