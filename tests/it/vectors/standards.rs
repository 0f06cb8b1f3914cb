//! The vectors of specifications that no provider owns: `CloudEvents` over HTTP, `WebSub`, and the draft of MCP.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use hookwire::clock::Timestamp;
use hookwire::id::Tenant;
use hookwire::provider::cloud_event::{CloudEvent, decode_header, encode_header};
use hookwire::provider::{Challenge, MAX_EVENTS, McpMessage, SQUARE, STANDARD, Scheme};
use hookwire::receiver::{Accepted, Receiver, ReceiverConfigError, RejectionKind, Source, Verified};
use hookwire::signature::{Settings, Signing, VerifyError};
use hookwire::store::MemoryDedup;
use hookwire::testing::ManualClock;
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use serde_json::{Value, json};

use crate::support::vectors;

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn headers(values: &Value) -> HeaderMap {
    let pair = |(name, value): (&String, &Value)| {
        (HeaderName::try_from(name).unwrap(), HeaderValue::try_from(value.as_str().unwrap()).unwrap())
    };
    values.as_object().unwrap().iter().map(pair).collect()
}

fn content_type(text: &str) -> HeaderMap {
    headers(&json!({ "content-type": text }))
}

#[test]
fn headers_are_encoded_and_decoded_as_the_binding_says() {
    let file = vectors("cloudevents-http.json");
    for case in list(&file["header_encoding"]) {
        let (decoded, encoded) = (case["decoded"].as_str().unwrap(), case["encoded"].as_str().unwrap());
        assert_eq!(encode_header(decoded), encoded);
        assert_eq!(decode_header(encoded).as_deref(), Some(decoded));
    }
    for case in list(&file["header_decoding"]) {
        assert_eq!(decode_header(case["header"].as_str().unwrap()).as_deref(), case["value"].as_str(), "{case}");
    }
}

#[test]
fn the_mode_is_told_by_the_content_type() {
    let file = vectors("cloudevents-http.json");
    let event = &file["structured_example"]["body"];
    for case in list(&file["mode_detection"]) {
        let count = |body: Value| {
            let headers = content_type(case["content_type"].as_str().unwrap());
            CloudEvent::read(&headers, &Bytes::from(body.to_string())).map(|events| events.len())
        };
        let (one, batch) = (count(event.clone()), count(json!([event, event])));
        // Without attributes in headers, a binary message has none.
        let none = || Err(VerifyError::Missing("CloudEvents specversion"));
        let body = || Err(VerifyError::Malformed("CloudEvents body"));
        let format = || Err(VerifyError::UnsupportedFormat);
        let wanted = match case["mode"].as_str().unwrap() {
            "structured" => (Ok(1), body()),
            "batch" => (body(), Ok(2)),
            other if other.starts_with("binary") => (none(), none()),
            _ => (format(), format()),
        };
        assert_eq!((one, batch), wanted, "{case}");
    }
}

#[test]
fn a_structured_event_says_what_the_binary_one_says() {
    let example = &vectors("cloudevents-http.json")["structured_example"];
    let body = Bytes::from(example["body"].to_string());
    let structured = CloudEvent::read(&content_type(example["content_type"].as_str().unwrap()), &body).unwrap();
    let data = Bytes::from(example["body"]["data"].to_string());
    let binary = CloudEvent::read(&headers(&example["binary_headers"]), &data).unwrap();
    assert_eq!(structured, binary);
    assert_eq!(structured[0].subject, None, "null is nothing");
    assert_eq!(structured[0].extensions["comexampleothervalue"], "5");
}

#[test]
fn data_is_json_as_written_or_decoded_bytes() {
    let file = vectors("cloudevents-http.json");
    for name in ["json_string_data", "data_base64_no_datacontenttype"] {
        let body = Bytes::from(file[name]["structured"].to_string());
        let events = CloudEvent::read(&content_type("application/cloudevents+json"), &body).unwrap();
        assert_eq!(events[0].data.as_deref(), file[name]["binary_body"].as_str().map(str::as_bytes), "{name}");
    }
}

#[test]
fn what_is_no_event_is_rejected_and_the_error_names_the_attribute() {
    let read = |body: &str| CloudEvent::read(&content_type("application/cloudevents+json"), &body.to_owned().into());
    let (missing, malformed) = (VerifyError::Missing, VerifyError::Malformed);
    assert_eq!(read(r#"{"specversion":"1.0","source":"/","type":"t"}"#), Err(missing("CloudEvents id")));
    assert_eq!(read(r#"{"specversion":"1.0","id":"","source":"/","type":"t"}"#), Err(missing("CloudEvents id")));
    assert_eq!(
        read(r#"{"specversion":"0.3","id":"1","source":"/","type":"t"}"#),
        Err(malformed("CloudEvents specversion"))
    );
    assert_eq!(
        read(r#"{"specversion":"1.0","id":"1","id":"2","source":"/","type":"t"}"#),
        Err(malformed("CloudEvents body"))
    );
    assert_eq!(
        read(r#"{"specversion":"1.0","id":"1","source":"/","type":"t","Upper":"x"}"#),
        Err(malformed("CloudEvents extension"))
    );
    let both = r#"{"specversion":"1.0","id":"1","source":"/","type":"t","data":1,"data_base64":"MQ=="}"#;
    assert_eq!(read(both), Err(malformed("CloudEvents data_base64")));
    assert_eq!(read("[]"), Err(malformed("CloudEvents body")));
    let batch = Bytes::from(json!(vec![1; MAX_EVENTS + 1]).to_string());
    let read = CloudEvent::read(&content_type("application/cloudevents-batch+json"), &batch);
    assert_eq!(read, Err(VerifyError::TooManyEvents(MAX_EVENTS)));
    let numbers = 0..65;
    let many: serde_json::Map<_, _> = numbers.map(|number| (format!("ce-x{number}"), json!("x"))).collect();
    let mut many = headers(&many.into());
    many.extend(headers(&json!({"ce-specversion":"1.0","ce-id":"1","ce-source":"/","ce-type":"t"})));
    assert_eq!(CloudEvent::read(&many, &Bytes::new()), Err(malformed("CloudEvents attributes")));
}

#[tokio::test]
async fn a_batch_is_an_event_each_and_known_by_source_and_id() {
    let event = |id: &str, source: &str| json!({"specversion":"1.0","id":id,"source":source,"type":"t"});
    let body = json!([event("1", "/a"), event("1", "/b"), event("1", "/a")]).to_string();
    let request = Request::post("/hooks").header("authorization", "Bearer a-token-of-some-length");
    let request = request.header("content-type", "application/cloudevents-batch+json").body(body.into()).unwrap();
    let source = Source::provider("cloudevents", &["a-token-of-some-length"], Settings::default()).unwrap();
    let receiver = Receiver::builder(MemoryDedup::new()).source(source).build().unwrap();
    let Ok(Accepted::Batch(events)) = receiver.gate("cloudevents").unwrap().verify(request).await else {
        panic!("a batch")
    };
    let keys: Vec<_> = events.iter().map(Verified::dedup_entries).collect();
    assert_ne!(keys[0], keys[1]);
    assert_eq!(keys[0], keys[2]);
    assert_eq!(events[1].body(), &event("1", "/b").to_string());
    assert_eq!(CloudEvent::of_one(events[1].kept_headers(), events[1].body()).unwrap().source, "/b");
    assert!(!events[1].kept_headers().contains_key("authorization"), "the token is not kept");
}

#[tokio::test]
async fn events_over_a_signed_body_are_authentic() {
    let key = STANDARD.key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let body = json!({"specversion":"1.0","id":"1","source":"/a","type":"t"}).to_string();
    let now = hookwire::clock::Clock::now(&hookwire::clock::SystemClock);
    let mut request = Request::post("/hooks").header("content-type", "application/cloudevents+json");
    let signing = Signing { id: "msg_1", timestamp: now, body: body.as_bytes() };
    STANDARD.sign(&signing, &key.clone().into(), request.headers_mut().unwrap()).unwrap();
    let source = Source::new("signed", STANDARD.cloud_events(), key.into());
    let receiver = Receiver::builder(MemoryDedup::new()).source(source).build().unwrap();
    let request = request.body(Bytes::from(body)).unwrap();
    let Ok(Accepted::Event(event)) = receiver.gate("signed").unwrap().verify(request).await else { panic!("signed") };
    assert_eq!((event.event_id(), event.is_id_authentic()), (Some("1"), true));
}

#[tokio::test]
async fn over_a_signature_a_changed_ce_header_makes_no_new_event() {
    let key = STANDARD.key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let now = hookwire::clock::Clock::now(&hookwire::clock::SystemClock);
    let source = Source::new("signed", STANDARD.cloud_events(), key.clone().into());
    let receiver = Receiver::builder(MemoryDedup::new()).source(source).build().unwrap();
    let gate = receiver.gate("signed").unwrap();
    let mut keys = Vec::new();
    for id in ["1", "2"] {
        let mut all = headers(&json!({"ce-specversion":"1.0","ce-id":id,"ce-source":"/a","ce-type":"t"}));
        STANDARD.sign(&Signing { id: "msg_1", timestamp: now, body: b"x" }, &key.clone().into(), &mut all).unwrap();
        let mut request = Request::post("/hooks").body(Bytes::from("x")).unwrap();
        *request.headers_mut() = all;
        let Ok(Accepted::Event(event)) = gate.verify(request).await else { panic!("signed") };
        assert_eq!((event.event_id(), event.is_id_authentic()), (Some(id), false));
        let read = CloudEvent::of_one(event.kept_headers(), event.body()).unwrap();
        assert_eq!((read.id.as_str(), read.data.as_deref()), (id, Some(b"x".as_slice())));
        assert!(!event.kept_headers().contains_key("webhook-signature"));
        keys.push(event.dedup_entries());
    }
    let [[identity, replay], [other, same]] = [keys[0].as_slice(), keys[1].as_slice()].map(|it| it.try_into().unwrap());
    assert_ne!(identity, other);
    assert_eq!(replay.key, same.key, "the id in the header is not signed (R-33)");
}

#[test]
fn events_over_another_proof_are_as_much_proved_as_that_and_know_its_settings() {
    static NOTHING: Scheme = Scheme::new("nothing", "https://example.org");
    let build = |source: Source| Receiver::builder(MemoryDedup::new()).source(source).build();
    let unproved = Source::keyless("nothing", NOTHING.cloud_events());
    assert!(matches!(build(unproved), Err(ReceiverConfigError::Unproved(_))));
    let square = |source: Source| build(source.setting("url", "https://example.org").setting("allowed_origins", "*"));
    let over = Source::new("square", SQUARE.cloud_events(), SQUARE.key("a-secret-of-some-length").unwrap().into());
    assert!(square(over.clone()).is_ok());
    assert!(build(over).is_err(), "what the proof needs, is needed");
}

#[tokio::test]
async fn an_unknown_format_is_415_and_attributes_hold_no_control_characters() {
    let gate = |source| Receiver::builder(MemoryDedup::new()).source(source).build().unwrap().gate("cloudevents");
    let gate = gate(Source::cloudevents("a-token-of-some-length").unwrap()).unwrap();
    let mut request = Request::post("/").header("authorization", "Bearer a-token-of-some-length");
    request = request.header("content-type", "application/cloudevents+avro");
    let rejected = gate.verify(request.body(Bytes::new()).unwrap()).await.unwrap_err();
    assert_eq!(rejected.status(), 415);
    for (name, value) in [("ce-subject", "a%00b"), ("ce-source", "/a%0A1"), ("ce-datacontenttype", "text/plain")] {
        let mut all = headers(&json!({"ce-specversion":"1.0","ce-id":"1","ce-source":"/a","ce-type":"t"}));
        all.insert(name, HeaderValue::from_static(value));
        assert!(CloudEvent::read(&all, &Bytes::new()).is_err(), "{name}: {value}");
    }
}

#[test]
fn data_that_is_no_json_is_its_text() {
    let body =
        r#"{"specversion":"1.0","id":"1","source":"/","type":"t","datacontenttype":"text/plain","data":"a \"b\""}"#;
    let events = CloudEvent::read(&content_type("application/cloudevents+json"), &Bytes::from(body)).unwrap();
    assert_eq!(events[0].data.as_deref(), Some(br#"a "b""#.as_slice()));
}

/// Says yes to everything, and remembers what it was asked.
#[derive(Default)]
struct Yes(Arc<Mutex<Vec<(Tenant, Challenge)>>>);

impl Yes {
    fn to(&self, source: Source) -> Source {
        let requested = self.0.clone();
        source.decide(move |tenant, challenge| {
            requested.lock().unwrap().push((tenant, challenge));
            async { true }
        })
    }
}

async fn ask(source: Source, request: Request<Bytes>) -> Result<Accepted, RejectionKind> {
    let name = source.name().to_owned();
    let receiver = Receiver::builder(MemoryDedup::new()).source(source).build().unwrap();
    receiver.gate(&name).unwrap().verify(request).await.map_err(|rejection| rejection.kind())
}

#[tokio::test]
async fn the_application_decides_about_topics_and_origins() {
    let file = vectors("websub.json");
    let url = file["verification_request"].as_str().unwrap().strip_prefix("GET ").unwrap().to_owned();
    let intent = || Request::get(&url).body(Bytes::new()).unwrap();
    let websub = || Source::websub("correct horse").unwrap();
    let rejected = ask(websub(), intent()).await.unwrap_err();
    assert_eq!(rejected, RejectionKind::Unverified(VerifyError::HandshakeRejected { status: 404 }));
    let yes = Yes::default();
    let Ok(Accepted::Handshake(reply)) = ask(yes.to(websub().tenant("acme")), intent()).await else { panic!("yes") };
    assert_eq!(reply.body, "n0nce");
    let denied = file["denial_request"].as_str().unwrap().strip_prefix("GET ").unwrap();
    assert!(ask(websub(), Request::get(denied).body(Bytes::new()).unwrap()).await.is_ok());

    let options = || {
        let request = Request::options("/hook").header("webhook-request-origin", "eventemitter.example.com");
        request.header("webhook-request-rate", "120").body(Bytes::new()).unwrap()
    };
    let cloudevents = || Source::provider("cloudevents", &[], Settings::default()).unwrap();
    assert!(ask(cloudevents(), options()).await.is_err());
    let Ok(Accepted::Handshake(reply)) = ask(yes.to(cloudevents()), options()).await else { panic!("yes") };
    assert!(reply.headers.contains(&("webhook-allowed-origin", "eventemitter.example.com".into())));
    assert!(reply.headers.contains(&("webhook-allowed-rate", "*".into())));
    let requested = yes.0.lock().unwrap();
    let requested: Vec<_> = requested
        .iter()
        .map(|(tenant, it)| (tenant.as_str(), it.kind.as_str(), it.subject.as_str(), it.amount))
        .collect();
    let topic = ("acme", "subscribe", "https://pub.example/feed", Some(864_000));
    assert_eq!(requested, [topic, ("default", "origin", "eventemitter.example.com", Some(120))]);
}

#[tokio::test]
async fn every_delivery_of_the_mcp_draft_is_verified_keeps_its_subscription_and_is_rejected_when_a_byte_is_flipped() {
    let file = vectors("mcp-events-draft.json");
    let source = Source::mcp_events(file["secret"].as_str().unwrap()).unwrap();
    let clock = ManualClock::at(Timestamp::from_secs(1_739_980_800));
    let receiver = Receiver::builder(MemoryDedup::new()).source(source).clock(clock).build().unwrap();
    let gate = receiver.gate("mcp_events").unwrap();
    for delivery in list(&file["deliveries"]) {
        let text = delivery["request"]["body"].as_str().unwrap();
        let send = |body: String| {
            let mut request = Request::post("/hooks/client123").body(Bytes::from(body)).unwrap();
            *request.headers_mut() = headers(&delivery["request"]["headers"]);
            gate.verify(request)
        };
        match (delivery["name"].as_str().unwrap(), send(text.to_owned()).await) {
            ("verification challenge", Ok(Accepted::Handshake(reply))) => {
                assert_eq!(
                    serde_json::from_slice::<Value>(&reply.body).unwrap(),
                    file["verification_response"]["body"]
                );
            }
            (name, Ok(Accepted::Event(event))) => {
                assert_eq!(event.kept_headers()["x-mcp-subscription-id"], "sub_a3f1c8e2b0d49f7e", "{name}");
                assert_eq!(event.event_id(), delivery["request"]["headers"]["webhook-id"].as_str(), "{name}");
            }
            other => panic!("{other:?}"),
        }
        assert!(send(text.replacen(':', ";", 1)).await.is_err(), "{delivery}");
    }
}

#[test]
fn the_messages_of_the_mcp_draft_read_as_what_they_are() {
    for delivery in list(&vectors("mcp-events-draft.json")["deliveries"]) {
        let message = serde_json::from_str::<McpMessage>(delivery["request"]["body"].as_str().unwrap());
        let is = match (delivery["name"].as_str().unwrap(), &message) {
            ("event", Ok(McpMessage::Event { id, name, .. })) => id == "evt_789" && name == "incident.created",
            ("gap", Ok(McpMessage::Gap { cursor })) => cursor.as_deref() == Some("cursor_fresh"),
            ("terminated", Ok(McpMessage::Terminated { error })) => error["code"] == -32012,
            // Answered by the middleware; a handler never sees it.
            ("verification challenge", Err(_)) => true,
            _ => false,
        };
        assert!(is, "{delivery}: {message:?}");
    }
}

#[tokio::test]
async fn a_rate_is_more_than_nothing() {
    let open = || Source::cloudevents("a-token-of-some-length").unwrap().setting("allowed_origins", "*");
    let options = |rate: &str| {
        let request = Request::options("/hook").header("webhook-request-origin", "a.example");
        request.header("webhook-request-rate", rate).body(Bytes::new()).unwrap()
    };
    assert!(ask(open(), options("1")).await.is_ok());
    for rate in ["0", "-1", "many", ""] {
        assert!(ask(open(), options(rate)).await.is_err(), "asked: {rate}");
        let built = Receiver::builder(MemoryDedup::new()).source(open().setting("allowed_rate", rate)).build();
        assert!(built.unwrap_err().to_string().contains("allowed_rate is neither"), "allowed: {rate}");
    }
}

#[tokio::test]
async fn a_hub_gets_yes_for_the_mode_that_was_asked_for_and_no_other() {
    let intent = |mode: &str, topic: &str| {
        Request::get(format!("/hooks?hub.mode={mode}&hub.topic=https%3A%2F%2Fexample.org%2F{topic}&hub.challenge=abc"))
            .body(Bytes::new())
            .unwrap()
    };
    let settings = Settings::default()
        .with("pending_topics", "https://example.org/wanted")
        .with("leaving_topics", "https://example.org/unwanted");
    let websub = || Source::provider("websub", &["correct horse"], settings.clone()).unwrap();
    for (mode, topic, yes) in [
        ("subscribe", "wanted", true),
        ("unsubscribe", "wanted", false),
        ("subscribe", "unwanted", false),
        ("unsubscribe", "unwanted", true),
        ("unsubscribe", "other", false),
    ] {
        let answer = ask(websub(), intent(mode, topic)).await;
        assert_eq!(answer.is_ok(), yes, "{mode} {topic}: {answer:?}");
    }
}

#[tokio::test]
async fn unsigned_attributes_and_content_types_make_no_second_event_of_signed_bytes() {
    let key = STANDARD.key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let now = hookwire::clock::Clock::now(&hookwire::clock::SystemClock);
    let event = json!({"specversion":"1.0","id":"1","source":"/a","type":"t"});
    let bodies = [json!({"paid": true}).to_string(), event.to_string(), json!([event, event]).to_string()];
    let types = ["application/json", "application/cloudevents+json", "application/cloudevents-batch+json"];
    for (body, true_type) in bodies.iter().zip(types) {
        let source = Source::new("signed", STANDARD.cloud_events(), key.clone().into());
        let receiver = Receiver::builder(MemoryDedup::new()).source(source).build().unwrap();
        let gate = receiver.gate("signed").unwrap();
        let request = |content_type: &str, id: &str, event_type: &str| {
            let mut request = Request::post("/hooks").header("content-type", content_type);
            let attributes = [("ce-specversion", "1.0"), ("ce-id", id), ("ce-source", "/b"), ("ce-type", event_type)];
            for (name, value) in attributes {
                request = request.header(name, value);
            }
            let signing = Signing { id: "msg_1", timestamp: now, body: body.as_bytes() };
            STANDARD.sign(&signing, &key.clone().into(), request.headers_mut().unwrap()).unwrap();
            request.body(http_body_util::Full::new(Bytes::from(body.clone()))).unwrap()
        };
        let handled = Mutex::new(0);
        let handler = |_: Verified| async {
            *handled.lock().unwrap() += 1;
            http::StatusCode::OK
        };
        assert_eq!(gate.receive(request(true_type, "1", "t"), handler).await.status(), 200);
        let first = *handled.lock().unwrap();
        assert!(first > 0);
        for content_type in types {
            for (id, event_type) in [("2", "t"), ("1", "refund.made"), ("2", "refund.made")] {
                gate.receive(request(content_type, id, event_type), handler).await;
            }
        }
        assert_eq!(*handled.lock().unwrap(), first, "{true_type}: a copy was handled again");
    }
}
