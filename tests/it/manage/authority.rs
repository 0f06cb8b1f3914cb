//! A tenant can neither undo the decision of an operator nor fill the store, and another site cannot act in the tenant's name.

use std::sync::Arc;

use axum::body::Body;
use serde_json::json;

use hookwire::endpoint::Limits;
use hookwire::event::NewEvent;
use hookwire::sender::Sender;
use hookwire::sender::egress::EgressPolicy;
use hookwire::store::MemoryStore;

use super::api::Api;

const ACME: Option<&str> = Some("acme");
const OPERATOR: Option<&str> = Some("*");

async fn endpoint(api: &Api, path: &str) -> String {
    let url = format!("http://127.0.0.1:9000{path}");
    api.ask(ACME, "POST /endpoints", Some(&json!({ "url": url }))).await.member("/endpoint/id")
}

#[tokio::test]
async fn a_tenant_cannot_enable_what_an_operator_has_disabled() {
    let api = Api::new();
    let id = endpoint(&api, "/in").await;
    // Its owner has disabled it before; the decision of the operator counts nevertheless.
    assert_eq!(
        api.ask(ACME, &format!("POST /endpoints/{id}/disable"), None).await.member("/disabled/reason"),
        "requested"
    );
    let disabled = api.ask(OPERATOR, &format!("POST /endpoints/{id}/disable"), None).await;
    assert_eq!(disabled.member("/disabled/reason"), "operator");
    let moved = json!({"url": "http://127.0.0.1:9000/other"});
    for (line, body) in
        [(format!("POST /endpoints/{id}/enable"), None), (format!("PATCH /endpoints/{id}"), Some(&moved))]
    {
        let refused = api.ask(ACME, &line, body).await;
        assert_eq!((refused.status.as_u16(), refused.code().as_str()), (403, "forbidden"), "{line}");
    }
    for line in [format!("POST /endpoints/{id}/prove"), format!("POST /endpoints/{id}/disable")] {
        assert_eq!(api.ask(ACME, &line, None).await.member("/disabled/reason"), "operator", "{line}");
    }
    assert!(
        api.ask(OPERATOR, &format!("POST /endpoints/{id}/enable"), None).await.json()["enabled"].as_bool().unwrap()
    );
    assert!(!api.ask(ACME, &format!("POST /endpoints/{id}/disable"), None).await.json()["enabled"].as_bool().unwrap());
    assert!(api.ask(ACME, &format!("POST /endpoints/{id}/enable"), None).await.json()["enabled"].as_bool().unwrap());
}

#[tokio::test]
async fn a_tenants_limits_stay_within_those_that_an_operator_has_set() {
    let api = Api::new();
    let id = endpoint(&api, "/in").await;
    let patch = format!("PATCH /endpoints/{id}");
    let limits = |concurrency: u32, rate: Option<(u32, u32)>| {
        let rate = rate.map(|(count, per)| json!({"count": count, "per_seconds": per}));
        json!({"limits": {"concurrency": concurrency, "rate": rate}})
    };
    assert_eq!(api.ask(OPERATOR, &patch, Some(&limits(4, Some((10, 60))))).await.status, 200);
    for (limits, field) in [
        (limits(5, Some((10, 60))), "limits.concurrency"),
        (limits(4, None), "limits.rate"),
        (limits(4, Some((10, 59))), "limits.rate"),
        (limits(4, Some((11, 6_000))), "limits.rate"),
    ] {
        let refused = api.ask(ACME, &patch, Some(&limits)).await;
        assert_eq!((refused.status.as_u16(), refused.member("/field").as_str()), (403, field), "{refused:?}");
    }
    for within in [limits(1, Some((1, 60))), limits(4, Some((10, 60))), limits(4, Some((5, 30)))] {
        let changed = api.ask(ACME, &patch, Some(&within)).await;
        assert_eq!((changed.status.as_u16(), &changed.json()["limits"]), (200, &within["limits"]), "{changed:?}");
        assert_eq!(changed.json()["ceiling"], limits(4, Some((10, 60)))["limits"]);
    }
}

#[tokio::test]
async fn a_tenant_cannot_exceed_the_limits_that_the_application_allows() {
    let api = Api::new();
    let at = |concurrency: u32| json!({"url": "http://127.0.0.1:9000/in", "limits": {"concurrency": concurrency}});
    assert_eq!(api.ask(ACME, "POST /endpoints", Some(&at(65))).await.member("/field"), "limits.concurrency");
    assert_eq!(api.ask(ACME, "POST /endpoints", Some(&at(64))).await.status, 201);
    let id = endpoint(&api, "/other").await;
    let patch = format!("PATCH /endpoints/{id}");
    assert_eq!(api.ask(ACME, &patch, Some(&json!({"limits": {"concurrency": 10_000}}))).await.status, 403);
    assert_eq!(api.ask(OPERATOR, &patch, Some(&json!({"limits": {"concurrency": 10_000}}))).await.status, 200);
    assert_eq!(api.ask(ACME, &patch, Some(&json!({"limits": {"concurrency": 9_000}}))).await.status, 200);
}

#[tokio::test]
async fn the_application_sets_the_highest_limits_of_tenants() {
    let egress = EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback();
    let most = Limits::default().with_concurrency(100.try_into().unwrap());
    let sender = Sender::builder(MemoryStore::new()).egress(egress).max_limits_of_tenants(most).build().unwrap();
    let api = Api::over(sender);
    for (concurrency, status) in [(100, 201), (101, 403)] {
        let new = json!({"url": "http://127.0.0.1:9000/in", "limits": {"concurrency": concurrency}});
        assert_eq!(api.ask(ACME, "POST /endpoints", Some(&new)).await.status, status, "{concurrency}");
    }
}

#[tokio::test]
async fn a_form_of_another_site_changes_nothing() {
    let api = Api::new();
    let id = endpoint(&api, "/in").await;
    let lines =
        ["disable", "enable", "rotate", "replay", "test", "prove"].map(|action| format!("/endpoints/{id}/{action}"));
    let deliveries =
        ["resend", "cancel"].map(|action| format!("/deliveries/dl_00000000000000000000000000000000/{action}"));
    for path in lines.iter().chain(&deliveries).map(String::as_str).chain(["/endpoints", "/events"]) {
        for kind in [
            None,
            Some("application/x-www-form-urlencoded"),
            Some("text/plain"),
            Some("multipart/form-data; boundary=x"),
        ] {
            let request = http::Request::post(format!("/webhooks{path}")).header("origin", "https://evil.example");
            let request = kind.into_iter().fold(request, |request, kind| request.header("content-type", kind));
            let refused = api.send(ACME, request, Body::empty()).await;
            assert_eq!((refused.status.as_u16(), refused.code().as_str()), (403, "cross_site"), "{path} {kind:?}");
        }
    }
    let before = api.ask(ACME, &format!("GET /endpoints/{id}"), None).await.json();
    assert_eq!((&before["version"], &before["enabled"]), (&json!(1), &json!(true)));
    for (name, value) in
        [("authorization", "Bearer token"), ("content-type", "application/json"), ("x-requested-with", "fetch")]
    {
        let request = http::Request::post(format!("/webhooks/endpoints/{id}/disable")).header(name, value);
        assert_eq!(api.send(ACME, request, Body::empty()).await.status, 200, "{name}");
    }
}

#[tokio::test]
async fn of_a_removal_and_a_change_at_one_version_one_succeeds() {
    let api = Arc::new(Api::new());
    for turn in 0..100 {
        let id = endpoint(&api, &format!("/{turn}")).await;
        let tag = [("if-match", "\"1\"")];
        let (patch, delete) = (format!("PATCH /endpoints/{id}"), format!("DELETE /endpoints/{id}"));
        let body = json!({"events": ["a.b"]});
        let (changed, removed) =
            tokio::join!(api.ask_with(ACME, &patch, &tag, Some(&body)), api.ask_with(ACME, &delete, &tag, None));
        let succeeded = [&changed, &removed].into_iter().filter(|answer| answer.status.is_success()).count();
        assert_eq!(succeeded, 1, "{changed:?} {removed:?}");
    }
}

#[tokio::test]
async fn replays_do_not_multiply_what_is_stored() {
    let api = Api::new();
    let id = endpoint(&api, "/in").await;
    let other = endpoint(&api, "/other").await;
    for number in 0..4 {
        let event = NewEvent::json("a.b", &number).unwrap().tenant("acme");
        api.sender.dispatch(event).await.unwrap();
    }
    let copies = json!({"what": "all", "fresh_ids": true, "dry_run": false});
    for _ in 0..5 {
        let replayed = api.ask(ACME, &format!("POST /endpoints/{id}/replay"), Some(&copies)).await;
        assert_eq!(replayed.json()["count"], json!(4), "a copy is not copied again");
    }
    let missing = json!({"what": "never_owed", "dry_run": true});
    let found = api.ask(ACME, &format!("POST /endpoints/{other}/replay"), Some(&missing)).await;
    assert_eq!(found.json()["count"], json!(0), "a copy is for one endpoint");
}

#[tokio::test]
async fn a_tenant_replays_no_more_than_may_wait() {
    let egress = EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback();
    let sender = Sender::builder(MemoryStore::new()).egress(egress).max_waiting_for_replay(10, 14).build().unwrap();
    let api = Api::over(sender);
    let (id, other) = (endpoint(&api, "/in").await, endpoint(&api, "/other").await);
    for number in 0..4 {
        api.sender.dispatch(NewEvent::json("a.b", &number).unwrap().tenant("acme")).await.unwrap();
    }
    let all = json!({"what": "all", "dry_run": false});
    let replay = async |who, id: &str| api.ask(who, &format!("POST /endpoints/{id}/replay"), Some(&all)).await;
    // Four wait for each. Six more may wait here, and six more for the tenant.
    assert_eq!(replay(ACME, &id).await.json()["count"], json!(4));
    assert_eq!(replay(ACME, &id).await.json()["count"], json!(2), "as many as there is room for");
    let refused = replay(ACME, &id).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (429, "too_many_replays"));
    assert_eq!(replay(ACME, &other).await.status, 429, "all of the tenant count");
    assert_eq!(replay(OPERATOR, &other).await.json()["count"], json!(4), "an operator is not bound");
}
