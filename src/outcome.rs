//! What an attempt met: a status, or a class of failure.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// What an attempt met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// A complete response head arrived, with this status code.
    Status(u16),
    /// The name could not be resolved.
    Dns,
    /// No connection: refused, unreachable, or not within the connect budget.
    Connect,
    /// The TLS handshake or the certificate check failed.
    Tls,
    /// The whole-exchange budget ran out before a response head arrived.
    Timeout,
    /// The connection broke before a response head arrived; the request may have been processed.
    Reset,
    /// What arrived was not HTTP, or not acceptable HTTP.
    Protocol,
    /// The egress guard refused the target; nothing was sent.
    Blocked,
    /// Our own fault: disk, descriptors, resolver, shutdown. Nothing is held against the endpoint.
    Local,
    /// The code that delivers panicked.
    Panic,
    /// A handler of an inbox has done its work.
    Handled,
    /// A handler of an inbox has failed, and may be called again.
    HandlerFailed,
    /// A handler of an inbox has rejected the job: it is not to be called again.
    HandlerRejected,
}

impl Outcome {
    /// A status from 200 to 299, or a handler that has done its work: the only successes.
    #[must_use]
    pub const fn is_success(self) -> bool {
        matches!(self, Self::Status(200..=299) | Self::Handled)
    }

    /// Whether it is held against the endpoint, or the queue: it is no success, and no fault of our own.
    #[must_use]
    pub const fn is_endpoint_failure(self) -> bool {
        !self.is_success() && !matches!(self, Self::Local | Self::Panic)
    }

    /// The status code, when there was one.
    #[must_use]
    pub const fn status(self) -> Option<u16> {
        match self {
            Self::Status(code) => Some(code),
            _ => None,
        }
    }

    /// A stable, short name for metrics and stores: `status`, `dns`, `connect` ...
    #[must_use]
    pub const fn class(self) -> &'static str {
        match self {
            Self::Status(_) => "status",
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::Reset => "reset",
            Self::Protocol => "protocol",
            Self::Blocked => "blocked",
            Self::Local => "local",
            Self::Panic => "panic",
            Self::Handled => "handled",
            Self::HandlerFailed => "handler_failed",
            Self::HandlerRejected => "handler_rejected",
        }
    }

    /// The reverse of [`class`](Self::class) and [`status`](Self::status): what a store reads back.
    #[must_use]
    pub fn from_parts(class: &str, status: Option<u16>) -> Option<Self> {
        Some(match (class, status) {
            ("status", Some(code)) => Self::Status(code),
            ("dns", _) => Self::Dns,
            ("connect", _) => Self::Connect,
            ("tls", _) => Self::Tls,
            ("timeout", _) => Self::Timeout,
            ("reset", _) => Self::Reset,
            ("protocol", _) => Self::Protocol,
            ("blocked", _) => Self::Blocked,
            ("local", _) => Self::Local,
            ("panic", _) => Self::Panic,
            ("handled", _) => Self::Handled,
            ("handler_failed", _) => Self::HandlerFailed,
            ("handler_rejected", _) => Self::HandlerRejected,
            _ => return None,
        })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(code) => write!(f, "status {code}"),
            other => f.write_str(other.class()),
        }
    }
}

/// How an attempt went: what a [`Deliver`](crate::worker::Deliver) reports and a retry policy judges.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// What it met.
    pub outcome: Outcome,
    /// When the endpoint asked to be left alone until (`Retry-After`), already read as a point in time.
    pub retry_after: Option<Timestamp>,
    /// How long the exchange took.
    pub duration: Duration,
    /// The beginning of the answer or of the error's text: bounded and free of control characters.
    pub excerpt: Option<Box<str>>,
}

impl Report {
    /// A report without `Retry-After` and excerpt.
    #[must_use]
    pub const fn new(outcome: Outcome, duration: Duration) -> Self {
        Self { outcome, retry_after: None, duration, excerpt: None }
    }

    /// Adds when the endpoint asked to be left alone until.
    #[must_use]
    pub const fn with_retry_after(mut self, until: Option<Timestamp>) -> Self {
        self.retry_after = until;
        self
    }

    /// Adds an excerpt; see [`excerpt`](crate::outcome::excerpt()).
    #[must_use]
    pub fn with_excerpt(mut self, excerpt: Option<Box<str>>) -> Self {
        self.excerpt = excerpt;
        self
    }
}

/// Longest excerpt kept of an answer, in bytes.
pub const MAX_EXCERPT_BYTES: usize = 1024;

/// Makes a stranger's bytes fit to be stored and shown: at most [`MAX_EXCERPT_BYTES`], invalid UTF-8 replaced, control
/// characters (terminal escapes, line breaks) turned into spaces. `None` for nothing.
///
/// ```
/// assert_eq!(hookwire::outcome::excerpt(b"no\x1b[2J\nsuch hook").as_deref(), Some("no [2J such hook"));
/// ```
#[must_use]
pub fn excerpt(bytes: &[u8]) -> Option<Box<str>> {
    let head = bytes.get(..MAX_EXCERPT_BYTES).unwrap_or(bytes);
    let mut text = String::with_capacity(head.len());
    for c in String::from_utf8_lossy(head).chars() {
        let c = if c.is_control() { ' ' } else { c };
        if text.len() + c.len_utf8() > MAX_EXCERPT_BYTES {
            break;
        }
        text.push(c);
    }
    (!text.trim().is_empty()).then(|| text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_bounded_even_when_replacement_makes_it_longer() {
        let text = excerpt(&[0xff; 5_000]).unwrap();
        assert!(text.len() <= MAX_EXCERPT_BYTES);
        assert_eq!(excerpt(b" \n"), None);
    }

    #[test]
    fn every_outcome_reads_back_from_its_parts() {
        let all =
            [Outcome::Status(503), Outcome::Dns, Outcome::Connect, Outcome::Tls, Outcome::Timeout, Outcome::Reset];
        let rest = [Outcome::Protocol, Outcome::Blocked, Outcome::Local, Outcome::Panic];
        let handled = [Outcome::Handled, Outcome::HandlerFailed, Outcome::HandlerRejected];
        for outcome in all.into_iter().chain(rest).chain(handled) {
            assert_eq!(Outcome::from_parts(outcome.class(), outcome.status()), Some(outcome));
        }
        assert_eq!(Outcome::from_parts("status", None), None);
    }
}
