//! The second step: the proof that a request was signed by its source.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Method, Request};
use serde::de::DeserializeOwned;

use super::body::Limited;
use super::content::{self, Inflated};
use super::dedup::{self, EventKeys};
use super::documents::Library;
use super::json::{self, JsonError};
use super::keys::{KeysError, Route};
use super::reject::{Rejection, RejectionKind};
use super::sent::sent_to;
use super::source::Source;
use crate::clock::Timestamp;
use crate::id::Tenant;
use crate::signature::{
    Checked, Documents, EventRef, Events, Item, ItemBytes, Question, Received, Reply, SettingKind, Trust, Verify,
    VerifyError,
};

/// Longest event id or type kept, in bytes.
const MAX_NAME_BYTES: usize = 256;

/// How often a scheme may ask for a document while one request is checked.
const MAX_NEEDS: usize = 3;

/// A request whose signature was checked. Only verification makes one, so a function that takes it cannot be reached
/// by anything else. Cloning is cheap.
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

/// What a checked request turned out to be.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Accepted {
    /// An event, to be handled.
    Event(Verified),
    /// Many events in one request, each to be handled; the request is to be answered with a success when all of them
    /// were. None at all where the sender only says hello.
    Batch(Vec<Verified>),
    /// A handshake, to be answered with this.
    Handshake(Reply),
}

impl Verified {
    /// The name of the source.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// Whose event it is: the tenant of the source or of the route.
    #[must_use]
    pub fn tenant(&self) -> &Tenant {
        &self.0.tenant
    }

    /// The event's id, 1 to 256 printable ASCII characters. An id that is none of these counts as absent. See
    /// [`is_id_authentic`](Self::is_id_authentic) before you rely on it.
    #[must_use]
    pub fn event_id(&self) -> Option<&str> {
        self.0.event.id.as_deref()
    }

    /// Whether the signature covers the event's id. Where it does not, anybody who captured a request can send it
    /// again under another id.
    #[must_use]
    pub fn is_id_authentic(&self) -> bool {
        self.0.event.id_authenticated
    }

    /// The event's type, 1 to 256 printable ASCII characters, where the scheme names a place for it.
    #[must_use]
    pub fn event_type(&self) -> Option<&str> {
        self.0.event.event_type.as_deref()
    }

    /// When it was signed, where the scheme signs a time.
    #[must_use]
    pub fn signed_at(&self) -> Option<Timestamp> {
        self.0.signed_at
    }

    /// When it was checked, by our clock.
    #[must_use]
    pub fn received_at(&self) -> Timestamp {
        self.0.received_at
    }

    /// The event's bytes, exactly as received: the body that was checked, or the event's own part of it
    /// where a request holds many.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.0.body
    }

    /// All the bytes that were checked, exactly as received.
    #[must_use]
    pub fn request_body(&self) -> &Bytes {
        &self.0.request_body
    }

    /// The headers that the scheme keeps with an event: those that belong to it (`ce-*` of `CloudEvents`). Most schemes
    /// keep none. **No signature covers them** unless the scheme says so.
    #[must_use]
    pub fn kept_headers(&self) -> &HeaderMap {
        &self.0.headers
    }

    /// What the event is recognised by in the dedup store.
    #[must_use]
    pub fn dedup_keys(&self) -> EventKeys {
        self.0.dedup_keys
    }

    /// The event's bytes without the compression that they may have come in: what id, type and JSON are read from. A body that was
    /// not compressed is the content itself.
    #[must_use]
    pub fn content(&self) -> &Bytes {
        &self.0.content
    }

    /// The payload as `T`. It is read from the [content](Self::content): without a byte order mark, out of the field `payload` of a
    /// form (GitHub, Slack) or `json` of a multipart form, and with U+FFFD for half a surrogate pair. An empty body reads as `null`.
    /// Route on a field of `T`, not on a second parse: two parsers may disagree about repeated
    /// keys.
    ///
    /// # Errors
    /// When it is no JSON, or no `T`.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, JsonError> {
        json::lenient(self.content())
    }

    /// The payload as `T`, refusing any object that repeats a key at any depth. Reads the payload twice.
    ///
    /// # Errors
    /// When it is no JSON, repeats a key, or is no `T`.
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

/// Checks a request. Reads headers and body, changes nothing; the only place that makes a [`Verified`].
pub(super) async fn check(
    source: &Source,
    limited: &Limited,
    library: &Library,
    now: Timestamp,
) -> Result<Accepted, Rejection> {
    let request = limited.request();
    let route = Route { source: source.name(), path: request.uri().path() };
    let granted = source.keys().grant(route).await.map_err(Rejection::keys)?;
    let grant = granted.ok_or_else(|| Rejection::new(RejectionKind::UnknownRoute))?;
    let mut received = received(request);
    let trust = source.trust(&grant.keyring, now);
    let documents = gather(source, &received, &trust, library).await?;
    let trust = Trust { documents: &documents, ..trust };
    let scheme = source.scheme();
    let (checked, body) = prove(scheme, &received, &trust, limited).map_err(|error| refused(error, limited, scheme))?;
    library.prove(&source.shared_name(), documents.names(), now);
    let signed_at = match checked {
        Checked::Handshake(reply) => return Ok(Accepted::Handshake(reply)),
        Checked::Question(question) => return decided(source, &grant.tenant, question).await,
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
            tenant: grant.tenant.clone(),
            dedup_keys: dedup::keys(
                &grant.tenant,
                source,
                &event,
                dedup::Signed { request: &body, event: &own, index, at: signed_at },
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
                let bytes = bytes_of(item.bytes, &content);
                verified(item.event, (bytes.clone(), bytes), Some(at))
            };
            Accepted::Batch(items.into_iter().enumerate().map(each).collect())
        }
    })
}

/// Checks what was received; and where that fails, what was in it, for those who sign before they compress. The bytes that were
/// signed come with the verdict.
fn prove(
    scheme: &dyn Verify,
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

/// What is in a body that was signed as it was received; one that was signed before it was compressed is plain already.
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

/// With what an operator can do about it, as far as it can be told without saying anything of a secret.
fn refused(error: VerifyError, limited: &Limited, scheme: &dyn Verify) -> Rejection {
    let rejection = unverified(error);
    if !matches!(error, VerifyError::BadSignature | VerifyError::BodyMismatch) {
        return rejection;
    }
    let request = limited.request();
    let announced = request.headers().get(CONTENT_LENGTH).and_then(|it| it.to_str().ok()?.parse::<usize>().ok());
    let length = request.body().len();
    let signs_url =
        scheme.settings().iter().find(|it| matches!(it.kind, SettingKind::Url | SettingKind::RegisteredUrl));
    match (announced, signs_url) {
        (Some(announced), _) if length == 0 && announced > 0 => rejection.because(format!(
            "the body is empty and {announced} bytes were announced: something before this layer has read it; put the layer \
             outermost"
        )),
        (Some(announced), _) if announced != length => rejection.because(format!(
            "the body has {length} bytes and {announced} were announced: something before this layer has changed it"
        )),
        (_, Some(setting)) => rejection.because(format!(
            "another secret, or another URL than the provider has: compare the setting `{}` and the path",
            setting.name
        )),
        _ => rejection.because("another secret, or something before this layer has changed the body"),
    }
}

/// The application's answer; no, where it has none.
async fn decided(source: &Source, tenant: &Tenant, question: Question) -> Result<Accepted, Rejection> {
    let yes = match source.decider() {
        Some(decider) => decider.decide(tenant, &question).await,
        None => false,
    };
    if yes {
        Ok(Accepted::Handshake(question.yes))
    } else {
        Err(unverified(VerifyError::HandshakeRefused { status: question.no }))
    }
}

/// What the scheme needs to check this request, from the library.
async fn gather(
    source: &Source,
    received: &Received<'_>,
    trust: &Trust<'_>,
    library: &Library,
) -> Result<Documents, Rejection> {
    let mut documents = Documents::default();
    for _ in 0..MAX_NEEDS {
        let trust = Trust { documents: &documents, ..*trust };
        let Some(need) = source.scheme().needs(received, &trust).map_err(unverified)? else { break };
        let content = library.get(&source.shared_name(), &need, trust.now).await;
        let content = content.map_err(|error| Rejection::keys(KeysError::new(error)))?;
        documents = documents.with(need.name, content);
        if need.last {
            break;
        }
    }
    Ok(documents)
}

fn bytes_of(bytes: ItemBytes, content: &Bytes) -> Bytes {
    match bytes {
        ItemBytes::Part(range) => part(content, range),
        ItemBytes::Decoded(bytes) => bytes,
    }
}

/// A scheme that names a range outside of the body has made a mistake; that must not end in a panic.
fn part(body: &Bytes, range: std::ops::Range<usize>) -> Bytes {
    if range.start <= range.end && range.end <= body.len() { body.slice(range) } else { Bytes::new() }
}

/// Few schemes keep any, and an empty map costs nothing.
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
    method == Method::POST
        || method == Method::PUT
        || source.scheme().event_methods().iter().any(|name| *name == method.as_str())
}

const fn unverified(error: VerifyError) -> Rejection {
    Rejection::new(RejectionKind::Unverified(error))
}

/// What goes on into keys and logs is short and printable. An id that is not counts as absent: then the signed
/// body identifies the event, and nothing is lost.
fn bounded(event: EventRef) -> EventRef {
    let bounded = |text: &String| is_bounded(text);
    EventRef { id: event.id.filter(bounded), event_type: event.event_type.filter(bounded), ..event }
}

fn is_bounded(text: &str) -> bool {
    (1..=MAX_NAME_BYTES).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}
