//! An invalid request gets a problem that names the error; a valid request is executed.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use serde_json::{Value, json};

use hookwire::clock::Timestamp;
use hookwire::event::EventCatalog;
use hookwire::id::EndpointId;
use hookwire::sender::Sender;
use hookwire::sender::egress::EgressPolicy;
use hookwire::store::{MemoryStore, StoreErrorKind};
use hookwire::testing::{Fault, FaultyStore};
use hookwire::worker::CancellationToken;

use super::api::Api;
use crate::support::history::fill;
use crate::support::server::{Reply, Server};

async fn endpoint(api: &Api) -> String {
    let answer = api.ask(Some("acme"), "POST /endpoints", Some(&json!({"url": "http://127.0.0.1:9000/in"}))).await;
    answer.member("/endpoint/id")
}

#[tokio::test]
async fn a_problem_names_its_field() {
    let api = Api::new();
    let id = endpoint(&api).await;
    let (patch, rotate, replay) = (
        format!("PATCH /endpoints/{id}"),
        format!("POST /endpoints/{id}/rotate"),
        format!("POST /endpoints/{id}/replay"),
    );
    let url = "http://127.0.0.1:9000/in";
    for (line, body, field) in [
        ("POST /endpoints", json!({"url": "ftp://a.example/"}), "url"),
        ("POST /endpoints", json!({"url": "http://10.0.0.1/"}), "url"),
        ("POST /endpoints", json!({"url": url, "events": []}), "events"),
        ("POST /endpoints", json!({"url": url, "events": ["a.b", "a..b"]}), "events[1]"),
        ("POST /endpoints", json!({"url": url, "headers": {"host": "x"}}), "headers"),
        ("POST /endpoints", json!({"url": url, "headers": {"x-a": "a\r\nb"}}), "headers"),
        ("POST /endpoints", json!({"url": url, "limits": {"concurrency": 0}}), "limits.concurrency"),
        (
            "POST /endpoints",
            json!({"url": url, "limits": {"concurrency": 1, "rate": {"count": 1, "per_seconds": 0}}}),
            "limits.rate.per_seconds",
        ),
        ("POST /endpoints", json!({"url": url, "on_failure": "explode"}), "on_failure"),
        ("POST /endpoints", json!({"url": url, "retry": "unheard-of"}), "retry"),
        ("POST /endpoints", json!({"url": url, "schemes": ["unheard-of"]}), "schemes"),
        ("POST /endpoints", json!({"url": url, "secret": "whsec_mine"}), "secret"),
        (&patch, json!({"url": "nonsense"}), "url"),
        (&patch, json!({"tenant": "other"}), "tenant"),
        (&rotate, json!({"overlap_seconds": 2_592_001}), "overlap_seconds"),
        (&rotate, json!({"overlap_seconds": -1}), "overlap_seconds"),
        (&replay, json!({"from": "yesterday"}), "from"),
        (&replay, json!({"types": "a..b"}), "types"),
        (&replay, json!({"limit": 0}), "limit"),
        (&replay, json!({"at_most": {"count": 1_000_001, "per_seconds": 1}}), "at_most.count"),
        (&patch, json!({"limits": {"concurrency": 10_001}}), "limits.concurrency"),
        (&replay, json!({"limit": 10_001}), "limit"),
        (&replay, json!({"at_most": {"count": 1, "per_seconds": 86_401}}), "at_most.per_seconds"),
        (
            &patch,
            json!({"limits": {"concurrency": 1, "rate": {"count": 1, "per_seconds": 86_401}}}),
            "limits.rate.per_seconds",
        ),
        ("POST /events", json!({"type": "a..b", "data": 1}), "type"),
        ("POST /events", json!({"type": "a.b", "data": 1, "id": "a.b"}), "id"),
        ("POST /events", json!({"type": "a.b", "data": 1, "expires_at": "2026"}), "expires_at"),
        ("POST /events", json!({"type": "a.b", "data": 1, "ordering_key": ""}), "ordering_key"),
    ] {
        let answer = api.ask(Some("acme"), line, Some(&body)).await;
        assert_eq!(answer.status, 422, "{line} {body}: {answer:?}");
        assert_eq!(
            (answer.member("/field").as_str(), answer.header("content-type")),
            (field, "application/problem+json"),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn a_problem_names_the_invalid_parameter() {
    let api = Api::new();
    for (path, field) in [
        ("/endpoints?limit=0", "limit"),
        ("/endpoints?limit=101", "limit"),
        ("/endpoints?limit=many", "limit"),
        ("/endpoints?cursor=x", "cursor"),
        ("/endpoints?colour=red", "colour"),
        ("/events?from=x", "from"),
        ("/events?cursor=x", "cursor"),
        ("/events?order=x", "order"),
        ("/deliveries?state=lost", "state"),
        ("/deliveries?endpoint=x", "endpoint"),
        ("/deliveries?type=a..b", "type"),
        ("/explain?type=a..b", "type"),
        ("/rollups?step=year", "step"),
        ("/rollups?from=x", "from"),
        ("/rollups?endpoint=x", "endpoint"),
        ("/failures?from=x", "from"),
        ("/failures?endpoint=x", "endpoint"),
        ("/failures?limit=101", "limit"),
    ] {
        let answer = api.ask(Some("acme"), &format!("GET {path}"), None).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (422, "invalid"), "{path}: {answer:?}");
        assert!(answer.text.contains(field), "{answer:?}");
    }
}

#[tokio::test]
async fn bodies_are_json_and_bounded() {
    let api = Api::new();
    let post = |kind: &str, body: String| {
        let request = http::Request::post("/webhooks/events").header("authorization", "Bearer token");
        let request = request.header("content-type", kind);
        let api = &api;
        async move { api.send(Some("acme"), request, Body::from(body)).await }
    };
    let good = r#"{"type":"a.b","data":1}"#;
    for (kind, body, status, code) in [
        ("application/json", "{".to_owned(), 400, "malformed"),
        ("application/json", String::new(), 400, "malformed"),
        ("application/json", format!("{good} x"), 400, "malformed"),
        ("application/json", "[]".to_owned(), 422, "invalid"),
        ("text/plain", good.to_owned(), 415, "unsupported_media_type"),
        ("application/json", format!(r#"{{"type":"a.b","data":"{}"}}"#, "x".repeat(16_384)), 413, "payload_too_large"),
        ("application/json; charset=utf-8", good.to_owned(), 202, ""),
    ] {
        let answer = post(kind, body.clone()).await;
        assert_eq!(answer.status, status, "{kind} {body}: {answer:?}");
        assert!(code.is_empty() || answer.code() == code, "{answer:?}");
    }
}

#[tokio::test]
async fn a_body_may_be_left_out_where_everything_has_a_default() {
    let api = Api::new();
    let id = endpoint(&api).await;
    let rotated = api.ask(Some("acme"), &format!("POST /endpoints/{id}/rotate"), None).await;
    assert!(rotated.member("/secret").starts_with("whsec_"));
    let counted = api.ask(Some("acme"), &format!("POST /endpoints/{id}/replay"), None).await;
    assert_eq!(counted.json(), json!({"count": 0, "dry_run": true}));
    let nothing = api.ask(Some("acme"), "POST /endpoints", None).await;
    assert_eq!((nothing.status.as_u16(), nothing.code().as_str()), (415, "unsupported_media_type"));
}

#[tokio::test]
async fn a_missing_thing_or_method_is_a_problem_document() {
    let api = Api::new();
    for (line, status, code) in [
        ("GET /nowhere", 404, "not_found"),
        ("GET /endpoints/nonsense", 404, "not_found"),
        ("GET /deliveries/dlv_00000000000070008000000000000000", 404, "not_found"),
        ("GET /events/never", 404, "not_found"),
        ("PUT /endpoints", 405, "method_not_allowed"),
    ] {
        let answer = api.ask(Some("acme"), line, None).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code), "{line}");
    }
    assert_eq!(api.ask(Some("acme"), "PUT /endpoints", None).await.header("allow"), "POST,GET,HEAD");
}

#[tokio::test]
async fn a_change_is_made_to_the_version_that_was_read() {
    let api = Api::new();
    let id = endpoint(&api).await;
    let line = format!("PATCH /endpoints/{id}");
    let (tag, change) = (&[("if-match", "\"1\"")], json!({"events": ["invoice.*"]}));
    let changed = api.ask_with(Some("acme"), &line, tag, Some(&change)).await;
    assert_eq!((changed.status.as_u16(), changed.header("etag")), (200, "\"2\""));
    for stale in ["\"1\"", "\"0\"", "W/\"2\"", "\"x\"", "2", ""] {
        let refused = api.ask_with(Some("acme"), &line, &[("if-match", stale)], Some(&change)).await;
        assert_eq!((refused.status.as_u16(), refused.code().as_str()), (412, "precondition_failed"), "{stale}");
    }
    let any = api.ask_with(Some("acme"), &line, &[("if-match", "*")], Some(&change)).await;
    assert_eq!((any.status.as_u16(), any.header("etag")), (200, "\"3\""));
    let refused = api.ask_with(Some("acme"), &format!("DELETE /endpoints/{id}"), tag, None).await;
    assert_eq!(refused.status, 412);
    let gone = api.ask_with(Some("acme"), &format!("DELETE /endpoints/{id}"), &[("if-match", "\"3\"")], None).await;
    assert_eq!(gone.status, 204);
}

#[tokio::test]
async fn a_patch_changes_what_it_names_and_nothing_else() {
    let api = Api::new();
    let full = json!({"url": "http://127.0.0.1:9000/in", "events": ["a.*"], "headers": {"x-a": "1", "x-b": "2"}, "on_failure": "park",
        "limits": {"concurrency": 3, "rate": {"count": 5, "per_seconds": 60}}});
    let made = api.ask(Some("acme"), "POST /endpoints", Some(&full)).await.json()["endpoint"].clone();
    let line = format!("PATCH /endpoints/{}", made["id"].as_str().unwrap());
    for (change, member, value) in [
        (json!({}), "url", json!("http://127.0.0.1:9000/in")),
        (json!({"url": "http://127.0.0.1:9000/other"}), "url", json!("http://127.0.0.1:9000/other")),
        (json!({"events": ["*"]}), "events", json!(["*"])),
        (json!({"headers": {"x-c": "3"}}), "headers", json!(["x-c"])),
        (json!({"limits": {"concurrency": 1}}), "limits", json!({"concurrency": 1, "rate": null})),
        (json!({"on_failure": "skip"}), "on_failure", json!("skip")),
        (json!({"retry": null}), "retry", Value::Null),
    ] {
        let before = api.ask(Some("acme"), &line.replace("PATCH", "GET"), None).await.json();
        let mut expected = before.clone();
        (expected[member], expected["version"]) = (value, json!(before["version"].as_u64().unwrap() + 1));
        let after = api.ask(Some("acme"), &line, Some(&change)).await;
        assert_eq!(after.json(), expected, "{change}");
    }
}

#[tokio::test]
async fn a_request_with_an_idempotency_key_can_be_repeated() {
    let api = Api::new();
    let dispatch = |key: &'static str, data: i32| {
        let (api, body) = (&api, json!({"type": "a.b", "data": data}));
        async move { api.ask_with(Some("acme"), "POST /events", &[("idempotency-key", key)], Some(&body)).await }
    };
    let first = dispatch("\"8e03978e-40d5\"", 1).await;
    assert_eq!((first.status.as_u16(), &first.json()["duplicate"]), (202, &json!(false)));
    let again = dispatch("8e03978e-40d5", 1).await;
    assert_eq!((again.status.as_u16(), &again.json()["duplicate"]), (200, &json!(true)));
    assert_eq!(again.member("/event"), first.member("/event"));
    let other = dispatch("8e03978e-40d5", 2).await;
    assert_eq!((other.status.as_u16(), other.code().as_str()), (422, "idempotency_conflict"));
    assert_eq!(dispatch("any: key (at all)!", 2).await.status, 202);
    assert_eq!(dispatch("", 1).await.status, 422);
    let both = json!({"type": "a.b", "data": 1, "id": "mine"});
    let both = api.ask_with(Some("acme"), "POST /events", &[("idempotency-key", "k")], Some(&both)).await;
    assert_eq!(both.member("/field"), "Idempotency-Key");
}

#[tokio::test]
async fn numbers_in_an_event_are_sent_as_they_were_written() {
    let api = Api::new();
    let request = http::Request::post("/webhooks/events").header("content-type", "application/json");
    let body = r#"{"type":"a.b","id":"exact","data":{"big":12345678901234567890123,"cents":1.10}}"#;
    assert_eq!(api.send(Some("acme"), request, Body::from(body)).await.status, 202);
    let event = api.ask(Some("acme"), "GET /events/exact", None).await;
    assert!(event.member("/payload").contains(r#"{"big":12345678901234567890123,"cents":1.10}"#), "{event:?}");
}

#[tokio::test]
async fn lists_are_read_page_by_page() {
    let api = Api::new();
    for turn in 0..5 {
        endpoint(&api).await;
        let event = json!({"type": "a.b", "id": format!("event-{turn}"), "data": turn});
        api.ask(Some("acme"), "POST /events", Some(&event)).await;
    }
    for (path, all) in
        [("/endpoints", 5), ("/events", 5), ("/deliveries", 15), ("/deliveries?state=pending&type=a.b", 15)]
    {
        let mut seen = ids(&api, path).await;
        let count = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!((seen.len(), count), (all, all), "{path}");
    }
}

/// Of all pages of a list.
async fn ids(api: &Api, path: &str) -> Vec<String> {
    let joined = if path.contains('?') { '&' } else { '?' };
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    for _ in 0..20 {
        let page = api.ask(Some("acme"), &format!("GET {path}{joined}limit=2{cursor}"), None).await.json();
        seen.extend(page["items"].as_array().unwrap().iter().map(|item| item["id"].to_string()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    seen
}

#[tokio::test]
async fn events_and_deliveries_come_newest_first_or_the_other_way_round() {
    let api = Api::new();
    endpoint(&api).await;
    for turn in 0..5 {
        let event = json!({"type": "a.b", "id": format!("event-{turn}"), "data": turn});
        api.ask(Some("acme"), "POST /events", Some(&event)).await;
    }
    let newest: Vec<_> = (0..5).rev().map(|turn| format!("\"event-{turn}\"")).collect();
    assert_eq!(ids(&api, "/events").await, newest);
    let newest = ids(&api, "/deliveries").await;
    assert!(newest.is_sorted_by(|one, next| one > next), "an id sorts by when it was made: {newest:?}");
    for path in ["/events", "/deliveries"] {
        let mut oldest = ids(&api, &format!("{path}?order=oldest_first")).await;
        oldest.reverse();
        assert_eq!(oldest, ids(&api, &format!("{path}?order=newest_first")).await);
        assert_eq!(oldest.len(), 5);
    }
}

#[tokio::test]
async fn a_page_may_be_empty_although_the_list_goes_on() {
    let store = MemoryStore::new();
    fill(&store, EndpointId::generate(Timestamp::EPOCH)).await;
    let api = Api::over(Sender::builder(store).build().unwrap());
    let first = api.ask(Some("acme"), "GET /deliveries?type=rare.made", None).await.json();
    assert_eq!(first["items"], json!([]));
    let next = first["next_cursor"].as_str().unwrap();
    let last = api.ask(Some("acme"), &format!("GET /deliveries?type=rare.made&cursor={next}"), None).await.json();
    assert_eq!((last["items"].as_array().unwrap().len(), &last["next_cursor"]), (1, &Value::Null));
}

#[tokio::test]
async fn a_store_in_trouble_is_a_problem_that_passes() {
    let store = FaultyStore::new(MemoryStore::new());
    let api = Api::over(Sender::builder(store.clone()).build().unwrap());
    store.fail_next(Fault::Refused(StoreErrorKind::Unavailable));
    let answer = api.ask(Some("acme"), "GET /endpoints", None).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (503, "unavailable"));
    assert_eq!(answer.header("retry-after"), "5");
    assert_eq!(api.ask(Some("acme"), "GET /endpoints", None).await.status, 200);
}

#[tokio::test]
async fn an_operator_says_whose_things_are_meant() {
    let api = Api::new();
    let unsaid = api.ask(Some("*"), "POST /events", Some(&json!({"type": "a.b", "data": 1}))).await;
    assert_eq!((unsaid.status.as_u16(), unsaid.member("/field").as_str()), (422, "tenant"));
    for tenant in ["acme", "other"] {
        let new = json!({"url": "http://127.0.0.1:9000/in", "tenant": tenant});
        assert_eq!(api.ask(Some("*"), "POST /endpoints", Some(&new)).await.member("/endpoint/tenant"), tenant);
        let event = json!({"type": "a.b", "data": 1, "tenant": tenant});
        assert_eq!(api.ask(Some("*"), "POST /events", Some(&event)).await.status, 202);
    }
    for (path, count) in
        [("/endpoints", 2), ("/endpoints?tenant=acme", 1), ("/deliveries", 2), ("/events?tenant=acme", 1)]
    {
        let answer = api.ask(Some("*"), &format!("GET {path}"), None).await;
        assert_eq!(answer.json()["items"].as_array().unwrap().len(), count, "{path}");
    }
}

async fn figures(api: &Api, endpoint: &str) {
    let stats = api.ask(Some("acme"), &format!("GET /endpoints/{endpoint}/stats"), None).await;
    assert_eq!((stats.json()["delivered"].clone(), stats.json()["failed"].clone()), (json!(1), json!(0)));
    let health = api.ask(Some("acme"), &format!("GET /endpoints/{endpoint}/health"), None).await;
    assert_eq!(health.json()["failures"], json!(0));
}

/// With a real worker and a real endpoint: it refuses once, and takes what is sent again.
#[tokio::test]
async fn attempts_are_shown_and_a_delivery_is_sent_again() {
    let answers = AtomicUsize::new(0);
    let server = Server::start(move |_| {
        let status = if answers.fetch_add(1, Ordering::SeqCst) == 0 { 410 } else { 200 };
        Reply::status(status).body("no longer here")
    })
    .await;
    let egress = EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback();
    let api = Api::over(Sender::builder(MemoryStore::new()).egress(egress).build().unwrap());
    let (stop, worker) = (CancellationToken::new(), api.sender.worker());
    let worker = tokio::spawn(worker.run(stop.clone()));
    let made = api.ask(Some("acme"), "POST /endpoints", Some(&json!({"url": server.url("/in")}))).await;
    let endpoint = made.member("/endpoint/id");
    let receipt = api.ask(Some("acme"), "POST /events", Some(&json!({"type": "a.b", "data": 1}))).await;
    let delivery = receipt.member("/deliveries/0");
    let until = |state: &'static str| {
        let (api, line) = (&api, format!("GET /deliveries/{delivery}"));
        async move {
            for _ in 0..1_000 {
                let shown = api.ask(Some("acme"), &line, None).await;
                if shown.member("/state") == state {
                    return shown;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            panic!("it did not become {state}");
        }
    };
    assert_eq!(until("failed").await.member("/reason"), "gone");
    let disabled = api.ask(Some("acme"), &format!("GET /endpoints/{endpoint}"), None).await;
    assert_eq!(disabled.member("/disabled/reason"), "gone");
    let enable = api.ask(Some("acme"), &format!("POST /endpoints/{endpoint}/enable"), None).await;
    assert_eq!(enable.json()["enabled"], json!(true));
    let resent = api.ask(Some("acme"), &format!("POST /deliveries/{delivery}/resend"), None).await;
    assert_eq!(resent.status, 200);
    until("delivered").await;
    let attempts = api.ask(Some("acme"), &format!("GET /deliveries/{delivery}/attempts"), None).await;
    assert_eq!(
        (attempts.json()["items"][0]["status"].clone(), attempts.member("/items/0/excerpt")),
        (json!(410), "no longer here".into())
    );
    let cancel = api.ask(Some("acme"), &format!("POST /deliveries/{delivery}/cancel"), None).await;
    assert_eq!((cancel.status.as_u16(), cancel.code().as_str()), (409, "wrong_state"));
    figures(&api, &endpoint).await;
    let tested = api.ask(Some("acme"), &format!("POST /endpoints/{endpoint}/test"), None).await;
    assert_eq!(tested.status, 202);
    let replay = format!("POST /endpoints/{endpoint}/replay");
    let counted = api.ask(Some("acme"), &replay, Some(&json!({"what": "all", "types": "a.*"}))).await;
    assert_eq!(counted.json(), json!({"count": 1, "dry_run": true}));
    let before = server.requests().len();
    let run = json!({"what": "all", "types": "a.*", "dry_run": false});
    assert_eq!(api.ask(Some("acme"), &replay, Some(&run)).await.json(), json!({"count": 1, "dry_run": false}));
    for _ in 0..1_000 {
        if server.requests().len() > before {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(server.requests().len() > before);
    stop.cancel();
    worker.await.unwrap().unwrap();
}

/// An invoice was paid.
#[derive(serde::Serialize, schemars::JsonSchema)]
struct Paid {
    cents: u64,
}

#[tokio::test]
async fn described_event_types_are_listed_and_checked() {
    assert_eq!(Api::new().ask(Some("acme"), "GET /event-types", None).await.text, r#"{"items":[]}"#);
    let catalog = EventCatalog::new().event::<Paid>("invoice.paid").unwrap();
    let api = Api::over(Sender::builder(MemoryStore::new()).event_types(catalog).build().unwrap());
    let listed = api.ask(Some("acme"), "GET /event-types", None).await;
    assert_eq!(
        (listed.member("/items/0/name"), listed.member("/items/0/description")),
        ("invoice.paid".into(), "An invoice was paid.".into())
    );
    assert_eq!(listed.json()["items"][0]["sample"], json!({"cents": 0}));
    let unfit =
        api.ask(Some("acme"), "POST /events", Some(&json!({"type": "invoice.paid", "data": {"cents": "1"}}))).await;
    assert_eq!((unfit.status.as_u16(), unfit.member("/field")), (422, "data.cents".into()));
}
