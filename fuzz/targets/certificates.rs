//! Untrusted certificates in place of one certificate of a valid chain: in `x5c` of Apple's signatures, and as the PEM document of SNS.
//!
//! The input is the position of the replaced certificate (one byte), and the DER of the other certificate.
#![no_main]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD};
use bytes::Bytes;
use hookwire::clock::Timestamp;
use hookwire::provider::{APPLE_APP_STORE, AWS_SNS, Checked, Scheme};
use hookwire::secret::Keyring;
use hookwire::signature::{Received, Settings, Trust, VerifyError};
use hookwire_fuzz::certificates::{apple, sns};
use http::{HeaderMap, Method, Uri};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

static APPLE: LazyLock<hookwire_fuzz::certificates::Apple> = LazyLock::new(apple);
static SNS: LazyLock<hookwire_fuzz::certificates::Sns> = LazyLock::new(sns);

fuzz_target!(|data: &[u8]| {
    let Some((place, der)) = data.split_first() else { return };
    match place % 4 {
        3 => check_sns(der),
        place => check_apple(usize::from(place), der),
    }
});

/// The chain is checked before the signature, so another certificate is always refused. The root in the request is ignored: the
/// trusted root is the one in the settings.
fn check_apple(place: usize, der: &[u8]) {
    let mut chain = APPLE.chain.clone();
    let is_same = chain[place] == der;
    chain[place] = der.to_vec();
    let x5c: Vec<_> = chain.iter().map(|der| BASE64.encode(der)).collect();
    let header = match is_same {
        true => APPLE.header.clone(),
        false => URL_SAFE_NO_PAD.encode(json!({ "alg": "ES256", "x5c": x5c }).to_string()),
    };
    let body = json!({ "signedPayload": format!("{header}.{}", APPLE.rest) }).to_string();
    let verdict = verify(&APPLE_APP_STORE, body.as_bytes(), &APPLE.settings, &BTreeMap::new(), APPLE.now);
    match (is_same, place, verdict) {
        (true, _, verdict) => assert!(matches!(verdict, Ok(Checked::Event { .. })), "the chain is valid: {verdict:?}"),
        (false, 2, verdict) => assert!(verdict.is_err(), "another header passes"),
        (false, _, verdict) => assert_eq!(verdict.err(), Some(VerifyError::UntrustedKey), "another certificate passes"),
    }
}

fn check_sns(der: &[u8]) {
    let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", BASE64.encode(der));
    let documents = BTreeMap::from([(SNS.url.clone(), pem.into())]);
    let verdict = verify(&AWS_SNS, SNS.body.as_bytes(), &SNS.settings, &documents, SNS.now);
    assert_eq!(verdict.is_ok(), der == SNS.leaf, "{verdict:?}");
}

fn verify(
    scheme: &Scheme,
    body: &[u8],
    settings: &Settings,
    documents: &BTreeMap<String, Bytes>,
    now: i64,
) -> Result<Checked, VerifyError> {
    let (method, uri, headers) = (Method::POST, Uri::from_static("/"), HeaderMap::new());
    let received = Received { method: &method, uri: &uri, headers: &headers, body };
    let keys = Keyring::empty();
    let trust = Trust { settings, documents, ..Trust::new(&keys, Timestamp::from_secs(now)) };
    scheme.verify(&received, &trust)
}
