//! Structured fields, signature bases and digests of HTTP Message Signatures: a request without a valid signature is refused, one that
//! was signed here is accepted, and it is refused with another body.
#![no_main]

use std::sync::LazyLock;

use hookwire::secret::Keyring;
use hookwire::signature::http_message::{
    Message, WEBHOOK, candidates, check_content_digest, content_digest, signature_base,
};
use hookwire::signature::{Outgoing, Received, Settings, Trust};
use hookwire_fuzz::{Case, change, unknown_keys};
use http::{HeaderMap, HeaderValue, Uri};
use libfuzzer_sys::{fuzz_mutator, fuzz_target};

static KEYS: LazyLock<Keyring> = LazyLock::new(unknown_keys);
static SETTINGS: LazyLock<Settings> = LazyLock::new(|| Settings::default().with("url", "https://example.com"));

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| { change(data, size, max_size, seed) });

fuzz_target!(|data: &[u8]| {
    let Some(case) = Case::read(data) else { return };
    let trust = Trust { settings: &SETTINGS, ..Trust::new(&KEYS, case.now) };
    assert!(WEBHOOK.verify(&case.received(), &trust).is_err(), "verified without the key");

    let message = Message::request(&case.method, &case.uri, Some("https://example.com"), &case.headers);
    for candidate in candidates(&case.headers).into_iter().flatten() {
        let _base = signature_base(&message, &candidate.input);
    }
    if check_content_digest(&case.headers, &case.body).is_ok() {
        let other = [&*case.body, b"!"].concat();
        assert!(check_content_digest(&case.headers, &other).is_err(), "two bodies have the same digest");
    }
    signs_and_verifies(&case);
});

fn signs_and_verifies(case: &Case) {
    let mut headers = HeaderMap::new();
    let content_type = case.headers.get("content-type").cloned();
    headers.insert("content-type", content_type.unwrap_or(HeaderValue::from_static("application/json")));
    let Some(path) = case.uri.path_and_query().filter(|path| path.as_str().starts_with('/')) else { return };
    let Ok(uri) = format!("https://example.com{path}").parse::<Uri>() else { return };
    let outgoing = Outgoing { method: &case.method, uri: &uri, id: "evt_1", timestamp: case.now, body: &case.body };
    if WEBHOOK.sign(&outgoing, &KEYS, &mut headers).is_err() {
        return;
    }
    assert_eq!(headers["content-digest"], content_digest(&case.body));
    let trust = Trust { settings: &SETTINGS, ..Trust::new(&KEYS, case.now) };
    let received = Received { headers: &headers, uri: &uri, ..case.received() };
    let verdict = WEBHOOK.verify(&received, &trust);
    assert!(verdict.is_ok(), "a request that was signed here is refused: {verdict:?}");
    let other = [&*case.body, b"!"].concat();
    assert!(WEBHOOK.verify(&Received { body: &other, ..received }, &trust).is_err(), "another body is accepted");
}
