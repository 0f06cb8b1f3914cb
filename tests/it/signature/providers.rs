//! What the providers' schemes cover, and that a scheme verifies the requests that it signs. The vectors of the providers run in `vectors`.

use hookwire::provider::{Events, GITHUB, SHOPIFY, SLACK, STRIPE, Scheme};
use hookwire::secret::{Key, Keyring};
use hookwire::signature::{Trust, VerifyError};
use serde_json::Value;

use super::{Request, unbase64};
use crate::support::vectors;

const SCHEMES: [&Scheme; 4] = [&STRIPE, &GITHUB, &SLACK, &SHOPIFY];

fn cases(scheme: &Scheme) -> Vec<Value> {
    let all = vectors("providers-a.json");
    all.as_array().unwrap().iter().filter(|case| case["provider"] == scheme.name()).cloned().collect()
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
    Keyring::from_keys(several.iter().map(|secret| scheme.key(secret.as_str().unwrap()).unwrap())).unwrap()
}

#[test]
fn r_33_a_scheme_says_whether_its_signature_covers_the_id() {
    let says = |scheme: &Scheme| Request::new(b"{}").identify(scheme).unwrap().id_authenticated;
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
        let keys =
            Keyring::from_keys([Key::text("a newer secret").unwrap(), Key::text("an older secret").unwrap()]).unwrap();
        let mut request = Request::new(br#"{"id":"evt_1","type":"a.b"}"#);
        let signing = hookwire::signature::Signing { id: "evt_1", timestamp: request.now, body: &request.body };
        scheme.sign(&signing, &keys, &mut request.headers).unwrap();
        request.verify(scheme, &keys).unwrap_or_else(|error| panic!("{}: {error}", scheme.name()));
        let newest = Keyring::new(Key::text("a newer secret").unwrap());
        assert!(request.verify(scheme, &newest).is_ok(), "{}: the newest key signs", scheme.name());
    }
}

#[test]
fn r_40_names_that_code_puts_together_are_bounded_like_those_of_data() {
    let long = "x".repeat(257);
    for name in [long.as_str(), "a\\u0000"] {
        let adyen = format!(r#"{{"notificationItems":[{{"NotificationRequestItem":{{"eventCode":"{name}"}}}}]}}"#);
        let sns =
            format!(r#"{{"Type":"Notification","MessageId":"{name}","TopicArn":"","Message":"","Timestamp":""}}"#);
        for (provider, body) in [("adyen", adyen), ("aws_sns", sns)] {
            let scheme = Scheme::named(provider).unwrap();
            let request = Request::new(body.as_bytes());
            let events = scheme.events(&request.received(), &Trust::new(&Keyring::empty(), request.now));
            let event = match events.unwrap() {
                Events::One(event) => event,
                Events::Batch(items) => items[0].event.clone(),
            };
            assert_ne!(event.event_type.as_deref(), Some(name), "{provider}");
        }
    }
}
