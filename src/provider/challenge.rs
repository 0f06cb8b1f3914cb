//! Handshakes that only the application can decide.

use super::handshake::Reply;

/// A handshake that the application must confirm or reject: whether it subscribed to this topic (`WebSub`), or whether this origin may send
/// (`CloudEvents`). The receiver calls the function of [`Source::decide`](crate::receiver::Source::decide). Without this function, the
/// handshake is rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Challenge {
    /// The kind of the request: `subscribe`, `unsubscribe` or `origin`.
    pub kind: String,
    /// The topic or the origin, at most 2,048 bytes. It is not verified: anybody may have written it.
    pub subject: String,
    /// The lease in seconds, or the rate per minute, if the request contains one.
    pub amount: Option<u64>,
    /// The answer if the application confirms the handshake.
    pub confirmation: Reply,
    /// The status of the response if the application rejects the handshake.
    pub rejection_status: u16,
}

impl Challenge {
    /// Creates a challenge.
    #[must_use]
    pub const fn new(
        kind: String,
        subject: String,
        amount: Option<u64>,
        confirmation: Reply,
        rejection_status: u16,
    ) -> Self {
        Self { kind, subject, amount, confirmation, rejection_status }
    }
}
