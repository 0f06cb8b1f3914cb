//! Why a request was refused: a bare status outside, the reason inside.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ALLOW, CONNECTION, RETRY_AFTER};
use http::{HeaderName, HeaderValue, Response, StatusCode};

use super::keys::KeysError;
use crate::signature::VerifyError;
use crate::store::{StoreError, StoreErrorKind};

/// How many seconds a sender is asked to wait when a store or a key resolver is in trouble.
const TROUBLE_RETRY_AFTER_SECS: u64 = 5;

/// Why a request was refused. The wire gets [`status`](Self::status) and an empty body (R-29); the reason stands in the
/// extensions of the response and in one trace event. It holds no secret, signature, payload or URL, so it may be
/// logged.
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
    header: Option<(HeaderName, HeaderValue)>,
    detail: Option<Arc<String>>,
    cause: Option<Arc<dyn Error + Send + Sync>>,
}

/// What kind of refusal it is, and which status the sender sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RejectionKind {
    /// 405: neither POST nor a method that the source accepts; or an event by a method that carries none.
    Method,
    /// 413: the body is, or says that it is, longer than the [limit](super::Source::max_body); or it is when it is decompressed.
    BodyTooLarge,
    /// 408: the body was not complete at its deadline.
    BodyTimeout,
    /// 400: the connection broke, or the framing is wrong, in the middle of the body.
    BodyBroken,
    /// 401: the signature was not accepted, or is missing, or too old. 403 or 404 for a handshake that is refused,
    /// 415 for a format that is not understood, 413 for more events than are taken from one request.
    Unverified(VerifyError),
    /// 401: the key resolver knows no such route. Looks like a bad signature, so that tenants cannot be counted.
    UnknownRoute,
    /// 503: the key resolver is in trouble.
    KeysUnavailable,
    /// 503, or what [the provider retries](crate::signature::Conduct::busy): the same event is being handled; `Retry-After` tells when
    /// to come again.
    Busy,
    /// 503: the dedup store is in trouble. The handler did not run (R-37).
    StoreUnavailable(StoreErrorKind),
    /// 500: the handler panicked. The event is fresh again.
    HandlerPanicked,
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

    /// With what an operator can do about it.
    pub(super) fn because(self, detail: impl Into<String>) -> Self {
        Self { detail: Some(Arc::new(detail.into())), ..self }
    }

    pub(super) fn method(allowed: HeaderValue) -> Self {
        Self { header: Some((ALLOW, allowed)), ..Self::new(RejectionKind::Method) }
    }

    pub(super) fn busy(retry_after_secs: u64) -> Self {
        Self { header: Some((RETRY_AFTER, retry_after_secs.into())), ..Self::new(RejectionKind::Busy) }
    }

    pub(super) fn keys(error: KeysError) -> Self {
        Self::trouble(RejectionKind::KeysUnavailable, error)
    }

    pub(super) fn store(error: StoreError) -> Self {
        Self::trouble(RejectionKind::StoreUnavailable(error.kind()), error)
    }

    fn trouble(kind: RejectionKind, cause: impl Error + Send + Sync + 'static) -> Self {
        let header = Some((RETRY_AFTER, TROUBLE_RETRY_AFTER_SECS.into()));
        Self { header, cause: Some(Arc::new(cause)), ..Self::new(kind) }
    }

    /// What kind of refusal it is.
    #[must_use]
    pub const fn kind(&self) -> RejectionKind {
        self.kind
    }

    /// The status that the sender sees.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self.kind {
            RejectionKind::Method => StatusCode::METHOD_NOT_ALLOWED,
            RejectionKind::BodyTooLarge | RejectionKind::Unverified(VerifyError::TooManyEvents(_)) => {
                StatusCode::PAYLOAD_TOO_LARGE
            }
            RejectionKind::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            RejectionKind::BodyBroken => StatusCode::BAD_REQUEST,
            RejectionKind::Unverified(VerifyError::HandshakeRefused { status: 404 }) => StatusCode::NOT_FOUND,
            RejectionKind::Unverified(VerifyError::HandshakeRefused { .. }) => StatusCode::FORBIDDEN,
            RejectionKind::Unverified(VerifyError::UnsupportedFormat) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            RejectionKind::Unverified(_) | RejectionKind::UnknownRoute => StatusCode::UNAUTHORIZED,
            RejectionKind::Busy | RejectionKind::KeysUnavailable | RejectionKind::StoreUnavailable(_) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            RejectionKind::HandlerPanicked => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The answer to the sender: the status, at most one header (`Allow`, `Retry-After`), no body; this rejection in
    /// the extensions.
    #[must_use]
    pub fn to_response<B: From<Bytes>>(&self) -> Response<B> {
        let mut response = Response::new(B::from(Bytes::new()));
        *response.status_mut() = self.status();
        if let Some((name, value)) = &self.header {
            response.headers_mut().insert(name, value.clone());
        }
        if self.leaves_a_body_unread() {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response.extensions_mut().insert(self.clone());
        response
    }

    /// Then the connection is of no further use in HTTP/1.1. In HTTP/2 only the stream is, and the server drops the
    /// header (RFC 9113 section 8.2.2).
    const fn leaves_a_body_unread(&self) -> bool {
        matches!(self.kind, RejectionKind::BodyTooLarge | RejectionKind::BodyTimeout | RejectionKind::BodyBroken)
    }

    /// The one trace event of a refused request.
    pub(super) fn trace(&self, source: &str) {
        if self.kind != RejectionKind::Busy && self.status().is_server_error() {
            self.trace_trouble(source);
        } else {
            tracing::info!(source, status = self.status().as_u16(), reason = %self.reason(), "webhook refused");
        }
    }

    fn trace_trouble(&self, source: &str) {
        let cause = self.cause.as_deref().and_then(Error::source).map(tracing::field::display);
        tracing::error!(source, status = self.status().as_u16(), reason = %self.reason(), cause, "webhook refused");
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
        write!(f, "request: refused: {}", self.reason())
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
            Self::Method => f.write_str("method not accepted"),
            Self::BodyTooLarge => f.write_str("body too large"),
            Self::BodyTimeout => f.write_str("body not complete in time"),
            Self::BodyBroken => f.write_str("body broken off"),
            Self::Unverified(error) => write!(f, "not verified: {error}"),
            Self::UnknownRoute => f.write_str("no keys for this route"),
            Self::KeysUnavailable => f.write_str("keys unavailable"),
            Self::Busy => f.write_str("the same event is being handled"),
            Self::StoreUnavailable(kind) => write!(f, "dedup store: {kind:?}"),
            Self::HandlerPanicked => f.write_str("handler panicked"),
        }
    }
}
