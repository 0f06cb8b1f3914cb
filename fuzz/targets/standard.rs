//! Standard Webhooks compared with the official library: a request that is accepted here is accepted there, and a request that was
//! signed here is accepted by both.
//!
//! The input has five lines: an id, a clock skew in seconds, the text before and after the signature, and a body.
#![no_main]

use std::sync::LazyLock;
use std::time::SystemTime;

use hookwire::clock::Timestamp;
use hookwire::provider::{Checked, STANDARD};
use hookwire::secret::{Key, Keyring};
use hookwire::signature::{Received, Signing, Trust};
use http::{HeaderMap, HeaderValue, Method, Uri};
use libfuzzer_sys::fuzz_target;
use standardwebhooks::Webhook;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

static KEYS: LazyLock<Keyring> = LazyLock::new(|| Keyring::new(Key::parse(SECRET).unwrap()));
static OFFICIAL: LazyLock<Webhook> = LazyLock::new(|| Webhook::new(SECRET).unwrap());

fuzz_target!(|data: &[u8]| {
    let mut parts = data.splitn(5, |byte| *byte == b'\n');
    let mut next = || parts.next().unwrap_or_default();
    let (id, skew, before, after, body) = (next(), next(), next(), next(), next());
    let Ok(id) = std::str::from_utf8(id) else { return };
    let now = Timestamp::from(SystemTime::now());
    let skew: i64 = std::str::from_utf8(skew).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    let at = Timestamp::from_secs(now.as_secs().saturating_add(skew.clamp(-100_000, 100_000)));
    let mut headers = HeaderMap::new();
    if STANDARD.sign(&Signing { id, timestamp: at, body }, &KEYS, &mut headers).is_err() {
        return;
    }
    let signature = [before, headers["webhook-signature"].as_bytes(), after].concat();
    let Ok(signature) = HeaderValue::from_bytes(&signature) else { return };
    headers.insert("webhook-signature", signature);

    let (method, uri) = (Method::POST, Uri::from_static("/"));
    let received = Received { method: &method, uri: &uri, headers: &headers.clone(), body };
    let ours = STANDARD.verify(&received, &Trust::new(&KEYS, now));
    let is_ours = matches!(ours, Ok(Checked::Event { .. }));
    if before.is_empty() && after.is_empty() && !is_ambiguous(id, body) {
        assert_eq!(is_ours, skew.abs() <= 300, "{ours:?}");
    }
    // The official library accepts only text. It reads the clock a little later, so the skew must be below its limit.
    let signature = normalized(&headers["webhook-signature"]);
    if is_ours && skew.abs() < 270 && std::str::from_utf8(body).is_ok() && signature.to_str().is_ok() {
        headers.insert("webhook-signature", signature);
        OFFICIAL.verify(body, &headers).expect("the official library accepts the request");
    }
    let other = [body, b"!"].concat();
    let forged = STANDARD.verify(&Received { body: &other, ..received }, &Trust::new(&KEYS, now));
    assert!(forged.is_err(), "another body is accepted");
});

/// Whether the signed text could be split at another dot. Such a message is refused: see `STANDARD_STRICT`.
fn is_ambiguous(id: &str, body: &[u8]) -> bool {
    let digits = body.iter().take_while(|byte| byte.is_ascii_digit()).count();
    digits > 0 && (id.contains('.') || body.get(digits) == Some(&b'.'))
}

/// Replaces what only hookwire accepts: tabs, and commas from a proxy that has joined header lines.
fn normalized(signatures: &HeaderValue) -> HeaderValue {
    let elements = signatures.as_bytes().split(u8::is_ascii_whitespace);
    let elements: Vec<_> = elements.map(|element| element.strip_suffix(b",").unwrap_or(element)).collect();
    HeaderValue::from_bytes(&elements.join(&b' ')).unwrap()
}
