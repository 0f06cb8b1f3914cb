//! A message whose parts can be signed.

use http::{HeaderMap, Method, StatusCode, Uri};

/// A message whose parts can be signed.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Message<'a> {
    /// A request.
    Request {
        /// Its method.
        method: &'a Method,
        /// Its target. A server often sees only the path and query.
        uri: &'a Uri,
        /// The scheme and authority as the sender wrote them: `https://example.com`. If they matter, do not take them from `Host`
        /// or `X-Forwarded-*`.
        origin: Option<&'a str>,
        /// Its headers.
        headers: &'a HeaderMap,
    },
    /// A response.
    Response {
        /// Its status.
        status: StatusCode,
        /// Its headers.
        headers: &'a HeaderMap,
    },
}

impl<'a> Message<'a> {
    /// A request; `origin` is the scheme and authority as the sender wrote them.
    #[must_use]
    pub const fn request(method: &'a Method, uri: &'a Uri, origin: Option<&'a str>, headers: &'a HeaderMap) -> Self {
        Self::Request { method, uri, origin, headers }
    }

    /// A response.
    #[must_use]
    pub const fn response(status: StatusCode, headers: &'a HeaderMap) -> Self {
        Self::Response { status, headers }
    }

    pub(super) const fn headers(&self) -> &'a HeaderMap {
        match self {
            Self::Request { headers, .. } | Self::Response { headers, .. } => headers,
        }
    }
}
