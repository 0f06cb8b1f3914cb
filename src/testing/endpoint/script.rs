//! What an endpoint may do to a request.

use std::time::Duration;

use bytes::Bytes;

/// What becomes of one request that was read.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Behaviour {
    /// These bytes; the connection stays open.
    Answer(Bytes),
    /// These bytes, then an orderly close. With no bytes: read, then close.
    AnswerThenClose(Bytes),
    /// These bytes, then a reset (TCP RST).
    AnswerThenReset(Bytes),
    /// These bytes one by one, with a pause before each.
    Trickle(Bytes, Duration),
    /// These bytes, then the others for ever.
    Endless(Bytes, Bytes),
    /// Nothing, and the connection stays open.
    Hang,
}

impl Behaviour {
    /// [`Answer`](Self::Answer).
    #[must_use]
    pub fn answer(bytes: impl Into<Bytes>) -> Self {
        Self::Answer(bytes.into())
    }

    /// An empty answer with this status.
    #[must_use]
    pub fn status(code: u16) -> Self {
        Self::answer(format!("HTTP/1.1 {code} Scripted\r\ncontent-length: 0\r\n\r\n"))
    }

    /// The request is read and the connection closed without an answer.
    #[must_use]
    pub const fn close() -> Self {
        Self::AnswerThenClose(Bytes::new())
    }

    /// The request is read and the connection reset without an answer.
    #[must_use]
    pub const fn reset() -> Self {
        Self::AnswerThenReset(Bytes::new())
    }
}
