//! Signing an outgoing request.

use std::fmt;

use http::{HeaderMap, Method, Uri};

use super::error::SignError;
use super::recipe::Signature;
use super::sign::Signing;
use crate::clock::Timestamp;
use crate::secret::Keyring;

/// An outgoing request.
#[derive(Clone, Copy)]
#[expect(
    clippy::exhaustive_structs,
    reason = "complete: all that a signature can cover; the application builds it as a literal"
)]
pub struct Outgoing<'a> {
    /// The method.
    pub method: &'a Method,
    /// The complete URI, with scheme and authority.
    pub uri: &'a Uri,
    /// The event's id, the same on every attempt.
    pub id: &'a str,
    /// The time of this attempt.
    pub timestamp: Timestamp,
    /// The body, byte for byte.
    pub body: &'a [u8],
}

/// Prints the id and the size only.
impl fmt::Debug for Outgoing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outgoing({} {}, {} bytes)", self.method, self.id, self.body.len())
    }
}

/// Signs outgoing requests. Every [`Signature`] in a header implements it, and a type of yours can implement it, too.
///
/// 1. It MUST only add headers, and MUST NOT change existing ones.
/// 2. If it fails, it MUST add nothing.
///
/// The sender's own headers exist before it is called: the headers of the endpoint's owner, and the event type and attempt number if the
/// application has named headers for them.
pub trait SignRequest: fmt::Debug + Send + Sync + 'static {
    /// Signs with the live keys of the keyring.
    ///
    /// # Errors
    /// Returns an error if no live key can sign, or if the request cannot be signed in this way.
    fn sign_request(&self, request: &Outgoing<'_>, keys: &Keyring, headers: &mut HeaderMap) -> Result<(), SignError>;
}

impl<S: SignRequest> SignRequest for &'static S {
    fn sign_request(&self, request: &Outgoing<'_>, keys: &Keyring, headers: &mut HeaderMap) -> Result<(), SignError> {
        (**self).sign_request(request, keys, headers)
    }
}

impl SignRequest for Signature {
    fn sign_request(&self, request: &Outgoing<'_>, keys: &Keyring, headers: &mut HeaderMap) -> Result<(), SignError> {
        self.sign(&Signing { id: request.id, timestamp: request.timestamp, body: request.body }, keys, headers)
    }
}
