//! Why there is no answer.

use std::error::Error as _;

use super::super::egress::{ConnectError, Fault, Mark, Meter, TlsCause};
use crate::outcome::Outcome;

/// Why there is no answer. The texts hold no address and no name: they may reach the endpoint's owner.
#[derive(Debug, thiserror::Error)]
pub(super) enum ExchangeError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Fault(#[from] Fault),
    #[error(transparent)]
    Http1(#[from] hyper::Error),
    #[error(transparent)]
    Http2(#[from] h2::Error),
}

impl ExchangeError {
    /// What the receiver did counts for more than the words of the protocol that met it.
    pub(super) fn on(self, meter: &Meter) -> Self {
        meter.fault().map_or(self, Self::Fault)
    }

    /// What the endpoint's owner is told.
    pub(super) fn words(&self) -> String {
        let io = match self {
            Self::Http1(error) => error.source().and_then(|source| source.downcast_ref()),
            Self::Http2(error) => error.get_io(),
            Self::Connect(_) | Self::Fault(_) => None,
        };
        match io.filter(|_| self.outcome() == Outcome::Tls) {
            Some(io) => format!("the TLS connection failed: {}", TlsCause::of(io)),
            None => self.to_string(),
        }
    }

    pub(super) fn outcome(&self) -> Outcome {
        match self {
            Self::Connect(error) => error.outcome(),
            Self::Fault(Fault::Stalled | Fault::Silent) => Outcome::Timeout,
            Self::Fault(Fault::Excess | Fault::Interim) => Outcome::Protocol,
            Self::Http1(error) => of_http1(error),
            Self::Http2(error) => of_http2(error),
        }
    }

    /// Whether the request may be made once more: it was not processed, or a connection that had served before broke before
    /// a byte of this answer came.
    pub(super) fn may_repeat(&self, meter: &Meter, begun: Mark) -> bool {
        match self {
            Self::Http1(_) | Self::Fault(Fault::Silent) => meter.died_idle(begun),
            Self::Connect(_) | Self::Fault(_) => false,
            Self::Http2(error) => was_not_processed(error) || meter.died_idle(begun),
        }
    }
}

/// The server said so: RFC 9113 section 8.7. Servers close HTTP/2 connections like that after some number of requests.
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
        // What the server said, or a connection that was lost before the request went out.
        None => Outcome::Reset,
    }
}

fn of_io(error: &std::io::Error) -> Option<Outcome> {
    use std::io::ErrorKind::{
        BrokenPipe, ConnectionAborted, ConnectionReset, InvalidData, NotConnected, UnexpectedEof,
    };
    match error.kind() {
        // With TLS 1.3 a server may refuse after the client's side of the handshake is done, for want of a client
        // certificate. Before a head has arrived, rustls alone calls anything invalid data; h2 keeps nothing but this
        // kind of its errors.
        InvalidData => Some(Outcome::Tls),
        BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected | UnexpectedEof => Some(Outcome::Reset),
        _ => None,
    }
}
