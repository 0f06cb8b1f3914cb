//! A key with its algorithm.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use zeroize::{Zeroize, Zeroizing};

use super::ed25519::{Ed25519Pair, Ed25519Public};
use super::error::{KeyError, MAX_TEXT_BYTES};
use super::hmac_key::HmacKey;
use super::p256::P256Key;
use super::rsa::RsaKey;
use super::text::BASE64;

/// A key with its algorithm. `Debug` does not print the key, keys cannot be compared, and a key is wiped from memory when its last clone is
/// dropped.
///
/// ```
/// use hookwire::secret::Key;
///
/// let key = Key::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?;
/// assert!(key.can_sign());
/// assert_eq!(format!("{key:?}"), "Key(hmac, [redacted])");
/// # Ok::<(), hookwire::secret::KeyError>(())
/// ```
#[derive(Clone)]
pub struct Key(Arc<Kind>);

pub(crate) enum Kind {
    Hmac(Box<HmacKey>),
    Signing(Ed25519Pair),
    Verifying(Ed25519Public),
    P256(P256Key),
    Rsa(RsaKey),
}

impl Key {
    /// Creates an HMAC key from these bytes.
    ///
    /// ```
    /// use hookwire::secret::{Key, KeyError};
    ///
    /// assert!(Key::from_bytes(b"\x01\x02\x03\x04").is_ok());
    /// assert_eq!(Key::from_bytes(&[0; 32]).unwrap_err(), KeyError::Placeholder);
    /// ```
    ///
    /// # Errors
    /// Returns [`KeyError::Empty`] if there are no bytes, [`KeyError::Placeholder`] if all bytes are equal, and
    /// [`KeyError::TooLong`] if there are more than 512.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        match bytes {
            [] => Err(KeyError::Empty),
            [first, rest @ ..] if rest.iter().all(|byte| byte == first) => Err(KeyError::Placeholder),
            _ if bytes.len() > MAX_TEXT_BYTES => Err(KeyError::TooLong),
            _ => Ok(Self::of(Kind::Hmac(Box::new(HmacKey::new(bytes))))),
        }
    }

    /// Returns the public half of a `whsk_` key, a clone of a public key, or `None` for a symmetric key.
    ///
    /// ```
    /// use hookwire::secret::Key;
    ///
    /// let pair = Key::generate_ed25519()?;
    /// assert_eq!(pair.public().map(|public| public.id()), Some(pair.id()));
    /// assert!(Key::generate()?.public().is_none());
    /// # Ok::<(), hookwire::secret::KeyError>(())
    /// ```
    #[must_use]
    pub fn public(&self) -> Option<Self> {
        match &*self.0 {
            Kind::Hmac(_) => None,
            Kind::Signing(key) => Some(Self::of(Kind::Verifying(key.public()))),
            Kind::Verifying(_) | Kind::P256(_) | Kind::Rsa(_) => Some(self.clone()),
        }
    }

    /// Returns whether the key can sign. A public key can only verify.
    #[must_use]
    pub fn can_sign(&self) -> bool {
        matches!(&*self.0, Kind::Hmac(_) | Kind::Signing(_))
    }

    /// Returns the key **in the clear**, with its prefix, for its owner or for a store. [`restore`](Self::restore) parses it.
    ///
    /// ```
    /// use hookwire::secret::Key;
    ///
    /// let key = Key::generate()?;
    /// assert_eq!(Key::restore(&key.expose())?.id(), key.id());
    /// # Ok::<(), hookwire::secret::KeyError>(())
    /// ```
    #[must_use]
    pub fn expose(&self) -> Zeroizing<String> {
        let (prefix, bytes) = match &*self.0 {
            Kind::Hmac(key) => ("whsec_", Zeroizing::new(key.bytes().to_vec())),
            Kind::Signing(key) => ("whsk_", Zeroizing::new(key.to_pair().to_vec())),
            Kind::Verifying(key) => ("whpk_", Zeroizing::new(key.to_bytes().to_vec())),
            Kind::P256(key) => ("p256_", Zeroizing::new(key.to_spki())),
            Kind::Rsa(key) => ("rsa_", Zeroizing::new(key.to_der())),
        };
        let mut text = Zeroizing::new(String::with_capacity(prefix.len() + bytes.len().div_ceil(3) * 4));
        text.push_str(prefix);
        BASE64.encode_string(&*bytes, &mut text);
        text
    }

    /// Returns the bytes of a symmetric key as text **in the clear**, for the owner of an endpoint whose scheme uses the secret as text
    /// (Stripe, GitHub). Returns `None` for other keys and for bytes that are not UTF-8.
    ///
    /// ```
    /// use hookwire::secret::Key;
    ///
    /// let key = Key::text("It's a Secret to Everybody")?;
    /// assert_eq!(key.expose_text().as_deref().map(String::as_str), Some("It's a Secret to Everybody"));
    /// # Ok::<(), hookwire::secret::KeyError>(())
    /// ```
    #[must_use]
    pub fn expose_text(&self) -> Option<Zeroizing<String>> {
        let Kind::Hmac(key) = &*self.0 else { return None };
        std::str::from_utf8(key.bytes()).ok().map(|text| Zeroizing::new(text.to_owned()))
    }

    /// Returns the 32 bytes of an Ed25519 public key.
    pub(crate) fn ed25519_public(&self) -> Option<[u8; 32]> {
        match &*self.0 {
            Kind::Signing(key) => Some(key.public().to_bytes()),
            Kind::Verifying(key) => Some(key.to_bytes()),
            Kind::Hmac(_) | Kind::P256(_) | Kind::Rsa(_) => None,
        }
    }

    pub(crate) fn kind(&self) -> &Kind {
        &self.0
    }

    pub(super) fn of(kind: Kind) -> Self {
        Self(Arc::new(kind))
    }

    /// Creates a key pair from a seed and its public key.
    pub(super) fn signing(bytes: &[u8]) -> Result<Self, KeyError> {
        let wrong_size = || KeyError::Size { bytes: bytes.len(), wanted: "64" };
        let mut pair: [u8; 64] = bytes.try_into().map_err(|_| wrong_size())?;
        // Fails if the public key does not belong to the seed.
        let key = Ed25519Pair::from_pair(&pair);
        pair.zeroize();
        Ok(Self::of(Kind::Signing(key?)))
    }

    /// Creates a key pair from a seed.
    pub(super) fn signing_from_seed(seed: &[u8]) -> Result<Self, KeyError> {
        let wrong_size = || KeyError::Size { bytes: seed.len(), wanted: "32" };
        let mut seed: [u8; 32] = seed.try_into().map_err(|_| wrong_size())?;
        let key = Ed25519Pair::from_seed(&seed);
        seed.zeroize();
        Ok(Self::of(Kind::Signing(key?)))
    }

    /// Creates an Ed25519 public key from these bytes.
    pub(super) fn verifying(bytes: &[u8]) -> Result<Self, KeyError> {
        let wrong_size = || KeyError::Size { bytes: bytes.len(), wanted: "32" };
        let key = Ed25519Public::from_bytes(bytes.try_into().map_err(|_| wrong_size())?)?;
        Ok(Self::of(Kind::Verifying(key)))
    }
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
    fn empty_keys_and_keys_of_one_repeated_byte_are_rejected() {
        assert_eq!(Key::from_bytes(&[]).unwrap_err(), KeyError::Empty);
        assert_eq!(Key::from_bytes(&[0; 32]).unwrap_err(), KeyError::Placeholder);
    }

    #[test]
    fn debug_does_not_print_a_key() {
        for key in [Key::generate().unwrap(), Key::generate_ed25519().unwrap()] {
            let printed = format!("{key:?}");
            let exposed = key.expose();
            let body = exposed.split_once('_').unwrap().1;
            assert!(!printed.contains(body.get(..8).unwrap()), "{printed}");
        }
    }

    #[test]
    fn r_05_public_keys_of_small_order_are_rejected() {
        let mut identity = [0; 32];
        identity[0] = 1;
        assert_eq!(Key::verifying(&identity).unwrap_err(), KeyError::InvalidEd25519);
        assert_eq!(Key::verifying(&[0; 32]).unwrap_err(), KeyError::InvalidEd25519);
    }
}
