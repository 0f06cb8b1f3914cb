//! The id of a key that is the same in every process. It may be shown and logged.

use sha2::{Digest, Sha256};

use super::hmac_key::HmacKey;
use super::key::{Key, Kind};

impl Key {
    /// Returns the `keyid` of RFC 9421 signatures, which is the same in every process. For a public key it is the [`id`](Self::id). For a
    /// symmetric key it is a MAC under the key, which reveals no more about the key than a signature does.
    ///
    /// ```
    /// use hookwire::secret::Key;
    ///
    /// let pair = Key::generate_ed25519()?;
    /// assert_eq!(pair.keyid(), pair.id());
    /// # Ok::<(), hookwire::secret::KeyError>(())
    /// ```
    #[must_use]
    pub fn keyid(&self) -> String {
        match self.kind() {
            Kind::Hmac(key) => mac_digits(key, b"hookwire keyid"),
            _ => public_digits(self).unwrap_or_default(),
        }
    }
}

/// Returns the start of the SHA-256 of a public key, or of the public half of a pair.
pub(super) fn public_digits(key: &Key) -> Option<String> {
    key.public().map(|public| digits(&Sha256::digest(public.expose().as_bytes())))
}

/// Returns the first 16 hexadecimal digits of a MAC.
pub(super) fn mac_digits(key: &HmacKey, text: &[u8]) -> String {
    let mut mac = key.sha256();
    mac.update(text);
    digits(mac.finish().as_bytes())
}

fn digits(digest: &[u8]) -> String {
    digest.get(..8).map(hex::encode).unwrap_or_default()
}
