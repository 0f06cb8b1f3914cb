//! `/jobs`: changes to many deliveries in the background.

use std::time::Duration;

use serde_json::{Value, json};

use hookwire::event::NewEvent;
use hookwire::sender::Sender;
use hookwire::sender::egress::EgressPolicy;
use hookwire::store::{MemoryStore, StoreErrorKind};
use hookwire::testing::{Fault, FaultyStore};
use hookwire::worker::CancellationToken;

use super::api::{Answer, Api, Who};
use crate::support::server::{Reply, Server};

const ACME: Who = Some("acme");
const OTHER: Who = Some("other");
const OPERATOR: Who = Some("*");
const READER: Who = Some("acme:read-only");

async fn endpoint(api: &Api, who: Who, url: &str) -> String {
    api.ask(who, "POST /endpoints", Some(&json!({"url": url}))).await.member("/endpoint/id")
}

async fn dispatch(api: &Api, tenant: &'static str, count: u32) {
    for number in 0..count {
        api.sender.dispatch(NewEvent::json("invoice.paid", &number).unwrap().tenant(tenant)).await.unwrap();
    }
}

/// Two tenants: `acme` has three pending deliveries, and `other` has two. Returns the endpoint of each.
async fn two_tenants(api: &Api) -> [String; 2] {
    let endpoints =
        [endpoint(api, ACME, "http://127.0.0.1:9000/in").await, endpoint(api, OTHER, "http://127.0.0.1:9000/in").await];
    dispatch(api, "acme", 3).await;
    dispatch(api, "other", 2).await;
    endpoints
}

async fn post(api: &Api, who: Who, body: &Value) -> Answer {
    api.ask(who, "POST /jobs", Some(body)).await
}

/// Starts a job that cancels everything the caller may cancel.
async fn cancel_all(api: &Api, who: Who) -> Answer {
    post(api, who, &json!({"action": "cancel_all", "filter": {}, "dry_run": false})).await
}

fn numbers(answer: &Answer) -> Vec<u64> {
    let list = answer.json();
    list["items"].as_array().unwrap().iter().map(|job| job["number"].as_u64().unwrap()).collect()
}

fn assert_problem(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code), "{answer:?}");
}

#[tokio::test]
async fn a_dry_run_counts_what_the_caller_may_change_and_starts_nothing() {
    let api = Api::new();
    let [_, theirs] = two_tenants(&api).await;
    for (who, filter, expected) in [
        (ACME, json!({}), 3),
        (READER, json!({}), 3),
        (OTHER, json!({}), 2),
        (OPERATOR, json!({}), 5),
        (OPERATOR, json!({"tenant": "other"}), 2),
        (ACME, json!({"tenant": "acme", "state": "pending", "type": "invoice.paid"}), 3),
        (ACME, json!({"state": "held"}), 0),
        (ACME, json!({"type": "invoice.sent"}), 0),
        (ACME, json!({"event": "none"}), 0),
        (ACME, json!({"endpoint": theirs}), 0),
        (ACME, json!({"from": "2026-01-01T00:00:00Z"}), 3),
        (ACME, json!({"to": "2026-01-01T00:00:00Z"}), 0),
        (ACME, json!({"outcome": "5xx"}), 0),
        (ACME, json!({"label": "plan=pro"}), 0),
    ] {
        let counted = post(&api, who, &json!({"action": "cancel_all", "filter": filter})).await;
        assert_eq!(counted.status, 200, "{counted:?}");
        assert_eq!(counted.json(), json!({"count": expected, "exact": true, "dry_run": true}), "{who:?} {filter}");
    }
    let limited = json!({"action": "cancel_all", "filter": {}, "limit": 2, "dry_run": true});
    assert_eq!(post(&api, ACME, &limited).await.json()["count"], json!(2));
    let resend = json!({"action": "resend_all", "filter": {}});
    assert_eq!(post(&api, ACME, &resend).await.json()["count"], json!(0), "all are pending already");
    assert!(numbers(&api.ask(OPERATOR, "GET /jobs", None).await).is_empty());
}

#[tokio::test]
async fn a_worker_carries_out_a_job() {
    let server = Server::start(|_| Reply::status(200)).await;
    let egress = EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback();
    let api = Api::over(Sender::builder(MemoryStore::new()).egress(egress).build().unwrap());
    let (stop, worker) = (CancellationToken::new(), api.sender.worker());
    let worker = tokio::spawn(worker.run(stop.clone()));
    endpoint(&api, ACME, &server.url("/in")).await;
    dispatch(&api, "acme", 3).await;
    let delivered = |answer: &Answer| answer.json()["items"].as_array().is_some_and(|items| items.len() == 3);
    until(&api, "/deliveries?state=delivered", delivered).await;

    let resend = json!({"action": "resend_all", "filter": {"state": "delivered"}, "limit": 2, "dry_run": false,
        "at_most": {"count": 1_000, "per_seconds": 1}});
    let started = post(&api, ACME, &resend).await;
    assert_eq!((started.status.as_u16(), started.header("location")), (202, "jobs/1"), "{started:?}");
    let expected = json!({"number": 1, "tenant": "acme", "action": "resend_all", "endpoint": null, "limit": 2,
        "started_by": "", "error": null});
    let document = started.json();
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&document[name], value, "{name}: {document}");
    }
    assert!(started.member("/text").contains("state delivered"), "{document}");
    let done = until(&api, "/jobs/1", |answer| answer.member("/state") == "done").await;
    assert_eq!(done.json()["changed"], json!(2));
    assert!(done.json()["examined"].as_u64() >= Some(2) && !done.member("/finished_at").is_empty(), "{done:?}");
    until(&api, "/deliveries?state=delivered", delivered).await;
    assert_eq!(server.requests().len(), 5, "two of three were sent again");
    assert_problem(&api.ask(ACME, "POST /jobs/1/stop", None).await, 409, "wrong_state");
    stop.cancel();
    worker.await.unwrap().unwrap();
}

/// What a path returns, once it is as wanted.
async fn until(api: &Api, path: &str, wanted: impl Fn(&Answer) -> bool) -> Answer {
    for _ in 0..1_000 {
        let answer = api.ask(ACME, &format!("GET {path}"), None).await;
        if wanted(&answer) {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{path} did not become as wanted");
}

#[tokio::test]
async fn a_job_is_seen_and_stopped_by_its_owner_and_by_operators() {
    let api = Api::new();
    two_tenants(&api).await;
    assert_problem(&cancel_all(&api, READER).await, 403, "forbidden");
    assert_eq!(cancel_all(&api, ACME).await.status, 202);
    assert_eq!(cancel_all(&api, OPERATOR).await.json()["tenant"], Value::Null);
    assert_eq!(cancel_all(&api, ACME).await.member("/tenant"), "acme");
    for (who, expected) in [(ACME, &[3, 1][..]), (READER, &[3, 1]), (OTHER, &[]), (OPERATOR, &[3, 2, 1])] {
        assert_eq!(numbers(&api.ask(who, "GET /jobs", None).await), expected, "{who:?}");
    }
    for line in ["GET /jobs/1", "POST /jobs/1/stop"] {
        assert_problem(&api.ask(OTHER, line, None).await, 404, "not_found");
    }
    for line in ["GET /jobs/2", "POST /jobs/2/stop", "GET /jobs/99", "GET /jobs/x", "POST /jobs/-1/stop"] {
        assert_problem(&api.ask(ACME, line, None).await, 404, "not_found");
    }
    assert_problem(&api.ask(READER, "POST /jobs/1/stop", None).await, 403, "forbidden");
    assert_eq!(api.ask(READER, "GET /jobs/1", None).await.member("/state"), "running");

    let stopped = api.ask(ACME, "POST /jobs/1/stop", None).await;
    assert_eq!((stopped.member("/state"), &stopped.json()["changed"]), ("stopped".into(), &json!(0)));
    assert_eq!(stopped.member("/finished_at"), "2026-01-01T00:00:00Z");
    assert_problem(&api.ask(ACME, "POST /jobs/1/stop", None).await, 409, "wrong_state");
    assert_eq!(api.ask(OPERATOR, "POST /jobs/3/stop", None).await.member("/state"), "stopped");
    assert_eq!(api.ask(ACME, "GET /deliveries?state=pending", None).await.json()["items"].as_array().unwrap().len(), 3);

    let audit = api.ask(ACME, "GET /audit", None).await.json();
    let actions: Vec<_> = audit["items"].as_array().unwrap().iter().map(|entry| &entry["action"]).collect();
    let expected = ["job.stop", "job.stop", "job.stop", "delivery.cancel_all", "delivery.cancel_all"];
    assert_eq!(actions[..5], expected, "the second stop of a job is recorded, and has failed");
}

#[tokio::test]
async fn a_start_or_stop_that_succeeded_is_answered_although_the_job_cannot_be_read() {
    let store = FaultyStore::new(MemoryStore::new());
    let egress = EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback();
    let api = Api::over(Sender::builder(store.clone()).egress(egress).build().unwrap());
    let id = endpoint(&api, ACME, "http://127.0.0.1:9000/in").await;
    store.fail_every("job", Some(Fault::Refused(StoreErrorKind::Unavailable)));
    let started = cancel_all(&api, ACME).await;
    assert_eq!((started.status.as_u16(), started.header("location")), (202, "jobs/1"), "{started:?}");
    let replay = json!({"dry_run": false, "background": true});
    let replay = api.ask(ACME, &format!("POST /endpoints/{id}/replay"), Some(&replay)).await;
    assert_eq!((replay.status.as_u16(), replay.header("location")), (202, "../../jobs/2"), "{replay:?}");
    assert_problem(&api.ask(ACME, "GET /jobs/1", None).await, 503, "unavailable");

    store.fail_every("job", None);
    assert_eq!(api.ask(ACME, "GET /jobs/1", None).await.json(), started.json());
    assert_eq!(api.ask(ACME, "GET /jobs/2", None).await.json(), replay.json());
    let before = store.calls("job");
    let stopped = api.ask(ACME, "POST /jobs/1/stop", None).await;
    assert_eq!(store.calls("job"), before + 1, "it is read before it is stopped, and not again");
    assert_eq!(api.ask(ACME, "GET /jobs/1", None).await.json(), stopped.json());
}

#[tokio::test]
async fn jobs_are_read_page_by_page() {
    let api = Api::new();
    for _ in 0..3 {
        assert_eq!(cancel_all(&api, ACME).await.status, 202);
    }
    let first = api.ask(ACME, "GET /jobs?order=oldest_first&limit=2", None).await;
    assert_eq!(numbers(&first), [1, 2]);
    let cursor = first.member("/next_cursor");
    let rest = api.ask(ACME, &format!("GET /jobs?order=oldest_first&limit=2&cursor={cursor}"), None).await;
    assert_eq!((numbers(&rest), &rest.json()["next_cursor"]), (vec![3], &Value::Null));
    let before = rest.member("/previous_cursor");
    let back = api.ask(ACME, &format!("GET /jobs?order=oldest_first&limit=2&before={before}"), None).await;
    assert_eq!(numbers(&back), [1, 2]);
    for (query, field) in
        [("limit=0", "limit"), ("limit=101", "limit"), ("cursor=x", "cursor"), ("tenant=acme", "tenant")]
    {
        let refused = api.ask(ACME, &format!("GET /jobs?{query}"), None).await;
        assert_problem(&refused, 422, "invalid");
        assert!(refused.text.contains(field), "{refused:?}");
    }
}

#[tokio::test]
async fn an_owner_has_a_limited_number_of_jobs_that_are_not_finished() {
    let api = Api::new();
    let id = endpoint(&api, ACME, "http://127.0.0.1:9000/in").await;
    for _ in 0..8 {
        assert_eq!(cancel_all(&api, ACME).await.status, 202);
    }
    assert_problem(&cancel_all(&api, ACME).await, 409, "too_many_jobs");
    let replay = json!({"dry_run": false, "background": true});
    let replay = api.ask(ACME, &format!("POST /endpoints/{id}/replay"), Some(&replay)).await;
    assert_problem(&replay, 409, "too_many_jobs");
    assert!(replay.text.contains("stop one"), "{replay:?}");
    assert_eq!(cancel_all(&api, OTHER).await.status, 202, "another owner is not affected");
    assert_eq!(api.ask(ACME, "POST /jobs/4/stop", None).await.status, 200);
    assert_eq!(cancel_all(&api, ACME).await.status, 202);
}

#[tokio::test]
async fn a_replay_in_the_background_is_a_job_without_a_limit() {
    let api = Api::new();
    let [id, _] = two_tenants(&api).await;
    let line = format!("POST /endpoints/{id}/replay");
    let replay = async |who, body: Value| api.ask(who, &line, Some(&body)).await;
    let counted = replay(ACME, json!({"what": "all", "background": true, "limit": 20_000})).await;
    assert_eq!(counted.json(), json!({"count": 3, "exact": true, "dry_run": true}));
    assert!(numbers(&api.ask(ACME, "GET /jobs", None).await).is_empty());

    let job = json!({"what": "all", "background": true, "dry_run": false});
    let started = replay(ACME, job.clone()).await;
    assert_eq!((started.status.as_u16(), started.header("location")), (202, "../../jobs/1"), "{started:?}");
    assert_eq!((started.member("/action"), started.member("/endpoint")), ("replay".into(), id.clone()));
    assert_eq!(started.json()["limit"], Value::Null);
    let limited = json!({"what": "all", "background": true, "dry_run": false, "limit": 10_001});
    assert_eq!(replay(ACME, limited).await.json()["limit"], json!(10_001));
    for limit in [0, 10_001] {
        let refused = replay(ACME, json!({"what": "all", "dry_run": false, "limit": limit})).await;
        assert_eq!((refused.status.as_u16(), refused.member("/field")), (422, "limit".into()));
    }
    for limit in [0, 1_000_000_001, 9_223_372_036_854_775_808_u64] {
        let refused = replay(ACME, json!({"what": "all", "background": true, "limit": limit})).await;
        assert_eq!((refused.status.as_u16(), refused.member("/field")), (422, "limit".into()), "{refused:?}");
        assert!(refused.member("/detail").contains("leave it out for no limit"), "{refused:?}");
    }
    assert_problem(&replay(READER, job.clone()).await, 403, "forbidden");
    assert_problem(&replay(OTHER, job).await, 404, "not_found");
    assert_eq!(numbers(&api.ask(OPERATOR, "GET /jobs", None).await), [2, 1]);
}

#[tokio::test]
async fn a_problem_of_a_job_names_its_field() {
    let api = Api::new();
    let filtered = |filter: Value| json!({"action": "cancel_all", "filter": filter});
    for (body, field) in [
        (json!({"action": "erase_all", "filter": {}}), "action"),
        (json!({"action": "cancel_all", "filter": {}, "colour": "red"}), "colour"),
        (json!({"action": "cancel_all", "filter": {}, "limit": 0}), "limit"),
        (json!({"action": "cancel_all", "filter": {}, "limit": -1}), "limit"),
        (json!({"action": "cancel_all", "filter": {}, "limit": 1_000_000_001}), "limit"),
        (json!({"action": "cancel_all", "filter": {}, "limit": 9_223_372_036_854_775_808_u64}), "limit"),
        (json!({"action": "cancel_all", "filter": {}, "at_most": {"count": 1, "per_seconds": 1}}), "at_most"),
        (json!({"action": "resend_all", "filter": {}, "at_most": {"count": 0, "per_seconds": 1}}), "at_most.count"),
        (
            json!({"action": "resend_all", "filter": {}, "at_most": {"count": 1, "per_seconds": 86_401}}),
            "at_most.per_seconds",
        ),
        (filtered(json!({"colour": "red"})), "filter.colour"),
        (filtered(json!({"tenant": ""})), "filter.tenant"),
        (filtered(json!({"endpoint": "x"})), "filter.endpoint"),
        (filtered(json!({"event": "a.b"})), "filter.event"),
        (filtered(json!({"state": "lost"})), "filter.state"),
        (filtered(json!({"type": "a..b"})), "filter.type"),
        (filtered(json!({"from": "yesterday"})), "filter.from"),
        (filtered(json!({"to": "tomorrow"})), "filter.to"),
        (filtered(json!({"outcome": "weather"})), "filter.outcome"),
        (filtered(json!({"label": "plan"})), "filter.label"),
        (filtered(json!({"label": format!("plan={}", "x".repeat(4_400))})), "filter.label"),
        (filtered(json!({"attempted_from": "x"})), "filter.attempted_from"),
        (filtered(json!({"attempted_to": "x"})), "filter.attempted_to"),
    ] {
        let answer = post(&api, OPERATOR, &body).await;
        assert_problem(&answer, 422, "invalid");
        assert_eq!(answer.member("/field"), field, "{body}: {answer:?}");
    }
    for missing in [json!({"filter": {}}), json!({"action": "resend_all"})] {
        let answer = post(&api, ACME, &missing).await;
        assert_problem(&answer, 422, "invalid");
        assert!(answer.member("/detail").contains("missing field"), "{answer:?}");
    }
    let others = post(&api, ACME, &filtered(json!({"tenant": "other"}))).await;
    assert_problem(&others, 403, "forbidden");
    assert_eq!(others.member("/field"), "filter.tenant");
    let long = post(&api, ACME, &filtered(json!({"type": "a".repeat(20_000)}))).await;
    assert_problem(&long, 413, "payload_too_large");
    assert!(numbers(&api.ask(OPERATOR, "GET /jobs", None).await).is_empty());
}
