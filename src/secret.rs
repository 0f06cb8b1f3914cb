//! Keys, and rings of them. (Skeleton: the signature helper completes this file.)

use crate::clock::Timestamp;

/// A key: bound to one algorithm, wiped on drop, printed never.
#[derive(Clone)]
pub struct Key(std::sync::Arc<str>);

/// Why a text is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("secret: malformed")]
#[non_exhaustive]
pub struct KeyError;

impl Key {
    /// Reads `whsec_`, `whsk_`, `whpk_`, or bare base64.
    ///
    /// # Errors
    /// When it is malformed.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        if text.is_empty() { Err(KeyError) } else { Ok(Self(text.into())) }
    }

    /// A fresh `whsec_` key of 32 random bytes.
    ///
    /// # Errors
    /// When the operating system has no randomness.
    pub fn generate() -> Result<Self, crate::entropy::NoEntropy> {
        Ok(Self("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into()))
    }

    /// The key as text that [`parse`](Self::parse) reads, in the clear.
    #[must_use]
    pub fn expose(&self) -> String {
        self.0.as_ref().into()
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key([redacted])")
    }
}

/// One key of a ring.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key.
    pub key: Key,
    /// When it stops being used; `None` for the current key.
    pub retires_at: Option<Timestamp>,
}

/// The current key and the retiring ones, newest first.
#[derive(Clone, Debug)]
pub struct Keyring(Vec<Entry>);

impl Keyring {
    /// A ring of one key.
    #[must_use]
    pub fn new(key: Key) -> Self {
        Self(vec![Entry { key, retires_at: None }])
    }

    /// A ring as a store reads it back.
    ///
    /// # Errors
    /// When there is none, or too many.
    pub fn from_entries(entries: Vec<Entry>) -> Result<Self, KeyError> {
        if entries.is_empty() { Err(KeyError) } else { Ok(Self(entries)) }
    }

    /// All keys, newest first.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.0
    }
}
