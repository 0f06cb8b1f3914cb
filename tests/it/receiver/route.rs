//! Handlers by event type.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use hookwire::receiver::{EventRouter, Receiver, Source, Webhook};
use hookwire::signature::Settings;
use hookwire::store::MemoryDedup;
use http::{Request, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};
use tower::{Layer as _, ServiceExt as _};

type Log = Arc<Mutex<Vec<String>>>;

fn noting(
    log: &Log,
    name: &'static str,
    code: StatusCode,
) -> impl Fn(Webhook<Value>) -> std::future::Ready<StatusCode> + use<> {
    let log = log.clone();
    move |event| {
        log.lock().unwrap().push(format!("{name} {}", event.verified().event_type().unwrap_or("-")));
        std::future::ready(code)
    }
}

fn receiver() -> Receiver {
    let source = Source::provider("azure_event_grid", &["a-long-code"], Settings::default()).unwrap();
    Receiver::builder(MemoryDedup::new()).source(source).build().unwrap()
}

/// One request with an event of each type.
fn request(types: &[&str]) -> Request<Full<Bytes>> {
    let events: Vec<_> =
        types.iter().enumerate().map(|(id, it)| json!({"id": id.to_string(), "eventType": it})).collect();
    Request::post("/hooks?code=a-long-code").body(Full::new(Value::from(events).to_string().into())).unwrap()
}

#[tokio::test]
async fn each_event_of_a_request_finds_the_most_specific_handler() {
    let log = Log::default();
    let router = EventRouter::builder()
        .on("*", noting(&log, "all", StatusCode::OK))
        .on("a.*", noting(&log, "a", StatusCode::OK))
        .on("a.b.c", noting(&log, "abc", StatusCode::OK))
        .on("a.b.*", noting(&log, "ab", StatusCode::OK))
        .build()
        .unwrap();
    let gate = receiver().gate("azure_event_grid").unwrap();
    let answer = gate.receive(request(&["a.b.c", "a.b.d", "a.x", "z"]), |event| router.handle(event)).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(*log.lock().unwrap(), ["abc a.b.c", "ab a.b.d", "a a.x", "all z"]);
}

#[tokio::test]
async fn one_failing_event_makes_the_request_fail_and_the_others_are_not_handled_again() {
    let log = Log::default();
    let router = EventRouter::builder()
        .on("bad", noting(&log, "bad", StatusCode::BAD_GATEWAY))
        .on("*", noting(&log, "good", StatusCode::OK))
        .build()
        .unwrap();
    let service = receiver().layer("azure_event_grid").unwrap().layer(router);
    for _ in 0..2 {
        let answer = service.clone().oneshot(request(&["one", "bad", "two"])).await.unwrap();
        assert_eq!(answer.status(), StatusCode::BAD_GATEWAY);
    }
    assert_eq!(*log.lock().unwrap(), ["good one", "bad bad", "good two", "bad bad"]);
}

#[tokio::test]
async fn what_nobody_is_for_is_acknowledged_and_what_is_no_payload_is_not() {
    #[derive(serde::Deserialize)]
    struct Numbered {
        #[expect(dead_code, reason = "its absence is the point")]
        number: u64,
    }
    // Each with a memory of its own: the events have the same ids.
    let gate = || receiver().gate("azure_event_grid").unwrap();
    let typed = EventRouter::builder().on("numbered", |_: Webhook<Numbered>| async {}).build().unwrap();
    assert_eq!(gate().receive(request(&["other"]), |event| typed.handle(event)).await.status(), StatusCode::NO_CONTENT);
    let answer = gate().receive(request(&["numbered"]), |event| typed.handle(event)).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let strict = EventRouter::builder().otherwise(StatusCode::NOT_FOUND).build().unwrap();
    assert_eq!(gate().receive(request(&["x"]), |event| strict.handle(event)).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn without_the_layer_nothing_is_handled() {
    let router = EventRouter::builder().on("*", |_: Webhook<Value>| async {}).build().unwrap();
    let answer = router.oneshot(Request::new(Bytes::new().into())).await.unwrap();
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
}
