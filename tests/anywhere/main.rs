//! Signs and verifies with only the crate without features. It prints nothing, because WebAssembly has no output: it ends normally, or it
//! panics.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::LazyLock;

use hookwire::clock::Timestamp;
use hookwire::event::Pattern;
use hookwire::provider::{Checked, Events, GITHUB, SLACK, STANDARD, STRIPE, Scheme};
use hookwire::secret::Keyring;
use hookwire::signature::{Outgoing, Received, SignRequest as _, Signing, Trust, VerifyError};
use http::{HeaderMap, Method, Uri};

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
const LATER: Timestamp = Timestamp::from_secs(1_700_000_301);
static URI: LazyLock<Uri> = LazyLock::new(|| Uri::from_static("/hooks"));

fn main() {
    the_example_of_standard_webhooks_is_verified();
    for (scheme, secret) in [
        (&STANDARD, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        (&STRIPE, "whsec_one_of_stripe_s"),
        (&GITHUB, "It's a Secret to Everybody"),
        (&SLACK, "a secret of some length"),
    ] {
        what_is_signed_is_verified_and_nothing_else(scheme, secret);
    }
    id_and_type_are_read();
    a_handshake_is_answered();
    events_are_named_and_matched();
}

fn received<'a>(headers: &'a HeaderMap, body: &'a [u8]) -> Received<'a> {
    Received { method: &Method::POST, uri: &URI, headers, body }
}

/// Source: Standard Webhooks 1.0.0, "Signature scheme".
fn the_example_of_standard_webhooks_is_verified() {
    let keys = STANDARD.key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap().into();
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
        ("webhook-timestamp", "1614265330"),
        ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
    ] {
        headers.insert(name, value.parse().unwrap());
    }
    let at = Timestamp::from_secs(1_614_265_330);
    let checked = STANDARD.verify(&received(&headers, br#"{"test": 2432232314}"#), &Trust::new(&keys, at));
    assert_eq!(checked, Ok(Checked::Event { signed_at: Some(at) }));
}

fn what_is_signed_is_verified_and_nothing_else(scheme: &Scheme, secret: &str) {
    let keys: Keyring = scheme.key(secret).unwrap().into();
    let body = br#"{"id":"evt_1","type":"invoice.paid"}"#;
    let mut headers = HeaderMap::new();
    let outgoing = Outgoing { method: &Method::POST, uri: &URI, id: "evt_1", timestamp: NOW, body };
    scheme.sign_request(&outgoing, &keys, &mut headers).unwrap();
    let Ok(Checked::Event { signed_at }) = scheme.verify(&received(&headers, body), &Trust::new(&keys, NOW)) else {
        unreachable!("{}", scheme.name());
    };
    let late = scheme.verify(&received(&headers, body), &Trust::new(&keys, LATER));
    assert_eq!(late.is_err(), signed_at.is_some(), "{}", scheme.name());
    assert!(scheme.verify(&received(&headers, b"{}"), &Trust::new(&keys, NOW)).is_err());
    let missing = scheme.verify(&received(&HeaderMap::new(), body), &Trust::new(&keys, NOW));
    assert!(matches!(missing, Err(VerifyError::Missing(_))), "{}: {missing:?}", scheme.name());
}

fn id_and_type_are_read() {
    let keys: Keyring = STRIPE.key("whsec_one_of_stripe_s").unwrap().into();
    let body = br#"{"id":"evt_1","type":"charge.succeeded"}"#;
    let mut headers = HeaderMap::new();
    STRIPE.sign(&Signing { id: "evt_1", timestamp: NOW, body }, &keys, &mut headers).unwrap();
    let Ok(Events::One(event)) = STRIPE.events(&received(&headers, body), &Trust::new(&keys, NOW)) else {
        unreachable!("one event");
    };
    assert_eq!((event.id.as_deref(), event.event_type.as_deref()), (Some("evt_1"), Some("charge.succeeded")));
}

fn a_handshake_is_answered() {
    let keys: Keyring = SLACK.key("a secret of some length").unwrap().into();
    let body = br#"{"type":"url_verification","challenge":"abc"}"#;
    let mut headers = HeaderMap::new();
    SLACK.sign(&Signing { id: "1", timestamp: NOW, body }, &keys, &mut headers).unwrap();
    let Ok(Checked::Handshake(reply)) = SLACK.verify(&received(&headers, body), &Trust::new(&keys, NOW)) else {
        unreachable!("a handshake");
    };
    assert_eq!((reply.status, &reply.body[..]), (200, &b"abc"[..]));
}

fn events_are_named_and_matched() {
    let pattern: Pattern = "invoice.*".parse().unwrap();
    assert!(pattern.matches(&"invoice.paid".parse().unwrap()));
    assert!(!pattern.matches(&"order.paid".parse().unwrap()));
}

#[test]
fn the_crate_without_features_signs_and_verifies() {
    main();
}
