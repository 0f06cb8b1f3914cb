//! Golden files: the description of the API, and a conversation in which every route succeeds once and fails once. Update them after an
//! intended change: `HOOKWIRE_UPDATE=1 cargo test -p hookwire-tests --test it manage::transcript`.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::api::{Answer, Api};

/// Compares with the file, or writes it.
fn golden(name: &str, text: &str) {
    let path = hookwire_tests::root().join("tests/fixtures/manage").join(name);
    if std::env::var_os("HOOKWIRE_UPDATE").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = expected.lines().zip(text.lines()).find(|(old, new)| old != new);
    assert!(
        expected == text,
        "{name} differs: {differs:?}; {} lines, were {}",
        text.lines().count(),
        expected.lines().count()
    );
}

#[test]
fn the_description_is_as_before() {
    golden("openapi.json", &format!("{:#}\n", Api::new().manage.openapi()));
}

#[tokio::test]
async fn the_description_is_served() {
    let api = Api::new();
    assert_eq!(api.ask(Some("acme"), "GET /openapi.json", None).await.json(), api.manage.openapi());
    assert_eq!(api.manage.openapi()["openapi"], "3.1.0");
    let description = api.manage.openapi();
    for reference in references(&description) {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(description.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
}

/// Replaces the ids, which differ from run to run, by names in the order in which they appear.
#[derive(Default)]
struct Names(Vec<String>);

impl Names {
    fn apply(&mut self, text: &str) -> String {
        let mut named = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['e', 'd', 'w', 'f']) {
            let (before, here) = rest.split_at(at);
            named.push_str(before);
            let (word, length) = self.name(here);
            named.push_str(&word);
            rest = &here[length..];
        }
        named + rest
    }

    /// What stands at the beginning of this text, under its name, and how long it was.
    fn name(&mut self, text: &str) -> (String, usize) {
        for prefix in ["ep_", "evt_", "dlv_"] {
            if let Some(id) = text.strip_prefix(prefix).and_then(|rest| rest.get(..32))
                && id.bytes().all(|b| b.is_ascii_hexdigit())
            {
                let place = self.0.iter().position(|known| known == id).unwrap_or_else(|| {
                    self.0.push(id.into());
                    self.0.len() - 1
                });
                return (format!("{prefix}{}", place + 1), prefix.len() + 32);
            }
        }
        if text.starts_with("whsec_") {
            return ("whsec_...".into(), text.find('"').unwrap());
        }
        if text.starts_with("fingerprint\": \"") {
            return ("fingerprint\": \"...".into(), "fingerprint\": \"".len() + 16);
        }
        (text[..1].into(), 1)
    }
}

struct Conversation {
    api: Api,
    text: String,
    names: Names,
    asked: BTreeSet<String>,
}

impl Conversation {
    async fn say(&mut self, line: &str, headers: &[(&str, &str)], body: Option<Value>) -> Answer {
        let answer = self.api.ask_with(Some("acme"), line, headers, body.as_ref()).await;
        let mut said = format!("> {line}\n");
        for (name, value) in headers {
            writeln!(said, "> {name}: {value}").unwrap();
        }
        if let Some(body) = body {
            writeln!(said, "> {body}").unwrap();
        }
        writeln!(said, "{}", answer.status.as_u16()).unwrap();
        for name in ["content-type", "etag", "location", "cache-control", "retry-after", "allow"] {
            if answer.headers.contains_key(name) {
                writeln!(said, "{name}: {}", answer.header(name)).unwrap();
            }
        }
        if !answer.text.is_empty() {
            writeln!(said, "{:#}", answer.json()).unwrap();
        }
        writeln!(self.text, "{}", self.names.apply(&said)).unwrap();
        self.note(line, answer.status.is_success());
        answer
    }

    /// Records the operation and whether it succeeded.
    fn note(&mut self, line: &str, went_well: bool) {
        let (method, path) = line.split_once(' ').unwrap();
        let path = path.split('?').next().unwrap();
        let id = if path.starts_with("/jobs/") { "{number}" } else { "{id}" };
        let part = |(place, part): (usize, &str)| if place == 2 { id.into() } else { part.to_owned() };
        let path = path.split('/').enumerate().map(part).collect::<Vec<_>>().join("/");
        self.asked.insert(format!("{} {path} {}", method.to_lowercase(), if went_well { "well" } else { "badly" }));
    }
}

/// An endpoint, an event and a delivery.
async fn make(talk: &mut Conversation) -> (String, String, String) {
    let full = json!({"url": "http://127.0.0.1:9000/in?token=t", "events": ["invoice.*"], "headers": {"authorization": "Bearer b"},
        "limits": {"concurrency": 4, "rate": {"count": 10, "per_seconds": 1}}, "on_failure": "park"});
    let made = talk.say("POST /endpoints", &[], Some(full)).await;
    let endpoint = format!("/endpoints/{}", made.member("/endpoint/id"));
    let event = json!({"type": "invoice.paid", "data": {"invoice": 1042}, "ordering_key": "acme-1",
        "occurred_at": "2025-12-31T23:59:59Z", "expires_at": "2027-01-01T00:00:00Z"});
    let receipt = talk.say("POST /events", &[("idempotency-key", "k-1")], Some(event.clone())).await;
    talk.say("POST /events", &[("idempotency-key", "k-1")], Some(event)).await;
    let (event, delivery) = (receipt.member("/event"), receipt.member("/deliveries/0"));
    (endpoint, format!("/events/{event}"), format!("/deliveries/{delivery}"))
}

async fn look(talk: &mut Conversation, endpoint: &str, event: &str, delivery: &str) {
    for line in [
        "GET /endpoints".into(),
        "GET /endpoints?limit=0".into(),
        format!("GET {endpoint}"),
        "GET /endpoints/none".into(),
        "GET /events".into(),
        "GET /events?from=yesterday".into(),
        format!("GET {event}"),
        "GET /events/none".into(),
        "GET /event-types".into(),
        "GET /explain?type=invoice.paid".into(),
        "GET /explain?type=a..b".into(),
        "GET /rollups?step=minute".into(),
        "GET /audit?limit=3".into(),
        "GET /audit?limit=0".into(),
        "GET /rollups?step=year".into(),
        "GET /failures".into(),
        "GET /failures?limit=0".into(),
        "GET /deliveries?state=pending".into(),
        "GET /deliveries?state=lost".into(),
        format!("GET {delivery}"),
        "GET /deliveries/none".into(),
        format!("GET {delivery}/attempts"),
        "GET /deliveries/none/attempts".into(),
        format!("GET {delivery}/details"),
        "GET /deliveries/none/details".into(),
        format!("GET {endpoint}/health"),
        "GET /endpoints/none/health".into(),
        format!("GET {endpoint}/stats"),
        "GET /endpoints/none/stats".into(),
        format!("POST {delivery}/resend"),
        format!("POST {delivery}/cancel"),
        format!("POST {delivery}/cancel"),
        format!("POST {delivery}/resend"),
        format!("POST {endpoint}/disable"),
        "POST /endpoints/none/disable".into(),
        format!("POST {endpoint}/enable"),
        "POST /endpoints/none/enable".into(),
        format!("POST {endpoint}/prove"),
        "POST /endpoints/none/prove".into(),
        format!("POST {endpoint}/test"),
        "POST /endpoints/none/test".into(),
        "PUT /events".into(),
    ] {
        talk.say(&line, &[], None).await;
    }
}

async fn jobs(talk: &mut Conversation) {
    for line in
        ["GET /jobs", "GET /jobs?limit=0", "GET /jobs/1", "GET /jobs/none", "POST /jobs/1/stop", "POST /jobs/1/stop"]
    {
        talk.say(line, &[], None).await;
    }
}

async fn change(talk: &mut Conversation, endpoint: &str) {
    for (line, body) in [
        ("POST /endpoints".into(), json!({"url": "https://169.254.169.254/latest"})),
        ("POST /events".into(), json!({"type": "a..b", "data": 1})),
        (format!("PATCH {endpoint}"), json!({"events": ["*"], "limits": {"concurrency": 1}})),
        (format!("PATCH {endpoint}"), json!({"colour": "red"})),
        (format!("POST {endpoint}/rotate"), json!({"overlap_seconds": 3_600})),
        (format!("POST {endpoint}/rotate"), json!({"overlap_seconds": 9_999_999})),
        (format!("POST {endpoint}/replay"), json!({"what": "all"})),
        (format!("POST {endpoint}/replay"), json!({"what": "everything"})),
        (format!("POST {endpoint}/replay"), json!({"what": "all", "background": true, "dry_run": false})),
        ("POST /jobs".into(), json!({"action": "cancel_all", "filter": {"state": "pending"}})),
        ("POST /jobs".into(), json!({"action": "cancel_all", "filter": {"state": "lost"}})),
        ("POST /jobs".into(), json!({"action": "resend_all", "filter": {}, "limit": 5, "dry_run": false})),
    ] {
        talk.say(&line, &[], Some(body)).await;
    }
    talk.say(&format!("DELETE {endpoint}"), &[("if-match", "\"1\"")], None).await;
    talk.say(&format!("DELETE {endpoint}"), &[], None).await;
}

#[tokio::test]
async fn every_route_responds_as_before() {
    let mut talk =
        Conversation { api: Api::new(), text: String::new(), names: Names::default(), asked: BTreeSet::new() };
    let (endpoint, event, delivery) = make(&mut talk).await;
    look(&mut talk, &endpoint, &event, &delivery).await;
    change(&mut talk, &endpoint).await;
    jobs(&mut talk).await;
    golden("transcript.txt", &talk.text);
    for (path, item) in talk.api.manage.openapi()["paths"].as_object().unwrap() {
        for method in
            item.as_object().unwrap().keys().filter(|_| !["/openapi.json", "/event-types"].contains(&path.as_str()))
        {
            for way in ["well", "badly"] {
                assert!(
                    talk.asked.contains(&format!("{method} {path} {way}")),
                    "{method} {path} was not asked to go {way}"
                );
            }
        }
    }
}

fn references(of: &Value) -> Vec<&str> {
    match of {
        Value::Object(members) => {
            let own = members.get("$ref").and_then(Value::as_str);
            own.into_iter().chain(members.values().flat_map(references)).collect()
        }
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}
