//! How the API uses `Scoped`: a read-only caller changes nothing, and no request reads an object twice.

use serde_json::json;

use hookwire::sender::Sender;
use hookwire::sender::egress::EgressPolicy;
use hookwire::store::MemoryStore;
use hookwire::testing::FaultyStore;

use super::api::Api;

const ACME: Option<&str> = Some("acme");
/// A tenant and an operator that may read only.
const READERS: [Option<&str>; 2] = [Some("acme:read-only"), Some("*:read-only")];

#[tokio::test]
async fn a_read_only_caller_gets_403_for_every_change_and_reads_the_rest() {
    let api = Api::new();
    let made = api.ask(ACME, "POST /endpoints", Some(&json!({"url": "http://127.0.0.1:9000/in"}))).await;
    let endpoint = format!("/endpoints/{}", made.member("/endpoint/id"));
    let receipt = api.ask(ACME, "POST /events", Some(&json!({"type": "a.b", "data": 1}))).await;
    let (event, delivery) = (receipt.member("/event"), format!("/deliveries/{}", receipt.member("/deliveries/0")));
    let cancel = json!({"action": "cancel_all", "filter": {}, "dry_run": false});
    let job = api.ask(ACME, "POST /jobs", Some(&cancel)).await.json()["number"].to_string();
    let description = api.manage.openapi();
    let mut refused = 0;
    for reader in READERS {
        for (path, item) in description["paths"].as_object().unwrap() {
            for method in item.as_object().unwrap().keys() {
                let place = match path.as_str() {
                    path if path.starts_with("/endpoints/") => path.replace("/endpoints/{id}", &endpoint),
                    path if path.starts_with("/deliveries/") => path.replace("/deliveries/{id}", &delivery),
                    path if path.starts_with("/jobs") => path.replace("{number}", &job),
                    "/explain" => "/explain?type=a.b&tenant=acme".into(),
                    "/events" if method == "get" => "/events?tenant=acme".into(),
                    path => format!("{}?tenant=acme", path.replace("{id}", &event)),
                };
                let place = if method == "get" { place } else { place.split('?').next().unwrap().to_owned() };
                let place =
                    if path.contains("/openapi") || path.contains("/event-types") { path.clone() } else { place };
                let body = match (method.as_str(), path.as_str()) {
                    ("post", "/endpoints") => Some(json!({"url": "http://127.0.0.1:9000/", "tenant": "acme"})),
                    ("post", "/events") => Some(json!({"type": "a.b", "data": 1, "tenant": "acme"})),
                    ("post", "/jobs") => Some(cancel.clone()),
                    ("post", path) if path.ends_with("/replay") => Some(json!({"what": "all", "dry_run": false})),
                    ("patch", _) => Some(json!({"events": ["*"]})),
                    _ => None,
                };
                let answer = api.ask(reader, &format!("{} {place}", method.to_uppercase()), body.as_ref()).await;
                if method == "get" {
                    let expected = api
                        .ask(Some(if reader == READERS[0] { "acme" } else { "*" }), &format!("GET {place}"), None)
                        .await;
                    assert_eq!((answer.status.as_u16(), answer.text), (200, expected.text), "{place}");
                } else {
                    assert_eq!(
                        (answer.status.as_u16(), answer.code().as_str()),
                        (403, "forbidden"),
                        "{method} {place}: {answer:?}"
                    );
                    refused += 1;
                }
            }
        }
        let counted = api.ask(reader, &format!("POST {endpoint}/replay"), Some(&json!({"what": "all"}))).await;
        assert_eq!(counted.json(), json!({"count": 1, "dry_run": true}), "counting changes nothing");
    }
    assert!(refused == 2 * 14, "{refused}");
    assert_eq!(api.ask(ACME, &format!("GET {endpoint}"), None).await.json()["version"], json!(1));
    assert_eq!(api.ask(ACME, &format!("GET {delivery}"), None).await.member("/state"), "pending");
}

fn counting() -> (Api, FaultyStore<MemoryStore>) {
    let store = FaultyStore::new(MemoryStore::new());
    let egress = EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback();
    (Api::over(Sender::builder(store.clone()).egress(egress).build().unwrap()), store)
}

#[tokio::test]
async fn a_request_about_an_endpoint_reads_it_once() {
    let (api, store) = counting();
    let made = api.ask(ACME, "POST /endpoints", Some(&json!({"url": "http://127.0.0.1:9000/in"}))).await;
    let endpoint = format!("/endpoints/{}", made.member("/endpoint/id"));
    for (line, body) in [
        (format!("GET {endpoint}"), None),
        (format!("PATCH {endpoint}"), Some(json!({"events": ["*"]}))),
        (format!("POST {endpoint}/disable"), None),
        (format!("POST {endpoint}/enable"), None),
        (format!("POST {endpoint}/rotate"), None),
        (format!("POST {endpoint}/prove"), None),
        (format!("POST {endpoint}/test"), None),
        (format!("GET {endpoint}/stats"), None),
        (format!("POST {endpoint}/replay"), Some(json!({"dry_run": false}))),
        (format!("POST {endpoint}/replay"), Some(json!({"dry_run": false, "background": true}))),
        (format!("DELETE {endpoint}"), None),
    ] {
        let before = store.calls("get");
        let answer = api.ask_with(ACME, &line, &[("if-match", "*")], body.as_ref()).await;
        assert!(answer.status.is_success(), "{line}: {answer:?}");
        assert_eq!(store.calls("get") - before, 1, "{line}");
    }
}

#[tokio::test]
async fn a_list_costs_as_many_queries_for_many_rows_as_for_one() {
    let (api, store) = counting();
    for place in 0..4 {
        api.ask(ACME, "POST /endpoints", Some(&json!({"url": format!("http://127.0.0.1:9000/{place}")}))).await;
    }
    api.ask(ACME, "POST /events", Some(&json!({"type": "a.b", "data": 1}))).await;
    let methods = ["get", "list", "of_tenant", "event", "events", "delivery", "deliveries", "attempts", "counts"];
    let calls = || methods.iter().map(|method| store.calls(method)).sum::<u64>();
    for path in ["/endpoints", "/events", "/deliveries", "/explain?type=a.b"] {
        let before = calls();
        let answer = api.ask(ACME, &format!("GET {path}"), None).await;
        assert!(answer.json()["items"].as_array().is_some_and(|items| !items.is_empty()), "{answer:?}");
        assert!(calls() - before <= 1, "{path}: {}", calls() - before);
    }
}
