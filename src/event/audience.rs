//! Who gets an event.

use serde::{Deserialize, Serialize};

use crate::id::Work;

/// Who gets an event. It is stored with the event and never changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Audience {
    /// Every endpoint of its tenant that subscribes to its type, including endpoints that are created later.
    #[default]
    Subscribers,
    /// Only the endpoints that it was made for, such as a test event or an answer to an agent. A replay skips it.
    Direct,
    /// The queues of an inbox: a provider sent it to this application. A sender neither sees nor sends it.
    Inbox,
}

impl Audience {
    /// The kind of work that it belongs to.
    #[must_use]
    pub const fn work(self) -> Work {
        match self {
            Self::Subscribers | Self::Direct => Work::Sent,
            Self::Inbox => Work::Received,
        }
    }
}
