//! Details of an attempt: how it was sent and answered. They help to find a fault.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, SET_COOKIE};
use http::{HeaderMap, HeaderName, Method};
use serde::{Deserialize, Serialize};

use super::http::Exchanged;
use crate::clock::Timestamp;
use crate::delivery::{Attempt, Leased};
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
    /// The method of the request.
    #[serde(default = "post")]
    pub method: Box<str>,
    /// The URL.
    pub url: Box<str>,
    /// The headers of the request. Signatures, credentials and the values of the endpoint's own headers are hidden. Headers that HTTP itself
    /// needs, such as `host` and `content-length`, are left out.
    pub request_headers: Vec<(Box<str>, Box<str>)>,
    /// The address that the request was sent to. Only operators see it. `None` if no connection was made.
    pub address: Option<IpAddr>,
    /// How long it took to try what did not lead to the response: addresses that did not accept, an open connection that had failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) earlier: Option<Duration>,
    /// How long it took to resolve the name, or to fail at it; about zero if the answer was kept. Only operators see it. `None` if no name
    /// was resolved: an open connection was used, or the URL has an address.
    pub dns: Option<Duration>,
    /// How long the address that was used took to accept the connection. If no address did: how long it took to try all of them. `None` if an
    /// open connection was used, no address was tried, or the connection was refused because it leads to a forbidden address.
    pub connect: Option<Duration>,
    /// How long the TLS handshake took, or took to fail. `None` if there was none.
    pub tls: Option<Duration>,
    /// How long it took from the ready connection to the head of the response: to send the request, and to wait. With HTTP/2, this
    /// includes the set-up of HTTP/2 on a new connection, and the wait for a free stream on an open one. `None` if no response was received.
    /// All of the attempt took [`Attempt::duration`](crate::delivery::Attempt::duration).
    pub first_byte: Option<Duration>,
    /// The version of TLS, such as `TLS 1.3`. `None` without TLS, and if there was no connection.
    pub tls_version: Option<Box<str>>,
    /// Whether the TLS handshake resumed an earlier session, which is faster. Only operators see it. `None` if there was no complete
    /// handshake.
    pub tls_resumed: Option<bool>,
    /// Why TLS failed, as a short name that does not change: `expired`, `not_yet_valid`, `wrong_name`, `unknown_issuer`,
    /// `no_shared_protocol`, `no_shared_version`, `handshake_refused` ... The excerpt of the attempt has a sentence. `None` if TLS did not fail.
    pub tls_failure: Option<Box<str>>,
    /// The version of HTTP. `None` if no response was received.
    pub version: Option<Box<str>>,
    /// The status code. `None` if no response was received.
    pub status: Option<u16>,
    /// The headers of the response, at most 4 KiB. Values of cookies, and those of the endpoint's own headers, are hidden.
    pub response_headers: Vec<(Box<str>, Box<str>)>,
    /// The beginning of the response body as text, at most 4 KiB, or
    /// [`max_response_body`](super::SenderBuilder::max_response_body).
    pub response_body: Box<str>,
}

/// Which details a sender keeps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    pub(super) of: KeptDetails,
    /// The maximum length of the body of a response, in bytes.
    pub(super) response_body: usize,
}

impl Default for Kept {
    fn default() -> Self {
        Self { of: KeptDetails::default(), response_body: 4 * 1024 }
    }
}

/// The maximum length of the headers of a response, in bytes.
const MAX_HEADERS_BYTES: usize = 4 * 1024;

/// What a header of a response takes besides its name and its value: the colon, the space, and the end of the line.
const HEADER_OVERHEAD: usize = 4;

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

/// The number of notes that may wait to be stored, and their maximum length together, in bytes. Further notes are dropped.
const MAX_WAITING: usize = 1_024;
const MAX_WAITING_BYTES: usize = 8 * 1024 * 1024;

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
    notes: Mutex<Notes>,
    left_out: AtomicU64,
}

#[derive(Debug, Default)]
struct Notes {
    list: Vec<DiagnosticNote>,
    bytes: usize,
}

impl Notes {
    const fn is_full(&self) -> bool {
        self.list.len() >= MAX_WAITING || self.bytes >= MAX_WAITING_BYTES
    }
}

impl WaitingNotes {
    /// Whether no note fits. Then a note need not be made: [`leave_out`](Self::leave_out) counts it.
    pub(super) fn is_full(&self) -> bool {
        self.lock().is_full()
    }

    /// Counts a note that is not stored.
    pub(super) fn leave_out(&self) {
        self.left_out.fetch_add(1, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn push(&self, note: DiagnosticNote) {
        let mut notes = self.lock();
        let bytes = notes.bytes.saturating_add(note.content.len());
        if !notes.is_full() && bytes <= MAX_WAITING_BYTES {
            notes.bytes = bytes;
            notes.list.push(note);
        } else {
            self.leave_out();
        }
    }

    fn take(&self) -> Vec<DiagnosticNote> {
        std::mem::take(&mut *self.lock()).list
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
    pub(super) method: &'a Method,
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
        max_body: usize,
    ) -> Self {
        let (head, secrets, opening) = (got.head.as_ref(), sent.secrets(), got.opening.as_deref());
        Self {
            attempt: leased.attempt,
            at,
            method: sent.method.as_str().into(),
            url: endpoint.target.as_str().into(),
            request_headers: sent.listed(),
            address: got.peer,
            earlier: opening.map(|opening| opening.earlier).filter(|earlier| !earlier.is_zero()),
            dns: opening.and_then(|opening| opening.dns),
            connect: opening.and_then(|opening| opening.connect),
            tls: opening.and_then(|opening| opening.tls),
            first_byte: got.first_byte,
            tls_version: got.tls_version.map(Into::into),
            tls_resumed: opening.and_then(|opening| opening.is_resumed),
            tls_failure: got.tls_failure.map(Into::into),
            version: head.map(|head| format!("{:?}", head.version).into()),
            status: head.map(|head| head.status.as_u16()),
            response_headers: head.map(|head| listed(&head.headers, &secrets)).unwrap_or_default(),
            response_body: text(&got.body, &secrets, max_body),
        }
    }

    /// Removes what would tell a tenant about the network, or about the endpoints of other tenants: they share the names that are resolved
    /// and the sessions of TLS.
    pub(super) fn hide_from_tenants(&mut self) {
        (self.address, self.dns, self.tls_resumed) = (None, None, None);
    }

    /// Whether this is the detail of an attempt that `next` follows. Numbers of attempts repeat after a resend, so the times count as well.
    pub(crate) fn is_of(&self, attempt: &Attempt, next: Option<&Attempt>) -> bool {
        let until = next.map_or(Timestamp::MAX, |next| next.at);
        self.attempt == attempt.number && attempt.at <= self.at && self.at < until
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

/// The method of all notes that do not name it.
fn post() -> Box<str> {
    Method::POST.as_str().into()
}

/// The headers of a response, up to the maximum length.
fn listed(headers: &HeaderMap, secrets: &[&str]) -> Headers {
    let mut left = MAX_HEADERS_BYTES;
    let mut list = Headers::new();
    for (name, value) in headers {
        let value = if CREDENTIALS.contains(name) { HIDDEN.into() } else { String::from_utf8_lossy(value.as_bytes()) };
        let Some(rest) = left.checked_sub(name.as_str().len() + value.len() + HEADER_OVERHEAD) else { continue };
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
fn text(body: &[u8], secrets: &[&str], max: usize) -> Box<str> {
    let whole = without(&String::from_utf8_lossy(body), secrets);
    let plain = |letter: char| if letter.is_control() && !matches!(letter, '\n' | '\t') { ' ' } else { letter };
    let text: String = whole.chars().take(max).map(plain).collect();
    let end = text.char_indices().map(|(at, letter)| at + letter.len_utf8()).take_while(|end| *end <= max).last();
    text.get(..end.unwrap_or(0)).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_bounded_and_secrets_are_hidden() {
        let mut headers = HeaderMap::new();
        headers.insert("x-long", "x".repeat(MAX_HEADERS_BYTES).parse().unwrap());
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
        let sent = Sent { headers: &headers, unsigned: &unsigned, default: &default, method: &Method::POST };
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
        const MAX: usize = 1_000;
        assert_eq!(&*text(b"a\r\nb\x1b[2J", &[], MAX), "a \nb [2J");
        let long = "ä".repeat(MAX);
        assert_eq!(text(long.as_bytes(), &[], MAX).len(), MAX);
        assert!(text(&[0xff; MAX], &[], MAX).len() <= MAX);
        assert_eq!(&*text(b"a", &[], 0), "");
        let cut = format!("{}my-token", "x".repeat(MAX - 4));
        assert!(!text(cut.as_bytes(), &["my-token"], MAX).contains("my-"), "no part of a secret remains");
    }

    #[test]
    fn the_notes_that_wait_are_bounded_in_number_and_in_bytes() {
        let waiting = WaitingNotes::default();
        let note = |bytes: usize| DiagnosticNote {
            subject: "".into(),
            at: Timestamp::EPOCH,
            content: "x".repeat(bytes).into(),
        };
        (0..5).for_each(|_| waiting.push(note(MAX_WAITING_BYTES / 4)));
        assert_eq!((waiting.take().len(), waiting.left_out.load(Ordering::Relaxed)), (4, 1));
        assert!(!waiting.is_full());
        (0..MAX_WAITING + 2).for_each(|_| waiting.push(note(1)));
        assert!(waiting.is_full());
        waiting.leave_out();
        assert_eq!((waiting.take().len(), waiting.left_out.load(Ordering::Relaxed)), (MAX_WAITING, 4));
    }

    /// A note from before the steps were measured apart: `connecting` was the time of all of them together.
    #[test]
    fn a_note_with_one_time_for_all_steps_is_read_without_times() {
        let content = r#"{"attempt":2,"at":1700000000000000,"url":"https://acme.example/in","request_headers":[["webhook-id","evt_1"]],
            "address":"93.184.216.34","connecting":{"secs":1,"nanos":5},"version":"HTTP/1.1","response_headers":[["x-a","1"]],
            "response_body":"no such hook"}"#;
        let note = DiagnosticNote { subject: "".into(), at: Timestamp::EPOCH, content: content.into() };
        let detail = AttemptDetail::of_note(&note).unwrap();
        assert_eq!((detail.attempt, &*detail.method, &*detail.response_body), (2, "POST", "no such hook"));
        assert_eq!((detail.dns, detail.connect, detail.tls, detail.first_byte), (None, None, None, None));
        assert_eq!(
            (detail.tls_version, detail.tls_resumed, detail.tls_failure, detail.status),
            (None, None, None, None)
        );
        assert_eq!(detail.version.as_deref(), Some("HTTP/1.1"));
    }
}
