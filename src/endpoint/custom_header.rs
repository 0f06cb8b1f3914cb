//! Which headers an endpoint's owner may add to its requests.

use http::{HeaderName, HeaderValue};

/// A custom header is refused. The message does not repeat it: the value may be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CustomHeaderError {
    /// Not a header name (RFC 9110 section 5.1).
    #[error("header name: malformed")]
    Name,
    /// Contains a line break, a NUL or another control character (RFC 9110 section 5.5).
    #[error("header value: malformed")]
    Value,
    /// Belongs to the connection, the signature, a proxy or a cloud's metadata service.
    #[error("header name: reserved")]
    Reserved,
    /// The value is longer than 4,096 bytes.
    #[error("header value: must be at most 4096 bytes")]
    TooLong,
    /// One endpoint may have 16.
    #[error("headers: must be at most 16")]
    TooMany,
}

/// Framing and hop-by-hop (RFC 9110 section 7.6.1), forwarding claims, and what opens metadata services.
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

/// Judges a header that an endpoint's owner wants on its requests.
///
/// ```
/// use hookwire::sender::http::{CustomHeaderError, check_custom_header};
///
/// assert!(check_custom_header("authorization", "Bearer abc").is_ok());
/// assert_eq!(check_custom_header("Host", "127.0.0.1"), Err(CustomHeaderError::Reserved));
/// ```
///
/// # Errors
/// When name or value is malformed, or the name is reserved.
pub fn check_custom_header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), CustomHeaderError> {
    let name: HeaderName = name.parse().map_err(|_| CustomHeaderError::Name)?;
    let value = value.parse().map_err(|_| CustomHeaderError::Value)?;
    let known = name.as_str();
    let reserved = RESERVED.contains(&known) || RESERVED_PREFIXES.iter().any(|prefix| known.starts_with(prefix));
    if reserved { Err(CustomHeaderError::Reserved) } else { Ok((name, value)) }
}
