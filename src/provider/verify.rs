//! The result of a request that passes the check, and the trait for checks that data cannot describe.

use std::fmt;

use super::challenge::Challenge;
use super::events::Events;
use super::fetch_request::FetchRequest;
use super::handshake::Reply;
use crate::clock::Timestamp;
use crate::signature::{Received, Trust, VerifyError};

/// What a valid signature proves.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Checked {
    /// An event.
    Event {
        /// When the sender signed the event, if the scheme contains this time.
        signed_at: Option<Timestamp>,
    },
    /// The request is not an event: the sender tests whether the receiver responds, and expects this reply.
    Handshake(Reply),
    /// The request is not an event: the sender sends a challenge that only the application can answer.
    Challenge(Challenge),
}

/// Checks requests by code, for what the data of a [`Scheme`](super::Scheme) cannot describe. Everything else that a receiver must
/// know (settings, retries, methods) stays data of the scheme.
///
/// 1. `verify` MUST return `Ok` only for a request that the holder of one of the keys made, and MUST check before it does
///    anything else with the body.
/// 2. `verify` MUST NOT let the request choose the algorithm or the key.
/// 3. No method may panic, whatever the request contains.
///
/// ```
/// use hookwire::provider::{Checked, EventRef, Events, Scheme, Verify};
/// use hookwire::receiver::Source;
/// use hookwire::signature::{Received, Trust, VerifyError};
///
/// /// Requests of a gateway that has verified them, and reaches this process through a private socket.
/// #[derive(Debug)]
/// struct Gateway;
///
/// impl Verify for Gateway {
///     fn verify(&self, received: &Received<'_>, _: &Trust<'_>) -> Result<Checked, VerifyError> {
///         let verified = received.headers.get("x-verified").is_some_and(|value| value == "yes");
///         if verified { Ok(Checked::Event { signed_at: None }) } else { Err(VerifyError::BadToken) }
///     }
///
///     fn events(&self, received: &Received<'_>, _: &Trust<'_>) -> Result<Events, VerifyError> {
///         let id = received.headers.get("x-event-id").and_then(|value| value.to_str().ok()).map(str::to_owned);
///         Ok(Events::One(EventRef { id, ..EventRef::default() }))
///     }
/// }
///
/// static GATEWAY: Scheme = Scheme::new("gateway", "https://gateway.example/docs").code(&Gateway).no_key();
/// assert_eq!(Source::keyless("gateway", &GATEWAY).name(), "gateway");
/// ```
pub trait Verify: fmt::Debug + Send + Sync + 'static {
    /// Checks a request.
    ///
    /// # Errors
    /// Returns which check failed. Only the operator sees it; the sender gets 401 without a body.
    fn verify(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Checked, VerifyError>;

    /// Reads id and type of the events of a request that was checked.
    ///
    /// # Errors
    /// Returns [`VerifyError::Malformed`] if they are ambiguous or cannot be stored.
    fn events(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Events, VerifyError>;

    /// Returns the document that must be fetched to check this request, such as keys or a certificate. The receiver calls this
    /// again, at most three times, until it returns `None`. The default needs no document.
    ///
    /// # Errors
    /// Returns why the request is rejected before anything is fetched, such as [`VerifyError::UntrustedUrl`].
    fn fetch_request(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Option<FetchRequest>, VerifyError> {
        let _ = (received, trust);
        Ok(None)
    }
}
