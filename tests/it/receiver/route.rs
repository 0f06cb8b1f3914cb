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

/// One request with one event of each type.
fn request(types: &[&str]) -> Request<Full<Bytes>> {
    let events: Vec<_> =
        types.iter().enumerate().map(|(id, it)| json!({"id": id.to_string(), "eventType": it})).collect();
    Request::post("/hooks?code=a-long-code").body(Full::new(Value::from(events).to_string().into())).unwrap()
}

#[tokio::test]
async fn each_event_of_a_request_finds_the_most_specific_handler() {
    let log = Log::default();
    let on = |router: EventRouter, pattern, name| router.on(pattern, noting(&log, name, StatusCode::OK)).unwrap();
    let patterns = [("*", "all"), ("a.*", "a"), ("a.b.c", "abc"), ("a.b.*", "ab")];
    let router = patterns.into_iter().fold(EventRouter::new(), |router, (pattern, name)| on(router, pattern, name));
    let gate = receiver().gate("azure_event_grid").unwrap();
    let answer = gate.receive(request(&["a.b.c", "a.b.d", "a.x", "z"]), |event| router.handle(event)).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(*log.lock().unwrap(), ["abc a.b.c", "ab a.b.d", "a a.x", "all z"]);
}

#[tokio::test]
async fn one_failing_event_makes_the_request_fail_and_the_others_are_not_handled_again() {
    let log = Log::default();
    let router = EventRouter::new()
        .on("bad", noting(&log, "bad", StatusCode::BAD_GATEWAY))
        .and_then(|router| router.on("*", noting(&log, "good", StatusCode::OK)))
        .unwrap();
    let service = receiver().gate("azure_event_grid").unwrap().layer(router);
    for _ in 0..2 {
        let answer = service.clone().oneshot(request(&["one", "bad", "two"])).await.unwrap();
        assert_eq!(answer.status(), StatusCode::BAD_GATEWAY);
    }
    assert_eq!(*log.lock().unwrap(), ["good one", "bad bad", "good two", "bad bad"]);
}

#[tokio::test]
async fn an_event_without_a_handler_is_acknowledged_and_an_invalid_payload_is_not() {
    #[derive(serde::Deserialize)]
    struct Numbered {
        #[expect(dead_code, reason = "its absence is the point")]
        number: u64,
    }
    // Each has a separate dedup store, because the events have the same ids.
    let gate = || receiver().gate("azure_event_grid").unwrap();
    let typed = EventRouter::new().on("numbered", |_: Webhook<Numbered>| async {}).unwrap();
    assert_eq!(gate().receive(request(&["other"]), |event| typed.handle(event)).await.status(), StatusCode::NO_CONTENT);
    let answer = gate().receive(request(&["numbered"]), |event| typed.handle(event)).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let strict = EventRouter::new().otherwise(StatusCode::NOT_FOUND);
    assert_eq!(gate().receive(request(&["x"]), |event| strict.handle(event)).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn without_the_layer_nothing_is_handled() {
    let router = EventRouter::new().on("*", |_: Webhook<Value>| async {}).unwrap();
    let answer = router.oneshot(Request::new(Bytes::new().into())).await.unwrap();
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
}
