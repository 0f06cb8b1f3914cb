//! Lanes (the deliveries of one endpoint, or the jobs of one queue of an inbox), and the two kinds of work: sent and received.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::EndpointId;
use super::length::MAX_QUEUE_BYTES;
use crate::field::FieldError;

/// The kind of work: sent or received. Every call to a store names one, so that a sender and an inbox can share a store without
/// seeing or changing each other's work.
///
/// ```
/// use hookwire::id::Work;
///
/// assert_eq!(Work::Sent.other(), Work::Received);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "complete: an event is sent or received")]
pub enum Work {
    /// Events that this application sends, and their deliveries to endpoints.
    #[default]
    Sent,
    /// Events that an inbox received, and the jobs in its queues.
    Received,
}

impl Work {
    /// The other kind of work.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Sent => Self::Received,
            Self::Received => Self::Sent,
        }
    }
}

/// The name of a queue of an [inbox](crate::receiver::inbox): 1 to 32 characters of `[A-Za-z0-9_.-]`.
///
/// ```
/// use hookwire::id::QueueName;
///
/// assert!("invoices.paid".parse::<QueueName>().is_ok());
/// assert!("paid invoices".parse::<QueueName>().is_err());
/// ```
// The bytes come first, so that the derived order is that of the text: unused bytes are zero, which no name contains.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct QueueName {
    bytes: [u8; MAX_QUEUE_BYTES],
    length: u8,
}

impl QueueName {
    /// Parses a name.
    ///
    /// ```
    /// use hookwire::id::QueueName;
    ///
    /// assert_eq!(QueueName::new("invoices")?.as_str(), "invoices");
    /// assert!(QueueName::new("in voices").is_err());
    /// # Ok::<(), hookwire::field::FieldError>(())
    /// ```
    ///
    /// # Errors
    /// Returns a [`FieldError`] if the text is empty, longer than [`MAX_QUEUE_BYTES`], or contains another character.
    pub fn new(text: &str) -> Result<Self, FieldError> {
        let mut bytes = [0; MAX_QUEUE_BYTES];
        let (Ok(length), Some(kept)) = (u8::try_from(text.len()), bytes.get_mut(..text.len())) else {
            return Err(invalid());
        };
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
        if text.is_empty() || !text.bytes().all(allowed) {
            return Err(invalid());
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

fn invalid() -> FieldError {
    FieldError::new("queue name", format!("must be 1 to {MAX_QUEUE_BYTES} bytes of A-Z a-z 0-9 _ . -"))
}

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
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, FieldError> {
        Self::new(text)
    }
}

impl TryFrom<String> for QueueName {
    type Error = FieldError;

    fn try_from(text: String) -> Result<Self, FieldError> {
        Self::new(&text)
    }
}

impl From<QueueName> for String {
    fn from(name: QueueName) -> Self {
        name.as_str().into()
    }
}

/// The id of a lane: the deliveries of one endpoint, or the jobs of one queue. Workers claim lane by lane.
///
/// ```
/// use hookwire::id::{LaneId, QueueName, Work};
///
/// let lane = LaneId::from(QueueName::new("invoices")?);
/// assert_eq!((lane.work(), lane.endpoint()), (Work::Received, None));
/// # Ok::<(), hookwire::field::FieldError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "complete: one kind of lane for each kind of work")]
pub enum LaneId {
    /// The deliveries of an endpoint.
    Endpoint(EndpointId),
    /// The jobs of a queue.
    Queue(QueueName),
}

impl LaneId {
    /// The kind of work in the lane.
    #[must_use]
    pub const fn work(&self) -> Work {
        match self {
            Self::Endpoint(_) => Work::Sent,
            Self::Queue(_) => Work::Received,
        }
    }

    /// The endpoint; `None` for a queue.
    ///
    /// ```
    /// use hookwire::clock::Timestamp;
    /// use hookwire::id::{EndpointId, LaneId};
    ///
    /// let id = EndpointId::generate(Timestamp::EPOCH);
    /// assert_eq!((LaneId::from(id).endpoint(), LaneId::from(id).queue()), (Some(id), None));
    /// ```
    #[must_use]
    pub const fn endpoint(&self) -> Option<EndpointId> {
        match self {
            Self::Endpoint(id) => Some(*id),
            Self::Queue(_) => None,
        }
    }

    /// The queue; `None` for an endpoint.
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
    fn malformed_queue_names_are_rejected() {
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
    fn a_lane_has_one_kind_of_work() {
        let queue = LaneId::from(QueueName::new("all").unwrap());
        let endpoint = LaneId::from(EndpointId::from_bytes([1; 16]));
        assert_eq!((queue.work(), queue.endpoint()), (Work::Received, None));
        assert_eq!((endpoint.work(), endpoint.queue()), (Work::Sent, None));
        assert_eq!(Work::Sent.other(), Work::Received);
    }
}
