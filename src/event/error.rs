//! Why a part of an event, a pattern or an event type is invalid, and the lengths that are accepted.

use crate::field::FieldError;

/// Longest event type accepted, in bytes.
pub const MAX_TYPE_BYTES: usize = 128;

/// Longest ordering key accepted, in bytes.
pub const MAX_ORDERING_KEY_BYTES: usize = 128;

/// Longest content type accepted, in bytes.
pub(super) const MAX_CONTENT_TYPE_BYTES: usize = 128;

pub(super) fn event_type() -> FieldError {
    let rule = "of identifiers (A-Z a-z 0-9 _ -) joined by full stops, such as `invoice.paid`";
    FieldError::new("event type", format!("must be 1 to {MAX_TYPE_BYTES} bytes {rule}"))
}

pub(super) fn content_type() -> FieldError {
    let rule = "visible ASCII characters, such as `application/json`";
    FieldError::new("content type", format!("must be 1 to {MAX_CONTENT_TYPE_BYTES} {rule}"))
}

pub(super) fn ordering_key() -> FieldError {
    let problem = format!("must be 1 to {MAX_ORDERING_KEY_BYTES} bytes without control characters");
    FieldError::new("ordering key", problem)
}

/// The data cannot be serialised as JSON. The text of the serializer is left out, because it may repeat the value.
pub(crate) const fn not_json() -> FieldError {
    FieldError::of(
        "data",
        "cannot be serialised as JSON; check its Serialize implementation, and that all keys of maps are texts",
    )
}

/// Shows the first 64 characters of the text.
pub(super) fn pattern(text: &str) -> FieldError {
    let shown: String = text.chars().take(64).collect();
    let rule = "must be `*`, an event type, or an event type followed by `.*`";
    FieldError::new("event pattern", format!("{rule}; is {shown:?}"))
}
