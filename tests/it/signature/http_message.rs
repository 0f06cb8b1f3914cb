//! HTTP Message Signatures: RFC 9421 Appendix B and section 2, RFC 9530, and what the webhook profile refuses.

use hookwire::clock::Timestamp;
use hookwire::provider::{Checked, Events, Verify};
use hookwire::secret::{Key, Keyring};
use hookwire::signature::http_message::{
    BaseError, Candidate, InnerList, Message, Profile, WEBHOOK, candidates, check_content_digest, signature_base,
};
use hookwire::signature::{Outgoing, Received, Settings, Trust, VerifyError};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use proptest::prelude::*;
use serde_json::Value;

use super::unbase64;
use crate::support::vectors;

/// A message of the vectors, owned.
struct Owned {
    method: Method,
    uri: Uri,
    origin: Option<String>,
    status: Option<StatusCode>,
    headers: HeaderMap,
}

impl Owned {
    fn read(value: &Value) -> Self {
        let text = |key: &str| value[key].as_str().unwrap_or_default();
        let headers = header_map(&value["headers"]);
        let host = headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or_default();
        Self {
            method: text("method").parse().unwrap_or(Method::GET),
            uri: text("target").parse().unwrap_or_default(),
            origin: Some(format!("{}://{host}", text("scheme"))).filter(|_| !host.is_empty()),
            status: value["status"].as_u64().map(|code| StatusCode::from_u16(code.try_into().unwrap()).unwrap()),
            headers,
        }
    }

    fn message(&self) -> Message<'_> {
        match self.status {
            Some(status) => Message::response(status, &self.headers),
            None => Message::request(&self.method, &self.uri, self.origin.as_deref(), &self.headers),
        }
    }

    fn with(mut self, input: &Value, signature: &Value) -> Self {
        let value = |value: &Value| HeaderValue::from_str(value.as_str().unwrap()).unwrap();
        self.headers.insert("signature-input", value(input));
        self.headers.insert("signature", value(signature));
        self
    }
}

fn header_map(list: &Value) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for pair in list.as_array().into_iter().flatten() {
        // No server hands a folded line on; unfolding is its business.
        let value = pair[1].as_str().unwrap().replace("\r\n    ", " ");
        let name: HeaderName = pair[0].as_str().unwrap().parse().unwrap();
        headers.append(name, HeaderValue::from_str(&value).unwrap());
    }
    headers
}

fn keys(file: &Value, keyid: &str) -> Option<Vec<Key>> {
    let key = &file["keys"][keyid];
    Some(vec![match keyid {
        "test-shared-secret" => Key::from_bytes(&unbase64(&key["b64"])).unwrap(),
        "test-key-ed25519" => Key::ed25519(key["public_pem"].as_str().unwrap()).unwrap(),
        "test-key-ecc-p256" => Key::p256(key["public_pem"].as_str().unwrap()).unwrap(),
        // RSA-PSS is in no profile here, and there is no such kind of key.
        _ => return None,
    }])
}

fn only(message: &Owned) -> Candidate {
    candidates(&message.headers).unwrap().remove(0)
}

fn list<'v>(file: &'v Value, name: &str) -> &'v [Value] {
    file[name].as_array().unwrap()
}

#[test]
fn every_signature_of_appendix_b_that_is_not_rsa_verifies_and_its_base_is_the_rfcs() {
    let file = vectors("rfc9421.json");
    let mut verified = 0;
    for case in list(&file, "appendix_b").iter().chain(list(&file, "derived_webhook_profile")) {
        let message = Owned::read(&case["message"]).with(&case["signature_input"], &case["signature"]);
        let candidate = only(&message);
        let base = signature_base(&message.message(), &candidate.input).unwrap();
        assert_eq!(base, case["signature_base"].as_str().unwrap(), "{}", case["name"]);
        let Some(keys) = keys(&file, case["keyid"].as_str().unwrap()) else { continue };
        let keys: Vec<_> = keys.iter().collect();
        assert_eq!(candidate.verify(&message.message(), &keys), Ok(true), "{}", case["name"]);
        verified += 1;
    }
    assert_eq!(verified, 8, "five of the appendix, three of the profile");
}

#[test]
fn transformed_messages_verify_where_the_rfc_says_so() {
    let file = vectors("rfc9421.json");
    let keys = keys(&file, "test-key-ed25519").unwrap();
    for case in list(&file, "transformations_b4") {
        let message = Owned::read(&case["message"]).with(&case["signature_input"], &case["signature"]);
        let good = only(&message).verify(&message.message(), &keys.iter().collect::<Vec<_>>()).unwrap();
        assert_eq!(good, case["expect_valid"] == true, "{}", case["name"]);
    }
}

/// Reads the component identifiers of lines such as `"date": Tue`.
fn input_of(lines: &[Value]) -> InnerList {
    let identifier = |line: &Value| {
        let text = line.as_str().unwrap();
        let end = text.find(": ").unwrap_or(text.len());
        text[..end].to_owned()
    };
    let list = lines.iter().map(identifier).collect::<Vec<_>>().join(" ");
    let mut headers = HeaderMap::new();
    headers.insert("signature-input", HeaderValue::from_str(&format!("x=({list})")).unwrap());
    headers.insert("signature", HeaderValue::from_static("x=:AA==:"));
    candidates(&headers).unwrap().remove(0).input
}

#[test]
fn values_are_canonicalised_as_in_section_2() {
    for case in list(&vectors("rfc9421.json"), "canonicalization") {
        let lines = case["lines"].as_array().unwrap();
        let headers = header_map(&case["headers"]);
        let (method, uri) = case["request"].as_str().and_then(|text| text.split_once(' ')).unwrap_or(("GET", "/"));
        let (method, uri): (Method, Uri) = (method.parse().unwrap(), uri.parse().unwrap());
        let base = signature_base(&Message::request(&method, &uri, None, &headers), &input_of(lines)).unwrap();
        let expected: String = lines.iter().map(|line| format!("{}\n", line.as_str().unwrap())).collect();
        assert!(base.starts_with(&expected), "{}\n{base}\n{expected}", case["source"]);
    }
}

#[test]
fn a_digest_is_accepted_or_rejected_as_rfc_9530_says() {
    let file = vectors("rfc9530-content-digest.json");
    let check = |header: &Value, body: &Value| {
        let mut headers = HeaderMap::new();
        headers.insert("content-digest", HeaderValue::from_str(header.as_str().unwrap()).unwrap());
        check_content_digest(&headers, &unbase64(body))
    };
    for case in list(&file, "vectors") {
        assert_eq!(check(&case["value"], &case["body_b64"]), Ok(()), "{}", case["name"]);
    }
    for case in list(&file, "receiver_cases") {
        let accepted = check(&case["header"], &case["body_b64"]).is_ok();
        assert_eq!(accepted, case["expect"].as_str().unwrap().starts_with("accept"), "{}", case["name"]);
    }
}

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
const BODY: &[u8] = br#"{"type":"invoice.paid"}"#;

/// The profile of webhooks, for senders without an id.
static WITHOUT_ID: Profile =
    Profile::new("webhook").required(&["@method", "@target-uri", "@authority", "content-type", "content-digest"]);

/// A signed webhook, and what a server sees of it.
#[derive(Clone)]
struct Webhook {
    headers: HeaderMap,
    uri: Uri,
    body: Vec<u8>,
    now: Timestamp,
    keys: Keyring,
    settings: Settings,
}

impl Webhook {
    fn signed_by(key: &Key) -> Self {
        let (method, uri) = (Method::POST, Uri::from_static("https://example.com/hooks?a=1"));
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("application/json"));
        let outgoing = Outgoing { method: &method, uri: &uri, id: "evt_1", timestamp: NOW, body: BODY };
        WEBHOOK.sign(&outgoing, &key.clone().into(), &mut headers).unwrap();
        let settings = Settings::default().with("url", "https://example.com");
        let uri = Uri::from_static("/hooks?a=1");
        Self { headers, uri, body: BODY.into(), now: NOW, keys: key.clone().into(), settings }
    }

    /// Signed by several keys, without an id.
    fn signed_by_all(keys: &[Key]) -> Self {
        let mut webhook = Self::signed_by(&keys[0]);
        let (method, uri) = (Method::POST, Uri::from_static("https://example.com/hooks?a=1"));
        webhook.headers = HeaderMap::new();
        webhook.headers.insert("content-type", HeaderValue::from_static("application/json"));
        let outgoing = Outgoing { method: &method, uri: &uri, id: "evt_1", timestamp: NOW, body: BODY };
        webhook.keys = Keyring::from_keys(keys.iter().cloned()).unwrap();
        WITHOUT_ID.sign(&outgoing, &webhook.keys, &mut webhook.headers).unwrap();
        webhook.headers.remove("webhook-id");
        webhook
    }

    fn new() -> Self {
        Self::signed_by(&Key::generate_ed25519().unwrap())
    }

    fn verify(&self) -> Result<Checked, VerifyError> {
        let method = Method::POST;
        let received = Received { method: &method, uri: &self.uri, headers: &self.headers, body: &self.body };
        Verify::verify(&WEBHOOK, &received, &Trust { settings: &self.settings, ..Trust::new(&self.keys, self.now) })
    }

    fn at(mut self, secs: i64) -> Self {
        self.now = Timestamp::from_secs(NOW.as_secs() + secs);
        self
    }

    /// Changes the text of a header, whose signature stays as it was.
    fn edit(mut self, name: &'static str, change: impl Fn(&str) -> String) -> Self {
        let value = change(self.headers[name].to_str().unwrap());
        self.headers.insert(name, HeaderValue::from_str(&value).unwrap());
        self
    }
}

#[test]
fn what_the_profile_signs_it_verifies_by_every_kind_of_key() {
    for key in [Key::generate().unwrap(), Key::generate_ed25519().unwrap()] {
        let webhook = Webhook::signed_by(&key);
        assert_eq!(webhook.verify(), Ok(Checked::Event { signed_at: Some(NOW) }));
    }
}

#[test]
fn everything_that_is_covered_is_covered() {
    let refused = |webhook: Webhook| webhook.verify().unwrap_err();
    let mut other_body = Webhook::new();
    other_body.body = b"{}".to_vec();
    assert_eq!(refused(other_body), VerifyError::BodyMismatch);
    let mut other_uri = Webhook::new();
    other_uri.uri = Uri::from_static("/hooks?a=2");
    assert_eq!(refused(other_uri), VerifyError::BadSignature);
    let mut other_host = Webhook::new();
    other_host.settings = Settings::default().with("url", "https://other.example");
    assert_eq!(refused(other_host), VerifyError::BadSignature);
    for name in ["content-type", "webhook-id"] {
        assert_eq!(refused(Webhook::new().edit(name, |text| format!("{text}x"))), VerifyError::BadSignature, "{name}");
    }
}

#[test]
fn a_host_header_cannot_say_who_we_are() {
    let mut webhook = Webhook::new();
    webhook.headers.insert("host", HeaderValue::from_static("evil.example"));
    assert!(webhook.verify().is_ok(), "it is not looked at");
    webhook.settings = Settings::default();
    assert_eq!(webhook.verify(), Err(VerifyError::MissingSetting("url")));
}

#[test]
fn the_parameters_are_demanded_and_judged() {
    let edited = |from: &'static str, to: &'static str| {
        Webhook::new().edit("signature-input", |text| {
            assert!(text.contains(from), "{text}");
            text.replacen(from, to, 1)
        })
    };
    let refused = |webhook: Webhook| webhook.verify().unwrap_err();
    assert_eq!(refused(edited(r#""content-digest" "#, "")), VerifyError::NotCovered("content-digest"));
    assert_eq!(refused(edited(r#" "webhook-id""#, "")), VerifyError::NotCovered("webhook-id"));
    assert_eq!(refused(edited(r#"tag="webhook""#, r#"tag="other""#)), VerifyError::Missing("signature"));
    assert_eq!(refused(edited(r#"alg="ed25519""#, r#"alg="hmac-sha256""#)), VerifyError::UnsupportedAlgorithm);
    assert_eq!(refused(edited(";nonce=", ";other=")), VerifyError::Missing("nonce"));
    assert_eq!(refused(edited(";keyid=", ";other=")), VerifyError::Missing("keyid"));
    assert_eq!(refused(edited("created=17", "created=18")), VerifyError::Malformed("timestamp"));
    assert_eq!(refused(edited("expires=17", "expires=18")), VerifyError::Malformed("timestamp"));
    assert_eq!(refused(edited(r#""@method""#, r#""@method" "@method""#)), VerifyError::Malformed("covered component"));
}

#[test]
fn the_window_is_five_minutes_and_one_for_the_clocks() {
    for (secs, good) in [(-61, false), (-60, true), (0, true), (360, true), (361, false)] {
        assert_eq!(Webhook::new().at(secs).verify().is_ok(), good, "{secs} s");
    }
}

#[test]
fn a_bad_signature_beside_a_good_one_does_no_harm_and_a_label_means_nothing() {
    let webhook = Webhook::new()
        .edit("signature-input", |text| format!("{}, {text}", text.replacen("sig1=", "bad=", 1)))
        .edit("signature", |text| format!("bad=:AAAA:, {text}"));
    assert!(webhook.verify().is_ok());
    let renamed = Webhook::new()
        .edit("signature-input", |text| text.replacen("sig1=", "x=", 1))
        .edit("signature", |text| text.replacen("sig1=", "x=", 1));
    assert!(renamed.verify().is_ok());
}

#[test]
fn halves_and_other_alphabets_are_rejected() {
    let mut half = Webhook::new();
    half.headers.remove("signature-input");
    assert_eq!(half.verify(), Err(VerifyError::Missing("signature")));
    let renamed = Webhook::new().edit("signature", |text| text.replacen("sig1", "sig2", 1));
    assert_eq!(renamed.verify(), Err(VerifyError::Missing("signature")));
    let url_safe = Webhook::new().edit("signature", |_| "sig1=:a-b_:".into());
    assert_eq!(url_safe.verify(), Err(VerifyError::Malformed("signature")));
}

#[test]
fn a_public_key_is_no_mac_key_here_either() {
    let pair = Key::generate_ed25519().unwrap();
    let public = pair.public().unwrap();
    let bytes = unbase64(&Value::from(public.expose().strip_prefix("whpk_").unwrap()));
    let mut forged = Webhook::signed_by(&Key::from_bytes(&bytes).unwrap());
    forged.keys = public.into();
    assert_eq!(forged.verify(), Err(VerifyError::UnsupportedAlgorithm));
    let without_alg = forged.edit("signature-input", |text| text.replace(r#";alg="hmac-sha256""#, ""));
    assert_eq!(without_alg.verify(), Err(VerifyError::Missing("algorithm")));
}

#[test]
fn a_component_that_cannot_be_signed_is_named() {
    let headers = header_map(&serde_json::json!([["content-type", "a/b"], ["x", "1"]]));
    let (method, uri) = (Method::GET, Uri::from_static("/a?q=1&q=2"));
    let message = Message::request(&method, &uri, None, &headers);
    let error = |identifier: &str| {
        let input = input_of(&[Value::from(format!("{identifier}: "))]);
        signature_base(&message, &input).unwrap_err()
    };
    let unknown = |identifier: &str| BaseError::Unknown(identifier.into());
    for identifier in [
        r#""@nonsense""#,
        r#""@signature-params""#,
        r#""content-type";zz"#,
        r#""x";sf;bs"#,
        r#""@method";req"#,
        r#""@status""#,
    ] {
        assert_eq!(error(identifier), unknown(identifier));
    }
    assert_eq!(error(r#""x-absent""#), BaseError::Absent(r#""x-absent""#.into()));
    assert_eq!(error(r#""@query-param";name="q""#), BaseError::Twice(r#""@query-param";name="q""#.into()));
    assert_eq!(error(r#""content-type";key="a""#), BaseError::Value(r#""content-type";key="a""#.into()));
}

proptest! {
    #[test]
    fn no_header_makes_it_panic(input in "[ -~]{0,200}", signature in "[ -~]{0,200}", digest in "[ -~]{0,80}") {
        let mut webhook = Webhook::new();
        for (name, text) in [("signature-input", &input), ("signature", &signature), ("content-digest", &digest)] {
            webhook.headers.insert(name, HeaderValue::from_str(text).unwrap());
        }
        prop_assert!(webhook.verify().is_err());
    }
}

/// Eight signatures over 58 members of one dictionary, none of them good: the request that once cost seconds.
fn flood(member_count: usize, alg: &str) -> Webhook {
    let mut webhook = Webhook::new();
    let members: Vec<_> = (0..member_count).map(|number| format!("k{number:05}=1")).collect();
    webhook.headers.insert("x", HeaderValue::from_str(&members.join(", ")).unwrap());
    let required = r#""@method" "@target-uri" "@authority" "content-type" "content-digest" "webhook-id""#;
    let keys: Vec<_> = (0..8).map(|number| format!(r#""x";key="k{number:05}""#)).collect();
    let input = |number: usize| {
        format!(
            r#"s{number}=({required} {});created=1700000000;expires=1700000300;nonce="0123456789abcdef";keyid="k";alg="{alg}";tag="webhook""#,
            keys.join(" ")
        )
    };
    let inputs: Vec<_> = (0..8).map(input).collect();
    let signatures: Vec<_> = (0..8).map(|number| format!("s{number}=:{}:", "A".repeat(86) + "==")).collect();
    webhook.headers.insert("signature-input", HeaderValue::from_str(&inputs.join(", ")).unwrap());
    webhook.headers.insert("signature", HeaderValue::from_str(&signatures.join(", ")).unwrap());
    webhook
}

fn work_of(webhook: &Webhook) -> (Result<Checked, VerifyError>, u64) {
    let before = hookwire::testing::work_done();
    let verdict = webhook.verify();
    (verdict, hookwire::testing::work_done() - before)
}

#[test]
fn without_a_usable_key_nothing_of_the_message_is_read() {
    let headers_only = 2 * 8 * 1024;
    for alg in ["hmac-sha256", "rsa-pss-sha512"] {
        let (verdict, work) = work_of(&flood(1_000, alg));
        assert_eq!(verdict, Err(VerifyError::UnsupportedAlgorithm));
        assert!(work < headers_only, "{work} bytes");
    }
}

#[test]
fn junk_signatures_cost_no_more_than_one_reading_of_the_message() {
    let (verdict, small) = work_of(&flood(1_000, "ed25519"));
    assert_eq!(verdict, Err(VerifyError::BadSignature));
    assert!(small < 200_000, "{small} bytes");
    let (verdict, large) = work_of(&flood(40_000, "ed25519"));
    assert_eq!(verdict, Err(VerifyError::Malformed("covered component")));
    assert!(large < 200_000, "{large} bytes");
}

#[test]
fn neither_the_order_of_two_signatures_nor_a_dropped_one_makes_a_second_event_of_a_message() {
    let (first, second) = (Key::generate_ed25519().unwrap(), Key::generate_ed25519().unwrap());
    let sent = Webhook::signed_by_all(&[first, second]);
    let identity = |webhook: &Webhook| {
        assert_eq!(webhook.verify(), Ok(Checked::Event { signed_at: Some(NOW) }));
        let method = Method::POST;
        let received = Received { method: &method, uri: &webhook.uri, headers: &webhook.headers, body: &webhook.body };
        let trust = Trust { settings: &webhook.settings, ..Trust::new(&webhook.keys, webhook.now) };
        let Ok(Events::One(event)) = WITHOUT_ID.events(&received, &trust) else { panic!("one event") };
        event
    };
    let parts =
        |text: &str| text.split(", sig").map(|it| format!("sig{}", it.trim_start_matches("sig"))).collect::<Vec<_>>();
    let reversed = |text: &str| parts(text).into_iter().rev().collect::<Vec<_>>().join(", ");
    let turned = sent.clone().edit("signature-input", reversed).edit("signature", reversed);
    assert_eq!(identity(&turned).identity, identity(&sent).identity);
    for label in ["sig1", "sig2"] {
        let only = |text: &str| parts(text).into_iter().find(|part| part.starts_with(label)).unwrap();
        let alone = sent.clone().edit("signature-input", only).edit("signature", only);
        // The bytes that were signed, and their time, are remembered as well.
        assert!(!identity(&alone).identity_authenticated && !identity(&sent).identity_authenticated);
    }
}
