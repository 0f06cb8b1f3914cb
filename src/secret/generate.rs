//! Generates keys from random bytes.

use zeroize::Zeroizing;

use super::ed25519::Ed25519Pair;
use super::error::KeyError;
use super::hmac_key::HmacKey;
use super::key::{Key, Kind};
use crate::entropy;

impl Key {
    /// Generates a `whsec_` key of 32 random bytes.
    ///
    /// ```
    /// use hookwire::secret::Key;
    ///
    /// let key = Key::generate()?;
    /// assert!(key.expose().starts_with("whsec_"));
    /// # Ok::<(), hookwire::secret::KeyError>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`KeyError::NoEntropy`] if the operating system returns no random bytes.
    pub fn generate() -> Result<Self, KeyError> {
        let mut bytes = Zeroizing::new([0; 32]);
        entropy::fill(&mut *bytes).map_err(|_| KeyError::NoEntropy)?;
        Ok(Self::of(Kind::Hmac(Box::new(HmacKey::new(&*bytes)))))
    }

    /// Generates a `whsk_` key pair. Give its [`public`](Self::public) half to the receiver.
    ///
    /// ```
    /// use hookwire::secret::Key;
    ///
    /// let pair = Key::generate_ed25519()?;
    /// let public = pair.public().expect("a pair has a public half");
    /// assert!(public.expose().starts_with("whpk_") && !public.can_sign());
    /// # Ok::<(), hookwire::secret::KeyError>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`KeyError::NoEntropy`] if the operating system returns no random bytes, and [`KeyError::FeatureOff`] if the
    /// feature `ed25519` is off.
    pub fn generate_ed25519() -> Result<Self, KeyError> {
        let mut seed = Zeroizing::new([0; 32]);
        entropy::fill(&mut *seed).map_err(|_| KeyError::NoEntropy)?;
        Ed25519Pair::from_seed(&seed).map(|pair| Self::of(Kind::Signing(pair)))
    }
}
