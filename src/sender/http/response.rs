//! The received part of a response, and the report about it.

use std::net::IpAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http::response::Parts;

use super::super::egress::{Opening, TlsFailure};
use super::body::BodyEnd;
use super::error::ExchangeError;
use super::options::Measured;
use crate::clock::{Clock, Timestamp};
use crate::fetch::FetchError;
use crate::outcome::{Outcome, Report};
use crate::retry::retry_after;

/// What was received so far. It is filled step by step because the time budget may end the exchange at any time.
#[derive(Debug)]
pub(super) struct PartialResponse<'a> {
    clock: &'a dyn Clock,
    measured: Measured,
    /// When the connection was ready for the request (uptime).
    pub(super) ready_at: Duration,
    /// The address of the server.
    pub(super) peer: Option<IpAddr>,
    pub(super) tls_version: Option<&'static str>,
    /// How a new connection was opened; `None` if an open one is used.
    pub(super) opening: Option<Box<Opening>>,
    /// The time from `ready_at` to the head, if it is measured.
    first_byte: Option<Duration>,
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
    /// The version of TLS; `None` without TLS.
    pub(in crate::sender) tls_version: Option<&'static str>,
    /// Why TLS failed, as a short name.
    pub(in crate::sender) tls_failure: Option<&'static str>,
    /// How a new connection was opened; `None` if an open one was used.
    pub(in crate::sender) opening: Option<Box<Opening>>,
    /// The time from the ready connection to the head of the response, if it is measured.
    pub(in crate::sender) first_byte: Option<Duration>,
    pub(in crate::sender) head: Option<Parts>,
    /// The part of the body that was received.
    pub(in crate::sender) body: Bytes,
}

/// Why no response head was received.
#[derive(Debug)]
pub(super) struct Failure {
    outcome: Outcome,
    text: Box<str>,
    tls: Option<TlsFailure>,
}

impl Failure {
    pub(super) fn of(error: &ExchangeError) -> Self {
        let outcome = error.outcome();
        tracing::debug!(%outcome, error = error as &dyn std::error::Error, "the exchange failed");
        Self { outcome, text: error.owner_text().into(), tls: error.tls_failure() }
    }
}

impl<'a> PartialResponse<'a> {
    /// Nothing is received yet. An open connection would be ready now, `ready_at`.
    pub(super) fn new(clock: &'a dyn Clock, measured: Measured, ready_at: Duration) -> Self {
        Self {
            clock,
            measured,
            ready_at,
            peer: None,
            tls_version: None,
            opening: None,
            first_byte: None,
            head: None,
            body: BytesMut::new(),
            body_end: BodyEnd::default(),
            is_request_sent: false,
            failure: None,
        }
    }

    /// Sets the head, which arrived before or after the whole request was sent.
    pub(super) fn set_head(&mut self, head: Parts, is_request_sent: bool) {
        // For a success the clock is not read: its details are usually not kept. A premature success is a failure.
        if self.measured == Measured::All || !head.status.is_success() || !is_request_sent {
            self.first_byte = Some(self.clock.uptime().saturating_sub(self.ready_at));
        }
        self.head = Some(head);
    }

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
        let Self { peer, tls_version, opening, first_byte, head, body, failure, .. } = self;
        let tls_failure = failure.filter(|_| head.is_none()).and_then(|failure| failure.tls).map(TlsFailure::name);
        Exchanged { peer, tls_version, tls_failure, opening, first_byte, head, body: body.freeze() }
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// A clock that shows the seconds that were set.
    #[derive(Debug, Default)]
    struct Seconds(AtomicU64);

    impl Clock for Seconds {
        fn now(&self) -> Timestamp {
            Timestamp::EPOCH + self.uptime()
        }

        fn uptime(&self) -> Duration {
            Duration::from_secs(self.0.load(Ordering::Relaxed))
        }
    }

    #[test]
    fn the_time_to_the_head_is_measured_for_every_failure_also_for_a_premature_success() {
        const TOOK: Duration = Duration::from_secs(3);
        for (status, is_request_sent, measured) in [
            (StatusCode::OK, true, false),
            (StatusCode::OK, false, true),
            (StatusCode::BAD_REQUEST, true, true),
            (StatusCode::BAD_REQUEST, false, true),
        ] {
            let clock = Seconds::default();
            let mut response = PartialResponse::new(&clock, Measured::Failures, clock.uptime());
            clock.0.store(TOOK.as_secs(), Ordering::Relaxed);
            let (mut head, ()) = http::Response::new(()).into_parts();
            head.status = status;
            response.set_head(head, is_request_sent);
            assert_eq!(response.into_exchanged().first_byte, measured.then_some(TOOK), "{status} {is_request_sent}");
        }
    }
}
