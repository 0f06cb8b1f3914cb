//! Shared parts of the targets: a request in a text format, so that seeds can be read and written by hand.
//!
//! ```text
//! stripe 1700000000
//! POST https://example.com/hooks
//! stripe-signature: t=1700000000,v1=00
//!
//! {"id":"evt_1"}
//! ```

pub mod certificates;

use bytes::Bytes;
use hookwire::clock::Timestamp;
use hookwire::provider::{EventRef, Events, Identity, MAX_EVENTS, Scheme};
use hookwire::secret::{Key, Keyring};
use hookwire::signature::{Received, Settings};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use libfuzzer_sys::fuzzer_mutate;

/// The separator between a request and a document that the scheme fetches.
const DOCUMENT: &[u8] = b"\n%%\n";

/// A request, and how it is verified.
#[derive(Debug)]
pub struct Case {
    /// The provider whose scheme verifies the request.
    pub provider: &'static Scheme,
    /// When it was received.
    pub now: Timestamp,
    /// Its method.
    pub method: Method,
    /// Its target.
    pub uri: Uri,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
    /// The document that is returned for every fetch of a key or a certificate.
    pub document: Bytes,
}

impl Case {
    /// Parses the text; `None` if it is not a request.
    #[must_use]
    pub fn read(data: &[u8]) -> Option<Self> {
        let cut = data.windows(DOCUMENT.len()).position(|window| window == DOCUMENT);
        let (request, document) = match cut {
            Some(at) => (&data[..at], &data[at + DOCUMENT.len()..]),
            None => (data, &b""[..]),
        };
        let mut rest = request;
        let (name, now) = split(line(&mut rest)?, b' ')?;
        let (method, uri) = split(line(&mut rest)?, b' ')?;
        let mut headers = HeaderMap::new();
        while let Some(header) = line(&mut rest).filter(|header| !header.is_empty()) {
            let (name, value) = split(header, b':')?;
            let name = HeaderName::from_bytes(name).ok()?;
            headers.append(name, HeaderValue::from_bytes(value.trim_ascii_start()).ok()?);
        }
        Some(Self {
            provider: Scheme::named(std::str::from_utf8(name).ok()?)?,
            now: Timestamp::from_secs(std::str::from_utf8(now).ok()?.parse().ok()?),
            method: Method::from_bytes(method).ok()?,
            uri: Uri::try_from(uri).ok()?,
            headers,
            body: Bytes::copy_from_slice(rest),
            document: Bytes::copy_from_slice(document),
        })
    }

    /// The request as a scheme receives it.
    #[must_use]
    pub fn received(&self) -> Received<'_> {
        Received { method: &self.method, uri: &self.uri, headers: &self.headers, body: &self.body }
    }
}

fn line<'d>(rest: &mut &'d [u8]) -> Option<&'d [u8]> {
    if rest.is_empty() {
        return None;
    }
    let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
    let line = &rest[..end];
    *rest = &rest[(end + 1).min(rest.len())..];
    Some(line)
}

fn split(line: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let at = line.iter().position(|byte| *byte == at)?;
    Some((&line[..at], &line[at + 1..]))
}

/// The mutator. One change in four shortens a line or replaces the provider; the others are the byte changes of libFuzzer, which
/// rarely produce either.
#[must_use]
pub fn change(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    let pick = |bits: u32, len: usize| (seed >> bits) as usize % len.max(1);
    let end = size.min(data.len());
    let changed = match seed % 8 {
        0 => cut_short(&data[..end], |lines| pick(3, lines), |len| pick(11, len)),
        1 => sent_by(&data[..end], |providers| pick(3, providers)),
        _ => None,
    };
    match changed.filter(|changed| changed.len() <= max_size) {
        Some(changed) => {
            data[..changed.len()].copy_from_slice(&changed);
            changed.len()
        }
        None => fuzzer_mutate(data, size, max_size),
    }
}

fn cut_short(data: &[u8], line: impl Fn(usize) -> usize, kept: impl Fn(usize) -> usize) -> Option<Vec<u8>> {
    let mut lines: Vec<_> = data.split(|byte| *byte == b'\n').collect();
    let line = line(lines.len());
    lines[line] = lines[line].get(..kept(lines[line].len()))?;
    Some(lines.join(&b'\n'))
}

fn sent_by(data: &[u8], provider: impl Fn(usize) -> usize) -> Option<Vec<u8>> {
    let rest = data.iter().position(|byte| *byte == b' ')?;
    let provider = Scheme::all().nth(provider(Scheme::all().count()))?;
    Some([provider.name().as_bytes(), &data[rest..]].concat())
}

/// Random keys. They are new in every process, so no seed has a valid signature.
///
/// # Panics
/// Panics if the system returns no random bytes.
#[must_use]
pub fn unknown_keys() -> Keyring {
    let public = Key::generate_ed25519().and_then(|key| Ok(key.public().unwrap_or(Key::generate()?)));
    Keyring::from_keys([Key::generate().unwrap(), public.unwrap()]).unwrap()
}

/// A value for every required setting of the scheme.
#[must_use]
pub fn settings(scheme: &Scheme) -> Settings {
    with_required(Settings::default(), scheme)
}

/// These settings, and a value for every other required setting of the scheme.
#[must_use]
pub fn with_required(settings: Settings, scheme: &Scheme) -> Settings {
    let missing = scheme.known_settings().iter().filter(|it| it.required && settings.get(it.name).is_none());
    let missing: Vec<_> = missing.map(|setting| setting.name).collect();
    missing.into_iter().fold(settings, |settings, name| settings.with(name, "https://example.com"))
}

/// Checks the limits of the events of one request.
///
/// # Panics
/// Panics if a limit is exceeded.
pub fn check_events(events: &Events) {
    let each = |event: &EventRef| {
        for text in event.id.iter().chain(&event.event_type) {
            assert!(!text.is_empty() && text.len() <= 256 && !text.chars().any(char::is_control), "{text:?}");
        }
        assert_ne!(
            event.identity,
            Identity::This(String::new()),
            "an empty identity would make all such events duplicates"
        );
    };
    match events {
        Events::One(event) => each(event),
        Events::Batch(items) => {
            assert!(items.len() <= MAX_EVENTS);
            items.iter().for_each(|item| each(&item.event));
        }
    }
}
