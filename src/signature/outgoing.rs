//! Signing a request that is on its way out, by whatever scheme.

use std::fmt;

use http::{HeaderMap, Method, Uri};

use super::{Scheme, SignError, Signing};
use crate::clock::Timestamp;
use crate::secret::Keyring;

/// A request on its way out.
#[derive(Clone, Copy)]
pub struct Outgoing<'a> {
    /// Its method.
    pub method: &'a Method,
    /// Its whole URI, with scheme and authority.
    pub uri: &'a Uri,
    /// The event's id, the same on every attempt.
    pub id: &'a str,
    /// The time of this attempt.
    pub timestamp: Timestamp,
    /// Its body, byte for byte.
    pub body: &'a [u8],
}

/// The id and the size only.
impl fmt::Debug for Outgoing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outgoing({} {}, {} bytes)", self.method, self.id, self.body.len())
    }
}

/// Adds what proves to the receiver who sent a request. Every [`Scheme`] with a signature header does, and so may yours.
///
/// 1. It MUST add headers only, and leave those that are there.
/// 2. On an error it MUST add nothing.
///
/// A sender's headers are there already: those of the endpoint's owner, and the event's type and the attempt's number where the
/// application has named headers for them.
pub trait SignRequest: fmt::Debug + Send + Sync + 'static {
    /// Signs with the live keys of the ring.
    ///
    /// # Errors
    /// When no live key can sign, or the request cannot be signed so.
    fn sign_request(&self, request: &Outgoing<'_>, keys: &Keyring, headers: &mut HeaderMap) -> Result<(), SignError>;
}

impl<S: SignRequest> SignRequest for &'static S {
    fn sign_request(&self, request: &Outgoing<'_>, keys: &Keyring, headers: &mut HeaderMap) -> Result<(), SignError> {
        (**self).sign_request(request, keys, headers)
    }
}

impl SignRequest for Scheme {
    fn sign_request(&self, request: &Outgoing<'_>, keys: &Keyring, headers: &mut HeaderMap) -> Result<(), SignError> {
        self.sign(&Signing { id: request.id, timestamp: request.timestamp, body: request.body }, keys, headers)
    }
}
