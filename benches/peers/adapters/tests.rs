//! The requests of each adapter: method, path, header and body. A small fake notes them; it measures nothing.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::convoy::Convoy;
use super::hook0::Hook0;
use super::hookwire::Hookwire;
use super::outpost::Outpost;
use super::svix::Svix;
use super::{Adapter, Place};
use crate::api::Api;

type RecordedRequests = Arc<Mutex<Vec<(String, Value)>>>;

const URL: &str = "http://127.0.0.1:9/hook";

/// Answers every request with the same JSON document.
async fn fake(answer: Value) -> (Api, RecordedRequests) {
    let noted = RecordedRequests::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (notes, body) = (noted.clone(), Bytes::from(answer.to_string()));
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let answer = service_fn(|request| note(request, notes.clone(), body.clone()));
        http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await.unwrap();
    });
    (Api::new(address, "secret").unwrap(), noted)
}

async fn note(
    request: Request<Incoming>,
    noted: RecordedRequests,
    answer: Bytes,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    assert_eq!(head.headers["authorization"], "Bearer secret");
    let body = body.collect().await.unwrap().to_bytes();
    if !body.is_empty() {
        assert_eq!(head.headers["content-type"], "application/json");
    }
    let document = serde_json::from_slice(&body).unwrap_or(Value::Null);
    noted.lock().unwrap().push((format!("{} {}", head.method, head.uri), document));
    Ok(Response::new(Full::new(answer)))
}

/// Opens an endpoint and dispatches an event. Returns the requests.
async fn requests(adapter: &dyn Adapter, answer: Value) -> Vec<(String, Value)> {
    let (api, noted) = fake(answer).await;
    api.send(adapter.ready()).await.unwrap();
    let endpoint = adapter.open(&api, &Place { name: "bench-1-0".to_owned(), url: URL }).await.unwrap();
    api.send(adapter.dispatch(&endpoint, json!({"name": "event-1-0."}))).await.unwrap();
    std::mem::take(&mut *noted.lock().unwrap())
}

fn expected<const N: usize>(requests: [(&str, Value); N]) -> Vec<(String, Value)> {
    requests.map(|(line, body)| (line.to_owned(), body)).into()
}

#[tokio::test]
async fn hookwire_gets_an_endpoint_of_a_tenant_and_an_event() {
    let wanted = expected([
        ("GET /event-types", Value::Null),
        ("POST /endpoints", json!({"tenant": "bench-1-0", "url": URL})),
        ("POST /events", json!({"tenant": "bench-1-0", "type": "bench.event.sent", "data": {"name": "event-1-0."}})),
    ]);
    assert_eq!(requests(&Hookwire, json!({})).await, wanted);
}

#[tokio::test]
async fn svix_gets_an_application_an_endpoint_and_a_message() {
    let message = json!({"eventType": "bench.event.sent", "payload": {"name": "event-1-0."}});
    let wanted = expected([
        ("GET /api/v1/health", Value::Null),
        ("POST /api/v1/app", json!({"name": "bench-1-0", "uid": "bench-1-0"})),
        ("POST /api/v1/app/bench-1-0/endpoint", json!({"url": URL})),
        ("POST /api/v1/app/bench-1-0/msg?with_content=false", message),
    ]);
    assert_eq!(requests(&Svix, json!({})).await, wanted);
}

#[tokio::test]
async fn outpost_gets_a_tenant_a_destination_and_an_event() {
    let destination = json!({"type": "webhook", "topics": ["*"], "config": {"url": URL}});
    let event = json!({"tenant_id": "bench-1-0", "topic": "bench.event.sent", "data": {"name": "event-1-0."}});
    let wanted = expected([
        ("GET /healthz", Value::Null),
        ("PUT /api/v1/tenants/bench-1-0", json!({})),
        ("POST /api/v1/tenants/bench-1-0/destinations", destination),
        ("POST /api/v1/publish", event),
    ]);
    assert_eq!(requests(&Outpost, json!({})).await, wanted);
}

#[tokio::test]
async fn convoy_gets_an_endpoint_a_subscription_and_an_event() {
    let event = json!({"endpoint_id": "01H", "event_type": "bench.event.sent", "data": {"name": "event-1-0."}});
    let wanted = expected([
        ("GET /healthz", Value::Null),
        ("POST /api/v1/projects/p1/endpoints", json!({"name": "bench-1-0", "url": URL})),
        ("POST /api/v1/projects/p1/subscriptions", json!({"name": "bench-1-0", "endpoint_id": "01H"})),
        ("POST /api/v1/projects/p1/events", event),
    ]);
    let answer = json!({"status": true, "data": {"uid": "01H"}});
    assert_eq!(requests(&Convoy { project: "p1".to_owned() }, answer).await, wanted);
}

#[tokio::test]
async fn hook0_gets_an_event_type_a_subscription_and_an_event() {
    let adapter = Hook0 { application: "a1".to_owned() };
    let mut noted = requests(&adapter, json!({})).await;
    let time = noted[3].1["occurred_at"].take();
    assert!(time.as_str().unwrap().ends_with('Z'), "{time}");

    let event_type = json!({"application_id": "a1", "service": "bench", "resource_type": "event", "verb": "sent"});
    let target = json!({"type": "http", "method": "POST", "url": URL, "headers": {}});
    let subscription = json!({
        "application_id": "a1", "is_enabled": true, "event_types": ["bench.event.sent"],
        "labels": {"place": "bench-1-0"}, "target": target,
    });
    let event = json!({
        "application_id": "a1", "event_type": "bench.event.sent", "payload": "{\"name\":\"event-1-0.\"}",
        "payload_content_type": "application/json", "occurred_at": null, "labels": {"place": "bench-1-0"},
    });
    let wanted = expected([
        ("GET /api/v1/instance", Value::Null),
        ("POST /api/v1/event_types", event_type),
        ("POST /api/v1/subscriptions", subscription),
        ("POST /api/v1/event", event),
    ]);
    assert_eq!(noted, wanted);
}

#[tokio::test]
async fn an_answer_without_the_id_is_a_problem_that_shows_it() {
    let (api, _) = fake(json!({"data": null})).await;
    let adapter = Convoy { project: "p1".to_owned() };
    let problem = adapter.open(&api, &Place { name: "n".to_owned(), url: URL }).await.unwrap_err().to_string();
    assert!(problem.contains("/data/uid") && problem.contains(r#"{"data":null}"#), "{problem}");
}
