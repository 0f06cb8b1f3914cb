//! How a request is signed and verified: schemes as data, one engine for all of them.
//!
//! A [`Scheme`] says where the signature stands, what is signed, and how both are written. The engine keeps the rules
//! that no data can weaken:
//!
//! 1. The MAC is over the **raw bytes** of the body, before any decoding. Bodies need not be UTF-8.
//! 2. The **key** decides the algorithm, never the request (R-03, R-04).
//! 3. Presented signatures are decoded first and compared in constant time, all of them with all live keys, without
//!    early exit (R-01). There is one comparison in the crate.
//! 4. At most 16 signatures and 8 KiB of signature header are looked at (R-06); a header that must be single and is not,
//!    is refused (R-07).
//! 5. A timestamp is digits without sign or leading zero (R-10), and is judged after the signature (R-12).
//!
//! Defaults: 300 s of tolerance to either side, bounds included. What no signature gives:
//!
//! - A scheme without a time ([`Stamp::None`]: GitHub, Shopify) verifies a captured request for ever. Only dedup stands
//!   against that, and by more than the id where [`EventRef::id_authenticated`] is false.
//! - Nothing but [`Scheme::signed`] is covered: not the method, not the URL, not other headers.
//! - [`STANDARD`] joins its fields by dots; see [`STANDARD_STRICT`] for senders whose bodies are not JSON objects.
//!
//! ```
//! use http::{HeaderMap, Method, Uri};
//! use hookwire::clock::Timestamp;
//! use hookwire::secret::{Key, Keyring};
//! use hookwire::signature::{At, Received, STANDARD, Signing, Tolerance, Verify};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let keys = Keyring::new(Key::generate()?);
//! let now = Timestamp::from_secs(1_700_000_000);
//!
//! let mut headers = HeaderMap::new();
//! STANDARD.sign(&Signing { id: "evt_1", timestamp: now, body: b"{}" }, &keys, &mut headers)?;
//!
//! let (method, uri) = (Method::POST, Uri::from_static("/hooks"));
//! let received = Received { method: &method, uri: &uri, headers: &headers, body: b"{}" };
//! let at = At { now, tolerance: Tolerance::default() };
//! assert!(STANDARD.verify(&received, &keys, &at).is_ok());
//! assert!(STANDARD.verify(&Received { body: b"{ }", ..received }, &keys, &at).is_err());
//! # Ok(())
//! # }
//! ```

mod candidates;
mod compare;
mod encoding;
mod error;
mod identify;
pub mod providers;
mod scheme;
mod sign;
mod standard;
mod template;
mod verify;

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

pub use self::error::{SignError, VerifyError};
pub use self::scheme::{Encoding, Grammar, Handshake, Hash, KeyText, Part, Place, Scheme, Stamp};
pub use self::sign::Signing;
pub use self::standard::{STANDARD, STANDARD_STRICT};
use crate::clock::Timestamp;
use crate::secret::Keyring;

/// A request as received, nothing believed yet.
#[derive(Clone, Copy)]
pub struct Received<'a> {
    /// Its method.
    pub method: &'a http::Method,
    /// Its request target.
    pub uri: &'a http::Uri,
    /// Its headers.
    pub headers: &'a http::HeaderMap,
    /// Its body, byte for byte.
    pub body: &'a [u8],
}

/// Method and size only: headers and body may be secret.
impl fmt::Debug for Received<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Received({}, {} headers, {} bytes)", self.method, self.headers.len(), self.body.len())
    }
}

/// When a request is judged, and how far its time may be off.
#[derive(Clone, Copy, Debug)]
pub struct At {
    /// The time of receipt.
    pub now: Timestamp,
    /// How far the signed time may be from it.
    pub tolerance: Tolerance,
}

/// How far a signed time may be from the time of receipt, to either side, bounds included. Default: 300 s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tolerance(Option<Duration>);

impl Tolerance {
    /// Within this span; `None` for zero, which no request would meet.
    #[must_use]
    pub const fn within(span: Duration) -> Option<Self> {
        if span.is_zero() { None } else { Some(Self(Some(span))) }
    }

    /// Any time at all. Dangerous: a captured request can be replayed for as long as its dedup record has been forgotten.
    #[must_use]
    pub const fn dangerous_any() -> Self {
        Self(None)
    }

    fn check(self, signed_at: Timestamp, now: Timestamp) -> Result<(), VerifyError> {
        let skew = signed_at.as_secs().saturating_sub(now.as_secs());
        match self.0 {
            Some(span) if skew.unsigned_abs() > span.as_secs() => Err(VerifyError::OutOfTolerance { skew }),
            _ => Ok(()),
        }
    }
}

impl Default for Tolerance {
    fn default() -> Self {
        Self(Some(Duration::from_secs(300)))
    }
}

/// What a good signature proves.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Checked {
    /// An event.
    Event {
        /// When the sender signed it, where the scheme says.
        signed_at: Option<Timestamp>,
    },
    /// Not an event: the sender asks whether anybody is there, and wants this answer.
    Handshake(Reply),
}

/// The answer to a handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Status code.
    pub status: u16,
    /// Media type of the body.
    pub content_type: &'static str,
    /// The body.
    pub body: Bytes,
}

/// What a verified request says of its event. The texts are at most 256 bytes and free of control characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventRef {
    /// The event's id, the same on every attempt, where the sender gives one.
    pub id: Option<String>,
    /// What kind of event it is, where the sender says.
    pub event_type: Option<String>,
    /// Whether the signature covers the id. Where it does not, a captured request can be sent again under another id,
    /// so dedup looks at the body too (R-33).
    pub id_authenticated: bool,
}

/// Checks requests. [`Scheme`] does it by data; implement it for what data cannot say.
///
/// 1. `verify` MUST answer `Ok` only for a request that the holder of one of `keys` made, and MUST check before it
///    does anything else with the body.
/// 2. `verify` MUST NOT let the request choose the algorithm or the key.
/// 3. Neither may panic, whatever the request holds.
pub trait Verify: fmt::Debug + Send + Sync + 'static {
    /// Checks a request.
    ///
    /// # Errors
    /// Says which check failed. That is for the operator; the sender is told nothing but 401.
    fn verify(&self, received: &Received<'_>, keys: &Keyring, at: &At) -> Result<Checked, VerifyError>;

    /// Reads id and type of the event, after the request was checked.
    ///
    /// # Errors
    /// When they are ambiguous or not fit to be kept.
    fn identify(&self, received: &Received<'_>) -> Result<EventRef, VerifyError>;
}

/// A scheme that lives as long as the program, such as the constants of this module.
impl<V: Verify + ?Sized> Verify for &'static V {
    fn verify(&self, received: &Received<'_>, keys: &Keyring, at: &At) -> Result<Checked, VerifyError> {
        (**self).verify(received, keys, at)
    }

    fn identify(&self, received: &Received<'_>) -> Result<EventRef, VerifyError> {
        (**self).identify(received)
    }
}
