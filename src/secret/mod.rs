//! Keys, and rings of them.
//!
//! A [`Key`] is bound to one algorithm when it is made: a `whpk_` public key can never serve as the bytes of a MAC, and
//! nothing in a request can choose. Keys print nothing, compare with nothing and are wiped when they are dropped.
//!
//! | text | algorithm | made of |
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
//! let mut ring = Keyring::new(Key::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?);
//! let now = Timestamp::from_secs(1_700_000_000);
//! ring.rotate(Key::generate()?, now, Duration::from_secs(24 * 60 * 60))?;
//! assert_eq!(ring.live(now).count(), 2); // both sign, for a day
//! assert_eq!(ring.live(now + Duration::from_secs(25 * 60 * 60)).count(), 1);
//! # Ok(())
//! # }
//! ```

mod hmac_key;
#[cfg(feature = "encryption")]
mod local_keys;
#[cfg(feature = "public-key")]
#[path = "p256_ring.rs"]
mod p256;
#[cfg(not(feature = "public-key"))]
#[path = "p256_none.rs"]
mod p256;
mod public;
mod ring;
#[cfg(feature = "public-key")]
#[path = "rsa_ring.rs"]
mod rsa;
#[cfg(not(feature = "public-key"))]
#[path = "rsa_none.rs"]
mod rsa;
mod seal;
mod text;

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, OnceLock};

use base64::Engine as _;
use ed25519_dalek::{SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

pub(crate) use self::hmac_key::{HmacKey, Mac, Tag};
#[cfg(feature = "encryption")]
pub use self::local_keys::LocalKeys;
pub(crate) use self::p256::P256Key;
pub(crate) use self::public::{Jwk, RsaForm};
pub use self::ring::{Entry, Keyring, MAX_KEYS};
pub(crate) use self::rsa::RsaKey;
pub use self::seal::{KeyProvider, SealError};
pub(crate) use self::text::{Foreign, refuse_foreign, trimmed};
use self::text::{clean, decode_base64, decode_hex, pem_body};
use crate::entropy::{self, NoEntropy};

/// Fewest and most bytes of a `whsec_` key.
pub const SYMMETRIC_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// Longest secret text accepted, in bytes.
const MAX_TEXT_BYTES: usize = 512;

/// Fewest bytes of a secret that is a text. The shortest that providers document have four.
const MIN_TEXT_BYTES: usize = 4;

/// A key: bound to one algorithm, printed never, wiped on drop.
#[derive(Clone)]
pub struct Key(Arc<Kind>);

pub(crate) enum Kind {
    Hmac(HmacKey),
    Signing(SigningKey),
    Verifying(VerifyingKey),
    P256(P256Key),
    Rsa(RsaKey),
}

/// Why a text is no key. It never repeats the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Nothing, or nothing but white space: a missing setting must not become a valid secret.
    #[error("secret: is empty")]
    Empty,
    /// Longer than any secret.
    #[error("secret: is longer than {MAX_TEXT_BYTES} bytes: give the secret alone")]
    TooLong,
    /// Shorter than any secret.
    #[error("secret: is shorter than {MIN_TEXT_BYTES} bytes: copy it whole")]
    TooShort,
    /// In quotes, as an environment file may keep them.
    #[error("secret: stands in quotes: remove them")]
    Quoted,
    /// A credential of another kind. The text says which, and what is wanted instead.
    #[error("secret: is {0}")]
    Kind(&'static str),
    /// Not in the encoding that the scheme wants.
    #[error("secret: is not {0}: copy it whole, with nothing before or behind it")]
    Encoding(&'static str),
    /// In base64 of the URL-safe alphabet.
    #[error("secret: is URL-safe base64, standard base64 is wanted: write + for - and / for _")]
    UrlSafe,
    /// Too short or too long once decoded.
    #[error("secret: decodes to {bytes} bytes, must be {wanted}: copy it whole, or have a new one made")]
    Size {
        /// How many it has.
        bytes: usize,
        /// How many it must have.
        wanted: &'static str,
    },
    /// One repeated byte, or a word that stands for a secret.
    #[error("secret: is a placeholder: put the provider's secret in its place")]
    Placeholder,
    /// An Ed25519 key of small order, under which anything verifies; or one whose halves do not belong together.
    #[error("secret: is not a sound Ed25519 key")]
    Unsound,
    /// No P-256 public key in the form that is expected; or the feature `public-key` is off.
    #[error("secret: is no P-256 public key, or the feature `public-key` is off")]
    NoP256,
    /// No RSA public key in a form that is expected; or the feature `public-key` is off.
    #[error("secret: is no RSA public key in PEM, base64 or JWK, or the feature `public-key` is off")]
    NoRsa,
    /// No Ed25519 public key in a form that is expected.
    #[error("secret: is no Ed25519 public key in hexadecimal, base64, PEM or JWK")]
    NoEd25519,
    /// More keys than a ring may hold, or none.
    #[error("keys: must be 1 to {MAX_KEYS}")]
    RingSize,
}

impl Key {
    /// Reads a Standard Webhooks key: `whsec_`, `whsk_`, `whpk_`, or base64 without prefix, which is a `whsec_` key. White space
    /// around it does not count, nor does a version before it (`v1,whsec_`).
    ///
    /// # Errors
    /// When it is malformed, too short, too long, in quotes, a placeholder, a credential of another kind, or an unsound Ed25519
    /// key.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let text = clean(text)?;
        let text = text.strip_prefix("v1,").filter(|rest| rest.starts_with("whsec_")).unwrap_or(text);
        refuse_foreign(text, text::NOT_STANDARD)?;
        if let Some(seed_and_public) = text.strip_prefix("whsk_") {
            Self::signing(&decode_base64(seed_and_public)?)
        } else if let Some(public) = text.strip_prefix("whpk_") {
            Self::verifying(&decode_base64(public)?)
        } else {
            let bytes = match text.strip_prefix("whsec_") {
                Some(base64) => decode_base64(base64)?,
                // An underscore ends an unknown prefix, rather than being one of the URL-safe alphabet.
                None if text.contains('_') => return Err(KeyError::Encoding("standard base64")),
                None => decode_base64(text)?,
            };
            if !SYMMETRIC_BYTES.contains(&bytes.len()) {
                return Err(KeyError::Size { bytes: bytes.len(), wanted: "24 to 64" });
            }
            Self::from_bytes(&bytes)
        }
    }

    /// Reads a `whsec_` key of any size from 1 byte up. Dangerous: a short key can be guessed. For senders that hand out
    /// nothing better.
    ///
    /// # Errors
    /// When it is malformed or a placeholder.
    pub fn dangerous_parse_any_size(text: &str) -> Result<Self, KeyError> {
        let text = clean(text)?;
        Self::from_bytes(&decode_base64(text.strip_prefix("whsec_").unwrap_or(text))?)
    }

    /// The text itself, as UTF-8, is the key: Stripe, GitHub, Slack, Shopify and most others. White space around it does not
    /// count: files end in newlines.
    ///
    /// # Errors
    /// When it is empty, too short, too long, in quotes, a placeholder, or a PEM file.
    pub fn text(text: &str) -> Result<Self, KeyError> {
        let text = clean(text)?;
        refuse_foreign(text, text::NOT_TEXT)?;
        if text.len() < MIN_TEXT_BYTES {
            return Err(KeyError::TooShort);
        }
        Self::from_bytes(text.as_bytes())
    }

    /// These bytes are the HMAC key.
    ///
    /// # Errors
    /// When there are none, too many, or one byte is repeated throughout.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        match bytes {
            [] => Err(KeyError::Empty),
            [first, rest @ ..] if rest.iter().all(|byte| byte == first) => Err(KeyError::Placeholder),
            _ if bytes.len() > MAX_TEXT_BYTES => Err(KeyError::TooLong),
            _ => Ok(Self(Arc::new(Kind::Hmac(HmacKey::new(bytes))))),
        }
    }

    /// Base64 (standard alphabet, padded or not) of the HMAC key.
    ///
    /// # Errors
    /// When it is malformed, empty or a placeholder.
    pub fn base64(text: &str) -> Result<Self, KeyError> {
        Self::from_bytes(&decode_base64(clean(text)?)?)
    }

    /// Hexadecimal digits of the HMAC key.
    ///
    /// # Errors
    /// When it is malformed, empty or a placeholder.
    pub fn hex(text: &str) -> Result<Self, KeyError> {
        Self::from_bytes(&decode_hex(clean(text)?)?)
    }

    /// Hexadecimal digits of an Ed25519 public key.
    ///
    /// # Errors
    /// When it is malformed, or an unsound key.
    pub fn ed25519_hex(text: &str) -> Result<Self, KeyError> {
        Self::verifying(&decode_hex(clean(text)?)?)
    }

    /// A P-256 public key for ECDSA: base64 of its `SubjectPublicKeyInfo` in DER (RFC 5480), with or without the lines of
    /// PEM around it. It verifies only; without the feature `public-key` there is none.
    ///
    /// # Errors
    /// When it is malformed, of another curve, or compressed.
    pub fn p256_spki(text: &str) -> Result<Self, KeyError> {
        let key = P256Key::from_spki(&pem_body(text)?).ok_or(KeyError::NoP256)?;
        Ok(Self(Arc::new(Kind::P256(key))))
    }

    /// An Ed25519 public key: base64 of its `SubjectPublicKeyInfo` in DER (RFC 8410), with or without the lines of PEM around
    /// it.
    ///
    /// # Errors
    /// When it is malformed, or an unsound key.
    pub fn ed25519_spki(text: &str) -> Result<Self, KeyError> {
        const HEAD: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
        let der = pem_body(text)?;
        Self::verifying(der.strip_prefix(&HEAD).ok_or(KeyError::Encoding("an Ed25519 key in DER"))?)
    }

    /// An Ed25519 private key: base64 of its PKCS#8 in DER (RFC 8410, without attributes), with or without the lines of PEM
    /// around it.
    ///
    /// # Errors
    /// When it is malformed.
    pub fn ed25519_pkcs8(text: &str) -> Result<Self, KeyError> {
        const HEAD: [u8; 16] =
            [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
        let der = text::private_pem_body(text)?;
        let seed = der.strip_prefix(&HEAD).ok_or(KeyError::Encoding("an Ed25519 key in DER"))?;
        let wanted = || KeyError::Size { bytes: seed.len(), wanted: "32" };
        let mut seed: [u8; 32] = seed.try_into().map_err(|_| wanted())?;
        let key = SigningKey::from_bytes(&seed);
        seed.zeroize();
        Ok(Self(Arc::new(Kind::Signing(key))))
    }

    fn signing(bytes: &[u8]) -> Result<Self, KeyError> {
        let wanted = || KeyError::Size { bytes: bytes.len(), wanted: "64" };
        let mut pair: [u8; 64] = bytes.try_into().map_err(|_| wanted())?;
        // Refuses a public half that does not belong to the seed.
        let key = SigningKey::from_keypair_bytes(&pair).map_err(|_| KeyError::Unsound);
        pair.zeroize();
        Ok(Self(Arc::new(Kind::Signing(key?))))
    }

    /// A fresh `whsec_` key of 32 random bytes.
    ///
    /// # Errors
    /// When the operating system has no randomness.
    pub fn generate() -> Result<Self, NoEntropy> {
        let mut bytes = Zeroizing::new([0; 32]);
        entropy::fill(&mut *bytes)?;
        Ok(Self(Arc::new(Kind::Hmac(HmacKey::new(&*bytes)))))
    }

    /// A fresh `whsk_` key pair. Give the receiver its [`public`](Self::public) half.
    ///
    /// # Errors
    /// When the operating system has no randomness.
    pub fn generate_ed25519() -> Result<Self, NoEntropy> {
        let mut seed = Zeroizing::new([0; 32]);
        entropy::fill(&mut *seed)?;
        Ok(Self(Arc::new(Kind::Signing(SigningKey::from_bytes(&seed)))))
    }

    /// The `whpk_` half of a `whsk_` key, or a `whpk_` key itself; `None` for a symmetric key.
    #[must_use]
    pub fn public(&self) -> Option<Self> {
        match &*self.0 {
            Kind::Hmac(_) => None,
            Kind::Signing(key) => Some(Self(Arc::new(Kind::Verifying(key.verifying_key())))),
            Kind::Verifying(_) | Kind::P256(_) | Kind::Rsa(_) => Some(self.clone()),
        }
    }

    /// Whether it can make signatures.
    #[must_use]
    pub fn can_sign(&self) -> bool {
        matches!(&*self.0, Kind::Hmac(_) | Kind::Signing(_))
    }

    /// The key in the clear, with its prefix: what its owner is shown once, and what a store keeps.
    /// [`restore`](Self::restore) reads it back.
    #[must_use]
    pub fn expose(&self) -> Zeroizing<String> {
        let (prefix, bytes) = match &*self.0 {
            Kind::Hmac(key) => ("whsec_", Zeroizing::new(key.bytes().to_vec())),
            Kind::Signing(key) => ("whsk_", Zeroizing::new(key.to_keypair_bytes().to_vec())),
            Kind::Verifying(key) => ("whpk_", Zeroizing::new(key.to_bytes().to_vec())),
            Kind::P256(key) => ("p256_", Zeroizing::new(key.to_spki())),
            Kind::Rsa(key) => ("rsa_", Zeroizing::new(key.to_der())),
        };
        let mut text = Zeroizing::new(String::with_capacity(prefix.len() + bytes.len().div_ceil(3) * 4));
        text.push_str(prefix);
        text::BASE64.encode_string(&*bytes, &mut text);
        text
    }

    /// The bytes of a symmetric key as the text that they are, where they are UTF-8: what the owner of an endpoint is shown whose
    /// scheme takes the secret as a text (Stripe's, GitHub's).
    #[must_use]
    pub fn expose_text(&self) -> Option<Zeroizing<String>> {
        let Kind::Hmac(key) = &*self.0 else { return None };
        std::str::from_utf8(key.bytes()).ok().map(|text| Zeroizing::new(text.to_owned()))
    }

    /// A public key's 32 bytes, of Ed25519 keys only.
    pub(crate) fn ed25519_public(&self) -> Option<[u8; 32]> {
        match &*self.0 {
            Kind::Signing(key) => Some(key.verifying_key().to_bytes()),
            Kind::Verifying(key) => Some(key.to_bytes()),
            Kind::Hmac(_) | Kind::P256(_) | Kind::Rsa(_) => None,
        }
    }

    /// Reads what [`expose`](Self::expose) has written. The size was judged when the key was first made.
    ///
    /// # Errors
    /// When it is malformed.
    pub fn restore(text: &str) -> Result<Self, KeyError> {
        match text.split_once('_') {
            Some(("whsec", base64)) => Self::from_bytes(&decode_base64(base64)?),
            Some(("p256", spki)) => Self::p256_spki(spki),
            Some(("rsa", der)) => RsaKey::from_der(&decode_base64(der)?).map(Self::of_rsa).ok_or(KeyError::NoRsa),
            _ => Self::parse(text),
        }
    }

    /// What may be shown of a key to tell it from others: 16 hexadecimal digits.
    ///
    /// Of a public key, and of the public half of a pair, they are the start of its SHA-256, the same everywhere. Of a symmetric key
    /// they are the start of a MAC of it, under a key that each process draws for itself: two processes show different digits, and
    /// whoever sees them cannot try out whether a guess at a weak secret is right. [`keyid`](Self::keyid) is the same everywhere.
    #[must_use]
    pub fn id(&self) -> String {
        match self.public() {
            Some(public) => digits(&Sha256::digest(public.expose().as_bytes())),
            None => shown(salt(), self.expose().as_bytes()),
        }
    }

    /// The `keyid` by which RFC 9421 signatures name the key, the same in every process: the [`id`](Self::id) of a public key; of a
    /// symmetric key a MAC by it, which tells no more about the key than the signature beside it.
    #[must_use]
    pub fn keyid(&self) -> String {
        match &*self.0 {
            Kind::Hmac(key) => shown(key, b"hookwire keyid"),
            _ => self.id(),
        }
    }

    pub(crate) fn kind(&self) -> &Kind {
        &self.0
    }
}

/// The first 16 hexadecimal digits of a MAC.
fn shown(key: &HmacKey, text: &[u8]) -> String {
    let mut mac = key.sha256();
    mac.update(text);
    digits(mac.finish().as_bytes())
}

fn digits(digest: &[u8]) -> String {
    digest.get(..8).map(hex::encode).unwrap_or_default()
}

/// A key that each process draws for itself. Where the operating system has no randomness for us, the standard library's own is
/// taken, which it needs for its hash maps.
fn salt() -> &'static HmacKey {
    static SALT: OnceLock<HmacKey> = OnceLock::new();
    SALT.get_or_init(|| {
        let mut bytes = Zeroizing::new([0; 32]);
        if entropy::fill(&mut *bytes).is_err() {
            for (number, word) in bytes.as_chunks_mut::<8>().0.iter_mut().enumerate() {
                *word = RandomState::new().hash_one(number).to_ne_bytes();
            }
        }
        HmacKey::new(&*bytes)
    })
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &*self.0 {
            Kind::Hmac(_) => "Key(hmac, [redacted])",
            Kind::Signing(_) => "Key(ed25519 signing, [redacted])",
            Kind::Verifying(_) => "Key(ed25519 verifying)",
            Kind::P256(_) => "Key(ecdsa p256 verifying)",
            Kind::Rsa(_) => "Key(rsa verifying)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_key_survives_being_stored() {
        let keys = [
            Key::generate().unwrap(),
            Key::generate_ed25519().unwrap(),
            Key::generate_ed25519().unwrap().public().unwrap(),
            Key::text("It's a Secret to Everybody").unwrap(),
            Key::dangerous_parse_any_size("whsec_c2VjcmV0Cg==").unwrap(),
        ];
        for key in keys {
            assert_eq!(Key::restore(&key.expose()).unwrap().id(), key.id());
        }
    }

    #[test]
    fn no_key_prints_itself() {
        for key in [Key::generate().unwrap(), Key::generate_ed25519().unwrap()] {
            let ring = Keyring::new(key.clone());
            let printed = format!("{key:?} {ring:?}");
            let exposed = key.expose();
            let body = exposed.split_once('_').unwrap().1;
            assert!(!printed.contains(body.get(..8).unwrap()), "{printed}");
        }
    }

    #[test]
    fn r_13_empty_and_placeholder_secrets_are_refused_by_every_constructor() {
        for text in ["", " ", "\n", "changeme", "UNDEFINED", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"] {
            assert!(Key::text(text).is_err(), "{text:?}");
            assert!(Key::parse(text).is_err(), "{text:?}");
            assert!(Key::dangerous_parse_any_size(text).is_err(), "{text:?}");
        }
        assert_eq!(Key::from_bytes(&[]).unwrap_err(), KeyError::Empty);
        assert_eq!(Key::from_bytes(&[0; 32]).unwrap_err(), KeyError::Placeholder);
    }

    #[test]
    fn r_05_points_of_small_order_are_no_keys() {
        let mut identity = [0; 32];
        identity[0] = 1;
        assert_eq!(Key::verifying(&identity).unwrap_err(), KeyError::Unsound);
        assert_eq!(Key::verifying(&[0; 32]).unwrap_err(), KeyError::Unsound);
    }

    #[test]
    fn a_key_error_does_not_repeat_the_secret() {
        let error = Key::parse("whsec_not*base64").unwrap_err();
        assert!(!error.to_string().contains("not*base64"));
    }
}
