//! A verified event and its payload.

use std::fmt;

use serde::de::DeserializeOwned;

use super::json::JsonError;
use super::verified::Verified;

/// A verified event with its payload as `T`: the argument of a handler of an [`EventRouter`](super::EventRouter), and with the feature
/// `axum` of a handler behind [`Receiver::gate`](super::Receiver::gate).
///
/// The payload is read from the verified bytes, never from the request (R-16). The response to a payload that is not a `T` is 422, and
/// the event stays new. The response of a route without the layer is 500.
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
/// let app: Router = Router::new().route("/hooks", post(handler)).layer(receiver.gate("standard")?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct Webhook<T> {
    /// The payload.
    pub payload: T,
    verified: Verified,
}

impl<T: DeserializeOwned> Webhook<T> {
    /// Reads the payload of a verified event.
    ///
    /// # Errors
    /// Returns [`JsonError`] if the payload is not JSON, or not a `T`.
    pub fn read(verified: Verified) -> Result<Self, JsonError> {
        Ok(Self { payload: verified.json()?, verified })
    }
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
