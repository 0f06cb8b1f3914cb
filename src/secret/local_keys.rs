//! A key provider with keys in this process: XChaCha20-Poly1305.

use std::fmt;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use super::seal::{KeyProvider, SealError};
use crate::entropy;

/// The length of a nonce, in bytes: long enough for random nonces.
const NONCE: usize = 24;

/// A key provider with keys in this process. The first key seals; older keys only open what they have sealed.
///
/// The cipher is XChaCha20-Poly1305 with random nonces, from the `chacha20poly1305` crate.
///
/// ```
/// use hookwire::secret::{KeyProvider, LocalKeys};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let keys = LocalKeys::new("2026-11", &[7; 32])?.with_older("2025-11", &[3; 32])?;
/// let sealed = keys.seal(b"hush", b"endpoint 1")?;
/// assert_eq!(**keys.open("2026-11", &sealed, b"endpoint 1")?, *b"hush");
/// assert!(keys.open("2026-11", &sealed, b"endpoint 2").is_err());
/// # Ok(())
/// # }
/// ```
pub struct LocalKeys(Vec<(Box<str>, XChaCha20Poly1305)>);

impl LocalKeys {
    /// Creates a provider that seals and opens with this key of 32 bytes.
    ///
    /// # Errors
    /// Returns [`SealError::Provider`] if the key has another length, and [`SealError::UnknownKey`] if the id is not 1 to 64
    /// characters.
    pub fn new(id: &str, key: &[u8]) -> Result<Self, SealError> {
        Self(Vec::new()).with_older(id, key)
    }

    /// Adds an older key, which only opens. A store seals such secrets with the current key when they are next written, or when it is
    /// resealed.
    ///
    /// ```
    /// use hookwire::secret::{KeyProvider, LocalKeys};
    ///
    /// let sealed = LocalKeys::new("2025", &[3; 32])?.seal(b"hush", b"")?;
    /// let both = LocalKeys::new("2026", &[7; 32])?.with_older("2025", &[3; 32])?;
    /// assert_eq!(both.current(), "2026");
    /// assert_eq!(**both.open("2025", &sealed, b"")?, *b"hush");
    /// # Ok::<(), hookwire::secret::SealError>(())
    /// ```
    ///
    /// # Errors
    /// Returns the errors of [`new`](Self::new).
    pub fn with_older(mut self, id: &str, key: &[u8]) -> Result<Self, SealError> {
        if !(1..=64).contains(&id.len()) {
            return Err(SealError::UnknownKey);
        }
        let cipher = XChaCha20Poly1305::new_from_slice(key).map_err(|error| SealError::Provider(error.into()))?;
        self.0.push((id.into(), cipher));
        Ok(self)
    }
}

/// Prints the ids and not the keys.
impl fmt::Debug for LocalKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(id, _)| id)).finish()
    }
}

impl KeyProvider for LocalKeys {
    fn current(&self) -> &str {
        self.0.first().map_or("", |(id, _)| id)
    }

    fn seal(&self, plain: &[u8], context: &[u8]) -> Result<Vec<u8>, SealError> {
        let (_, cipher) = self.0.first().ok_or(SealError::UnknownKey)?;
        let mut nonce = [0; NONCE];
        entropy::fill(&mut nonce).map_err(|error| SealError::Provider(error.into()))?;
        let payload = Payload { msg: plain, aad: context };
        let sealed = cipher.encrypt(&XNonce::from(nonce), payload).map_err(|_| SealError::Decrypt)?;
        Ok([&nonce[..], &sealed].concat())
    }

    fn open(&self, key: &str, sealed: &[u8], context: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let (_, cipher) = self.0.iter().find(|(id, _)| **id == *key).ok_or(SealError::UnknownKey)?;
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE>().ok_or(SealError::Decrypt)?;
        let payload = Payload { msg: sealed, aad: context };
        cipher.decrypt(&XNonce::from(*nonce), payload).map(Zeroizing::new).map_err(|_| SealError::Decrypt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_or_moved_bytes_do_not_open() {
        let keys = LocalKeys::new("a", &[1; 32]).unwrap();
        let sealed = keys.seal(b"hush", b"here").unwrap();
        assert!(!sealed.windows(4).any(|window| window == b"hush"));
        assert_ne!(sealed, keys.seal(b"hush", b"here").unwrap(), "each seal has its own nonce");
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(keys.open("a", &changed, b"here").is_err());
        }
        assert!(matches!(keys.open("a", &sealed, b"there"), Err(SealError::Decrypt)));
        assert!(matches!(keys.open("b", &sealed, b"here"), Err(SealError::UnknownKey)));
        assert!(matches!(keys.open("a", &sealed[..9], b"here"), Err(SealError::Decrypt)));
        assert!(LocalKeys::new("a", &[1; 16]).is_err() && LocalKeys::new("", &[1; 32]).is_err());
        assert!(!format!("{keys:?}").contains('1'));
    }

    #[test]
    fn an_older_key_opens_and_the_newer_one_seals() {
        let old = LocalKeys::new("old", &[1; 32]).unwrap();
        let sealed = old.seal(b"hush", b"").unwrap();
        let both = LocalKeys::new("new", &[2; 32]).unwrap().with_older("old", &[1; 32]).unwrap();
        assert_eq!(both.current(), "new");
        assert_eq!(**both.open("old", &sealed, b"").unwrap(), *b"hush");
    }
}
