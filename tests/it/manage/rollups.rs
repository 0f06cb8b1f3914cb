//! `GET /rollups`: each caller sees the numbers of its own deliveries only.

use std::time::Duration;

use hookwire::delivery::{Attempt, Settlement};
use hookwire::endpoint::{NewEndpoint, Target};
use hookwire::event::NewEvent;
use hookwire::outcome::Outcome;
use hookwire::retry::Decision;
use hookwire::sender::Sender;
use hookwire::sender::egress::EgressPolicy;
use hookwire::store::{Claim, MemoryStore, Outbox, Rollups};
use hookwire::testing::ManualClock;
use serde_json::Value;

use super::api::{Api, Who};

/// The time of the clock: the beginning of an hour.
const NOW: hookwire::clock::Timestamp = hookwire::clock::Timestamp::from_secs(1_767_225_600);

/// Delivers one event to a new endpoint of the tenant, `count` times. Returns the endpoint's id.
async fn deliver(sender: &Sender, store: &MemoryStore, tenant: &str, count: usize) -> String {
    let target = Target::parse("http://127.0.0.1:9000/").unwrap();
    let endpoint = sender.endpoints().create(NewEndpoint::at(target).tenant(tenant)).await.unwrap();
    for _ in 0..count {
        sender.dispatch(NewEvent::json("invoice.paid", &1).unwrap().tenant(tenant)).await.unwrap();
    }
    let (now, until) = (NOW + Duration::from_secs(120), NOW + Duration::from_secs(180));
    let claimed = store.claim(Claim { lanes: vec![(endpoint.id.into(), 99)], now, until }).await.unwrap();
    let attempt = |number| Attempt::new(number, NOW, Duration::from_millis(40), Outcome::Status(200));
    let end = |leased: &hookwire::delivery::Leased| {
        Settlement::of(leased, Decision::Delivered, NOW).with_attempt(attempt(leased.attempt))
    };
    store.settle(claimed.leased.iter().map(end).collect()).await.unwrap();
    store.fold(NOW).await.unwrap();
    endpoint.id.to_string()
}

#[tokio::test]
async fn callers_see_the_numbers_of_their_own_deliveries() {
    let store = MemoryStore::new();
    let egress = EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback();
    let clock = ManualClock::at(NOW + Duration::from_secs(90));
    let sender = Sender::builder(store.clone()).egress(egress).clock(clock).build().unwrap();
    let first = deliver(&sender, &store, "acme", 1).await;
    let second = deliver(&sender, &store, "acme", 2).await;
    let theirs = deliver(&sender, &store, "other", 4).await;
    let api = Api::over(sender);
    let ask = async |who: Who, query: &str| api.ask(who, &format!("GET /rollups?{query}"), None).await;
    let delivered = async |who: Who, query: &str| -> Vec<u64> {
        let answer = ask(who, query).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["items"].as_array().unwrap().iter().map(|item| item["delivered"].as_u64().unwrap()).collect()
    };
    for step in ["step=minute", "step=hour"] {
        // The first endpoint gets the events that were made for the second, too, but its later deliveries are not claimed.
        assert_eq!(delivered(Some("*"), step).await, [7]);
        assert_eq!(delivered(Some("acme"), step).await, [3]);
        assert_eq!(delivered(Some("acme:read-only"), step).await, [3]);
        assert_eq!(delivered(Some("*"), &format!("{step}&tenant=other")).await, [4]);
        assert_eq!(delivered(Some("acme"), &format!("{step}&endpoint={first}")).await, [1]);
        assert_eq!(delivered(Some("acme"), &format!("{step}&endpoint={second}")).await, [2]);
        assert_eq!(delivered(Some("stranger"), step).await, [0_u64; 0]);
    }
    assert_eq!(delivered(Some("acme"), "to=2026-01-01T00:00:00Z").await, [0_u64; 0], "the end is not included");
    assert_eq!(delivered(Some("acme"), "from=2026-01-01T00:00:00Z").await, [3], "the beginning is");
    assert_eq!(delivered(Some("acme"), &format!("endpoint={theirs}")).await, [0_u64; 0]);
    assert_eq!(delivered(Some("*"), &format!("endpoint={theirs}&tenant=acme")).await, [0_u64; 0]);
    assert_eq!(ask(Some("acme"), "tenant=other").await.code(), "forbidden");
    let numbers = ask(Some("acme"), "step=minute").await.json();
    let Value::Object(item) = &numbers["items"][0] else { panic!("{numbers}") };
    assert_eq!((item["at"].as_str(), item["succeeded"].as_u64()), (Some("2026-01-01T00:00:00Z"), Some(3)));
    assert_eq!((item["median_ms"].as_u64(), item["p99_ms"].as_u64()), (Some(50), Some(50)));
}
