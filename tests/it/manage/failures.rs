//! `GET /failures`: each caller sees the groups of its own endpoints only.

use std::time::Duration;

use hookwire::clock::Timestamp;
use hookwire::delivery::{Attempt, Leased, Settlement};
use hookwire::endpoint::{NewEndpoint, Target};
use hookwire::event::NewEvent;
use hookwire::outcome::Outcome;
use hookwire::retry::{Decision, FailReason};
use hookwire::sender::Sender;
use hookwire::sender::egress::EgressPolicy;
use hookwire::store::{Claim, MemoryStore, Outbox, Rollups};
use hookwire::testing::ManualClock;
use serde_json::{Value, json};

use super::api::{Api, Who};

/// The time of the clock: the beginning of an hour.
const NOW: Timestamp = Timestamp::from_secs(1_767_225_600);

/// Makes an endpoint of the tenant and gives up one delivery for each response. Returns the endpoint's id.
async fn give_up(sender: &Sender, store: &MemoryStore, tenant: &str, responses: &[(u16, &str)]) -> String {
    let target = Target::parse("http://127.0.0.1:9000/").unwrap();
    let endpoint = sender.endpoints().create(NewEndpoint::at(target).tenant(tenant)).await.unwrap();
    for _ in responses {
        sender.dispatch(NewEvent::json("invoice.paid", &1).unwrap().tenant(tenant)).await.unwrap();
    }
    let (now, until) = (NOW + Duration::from_secs(120), NOW + Duration::from_secs(180));
    let claimed = store.claim(Claim { lanes: vec![(endpoint.id.into(), 99)], now, until }).await.unwrap();
    let end = |(leased, (status, text)): (&Leased, &(u16, &str))| {
        let attempt = Attempt::new(1, NOW, Duration::from_millis(40), Outcome::Status(*status));
        let attempt = attempt.with_excerpt(Some((*text).into()));
        let decision = Decision::Fail { reason: FailReason::Exhausted };
        Settlement::of(leased, decision, NOW + Duration::from_secs(60)).with_attempt(attempt)
    };
    store.settle(claimed.leased.iter().zip(responses).map(end).collect()).await.unwrap();
    store.fold(NOW).await.unwrap();
    endpoint.id.to_string()
}

#[tokio::test]
async fn callers_see_the_groups_of_their_own_failures() {
    let store = MemoryStore::new();
    let egress = EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback();
    let clock = ManualClock::at(NOW + Duration::from_secs(90));
    let sender = Sender::builder(store.clone()).egress(egress).clock(clock).build().unwrap();
    let responses = [(500, "user 17 is unknown"), (500, "user 4 is unknown"), (404, "no such page")];
    let endpoint = give_up(&sender, &store, "acme", &responses).await;
    let theirs = give_up(&sender, &store, "other", &[(500, "down"); 4]).await;
    let api = Api::over(sender);
    let ask = async |who: Who, query: &str| api.ask(who, &format!("GET /failures?{query}"), None).await;
    let counts = async |who: Who, query: &str| -> Vec<u64> {
        let answer = ask(who, query).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["items"].as_array().unwrap().iter().map(|item| item["count"].as_u64().unwrap()).collect()
    };
    assert_eq!(counts(Some("*"), "").await, [4, 2, 1]);
    assert_eq!(counts(Some("*"), "limit=2").await, [4, 2]);
    assert_eq!(counts(Some("*"), "tenant=other").await, [4]);
    assert_eq!(counts(Some("acme"), "").await, [2, 1]);
    assert_eq!(counts(Some("acme:read-only"), &format!("endpoint={endpoint}")).await, [2, 1]);
    assert_eq!(counts(Some("acme"), &format!("endpoint={theirs}")).await, [0_u64; 0]);
    assert_eq!(counts(Some("*"), &format!("endpoint={theirs}&tenant=acme")).await, [0_u64; 0]);
    assert_eq!(counts(Some("stranger"), "").await, [0_u64; 0]);
    assert_eq!(counts(Some("acme"), "to=2026-01-01T00:00:00Z").await, [0_u64; 0], "the end is not included");
    assert_eq!(counts(Some("acme"), "from=2026-01-01T00:00:00Z").await, [2, 1], "the beginning is");
    assert_eq!(ask(Some("acme"), "tenant=other").await.code(), "forbidden");
    let far = "to=2099-01-01T00:00:00Z";
    assert_eq!(counts(Some("acme"), far).await, [2, 1], "an end in the future is an hour from now");
    assert_eq!(counts(Some("acme"), &format!("from=2000-01-01T00:00:00Z&{far}")).await, [2, 1]);
    assert_eq!(counts(Some("acme"), &format!("endpoint={endpoint}&from=2000-01-01T00:00:00Z&{far}")).await, [2, 1]);
    let from = async |query: &str| ask(Some("acme"), query).await.json()["from"].clone();
    assert_eq!(from("from=2025-12-31T23:00:00Z").await, "2025-12-31T23:00:00Z");
    assert_eq!(from("").await, "2025-12-31T00:01:30Z", "a day before now");
    assert_eq!(from(&format!("from=2000-01-01T00:00:00Z&{far}")).await, "2025-10-03T00:01:30Z", "90 days are kept");

    let found = ask(Some("acme"), "").await.json();
    let Value::Object(largest) = &found["items"][0] else { panic!("{found}") };
    let expected = json!({"endpoint": endpoint, "tenant": "acme", "outcome": "status", "status": 500, "reason": "exhausted",
        "first_at": "2026-01-01T00:01:00Z", "last_at": "2026-01-01T00:01:00Z",
        "oldest_created_at": "2026-01-01T00:01:30Z", "newest_created_at": "2026-01-01T00:01:30Z"});
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&largest[name], value, "{name}: {found}");
    }
    let sample = largest["sample"].as_str().unwrap();
    let attempts = api.ask(Some("acme"), &format!("GET /deliveries/{sample}/attempts"), None).await.json();
    assert!(attempts.to_string().contains("is unknown"), "{attempts}");
}
