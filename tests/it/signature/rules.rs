//! The receiver's checklist, rule by rule, where it concerns signatures.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hookwire::clock::Timestamp;
use hookwire::provider::{Checked, GITHUB, SLACK, STANDARD, STANDARD_STRICT, STRIPE};
use hookwire::secret::{Key, KeyError, Keyring, MAX_KEYS};
use hookwire::signature::{SignError, Signing, Tolerance, VerifyError};
use http::HeaderMap;

use super::{BODY, ID, NOW, Request, SECRET, key, ring};

const BAD: Result<Checked, VerifyError> = Err(VerifyError::BadSignature);

fn good() -> (Request, Keyring) {
    let keys = ring(SECRET);
    (Request::signed(&keys), keys)
}

#[test]
fn r_01_the_good_signature_is_found_wherever_it_stands_under_whichever_key() {
    let keys = Keyring::from_keys((0..MAX_KEYS - 1).map(|_| Key::generate().unwrap()).chain([key()])).unwrap();
    let (request, _) = good();
    let signature = request.signature().to_owned();
    let other = format!("v1,{}", BASE64.encode([7; 32]));
    for position in 0..16 {
        let list: Vec<_> = (0..16).map(|at| if at == position { &*signature } else { &*other }).collect();
        let request = request.clone().set("webhook-signature", list.join(" "));
        assert!(request.verify(&STANDARD, &keys).is_ok(), "at {position}");
    }
}

#[test]
fn r_02_no_prefix_and_no_extension_of_a_signature_passes() {
    let (request, keys) = good();
    let signature = request.signature().strip_prefix("v1,").unwrap().to_owned();
    let bytes = BASE64.decode(&signature).unwrap();
    for length in 0..bytes.len() {
        let short = format!("v1,{}", BASE64.encode(&bytes[..length]));
        assert_eq!(request.clone().set("webhook-signature", short).verify(&STANDARD, &keys), BAD, "{length} bytes");
    }
    for length in 0..signature.len() {
        let short = format!("v1,{}", &signature[..length]);
        assert_eq!(
            request.clone().set("webhook-signature", short).verify(&STANDARD, &keys),
            BAD,
            "{length} characters"
        );
    }
    for more in [&[0][..], &[0; 32], &bytes] {
        let long = format!("v1,{}", BASE64.encode([&bytes, more].concat()));
        assert_eq!(request.clone().set("webhook-signature", long).verify(&STANDARD, &keys), BAD);
    }
}

#[test]
fn r_02_no_prefix_of_a_hexadecimal_signature_passes() {
    let keys = Keyring::new(Key::text("a long and random secret").unwrap());
    let mut request = Request::new(BODY);
    let signing = Signing { id: ID, timestamp: request.now, body: BODY };
    GITHUB.sign(&signing, &keys, &mut request.headers).unwrap();
    let value = request.headers["x-hub-signature-256"].to_str().unwrap().to_owned();
    assert!(request.verify(&GITHUB, &keys).is_ok());
    for length in 0..value.len() {
        assert!(
            request.clone().set("x-hub-signature-256", &value[..length]).verify(&GITHUB, &keys).is_err(),
            "{length}"
        );
    }
    assert!(request.clone().set("x-hub-signature-256", format!("{value}00")).verify(&GITHUB, &keys).is_err());
}

#[test]
fn r_03_the_bytes_of_a_public_key_are_no_mac_key() {
    let pair = Key::generate_ed25519().unwrap();
    let public = pair.public().unwrap();
    let bytes = BASE64.decode(public.expose().strip_prefix("whpk_").unwrap()).unwrap();
    let forged = Request::signed(&Keyring::new(Key::from_bytes(&bytes).unwrap()));
    assert_eq!(forged.verify(&STANDARD, &Keyring::new(public.clone())), BAD);
    assert_eq!(forged.verify(&STANDARD, &Keyring::new(pair)), BAD);
    assert_eq!(forged.verify(&GITHUB, &Keyring::new(public)), Err(VerifyError::Missing("signature")));
}

#[test]
fn r_03_a_signature_under_another_versions_name_does_not_pass() {
    let (request, keys) = good();
    let renamed = request.signature().replacen("v1,", "v1a,", 1);
    assert_eq!(request.clone().set("webhook-signature", renamed).verify(&STANDARD, &keys), BAD);
    let pair = Keyring::new(Key::generate_ed25519().unwrap());
    let request = Request::signed(&pair);
    let renamed = request.signature().replacen("v1a,", "v1,", 1);
    assert_eq!(request.clone().set("webhook-signature", renamed).verify(&STANDARD, &pair), BAD);
}

#[test]
fn r_04_unknown_versions_are_skipped_and_never_pass() {
    let (request, keys) = good();
    let signature = request.signature().strip_prefix("v1,").unwrap().to_owned();
    for version in ["v0,", "v2,", "v10,", "V1,", ",", "none,", "hs256,", "v1 ,", "v1;", "v1="] {
        let alone = request.clone().set("webhook-signature", format!("{version}{signature}"));
        assert_eq!(alone.verify(&STANDARD, &keys), BAD, "{version:?}");
        let beside = request.clone().set("webhook-signature", format!("{version}{signature} v1,{signature}"));
        assert!(beside.verify(&STANDARD, &keys).is_ok(), "{version:?}");
    }
    let none = request.set("webhook-signature", "none");
    assert_eq!(none.verify(&STANDARD, &keys), BAD);
}

#[test]
fn r_06_more_than_sixteen_signatures_or_eight_kibibytes_are_rejected_even_with_a_good_one() {
    let (request, keys) = good();
    let signature = request.signature().to_owned();
    let seventeen = vec![&*signature; 17].join(" ");
    let refused = Err(VerifyError::Malformed("signature"));
    assert_eq!(request.clone().set("webhook-signature", seventeen).verify(&STANDARD, &keys), refused);
    let long = format!("{signature} {}", "x".repeat(8 * 1024));
    assert_eq!(request.clone().set("webhook-signature", long).verify(&STANDARD, &keys), refused);
    let mut lines = request.clone();
    for _ in 0..16 {
        lines = lines.with("webhook-signature", &signature);
    }
    assert_eq!(lines.verify(&STANDARD, &keys), refused, "the cap is over all lines");
    let fields = format!("t={NOW}{}", ",v1=00".repeat(17));
    let stripe = Request::new(BODY).with("stripe-signature", fields);
    assert_eq!(stripe.verify(&STRIPE, &Keyring::new(Key::text("secret text").unwrap())), refused);
}

#[test]
fn r_06_a_ring_holds_ten_keys_at_most() {
    let eleven = (0..=MAX_KEYS).map(|_| Key::generate().unwrap());
    assert_eq!(Keyring::from_keys(eleven).unwrap_err(), KeyError::KeyCount);
}

#[test]
fn r_07_a_second_id_or_time_is_rejected_even_when_it_is_the_same() {
    let (request, keys) = good();
    let twice = request.clone().with("webhook-id", ID);
    assert_eq!(twice.verify(&STANDARD, &keys), Err(VerifyError::Malformed("event id")));
    let twice = request.clone().with("webhook-timestamp", NOW.to_string());
    assert_eq!(twice.verify(&STANDARD, &keys), Err(VerifyError::Malformed("timestamp")));
}

#[test]
fn r_07_a_second_signature_line_is_rejected_where_the_scheme_has_no_list() {
    let keys = Keyring::new(Key::text("a long and random secret").unwrap());
    for (scheme, header) in [(&GITHUB, "x-hub-signature-256"), (&STRIPE, "stripe-signature")] {
        let mut request = Request::new(BODY);
        let signing = Signing { id: ID, timestamp: request.now, body: BODY };
        scheme.sign(&signing, &keys, &mut request.headers).unwrap();
        let line = request.headers[header].clone();
        let twice = request.with(header, line.as_bytes());
        assert_eq!(twice.verify(scheme, &keys), Err(VerifyError::Malformed("signature")), "{}", scheme.name());
    }
}

#[test]
fn r_07_a_second_time_in_the_signature_header_is_rejected() {
    let keys = Keyring::new(Key::text("a long and random secret").unwrap());
    let mut request = Request::new(BODY);
    let signing = Signing { id: ID, timestamp: request.now, body: BODY };
    STRIPE.sign(&signing, &keys, &mut request.headers).unwrap();
    let line = request.headers["stripe-signature"].to_str().unwrap().to_owned();
    let twice = request.set("stripe-signature", format!("{line},t={NOW}"));
    assert_eq!(twice.verify(&STRIPE, &keys), Err(VerifyError::Malformed("timestamp")));
}

#[test]
fn r_08_headers_of_another_family_are_not_looked_at() {
    let (request, keys) = good();
    let mut other = Request::new(BODY);
    for (from, to) in
        [("webhook-id", "svix-id"), ("webhook-timestamp", "svix-timestamp"), ("webhook-signature", "svix-signature")]
    {
        other = other.with(to, request.headers[from].as_bytes());
    }
    assert_eq!(other.verify(&STANDARD, &keys), Err(VerifyError::Missing("event id")));
    let both = request.with("svix-id", "another").with("svix-signature", "v1,AAAA");
    assert!(both.verify(&STANDARD, &keys).is_ok());
}

/// A message whose body begins with a time and a dot, and the other message that its signature would fit.
fn cut_elsewhere(body: &str) -> (Request, Request, Keyring) {
    let keys = ring(SECRET);
    let mut request = Request::new(format!("{NOW}.{body}").as_bytes());
    let signing = Signing { id: "evt", timestamp: Timestamp::from_secs(NOW - 1), body: &request.body };
    STANDARD.sign(&signing, &keys, &mut request.headers).unwrap();
    let mut cut =
        request.clone().set("webhook-id", format!("evt.{}", NOW - 1)).set("webhook-timestamp", NOW.to_string());
    cut.body = body.into();
    (request, cut, keys)
}

#[test]
fn r_09_a_signed_message_cannot_be_cut_into_another_under_the_strict_scheme() {
    let (request, cut, keys) = cut_elsewhere("evil");
    assert!(request.verify(&STANDARD_STRICT, &keys).is_ok());
    assert!(cut.verify(&STANDARD, &keys).is_ok(), "why the strict scheme exists: a body that is no JSON");
    assert_eq!(cut.verify(&STANDARD_STRICT, &keys), Err(VerifyError::Malformed("event id")));
}

#[test]
fn r_09_no_json_message_can_be_cut_into_another() {
    // A number that is a whole body, cut into a dotted id and another number.
    for rest in ["5", "5e3", "0"] {
        let (_, cut, keys) = cut_elsewhere(rest);
        assert_eq!(cut.verify(&STANDARD, &keys), Err(VerifyError::Malformed("event id")), "{rest}");
    }
    // An id with a time in it, cut so that the signed time begins the body. Our own sender signs no such id, so the parts are
    // given to it the other way round.
    for body in ["{}", "[1]", "\"a\"", "5"] {
        let (request, cut, keys) = cut_elsewhere(body);
        assert_eq!(request.verify(&STANDARD, &keys), Err(VerifyError::Malformed("event id")), "{body}");
        assert_eq!(
            cut.verify(&STANDARD, &keys).is_ok(),
            body != "5",
            "{body}: an id with a dot and a JSON body is real"
        );
    }
}

#[test]
fn r_09_no_id_that_could_be_cut_is_signed() {
    for id in ["a.b", "", "a b", "é", "a\nb", &"x".repeat(129)] {
        let signing = Signing { id, timestamp: Timestamp::from_secs(NOW), body: BODY };
        let mut headers = HeaderMap::new();
        assert_eq!(STANDARD.sign(&signing, &ring(SECRET), &mut headers), Err(SignError::Id), "{id:?}");
        assert!(headers.is_empty(), "nothing is added by halves");
    }
}

/// As the sender would have signed it, had it written the time so.
fn signed_with_time(time: &str) -> Request {
    use hmac::{KeyInit as _, Mac as _};
    let secret = BASE64.decode(SECRET.strip_prefix("whsec_").unwrap()).unwrap();
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(&secret).unwrap();
    mac.update(&[ID.as_bytes(), b".", time.as_bytes(), b".", BODY].concat());
    let signature = format!("v1,{}", BASE64.encode(mac.finalize().into_bytes()));
    Request::new(BODY).with("webhook-id", ID).with("webhook-timestamp", time).with("webhook-signature", signature)
}

#[test]
fn r_10_a_time_is_digits_and_nothing_else_even_when_it_is_signed() {
    let keys = ring(SECRET);
    assert!(signed_with_time("1700000000").verify(&STANDARD, &keys).is_ok());
    let odd =
        ["+1700000000", "01700000000", " 1700000000", "1700000000 ", "1700000000.0", "1.7e9", "0x6553f100", "0", ""];
    let extreme = ["-1", "-9223372036854775808", "9223372036854775807", "9223372036854775808", "1700000000000"];
    for time in odd.into_iter().chain(extreme) {
        assert_eq!(
            signed_with_time(time).verify(&STANDARD, &keys),
            Err(VerifyError::Malformed("timestamp")),
            "{time:?}"
        );
    }
}

#[test]
fn r_11_the_tolerance_is_five_minutes_to_either_side_bounds_included() {
    let (request, keys) = good();
    for skew in [-301, -300, -299, 0, 299, 300, 301_i64] {
        let wanted = if skew.abs() <= 300 {
            Ok(Checked::Event { signed_at: Some(Timestamp::from_secs(NOW)) })
        } else {
            Err(VerifyError::OutOfTolerance { skew })
        };
        assert_eq!(request.clone().at(NOW - skew).verify(&STANDARD, &keys), wanted, "{skew}");
    }
}

#[test]
fn r_11_no_tolerance_and_no_check_have_to_be_asked_for_by_name() {
    assert_eq!(Tolerance::within(Duration::ZERO), None);
    assert_eq!(Tolerance::default(), Tolerance::within(Duration::from_secs(300)).unwrap());
    let (mut request, keys) = good();
    request.tolerance = Some(Tolerance::dangerous_any());
    assert!(request.clone().at(i64::MAX).verify(&STANDARD, &keys).is_ok());
    assert!(request.at(0).verify(&STANDARD, &keys).is_ok());
}

#[test]
fn r_12_the_skew_is_told_for_a_good_signature_only() {
    let (request, keys) = good();
    let late = request.at(NOW + 4_000);
    assert_eq!(late.verify(&STANDARD, &keys), Err(VerifyError::OutOfTolerance { skew: -4_000 }));
    assert_eq!(late.verify(&STANDARD, &Keyring::new(Key::generate().unwrap())), BAD);
}

#[test]
fn r_13_a_missing_setting_is_no_secret() {
    for text in ["", " ", "whsec_", "changeme", "CHANGEME", "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="] {
        assert!(STANDARD.key(text).is_err(), "{text:?}");
    }
    for text in ["", "\t", "undefined", "null", "xxxxxxxx"] {
        assert!(STRIPE.key(text).is_err(), "{text:?}");
    }
}

#[test]
fn r_14_a_secret_is_read_strictly() {
    for text in [
        "whsec_ MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "Whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec+-MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    ] {
        assert_eq!(Key::parse(text).unwrap_err(), KeyError::Encoding("standard base64"), "{text:?}");
    }
    for text in ["whsec_whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2La-_Sw"] {
        assert_eq!(Key::parse(text).unwrap_err(), KeyError::UrlSafe, "{text:?}");
    }
    for text in [" whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"] {
        assert!(Key::parse(text).is_ok(), "{text:?}: white space around it does not count");
    }
}

#[test]
fn r_14_a_public_key_cannot_sign() {
    let public = Keyring::new(Key::generate_ed25519().unwrap().public().unwrap());
    let signing = Signing { id: ID, timestamp: Timestamp::from_secs(NOW), body: BODY };
    assert_eq!(STANDARD.sign(&signing, &public, &mut HeaderMap::new()), Err(SignError::NoKey));
}

#[test]
fn r_15_bytes_that_are_no_text_verify_and_every_flipped_bit_is_seen() {
    let keys = ring(SECRET);
    let body = [0xff, 0xfe, 0x00, 0x7b, 0x80];
    let mut request = Request::new(&body);
    let signing = Signing { id: ID, timestamp: request.now, body: &body };
    STANDARD.sign(&signing, &keys, &mut request.headers).unwrap();
    assert!(request.verify(&STANDARD, &keys).is_ok());
    for bit in 0..body.len() * 8 {
        let mut changed = request.clone();
        changed.body[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(changed.verify(&STANDARD, &keys), BAD, "bit {bit}");
    }
}

#[test]
fn r_17_a_handshake_or_an_id_is_read_only_after_the_check() {
    let ambiguous = br#"{"type":"url_verification","type":"x","challenge":"c"}"#;
    let request =
        Request::new(ambiguous).with("x-slack-request-timestamp", NOW.to_string()).with("x-slack-signature", "v0=00");
    let keys = Keyring::new(Key::text("a long and random secret").unwrap());
    assert_eq!(request.verify(&SLACK, &keys), BAD);
}

#[test]
fn r_19_nothing_in_a_request_chooses_the_key() {
    let mine = Request::signed(&Keyring::new(Key::generate().unwrap()));
    let naming = mine.with("webhook-key-id", key().id()).with("authorization", SECRET);
    assert_eq!(naming.verify(&STANDARD, &ring(SECRET)), BAD);
}

#[test]
fn r_20_a_key_past_its_time_neither_signs_nor_verifies() {
    let (old, now) = (key(), Timestamp::from_secs(NOW));
    let mut keys = Keyring::new(old.clone());
    keys.rotate(Key::generate().unwrap(), now - Duration::from_secs(60), Duration::from_secs(120)).unwrap();
    let both = Request::signed(&keys);
    assert_eq!(both.signature().split(' ').count(), 2, "newest first, the old one beside it");
    let by_old = Request::signed(&Keyring::new(old.clone()));
    assert!(by_old.verify(&STANDARD, &keys).is_ok());
    assert_eq!(by_old.at(NOW + 60).verify(&STANDARD, &keys), BAD);
    let signing = Signing { id: ID, timestamp: now + Duration::from_secs(60), body: BODY };
    let mut headers = HeaderMap::new();
    STANDARD.sign(&signing, &keys, &mut headers).unwrap();
    assert_eq!(headers["webhook-signature"].to_str().unwrap().split(' ').count(), 1);
}

#[test]
fn a_ring_without_a_usable_key_says_so() {
    let public = Keyring::new(Key::generate_ed25519().unwrap().public().unwrap());
    let request = Request::new(BODY).with("x-hub-signature-256", format!("sha256={}", "0".repeat(64)));
    assert_eq!(request.verify(&GITHUB, &public), Err(VerifyError::NoKey));
}

#[test]
fn r_40_an_id_or_type_unfit_for_a_log_counts_as_absent() {
    for value in [&b"a\tb"[..], b"\xff\xfe", "x".repeat(257).as_bytes()] {
        let request = Request::new(b"{}").with("webhook-id", value);
        assert_eq!(request.identify(&STANDARD).unwrap().id, None);
    }
    for kind in [r"a\u001b[2J", r"a\nb", r"a\u0085b", &"x".repeat(257)] {
        let request = Request::new(format!(r#"{{"type":"{kind}"}}"#).as_bytes()).with("webhook-id", ID);
        let event = request.identify(&STANDARD).unwrap();
        assert_eq!((event.id.as_deref(), event.event_type), (Some(ID), None), "{kind}");
    }
}

#[test]
fn r_40_a_field_that_stands_twice_names_no_event() {
    for body in [&b"command=%2Fone&command=%2Ftwo"[..], br#"{"event_id":"Ev1","event_id":"Ev2"}"#] {
        assert!(matches!(Request::new(body).identify(&SLACK), Err(VerifyError::Malformed(_))));
    }
    let once = Request::new(b"x=1&command=%2Fone").identify(&SLACK).unwrap();
    assert_eq!(once.event_type.as_deref(), Some("/one"));
}

#[test]
fn r_40_an_unfit_id_is_rejected_by_identify_though_the_signature_is_good() {
    let keys = ring(SECRET);
    let (request, _) = good();
    assert!(request.verify(&STANDARD, &keys).is_ok());
    assert_eq!(request.identify(&STANDARD).unwrap().id.as_deref(), Some(ID));
    let twice = request.with("webhook-id", ID);
    assert_eq!(twice.identify(&STANDARD), Err(VerifyError::Malformed("event id")));
}

#[test]
fn errors_repeat_nothing_of_the_request() {
    let (request, keys) = good();
    let hostile = request.set("webhook-timestamp", "tell-nobody").set("webhook-signature", "v1,tell-nobody");
    let error = hostile.verify(&STANDARD, &keys).unwrap_err();
    assert!(!format!("{error} {error:?} {:?}", hostile.received()).contains("tell-nobody"));
}
