//! The draft of MCP Triggers & Events, both ends: our own source accepts the requests that we send.

use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::IntoResponse;
use axum::routing::post;
use rmcp::model::{CustomRequest, Extensions};
use serde_json::{Value, json};

use hookwire::clock::{Clock, SystemClock};
use hookwire::id::{EventId, Tenant};
use hookwire::mcp::events::{Emit, EmitError, McpEvents};
use hookwire::provider::McpMessage;
use hookwire::receiver::{Receiver, Source};
use hookwire::sender::Scope;
use hookwire::sender::Sender;
use hookwire::store::MemoryDedup;
use hookwire::testing::ManualClock;
use hookwire::worker::CancellationToken;

use super::agent::builder;
use crate::support::server::{Reply, Server};

const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const OTHER: &str = "whsec_ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";

/// A client's callback, verified by our own source: it answers the challenge and keeps what comes.
struct Callback {
    url: String,
    seen: Arc<Mutex<Vec<(HeaderMap, McpMessage)>>>,
    /// How often it was asked to prove itself.
    requests: Arc<Mutex<Vec<Value>>>,
    answers: Arc<AtomicU16>,
    silent: Arc<AtomicBool>,
}

impl Callback {
    async fn with(secrets: &[&str]) -> Self {
        let seen: Arc<Mutex<Vec<_>>> = Arc::default();
        let (answers, silent) = (Arc::new(AtomicU16::new(204)), Arc::new(AtomicBool::new(false)));
        let (log, status) = (seen.clone(), answers.clone());
        let take = move |headers: HeaderMap, body: Bytes| {
            let status = StatusCode::from_u16(status.load(Ordering::SeqCst)).unwrap();
            if status.is_success() {
                log.lock().unwrap().push((headers, serde_json::from_slice(&body).unwrap()));
            }
            async move { status }
        };
        let source = Source::provider("mcp_events", secrets, hookwire::signature::Settings::default()).unwrap();
        let receiver = Receiver::builder(MemoryDedup::new()).source(source).build().unwrap();
        let (requests, quiet) = (Arc::<Mutex<Vec<Value>>>::default(), silent.clone());
        let raw = requests.clone();
        // Before anything is verified.
        let watch = move |request: Request, next: Next| {
            let (raw, quiet) = (raw.clone(), quiet.clone());
            async move {
                let (head, body) = request.into_parts();
                let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
                raw.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
                if quiet.load(Ordering::SeqCst) {
                    return StatusCode::OK.into_response();
                }
                next.run(Request::from_parts(head, body.into())).await
            }
        };
        let app = Router::new().route("/in", post(take)).layer(receiver.gate("mcp_events").unwrap());
        let app = app.layer(middleware::from_fn(watch));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/in", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, seen, requests, answers, silent }
    }

    async fn arrived(&self, count: usize) -> Vec<(HeaderMap, McpMessage)> {
        for _ in 0..1_000 {
            let seen = self.seen.lock().unwrap().clone();
            if seen.len() >= count {
                return seen;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{:?}", self.requests.lock().unwrap());
    }

    fn challenges(&self) -> usize {
        self.requests.lock().unwrap().iter().filter(|body| body["type"] == "verification").count()
    }

    fn subscribe(&self, severity: &str) -> Value {
        json!({"name": "incident.created", "arguments": {"severity": severity},
            "delivery": {"mode": "webhook", "url": self.url, "secret": SECRET}, "cursor": null, "ttlMs": 60_000})
    }
}

struct Bench {
    sender: Sender,
    events: McpEvents,
    clock: ManualClock,
    stop: CancellationToken,
}

impl Bench {
    fn new() -> Self {
        // Signatures are judged by the time of this machine.
        let clock = ManualClock::at(SystemClock.now());
        let sender = builder().clock(clock.clone()).build().unwrap();
        let stop = CancellationToken::new();
        tokio::spawn(sender.worker().run(stop.clone()));
        let events = McpEvents::new(sender.clone()).event("incident.created", "A new incident");
        Self { events: events.for_scope(Scope::tenant("acme")), sender, clock, stop }
    }

    async fn ask(&self, method: &str, params: Value) -> Result<Value, (i32, Value)> {
        let request = CustomRequest::new(method, Some(params));
        let answer = self.events.answer(&request, &Extensions::default()).await.expect("it is one of ours");
        answer.map(|result| result.0).map_err(|error| (error.code.0, error.data.unwrap_or_default()))
    }

    async fn emit(&self, id: &str, severity: &str) -> usize {
        let data = json!({"incidentId": "INC-1234", "severity": severity});
        let emit = Emit::new("acme", "incident.created", data).id(EventId::new(id).unwrap()).cursor("cursor_xyz");
        let count = self.events.emit(emit).await.unwrap();
        self.sender.wake();
        count
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[tokio::test]
async fn a_subscription_is_verified_and_gets_the_events_that_it_is_for() {
    let (bench, callback) = (Bench::new(), Callback::with(&[SECRET]).await);
    let subscribed = bench.ask("events/subscribe", callback.subscribe("P1")).await.unwrap();
    let id = subscribed["id"].as_str().unwrap();
    assert!(id.starts_with("sub_") && subscribed["truncated"] == json!(false), "{subscribed}");
    assert_eq!(subscribed["refreshBefore"], json!((bench.clock.now() + Duration::from_secs(60)).to_string()));
    assert_eq!(callback.challenges(), 1);
    assert_eq!((bench.emit("evt_789", "P1").await, bench.emit("evt_790", "P2").await), (1, 0));
    let (headers, message) = callback.arrived(1).await.remove(0);
    assert_eq!(
        (&headers["webhook-id"], &headers["x-mcp-subscription-id"], &headers["content-type"]),
        (&"evt_789".parse().unwrap(), &id.parse().unwrap(), &"application/json".parse().unwrap())
    );
    let McpMessage::Event { id, name, data, cursor, timestamp } = message else { panic!("{message:?}") };
    assert_eq!((id.as_str(), name.as_str(), cursor.as_deref()), ("evt_789", "incident.created", Some("cursor_xyz")));
    assert_eq!((data["incidentId"].clone(), timestamp), (json!("INC-1234"), Some(bench.clock.now().to_string())));
    let order: Vec<_> = callback.requests.lock().unwrap()[1].as_object().unwrap().keys().cloned().collect();
    assert_eq!(order.len(), 5, "{order:?}");
    // Another of the same callback asks it nothing.
    let second = bench.ask("events/subscribe", callback.subscribe("P2")).await.unwrap();
    assert_ne!(second["id"], subscribed["id"]);
    assert_eq!((callback.challenges(), bench.emit("evt_791", "P2").await), (1, 1));
    callback.arrived(2).await;
}

#[tokio::test]
async fn subscribing_again_refreshes_and_a_replaced_secret_signs_beside_the_new_one() {
    let (bench, callback) = (Bench::new(), Callback::with(&[SECRET]).await);
    let first = bench.ask("events/subscribe", callback.subscribe("P1")).await.unwrap();
    bench.clock.advance(Duration::from_secs(50));
    let mut again = callback.subscribe("P1");
    // Equal arguments in another order and with other spaces are the same.
    again["delivery"]["secret"] = json!(OTHER);
    let refreshed = bench.ask("events/subscribe", again).await.unwrap();
    assert_eq!(refreshed["id"], first["id"]);
    assert_eq!(refreshed["refreshBefore"], json!((bench.clock.now() + Duration::from_secs(60)).to_string()));
    assert!(refreshed.get("deliveryStatus").is_none());
    bench.clock.advance(Duration::from_secs(50));
    assert_eq!(bench.emit("evt_1", "P1").await, 1, "it would have ended but for the refresh");
    let (headers, _) = callback.arrived(1).await.remove(0);
    assert_eq!(
        headers["webhook-signature"].to_str().unwrap().split(' ').count(),
        2,
        "the callback still knows the old secret"
    );
    bench.clock.advance(Duration::from_secs(20));
    assert_eq!(bench.emit("evt_2", "P1").await, 0, "it has ended");
    let unsubscribe =
        json!({"name": "incident.created", "arguments": {"severity": "P1"}, "delivery": {"url": callback.url}});
    assert_eq!(
        bench.ask("events/unsubscribe", unsubscribe).await.unwrap_err(),
        (-32011, json!({"kind": "subscription"}))
    );
}

#[tokio::test]
async fn refreshing_a_failing_subscription_returns_its_status() {
    let (bench, callback) = (Bench::new(), Callback::with(&[SECRET]).await);
    bench.ask("events/subscribe", callback.subscribe("P1")).await.unwrap();
    callback.answers.store(410, Ordering::SeqCst);
    bench.emit("evt_1", "P1").await;
    let endpoints = async || bench.sender.endpoints().list(None, None, 10).await.unwrap();
    while endpoints().await[0].is_enabled() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    callback.answers.store(204, Ordering::SeqCst);
    // A lane that was just closed rests for a moment.
    bench.clock.advance(Duration::from_secs(5));
    let refreshed = bench.ask("events/subscribe", callback.subscribe("P1")).await.unwrap();
    assert!(endpoints().await[0].is_enabled(), "it has another chance");
    assert_eq!(refreshed.get("deliveryStatus"), None, "and begins anew");
    assert_eq!(bench.emit("evt_2", "P1").await, 1);
    callback.arrived(1).await;
    callback.answers.store(503, Ordering::SeqCst);
    bench.emit("evt_3", "P1").await;
    while endpoints().await[0].health.failing_since.is_none() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let status = bench.ask("events/subscribe", callback.subscribe("P1")).await.unwrap()["deliveryStatus"].clone();
    assert_eq!((&status["active"], &status["lastError"]), (&json!(true), &json!("http_5xx")), "{status}");
    assert!(status["failedSince"].is_string() && status["lastDeliveryAt"].is_string());
}

#[tokio::test]
async fn gap_and_terminated_are_messages_of_their_own() {
    let (bench, callback) = (Bench::new(), Callback::with(&[SECRET]).await);
    let id = bench.ask("events/subscribe", callback.subscribe("P1")).await.unwrap()["id"].as_str().unwrap().to_owned();
    let acme = Tenant::from("acme");
    bench.events.gap(&acme, &id, "cursor_fresh").await.unwrap();
    let error = json!({"code": -32012, "message": "Forbidden", "data": {"reason": "Access revoked"}});
    let (headers, gap) = callback.arrived(1).await.remove(0);
    assert_eq!(gap, McpMessage::Gap { cursor: Some("cursor_fresh".into()) });
    assert!(headers["webhook-id"].to_str().unwrap().starts_with("msg_gap_"));
    bench.events.terminate(&acme, &id, &error).await.unwrap();
    let (headers, terminated) = callback.arrived(2).await.remove(1);
    assert_eq!(terminated, McpMessage::Terminated { error });
    assert!(headers["webhook-id"].to_str().unwrap().starts_with("msg_terminated_"));
    assert_eq!(bench.emit("evt_1", "P1").await, 0, "nothing after that");
    assert!(matches!(bench.events.gap(&acme, &id, "c").await, Err(EmitError::NoSubscription)));
    for _ in 0..1_000 {
        if bench.sender.endpoints().list(None, None, 10).await.unwrap().is_empty() {
            return;
        }
        bench.emit("evt_2", "P1").await;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it is kept after it was told");
}

#[tokio::test]
async fn errors_have_the_codes_of_the_draft() {
    let (bench, callback) = (Bench::new(), Callback::with(&[SECRET]).await);
    let with = |change: &dyn Fn(&mut Value)| {
        let mut params = callback.subscribe("P1");
        change(&mut params);
        params
    };
    for (params, code, data) in [
        (with(&|it| it["name"] = json!("unheard.of")), -32011, json!({"kind": "event"})),
        (
            with(&|it| it["delivery"]["mode"] = json!("push")),
            -32014,
            json!({"feature": "delivery.mode", "value": "push"}),
        ),
        (with(&|it| it["delivery"]["url"] = json!("nonsense")), -32602, Value::Null),
        (with(&|it| it["delivery"]["url"] = json!("https://10.0.0.1/")), -32602, Value::Null),
        (with(&|it| it["delivery"]["secret"] = Value::Null), -32602, Value::Null),
        (with(&|it| it["delivery"]["secret"] = json!("whsec_c2hvcnQ=")), -32602, Value::Null),
        (with(&|it| it["delivery"]["secret"] = json!(SECRET.trim_start_matches("whsec_"))), -32602, Value::Null),
        (with(&|it| it["arguments"] = json!([1])), -32602, Value::Null),
        (json!({}), -32602, Value::Null),
    ] {
        assert_eq!(bench.ask("events/subscribe", params.clone()).await.unwrap_err(), (code, data), "{params}");
    }
    callback.silent.store(true, Ordering::SeqCst);
    let refused = bench.ask("events/subscribe", callback.subscribe("P1")).await.unwrap_err();
    assert_eq!(refused, (-32015, json!({"reason": "challenge_failed"})));
    assert!(bench.sender.endpoints().list(None, None, 10).await.unwrap().is_empty(), "nothing is kept of it");
    let mut other = Bench::new();
    other.events = other.events.clone().first_error_code(7_001).calls_per_minute(2.try_into().unwrap());
    let unknown = other.ask("events/subscribe", json!({"name": "x", "delivery": {"url": "https://a.example/"}})).await;
    assert_eq!(unknown.unwrap_err().0, 7_001);
    let mut params = callback.subscribe("P1");
    params["name"] = json!("unheard.of");
    assert_eq!(other.ask("events/subscribe", params.clone()).await.unwrap_err().0, 7_001);
    let refused = other.ask("events/subscribe", params).await.unwrap_err();
    assert_eq!(refused, (6_999, json!({"limit": "calls a minute", "max": 2})));
}

#[tokio::test]
async fn a_subscription_belongs_to_its_tenant_and_needs_a_scope() {
    let (bench, callback) = (Bench::new(), Callback::with(&[SECRET]).await);
    bench.ask("events/subscribe", callback.subscribe("P1")).await.unwrap();
    let theirs = McpEvents::new(bench.sender.clone()).event("incident.created", "A new incident");
    let unsubscribe =
        json!({"name": "incident.created", "arguments": {"severity": "P1"}, "delivery": {"url": callback.url}});
    let ask = async |events: &McpEvents, method: &str, params: Value| {
        let answer = events.answer(&CustomRequest::new(method, Some(params)), &Extensions::default()).await.unwrap();
        answer.map(|result| result.0).map_err(|error| error.code.0)
    };
    for method in ["events/list", "events/subscribe", "events/unsubscribe"] {
        assert_eq!(ask(&theirs, method, unsubscribe.clone()).await, Err(-32600), "{method}");
    }
    let other = theirs.clone().for_scope(Scope::tenant("other"));
    assert_eq!(ask(&other, "events/unsubscribe", unsubscribe.clone()).await, Err(-32011));
    assert_eq!(bench.events.emit(Emit::new("other", "incident.created", json!({"severity": "P1"}))).await.unwrap(), 0);
    assert_eq!(ask(&other, "events/list", json!({})).await.unwrap()["events"][0]["name"], json!("incident.created"));
    assert!(other.answer(&CustomRequest::new("tasks/get", None), &Extensions::default()).await.is_none());
    assert_eq!(bench.ask("events/unsubscribe", unsubscribe).await, Ok(json!({})));
    assert_eq!(bench.emit("evt_1", "P1").await, 0);
}

#[tokio::test]
async fn what_is_too_long_or_unknown_is_not_emitted() {
    let (bench, callback) = (Bench::new(), Callback::with(&[SECRET]).await);
    bench.ask("events/subscribe", callback.subscribe("P1")).await.unwrap();
    let long = json!({"severity": "P1", "text": "x".repeat(256 * 1024)});
    assert!(matches!(bench.events.emit(Emit::new("acme", "incident.created", long)).await, Err(EmitError::TooLong(_))));
    assert!(matches!(bench.events.emit(Emit::new("acme", "unheard.of", json!({}))).await, Err(EmitError::Unknown)));
}

/// What the draft shows is what is sent, member by member.
#[tokio::test]
async fn what_is_sent_is_as_the_drafts_own_examples() {
    let vectors = crate::support::vectors("mcp-events-draft.json");
    let bodies = Arc::new(Mutex::new(Vec::new()));
    let log = bodies.clone();
    let server = Server::start(move |request| {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let answer = body["challenge"].as_str().map(|nonce| json!({"challenge": nonce}).to_string());
        log.lock().unwrap().push((request.headers.clone(), body));
        Reply::status(200).body(&answer.unwrap_or_default())
    })
    .await;
    let at = hookwire::clock::Timestamp::from_secs(1_771_516_800);
    let sender = builder().clock(ManualClock::at(at)).build().unwrap();
    let stop = CancellationToken::new();
    let worker = tokio::spawn(sender.worker().run(stop.clone()));
    let events =
        McpEvents::new(sender.clone()).event("incident.created", "A new incident").for_scope(Scope::tenant("acme"));
    let mut params = vectors["subscribe_request"]["params"].clone();
    params["delivery"]["url"] = json!(server.url("/hooks/client123"));
    let request = CustomRequest::new(vectors["subscribe_request"]["method"].as_str().unwrap(), Some(params));
    let subscribed = events.answer(&request, &Extensions::default()).await.unwrap().unwrap().0;
    let members = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<std::collections::BTreeSet<_>>();
    assert_eq!(members(&subscribed), members(&vectors["subscribe_result"]));
    let (id, acme) = (subscribed["id"].as_str().unwrap(), Tenant::from("acme"));
    let example = |place: usize| -> Value {
        serde_json::from_str(vectors["deliveries"][place]["request"]["body"].as_str().unwrap()).unwrap()
    };
    let event = example(0);
    let emit = Emit::new("acme", "incident.created", event["data"].clone()).id(EventId::new("evt_789").unwrap());
    assert_eq!(events.emit(emit.cursor("cursor_xyz")).await.unwrap(), 1);
    events.gap(&acme, id, example(2)["cursor"].as_str().unwrap()).await.unwrap();
    events.terminate(&acme, id, &example(3)["error"]).await.unwrap();
    while bodies.lock().unwrap().len() < 4 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stop.cancel();
    worker.await.unwrap().unwrap();
    for place in [0, 2, 3] {
        assert!(
            bodies.lock().unwrap().iter().any(|(_, body)| *body == example(place)),
            "{} of {bodies:?}",
            example(place)
        );
    }
    for (headers, _) in &*bodies.lock().unwrap() {
        assert_eq!(headers["x-mcp-subscription-id"], *id);
        for name in ["webhook-id", "webhook-timestamp", "webhook-signature", "content-type"] {
            assert!(headers.contains_key(name), "{headers:?}");
        }
    }
}

/// What is asked for is granted up to a bound; without end only where the application allows that.
#[tokio::test]
async fn time_is_granted_as_it_is_asked_for_and_bounded() {
    let (bench, callback) = (Bench::new(), Callback::with(&[SECRET]).await);
    let after = |seconds: u64| json!((bench.clock.now() + Duration::from_secs(seconds)).to_string());
    for (ttl, granted) in [
        (Some(json!(60_000)), after(60)),
        (Some(json!(u64::MAX)), after(24 * 3_600)),
        (None, after(3_600)),
        (Some(Value::Null), after(24 * 3_600)),
    ] {
        let mut params = callback.subscribe("P1");
        match &ttl {
            Some(ttl) => params["ttlMs"] = ttl.clone(),
            None => drop(params.as_object_mut().unwrap().remove("ttlMs")),
        }
        assert_eq!(bench.ask("events/subscribe", params).await.unwrap()["refreshBefore"], granted, "{ttl:?}");
    }
    bench.clock.advance(Duration::from_secs(2 * 86_400));
    assert_eq!(bench.emit("evt_1", "P1").await, 0, "it has ended");
}

#[tokio::test]
async fn a_subscription_without_end_is_for_applications_that_allow_it() {
    let (mut bench, callback) = (Bench::new(), Callback::with(&[SECRET]).await);
    bench.events = bench.events.clone().grant_without_end();
    let mut params = callback.subscribe("P1");
    params["ttlMs"] = Value::Null;
    assert_eq!(bench.ask("events/subscribe", params).await.unwrap()["refreshBefore"], Value::Null);
    bench.clock.advance(Duration::from_secs(400 * 86_400));
    assert_eq!(bench.emit("evt_1", "P1").await, 1, "it does not end");
}

#[tokio::test]
async fn equal_subscriptions_at_once_are_one() {
    let (bench, callback) = (Bench::new(), Callback::with(&[SECRET]).await);
    let ask = || bench.ask("events/subscribe", callback.subscribe("P1"));
    let (first, second, third) = tokio::join!(ask(), ask(), ask());
    let ids: Vec<_> = [first, second, third].map(|answer| answer.unwrap()["id"].clone()).into();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(bench.emit("evt_1", "P1").await, 1);
}

/// The callback has answered a challenge: another one would not have.
#[tokio::test]
async fn the_url_of_a_subscription_cannot_be_changed() {
    let (bench, callback) = (Bench::new(), Callback::with(&[SECRET]).await);
    bench.ask("events/subscribe", callback.subscribe("P1")).await.unwrap();
    let listed = bench.sender.endpoints().list(Some(&"acme".into()), None, 9).await.unwrap();
    let elsewhere = hookwire::endpoint::Target::parse("http://127.0.0.1:9/elsewhere").unwrap();
    let change = hookwire::sender::EndpointChange::new().target(elsewhere);
    let refused = bench.sender.endpoints().update(listed[0].id, change).await;
    assert!(matches!(refused, Err(hookwire::sender::EndpointError::FixedTarget)), "{refused:?}");
}
