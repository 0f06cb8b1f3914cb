//! The lengths of ids that are accepted.

/// Longest event id or tenant accepted, in bytes.
pub const MAX_ID_BYTES: usize = 128;

/// Longest queue name accepted, in bytes.
pub const MAX_QUEUE_BYTES: usize = 32;
