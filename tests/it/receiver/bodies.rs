//! Bodies with forms, parts, lines, compression, byte order marks and broken characters; and the special cases of providers.

use std::io::Write as _;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use hookwire::provider::{GITHUB, MAX_EVENTS, META, SANITY, SLACK};
use hookwire::receiver::{Accepted, Rejection, RejectionKind, Source, Verified, Webhook};
use hookwire::secret::Key;
use hookwire::signature::{Settings, VerifyError};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};

use super::{Bench, TEXT_SECRET, reason, sign};

fn key() -> Key {
    Key::text(TEXT_SECRET).unwrap()
}

fn github(body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    let mut request = sign(&GITHUB, &key(), "", body);
    request.headers_mut().insert("x-github-delivery", HeaderValue::from_static("d1"));
    request.headers_mut().insert("x-github-event", HeaderValue::from_static("push"));
    request
}

/// The response, and the events that the handlers got.
async fn handled(source: Source, request: Request<Full<Bytes>>) -> (Response<Bytes>, Vec<Verified>) {
    let name = source.name().to_owned();
    let bench = Bench::with(|builder| builder.source(source));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let gate = bench.gate(&name);
    let answer = gate.receive(request, |verified| {
        seen.lock().unwrap().push(verified);
        async { StatusCode::OK }
    });
    let answer = answer.await;
    let seen = seen.lock().unwrap().clone();
    (answer, seen)
}

async fn one(source: Source, request: Request<Full<Bytes>>) -> Verified {
    let (answer, mut seen) = handled(source, request).await;
    assert_eq!(answer.status(), StatusCode::OK, "{:?}", reason(&answer));
    assert_eq!(seen.len(), 1);
    seen.remove(0)
}

fn of_github() -> Source {
    Source::github(TEXT_SECRET).unwrap()
}

#[tokio::test]
async fn json_in_the_payload_field_of_a_form_is_read_and_the_body_stays_the_form() {
    for (form, number) in [("payload=%7B%22n%22%3A1%7D", 1), ("x=1&payload=%7B%22n%22%3A+2%7D&y", 2)] {
        let verified = one(of_github(), github(form)).await;
        assert_eq!(verified.body(), form);
        assert_eq!((verified.event_id(), verified.event_type()), (Some("d1"), Some("push")));
        assert_eq!(verified.json::<Value>().unwrap()["n"], number);
        assert_eq!(verified.strict_json::<Value>().unwrap()["n"], number);
        assert_eq!(Webhook::<Value>::read(verified).unwrap().payload["n"], number);
    }
}

#[tokio::test]
async fn the_type_of_a_slack_interaction_is_read_from_the_json_in_its_form() {
    for kind in ["block_actions", "view_submission"] {
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("payload", &json!({ "type": kind, "trigger_id": "1.2" }).to_string())
            .finish();
        let verified = one(Source::slack(TEXT_SECRET).unwrap(), sign(&SLACK, &key(), "", form)).await;
        assert_eq!(verified.event_type(), Some(kind));
        assert_eq!(verified.json::<Value>().unwrap()["trigger_id"], "1.2");
    }
    let command = one(Source::slack(TEXT_SECRET).unwrap(), sign(&SLACK, &key(), "", "command=%2Fgo&text=x")).await;
    assert_eq!(command.event_type(), Some("/go"));
}

#[tokio::test]
async fn half_a_surrogate_pair_is_replaced_and_a_byte_order_mark_is_skipped() {
    let cases = [
        (r#"{"comment":"cut \ud83d","n":1}"#.to_owned(), "cut \u{fffd}"),
        (r#"{"comment":"\ude00\ud83d\ude00","n":1}"#.to_owned(), "\u{fffd}\u{1f600}"),
        ("\u{feff}{\"comment\":\"x\",\"n\":1}".to_owned(), "x"),
    ];
    for (body, comment) in cases {
        let verified = one(of_github(), github(body.clone())).await;
        assert_eq!(verified.body(), &body, "the verified bytes are the signed ones");
        assert_eq!(verified.event_type(), Some("push"));
        assert_eq!(verified.json::<Value>().unwrap()["comment"], comment);
        assert_eq!(verified.strict_json::<Value>().unwrap()["n"], 1);
    }
}

#[tokio::test]
async fn id_and_type_are_found_in_a_body_with_half_a_surrogate_pair_or_a_byte_order_mark() {
    for body in [
        r#"{"id":"evt_1","type":"a.b","x\ud83d":"cut \ud83d"}"#.to_owned(),
        "\u{feff}{\"id\":\"evt_1\",\"type\":\"a.b\"}".to_owned(),
    ] {
        let request = sign(&hookwire::provider::STRIPE, &key(), "", body);
        let verified = one(Source::stripe(TEXT_SECRET).unwrap(), request).await;
        assert_eq!((verified.event_id(), verified.event_type()), (Some("evt_1"), Some("a.b")));
    }
}

#[tokio::test]
async fn numbers_of_any_size_are_kept_as_they_were_written() {
    for number in
        ["9007199254740993", "18446744073709551617", "-1", "1E+2", "123456789012345678901234567890.5", "1e999"]
    {
        let body = format!(r#"{{"id":{number},"type":"a.b"}}"#);
        let request = sign(&hookwire::provider::STRIPE, &key(), "", body);
        let verified = one(Source::stripe(TEXT_SECRET).unwrap(), request).await;
        assert_eq!(verified.event_id(), Some(number));
        assert_eq!(verified.event_type(), Some("a.b"));
    }
}

#[tokio::test]
async fn an_empty_body_reads_as_null() {
    let verified = one(of_github(), github("")).await;
    assert_eq!(verified.json::<Value>().unwrap(), Value::Null);
    assert_eq!(verified.json::<Option<u8>>().unwrap(), None);
    assert!(verified.json::<u8>().is_err());
}

#[tokio::test]
async fn json_lines_and_arrays_are_batches() {
    let lines = "{\"log_id\":\"1\",\"data\":{\"type\":\"s\"}}\n{\"log_id\":\"2\",\"data\":{\"type\":\"f\"}}\n";
    let array = r#"[{"log_id":"1","data":{"type":"s"}},{"log_id":"2","data":{"type":"f"}}]"#;
    for body in [lines.to_owned(), lines.replace('\n', "\r\n"), array.to_owned(), format!("\u{feff}{lines}")] {
        let request = Request::post("/").header("authorization", TEXT_SECRET).body(super::full(body.clone())).unwrap();
        let (answer, seen) = handled(Source::auth0(TEXT_SECRET).unwrap(), request).await;
        assert_eq!(answer.status(), StatusCode::OK);
        let names: Vec<_> = seen.iter().map(|event| (event.event_id(), event.event_type())).collect();
        assert_eq!(names, [(Some("1"), Some("s")), (Some("2"), Some("f"))], "{body}");
        assert_eq!(seen[1].json::<Value>().unwrap()["log_id"], "2");
    }
    let broken =
        Request::post("/").header("authorization", TEXT_SECRET).body(super::full(format!("{lines}{{"))).unwrap();
    let verified = one(Source::auth0(TEXT_SECRET).unwrap(), broken).await;
    assert_eq!(verified.event_id(), None, "an invalid batch is one event, so nothing is lost");
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn deflate(plain: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn encoded(mut request: Request<Full<Bytes>>, coding: &'static str, body: Option<Vec<u8>>) -> Request<Full<Bytes>> {
    request.headers_mut().insert("content-encoding", HeaderValue::from_static(coding));
    match body {
        Some(body) => request.map(|_| Full::from(body)),
        None => request,
    }
}

const PLAIN: &str = r#"{"id":"evt_1","type":"a.b","n":1}"#;

#[tokio::test]
async fn a_body_that_was_signed_after_compression_is_read_and_stays_compressed() {
    for (coding, body) in
        [("gzip", gzip(PLAIN.as_bytes())), ("x-gzip", gzip(PLAIN.as_bytes())), ("deflate", deflate(PLAIN.as_bytes()))]
    {
        let request = sign(&hookwire::provider::STRIPE, &key(), "", body.clone());
        let verified = one(Source::stripe(TEXT_SECRET).unwrap(), encoded(request, coding, None)).await;
        assert_eq!(verified.body(), &body);
        assert_eq!(verified.content(), PLAIN);
        assert_eq!((verified.event_id(), verified.event_type()), (Some("evt_1"), Some("a.b")));
        assert_eq!(verified.json::<Value>().unwrap()["n"], 1);
    }
}

#[tokio::test]
async fn a_body_that_was_signed_before_compression_is_decompressed() {
    for (coding, body) in [("gzip", gzip(PLAIN.as_bytes())), ("deflate", deflate(PLAIN.as_bytes()))] {
        let verified = one(of_github(), encoded(github(PLAIN), coding, Some(body))).await;
        assert_eq!((verified.body(), verified.request_body()), (&Bytes::from(PLAIN), &Bytes::from(PLAIN)));
        assert_eq!(verified.json::<Value>().unwrap()["n"], 1);
    }
    let forged = gzip(br#"{"id":"evt_1","type":"a.b","n":2}"#);
    let (answer, seen) = handled(of_github(), encoded(github(PLAIN), "gzip", Some(forged))).await;
    assert_eq!((answer.status(), seen.len()), (StatusCode::UNAUTHORIZED, 0));
}

#[tokio::test]
async fn a_batch_in_a_compressed_body_is_a_batch() {
    let array = br#"[{"log_id":"1"},{"log_id":"2"}]"#;
    let request = Request::post("/").header("authorization", TEXT_SECRET).body(Full::from(gzip(array))).unwrap();
    let (answer, seen) = handled(Source::auth0(TEXT_SECRET).unwrap(), encoded(request, "gzip", None)).await;
    assert_eq!((answer.status(), seen.len()), (StatusCode::OK, 2));
    assert_eq!(seen[1].body(), r#"{"log_id":"2"}"#);
}

#[tokio::test]
async fn a_request_with_too_many_events_is_rejected_with_the_limit_as_reason() {
    let auth0 = || Source::auth0(TEXT_SECRET).unwrap();
    let by_auth0 =
        |body: String, secret| Request::post("/").header("authorization", secret).body(Full::from(body)).unwrap();
    let array = |count| format!("[{}]", vec!["{}"; count].join(","));
    let lines = |count| vec!["{}"; count].join("\n");
    for body in [array(MAX_EVENTS), lines(MAX_EVENTS)] {
        let (answer, seen) = handled(auth0(), by_auth0(body, TEXT_SECRET)).await;
        assert_eq!((answer.status(), seen.len()), (StatusCode::OK, MAX_EVENTS));
    }
    let too_many = RejectionKind::Unverified(VerifyError::TooManyEvents(MAX_EVENTS));
    let pages = |count| format!(r#"{{"object":"page","entry":[{{"changes":{}}},{{"changes":[{{}}]}}]}}"#, array(count));
    let by_meta =
        |body| (Source::provider("meta", &[TEXT_SECRET], Settings::default()).unwrap(), sign(&META, &key(), "", body));
    let ce = Request::post("/").header("content-type", "application/cloudevents-batch+json");
    let ce = ce.header("authorization", format!("Bearer {TEXT_SECRET}"));
    let ce = ce.body(Full::from(array(MAX_EVENTS + 1))).unwrap();
    let requests = [
        (auth0(), by_auth0(array(MAX_EVENTS + 1), TEXT_SECRET)),
        (auth0(), by_auth0(lines(MAX_EVENTS + 1), TEXT_SECRET)),
        by_meta(pages(MAX_EVENTS)),
        by_meta(pages(MAX_EVENTS + 1)),
        (Source::provider("cloudevents", &[TEXT_SECRET], Settings::default()).unwrap(), ce),
    ];
    for (source, request) in requests {
        let name = source.name().to_owned();
        let (answer, seen) = handled(source, request).await;
        assert_eq!((answer.status(), seen.len()), (StatusCode::PAYLOAD_TOO_LARGE, 0), "{name}");
        assert_eq!(reason(&answer), Some(too_many), "{name}");
        assert!(answer.extensions().get::<Rejection>().unwrap().to_string().contains("more than 4096"));
    }
    let (answer, _) = handled(auth0(), by_auth0(array(MAX_EVENTS + 1), "another secret")).await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "an unverified sender gets no detail");
}

#[tokio::test]
async fn a_compression_bomb_is_cut_off_at_the_limit_of_its_source() {
    let bomb = gzip(&vec![b' '; 5 << 20]);
    assert!(bomb.len() < 10_000);
    let source = || of_github().max_body(1 << 20);
    let (answer, seen) = handled(source(), encoded(github(bomb.clone()), "gzip", None)).await;
    assert_eq!((answer.status(), seen.len()), (StatusCode::PAYLOAD_TOO_LARGE, 0));
    assert!(answer.extensions().get::<Rejection>().unwrap().to_string().contains("max_body"));
    let (answer, _) = handled(source(), encoded(github("{}"), "gzip", Some(bomb))).await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_body_that_is_not_compressed_as_its_header_claims_is_still_an_event() {
    for coding in ["gzip", "deflate", "br", "gzip, gzip"] {
        let verified = one(of_github(), encoded(github(PLAIN), coding, None)).await;
        assert_eq!(verified.json::<Value>().unwrap()["n"], 1, "{coding}");
    }
}

fn multipart(fields: &[(&str, &str)]) -> String {
    let part = |(name, value): &(&str, &str)| {
        format!("--b0\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let file =
        "--b0\r\ncontent-disposition: form-data; name=\"attachment-1\"; filename=\"a.bin\"\r\n\r\n\u{0}\u{1}\r\n";
    format!("{}{file}--b0--\r\n", fields.iter().map(part).collect::<String>())
}

#[tokio::test]
async fn mailgun_routes_are_read_from_urlencoded_and_multipart_forms() {
    use hmac::{Hmac, KeyInit as _, Mac as _};
    let time = super::START.as_secs().to_string();
    for token in ["t".repeat(50), "u".repeat(50)] {
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(TEXT_SECRET.as_bytes()).unwrap();
        mac.update(format!("{time}{token}").as_bytes());
        let signature = hex::encode(mac.finalize().into_bytes());
        let fields = [("subject", "hi"), ("timestamp", &*time), ("token", &*token), ("signature", &*signature)];
        let urlencoded = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        for (content_type, body) in [
            ("application/x-www-form-urlencoded", urlencoded),
            ("multipart/form-data; boundary=b0", multipart(&fields)),
        ] {
            let request = Request::post("/").header("content-type", content_type).body(super::full(body)).unwrap();
            let verified = one(Source::mailgun_route(TEXT_SECRET).unwrap(), request).await;
            assert_eq!(verified.event_id(), Some(&*token), "{content_type}");
        }
        let twice = multipart(&[&fields[..], &[("token", "another")]].concat());
        let request = Request::post("/").header("content-type", "multipart/form-data; boundary=b0");
        let (answer, _) =
            handled(Source::mailgun_route(TEXT_SECRET).unwrap(), request.body(super::full(twice)).unwrap()).await;
        assert!(!answer.status().is_success(), "a field that occurs twice");
    }
}

#[tokio::test]
async fn the_json_in_a_multipart_form_is_read() {
    for name in ["json", "payload"] {
        let verified = one(of_github(), github(multipart(&[("x", "1"), (name, r#"{"n":7}"#)]))).await;
        assert_eq!(verified.json::<Value>().unwrap()["n"], 7, "{name}");
    }
}

#[tokio::test]
async fn the_unsigned_test_of_bitbucket_is_answered_and_is_not_an_event() {
    let source = || Source::bitbucket(TEXT_SECRET).unwrap();
    let request =
        |event: &str| Request::post("/").header("x-event-key", event).body(super::full(r#"{"test":true}"#)).unwrap();
    let (answer, seen) = handled(source(), request("diagnostics:ping")).await;
    assert_eq!((answer.status(), seen.len()), (StatusCode::OK, 0));
    let (answer, seen) = handled(source(), request("repo:push")).await;
    assert_eq!((answer.status(), seen.len()), (StatusCode::UNAUTHORIZED, 0));
}

#[tokio::test]
async fn sanity_events_are_accepted_with_any_method() {
    for method in ["POST", "PUT", "PATCH", "DELETE", "GET"] {
        for body in [r#"{"_id":"a"}"#, ""] {
            let mut request = Request::builder().method(method).uri("/").body(super::full(body)).unwrap();
            let stamp = hookwire::signature::Signing { id: "", timestamp: super::START, body: body.as_bytes() };
            SANITY.sign(&stamp, &key().into(), request.headers_mut()).unwrap();
            let (answer, seen) = handled(Source::sanity(TEXT_SECRET).unwrap(), request).await;
            assert_eq!((answer.status(), seen.len()), (StatusCode::OK, 1), "{method}");
        }
    }
}

#[tokio::test]
async fn one_good_signature_of_several_is_enough_for_mollie() {
    let body = r#"{"id":"event_1","type":"a.b"}"#;
    let good = sign(&hookwire::provider::MOLLIE, &key(), "", body).headers()["x-mollie-signature"].clone();
    let good = good.to_str().unwrap().to_owned();
    let bad = format!("sha256={}", "0".repeat(64));
    for (lines, status) in [
        (vec![good.clone()], 200),
        (vec![bad.clone(), good.clone()], 200),
        (vec![good.clone(), bad.clone()], 200),
        (vec![format!("{bad}, {good}")], 200),
        (vec![good.trim_start_matches("sha256=").to_owned(), bad.clone()], 200),
        (vec![bad.clone(), bad.clone()], 401),
        (vec![good; 17], 401),
    ] {
        let mut request = Request::post("/").body(super::full(body)).unwrap();
        for line in &lines {
            request.headers_mut().append("x-mollie-signature", line.parse().unwrap());
        }
        let (answer, _) = handled(Source::mollie(TEXT_SECRET).unwrap(), request).await;
        assert_eq!(answer.status().as_u16(), status, "{lines:?}");
    }
}

#[tokio::test]
async fn the_secret_of_okta_is_read_from_the_configured_header() {
    let request =
        |header: &str| Request::post("/").header(header, TEXT_SECRET).body(super::full(r#"{"eventId":"e1"}"#)).unwrap();
    let named =
        || Source::provider("okta", &[TEXT_SECRET], Settings::default().with("header", "X-Our-Secret")).unwrap();
    assert_eq!(one(Source::okta(TEXT_SECRET).unwrap(), request("authorization")).await.event_id(), Some("e1"));
    assert_eq!(one(named(), request("x-our-secret")).await.event_id(), Some("e1"));
    let (answer, _) = handled(named(), request("authorization")).await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "another header");
    let wrong = Source::provider("okta", &[TEXT_SECRET], Settings::default().with("header", "X-Our: secret"));
    assert!(wrong.unwrap_err().to_string().contains("header is not a header name"));
}

#[tokio::test]
async fn only_configured_tenants_of_microsoft_graph_are_accepted() {
    let notice = |tenant: &str| {
        let body = json!({"value": [{"id": "n1", "clientState": TEXT_SECRET, "tenantId": tenant, "lifecycleEvent": "missed"}]});
        Request::post("/").body(super::full(body.to_string())).unwrap()
    };
    let pinned = |rich: &str| {
        let settings =
            Settings::default().with("tenant_ids", "84bd8158-6d4d").with("tenant_ids", "other").with("rich", rich);
        Source::provider("microsoft_graph", &[TEXT_SECRET], settings).unwrap()
    };
    for rich in ["false", "true"] {
        for tenant in ["84bd8158-6d4d", "84BD8158-6D4D"] {
            assert_eq!(
                one(pinned(rich), notice(tenant)).await.event_type(),
                Some("missed"),
                "a lifecycle notification has no tokens"
            );
        }
        let (answer, _) = handled(pinned(rich), notice("evil")).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn the_error_for_a_wrong_signature_names_possible_causes() {
    let text = async |source: Source, request: Request<Full<Bytes>>| {
        let (answer, _) = handled(source, request).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        assert!(answer.body().is_empty());
        answer.extensions().get::<Rejection>().unwrap().to_string()
    };
    let with_length = |length: &'static str, body: &'static str| {
        let mut request = github("{}").map(|_| super::full(body));
        request.headers_mut().insert("content-length", HeaderValue::from_static(length));
        request
    };
    let consumed = text(of_github(), with_length("2", "")).await;
    assert!(consumed.contains("body: is empty") && consumed.contains("outermost"), "{consumed}");
    let changed = text(of_github(), with_length("2", "{ }")).await;
    assert!(changed.contains("2 bytes were announced, 3 arrived") || changed.contains("other spaces"), "{changed}");
    let other = text(Source::github("another long secret").unwrap(), github("{}")).await;
    assert!(other.contains("does not match") && !other.contains("another long"), "{other}");
    let url = Request::post("/").header("x-square-hmacsha256-signature", "AAAA").body(super::full("{}")).unwrap();
    let url = text(Source::square(TEXT_SECRET, "https://a.example/h").unwrap(), url).await;
    assert!(url.contains("setting `url`") && !url.contains("a.example"), "{url}");
}

/// Requests from public bug reports that were refused, lost or misread.
#[tokio::test]
async fn every_request_of_a_public_bug_report_is_handled_correctly() {
    for case in crate::support::vectors("reported.json").as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let (Some(provider), None) = (case["provider"].as_str(), case.get("mount")) else { continue };
        let mut settings = Settings::default();
        for (name, value) in case["settings"].as_object().into_iter().flatten() {
            settings = settings.with(name, value.as_str().unwrap());
        }
        let secret = case["secret"].as_str().unwrap();
        let secrets: Vec<_> = Some(secret).into_iter().filter(|secret| !secret.is_empty()).collect();
        let source = Source::provider(provider, &secrets, settings).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut request = Request::builder().method("POST").uri(case["url"].as_str().unwrap());
        for (header, value) in case["headers"].as_object().unwrap() {
            request = request.header(header, value.as_str().unwrap());
        }
        let body = match case["body_base64"].as_str() {
            Some(text) => base64::Engine::decode(&base64::engine::general_purpose::STANDARD, text).unwrap(),
            None => case["body"].as_str().unwrap().as_bytes().to_vec(),
        };
        let clock =
            hookwire::testing::ManualClock::at(hookwire::clock::Timestamp::from_secs(case["now"].as_i64().unwrap()));
        let bench = Bench::over(super::Faulty::default(), clock, |builder| builder.source(source));
        let accepted = bench.gate(provider).verify(request.body(Bytes::from(body)).unwrap()).await;
        match accepted {
            Ok(Accepted::Event(verified)) => assert!(verified.json::<Value>().is_ok(), "{name}"),
            Ok(Accepted::Batch(events)) => assert!(!events.is_empty(), "{name}"),
            Ok(Accepted::Handshake(_)) => assert!(name.contains("test-connection"), "{name}"),
            other => panic!("{name}: {other:?}"),
        }
    }
}
