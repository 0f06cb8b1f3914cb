//! Why an id is invalid, and the lengths that are accepted.

/// Longest event id or tenant accepted, in bytes.
pub const MAX_ID_BYTES: usize = 128;

/// Longest queue name accepted, in bytes.
pub const MAX_QUEUE_BYTES: usize = 32;

/// Why an id is invalid.
///
/// ```
/// use hookwire::id::{EndpointId, EventId};
///
/// let error = "order.1042".parse::<EventId>().unwrap_err();
/// assert_eq!(error.to_string(), "event id: may contain only A-Z a-z 0-9 _ -");
/// let error = "dlv_1".parse::<EndpointId>().unwrap_err();
/// assert_eq!(error.to_string(), "endpoint id: must be `ep_` followed by 32 hexadecimal digits");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdError {
    /// The text is empty or longer than [`MAX_ID_BYTES`].
    #[error("{field}: must be 1 to {MAX_ID_BYTES} bytes long, is {bytes}")]
    Length {
        /// Which id.
        field: &'static str,
        /// The length of the text.
        bytes: usize,
    },
    /// The text contains a character that is not allowed.
    #[error("{field}: may contain only {allowed}")]
    Charset {
        /// Which id.
        field: &'static str,
        /// The characters that are allowed.
        allowed: &'static str,
    },
    /// The text is not a prefix followed by a UUID.
    #[error("{field}: must be `{prefix}` followed by 32 hexadecimal digits")]
    Format {
        /// Which id.
        field: &'static str,
        /// The prefix that the id must have.
        prefix: &'static str,
    },
    /// The name of a queue is empty, too long, or contains a character that is not allowed.
    #[error("queue name: must be 1 to {MAX_QUEUE_BYTES} bytes of A-Z a-z 0-9 _ . -")]
    Queue,
}
