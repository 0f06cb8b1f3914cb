//! No answer to a challenge is the signature of an event, whichever scheme answers it.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD};
use hookwire::field::FieldError;
use hookwire::provider::{BRAINTREE, Checked, LINKEDIN, Scheme, SchemeConfig, X, ZOOM};
use hookwire::secret::{Key, Keyring};
use hookwire::signature::{Settings, Trust, VerifyError};
use http::Method;
use serde_json::{Value, json};

use super::{NOW, Request};

/// A scheme that signs `signed`, and answers `GET ?token=…` with a MAC.
fn scheme(signed: &str) -> Result<&'static Scheme, FieldError> {
    described(&json!({"signature": {
        "algorithm": "hmac-sha256", "encoding": "base64", "headers": ["x-signature"], "signed": signed,
        "time": {"header": "x-time"}, "id_header": "x-id",
    }}))
}

fn described(proof: &Value) -> Result<&'static Scheme, FieldError> {
    let mut scheme = json!({
        "name": "test", "docs": "https://example.com",
        "handshakes": [{"when": {"method": "GET", "has": ["query:token"]}, "body": "{query:token|mac-base64}"}],
    });
    scheme.as_object_mut().unwrap().extend(proof.as_object().unwrap().clone());
    serde_json::from_value::<SchemeConfig>(scheme).unwrap().scheme()
}

const SIGNED: [&str; 5] = ["{ts}{body}", "{ts}.{body}", "{id}.{ts}.{body}", "{body}{ts}", "v0:{ts}:{body}"];

/// Texts that could be bodies, or pieces of what is signed around one.
const CHALLENGES: [&str; 12] = [
    "12345",
    "null",
    "true",
    "1e5",
    "-1.0",
    "a=b",
    "payload=e30=",
    "17000000001",
    "1700000000.12345",
    "1700000000.null",
    "id.1700000000.5",
    "11700000000",
];

fn keys(secret: &str) -> Keyring {
    Keyring::new(Key::text(secret).unwrap())
}

/// What the scheme answers to a challenge; nothing where it rejects it.
fn answered(scheme: &Scheme, keys: &Keyring, query: &str) -> Option<String> {
    let mut request = Request::new(b"");
    (request.method, request.uri) = (Method::GET, format!("/hooks?{query}").parse().unwrap());
    match request.verify(scheme, keys) {
        Ok(Checked::Handshake(reply)) => Some(String::from_utf8(reply.body.to_vec()).unwrap()),
        _ => None,
    }
}

/// A MAC in every spelling.
fn spellings(base64: &str) -> Vec<String> {
    let bytes = BASE64.decode(base64).unwrap();
    vec![base64.to_owned(), hex::encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)]
}

/// Every way to read a text as id, time and body.
fn readings(text: &str) -> Vec<(&str, &str, &str)> {
    let now = NOW.to_string();
    let mut readings = vec![("id", "1700000000", text)];
    for (at, _) in text.match_indices(&now) {
        let (before, after) = (&text[..at], &text[at + now.len()..]);
        readings.push((before.trim_end_matches('.'), &text[at..at + now.len()], after.trim_start_matches('.')));
        readings.push(("id", &text[at..at + now.len()], before));
    }
    readings
}

#[test]
fn every_provider_that_signs_challenges_is_tested_here() {
    let signing = Scheme::all().filter(|provider| provider.signs_challenges());
    assert_eq!(signing.map(Scheme::name).collect::<Vec<_>>(), ["linkedin", "x", "zoom"]);
}

#[test]
fn no_answer_of_a_scheme_verifies_as_an_event() {
    let keys = keys("a long and random secret");
    for signed in SIGNED {
        let scheme = scheme(signed).unwrap();
        assert!(scheme.signs_challenges());
        for challenge in CHALLENGES {
            let mac = answered(scheme, &keys, &format!("token={challenge}")).unwrap();
            for (text, (id, time, body)) in spellings(&mac)
                .into_iter()
                .flat_map(|text| readings(challenge).into_iter().map(move |it| (text.clone(), it)))
            {
                let request = Request::new(body.as_bytes()).with("x-signature", text).with("x-time", time);
                let request = if id.is_empty() { request.with("x-id", "id") } else { request.with("x-id", id) };
                assert!(
                    request.verify(scheme, &keys).is_err(),
                    "{:?} {challenge} {id} {time} {body}",
                    scheme.signed_by()
                );
            }
        }
    }
}

#[test]
fn the_body_of_an_event_of_x_is_a_json_object_and_no_challenge_is_one() {
    let keys = keys("x-consumer-secret");
    for body in ["12345", "null", "true", "1e5", "\"a\"", "[1]", "[{}]"] {
        let mut request = Request::new(body.as_bytes());
        let signing = hookwire::signature::Signing { id: "1", timestamp: request.now, body: body.as_bytes() };
        X.sign(&signing, &keys, &mut request.headers).unwrap();
        assert_eq!(request.verify(&X, &keys), Err(VerifyError::Malformed("body")), "{body}");
    }
    for challenge in ["%7B%7D", "%20%7B%7D", "%5B1%5D", "%22a%22"] {
        assert_eq!(answered(&X, &keys, &format!("crc_token={challenge}")), None, "{challenge}");
    }
    for challenge in ["12345", "null", "true", "1e5"] {
        let answer = answered(&X, &keys, &format!("crc_token={challenge}")).unwrap();
        let mac = answer.split("sha256=").nth(1).unwrap().trim_end_matches("\"}");
        for text in spellings(mac) {
            let request =
                Request::new(challenge.as_bytes()).with("x-twitter-webhooks-signature", format!("sha256={text}"));
            assert!(request.verify(&X, &keys).is_err(), "{challenge}");
        }
    }
}

#[test]
fn the_answer_of_linkedin_fits_no_event() {
    let keys = keys("a linkedin client secret");
    for body in ["12345", "null", "true", "1e5"] {
        let challenge = format!("hmacsha256={body}");
        let answer = answered(&LINKEDIN, &keys, &format!("challengeCode={challenge}")).unwrap();
        let mac = answer.split("challengeResponse\":\"").nth(1).unwrap().trim_end_matches("\"}");
        let request = Request::new(body.as_bytes()).with("x-li-signature", mac);
        assert!(request.verify(&LINKEDIN, &keys).is_err(), "{challenge}");
    }
}

#[test]
fn the_answer_of_zoom_fits_no_event() {
    let keys = keys("a zoom secret");
    for challenge in ["12345", "null", "v0.1700000000.null", "v0:1700000000:null"] {
        let body = format!(r#"{{"event":"endpoint.url_validation","payload":{{"plainToken":"{challenge}"}}}}"#);
        let mut request = Request::new(body.as_bytes());
        let signing = hookwire::signature::Signing { id: "1", timestamp: request.now, body: body.as_bytes() };
        ZOOM.sign(&signing, &keys, &mut request.headers).unwrap();
        match request.verify(&ZOOM, &keys) {
            Ok(Checked::Handshake(reply)) => {
                let text = String::from_utf8(reply.body.to_vec()).unwrap();
                let mac = text.split("encryptedToken\":\"").nth(1).unwrap().trim_end_matches("\"}").to_owned();
                for body in [challenge, "null", ""] {
                    let forged = Request::new(body.as_bytes())
                        .with("x-zm-signature", format!("v0={mac}"))
                        .with("x-zm-request-timestamp", NOW.to_string());
                    assert_eq!(forged.verify(&ZOOM, &keys), Err(VerifyError::BadSignature));
                }
            }
            rejected => assert!(rejected.is_err() && challenge.contains(':'), "{challenge}"),
        }
    }
}

#[test]
fn the_answer_of_braintree_signs_no_payload() {
    let (keys, settings) = (keys("integration_private_key"), Settings::default().with("public_key", "public"));
    let trust = Trust { settings: &settings, ..Trust::new(&keys, Request::new(b"").now) };
    for challenge in ["20f9f8ed05f77439fe955c977e4c8a53", "00000000000000000000", "abcdefabcdefabcdefabcdef"] {
        let mut asking = Request::new(b"");
        (asking.method, asking.uri) = (Method::GET, format!("/hooks?bt_challenge={challenge}").parse().unwrap());
        let Ok(Checked::Handshake(reply)) = BRAINTREE.verify(&asking.received(), &trust) else { panic!("answered") };
        let answer = String::from_utf8(reply.body.to_vec()).unwrap().replace('|', "%7C");
        let forged = Request::new(format!("bt_signature={answer}&bt_payload={challenge}").as_bytes());
        assert!(BRAINTREE.verify(&forged.received(), &trust).is_err(), "{challenge}");
    }
}

#[test]
fn a_scheme_whose_events_could_be_challenges_is_rejected_when_it_is_built() {
    let unsafe_scheme = scheme("{ts}.{header:x-body-hash}");
    assert!(unsafe_scheme.unwrap_err().to_string().contains("handshakes"));
    let by_token = described(&json!({"jwt": {"at": ["header:authorization Bearer"], "algorithms": ["HS256"]}}));
    assert!(by_token.unwrap_err().to_string().contains("handshakes"));
}
