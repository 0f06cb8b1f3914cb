//! Details of an attempt: how it was sent and answered. They help to find a fault.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, SET_COOKIE};
use http::{HeaderMap, HeaderName};
use serde::{Deserialize, Serialize};

use super::http::Exchanged;
use crate::clock::Timestamp;
use crate::delivery::Leased;
use crate::endpoint::Endpoint;
use crate::id::DeliveryId;
use crate::outcome::Outcome;
use crate::store::{DiagnosticNote, Store};

/// Which attempts a sender keeps details of: how they were sent and answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum KeptDetails {
    /// No attempts.
    None,
    /// Attempts that did not succeed.
    #[default]
    Failures,
    /// All attempts.
    All,
}

/// How an attempt was sent and answered, from [`Scoped::attempt_details`](super::Scoped::attempt_details).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AttemptDetail {
    /// The number of the attempt.
    pub attempt: u32,
    /// When it began.
    pub at: Timestamp,
    /// The URL.
    pub url: Box<str>,
    /// The headers of the request. Signatures, credentials and the values of the endpoint's own headers are hidden. Headers that HTTP itself
    /// needs, such as `host` and `content-length`, are left out.
    pub request_headers: Vec<(Box<str>, Box<str>)>,
    /// The address that the request was sent to. Only operators see it. `None` if no connection was made.
    pub address: Option<IpAddr>,
    /// How long it took to connect: to resolve the name, to open the connection, and to agree on TLS. `None` if an open connection was
    /// used, or none could be opened.
    pub connecting: Option<Duration>,
    /// The version of HTTP. `None` if no response was received.
    pub version: Option<Box<str>>,
    /// The headers of the response, at most 4 KiB. Values of cookies, and those of the endpoint's own headers, are hidden.
    pub response_headers: Vec<(Box<str>, Box<str>)>,
    /// The beginning of the response body as text, at most 4 KiB.
    pub response_body: Box<str>,
}

/// The maximum length of the headers of a response, and of its body, in bytes.
const MAX_BYTES: usize = 4 * 1024;

/// The names and the values of headers.
type Headers = Vec<(Box<str>, Box<str>)>;

/// The headers set by signers whose values are kept. Other headers may be signatures or tokens, with which anybody could send the request
/// again.
const SHOWN_OF_SIGNERS: [&str; 6] =
    ["webhook-id", "webhook-timestamp", "svix-id", "svix-timestamp", "content-digest", "date"];

/// Headers whose values are credentials.
const CREDENTIALS: [HeaderName; 4] = [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE, SET_COOKIE];

/// The shortest secret that is searched for in responses.
const MIN_SECRET: usize = 6;

/// Replaces a value that is not kept.
const HIDDEN: &str = "(hidden)";

/// The number of notes that may wait to be stored. Further notes are dropped.
const MAX_WAITING: usize = 1_024;

/// The number of notes that one call stores.
const BATCH: usize = 128;

impl KeptDetails {
    pub(super) const fn includes(self, outcome: Outcome) -> bool {
        match self {
            Self::None => false,
            Self::Failures => !outcome.is_success(),
            Self::All => true,
        }
    }
}

/// Notes that are not stored yet. They do not delay the attempts. A process that is killed loses them.
#[derive(Debug, Default)]
pub(super) struct WaitingNotes {
    notes: Mutex<Vec<DiagnosticNote>>,
    left_out: AtomicU64,
}

impl WaitingNotes {
    pub(super) fn push(&self, note: DiagnosticNote) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        if notes.len() < MAX_WAITING {
            notes.push(note);
        } else {
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn take(&self) -> Vec<DiagnosticNote> {
        std::mem::take(&mut *self.notes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Stores all notes. If the store fails, they are dropped, because nothing depends on them.
    pub(super) async fn store_in(&self, store: &dyn Store) {
        let notes = self.take();
        let (mut left_out, mut has_failed) = (self.left_out.swap(0, Ordering::Relaxed), false);
        for batch in notes.chunks(BATCH) {
            // After a failure the remaining notes are dropped, so that a failing store is called only once.
            if has_failed || store.note(batch.to_vec()).await.is_err() {
                has_failed = true;
                left_out += batch.len() as u64;
            }
        }
        if left_out > 0 {
            warn_left_out(left_out);
        }
    }
}

fn warn_left_out(count: u64) {
    tracing::warn!(count, "details of attempts are dropped, because the store is too slow or fails");
}

/// The headers of a request as they were sent, in one buffer: attempts whose details are not kept need no copy of each value.
#[derive(Debug, Default)]
pub(super) struct SentHeaders(Vec<u8>);

impl SentHeaders {
    pub(super) fn set(&mut self, headers: &HeaderMap) {
        self.0.clear();
        self.0.reserve(512);
        for (name, value) in headers {
            for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\n"] {
                self.0.extend_from_slice(part);
            }
        }
    }

    fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }
}

/// What is known of a request besides its response.
pub(super) struct Sent<'a> {
    pub(super) headers: &'a SentHeaders,
    /// The headers before signing. All others come from the signers.
    pub(super) unsigned: &'a HeaderMap,
    /// Headers that every request has, unless it has others of the same name.
    pub(super) default: &'a HeaderMap,
}

impl Sent<'_> {
    fn listed(&self) -> Headers {
        let text = self.headers.text();
        let of_headers = text.lines().filter_map(|line| line.split_once(": "));
        let shown =
            |(name, value): (&str, &str)| (name.into(), if self.is_hidden(name) { HIDDEN } else { value }.into());
        let mut all: Headers = of_headers.map(shown).collect();
        for (name, value) in self.default {
            if !all.iter().any(|(present, _)| **present == *name.as_str()) {
                all.push((name.as_str().into(), value.to_str().unwrap_or_default().into()));
            }
        }
        all
    }

    fn is_hidden(&self, name: &str) -> bool {
        match self.unsigned.get(name) {
            Some(value) => value.is_sensitive() || CREDENTIALS.iter().any(|secret| secret.as_str() == name),
            None => !SHOWN_OF_SIGNERS.contains(&name),
        }
    }

    /// The secret values of the request. They are hidden in the response, too, if the server repeats them.
    fn secrets(&self) -> Vec<&str> {
        let values =
            self.unsigned.values().filter(|value| value.is_sensitive()).filter_map(|value| value.to_str().ok());
        let with_tokens = values.flat_map(|value| [value, value.rsplit(' ').next().unwrap_or_default()]);
        with_tokens.filter(|secret| secret.len() >= MIN_SECRET).collect()
    }
}

impl AttemptDetail {
    pub(super) fn of(
        leased: &Leased,
        (endpoint, at): (&Endpoint, Timestamp),
        sent: &Sent<'_>,
        got: &Exchanged,
    ) -> Self {
        let (head, secrets) = (got.head.as_ref(), sent.secrets());
        Self {
            attempt: leased.attempt,
            at,
            url: endpoint.target.as_str().into(),
            request_headers: sent.listed(),
            address: got.peer,
            connecting: got.connecting,
            version: head.map(|head| format!("{:?}", head.version).into()),
            response_headers: head.map(|head| listed(&head.headers, &secrets)).unwrap_or_default(),
            response_body: text(&got.body, &secrets),
        }
    }

    /// Reads a note. `None` if another version has written it in a form that this version does not know.
    pub(super) fn of_note(note: &DiagnosticNote) -> Option<Self> {
        serde_json::from_str(&note.content).ok()
    }

    pub(super) fn note(&self, delivery: DeliveryId) -> DiagnosticNote {
        let content = serde_json::to_string(self).unwrap_or_default();
        DiagnosticNote { subject: delivery.to_string().into(), at: self.at, content: content.into() }
    }
}

/// The headers of a response, up to the maximum length.
fn listed(headers: &HeaderMap, secrets: &[&str]) -> Headers {
    let mut left = MAX_BYTES;
    let mut list = Headers::new();
    for (name, value) in headers {
        let value = if CREDENTIALS.contains(name) { HIDDEN.into() } else { String::from_utf8_lossy(value.as_bytes()) };
        let Some(rest) = left.checked_sub(name.as_str().len() + value.len()) else { continue };
        left = rest;
        list.push((name.as_str().into(), without(&value, secrets).into()));
    }
    list
}

/// The text without the secrets that it repeats.
fn without(text: &str, secrets: &[&str]) -> String {
    secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret, HIDDEN))
}

/// The beginning of a body. Control characters except line breaks and tabs are replaced by spaces. Secrets are hidden before the body is cut,
/// so that no part of a secret remains at its end.
fn text(body: &[u8], secrets: &[&str]) -> Box<str> {
    let whole = without(&String::from_utf8_lossy(body), secrets);
    let plain = |letter: char| if letter.is_control() && !matches!(letter, '\n' | '\t') { ' ' } else { letter };
    let text: String = whole.chars().take(MAX_BYTES).map(plain).collect();
    let end = text.char_indices().map(|(at, letter)| at + letter.len_utf8()).take_while(|end| *end <= MAX_BYTES).last();
    text.get(..end.unwrap_or(0)).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_bounded_and_secrets_are_hidden() {
        let mut headers = HeaderMap::new();
        headers.insert("x-long", "x".repeat(MAX_BYTES).parse().unwrap());
        headers.insert("x-a", "1 my-token 2".parse().unwrap());
        headers.insert(SET_COOKIE, "session=secret".parse().unwrap());
        let list = listed(&headers, &["my-token"]);
        assert_eq!(list, [("x-a".into(), "1 (hidden) 2".into()), ("set-cookie".into(), HIDDEN.into())]);
    }

    #[test]
    fn what_signers_add_is_hidden_unless_it_is_harmless() {
        let mut unsigned = HeaderMap::new();
        unsigned.insert("content-type", "application/json".parse().unwrap());
        let mut token: http::HeaderValue = "Bearer my-token".parse().unwrap();
        token.set_sensitive(true);
        unsigned.insert("x-own", token);
        let mut signed = unsigned.clone();
        signed.insert("webhook-id", "evt_1".parse().unwrap());
        signed.insert("x-token-of-a-scheme", "secret".parse().unwrap());
        let mut headers = SentHeaders::default();
        headers.set(&signed);
        let mut default = HeaderMap::new();
        default.insert("content-type", "text/plain".parse().unwrap());
        default.insert("user-agent", "hookwire".parse().unwrap());
        let sent = Sent { headers: &headers, unsigned: &unsigned, default: &default };
        let expected = [
            ("content-type", "application/json"),
            ("x-own", HIDDEN),
            ("webhook-id", "evt_1"),
            ("x-token-of-a-scheme", HIDDEN),
            ("user-agent", "hookwire"),
        ];
        assert_eq!(sent.listed(), expected.map(|(name, value)| (name.into(), value.into())));
        assert_eq!(sent.secrets(), ["Bearer my-token", "my-token"]);
    }

    #[test]
    fn a_body_is_cut_at_a_character() {
        assert_eq!(&*text(b"a\r\nb\x1b[2J", &[]), "a \nb [2J");
        let long = "ä".repeat(MAX_BYTES);
        assert_eq!(text(long.as_bytes(), &[]).len(), MAX_BYTES);
        assert!(text(&[0xff; MAX_BYTES], &[]).len() <= MAX_BYTES);
        let cut = format!("{}my-token", "x".repeat(MAX_BYTES - 4));
        assert!(!text(cut.as_bytes(), &["my-token"]).contains("my-"), "no part of a secret remains");
    }
}
