//! How requests are signed and how signatures are checked. Signatures are data, and one engine serves all of them.
//!
//! A [`Signature`] names the algorithm, what is signed, and where the signature is. The engine keeps the rules that no data
//! can weaken:
//!
//! 1. The MAC is over the **raw bytes** of the body, before any decoding. Bodies need not be UTF-8.
//! 2. The **key** decides the algorithm, never the request (R-03, R-04).
//! 3. Presented signatures are decoded first and compared in constant time, all of them with all live keys, without
//!    early exit (R-01). There is one comparison in the crate.
//! 4. At most 16 signatures and 8 KiB of signature headers are read (R-06). A header that must occur once and occurs twice is
//!    rejected (R-07).
//! 5. A timestamp is digits without sign or leading zero (R-10), and is compared with the clock after the signature was
//!    checked (R-12).
//!
//! The signed time may differ by 300 s in either direction, bounds included. A signature does not protect against everything:
//!
//! - A signature without a time (GitHub, Shopify) stays valid forever. Only deduplication protects against a
//!   replay.
//! - Only the parts that the scheme signs are covered, and mostly not the method, the URL or other headers.
//! - [`STANDARD`] joins its fields by dots; see [`STANDARD_STRICT`] for senders whose bodies are not JSON objects.
//!
//! What a provider needs in addition to a signature (event ids, handshakes, settings) is in the module
//! [`provider`](crate::provider).
//!
//! ```
//! use http::{HeaderMap, Method, Uri};
//! use hookwire::clock::Timestamp;
//! use hookwire::secret::{Key, Keyring};
//! use hookwire::signature::{Received, STANDARD, Signing, Trust};
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
//! assert_eq!(STANDARD.verify(&received, &trust)?, Some(now));
//! assert!(STANDARD.verify(&Received { body: b"{ }", ..received }, &trust).is_err());
//! # Ok(())
//! # }
//! ```

mod algorithm;
mod candidates;
pub(crate) mod compare;
pub(crate) mod content;
mod encoding;
mod error;
pub(crate) mod form;
mod hash;
#[cfg(feature = "http-message")]
pub mod http_message;
pub(crate) mod json;
mod jws;
#[cfg_attr(
    not(feature = "public-key"),
    expect(dead_code, reason = "only providers with public keys read all of a token")
)]
pub(crate) mod jwt;
pub(crate) mod key_set;
mod lookup;
mod multipart;
mod outgoing;
mod part;
pub(crate) mod place;
mod received;
mod recipe;
mod sign;
pub(crate) mod stamp;
mod standard;
pub(crate) mod template;
pub(crate) mod token;
mod trust;
pub(crate) mod url;
mod variants;
mod verify;
mod well_known;

pub(crate) use self::algorithm::{Algorithm, KeyText};
pub(crate) use self::encoding::Encoding;
pub use self::error::{SignError, VerifyError};
pub(crate) use self::hash::Hash;
pub(crate) use self::jwt::{Claim, Jwt, JwtAlgorithm};
pub use self::outgoing::{Outgoing, SignRequest};
pub(crate) use self::part::Part;
pub(crate) use self::place::Place;
pub use self::received::Received;
pub use self::recipe::Signature;
pub(crate) use self::recipe::{Grammar, SignatureAt};
pub use self::sign::Signing;
pub(crate) use self::stamp::{Stamp, Unit};
pub use self::standard::{STANDARD, STANDARD_STRICT, SVIX};
pub(crate) use self::token::Token;
pub use self::trust::{Settings, Tolerance, Trust};
pub use self::well_known::{GITHUB, STRIPE};
