//! Why a part of an event, a pattern or an event type is invalid, and the lengths that are accepted.

use super::schema_violation::SchemaViolation;

/// Longest event type accepted, in bytes.
pub const MAX_TYPE_BYTES: usize = 128;

/// Longest ordering key accepted, in bytes.
pub const MAX_ORDERING_KEY_BYTES: usize = 128;

/// Longest content type accepted, in bytes.
pub(super) const MAX_CONTENT_TYPE_BYTES: usize = 128;

/// Why a part of an event, a pattern of event types, or an event type of a catalog is invalid.
///
/// ```
/// use hookwire::event::{EventError, NewEvent};
///
/// let error = NewEvent::json("invoice paid", &1042).unwrap_err();
/// assert!(matches!(error, EventError::Type));
/// assert!(error.to_string().starts_with("event type: must be 1 to 128 bytes"));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EventError {
    /// The event type is malformed.
    #[error(
        "event type: must be 1 to {MAX_TYPE_BYTES} bytes of identifiers (A-Z a-z 0-9 _ -) joined by full stops, such as `invoice.paid`"
    )]
    Type,
    /// The content type is malformed.
    #[error("content type: must be 1 to {MAX_CONTENT_TYPE_BYTES} visible ASCII characters, such as `application/json`")]
    ContentType,
    /// The ordering key is malformed.
    #[error("ordering key: must be 1 to {MAX_ORDERING_KEY_BYTES} bytes without control characters")]
    OrderingKey,
    /// The data cannot be serialised as JSON.
    #[error("data: cannot be serialised as JSON; check its Serialize implementation")]
    Json(#[source] serde_json::Error),
    /// The text is not a [`Pattern`](super::Pattern). Holds its first 64 characters.
    #[error("event pattern: must be `*`, an event type, or an event type followed by `.*`; is {0:?}")]
    Pattern(String),
    /// A list of patterns is empty or too long.
    #[error("events: must be 1 to {limit} patterns, are {count}")]
    PatternCount {
        /// The length of the list.
        count: usize,
        /// The longest list allowed.
        limit: usize,
    },
    /// The [catalog](super::EventTypes) already has an event type with this name.
    #[error("event type: `{0}` is in the catalog already")]
    Duplicate(String),
    /// The schema of the data of an event type is not a valid JSON Schema.
    #[error("schema: {0}")]
    Schema(String),
    /// The sample of an event type does not match its schema, or none could be made from it.
    #[error("sample: {0}; give one that matches the schema with event_with_sample")]
    Sample(SchemaViolation),
}
