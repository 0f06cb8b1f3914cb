//! Standard Webhooks 1.0.0, with the vectors that its libraries share, and vectors that were made with ten of these libraries.

use hookwire::clock::Timestamp;
use hookwire::provider::{STANDARD, STANDARD_STRICT};
use hookwire::secret::{Key, KeyError, Keyring};
use hookwire::signature::{SignError, Signing, VerifyError};
use http::HeaderMap;
use serde_json::Value;

use super::{Request, ring, unbase64};
use crate::support::vectors;

fn cases(section: &str) -> Vec<Value> {
    vectors("standard-webhooks.json")[section].as_array().unwrap().clone()
}

fn text<'a>(case: &'a Value, field: &str) -> &'a str {
    case[field].as_str().unwrap()
}

fn sign(secret: &str, case: &Value, body: &[u8]) -> HeaderMap {
    let timestamp = Timestamp::from_secs(case["timestamp"].as_i64().unwrap());
    let mut headers = HeaderMap::new();
    STANDARD.sign(&Signing { id: text(case, "id"), timestamp, body }, &ring(secret), &mut headers).unwrap();
    headers
}

#[test]
fn every_published_signature_is_made_and_verified() {
    for case in cases("sign") {
        let (name, body) = (text(&case, "name"), unbase64(&case["body_b64"]));
        let headers = sign(text(&case, "secret"), &case, &body);
        assert_eq!(headers["webhook-id"], text(&case, "id"), "{name}");
        assert_eq!(headers["webhook-timestamp"], case["timestamp"].to_string(), "{name}");
        assert_eq!(headers["webhook-signature"], text(&case, "signature"), "{name}");
        let mut request = Request::new(&body).at(case["timestamp"].as_i64().unwrap());
        request.headers = headers;
        request.verify(&STANDARD, &ring(text(&case, "secret"))).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn secrets_are_read_and_rejected_as_published() {
    let secrets = &vectors("standard-webhooks.json")["secrets"];
    for case in secrets["accept"].as_array().unwrap() {
        let key = Key::parse(text(case, "secret")).unwrap_or_else(|error| panic!("{case}: {error}"));
        if let Some(public) = case["public"].as_str() {
            assert_eq!(*key.public().unwrap().expose(), public);
        }
    }
    for case in secrets["reject"].as_array().unwrap() {
        match Key::parse(text(case, "secret")) {
            Err(error) => assert!(!error.to_string().contains("whs"), "{error} repeats the secret"),
            // The one that is a key, but not for signing.
            Ok(key) => assert_eq!(sign_with(&Keyring::new(key)), Err(SignError::NoKey), "{case}"),
        }
    }
}

fn sign_with(keys: &Keyring) -> Result<(), SignError> {
    let signing = Signing { id: "evt", timestamp: Timestamp::from_secs(1), body: b"" };
    STANDARD.sign(&signing, keys, &mut HeaderMap::new())
}

#[test]
fn an_unpadded_secret_is_read_and_one_that_was_cut_short_is_not() {
    let padded = Key::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwBg==").unwrap();
    let unpadded = Key::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwBg").unwrap();
    assert_eq!(padded.id(), unpadded.id());
    // Bits are set that no whole byte holds: the rest of the secret is missing.
    for cut in ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwBr"] {
        assert_eq!(Key::parse(cut).unwrap_err(), KeyError::Encoding("standard base64"), "{cut}");
    }
    assert!(matches!(Key::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaQ"), Err(KeyError::Size { bytes: 23, .. })));
}

#[test]
fn a_short_key_is_read_only_by_the_constructor_that_says_so() {
    assert!(matches!(Key::parse("whsec_c2VjcmV0Cg=="), Err(KeyError::Size { bytes: 7, .. })));
    assert!(Key::dangerous_parse_any_size("whsec_c2VjcmV0Cg==").is_ok());
}

#[test]
fn while_keys_rotate_each_of_them_verifies_and_no_other() {
    let case = &vectors("standard-webhooks.json")["rotation"];
    let mut request = Request::new(text(case, "body").as_bytes()).at(1_614_265_330);
    for (name, value) in case["headers"].as_object().unwrap() {
        request = request.with(name, value.as_str().unwrap());
    }
    for secret in case["accept_with"].as_array().unwrap() {
        request.verify(&STANDARD, &ring(secret.as_str().unwrap())).unwrap();
    }
    for secret in case["reject_with"].as_array().unwrap() {
        // One repeated byte: a placeholder, no key at all.
        assert_eq!(Key::parse(secret.as_str().unwrap()).unwrap_err(), KeyError::Placeholder);
    }
    assert_eq!(request.verify(&STANDARD, &Keyring::new(Key::generate().unwrap())), Err(VerifyError::BadSignature));
}

#[test]
fn the_strict_verdict_is_ours_on_every_vector() {
    let mut judged = 0;
    for case in cases("verify") {
        let accepted = verdict(&case);
        assert_eq!(accepted.is_ok(), case["strict"] == "accept", "{}: {accepted:?}", text(&case, "name"));
        judged += 1;
    }
    assert_eq!(judged, 49);
}

/// Why it is refused, as the vectors call it.
fn verdict(case: &Value) -> Result<(), String> {
    let keys = Keyring::new(Key::parse(text(case, "secret")).map_err(|error| error.to_string())?);
    let mut request = Request::new(&unbase64(&case["body_b64"])).at(case["now"].as_i64().unwrap());
    for header in case["headers"].as_array().unwrap() {
        let (name, value) = (header[0].as_str().unwrap(), header[1].as_str().unwrap());
        request = request.with(name, built(&case["build"], value));
    }
    let verified = request.verify(&STANDARD, &keys);
    if let (Err(error), Some(named)) = (&verified, case["error"].as_str()) {
        assert_eq!(class(error), named_class(named), "{}: {error}", text(case, "name"));
    }
    verified.map(|_| ()).map_err(|error| error.to_string())
}

/// A value too long to be written out.
fn built(build: &Value, value: &str) -> String {
    match build["count"].as_u64().filter(|_| value.starts_with('{')) {
        Some(count) => {
            let repeated = std::iter::repeat_n(text(build, "repeat"), usize::try_from(count).unwrap());
            repeated.chain([text(build, "then")]).collect::<Vec<_>>().join(text(build, "join"))
        }
        None => value.into(),
    }
}

fn class(error: &VerifyError) -> &'static str {
    match error {
        VerifyError::Missing(_) => "missing",
        VerifyError::Malformed(_) => "malformed",
        VerifyError::BadSignature => "bad",
        VerifyError::OutOfTolerance { .. } => "time",
        _ => "other",
    }
}

fn named_class(named: &str) -> &'static str {
    match named {
        "missing_header" => "missing",
        // Signed for another time; thirteen digits and more are no time at all.
        "invalid_timestamp" | "duplicate_header" | "too_many_signatures" | "timestamp_too_new" => "malformed",
        "no_match" => "bad",
        "timestamp_too_old" => "time",
        other => panic!("a new kind of refusal: {other}"),
    }
}

#[test]
fn an_id_with_a_dot_is_accepted_by_default_and_rejected_by_the_strict_scheme_and_no_body_begins_with_the_time() {
    let case = &vectors("standard-webhooks.json")["delimiter_collision"];
    let keys = ring(text(case, "secret"));
    let refused = Err(VerifyError::Malformed("event id"));
    for (side, default, strict) in [("a", Ok(()), refused), ("b", refused, Ok(()))] {
        let (message, signature) = (&case[side], text(case, "signature"));
        let request = Request::new(text(message, "body").as_bytes())
            .at(message["timestamp"].as_i64().unwrap())
            .with("webhook-id", text(message, "id"))
            .with("webhook-timestamp", message["timestamp"].to_string())
            .with("webhook-signature", signature);
        assert_eq!(request.verify(&STANDARD, &keys).map(|_| ()), default, "{side}");
        assert_eq!(request.verify(&STANDARD_STRICT, &keys).map(|_| ()), strict, "{side}");
    }
}
