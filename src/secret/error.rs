//! The reasons why a key or a keyring is invalid, and the valid lengths.

/// The shortest and the longest `whsec_` key, in bytes.
pub const SYMMETRIC_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// The maximum number of keys in a keyring.
pub const MAX_KEYS: usize = 10;

/// The longest valid text of a secret, in bytes.
pub(super) const MAX_TEXT_BYTES: usize = 512;

/// The shortest valid text of a secret, in bytes. The shortest secrets that providers document have four bytes.
pub(super) const MIN_TEXT_BYTES: usize = 4;

/// The reason why a key or a keyring is invalid. The message names the remedy and never repeats the secret.
///
/// ```
/// use hookwire::secret::{Key, KeyError};
///
/// assert_eq!(Key::text("changeme").unwrap_err(), KeyError::Placeholder);
/// let error = Key::parse("sk_live_51abcdefgh").unwrap_err();
/// assert!(error.to_string().starts_with("secret: is an API key: use the webhook's signing secret"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The text is empty or white space. A missing setting must not become a valid secret.
    #[error("secret: is empty: set it")]
    Empty,
    /// The text is longer than any secret.
    #[error("secret: is longer than {MAX_TEXT_BYTES} bytes: set only the secret")]
    TooLong,
    /// The text is shorter than any secret.
    #[error("secret: is shorter than {MIN_TEXT_BYTES} bytes: copy all of it")]
    TooShort,
    /// The text is in quotes, which an environment file may contain.
    #[error("secret: is in quotes: remove them")]
    Quoted,
    /// The text is a credential of another kind. The message names that kind and the credential to use.
    #[error("secret: is {0}")]
    WrongKind(&'static str),
    /// The text is not in the encoding that the scheme requires.
    #[error("secret: is not {0}: copy all of it, and nothing else")]
    Encoding(&'static str),
    /// The text is URL-safe base64, and the scheme requires standard base64.
    #[error("secret: is URL-safe base64, but standard base64 is required: replace - with + and _ with /")]
    UrlSafe,
    /// The decoded key is too short or too long.
    #[error("secret: decodes to {bytes} bytes, must be {wanted}: copy all of it, or generate a new one")]
    Size {
        /// The size of the decoded key.
        bytes: usize,
        /// The sizes that are valid.
        wanted: &'static str,
    },
    /// The text is one repeated character or a placeholder such as `changeme`.
    #[error("secret: is a placeholder: replace it with the provider's secret")]
    Placeholder,
    /// The two halves of the Ed25519 key do not match, or the key has small order, so that anybody can make valid signatures.
    #[error("secret: is an invalid Ed25519 key: generate a new one")]
    InvalidEd25519,
    /// The text is not a P-256 public key in an accepted form, or the feature `public-key` is off.
    #[error("secret: is not a P-256 public key in PEM, base64 or JWK, or the feature `public-key` is off")]
    NotP256,
    /// The text is not an RSA public key in an accepted form, or the feature `public-key` is off.
    #[error("secret: is not an RSA public key in PEM, base64 or JWK, or the feature `public-key` is off")]
    NotRsa,
    /// The text is not an Ed25519 public key in an accepted form, or the feature `ed25519` is off.
    #[error("secret: is not an Ed25519 public key in hexadecimal, base64, PEM or JWK, or the feature `ed25519` is off")]
    NotEd25519,
    /// The key is of a kind that needs this feature of the crate, which is off.
    #[error("secret: needs the feature `{0}` of hookwire: switch it on")]
    FeatureOff(&'static str),
    /// No key was generated, because the operating system returned no random bytes.
    #[error("key: the operating system returned no random bytes: try again")]
    NoEntropy,
    /// The keyring would have no key, or more than [`MAX_KEYS`].
    #[error("keys: must be 1 to {MAX_KEYS}")]
    KeyCount,
}
