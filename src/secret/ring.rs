//! The current key and the retiring ones.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::time::Duration;

use super::{Key, KeyError};
use crate::clock::Timestamp;

/// Most keys a ring may hold.
pub const MAX_KEYS: usize = 10;

/// One key of a ring.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key.
    pub key: Key,
    /// When it stops being used; `None` while it is current.
    pub retires_at: Option<Timestamp>,
}

/// The current key and the retiring ones, newest first, at most [`MAX_KEYS`].
#[derive(Clone, Debug)]
pub struct Keyring(Vec<Entry>);

impl Keyring {
    /// A ring of one key.
    #[must_use]
    pub fn new(key: Key) -> Self {
        Self(vec![Entry { key, retires_at: None }])
    }

    /// A ring without keys, for a scheme that fetches its own or needs none.
    #[must_use]
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// A ring of several keys that are all current: for a receiver whose sender may use any of them, and for a sender that
    /// signs both `v1` and `v1a`.
    ///
    /// # Errors
    /// When there is none, or more than [`MAX_KEYS`].
    pub fn of(keys: impl IntoIterator<Item = Key>) -> Result<Self, KeyError> {
        let entries = keys.into_iter().take(MAX_KEYS + 1).map(|key| Entry { key, retires_at: None });
        Self::from_entries(entries.collect())
    }

    /// A ring as a store reads it back, newest first.
    ///
    /// # Errors
    /// When there is none, or more than [`MAX_KEYS`].
    pub fn from_entries(entries: Vec<Entry>) -> Result<Self, KeyError> {
        if (1..=MAX_KEYS).contains(&entries.len()) { Ok(Self(entries)) } else { Err(KeyError::RingSize) }
    }

    /// Adds one more current key.
    ///
    /// # Errors
    /// When the ring is full.
    pub fn add(&mut self, key: Key) -> Result<(), KeyError> {
        if self.0.len() >= MAX_KEYS {
            return Err(KeyError::RingSize);
        }
        self.0.insert(0, Entry { key, retires_at: None });
        Ok(())
    }

    /// Makes `key` the current one; all others retire `overlap` from now, or sooner where that was said before. Keys that
    /// have retired are removed.
    ///
    /// # Errors
    /// When [`MAX_KEYS`] keys are live already.
    pub fn rotate(&mut self, key: Key, now: Timestamp, overlap: Duration) -> Result<(), KeyError> {
        let live: Vec<_> = self.live_entries(now).cloned().collect();
        if live.len() >= MAX_KEYS {
            return Err(KeyError::RingSize);
        }
        let retires = now + overlap;
        let retiring = |entry: Entry| Entry {
            retires_at: Some(entry.retires_at.map_or(retires, |earlier| earlier.min(retires))),
            ..entry
        };
        self.0 = std::iter::once(Entry { key, retires_at: None }).chain(live.into_iter().map(retiring)).collect();
        Ok(())
    }

    /// The keys in use, newest first.
    pub fn live(&self, now: Timestamp) -> impl Iterator<Item = &Key> {
        self.live_entries(now).map(|entry| &entry.key)
    }

    fn live_entries(&self, now: Timestamp) -> impl Iterator<Item = &Entry> {
        self.0.iter().filter(move |entry| entry.retires_at.is_none_or(|at| now < at))
    }

    /// The public halves of the Ed25519 keys in use, newest first, as a JWK Set (RFC 7517, RFC 8037) for receivers to fetch.
    /// A key's `kid` is the [`keyid`](Key::keyid) of its public half, as RFC 9421 signatures name it. Symmetric keys are not in it.
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
                "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": public.id(), "x": x
            }))
        };
        serde_json::json!({ "keys": self.live(now).filter_map(jwk).collect::<Vec<_>>() }).to_string()
    }

    /// All keys, newest first.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
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
    fn a_ring_is_never_empty_nor_overfull() {
        assert_eq!(Keyring::of([]).unwrap_err(), KeyError::RingSize);
        let mut ring = Keyring::of((0..MAX_KEYS).map(|_| key())).unwrap();
        assert_eq!(ring.add(key()).unwrap_err(), KeyError::RingSize);
        assert_eq!(ring.rotate(key(), NOW, DAY).unwrap_err(), KeyError::RingSize);
    }
}
