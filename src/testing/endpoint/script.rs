//! The behaviour of an endpoint after a request.

use std::time::Duration;

use bytes::Bytes;

/// What the endpoint does after it has read a request.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Behaviour {
    /// Sends these bytes; the connection stays open.
    Answer(Bytes),
    /// Sends these bytes, then closes the connection. Without bytes, it closes the connection at once.
    AnswerThenClose(Bytes),
    /// Sends these bytes, then resets the connection (TCP RST).
    AnswerThenReset(Bytes),
    /// Sends these bytes one by one, with a pause before each.
    Trickle(Bytes, Duration),
    /// Sends the first bytes, then repeats the others without end.
    Endless(Bytes, Bytes),
    /// Sends nothing; the connection stays open.
    Hang,
}

impl Behaviour {
    /// [`Answer`](Self::Answer).
    #[must_use]
    pub fn answer(bytes: impl Into<Bytes>) -> Self {
        Self::Answer(bytes.into())
    }

    /// Sends an empty response with this status.
    #[must_use]
    pub fn status(code: u16) -> Self {
        Self::answer(format!("HTTP/1.1 {code} Scripted\r\ncontent-length: 0\r\n\r\n"))
    }

    /// Closes the connection without a response.
    #[must_use]
    pub const fn close() -> Self {
        Self::AnswerThenClose(Bytes::new())
    }

    /// Resets the connection without a response.
    #[must_use]
    pub const fn reset() -> Self {
        Self::AnswerThenReset(Bytes::new())
    }
}
