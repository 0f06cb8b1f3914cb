//! Keyrings: the current key and the retiring keys.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::error::{KeyError, MAX_KEYS};
use super::key::Key;
use crate::clock::Timestamp;

/// One key of a keyring. Complete: a store restores it from these two fields.
///
/// ```
/// use hookwire::secret::{Key, Keyring, KeyringEntry};
///
/// let entry = KeyringEntry { key: Key::generate()?, retires_at: None };
/// assert_eq!(Keyring::from_entries(vec![entry])?.entries().len(), 1);
/// # Ok::<(), hookwire::secret::KeyError>(())
/// ```
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "complete: a store restores it from these two fields")]
pub struct KeyringEntry {
    /// The key.
    pub key: Key,
    /// When the key retires. `None` for a current key.
    pub retires_at: Option<Timestamp>,
}

/// The current key and the retiring keys, newest first, at most [`MAX_KEYS`].
///
/// ```
/// use std::time::Duration;
/// use hookwire::clock::Timestamp;
/// use hookwire::secret::{Key, Keyring};
///
/// let (old, new) = (Key::generate()?, Key::generate()?);
/// let mut keys = Keyring::new(old.clone());
/// let now = Timestamp::from_secs(1_700_000_000);
/// keys.rotate(new.clone(), now, Duration::from_secs(3_600))?;
/// let ids: Vec<_> = keys.live(now).map(Key::id).collect();
/// assert_eq!(ids, [new.id(), old.id()]);
/// # Ok::<(), hookwire::secret::KeyError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Keyring(Vec<KeyringEntry>);

impl Keyring {
    /// Creates a keyring with one key.
    #[must_use]
    pub fn new(key: Key) -> Self {
        Self(vec![KeyringEntry { key, retires_at: None }])
    }

    /// Creates a keyring without keys, for a scheme that fetches its keys or needs none.
    ///
    /// ```
    /// use hookwire::secret::Keyring;
    ///
    /// assert!(Keyring::empty().entries().is_empty());
    /// ```
    #[must_use]
    pub const fn empty() -> Self {
        Self(Vec::new())
    }

    /// Creates a keyring of several current keys, for a receiver whose sender may use any of them, or for a sender that signs with both
    /// `v1` and `v1a`.
    ///
    /// ```
    /// use hookwire::clock::Timestamp;
    /// use hookwire::secret::{Key, KeyError, Keyring};
    ///
    /// let keys = Keyring::from_keys([Key::generate()?, Key::generate_ed25519()?])?;
    /// assert_eq!(keys.live(Timestamp::EPOCH).count(), 2);
    /// assert_eq!(Keyring::from_keys([]).unwrap_err(), KeyError::KeyCount);
    /// # Ok::<(), KeyError>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`KeyError::KeyCount`] if there is no key, or more than [`MAX_KEYS`].
    pub fn from_keys(keys: impl IntoIterator<Item = Key>) -> Result<Self, KeyError> {
        let entries = keys.into_iter().take(MAX_KEYS + 1).map(|key| KeyringEntry { key, retires_at: None });
        let keyring = Self::from_entries(entries.collect())?;
        if keyring.0.is_empty() { Err(KeyError::KeyCount) } else { Ok(keyring) }
    }

    /// Restores a keyring from the entries in a store, newest key first. It may be [empty](Self::empty).
    ///
    /// # Errors
    /// Returns [`KeyError::KeyCount`] if there are more than [`MAX_KEYS`] keys.
    pub fn from_entries(entries: Vec<KeyringEntry>) -> Result<Self, KeyError> {
        if entries.len() <= MAX_KEYS { Ok(Self(entries)) } else { Err(KeyError::KeyCount) }
    }

    /// Adds a current key.
    ///
    /// ```
    /// use hookwire::clock::Timestamp;
    /// use hookwire::secret::{Key, Keyring};
    ///
    /// let mut keys = Keyring::new(Key::generate()?);
    /// keys.add(Key::generate_ed25519()?)?;
    /// assert_eq!(keys.live(Timestamp::EPOCH).count(), 2);
    /// # Ok::<(), hookwire::secret::KeyError>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`KeyError::KeyCount`] if there are already [`MAX_KEYS`] keys.
    pub fn add(&mut self, key: Key) -> Result<(), KeyError> {
        if self.0.len() >= MAX_KEYS {
            return Err(KeyError::KeyCount);
        }
        self.0.insert(0, KeyringEntry { key, retires_at: None });
        Ok(())
    }

    /// Makes `key` the current key. All other keys retire after `overlap`, or at the time set before if that is earlier. Keys that
    /// have retired are removed.
    ///
    /// ```
    /// use std::time::Duration;
    /// use hookwire::clock::Timestamp;
    /// use hookwire::secret::{Key, Keyring};
    ///
    /// let mut keys = Keyring::new(Key::generate()?);
    /// let (now, hour) = (Timestamp::from_secs(1_700_000_000), Duration::from_secs(3_600));
    /// keys.rotate(Key::generate()?, now, hour)?;
    /// assert_eq!(keys.entries()[1].retires_at, Some(now + hour));
    /// # Ok::<(), hookwire::secret::KeyError>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`KeyError::KeyCount`] if [`MAX_KEYS`] keys are in use already.
    pub fn rotate(&mut self, key: Key, now: Timestamp, overlap: Duration) -> Result<(), KeyError> {
        let live: Vec<_> = self.live_entries(now).cloned().collect();
        if live.len() >= MAX_KEYS {
            return Err(KeyError::KeyCount);
        }
        let retires = now + overlap;
        let retiring = |entry: KeyringEntry| KeyringEntry {
            retires_at: Some(entry.retires_at.map_or(retires, |earlier| earlier.min(retires))),
            ..entry
        };
        self.0 =
            std::iter::once(KeyringEntry { key, retires_at: None }).chain(live.into_iter().map(retiring)).collect();
        Ok(())
    }

    /// Returns the keys that are in use at `now`, newest first.
    ///
    /// ```
    /// use std::time::Duration;
    /// use hookwire::clock::Timestamp;
    /// use hookwire::secret::{Key, Keyring};
    ///
    /// let mut keys = Keyring::new(Key::generate()?);
    /// let (now, hour) = (Timestamp::from_secs(1_700_000_000), Duration::from_secs(3_600));
    /// keys.rotate(Key::generate()?, now, hour)?;
    /// assert_eq!((keys.live(now).count(), keys.live(now + hour).count()), (2, 1));
    /// # Ok::<(), hookwire::secret::KeyError>(())
    /// ```
    pub fn live(&self, now: Timestamp) -> impl Iterator<Item = &Key> {
        self.live_entries(now).map(|entry| &entry.key)
    }

    fn live_entries(&self, now: Timestamp) -> impl Iterator<Item = &KeyringEntry> {
        self.0.iter().filter(move |entry| entry.retires_at.is_none_or(|at| now < at))
    }

    /// Returns a JWK Set (RFC 7517, RFC 8037) for receivers to fetch. It contains the public halves of the Ed25519 keys in use at `now`,
    /// newest first. The `kid` of a key is its [`keyid`](Key::keyid), as in RFC 9421 signatures. Symmetric keys are left out.
    ///
    /// ```
    /// use hookwire::clock::Timestamp;
    /// use hookwire::secret::{Key, Keyring};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let keys = Keyring::new(Key::generate_ed25519()?);
    /// assert!(keys.jwks(Timestamp::EPOCH).starts_with(r#"{"keys":[{"alg":"EdDSA","crv":"Ed25519","#));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn jwks(&self, now: Timestamp) -> String {
        let jwk = |key: &Key| {
            let (public, x) = (key.public()?, URL_SAFE_NO_PAD.encode(key.ed25519_public()?));
            Some(serde_json::json!({
                "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": public.keyid(), "x": x
            }))
        };
        serde_json::json!({ "keys": self.live(now).filter_map(jwk).collect::<Vec<_>>() }).to_string()
    }

    /// Returns all keys, newest first, including retired keys.
    #[must_use]
    pub fn entries(&self) -> &[KeyringEntry] {
        &self.0
    }
}

impl From<Key> for Keyring {
    fn from(key: Key) -> Self {
        Self::new(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
    const DAY: Duration = Duration::from_secs(86_400);

    fn key() -> Key {
        Key::generate().unwrap()
    }

    #[test]
    fn rotation_keeps_the_old_key_for_the_overlap_and_no_longer() {
        let (old, new) = (key(), key());
        let mut ring = Keyring::new(old.clone());
        ring.rotate(new.clone(), NOW, DAY).unwrap();
        let ids = |at| ring.live(at).map(Key::id).collect::<Vec<_>>();
        assert_eq!(ids(NOW), [new.id(), old.id()]);
        assert_eq!(ids(NOW + DAY), [new.id()]);
    }

    #[test]
    fn a_later_rotation_does_not_prolong_an_earlier_key() {
        let first = key();
        let mut ring = Keyring::new(first.clone());
        ring.rotate(key(), NOW, DAY).unwrap();
        ring.rotate(key(), NOW + DAY / 2, DAY).unwrap();
        assert!(ring.live(NOW + DAY).all(|key| key.id() != first.id()));
    }

    #[test]
    fn a_keyring_has_at_most_ten_keys() {
        assert_eq!(Keyring::from_keys([]).unwrap_err(), KeyError::KeyCount);
        let mut ring = Keyring::from_keys((0..MAX_KEYS).map(|_| key())).unwrap();
        assert_eq!(ring.add(key()).unwrap_err(), KeyError::KeyCount);
        assert_eq!(ring.rotate(key(), NOW, DAY).unwrap_err(), KeyError::KeyCount);
    }
}
