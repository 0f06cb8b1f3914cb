//! HTTP Message Signatures (RFC 9421) and `Content-Digest` (RFC 9530).
//!
//! RFC 9421 is a toolbox. A receiver that accepts everything that can be built with it also accepts signatures that leave important
//! parts out (section 7.2.1). So a [`Profile`] determines what must be covered, how long a signature is valid, and which tag it
//! has. [`WEBHOOK`] is a profile for webhooks:
//!
//! | | value |
//! |---|---|
//! | covered | `@method @target-uri @authority content-type content-digest`, and `webhook-id` if it is sent |
//! | parameters | `created`, `expires` (at most 300 s later), `nonce`, `keyid`, `alg`, `tag="webhook"` |
//! | algorithms | `hmac-sha256`, `ed25519`, `ecdsa-p256-sha256` (verifying only, feature `public-key`); the **key** decides, and `alg` must agree |
//! | clock | may differ by one minute in either direction |
//! | body | must match `Content-Digest`: every SHA-256 or SHA-512 digest that is present |
//!
//! The receiver needs its own origin in the setting `url`, because the origin is signed. `Host` cannot replace the setting: the
//! sender of a replayed request chooses what it contains. At most 16 signatures, 8 KiB of their headers and 64 components are read.
//!
//! A repeated request is recognised by `webhook-id` if it is covered, and otherwise by the nonce.
//!
//! ```
//! use http::{HeaderMap, HeaderValue, Method, Uri};
//! use hookwire::clock::Timestamp;
//! use hookwire::secret::{Key, Keyring};
//! use hookwire::signature::http_message::WEBHOOK;
//! use hookwire::signature::{Outgoing, Received, Settings, Trust};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let pair = Key::generate_ed25519()?;
//! let now = Timestamp::from_secs(1_700_000_000);
//! let mut headers = HeaderMap::new();
//! headers.insert("content-type", HeaderValue::from_static("application/json"));
//! let (method, uri) = (Method::POST, Uri::from_static("https://example.com/hooks?a=1"));
//! let outgoing = Outgoing { method: &method, uri: &uri, id: "evt_1", timestamp: now, body: b"{}" };
//! WEBHOOK.sign(&outgoing, &Keyring::new(pair.clone()), &mut headers)?;
//!
//! // A server sees the path and query alone.
//! let (keys, uri) = (Keyring::new(pair.public().ok_or("a pair")?), Uri::from_static("/hooks?a=1"));
//! let settings = Settings::default().with("url", "https://example.com");
//! let received = Received { method: &method, uri: &uri, headers: &headers, body: b"{}" };
//! assert!(WEBHOOK.verify(&received, &Trust { settings: &settings, ..Trust::new(&keys, now) }).is_ok());
//! # Ok(())
//! # }
//! ```

mod base;
mod base_error;
mod digest;
mod message;
mod parts;
mod profile;
mod sign;
mod verify;

// What is hidden from the docs is for the crate's own tests and fuzz targets, which are not part of the library.
#[doc(hidden)]
pub use sfv::InnerList;

#[doc(hidden)]
pub use self::base::signature_base;
#[doc(hidden)]
pub use self::base_error::BaseError;
pub use self::digest::{CONTENT_DIGEST, check_content_digest, content_digest};
#[doc(hidden)]
pub use self::message::Message;
pub use self::profile::{Profile, WEBHOOK};
#[doc(hidden)]
pub use self::verify::{Algorithm, Candidate, candidates};
