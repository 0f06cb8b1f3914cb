//! Keys and keyrings. A [`Key`] has one algorithm, which its constructor decides. So a `whpk_` public key can never be used as the bytes of
//! a MAC, and nothing in a request can choose the algorithm. A key is not printed, cannot be compared, and is wiped from memory when it is
//! dropped.
//!
//! | text | algorithm | content |
//! |---|---|---|
//! | `whsec_…` | HMAC (`v1`) | base64 of 24 to 64 bytes |
//! | `whsk_…` | Ed25519, signing (`v1a`) | base64 of seed and public key, 64 bytes |
//! | `whpk_…` | Ed25519, verifying (`v1a`) | base64 of 32 bytes |
//!
//! Source: Standard Webhooks 1.0.0, "Signature scheme".
//!
//! ```
//! use std::time::Duration;
//! use hookwire::clock::Timestamp;
//! use hookwire::secret::{Key, Keyring};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut keys = Keyring::new(Key::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?);
//! let now = Timestamp::from_secs(1_700_000_000);
//! keys.rotate(Key::generate()?, now, Duration::from_secs(24 * 60 * 60))?;
//! assert_eq!(keys.live(now).count(), 2); // both keys sign for a day
//! assert_eq!(keys.live(now + Duration::from_secs(25 * 60 * 60)).count(), 1);
//! # Ok(())
//! # }
//! ```

#[cfg(feature = "public-key")]
mod certificate;
#[cfg(feature = "public-key")]
mod der;
#[cfg(feature = "ed25519")]
#[path = "ed25519_dalek.rs"]
mod ed25519;
#[cfg(not(feature = "ed25519"))]
#[path = "ed25519_none.rs"]
mod ed25519;
mod error;
mod fingerprint;
#[cfg(feature = "system")]
mod generate;
mod hmac_key;
mod key;
mod keyring;
#[cfg(feature = "encryption")]
mod local_keys;
#[cfg(feature = "public-key")]
#[path = "p256_ring.rs"]
mod p256;
#[cfg(not(feature = "public-key"))]
#[path = "p256_none.rs"]
mod p256;
mod parse;
#[cfg(feature = "system")]
mod process_id;
mod public;
#[cfg(feature = "public-key")]
#[path = "rsa_ring.rs"]
mod rsa;
#[cfg(not(feature = "public-key"))]
#[path = "rsa_none.rs"]
mod rsa;
mod rsa_form;
mod seal;
mod text;

#[cfg(feature = "public-key")]
pub(crate) use self::certificate::Certificate;
pub(crate) use self::ed25519::{Ed25519Pair, Ed25519Public};
pub use self::error::{KeyError, MAX_KEYS, SYMMETRIC_BYTES};
pub(crate) use self::hmac_key::{HmacKey, Mac, Tag};
pub use self::key::Key;
pub(crate) use self::key::Kind;
pub use self::keyring::{Keyring, KeyringEntry};
#[cfg(feature = "encryption")]
pub use self::local_keys::LocalKeys;
pub(crate) use self::public::Jwk;
#[cfg(feature = "public-key")]
pub(crate) use self::rsa::RsaKey;
pub(crate) use self::rsa_form::RsaForm;
pub use self::seal::{KeyProvider, SealError};
pub(crate) use self::text::{Foreign, refuse_foreign, trimmed};
