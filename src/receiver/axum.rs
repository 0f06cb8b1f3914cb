//! Extractors for axum.

use std::fmt;

use axum_core::extract::FromRequestParts;
use axum_core::response::{IntoResponse, Response};
use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use serde::de::DeserializeOwned;

use super::json::JsonError;
use super::{Rejection, Verified};

/// A verified event with its payload as `T`, for a handler behind [`Receiver::layer`](super::Receiver::layer).
///
/// The payload is read from the bytes that were verified, never from the request (R-16). A payload that is no `T` is
/// answered 422 and stays fresh; a route without the layer is answered 500.
///
/// ```
/// use axum::{Router, routing::post};
/// use hookwire::receiver::{Receiver, Source, Webhook};
/// use hookwire::store::MemoryDedup;
/// use http::StatusCode;
///
/// #[derive(serde::Deserialize)]
/// struct Invoice { number: u64 }
///
/// async fn handler(event: Webhook<Invoice>) -> StatusCode {
///     println!("{:?}: invoice {}", event.verified().event_id(), event.payload.number);
///     StatusCode::NO_CONTENT
/// }
///
/// let source = Source::standard("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?;
/// let receiver = Receiver::builder(MemoryDedup::new()).source(source).build()?;
/// let app: Router = Router::new().route("/hooks", post(handler)).layer(receiver.layer("standard")?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct Webhook<T> {
    /// The payload.
    pub payload: T,
    verified: Verified,
}

impl<T> Webhook<T> {
    /// The event: its id, type, tenant, time and bytes.
    pub const fn verified(&self) -> &Verified {
        &self.verified
    }

    /// The payload and the event.
    pub fn into_parts(self) -> (T, Verified) {
        (self.payload, self.verified)
    }
}

/// Prints no payload.
impl<T> fmt::Debug for Webhook<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").field("verified", &self.verified).finish_non_exhaustive()
    }
}

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
        Ok(Self { payload: verified.json()?, verified })
    }
}
