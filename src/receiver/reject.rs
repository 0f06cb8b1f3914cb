//! Rejections. The provider gets only a status; the application gets the reason.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ALLOW, CONNECTION, RETRY_AFTER};
use http::{HeaderName, HeaderValue, Response, StatusCode};

use super::json::JsonError;
use super::keys::KeysError;
use crate::signature::VerifyError;
use crate::store::{StoreError, StoreErrorKind};

/// `Retry-After`, in seconds, when a store or the source of the keys fails.
const TROUBLE_RETRY_AFTER_SECS: u64 = 5;

/// The rejection of a request. The provider gets the [`status`](Self::status) and an empty body (R-29). The reason is in the extensions
/// of the response and in one trace event. It contains no secret, signature, payload or URL, so it may be logged.
///
/// ```
/// # use hookwire::receiver::Rejection;
/// fn count(response: &http::Response<String>) -> Option<u16> {
///     response.extensions().get::<Rejection>().map(|rejection| rejection.status().as_u16())
/// }
/// # assert_eq!(count(&http::Response::new(String::new())), None);
/// ```
#[derive(Clone, Debug)]
pub struct Rejection {
    kind: RejectionKind,
    header: Option<Arc<(HeaderName, HeaderValue)>>,
    detail: Option<Arc<String>>,
    cause: Option<Arc<dyn Error + Send + Sync>>,
}

/// The kind of a rejection, with the status that the provider gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RejectionKind {
    /// 400: the method, the URI or a header is not valid HTTP. Only [`Gate::receive_bytes`](super::Gate::receive_bytes) meets such a
    /// request.
    Malformed,
    /// 405: the source does not accept the method, or accepts it only for handshakes.
    Method,
    /// 413: the body, its announced length, or its decompressed length exceeds the [limit](super::Source::max_body).
    BodyTooLarge,
    /// 408: the body was not complete in time.
    BodyTimeout,
    /// 400: the connection broke during the body, or its framing is invalid.
    BodyBroken,
    /// 401: the signature is invalid, missing or too old. 403 or 404 for a rejected handshake, 415 for an unknown format, 413 for too
    /// many events in one request.
    Unverified(VerifyError),
    /// 401: the route has no keys. The status is the same as for an invalid signature, so that an attacker cannot find out which tenants
    /// exist.
    UnknownRoute,
    /// 503: the keys cannot be read at the moment.
    KeysUnavailable,
    /// 503, or the status after which [the provider retries](crate::provider::Scheme::busy_status): the event is being handled. `Retry-After`
    /// contains the time after which to send it again.
    Busy,
    /// 503: the dedup store failed. The handler did not run (R-37).
    StoreUnavailable(StoreErrorKind),
    /// 500: the handler panicked. The event is new again.
    HandlerPanicked,
    /// 500: an extractor or an event router is not behind the [layer](super::Receiver::gate), so nothing was verified.
    NotVerified,
    /// 422: the payload does not have the type that the handler takes. The event stays new.
    Payload(JsonError),
}

impl Rejection {
    pub(super) const fn new(kind: RejectionKind) -> Self {
        Self { kind, header: None, detail: None, cause: None }
    }

    pub(super) fn too_large(max_bytes: usize) -> Self {
        let text =
            format!("the limit is {max_bytes} bytes: raise Source::max_body, or max_body_bytes in a configuration");
        Self::new(RejectionKind::BodyTooLarge).because(text)
    }

    /// Adds a detail for the operator, such as the remedy.
    pub(super) fn because(self, detail: impl Into<String>) -> Self {
        Self { detail: Some(Arc::new(detail.into())), ..self }
    }

    pub(super) fn method(allowed: HeaderValue) -> Self {
        Self { header: Some(Arc::new((ALLOW, allowed))), ..Self::new(RejectionKind::Method) }
    }

    pub(super) fn busy(retry_after_secs: u64) -> Self {
        Self { header: Some(Arc::new((RETRY_AFTER, retry_after_secs.into()))), ..Self::new(RejectionKind::Busy) }
    }

    pub(super) fn keys(error: KeysError) -> Self {
        Self::trouble(RejectionKind::KeysUnavailable, error)
    }

    pub(super) fn store(error: StoreError) -> Self {
        Self::trouble(RejectionKind::StoreUnavailable(error.kind()), error)
    }

    fn trouble(kind: RejectionKind, cause: impl Error + Send + Sync + 'static) -> Self {
        let header = Some(Arc::new((RETRY_AFTER, TROUBLE_RETRY_AFTER_SECS.into())));
        Self { header, cause: Some(Arc::new(cause)), ..Self::new(kind) }
    }

    /// The kind of the rejection.
    #[must_use]
    pub const fn kind(&self) -> RejectionKind {
        self.kind
    }

    /// The status that the provider gets.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self.kind {
            RejectionKind::Method => StatusCode::METHOD_NOT_ALLOWED,
            RejectionKind::BodyTooLarge | RejectionKind::Unverified(VerifyError::TooManyEvents(_)) => {
                StatusCode::PAYLOAD_TOO_LARGE
            }
            RejectionKind::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            RejectionKind::BodyBroken | RejectionKind::Malformed => StatusCode::BAD_REQUEST,
            RejectionKind::Unverified(VerifyError::HandshakeRejected { status: 404 }) => StatusCode::NOT_FOUND,
            RejectionKind::Unverified(VerifyError::HandshakeRejected { .. }) => StatusCode::FORBIDDEN,
            RejectionKind::Unverified(VerifyError::UnsupportedFormat) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            RejectionKind::Unverified(_) | RejectionKind::UnknownRoute => StatusCode::UNAUTHORIZED,
            RejectionKind::Busy | RejectionKind::KeysUnavailable | RejectionKind::StoreUnavailable(_) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            RejectionKind::HandlerPanicked | RejectionKind::NotVerified => StatusCode::INTERNAL_SERVER_ERROR,
            RejectionKind::Payload(_) => StatusCode::UNPROCESSABLE_ENTITY,
        }
    }

    /// Returns the response: the status, at most one of `Allow` and `Retry-After`, and no body. Its extensions contain this rejection.
    #[must_use]
    pub fn to_response<B: From<Bytes>>(&self) -> Response<B> {
        let mut response = Response::new(B::from(Bytes::new()));
        *response.status_mut() = self.status();
        if let Some((name, value)) = self.header.as_deref() {
            response.headers_mut().insert(name, value.clone());
        }
        if self.leaves_a_body_unread() {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response.extensions_mut().insert(self.clone());
        response
    }

    /// Whether the body was not read to its end, so that an HTTP/1.1 connection must be closed. In HTTP/2 only the stream is closed,
    /// and the server drops the header (RFC 9113 section 8.2.2).
    const fn leaves_a_body_unread(&self) -> bool {
        matches!(self.kind, RejectionKind::BodyTooLarge | RejectionKind::BodyTimeout | RejectionKind::BodyBroken)
    }

    /// Traces the rejected request: as an error if this side is at fault, as a warning if the cause and its remedy are known.
    pub(super) fn trace(&self, source: &str) {
        let is_trouble = self.kind != RejectionKind::Busy && self.status().is_server_error();
        match (is_trouble, &self.detail) {
            (true, _) => self.trace_trouble(source),
            (false, Some(_)) => self.trace_explained(source),
            (false, None) => self.trace_rejection(source),
        }
    }

    fn trace_rejection(&self, source: &str) {
        tracing::info!(source, status = self.status().as_u16(), reason = %self.reason(), "webhook rejected");
    }

    fn trace_explained(&self, source: &str) {
        tracing::warn!(source, status = self.status().as_u16(), reason = %self.reason(), "webhook rejected");
    }

    fn trace_trouble(&self, source: &str) {
        let cause = self.cause.as_deref().and_then(Error::source).map(tracing::field::display);
        tracing::error!(source, status = self.status().as_u16(), reason = %self.reason(), cause, "webhook rejected");
    }

    fn reason(&self) -> String {
        match &self.detail {
            Some(detail) => format!("{}: {detail}", self.kind),
            None => self.kind.to_string(),
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "request rejected: {}", self.reason())
    }
}

impl Error for Rejection {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as &(dyn Error + 'static))
    }
}

impl fmt::Display for RejectionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("the method, the URI or a header is not valid HTTP"),
            Self::Method => f.write_str("the method is not accepted"),
            Self::BodyTooLarge => f.write_str("the body is too large"),
            Self::BodyTimeout => f.write_str("the body was not complete in time"),
            Self::BodyBroken => f.write_str("the body was cut off, or its framing is invalid"),
            Self::Unverified(error) => write!(f, "not verified: {error}"),
            Self::UnknownRoute => f.write_str("there are no keys for this route"),
            Self::KeysUnavailable => f.write_str("the keys cannot be read at the moment"),
            Self::Busy => f.write_str("the same event is being handled"),
            Self::StoreUnavailable(kind) => write!(f, "the dedup store failed: {kind:?}"),
            Self::HandlerPanicked => f.write_str("the handler panicked"),
            Self::NotVerified => f.write_str("the route is not behind the layer of a receiver"),
            Self::Payload(error) => error.fmt(f),
        }
    }
}
