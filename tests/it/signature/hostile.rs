//! Any input of a stranger gets a verdict.

use hookwire::provider::{GITHUB, SHOPIFY, SLACK, STANDARD, STANDARD_STRICT, STRIPE, Scheme};
use hookwire::secret::{Key, Keyring};
use http::{HeaderName, HeaderValue};
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_oneof, proptest};
use proptest::sample::select;

use super::{Request, ring};

const SCHEMES: [&Scheme; 6] = [&STANDARD, &STANDARD_STRICT, &STRIPE, &GITHUB, &SLACK, &SHOPIFY];

/// Every header that a scheme looks at.
const HEADERS: [&str; 10] = [
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
    "stripe-signature",
    "x-hub-signature-256",
    "x-github-delivery",
    "x-slack-signature",
    "x-slack-request-timestamp",
    "x-shopify-hmac-sha256",
    "shopify-hmac-sha256",
];

/// Pieces that parsers stumble over, between any bytes.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    const KNOWN: &[&str] = &[
        "v1,",
        "v1a,",
        "v1=",
        "v0=",
        "t=",
        "sha256=",
        ",",
        " ",
        "\t",
        "=",
        "1700000000",
        "-9223372036854775808",
        "==",
    ];
    prop_oneof![
        select(KNOWN).prop_map(|text| text.as_bytes().to_vec()),
        vec(any::<u8>(), 0..100),
        "[A-Za-z0-9+/]{43}=".prop_map(String::into_bytes),
        Just(vec![b'0'; 64]),
    ]
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    vec(piece(), 0..24).prop_map(|pieces| pieces.concat())
}

/// JSON-like texts: nested, repeated, cut short.
fn body() -> impl Strategy<Value = Vec<u8>> {
    const KNOWN: &[&str] = &[
        r#"{"type":"#,
        r#""event":{"#,
        r#""id":1e999,"#,
        "[",
        "]",
        "}",
        ",",
        r#""\ud800""#,
        "null",
        "\u{feff}",
        "challenge=x&",
    ];
    let piece = prop_oneof![select(KNOWN).prop_map(|text| text.as_bytes().to_vec()), vec(any::<u8>(), 0..20),];
    vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn request(headers: Vec<(&'static str, Vec<u8>)>, body: &[u8]) -> Request {
    let mut request = Request::new(body);
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_bytes(&value) {
            request.headers.append(HeaderName::from_static(name), value);
        }
    }
    request
}

proptest! {
    #[test]
    fn nothing_a_stranger_sends_panics_or_passes(
        headers in vec((select(HEADERS.as_slice()), value()), 0..12),
        body in body(),
    ) {
        let keys = Keyring::from_keys([
            Key::text("a long and random secret").unwrap(),
            Key::parse("whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=").unwrap(),
        ]).unwrap();
        let request = request(headers, &body);
        for scheme in SCHEMES {
            prop_assert!(request.verify(scheme, &keys).is_err());
            if let Ok(event) = request.identify(scheme) {
                for text in event.id.iter().chain(&event.event_type) {
                    prop_assert!(text.len() <= 256 && !text.chars().any(char::is_control));
                }
            }
        }
    }

    #[test]
    fn what_is_signed_verifies_and_one_changed_byte_does_not(
        body in vec(any::<u8>(), 1..300),
        id in "[A-Za-z0-9_-]{1,128}",
        secs in 1_i64..=999_999_999_999,
        at in any::<proptest::sample::Index>(),
    ) {
        let keys = ring(super::SECRET);
        let mut request = Request::new(&body).at(secs);
        let signing = hookwire::signature::Signing { id: &id, timestamp: request.now, body: &body };
        STANDARD.sign(&signing, &keys, &mut request.headers).unwrap();
        prop_assert!(request.verify(&STANDARD_STRICT, &keys).is_ok());
        let at = at.index(body.len());
        request.body[at] ^= 0x20;
        prop_assert!(request.verify(&STANDARD, &keys).is_err());
    }

    #[test]
    fn no_text_panics_where_a_key_is_read(text in ".{0,80}", bytes in vec(any::<u8>(), 0..80)) {
        use base64::Engine as _;
        let base64 = base64::engine::general_purpose::STANDARD.encode(&bytes);
        for prefix in ["", "whsec_", "whsk_", "whpk_"] {
            for text in [&text, &base64] {
                if let Ok(key) = Key::parse(&format!("{prefix}{text}")) {
                    prop_assert!(Key::restore(&key.expose()).is_ok_and(|again| again.id() == key.id()));
                }
            }
        }
    }
}

#[test]
fn a_body_nested_without_end_holds_no_type() {
    let deep = [b"{\"type\":".repeat(100_000), b"[".repeat(100_000)].concat();
    let request = Request::new(&deep).with("webhook-id", "evt_1");
    assert_eq!(request.identify(&STANDARD).unwrap().event_type, None);
}
