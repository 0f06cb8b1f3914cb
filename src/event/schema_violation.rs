//! Why data does not match a schema.

/// Why the data of an event does not match the schema of its type.
///
/// ```
/// use hookwire::event::SchemaViolation;
///
/// let violation = SchemaViolation::new("/cents", "must be at least 1");
/// assert_eq!(violation.pointer(), "/cents");
/// assert_eq!(violation.to_string(), "data/cents: must be at least 1");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("data{pointer}: {detail}")]
pub struct SchemaViolation {
    pointer: String,
    detail: String,
}

impl SchemaViolation {
    /// `pointer` is a JSON Pointer (RFC 6901) to the invalid value; `detail` describes the rule that it breaks, without the
    /// value, which may be confidential.
    #[must_use]
    pub fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), detail: detail.into() }
    }

    /// JSON Pointer (RFC 6901) to the invalid value; empty for the data as a whole.
    #[must_use]
    pub fn pointer(&self) -> &str {
        &self.pointer
    }
}
