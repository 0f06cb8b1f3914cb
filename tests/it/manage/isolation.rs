//! Every route, called without authentication, and by one tenant with the ids of another.

use serde_json::{Value, json};

use hookwire::endpoint::{CustomHeaders, NewEndpoint, Target};
use hookwire::event::NewEvent;
use hookwire::id::Work;
use hookwire::sender::Scope;
use hookwire::store::DeliveryQuery;

use super::api::Api;

/// What a tenant has.
struct Things {
    endpoint: String,
    event: String,
    delivery: String,
    job: String,
}

async fn things(api: &Api, tenant: &str) -> Things {
    let target = Target::parse("http://127.0.0.1:9000/in?token=in-the-url").unwrap();
    let headers = CustomHeaders::new().bearer("header-credential").unwrap();
    let endpoint =
        api.sender.endpoints().create(NewEndpoint::at(target).tenant(tenant).headers(headers)).await.unwrap();
    let event = NewEvent::json("invoice.paid", &json!({"of": tenant})).unwrap().tenant(tenant);
    let receipt = api.sender.dispatch(event).await.unwrap();
    let scoped = api.sender.scoped(Scope::tenant(tenant));
    let job = scoped.cancel_all(DeliveryQuery::of(Work::Sent)).start().await.unwrap();
    Things {
        endpoint: endpoint.id.to_string(),
        event: receipt.event.to_string(),
        delivery: receipt.deliveries[0].to_string(),
        job: job.to_string(),
    }
}

/// Every operation of the description, so that no new route is forgotten: its method, its path, and a body.
fn operations(api: &Api) -> Vec<(String, String, Option<Value>)> {
    let description = api.manage.openapi();
    let mut all = Vec::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let body = (!operation["requestBody"].is_null()).then(|| match (method.as_str(), path.as_str()) {
                ("post", "/endpoints") => json!({"url": "http://127.0.0.1:9000/"}),
                ("post", "/events") => json!({"type": "a.b", "data": 1}),
                ("post", "/jobs") => json!({"action": "cancel_all", "filter": {}}),
                ("post", path) if path.ends_with("/replay") => json!({"what": "all", "dry_run": false}),
                _ => json!({}),
            });
            all.push((method.to_uppercase(), path.clone(), body));
        }
    }
    assert!(all.len() >= 22, "{}", all.len());
    all
}

fn with_ids(path: &str, things: &Things) -> String {
    let id = match path {
        path if path.starts_with("/endpoints/") => &things.endpoint,
        path if path.starts_with("/deliveries/") => &things.delivery,
        _ => &things.event,
    };
    let path = path.replace("{id}", id).replace("{number}", &things.job);
    if path == "/explain" { format!("{path}?type=invoice.paid") } else { path }
}

#[tokio::test]
async fn without_a_scope_every_route_returns_401() {
    let api = Api::new();
    let things = things(&api, "acme").await;
    for (method, path, body) in operations(&api) {
        let answer = api.ask(None, &format!("{method} {}", with_ids(&path, &things)), body.as_ref()).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (401, "unauthorized"), "{method} {path}");
    }
}

/// Everything that an operator sees of a tenant.
async fn everything(api: &Api, of: &Things) -> Vec<String> {
    let mut seen = Vec::new();
    for line in [
        format!("GET /endpoints/{}", of.endpoint),
        format!("GET /endpoints/{}/stats", of.endpoint),
        format!("GET /events/{}?tenant=other", of.event),
        format!("GET /deliveries/{}", of.delivery),
        format!("GET /deliveries/{}/attempts", of.delivery),
        format!("GET /jobs/{}", of.job),
        "GET /endpoints?tenant=other".into(),
        "GET /events?tenant=other".into(),
        "GET /deliveries?tenant=other".into(),
    ] {
        let answer = api.ask(Some("*"), &line, None).await;
        assert_eq!(answer.status, 200, "{line}: {answer:?}");
        seen.push(answer.text);
    }
    seen
}

#[tokio::test]
async fn a_tenant_cannot_tell_what_belongs_to_another_from_what_does_not_exist() {
    let api = Api::new();
    let (_own, theirs) = (things(&api, "acme").await, things(&api, "other").await);
    let nothing = Things {
        endpoint: "ep_00000000000070008000000000000000".into(),
        event: "evt_00000000000070008000000000000000".into(),
        delivery: "dlv_00000000000070008000000000000000".into(),
        job: "99".into(),
    };
    let before = everything(&api, &theirs).await;
    let mut walked = 0;
    for (method, path, body) in operations(&api).into_iter().filter(|(_, path, _)| path.contains('{')) {
        for headers in [&[][..], &[("if-match", "\"1\"")], &[("if-match", "\"9\"")]] {
            let ask = |things| {
                let line = format!("{method} {}", with_ids(&path, things));
                let (api, body) = (&api, body.clone());
                async move { api.ask_with(Some("acme"), &line, headers, body.as_ref()).await }
            };
            let (answer, unknown) = (ask(&theirs).await, ask(&nothing).await);
            assert_eq!((answer.status.as_u16(), answer.code().as_str()), (404, "not_found"), "{method} {path}");
            assert_eq!((answer.headers, answer.text), (unknown.headers, unknown.text), "{method} {path}");
        }
        walked += 1;
    }
    assert!(walked >= 19, "{walked}");
    for line in ["GET /endpoints", "GET /events", "GET /deliveries", "GET /jobs", "GET /explain?type=invoice.paid"] {
        let answer = api.ask(Some("acme"), line, None).await;
        assert_eq!(answer.json()["items"].as_array().unwrap().len(), 1, "{line}");
        for theirs in [&theirs.endpoint, &theirs.event, &theirs.delivery] {
            assert!(!answer.text.contains(theirs.as_str()), "{line}");
        }
    }
    for filter in [format!("endpoint={}", theirs.endpoint), format!("event={}", theirs.event)] {
        let answer = api.ask(Some("acme"), &format!("GET /deliveries?{filter}"), None).await;
        assert_eq!(answer.text, r#"{"items":[],"next_cursor":null}"#);
    }
    let body = json!({"type": "a.b", "data": 1, "tenant": "other"});
    let named = [
        api.ask(Some("acme"), "POST /events", Some(&body)).await,
        api.ask(Some("acme"), "POST /endpoints", Some(&json!({"url": "http://127.0.0.1:9000/", "tenant": "other"})))
            .await,
        api.ask(Some("acme"), "POST /jobs", Some(&json!({"action": "cancel_all", "filter": {"tenant": "other"}})))
            .await,
        api.ask(Some("acme"), "GET /events?tenant=other", None).await,
        api.ask(Some("acme"), "GET /events?tenant=nobody", None).await,
        api.ask(Some("acme"), "GET /endpoints?tenant=other", None).await,
        api.ask(Some("acme"), "GET /deliveries?tenant=other", None).await,
        api.ask(Some("acme"), "GET /explain?type=a.b&tenant=other", None).await,
        api.ask(Some("acme"), &format!("GET /events/{}?tenant=other", theirs.event), None).await,
    ];
    for answer in named {
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (403, "forbidden"));
    }
    assert_eq!(everything(&api, &theirs).await, before, "nothing was changed");
}

#[tokio::test]
async fn an_equal_event_id_of_two_tenants_is_two_events() {
    let api = Api::new();
    for who in ["acme", "other"] {
        let event = json!({"type": "a.b", "id": "same", "data": {"of": who}});
        assert_eq!(api.ask(Some(who), "POST /events", Some(&event)).await.status, 202);
    }
    let own = api.ask(Some("acme"), "GET /events/same", None).await;
    assert!(own.member("/payload").contains(r#""of":"acme""#), "{own:?}");
}

/// Keys, credentials and tokens in URLs appear in the response that creates them, and in no list and no other response.
#[tokio::test]
async fn secrets_are_shown_once_and_never_in_a_list() {
    let api = Api::new();
    let things = things(&api, "acme").await;
    let created =
        json!({"url": "http://127.0.0.1:9000/x?token=in-the-url", "headers": {"x-api-key": "header-credential"}});
    let made = api.ask(Some("acme"), "POST /endpoints", Some(&created)).await;
    assert_eq!(made.header("cache-control"), "no-store");
    let (id, secret) = (made.member("/endpoint/id"), made.member("/secret"));
    let rotated = api.ask(Some("acme"), &format!("POST /endpoints/{id}/rotate"), Some(&json!({}))).await;
    let fresh = rotated.member("/secret");
    assert!(secret.starts_with("whsec_") && fresh.starts_with("whsec_") && secret != fresh);
    let mut answers = vec![("list", api.ask(Some("acme"), "GET /endpoints", None).await)];
    for (method, path, body) in operations(&api).into_iter().filter(|(method, path, _)| {
        method != "DELETE" && path != "/endpoints" && path != "/openapi.json" && !path.ends_with("/rotate")
    }) {
        let line = format!("{method} {}", with_ids(&path, &things));
        answers.push(("other", api.ask(Some("acme"), &line, body.as_ref()).await));
    }
    for (kind, answer) in answers {
        for hidden in [secret.as_str(), fresh.as_str(), "header-credential", "whsec_"] {
            assert!(!answer.text.contains(hidden), "{answer:?}");
        }
        assert!(kind != "list" || !answer.text.contains("in-the-url"), "{answer:?}");
    }
}
