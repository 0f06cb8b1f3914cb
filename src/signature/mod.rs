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
//! - A scheme without a time ([`Stamp::NONE`]: GitHub, Shopify) verifies a captured request for ever. Only dedup stands
//!   against that, and by more than the id where [`EventRef::id_authenticated`] is false.
//! - Nothing but [`Signature::signed`] is covered: not the method, not the URL, not other headers.
//! - [`STANDARD`] joins its fields by dots; see [`STANDARD_STRICT`] for senders whose bodies are not JSON objects.
//!
//! ```
//! use http::{HeaderMap, Method, Uri};
//! use hookwire::clock::Timestamp;
//! use hookwire::secret::{Key, Keyring};
//! use hookwire::signature::{Received, STANDARD, Signing, Trust, Verify};
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
//! let trust = Trust::new(&keys, now);
//! assert!(STANDARD.verify(&received, &trust).is_ok());
//! assert!(STANDARD.verify(&Received { body: b"{ }", ..received }, &trust).is_err());
//! # Ok(())
//! # }
//! ```

mod about;
mod candidates;
mod check;
pub mod cloud_event;
mod compare;
mod config;
pub(crate) mod content;
mod covers;
mod encoding;
mod error;
mod events;
mod form;
mod handshake;
mod hash;
#[cfg(feature = "http-message")]
pub mod http_message;
mod json;
#[cfg_attr(
    not(feature = "public-key"),
    expect(dead_code, unused_imports, reason = "providers with public keys read more")
)]
mod jwt;
mod lookup;
#[cfg(feature = "multipart")]
mod multipart;
#[cfg(not(feature = "multipart"))]
#[path = "multipart_none.rs"]
mod multipart;
mod outgoing;
mod part;
mod place;
pub mod providers;
#[cfg(feature = "public-key")]
mod public_key;
mod question;
mod recipe;
mod retries;
mod scheme;
mod sign;
mod stamp;
mod standard;
mod template;
mod trust;
pub(crate) mod url;
mod verify;

use std::fmt;

use bytes::Bytes;

pub use self::about::About;
#[cfg(feature = "sender")]
pub(crate) use self::compare::same;
pub use self::config::{
    AnswerConfig, BatchConfig, ClaimConfig, HandshakeConfig, JwtConfig, MatchConfig, SchemeConfig, SchemeError,
    SettingConfig, SignatureConfig, TimeConfig, WhenConfig,
};
pub use self::encoding::Encoding;
pub use self::error::{SignError, VerifyError};
pub use self::events::{Batch, EventRef, Events, Identified, Identity, Item, ItemBytes, MAX_EVENTS};
pub use self::handshake::{Handshake, Piece, Reply, When};
pub use self::hash::Hash;
pub use self::jwt::{Claim, Jwt, JwtAlgorithm};
pub use self::outgoing::{Outgoing, SignRequest};
pub use self::part::Part;
pub use self::place::Place;
pub use self::question::Question;
pub use self::recipe::{Algorithm, Grammar, KeyText, Signature, SignatureAt};
pub use self::retries::{Fact, Retries};
pub use self::scheme::{Conduct, Fixed, Proof, Scheme, Token};
pub use self::sign::Signing;
pub use self::stamp::{Stamp, Unit};
pub use self::standard::{STANDARD, STANDARD_STRICT};
pub use self::trust::{Documents, Setting, SettingKind, Settings, Tolerance, Trust};
use crate::clock::Timestamp;
use crate::secret::{Key, KeyError};

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
    /// Not an event: the sender asks what only the application can answer.
    Question(Question),
}

/// A document that a scheme needs before it can check a request: a certificate, a key set. The URL was checked against
/// the scheme's own pattern; it is fetched through the egress guard only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// Under which name it is kept: mostly its URL.
    pub name: String,
    /// Where it stands.
    pub url: String,
    /// JSON that is posted there; without it, the document is fetched by GET.
    pub post: Option<Bytes>,
    /// Whether what was fetched before is too old: the request names a key that the document at hand did not have.
    pub fresh: bool,
    /// Whether nothing else is needed once it is at hand: then the scheme is not asked again, and does not read the body again to
    /// answer.
    pub last: bool,
}

/// Whether a scheme checks by a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyUse {
    /// Nothing can be checked without.
    Required,
    /// Something can be checked, or answered, without.
    Optional,
    /// The keys are fetched, or nothing is proved: there is no secret.
    None,
}

impl Need {
    /// What stands at a URL, as fetched before if it was.
    #[must_use]
    pub fn at(url: impl Into<String>) -> Self {
        let url = url.into();
        Self { name: url.clone(), url, post: None, fresh: false, last: false }
    }

    /// The same, fetched anew unless that was just done.
    #[must_use]
    pub fn anew(self) -> Self {
        Self { fresh: true, ..self }
    }

    /// The same, and nothing else.
    #[must_use]
    pub fn alone(self) -> Self {
        Self { last: true, ..self }
    }
}

/// Checks requests. [`Scheme`] does it by data; implement it for what data cannot say.
///
/// 1. `verify` MUST answer `Ok` only for a request that the holder of one of the keys made, and MUST check before it
///    does anything else with the body.
/// 2. `verify` MUST NOT let the request choose the algorithm or the key.
/// 3. None of these may panic, whatever the request holds.
pub trait Verify: fmt::Debug + Send + Sync + 'static {
    /// Checks a request.
    ///
    /// # Errors
    /// Says which check failed. That is for the operator; the sender is told nothing but 401.
    fn verify(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Checked, VerifyError>;

    /// Reads id and type of the events, after the request was checked.
    ///
    /// # Errors
    /// When they are ambiguous or not fit to be kept.
    fn events(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Events, VerifyError>;

    /// Which document must be at hand to check this request; asked again until it wants nothing more, three times at
    /// most. Nothing by default.
    ///
    /// # Errors
    /// When the request wants something from where the scheme does not allow it.
    fn needs(&self, _received: &Received<'_>, _trust: &Trust<'_>) -> Result<Option<Need>, VerifyError> {
        Ok(None)
    }

    /// Reads a secret as this provider shows it. By default the text itself is the key.
    ///
    /// # Errors
    /// When it is malformed, empty or a placeholder.
    fn read_key(&self, secret: &str) -> Result<Key, KeyError> {
        Key::text(secret)
    }

    /// Whether it checks by a secret. Required by default.
    fn key_use(&self) -> KeyUse {
        KeyUse::Required
    }

    /// What it wants to know beside a key. Nothing by default.
    fn settings(&self) -> &[Setting] {
        &[]
    }

    /// The methods, beside POST, that it is asked by. None by default.
    fn methods(&self) -> Vec<&'static str> {
        Vec::new()
    }

    /// The methods, beside POST and PUT, by which events come. None by default.
    fn event_methods(&self) -> &'static [&'static str] {
        &[]
    }

    /// Whether this header (lower case) stays with a verified event. None by default.
    fn keeps(&self, _header: &str) -> bool {
        false
    }

    /// The longest body that the provider says it sends, in bytes. Nothing by default: then the receiver's own limit counts.
    fn max_body(&self) -> Option<usize> {
        None
    }

    /// What its answers look like, where the provider insists.
    fn conduct(&self) -> Conduct {
        Conduct::default()
    }

    /// How the provider repeats a request that was not acknowledged. Unknown by default.
    fn retries(&self) -> Retries {
        Retries::UNKNOWN
    }

    /// What it does, in a few words, for the table of the guide. Nothing by default.
    fn about(&self) -> About {
        About::default()
    }

    /// Whether it makes sense at all; asked when a receiver is built. It does by default.
    ///
    /// # Errors
    /// Names what is wrong.
    fn check(&self) -> Result<(), SchemeError> {
        Ok(())
    }

    /// Whether the whole body is covered by what is checked: then what it says of itself is authentic. False by default.
    fn covers_body(&self) -> bool {
        false
    }

    /// Whether a request that passes is proved to be the provider's. Where it is not, a source must be told to accept it
    /// all the same. True by default.
    fn proves_origin(&self) -> bool {
        true
    }
}

/// A scheme that lives as long as the program, such as the constants of this module.
impl<V: Verify + ?Sized> Verify for &'static V {
    fn verify(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Checked, VerifyError> {
        (**self).verify(received, trust)
    }

    fn events(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Events, VerifyError> {
        (**self).events(received, trust)
    }

    fn needs(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Option<Need>, VerifyError> {
        (**self).needs(received, trust)
    }

    fn read_key(&self, secret: &str) -> Result<Key, KeyError> {
        (**self).read_key(secret)
    }

    fn key_use(&self) -> KeyUse {
        (**self).key_use()
    }

    fn settings(&self) -> &[Setting] {
        (**self).settings()
    }

    fn methods(&self) -> Vec<&'static str> {
        (**self).methods()
    }

    fn event_methods(&self) -> &'static [&'static str] {
        (**self).event_methods()
    }

    fn keeps(&self, header: &str) -> bool {
        (**self).keeps(header)
    }

    fn max_body(&self) -> Option<usize> {
        (**self).max_body()
    }

    fn conduct(&self) -> Conduct {
        (**self).conduct()
    }

    fn retries(&self) -> Retries {
        (**self).retries()
    }

    fn about(&self) -> About {
        (**self).about()
    }

    fn check(&self) -> Result<(), SchemeError> {
        (**self).check()
    }

    fn covers_body(&self) -> bool {
        (**self).covers_body()
    }

    fn proves_origin(&self) -> bool {
        (**self).proves_origin()
    }
}
