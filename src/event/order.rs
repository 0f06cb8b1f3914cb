//! In which order events of one key reach an endpoint.

use std::fmt;
use std::sync::Arc;

use super::EventError;

/// Longest ordering key accepted, in bytes.
pub const MAX_KEY_BYTES: usize = 128;

/// What belongs together: a cart, an account, a document. Any text without control characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderingKey(Arc<str>);

impl OrderingKey {
    /// Reads an ordering key.
    ///
    /// # Errors
    /// When it is empty, longer than [`MAX_KEY_BYTES`], or holds control characters.
    pub fn new(text: impl Into<Arc<str>>) -> Result<Self, EventError> {
        let text = text.into();
        let fits = (1..=MAX_KEY_BYTES).contains(&text.len()) && !text.chars().any(char::is_control);
        if fits { Ok(Self(text)) } else { Err(EventError::OrderingKey) }
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OrderingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How events of one key follow each other, for each endpoint by itself. Of one key at most one delivery is in flight.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Order {
    /// First in, first out: the next one waits until the one before it is delivered, cancelled or has failed for good. When
    /// it has failed, the next one follows, or the key is parked: [`OnFailure`](crate::endpoint::OnFailure).
    Fifo(OrderingKey),
    /// Only the newest one counts: what still waits under the key is cancelled as `superseded` when a newer one comes.
    Latest(OrderingKey),
}

impl Order {
    /// The key.
    #[must_use]
    pub const fn key(&self) -> &OrderingKey {
        match self {
            Self::Fifo(key) | Self::Latest(key) => key,
        }
    }

    /// Whether only the newest one counts.
    #[must_use]
    pub const fn is_latest(&self) -> bool {
        matches!(self, Self::Latest(_))
    }
}
