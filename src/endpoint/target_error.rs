//! Why a URL is invalid.

/// Longest URL accepted, in bytes.
pub const MAX_URL_BYTES: usize = 2_048;

/// Why a URL is invalid. The messages do not repeat the URL, because it may contain a secret.
///
/// ```
/// use hookwire::endpoint::{Target, TargetError};
///
/// let error = Target::parse("https://127.1/").unwrap_err();
/// assert_eq!(error, TargetError::AddressSpelling);
/// assert_eq!(error.to_string(), "url: an IPv4 address must be written as four decimal numbers");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// The text is not a URL.
    #[error("url: is not a valid URL")]
    Malformed,
    /// The URL is not `https`, which the caller requires.
    #[error(
        "url: must begin with https://; for a local URL use `NewEndpoint::at`, and in development call `for_development()` on the sender"
    )]
    NotHttps,
    /// The URL begins with neither `https://` nor `http://`.
    #[error("url: must begin with https:// or http://")]
    Scheme,
    /// The URL is longer than [`MAX_URL_BYTES`].
    #[error("url: must be at most {MAX_URL_BYTES} bytes")]
    TooLong,
    /// The URL contains a control character, white space, a backslash or a fragment.
    #[error("url: must not contain a space, a control character, `\\` or `#`")]
    ForbiddenCharacter,
    /// The URL contains a user name or password.
    #[error("url: must not contain a user name or password")]
    Credentials,
    /// The host is empty, not ASCII, percent-encoded, or not a valid name or address.
    #[error("url: the host must be a name or an address in ASCII; write an internationalised name as xn--")]
    Host,
    /// The host is an IPv4 address in another notation than four decimal numbers, which parsers read differently.
    #[error("url: an IPv4 address must be written as four decimal numbers")]
    AddressSpelling,
}
