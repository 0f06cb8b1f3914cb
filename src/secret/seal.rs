//! Encryption of secrets in a store.

use std::error::Error;
use std::fmt;

use zeroize::Zeroizing;

/// Seals the secrets that a store keeps, and opens them again. `LocalKeys` (feature `encryption`) implements it with keys in this
/// process; implement it yourself to use a key management service.
/// 1. [`open`](Self::open) MUST open the bytes that [`seal`](Self::seal) returned, with the key id that [`current`](Self::current) returned
///    at that time, as long as any stored row has this id.
/// 2. `open` MUST fail for bytes that were sealed with another `context`, so that an attacker cannot swap rows.
/// 3. Stores call both on their own threads, so they MAY block for a while.
///
/// ```
/// use hookwire::secret::{KeyProvider, SealError};
///
/// /// Refuses to keep secrets.
/// #[derive(Debug)]
/// struct Forbidden;
///
/// impl KeyProvider for Forbidden {
///     fn current(&self) -> &str {
///         "none"
///     }
///
///     fn seal(&self, _: &[u8], _: &[u8]) -> Result<Vec<u8>, SealError> {
///         Err(SealError::Provider("this database must not hold secrets".into()))
///     }
///
///     fn open(&self, _: &str, _: &[u8], _: &[u8]) -> Result<zeroize::Zeroizing<Vec<u8>>, SealError> {
///         Err(SealError::UnknownKey)
///     }
/// }
///
/// assert!(matches!(Forbidden.open("old", b"", b""), Err(SealError::UnknownKey)));
/// ```
pub trait KeyProvider: fmt::Debug + Send + Sync + 'static {
    /// Returns the id of the key that [`seal`](Self::seal) uses: 1 to 64 characters. A store keeps this id in the clear beside the sealed
    /// bytes.
    fn current(&self) -> &str;

    /// Seals `plain` with the current key. `context` is authenticated and not stored.
    ///
    /// # Errors
    /// Returns [`SealError::Provider`] if the provider fails.
    fn seal(&self, plain: &[u8], context: &[u8]) -> Result<Vec<u8>, SealError>;

    /// Opens bytes that the key with this id has sealed.
    ///
    /// # Errors
    /// Returns [`SealError::UnknownKey`] if the provider has no key with this id, [`SealError::Decrypt`] if the sealed bytes or the context
    /// were changed, and [`SealError::Provider`] if the provider fails.
    fn open(&self, key: &str, sealed: &[u8], context: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError>;
}

/// The reason why secrets could not be sealed or opened.
///
/// ```
/// use hookwire::secret::{KeyProvider, LocalKeys, SealError};
///
/// let keys = LocalKeys::new("2026", &[7; 32])?;
/// assert!(matches!(keys.open("2026", &[0; 48], b""), Err(SealError::Decrypt)));
/// # Ok::<(), SealError>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The provider has no key with this id, or the id is not 1 to 64 characters.
    #[error("sealed secrets: the key provider has no key with this id; give it the key that sealed them")]
    UnknownKey,
    /// The decryption failed: the sealed bytes were changed, or belong to another row or key.
    #[error("sealed secrets: decryption failed; the bytes were changed, or belong to another row or key")]
    Decrypt,
    /// The store holds sealed secrets and has no key provider.
    #[error("sealed secrets: the store has no key provider; open it with one")]
    NoProvider,
    /// The provider failed.
    #[error("sealed secrets: the key provider failed")]
    Provider(#[source] Box<dyn Error + Send + Sync>),
}
