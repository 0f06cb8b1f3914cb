//! What a delivery belongs to: an endpoint that is sent to, or a queue of an inbox. And which of the two kinds of work that is.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{EndpointId, IdError};

/// Longest name of a queue, in bytes.
pub const MAX_QUEUE_BYTES: usize = 32;

/// Which kind of work something belongs to. Every question to a store names one, so that a sender and an inbox can share a
/// store and never see or change each other's work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "there are two directions")]
pub enum Work {
    /// Events that this application sends, and their deliveries to endpoints.
    #[default]
    Sent,
    /// Events that an inbox has received and kept, and the jobs in its queues.
    Received,
}

impl Work {
    /// The other kind.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Sent => Self::Received,
            Self::Received => Self::Sent,
        }
    }
}

/// The name of a queue of an [inbox](crate::receiver::inbox): 1 to 32 of `[A-Za-z0-9_.-]`.
///
/// ```
/// use hookwire::id::QueueName;
///
/// assert!("invoices.paid".parse::<QueueName>().is_ok());
/// assert!("paid invoices".parse::<QueueName>().is_err());
/// ```
// The bytes come first, so that the derived order is that of the text: what is not used is zero, which no name holds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct QueueName {
    bytes: [u8; MAX_QUEUE_BYTES],
    length: u8,
}

impl QueueName {
    /// Reads a name.
    ///
    /// # Errors
    /// When it is empty, longer than 32 bytes, or holds another character.
    pub fn new(text: &str) -> Result<Self, IdError> {
        let mut bytes = [0; MAX_QUEUE_BYTES];
        let (Ok(length), Some(kept)) = (u8::try_from(text.len()), bytes.get_mut(..text.len())) else {
            return Err(IdError::Queue(QUEUE_RULE));
        };
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
        if text.is_empty() || !text.bytes().all(allowed) {
            return Err(IdError::Queue(QUEUE_RULE));
        }
        kept.copy_from_slice(text.as_bytes());
        Ok(Self { bytes, length })
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.bytes.get(..self.length.into()).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default()
    }
}

/// What a queue's name may be.
const QUEUE_RULE: &str = "1 to 32 bytes of A-Z a-z 0-9 _ . -";

impl fmt::Display for QueueName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for QueueName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl FromStr for QueueName {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::new(text)
    }
}

impl TryFrom<String> for QueueName {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        Self::new(&text)
    }
}

impl From<QueueName> for String {
    fn from(name: QueueName) -> Self {
        name.as_str().into()
    }
}

/// Where a delivery waits and to whom it belongs: workers claim lane by lane.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "each kind of work has its lanes, and there are two")]
pub enum LaneId {
    /// An endpoint that a sender delivers to.
    Endpoint(EndpointId),
    /// A queue that an inbox has handled.
    Queue(QueueName),
}

impl LaneId {
    /// The kind of work that it belongs to.
    #[must_use]
    pub const fn work(&self) -> Work {
        match self {
            Self::Endpoint(_) => Work::Sent,
            Self::Queue(_) => Work::Received,
        }
    }

    /// The endpoint, where it is one.
    #[must_use]
    pub const fn endpoint(&self) -> Option<EndpointId> {
        match self {
            Self::Endpoint(id) => Some(*id),
            Self::Queue(_) => None,
        }
    }

    /// The queue, where it is one.
    #[must_use]
    pub const fn queue(&self) -> Option<QueueName> {
        match self {
            Self::Endpoint(_) => None,
            Self::Queue(name) => Some(*name),
        }
    }
}

impl From<EndpointId> for LaneId {
    fn from(id: EndpointId) -> Self {
        Self::Endpoint(id)
    }
}

impl From<QueueName> for LaneId {
    fn from(name: QueueName) -> Self {
        Self::Queue(name)
    }
}

impl fmt::Display for LaneId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Endpoint(id) => id.fmt(f),
            Self::Queue(name) => write!(f, "queue {name}"),
        }
    }
}

impl fmt::Debug for LaneId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queue_names_are_short_and_plain() {
        let longest = "q".repeat(32);
        for good in ["a", "Invoices_paid.v2-eu", &longest] {
            let name = QueueName::new(good).unwrap();
            assert_eq!((name.as_str(), name.to_string().parse()), (good, Ok(name)));
        }
        for bad in ["", "a b", "é", "a/b", "a\0", &"q".repeat(33), &"q".repeat(300)] {
            let error = QueueName::new(bad).unwrap_err().to_string();
            assert!(error.starts_with("queue name: must be 1 to 32 bytes of A-Z a-z 0-9 _ . -"), "{error}");
        }
    }

    #[test]
    fn queue_names_sort_as_their_text_does() {
        let mut names = ["b", "ab", "a", "aa", "a.b"].map(|text| QueueName::new(text).unwrap());
        names.sort_unstable();
        assert_eq!(names.map(|name| name.to_string()), ["a", "a.b", "aa", "ab", "b"]);
    }

    #[test]
    fn the_lane_says_which_kind_of_work_it_is() {
        let queue = LaneId::from(QueueName::new("all").unwrap());
        let endpoint = LaneId::from(EndpointId::from_bytes([1; 16]));
        assert_eq!((queue.work(), queue.endpoint()), (Work::Received, None));
        assert_eq!((endpoint.work(), endpoint.queue()), (Work::Sent, None));
        assert_eq!(Work::Sent.other(), Work::Received);
    }
}
