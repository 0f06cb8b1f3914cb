//! Responses: what a handler returns, and what the provider gets.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use crate::provider::{FixedResponse, Reply};
use crate::store::FirstResponse;

/// The header, with the value `true`, of a response to an event that was handled before.
pub const DUPLICATE_HEADER: HeaderName = HeaderName::from_static("webhook-duplicate");

/// The longest response body that is remembered for duplicates, in bytes.
pub(super) const MAX_REMEMBERED_BYTES: usize = 64 * 1024;

/// What a handler returns. A 2xx status means that the event was handled, and is remembered. Any other status means that the
/// provider should try again.
///
/// ```
/// use hookwire::receiver::HandlerResponse;
/// use http::StatusCode;
///
/// assert_eq!(().status(), StatusCode::NO_CONTENT);
/// assert_eq!(Err::<(), _>("out of stock").status(), StatusCode::INTERNAL_SERVER_ERROR);
/// ```
pub trait HandlerResponse {
    /// The status of the response.
    fn status(&self) -> StatusCode;

    /// The response that [`Gate::receive`](super::Gate::receive) sends, and the response to later duplicates. Default: the status without
    /// a body. If the body has more than 64 KiB, duplicates get the status alone, because the store remembers the response.
    fn for_duplicates(&self) -> FirstResponse {
        FirstResponse::status(self.status().as_u16())
    }
}

impl HandlerResponse for StatusCode {
    fn status(&self) -> StatusCode {
        *self
    }
}

/// The status is 204.
impl HandlerResponse for () {
    fn status(&self) -> StatusCode {
        StatusCode::NO_CONTENT
    }
}

/// The status, the content type and the body. Other headers are for the layer only: it sends the whole response of the inner service.
impl<B: Clone + Into<Bytes>> HandlerResponse for Response<B> {
    fn status(&self) -> StatusCode {
        Self::status(self)
    }

    fn for_duplicates(&self) -> FirstResponse {
        let body = self.body().clone().into();
        FirstResponse { status: self.status().as_u16(), content_type: content_type(self.headers()), body }
    }
}

/// The status of an error is 500.
impl<A: HandlerResponse, E> HandlerResponse for Result<A, E> {
    fn status(&self) -> StatusCode {
        self.as_ref().map_or(StatusCode::INTERNAL_SERVER_ERROR, HandlerResponse::status)
    }

    fn for_duplicates(&self) -> FirstResponse {
        match self {
            Ok(answer) => answer.for_duplicates(),
            Err(_) => FirstResponse::status(StatusCode::INTERNAL_SERVER_ERROR.as_u16()),
        }
    }
}

/// The content type of a response, if it is text.
pub(super) fn content_type(headers: &HeaderMap) -> Option<String> {
    headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(ToOwned::to_owned)
}

/// The part of a response that is remembered: only the status, if the body is too long.
pub(super) fn remembered(answer: FirstResponse) -> FirstResponse {
    if answer.body.len() <= MAX_REMEMBERED_BYTES { answer } else { FirstResponse::status(answer.status) }
}

/// The response to a duplicate: the same as to the first request (R-38).
pub(super) fn duplicate<B: From<Bytes>>(answer: FirstResponse) -> Response<B> {
    let mut response = first(answer);
    response.headers_mut().insert(DUPLICATE_HEADER, HeaderValue::from_static("true"));
    response
}

/// The response to the first request.
pub(super) fn first<B: From<Bytes>>(answer: FirstResponse) -> Response<B> {
    let mut response = Response::new(B::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    if let Some(content_type) = answer.content_type.and_then(|text| HeaderValue::try_from(text).ok()) {
        response.headers_mut().insert(CONTENT_TYPE, content_type);
    }
    response
}

/// Replaces a response with the one that the provider requires.
pub(super) fn replace_by_required<B: From<Bytes>>(response: &mut Response<B>, fixed: FixedResponse) {
    *response.status_mut() = status(fixed.status);
    *response.body_mut() = B::from(Bytes::from_static(fixed.body.as_bytes()));
    if !fixed.body.is_empty() {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    }
}

/// Returns the first of two responses that is not a success, or the later one.
pub(super) fn worse<B>(earlier: Response<B>, later: Response<B>) -> Response<B> {
    if earlier.status().is_success() { later } else { earlier }
}

/// A response without a body.
pub(super) fn bare<B: From<Bytes>>(status: StatusCode) -> Response<B> {
    let mut response = Response::new(B::from(Bytes::new()));
    *response.status_mut() = status;
    response
}

/// The response to a handshake. Its extensions hold the reply itself, which may contain a key that the provider has handed over.
pub(super) fn handshake<B: From<Bytes>>(reply: Reply) -> Response<B> {
    let mut response = Response::new(B::from(reply.body.clone()));
    *response.status_mut() = status(reply.status);
    for (name, value) in &reply.headers {
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(*name, value);
        }
    }
    response.extensions_mut().insert(reply);
    response
}

/// The status with this code; 500 if the code is not valid in HTTP.
pub(super) fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_body_the_status_alone_is_remembered() {
        let of = |length: usize| Response::builder().status(201).body(vec![b'x'; length]).unwrap().for_duplicates();
        assert_eq!(remembered(of(MAX_REMEMBERED_BYTES)).body.len(), MAX_REMEMBERED_BYTES);
        assert_eq!(remembered(of(MAX_REMEMBERED_BYTES + 1)), FirstResponse::status(201));
    }
}
