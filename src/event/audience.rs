//! Who gets an event.

use serde::{Deserialize, Serialize};

use crate::id::Work;

/// Who gets an event. Stored with the event; it never changes.
///
/// ```
/// use hookwire::clock::Timestamp;
/// use hookwire::event::{Audience, NewEvent};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let event = NewEvent::json("invoice.paid", &1042)?.seal(Timestamp::EPOCH);
/// assert_eq!(event.audience, Audience::Subscribers);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Audience {
    /// Every endpoint of the tenant whose filter matches the event type. A replay also sends it to endpoints that were created
    /// later.
    #[default]
    Subscribers,
    /// Only the endpoints that the dispatching method names, as for a test event. Replays skip it.
    Direct,
    /// The queues of an inbox: a provider sent the event to this application. A sender does not see it.
    Inbox,
}

impl Audience {
    /// The kind of work that the deliveries of such an event are.
    #[must_use]
    pub const fn work(self) -> Work {
        match self {
            Self::Subscribers | Self::Direct => Work::Sent,
            Self::Inbox => Work::Received,
        }
    }
}
