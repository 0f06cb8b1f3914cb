//! Which headers a tenant may add to requests.

use http::{HeaderName, HeaderValue};

use super::error;
use crate::field::FieldError;

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
pub(crate) fn check_custom_header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), FieldError> {
    let name: HeaderName = name.parse().map_err(|_| error::HEADER_NAME)?;
    let value = value.parse().map_err(|_| error::HEADER_VALUE)?;
    let known = name.as_str();
    let reserved = RESERVED.contains(&known) || RESERVED_PREFIXES.iter().any(|prefix| known.starts_with(prefix));
    if reserved { Err(error::HEADER_RESERVED) } else { Ok((name, value)) }
}
