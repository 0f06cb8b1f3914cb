//! The received part of a response, and the report about it.

use std::net::IpAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http::response::Parts;

use super::body::BodyEnd;
use super::error::ExchangeError;
use crate::clock::Timestamp;
use crate::fetch::FetchError;
use crate::outcome::{Outcome, Report};
use crate::retry::retry_after;

/// What was received so far. It is filled step by step because the time budget may end the exchange at any time.
#[derive(Debug, Default)]
pub(super) struct PartialResponse {
    /// The address of the server.
    pub(super) peer: Option<IpAddr>,
    /// How long it took to connect, if a new connection was opened.
    pub(super) connecting: Option<Duration>,
    pub(super) head: Option<Parts>,
    pub(super) body: BytesMut,
    pub(super) body_end: BodyEnd,
    /// Whether the whole request was sent.
    pub(super) is_request_sent: bool,
    pub(super) failure: Option<Failure>,
}

/// How a request was answered.
#[derive(Debug)]
pub(crate) struct Exchanged {
    /// The address of the server; `None` if there was no connection.
    pub(in crate::sender) peer: Option<IpAddr>,
    /// How long it took to connect, if a new connection was opened.
    pub(in crate::sender) connecting: Option<Duration>,
    pub(in crate::sender) head: Option<Parts>,
    /// The part of the body that was received.
    pub(in crate::sender) body: Bytes,
}

/// Why no response head was received.
#[derive(Debug)]
pub(super) struct Failure {
    outcome: Outcome,
    text: Box<str>,
}

impl Failure {
    pub(super) fn of(error: &ExchangeError) -> Self {
        let outcome = error.outcome();
        tracing::debug!(%outcome, error = error as &dyn std::error::Error, "the exchange failed");
        Self { outcome, text: error.owner_text().into() }
    }
}

impl PartialResponse {
    /// The status decides, with two exceptions: 101, because no other protocol was requested, and a premature success.
    fn outcome(&self) -> Outcome {
        match (&self.head, &self.failure) {
            (Some(head), _) if head.status == StatusCode::SWITCHING_PROTOCOLS => Outcome::Protocol,
            (Some(head), _) if self.is_premature_success() => {
                tracing::debug!(status = head.status.as_u16(), "the server responded before it had the whole request");
                Outcome::Protocol
            }
            (Some(head), _) => Outcome::Status(head.status.as_u16()),
            (None, Some(failure)) => failure.outcome,
            (None, None) => Outcome::Timeout,
        }
    }

    /// Whether the server responded with a success before it had the whole request. It cannot have checked the signature.
    pub(super) fn is_premature_success(&self) -> bool {
        !self.is_request_sent && self.head.as_ref().is_some_and(|head| head.status.is_success())
    }

    /// Returns the head and the body; `None` if there is no head.
    pub(super) fn into_parts(self) -> Option<(Parts, Result<Bytes, FetchError>)> {
        let body = match self.body_end {
            BodyEnd::Complete => Ok(self.body.freeze()),
            BodyEnd::TooLong => Err(FetchError::TooLong),
            BodyEnd::Incomplete => Err(FetchError::Unreachable),
        };
        self.head.map(|head| (head, body))
    }

    /// What a detailed report shows in addition.
    pub(super) fn into_exchanged(self) -> Exchanged {
        let Self { peer, connecting, head, body, .. } = self;
        Exchanged { peer, connecting, head, body: body.freeze() }
    }

    pub(super) fn report(&self, now: Timestamp, duration: Duration) -> Report {
        let may_delay =
            |head: &&Parts| matches!(head.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        let until = self.head.as_ref().filter(may_delay).and_then(|head| retry_after::parse(&head.headers, now));
        let text = match &self.failure {
            Some(failure) if self.head.is_none() => failure.text.as_bytes(),
            _ if self.is_premature_success() => b"the server reported success before the whole request was read",
            _ => &self.body,
        };
        Report::new(self.outcome(), duration).retry_after(until).excerpt(text)
    }
}
