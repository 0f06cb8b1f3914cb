//! `GET /audit`: each caller sees the changes to its own objects only.

use serde_json::{Value, json};

use super::api::{Api, Who};

async fn listed(api: &Api, who: Who, query: &str) -> Vec<Value> {
    let answer = api.ask(who, &format!("GET /audit?{query}"), None).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn callers_see_the_changes_to_their_own_objects() {
    let api = Api::new();
    let new = json!({"url": "http://127.0.0.1:9000/in"});
    let id = api.ask(Some("acme"), "POST /endpoints", Some(&new)).await.member("/endpoint/id");
    api.ask(Some("other"), "POST /endpoints", Some(&new)).await;
    let change = json!({"events": ["invoice.*"]});
    api.ask(Some("*"), &format!("PATCH /endpoints/{id}"), Some(&change)).await;

    let mine = listed(&api, Some("acme"), "").await;
    let expected = json!({
        "at": "2026-01-01T00:00:00Z", "tenant": "acme", "actor": "", "by_operator": true, "surface": "manage",
        "action": "endpoint.update", "object": id, "detail": "filter", "succeeded": true,
    });
    assert_eq!(mine[0], expected);
    assert_eq!((&mine[1]["action"], &mine[1]["by_operator"]), (&json!("endpoint.create"), &json!(false)));
    assert_eq!(mine.len(), 2);
    assert_eq!(listed(&api, Some("acme:read-only"), "").await, mine);
    assert_eq!(listed(&api, Some("*"), "").await.len(), 3);
    assert_eq!(listed(&api, Some("*"), "tenant=other&order=oldest_first").await.len(), 1);
    assert_eq!(listed(&api, Some("*"), &format!("object={id}")).await.len(), 2);
    assert!(listed(&api, Some("other"), &format!("object={id}")).await.is_empty());
    assert!(listed(&api, Some("*"), "object=%00").await.is_empty());
    assert_eq!(api.ask(Some("acme"), "GET /audit?tenant=other", None).await.status, 403);
    assert_eq!(api.ask(None, "GET /audit", None).await.status, 401);

    let first = api.ask(Some("*"), "GET /audit?limit=2", None).await;
    let cursor = first.member("/next_cursor");
    let rest = api.ask(Some("*"), &format!("GET /audit?limit=2&cursor={cursor}"), None).await.json();
    assert_eq!((rest["items"].as_array().unwrap().len(), &rest["next_cursor"]), (1, &Value::Null));
}
