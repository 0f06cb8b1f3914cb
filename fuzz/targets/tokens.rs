//! JSON Web Tokens that are signed with the right key: an accepted token is valid now, has the right audience and covers the body.
//!
//! The input has three lines: a header, claims and a body.
#![no_main]

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hookwire::clock::Timestamp;
use hookwire::provider::{Checked, Scheme, SchemeConfig};
use hookwire::secret::{Key, Keyring};
use hookwire::signature::{Received, Settings, Trust};
use hookwire_fuzz::{check_events, unknown_keys};
use http::{HeaderMap, HeaderValue, Method, Uri};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

const SECRET: &str = "a long and random secret of ours";
const NOW: i64 = 1_700_000_000;
const LEEWAY: f64 = 60.0;

static SCHEME: LazyLock<&Scheme> = LazyLock::new(|| {
    let config = json!({
        "name": "acme",
        "jwt": {
            "at": ["header:authorization Bearer"], "algorithms": ["HS256"], "issuers": ["acme"], "audience": "audience", "dated": true,
            "claims": [{ "at": "/sha256", "is": "{body}", "hash": "sha256", "absent_if_empty": true }],
        },
        "settings": ["audience"],
        "id": ["claim:/jti|header:authorization"], "id_signed": true,
    });
    serde_json::from_value::<SchemeConfig>(config).expect("a description").scheme().expect("a scheme")
});

static KEYS: LazyLock<Keyring> = LazyLock::new(|| Keyring::new(Key::text(SECRET).unwrap()));
static OTHERS: LazyLock<Keyring> = LazyLock::new(unknown_keys);
static SETTINGS: LazyLock<Settings> = LazyLock::new(|| Settings::default().with("audience", "us"));

fuzz_target!(|data: &[u8]| {
    let mut parts = data.splitn(3, |byte| *byte == b'\n');
    let mut next = || parts.next().unwrap_or_default();
    let (header, claims, body) = (next(), next(), next());
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let mac = hmac_sha256::HMAC::mac(&signed, SECRET);
    let token = format!("Bearer {signed}.{}", URL_SAFE_NO_PAD.encode(mac));
    let mut headers = HeaderMap::new();
    headers.insert("authorization", HeaderValue::try_from(token).expect("plain text"));

    let (method, uri) = (Method::POST, Uri::from_static("/"));
    let received = Received { method: &method, uri: &uri, headers: &headers, body };
    let trust = Trust { settings: &SETTINGS, ..Trust::new(&KEYS, Timestamp::from_secs(NOW)) };
    assert!(SCHEME.verify(&received, &Trust { keys: &OTHERS, ..trust }).is_err(), "verified without the key");
    if let Ok(Checked::Event { .. }) = SCHEME.verify(&received, &trust) {
        check(header, claims, body);
        if let Ok(events) = SCHEME.events(&received, &trust) {
            check_events(&events);
        }
    }
});

/// Checks an accepted token with `serde_json`. A token that `serde_json` refuses (because of a lone surrogate in an unused string) is
/// not checked.
fn check(header: &[u8], claims: &[u8], body: &[u8]) {
    let read = |json| serde_json::from_slice::<Value>(json);
    let (Ok(header), Ok(claims)) = (read(header), read(claims)) else { return };
    assert_eq!(header["alg"], "HS256");
    assert!(header["crit"].is_null(), "an unknown critical header");
    let now = NOW as f64;
    assert_eq!(claims["iss"], "acme");
    let is_us = |audience: &Value| audience == "us";
    assert!(is_us(&claims["aud"]) || claims["aud"].as_array().is_some_and(|all| all.iter().any(is_us)));
    assert!(claims["exp"].as_f64().is_some_and(|end| end > now - LEEWAY), "the token has expired");
    assert!(claims["nbf"].as_f64().is_none_or(|begin| begin <= now + LEEWAY), "the token is not valid yet");
    assert!(claims["iat"].as_f64().is_some_and(|at| (at - now).abs() <= 301.0), "the token was issued at another time");
    match claims["sha256"].as_str() {
        Some(hash) => assert!(hash.eq_ignore_ascii_case(&hex(body)), "another body is accepted"),
        None => assert!(body.is_empty(), "a body without a hash is accepted"),
    }
}

fn hex(body: &[u8]) -> String {
    hmac_sha256::Hash::hash(body).iter().map(|byte| format!("{byte:02x}")).collect()
}
