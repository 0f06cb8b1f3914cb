//! What came back, or did not, and what it is worth.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http::response::Parts;

use super::body::End;
use super::error::ExchangeError;
use crate::clock::Timestamp;
use crate::fetch::FetchError;
use crate::outcome::{Outcome, Report, excerpt};
use crate::retry::retry_after;

/// What is known of an answer so far: the budget may end at any time.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) head: Option<Parts>,
    pub(super) body: BytesMut,
    pub(super) end: End,
    /// The whole request has gone out.
    pub(super) is_sent: bool,
    pub(super) failure: Option<Failure>,
}

/// Why there is no head.
#[derive(Debug)]
pub(super) struct Failure {
    outcome: Outcome,
    text: Box<str>,
}

impl Failure {
    pub(super) fn of(error: &ExchangeError) -> Self {
        let outcome = error.outcome();
        tracing::debug!(%outcome, error = error as &dyn std::error::Error, "no answer");
        Self { outcome, text: error.words().into() }
    }
}

impl Answer {
    /// The head decides, with two exceptions: other protocols were not asked for, and a success that was declared before the
    /// request was out proves nothing, since nobody can have checked the signature of what he has not read.
    fn outcome(&self) -> Outcome {
        match (&self.head, &self.failure) {
            (Some(head), _) if head.status == StatusCode::SWITCHING_PROTOCOLS => Outcome::Protocol,
            (Some(head), _) if self.is_hasty() => {
                tracing::debug!(status = head.status.as_u16(), "answered before the request was read");
                Outcome::Protocol
            }
            (Some(head), _) => Outcome::Status(head.status.as_u16()),
            (None, Some(failure)) => failure.outcome,
            (None, None) => Outcome::Timeout,
        }
    }

    pub(super) fn is_hasty(&self) -> bool {
        !self.is_sent && self.head.as_ref().is_some_and(|head| head.status.is_success())
    }

    /// What was asked for, if there was a head.
    pub(super) fn fetched(self) -> Option<(Parts, Result<Bytes, FetchError>)> {
        let body = match self.end {
            End::Read => Ok(self.body.freeze()),
            End::Beyond => Err(FetchError::TooLong),
            End::Missing => Err(FetchError::Unreachable),
        };
        self.head.map(|head| (head, body))
    }

    pub(super) fn report(self, now: Timestamp, duration: Duration) -> Report {
        let asks =
            |head: &&Parts| matches!(head.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        let until = self.head.as_ref().filter(asks).and_then(|head| retry_after::parse(&head.headers, now));
        let text = match &self.failure {
            Some(failure) if self.head.is_none() => excerpt(failure.text.as_bytes()),
            _ if self.is_hasty() => Some("a success was answered before the whole request was read".into()),
            _ => excerpt(&self.body),
        };
        Report::new(self.outcome(), duration).with_retry_after(until).with_excerpt(text)
    }
}
