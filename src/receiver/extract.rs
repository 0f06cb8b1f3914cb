//! Extractors for axum.

use ::axum::extract::FromRequestParts;
use ::axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::request::Parts;
use serde::de::DeserializeOwned;

use super::reject::{Rejection, RejectionKind};
use super::verified::Verified;
use super::webhook::Webhook;

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        self.to_response::<Bytes>().map(Into::into)
    }
}

/// Fails with [`RejectionKind::NotVerified`] if the route is not behind the layer of a receiver.
impl<S: Sync> FromRequestParts<S> for Verified {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| not_extracted(RejectionKind::NotVerified))
    }
}

/// Fails with [`RejectionKind::NotVerified`] if the route is not behind the layer of a receiver, and with
/// [`RejectionKind::Payload`] if the payload is not a `T`.
impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Webhook<T> {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        let verified = Verified::from_request_parts(parts, state).await?;
        Self::read(verified).map_err(|error| not_extracted(RejectionKind::Payload(error)))
    }
}

fn not_extracted(kind: RejectionKind) -> Rejection {
    let rejection = Rejection::new(kind);
    tracing::warn!(status = rejection.status().as_u16(), reason = %kind, "webhook not extracted");
    rejection
}
