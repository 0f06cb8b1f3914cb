//! What only the application can answer.

use super::handshake::Reply;

/// A handshake that the application must say yes or no to: does it want this topic (`WebSub`), may this origin send
/// (`CloudEvents`)? The receiver asks what
/// [`Source::decide`](crate::receiver::Source::decide) sets; without it, the answer is no.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Challenge {
    /// What is asked: `subscribe`, `unsubscribe`, `origin`.
    pub kind: String,
    /// About what: the topic, the origin. Written by a stranger, at most 2,048 bytes.
    pub subject: String,
    /// The lease in seconds, or the rate a minute, that comes with it.
    pub amount: Option<u64>,
    /// The answer if it is yes.
    pub yes: Reply,
    /// The status if it is no.
    pub no: u16,
}

impl Challenge {
    /// A question.
    #[must_use]
    pub const fn new(kind: String, subject: String, amount: Option<u64>, yes: Reply, no: u16) -> Self {
        Self { kind, subject, amount, yes, no }
    }
}
