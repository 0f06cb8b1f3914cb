//! Extractors for axum.

use ::axum::extract::{FromRequestParts, OriginalUri};
use ::axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::request::Parts;
use http::{Extensions, StatusCode, Uri};
use serde::de::DeserializeOwned;

use super::json::JsonError;
use super::{Rejection, Verified, Webhook};

/// Why an extractor refuses. Stands in the extensions of the answer, which has no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExtractError {
    /// 500: the route is not behind [`Receiver::layer`](super::Receiver::layer), so nothing was verified.
    #[error("route: not behind Receiver::layer")]
    NotVerified,
    /// 422: the payload is not of the expected type.
    #[error(transparent)]
    Payload(#[from] JsonError),
}

/// The URI before `Router::nest` has cut the prefix off: axum keeps it at the first router that sees the request.
pub(super) fn original_uri(extensions: &Extensions) -> Option<&Uri> {
    extensions.get::<OriginalUri>().map(|original| &original.0)
}

impl IntoResponse for ExtractError {
    fn into_response(self) -> Response {
        let status = match self {
            Self::NotVerified => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Payload(_) => StatusCode::UNPROCESSABLE_ENTITY,
        };
        tracing::warn!(status = status.as_u16(), reason = %self, "webhook not extracted");
        let mut response = status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        self.to_response::<Bytes>().map(Into::into)
    }
}

impl<S: Sync> FromRequestParts<S> for Verified {
    type Rejection = ExtractError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ExtractError> {
        parts.extensions.get::<Self>().cloned().ok_or(ExtractError::NotVerified)
    }
}

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Webhook<T> {
    type Rejection = ExtractError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ExtractError> {
        let verified = Verified::from_request_parts(parts, state).await?;
        Ok(Self::read(verified)?)
    }
}
