//! What the targets share: a request as text, so that a seed can be read and written by hand.
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
use hookwire::secret::{Key, Keyring};
use hookwire::signature::providers::Provider;
use hookwire::signature::{EventRef, Events, Identity, MAX_EVENTS, Received, Settings, Verify};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use libfuzzer_sys::fuzzer_mutate;

/// Between a request and a document that it needs.
const DOCUMENT: &[u8] = b"\n%%\n";

/// A request, and what it is checked against.
#[derive(Debug)]
pub struct Case {
    /// The provider that it is said to come from.
    pub provider: &'static Provider,
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
    /// What stands wherever the scheme looks for a key or a certificate.
    pub document: Bytes,
}

impl Case {
    /// Reads the text; `None` where it says nothing that could be a request.
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
            provider: Provider::named(std::str::from_utf8(name).ok()?)?,
            now: Timestamp::from_secs(std::str::from_utf8(now).ok()?.parse().ok()?),
            method: Method::from_bytes(method).ok()?,
            uri: Uri::try_from(uri).ok()?,
            headers,
            body: Bytes::copy_from_slice(rest),
            document: Bytes::copy_from_slice(document),
        })
    }

    /// As a scheme sees it.
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

/// One change in four is to the text of a request: a line is cut short, or another provider is said to have sent it. Changes
/// of single bytes, the other three, come to either too seldom for a minute.
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
    let provider = Provider::all().nth(provider(Provider::all().count()))?;
    Some([provider.name.as_bytes(), &data[rest..]].concat())
}

/// Keys that nobody knows: what they verify was not signed. Made anew by every process, so that no seed fits them.
///
/// # Panics
/// When the system gives no random bytes.
#[must_use]
pub fn unknown_keys() -> Keyring {
    let public = Key::generate_ed25519().and_then(|key| Ok(key.public().unwrap_or(Key::generate()?)));
    Keyring::of([Key::generate().unwrap(), public.unwrap()]).unwrap()
}

/// Something for every setting that the scheme cannot do without.
#[must_use]
pub fn settings(scheme: &dyn Verify) -> Settings {
    with_required(Settings::default(), scheme)
}

/// These settings, and something for every other that the scheme cannot do without.
#[must_use]
pub fn with_required(settings: Settings, scheme: &dyn Verify) -> Settings {
    let missing = scheme.settings().iter().filter(|it| it.required && settings.get(it.name).is_none());
    let missing: Vec<_> = missing.map(|setting| setting.name).collect();
    missing.into_iter().fold(settings, |settings, name| settings.with(name, "https://example.com"))
}

/// What every list of events must be, whoever sent it.
///
/// # Panics
/// When it is not.
pub fn check_events(events: &Events) {
    let each = |event: &EventRef| {
        for text in event.id.iter().chain(&event.event_type) {
            assert!(!text.is_empty() && text.len() <= 256 && !text.chars().any(char::is_control), "{text:?}");
        }
        assert_ne!(event.identity, Identity::This(String::new()), "all such events would be one");
    };
    match events {
        Events::One(event) => each(event),
        Events::Batch(items) => {
            assert!(items.len() <= MAX_EVENTS);
            items.iter().for_each(|item| each(&item.event));
        }
    }
}
