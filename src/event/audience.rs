//! For whom an event is.

use serde::{Deserialize, Serialize};

use crate::id::Work;

/// For whom an event is: stored with it, and never changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Audience {
    /// For every endpoint of its tenant that subscribes to its type, those that are created later included.
    #[default]
    Subscribers,
    /// For the endpoints that it was made for, and for no others: a test event, an answer to an agent. A replay leaves it out.
    Direct,
    /// For the queues of an inbox: somebody else has sent it to this application. No sender ever sees or sends it.
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
