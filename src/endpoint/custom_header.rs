//! Which headers a tenant may add to requests.

use http::{HeaderName, HeaderValue};

/// Why a custom header is rejected. The message does not repeat the header, because its value may be a secret.
///
/// ```
/// use hookwire::endpoint::{CustomHeaderError, CustomHeaders};
///
/// assert_eq!(CustomHeaders::new().with("x a", "1").unwrap_err(), CustomHeaderError::Name);
/// assert_eq!(CustomHeaders::new().with("x-a", "1\n2").unwrap_err(), CustomHeaderError::Value);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CustomHeaderError {
    /// The name is not a header name (RFC 9110 section 5.1).
    #[error("header name: is invalid; use letters, digits and hyphens (RFC 9110 section 5.1)")]
    Name,
    /// The value contains a line break, a NUL or another control character (RFC 9110 section 5.5), or the user name of
    /// [`CustomHeaders::basic`](super::CustomHeaders::basic) contains a colon.
    #[error("header value: must not contain control characters, nor a user name a colon")]
    Value,
    /// The name is reserved for the connection, the signature, proxies, or the metadata service of a cloud.
    #[error("header name: is reserved; choose another name")]
    Reserved,
    /// The value is longer than [`MAX_HEADER_BYTES`](super::MAX_HEADER_BYTES).
    #[error("header value: must be at most 4096 bytes")]
    TooLong,
    /// The endpoint would have more than [`MAX_HEADERS`](super::MAX_HEADERS).
    #[error("headers: must be at most 16")]
    TooMany,
}

/// Headers of framing and connections (RFC 9110 section 7.6.1), forwarding headers, and those that metadata services require.
const RESERVED: &[&str] = &[
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "keep-alive",
    "metadata",
    "metadata-flavor",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "x-real-ip",
];

const RESERVED_PREFIXES: &[&str] = &["proxy-", "webhook-", "x-aws-ec2-metadata-token", "x-forwarded-", ":"];

/// Parses and checks a header that a tenant wants on requests.
pub(crate) fn check_custom_header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), CustomHeaderError> {
    let name: HeaderName = name.parse().map_err(|_| CustomHeaderError::Name)?;
    let value = value.parse().map_err(|_| CustomHeaderError::Value)?;
    let known = name.as_str();
    let reserved = RESERVED.contains(&known) || RESERVED_PREFIXES.iter().any(|prefix| known.starts_with(prefix));
    if reserved { Err(CustomHeaderError::Reserved) } else { Ok((name, value)) }
}
