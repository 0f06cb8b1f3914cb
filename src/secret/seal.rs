//! Secrets at rest: who seals them, and who opens them again.

use std::error::Error;
use std::fmt;

use zeroize::Zeroizing;

/// Seals what a store keeps of secrets, and opens it again: with keys in this process (`LocalKeys`, feature `encryption`), or by
/// a key management service.
///
/// 1. What [`seal`](Self::seal) makes MUST be opened by [`open`](Self::open) under the id that it names, for as long as any row
///    bears that id.
/// 2. `open` MUST fail for anything that was not sealed with the same `context`: rows must not be exchanged for each other.
/// 3. Both are called on a store's own threads and MAY block for a while.
pub trait KeyProvider: fmt::Debug + Send + Sync + 'static {
    /// The id of the key that seals now: 1 to 64 characters, kept in the clear beside what it has sealed.
    fn current(&self) -> &str;

    /// Seals with the current key.
    ///
    /// # Errors
    /// When it cannot.
    fn seal(&self, plain: &[u8], context: &[u8]) -> Result<Vec<u8>, SealError>;

    /// Opens what the key of this id has sealed.
    ///
    /// # Errors
    /// When there is no such key, or what it gets was changed.
    fn open(&self, key: &str, sealed: &[u8], context: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError>;
}

/// Secrets were not sealed, or not opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The provider knows no key of this id.
    #[error("sealed secrets: no key of this id")]
    UnknownKey,
    /// What was to be opened was changed, or belongs to something else.
    #[error("sealed secrets: do not open")]
    Broken,
    /// The store holds sealed secrets and was given no key provider.
    #[error("sealed secrets: the store has no key provider")]
    NoProvider,
    /// Anything else.
    #[error("sealed secrets: the key provider failed")]
    Provider(#[source] Box<dyn Error + Send + Sync>),
}
