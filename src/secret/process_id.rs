//! The id of a key in this process, which may be shown and logged.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::OnceLock;

use zeroize::Zeroizing;

use super::fingerprint::{mac_digits, public_digits};
use super::hmac_key::HmacKey;
use super::key::Key;
use crate::entropy;

impl Key {
    /// Returns 16 hexadecimal digits that identify the key and may be shown. For a public key, and for the public half of a pair, the
    /// digits are the start of its SHA-256 and the same in every process. For a symmetric key, they are the start of a MAC of the key under
    /// a random key of this process. Two processes therefore show different digits, and the digits cannot be used to check guesses of a
    /// weak secret. [`keyid`](Self::keyid) is the same in every process.
    ///
    /// ```
    /// use hookwire::secret::Key;
    ///
    /// let key = Key::generate()?;
    /// assert_eq!((key.id().len(), key.id()), (16, key.clone().id()));
    /// # Ok::<(), hookwire::secret::KeyError>(())
    /// ```
    #[must_use]
    pub fn id(&self) -> String {
        public_digits(self).unwrap_or_else(|| mac_digits(process_key(), self.expose().as_bytes()))
    }
}

/// Returns the random key of this process. If the operating system returns no random bytes, the key is made from the random state that the
/// standard library uses for its hash maps.
fn process_key() -> &'static HmacKey {
    static KEY: OnceLock<HmacKey> = OnceLock::new();
    KEY.get_or_init(|| {
        let mut bytes = Zeroizing::new([0; 32]);
        if entropy::fill(&mut *bytes).is_err() {
            for (number, word) in bytes.as_chunks_mut::<8>().0.iter_mut().enumerate() {
                *word = RandomState::new().hash_one(number).to_ne_bytes();
            }
        }
        HmacKey::new(&*bytes)
    })
}
