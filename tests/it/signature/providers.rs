//! The providers' schemes, by vectors made with their own SDKs.

use hookwire::secret::{Key, Keyring};
use hookwire::signature::providers::{GITHUB, SHOPIFY, SLACK, STRIPE};
use hookwire::signature::{Checked, EventRef, Scheme, Verify as _, VerifyError};
use serde_json::Value;

use super::{Request, unbase64};
use crate::support::vectors;

const SCHEMES: [&Scheme; 4] = [&STRIPE, &GITHUB, &SLACK, &SHOPIFY];

fn cases(scheme: &Scheme) -> Vec<Value> {
    let all = vectors("providers-a.json");
    all.as_array().unwrap().iter().filter(|case| case["provider"] == scheme.name).cloned().collect()
}

fn request(case: &Value) -> Request {
    let mut request = Request::new(&unbase64(&case["body_base64"])).at(case["now_unix"].as_i64().unwrap());
    request.method = case["method"].as_str().unwrap().parse().unwrap();
    request.uri = case["url"].as_str().unwrap().parse().unwrap();
    for (name, value) in case["headers"].as_object().unwrap() {
        request = request.with(name, value.as_str().unwrap());
    }
    request
}

fn keys(scheme: &Scheme, case: &Value) -> Keyring {
    let several = case["extra"]["secrets"].as_array().cloned().unwrap_or_else(|| vec![case["secret"].clone()]);
    Keyring::of(several.iter().map(|secret| scheme.key(secret.as_str().unwrap()).unwrap())).unwrap()
}

fn named(error: &VerifyError) -> &'static str {
    match error {
        VerifyError::Missing(_) => "missing_header",
        VerifyError::Malformed(_) => "malformed_header",
        VerifyError::BadSignature => "bad_signature",
        VerifyError::OutOfTolerance { .. } => "timestamp_out_of_tolerance",
        _ => "other",
    }
}

/// What the vector allows; those marked optional say themselves that decoding before comparing accepts.
fn allows(case: &Value, verdict: &str) -> bool {
    let also = case["extra"]["also_acceptable"].as_array().into_iter().flatten().any(|other| other == verdict);
    let decoded = case["extra"]["optional"] == true && case["name"] == "uppercase_hex" && verdict == "ok";
    case["expect"] == verdict || also || decoded
}

#[test]
fn every_vector_of_every_provider_gets_its_verdict() {
    for scheme in SCHEMES {
        let cases = cases(scheme);
        assert!(cases.len() >= 8, "{} vectors of {}", cases.len(), scheme.name);
        for case in cases {
            let verified = request(&case).verify(scheme, &keys(scheme, &case));
            let verdict = verified.as_ref().map_or_else(named, |_| "ok");
            assert!(allows(&case, verdict), "{} {}: {verified:?}", scheme.name, case["name"]);
        }
    }
}

#[test]
fn id_and_type_are_those_of_the_vector() {
    for scheme in SCHEMES {
        for case in cases(scheme).iter().filter(|case| case["expect"] == "ok") {
            let EventRef { id, event_type, .. } = scheme.identify(&request(case).received()).unwrap();
            assert_eq!(id.as_deref(), case["event_id"].as_str(), "{} {}", scheme.name, case["name"]);
            assert_eq!(event_type.as_deref(), case["event_type"].as_str(), "{} {}", scheme.name, case["name"]);
        }
    }
}

#[test]
fn slack_is_answered_with_its_challenge_after_the_check_and_only_then() {
    let cases = cases(&SLACK);
    let find = |name: &str| cases.iter().find(|case| case["name"] == name).unwrap();
    let case = find("ok_url_verification_handshake");
    let Checked::Handshake(reply) = request(case).verify(&SLACK, &keys(&SLACK, case)).unwrap() else {
        panic!("a handshake is no event")
    };
    let wanted = &case["extra"]["handshake_reply"];
    assert_eq!(wanted["status"], reply.status);
    assert_eq!(wanted["headers"]["content-type"], reply.content_type);
    assert_eq!(wanted["body"].as_str().unwrap().as_bytes(), reply.body);
    let forged = find("url_verification_bad_signature_must_not_echo");
    assert_eq!(request(forged).verify(&SLACK, &keys(&SLACK, forged)), Err(VerifyError::BadSignature));
}

#[test]
fn r_33_a_scheme_says_whether_its_signature_covers_the_id() {
    let says = |scheme: &Scheme| scheme.identify(&Request::new(b"{}").received()).unwrap().id_authenticated;
    assert_eq!(SCHEMES.map(says), [true, false, true, false]);
}

#[test]
fn r_33_an_id_outside_the_signature_can_be_changed_and_one_inside_cannot() {
    let github = cases(&GITHUB).into_iter().find(|case| case["name"] == "ok_octokit").unwrap();
    let replayed = request(&github).set("x-github-delivery", "another");
    assert!(replayed.verify(&GITHUB, &keys(&GITHUB, &github)).is_ok(), "this is why id_authenticated is false");
    let stripe = cases(&STRIPE).into_iter().find(|case| case["name"] == "ok").unwrap();
    let mut changed = request(&stripe);
    let text = String::from_utf8(changed.body).unwrap().replacen("evt_", "evx_", 1);
    changed.body = text.into_bytes();
    assert_eq!(changed.verify(&STRIPE, &keys(&STRIPE, &stripe)), Err(VerifyError::BadSignature));
}

#[test]
fn what_a_providers_scheme_signs_it_verifies() {
    for scheme in SCHEMES {
        let keys = Keyring::of([Key::text("a newer secret").unwrap(), Key::text("an older secret").unwrap()]).unwrap();
        let mut request = Request::new(br#"{"id":"evt_1","type":"a.b"}"#);
        let signing = hookwire::signature::Signing { id: "evt_1", timestamp: request.now, body: &request.body };
        scheme.sign(&signing, &keys, &mut request.headers).unwrap();
        request.verify(scheme, &keys).unwrap_or_else(|error| panic!("{}: {error}", scheme.name));
        let newest = Keyring::new(Key::text("a newer secret").unwrap());
        assert!(request.verify(scheme, &newest).is_ok(), "{}: the newest key signs", scheme.name);
    }
}
