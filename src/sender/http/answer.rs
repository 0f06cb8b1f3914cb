//! From what came back, or did not, to a report.

use std::error::Error as _;

use bytes::BytesMut;
use http::StatusCode;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper_util::client::legacy::Error;

use super::super::egress::{ConnectError, Mark, Usage};
use crate::clock::Timestamp;
use crate::outcome::{Outcome, excerpt};
use crate::retry::retry_after;

/// Most of an answer's body that is read.
const MAX_BODY_BYTES: usize = 16 * 1024;

/// What is known of an answer so far. The head alone decides.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) outcome: Outcome,
    pub(super) retry_after: Option<Timestamp>,
    pub(super) excerpt: Option<Box<str>>,
}

impl Answer {
    /// No answer in time.
    pub(super) const fn timeout() -> Self {
        Self { outcome: Outcome::Timeout, retry_after: None, excerpt: None }
    }

    pub(super) fn of_head(head: &http::response::Parts, now: Timestamp) -> Self {
        let outcome = match head.status {
            // The request asked for no other protocol.
            StatusCode::SWITCHING_PROTOCOLS => Outcome::Protocol,
            status => Outcome::Status(status.as_u16()),
        };
        let asked = matches!(head.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        let retry_after = if asked { retry_after::parse(&head.headers, now) } else { None };
        Self { outcome, retry_after, excerpt: None }
    }

    pub(super) fn of_error(error: &Error) -> Self {
        let outcome = outcome(error);
        tracing::debug!(%outcome, error = error as &dyn std::error::Error, "no answer");
        Self { outcome, retry_after: None, excerpt: excerpt(text(error).as_bytes()) }
    }
}

/// Reads a body to its end, so that the connection can serve again; or as much of it as is allowed, which ends the
/// connection. Trouble on the way does not matter: the head has decided.
pub(super) async fn read(mut body: Incoming) -> Option<Box<str>> {
    if body.is_end_stream() {
        return None;
    }
    let mut read = BytesMut::new();
    while let Some(Ok(frame)) = body.frame().await {
        let Some(data) = frame.data_ref() else { continue };
        let room = MAX_BODY_BYTES - read.len();
        read.extend_from_slice(data.get(..room).unwrap_or(data));
        if data.len() >= room {
            break;
        }
    }
    excerpt(&read)
}

/// Whether the request may be made once more: it was not processed, or a connection that had served before broke before a
/// byte of this answer came.
pub(super) fn may_repeat(error: &Error, begun: Mark) -> bool {
    !error.is_connect() && (was_not_processed(error) || died_idle(error, begun))
}

fn died_idle(error: &Error, begun: Mark) -> bool {
    let mut extras = http::Extensions::new();
    if let Some(connection) = error.connect_info() {
        connection.get_extras(&mut extras);
    }
    extras.get::<Usage>().is_some_and(|usage| usage.died_idle(begun))
}

/// The server said so: RFC 9113 section 8.7. Servers close HTTP/2 connections like that after some number of requests.
fn was_not_processed(error: &Error) -> bool {
    let refused = |h2: &h2::Error| h2.is_reset() && h2.reason() == Some(h2::Reason::REFUSED_STREAM);
    h2_error(error).is_some_and(|h2| h2.is_remote() && (h2.is_go_away() || refused(h2)))
}

/// What may be shown of an error: its class, never an address or a resolver's words.
fn text(error: &Error) -> String {
    match connect_error(error) {
        Some(error) => error.to_string(),
        None => error.source().map_or_else(|| error.to_string(), ToString::to_string),
    }
}

fn connect_error(error: &Error) -> Option<&ConnectError> {
    sources(error).find_map(|source| source.downcast_ref())
}

fn outcome(error: &Error) -> Outcome {
    if let Some(error) = connect_error(error) {
        return error.outcome();
    }
    if io_errors(error).any(is_tls) {
        return Outcome::Tls;
    }
    let broken = io_errors(error).any(is_broken) || h2_error(error).is_some_and(h2::Error::is_remote);
    match sources(error).find_map(|source| source.downcast_ref::<hyper::Error>()) {
        _ if broken => Outcome::Reset,
        Some(error) if error.is_incomplete_message() || error.is_canceled() || error.is_closed() => Outcome::Reset,
        Some(error) if error.is_timeout() => Outcome::Timeout,
        Some(_) => Outcome::Protocol,
        // The pool's own words for a connection that was lost before the request went out.
        None => Outcome::Reset,
    }
}

fn is_broken(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected | UnexpectedEof)
}

/// With TLS 1.3 a server may refuse after the client's side of the handshake is done, for want of a client certificate.
/// Before a head has arrived, rustls alone calls anything invalid data; h2 keeps nothing but this kind of its errors.
fn is_tls(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::InvalidData
}

fn h2_error(error: &Error) -> Option<&h2::Error> {
    sources(error).find_map(|source| source.downcast_ref())
}

fn io_errors(error: &Error) -> impl Iterator<Item = &std::io::Error> {
    sources(error).filter_map(|source| source.downcast_ref())
}

fn sources<'a>(error: &'a Error) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(error.source(), |error: &&'a (dyn std::error::Error + 'static)| (**error).source())
}
