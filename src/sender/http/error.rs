//! Why no response was received.

use std::error::Error as _;

use super::super::egress::{ConnectError, LogicalTime, Meter, PeerFault, TlsFailure};
use crate::outcome::Outcome;

/// Why no response was received. The texts contain no address and no name, because the endpoint's owner may see them.
#[derive(Debug, thiserror::Error)]
pub(super) enum ExchangeError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    PeerFault(#[from] PeerFault),
    #[error(transparent)]
    Http1(#[from] hyper::Error),
    #[error(transparent)]
    Http2(#[from] h2::Error),
}

impl ExchangeError {
    /// Replaces the error of the HTTP implementation by the fault of the server that caused it, if there is one.
    pub(super) fn or_fault_of(self, meter: &Meter) -> Self {
        meter.fault().map_or(self, Self::PeerFault)
    }

    /// The text that the endpoint's owner may see.
    pub(super) fn owner_text(&self) -> String {
        match (self, self.tls_failure()) {
            (Self::Http1(_) | Self::Http2(_), Some(cause)) => format!("the TLS connection failed: {cause}"),
            _ => self.to_string(),
        }
    }

    /// Why TLS failed; `None` if something else failed.
    pub(super) fn tls_failure(&self) -> Option<TlsFailure> {
        let io = match self {
            Self::Connect(error) => return error.tls_failure(),
            Self::Http1(error) => error.source().and_then(|source| source.downcast_ref()),
            Self::Http2(error) => error.get_io(),
            Self::PeerFault(_) => None,
        };
        io.filter(|_| self.outcome() == Outcome::Tls).map(TlsFailure::of)
    }

    pub(super) fn outcome(&self) -> Outcome {
        match self {
            Self::Connect(error) => error.outcome(),
            Self::PeerFault(PeerFault::WriteStalled | PeerFault::Unresponsive) => Outcome::Timeout,
            Self::PeerFault(PeerFault::TooMuchData | PeerFault::TooManyInterim) => Outcome::Protocol,
            Self::Http1(error) => of_http1(error),
            Self::Http2(error) => of_http2(error),
        }
    }

    /// Whether the request may be made once more: the server did not process it, or a reused connection broke before the first
    /// byte of a response.
    pub(super) fn may_repeat(&self, meter: &Meter, begun: LogicalTime) -> bool {
        match self {
            Self::Http1(_) | Self::PeerFault(PeerFault::Unresponsive) => meter.was_stale(begun),
            Self::Connect(_) | Self::PeerFault(_) => false,
            Self::Http2(error) => was_not_processed(error) || meter.was_stale(begun),
        }
    }
}

/// Whether the server reported that it did not process the request (RFC 9113 section 8.7). Servers close HTTP/2 connections with
/// this report after some number of requests.
fn was_not_processed(error: &h2::Error) -> bool {
    let refused = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
    error.is_remote() && (error.is_go_away() || refused)
}

fn of_http1(error: &hyper::Error) -> Outcome {
    let io = error.source().and_then(|source| source.downcast_ref::<std::io::Error>());
    match io.and_then(of_io) {
        Some(outcome) => outcome,
        None if error.is_incomplete_message() || error.is_canceled() || error.is_closed() => Outcome::Reset,
        None if error.is_timeout() => Outcome::Timeout,
        None => Outcome::Protocol,
    }
}

fn of_http2(error: &h2::Error) -> Outcome {
    match error.get_io().and_then(of_io) {
        Some(outcome) => outcome,
        None if error.is_library() => Outcome::Protocol,
        // The server reset the stream, or the connection was lost before the request was sent.
        None => Outcome::Reset,
    }
}

fn of_io(error: &std::io::Error) -> Option<Outcome> {
    use std::io::ErrorKind::{
        BrokenPipe, ConnectionAborted, ConnectionReset, InvalidData, NotConnected, UnexpectedEof,
    };
    match error.kind() {
        // With TLS 1.3 a server can reject a missing client certificate after the client has finished its handshake. Before the
        // response head, only rustls returns invalid data. h2 keeps only this kind of the error of rustls.
        InvalidData => Some(Outcome::Tls),
        BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected | UnexpectedEof => Some(Outcome::Reset),
        _ => None,
    }
}
