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

/// Which outcomes a list is limited to: one outcome, any status, or a class of statuses such as 5xx.
///
/// ```
/// use hookwire::outcome::{Outcome, OutcomeFilter};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let failed = OutcomeFilter::from_name("5xx").ok_or("unknown")?;
/// assert!(failed.matches(Outcome::Status(503)) && !failed.matches(Outcome::Status(404)));
/// assert!(!failed.matches(Outcome::Timeout));
/// assert_eq!(OutcomeFilter::from_name("timeout"), Some(OutcomeFilter::of(Outcome::Timeout)));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OutcomeFilter {
    /// One outcome of the class.
    outcome: Outcome,
    /// The last status that matches; the first one is that of the outcome. `None` if the class has no statuses.
    last: Option<u16>,
}

impl OutcomeFilter {
    /// The name of the filter that any status matches.
    const ANY_STATUS: &'static str = "status";

    /// A filter for one outcome.
    #[must_use]
    pub const fn of(outcome: Outcome) -> Self {
        Self { outcome, last: outcome.status() }
    }

    const fn of_statuses(first: u16, last: u16) -> Self {
        Self { outcome: Outcome::Status(first), last: Some(last) }
    }

    /// The filter with this name. A name is one of: a [class](Outcome::class) such as `timeout`, where `status` means any status; a range of
    /// statuses, `1xx` to `5xx`; or one status, as a number without leading zeros. Returns `None` for any other name. Every name that
    /// [`Display`](fmt::Display) writes can be read.
    ///
    /// ```
    /// use hookwire::outcome::{Outcome, OutcomeFilter};
    ///
    /// assert_eq!(OutcomeFilter::from_name("503"), Some(OutcomeFilter::of(Outcome::Status(503))));
    /// assert!(OutcomeFilter::from_name("status").is_some_and(|any| any.matches(Outcome::Status(204))));
    /// assert!(["", "6xx", "099", "65536", "5XX", "Timeout"].iter().all(|name| OutcomeFilter::from_name(name).is_none()));
    /// ```
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name.as_bytes() {
            [class @ b'1'..=b'5', b'x', b'x'] => {
                let first = u16::from(class - b'0') * 100;
                Some(Self::of_statuses(first, first + 99))
            }
            [b'0'] | [b'1'..=b'9', ..] => name.parse().ok().map(|code| Self::of(Outcome::Status(code))),
            _ if name == Self::ANY_STATUS => Some(Self::of_statuses(0, u16::MAX)),
            _ => Outcome::from_parts(name, None).map(Self::of),
        }
    }

    /// Whether an outcome matches.
    #[must_use]
    pub fn matches(self, outcome: Outcome) -> bool {
        match (self.statuses(), outcome) {
            (Some((first, last)), Outcome::Status(code)) => first <= code && code <= last,
            _ => self.outcome == outcome,
        }
    }

    /// The [class](Outcome::class) of the outcomes that match, for stores.
    ///
    /// ```
    /// use hookwire::outcome::{Outcome, OutcomeFilter};
    ///
    /// let filter = OutcomeFilter::of(Outcome::Status(503));
    /// assert_eq!((filter.class(), filter.statuses()), ("status", Some((503, 503))));
    /// assert_eq!(OutcomeFilter::of(Outcome::Dns).statuses(), None);
    /// ```
    #[must_use]
    pub const fn class(self) -> &'static str {
        self.outcome.class()
    }

    /// The first and the last status that match, for stores. `None` if outcomes of this class have no status.
    #[must_use]
    pub const fn statuses(self) -> Option<(u16, u16)> {
        match (self.outcome.status(), self.last) {
            (Some(first), Some(last)) => Some((first, last)),
            _ => None,
        }
    }
}

/// The [name](OutcomeFilter::from_name) of the filter.
impl fmt::Display for OutcomeFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.statuses() {
            None | Some((0, u16::MAX)) => f.write_str(self.class()),
            Some((first, last)) if first == last => write!(f, "{first}"),
            Some((first, _)) => write!(f, "{}xx", first / 100),
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

    #[test]
    fn the_name_of_a_filter_leads_back_to_it() {
        for name in [
            "1xx",
            "5xx",
            "0",
            "7",
            "100",
            "204",
            "999",
            "1000",
            "65535",
            "status",
            "dns",
            "local",
            "handled",
            "handler_rejected",
        ] {
            assert_eq!(OutcomeFilter::from_name(name).map(|filter| filter.to_string()).as_deref(), Some(name));
        }
        for name in ["0xx", "6xx", "xx", "5x", "099", "00", "65536", "+99", "status 503", " 503", "weather"] {
            assert_eq!(OutcomeFilter::from_name(name), None, "{name}");
        }
        for outcome in [0, 7, 99, 600, u16::MAX].map(Outcome::Status) {
            let filter = OutcomeFilter::of(outcome);
            assert_eq!(OutcomeFilter::from_name(&filter.to_string()), Some(filter));
        }
    }
}
