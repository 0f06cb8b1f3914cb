//! Why a field of an endpoint is invalid, and the lengths that are accepted.

use crate::secret::KeyError;

/// Longest URL accepted, in bytes.
pub const MAX_URL_BYTES: usize = 2_048;

/// Maximum number of custom headers of one endpoint.
pub const MAX_HEADERS: usize = 16;

/// Longest value of a custom header, in bytes.
pub const MAX_HEADER_BYTES: usize = 4_096;

/// Maximum number of labels of an endpoint.
pub const MAX_LABELS: usize = 16;

/// Longest label name, in bytes.
pub(super) const MAX_NAME_BYTES: usize = 64;

/// Longest label value, in bytes.
pub const MAX_LABEL_BYTES: usize = 4_096;

/// Why a field of an endpoint is invalid. The messages do not repeat the URL or the header, because they may contain a secret.
///
/// ```
/// use hookwire::endpoint::{CustomHeaders, FieldError, Labels, Target};
///
/// let error = Target::parse("https://127.1/").unwrap_err();
/// assert_eq!(error, FieldError::AddressSpelling);
/// assert_eq!(error.to_string(), "url: an IPv4 address must be written as four decimal numbers");
/// assert_eq!(CustomHeaders::new().with("x a", "1").unwrap_err(), FieldError::HeaderName);
/// assert_eq!(CustomHeaders::new().with("x-a", "1\n2").unwrap_err(), FieldError::HeaderValue);
/// assert_eq!(Labels::new().with("", "pro").unwrap_err(), FieldError::LabelName);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FieldError {
    /// The text is not a URL.
    #[error("url: is not a valid URL")]
    Url,
    /// The URL is not `https`, which the caller requires.
    #[error(
        "url: must begin with https://; for a local URL use `NewEndpoint::at`, and in development call `for_development()` on the sender"
    )]
    NotHttps,
    /// The URL begins with neither `https://` nor `http://`.
    #[error("url: must begin with https:// or http://")]
    UrlScheme,
    /// The URL is longer than [`MAX_URL_BYTES`].
    #[error("url: must be at most {MAX_URL_BYTES} bytes")]
    UrlTooLong,
    /// The URL contains a control character, white space, a backslash or a fragment.
    #[error("url: must not contain a space, a control character, `\\` or `#`")]
    UrlCharacter,
    /// The URL contains a user name or password.
    #[error("url: must not contain a user name or password")]
    UrlCredentials,
    /// The host is empty, not ASCII, percent-encoded, or not a valid name or address.
    #[error("url: the host must be a name or an address in ASCII; write an internationalised name as xn--")]
    UrlHost,
    /// The host is an IPv4 address in another notation than four decimal numbers, which parsers read differently.
    #[error("url: an IPv4 address must be written as four decimal numbers")]
    AddressSpelling,
    /// The name of a header is not a header name (RFC 9110 section 5.1).
    #[error("header name: is invalid; use letters, digits and hyphens (RFC 9110 section 5.1)")]
    HeaderName,
    /// The value of a header contains a line break, a NUL or another control character (RFC 9110 section 5.5), or the user name of
    /// [`CustomHeaders::basic`](super::CustomHeaders::basic) contains a colon.
    #[error("header value: must not contain control characters; a user name must not contain a colon")]
    HeaderValue,
    /// The name of a header is reserved for the connection, the signature, proxies, or the metadata service of a cloud.
    #[error("header name: is reserved; choose another name")]
    HeaderReserved,
    /// The value of a header is longer than [`MAX_HEADER_BYTES`].
    #[error("header value: must be at most {MAX_HEADER_BYTES} bytes")]
    HeaderTooLong,
    /// The endpoint would have more headers than [`MAX_HEADERS`].
    #[error("headers: must be at most {MAX_HEADERS}")]
    TooManyHeaders,
    /// The name of a label is empty, too long, or contains control characters.
    #[error("label name: must be 1 to {MAX_NAME_BYTES} bytes without control characters")]
    LabelName,
    /// The value of a label is longer than [`MAX_LABEL_BYTES`].
    #[error("label value: must be at most {MAX_LABEL_BYTES} bytes")]
    LabelTooLong,
    /// The endpoint would have more labels than [`MAX_LABELS`].
    #[error("labels: must be at most {MAX_LABELS}")]
    TooManyLabels,
    /// A key of a stored endpoint is invalid.
    #[error("stored endpoint: a key is invalid")]
    Key(#[source] KeyError),
}
