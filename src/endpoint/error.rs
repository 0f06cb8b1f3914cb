//! Why a field of an endpoint is invalid, and the lengths that are accepted. The texts do not repeat the URL or the header, because they
//! may contain a secret.

use crate::field::FieldError;
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

/// The text is not a URL.
pub(super) const URL: FieldError = FieldError::of("url", "is not a valid URL");

/// The URL is not `https`, which the caller requires.
pub(super) const NOT_HTTPS: FieldError = FieldError::of(
    "url",
    "must begin with https://; for a local URL use `NewEndpoint::at`, and in development call `for_development()` on the sender",
);

/// The URL begins with neither `https://` nor `http://`.
pub(super) const URL_SCHEME: FieldError = FieldError::of("url", "must begin with https:// or http://");

/// The URL contains a control character, white space, a backslash or a fragment.
pub(super) const URL_CHARACTER: FieldError =
    FieldError::of("url", "must not contain a space, a control character, `\\` or `#`");

/// The URL contains a user name or password.
pub(super) const URL_CREDENTIALS: FieldError = FieldError::of("url", "must not contain a user name or password");

/// The host is empty, not ASCII, percent-encoded, or not a valid name or address.
pub(super) const URL_HOST: FieldError =
    FieldError::of("url", "the host must be a name or an address in ASCII; write an internationalised name as xn--");

/// The host is an IPv4 address in another notation than four decimal numbers, which parsers read differently.
pub(super) const ADDRESS_SPELLING: FieldError =
    FieldError::of("url", "an IPv4 address must be written as four decimal numbers");

/// The name of a header is not a header name (RFC 9110 section 5.1).
pub(super) const HEADER_NAME: FieldError =
    FieldError::of("header name", "is invalid; use letters, digits and hyphens (RFC 9110 section 5.1)");

/// The value of a header contains a line break, a NUL or another control character (RFC 9110 section 5.5), or the user name of
/// [`CustomHeaders::basic`](super::CustomHeaders::basic) contains a colon.
pub(super) const HEADER_VALUE: FieldError =
    FieldError::of("header value", "must not contain control characters; a user name must not contain a colon");

/// The name of a header is reserved for the connection, the signature, proxies, or the metadata service of a cloud.
pub(super) const HEADER_RESERVED: FieldError = FieldError::of("header name", "is reserved; choose another name");

/// The URL is longer than [`MAX_URL_BYTES`].
pub(super) fn url_too_long() -> FieldError {
    FieldError::new("url", format!("must be at most {MAX_URL_BYTES} bytes"))
}

/// The value of a header is longer than [`MAX_HEADER_BYTES`].
pub(super) fn header_too_long() -> FieldError {
    FieldError::new("header value", format!("must be at most {MAX_HEADER_BYTES} bytes"))
}

/// The endpoint would have more headers than [`MAX_HEADERS`].
pub(super) fn too_many_headers() -> FieldError {
    FieldError::new("headers", format!("must be at most {MAX_HEADERS}"))
}

/// The name of a label is empty, too long, or contains control characters.
pub(super) fn label_name() -> FieldError {
    FieldError::new("label name", format!("must be 1 to {MAX_NAME_BYTES} bytes without control characters"))
}

/// The value of a label is longer than [`MAX_LABEL_BYTES`].
pub(super) fn label_too_long() -> FieldError {
    FieldError::new("label value", format!("must be at most {MAX_LABEL_BYTES} bytes"))
}

/// The endpoint would have more labels than [`MAX_LABELS`].
pub(super) fn too_many_labels() -> FieldError {
    FieldError::new("labels", format!("must be at most {MAX_LABELS}"))
}

/// A key of a stored endpoint is invalid.
pub(super) fn stored_key(error: &KeyError) -> FieldError {
    FieldError::new("stored endpoint", format!("a key is invalid: {error}"))
}
