//! The outcome of an attempt: a status, or a class of failure.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// The outcome of an attempt.
///
/// ```
/// use hookwire::outcome::Outcome;
///
/// assert!(Outcome::Status(204).is_success());
/// assert_eq!((Outcome::Status(503).to_string(), Outcome::Dns.class()), ("status 503".into(), "dns"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// The head of a response arrived, with this status code.
    Status(u16),
    /// The host name could not be resolved.
    Dns,
    /// No connection was made: refused, unreachable, or not in time.
    Connect,
    /// The TLS handshake or the certificate check failed.
    Tls,
    /// The time for the exchange ended before the head of a response arrived.
    Timeout,
    /// The connection closed before the head of a response arrived. The request may have been processed.
    Reset,
    /// The response was not valid HTTP.
    Protocol,
    /// The egress guard refused the target. Nothing was sent.
    Blocked,
    /// A local fault: disk, descriptors, resolver, shutdown. It does not count against the endpoint.
    Local,
    /// The [`Deliver`](crate::worker::Deliver) implementation panicked.
    Panic,
    /// A handler of an inbox returned success.
    Handled,
    /// A handler of an inbox failed and may be called again.
    HandlerFailed,
    /// A handler of an inbox rejected the job and is not called again for it.
    HandlerRejected,
}

impl Outcome {
    /// Whether the attempt succeeded: a status from 200 to 299, or [`Outcome::Handled`].
    ///
    /// ```
    /// use hookwire::outcome::Outcome;
    ///
    /// assert!(Outcome::Status(202).is_success() && Outcome::Handled.is_success());
    /// assert!(!Outcome::Status(302).is_success());
    /// ```
    #[must_use]
    pub const fn is_success(self) -> bool {
        matches!(self, Self::Status(200..=299) | Self::Handled)
    }

    /// Whether it counts against the endpoint or the queue: neither a success nor a local fault.
    ///
    /// ```
    /// use hookwire::outcome::Outcome;
    ///
    /// assert!(Outcome::Timeout.is_endpoint_failure());
    /// assert!(!Outcome::Local.is_endpoint_failure() && !Outcome::Status(200).is_endpoint_failure());
    /// ```
    #[must_use]
    pub const fn is_endpoint_failure(self) -> bool {
        !self.is_success() && !matches!(self, Self::Local | Self::Panic)
    }

    /// The status code; `None` if no response arrived.
    #[must_use]
    pub const fn status(self) -> Option<u16> {
        match self {
            Self::Status(code) => Some(code),
            _ => None,
        }
    }

    /// A short name for metrics and stores, which does not change: `status`, `dns`, `connect` ...
    ///
    /// ```
    /// use hookwire::outcome::Outcome;
    ///
    /// assert_eq!((Outcome::Status(503).class(), Outcome::HandlerFailed.class()), ("status", "handler_failed"));
    /// ```
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

    /// The outcome with this [`class`](Self::class) and [`status`](Self::status), for stores. `None` if the class is unknown.
    ///
    /// ```
    /// use hookwire::outcome::Outcome;
    ///
    /// assert_eq!(Outcome::from_parts("status", Some(503)), Some(Outcome::Status(503)));
    /// assert_eq!(Outcome::from_parts("tls", None), Some(Outcome::Tls));
    /// assert_eq!(Outcome::from_parts("weather", None), None);
    /// ```
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

/// The result of an attempt: what a [`Deliver`](crate::worker::Deliver) returns and a retry policy decides on.
///
/// ```
/// use std::time::Duration;
/// use hookwire::outcome::{Outcome, Report};
///
/// let report = Report::new(Outcome::Status(503), Duration::from_millis(80));
/// assert_eq!((report.outcome.status(), report.retry_after), (Some(503), None));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The outcome.
    pub outcome: Outcome,
    /// The next retry starts no earlier than this time, because the endpoint asked for it with `Retry-After`.
    pub retry_after: Option<Timestamp>,
    /// How long the attempt took.
    pub duration: Duration,
    /// The beginning of the response or of an error's text, bounded and without control characters.
    pub excerpt: Option<Box<str>>,
}

impl Report {
    /// A report without `Retry-After` and without excerpt.
    #[must_use]
    pub const fn new(outcome: Outcome, duration: Duration) -> Self {
        Self { outcome, retry_after: None, duration, excerpt: None }
    }

    /// Sets the time that the endpoint asked for with `Retry-After`.
    ///
    /// ```
    /// use std::time::Duration;
    /// use hookwire::clock::Timestamp;
    /// use hookwire::outcome::{Outcome, Report};
    ///
    /// let until = Timestamp::from_secs(1_700_000_090);
    /// let report = Report::new(Outcome::Status(429), Duration::ZERO).retry_after(Some(until));
    /// assert_eq!(report.retry_after, Some(until));
    /// ```
    #[must_use]
    pub const fn retry_after(mut self, until: Option<Timestamp>) -> Self {
        self.retry_after = until;
        self
    }

    /// Adds an excerpt of the response or of an error's text, made safe to store and to print: at most
    /// [`MAX_EXCERPT_BYTES`], invalid UTF-8 replaced, control characters (terminal escapes, line breaks) replaced by spaces.
    /// White space alone counts as no excerpt.
    ///
    /// ```
    /// use std::time::Duration;
    /// use hookwire::outcome::{Outcome, Report};
    ///
    /// let report = Report::new(Outcome::Status(404), Duration::from_millis(80)).excerpt(b"no\x1b[2J\nsuch hook");
    /// assert_eq!(report.excerpt.as_deref(), Some("no [2J such hook"));
    /// ```
    #[must_use]
    pub fn excerpt(mut self, text: &[u8]) -> Self {
        self.excerpt = excerpt(text);
        self
    }
}

/// Longest excerpt of a response, in bytes.
pub const MAX_EXCERPT_BYTES: usize = 1024;

fn excerpt(bytes: &[u8]) -> Option<Box<str>> {
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
    fn an_excerpt_is_bounded_even_if_replacement_characters_make_it_longer() {
        let text = excerpt(&[0xff; 5_000]).unwrap();
        assert!(text.len() <= MAX_EXCERPT_BYTES);
        assert_eq!(excerpt(b" \n"), None);
    }

    #[test]
    fn every_outcome_is_restored_from_its_parts() {
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
