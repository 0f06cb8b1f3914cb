//! Nothing is delivered before the owner of the target has agreed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use hookwire::delivery::DeliveryState;
use hookwire::endpoint::{DisableReason, EndpointState, Target};
use hookwire::sender::egress::EgressPolicy;
use hookwire::sender::{EndpointChange, EndpointError, Ownership, Sender};
use hookwire::store::MemoryStore;

use super::{Running, endpoint, event, finished, verifies};
use crate::support::server::{Reply, Server};

fn sender() -> Sender {
    let choose = |tenant: &hookwire::id::Tenant| match tenant.as_str() {
        "echo" => Ownership::Echo,
        "cloud" => Ownership::CloudEvents { origin: "events.example.com".into() },
        "people" => Ownership::OutOfBand,
        _ => Ownership::NotAsked,
    };
    let egress = EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback();
    Sender::builder(MemoryStore::new()).egress(egress).ownership(choose).build().unwrap()
}

#[tokio::test]
async fn a_target_that_echoes_the_challenge_is_served_and_others_are_not() {
    let says = Arc::new(Mutex::new(String::from("nothing")));
    let answer = says.clone();
    let server = Server::start(move |request| {
        let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
        let challenge = body["challenge"].as_str().unwrap_or_default();
        match answer.lock().unwrap().as_str() {
            "json" => Reply::status(200).body(&serde_json::json!({ "challenge": challenge }).to_string()),
            "text" => Reply::status(200).body(challenge),
            "error" => Reply::status(500).body(challenge),
            "long" => Reply::status(200).body(&format!("{challenge}{}", " ".repeat(9_000))),
            other => Reply::status(200).body(other),
        }
    })
    .await;
    let sender = sender();
    let created = sender.endpoints().create(endpoint(&server).tenant("echo")).await.unwrap();
    assert!(matches!(created.state, EndpointState::Disabled { reason: DisableReason::Unproven, .. }));
    let running = Running::start(&sender);
    let receipt = sender.dispatch(event(1).tenant("echo")).await.unwrap();
    for wrong in ["nothing", "error", "long"] {
        *says.lock().unwrap() = wrong.into();
        assert!(matches!(sender.endpoints().prove(created.id).await, Err(EndpointError::Unproven)), "{wrong}");
    }
    let by_hand = sender.endpoints().update(created.id, EndpointChange::new().enabled()).await;
    assert!(matches!(by_hand, Err(EndpointError::Unproven)));
    let delivery = sender.history().delivery(receipt.deliveries[0]).await.unwrap().unwrap();
    assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Held, 0));
    assert!(server.requests().iter().all(|request| verifies(request, &created.keys)), "the challenge is signed");

    *says.lock().unwrap() = "json".into();
    assert!(sender.endpoints().prove(created.id).await.unwrap().is_enabled());
    finished(&sender, 1).await;
    *says.lock().unwrap() = "text".into();
    let moved = EndpointChange::new().target(Target::parse(&server.url("/elsewhere")).unwrap());
    assert!(
        !sender.endpoints().update(created.id, moved).await.unwrap().is_enabled(),
        "another target gets another challenge"
    );
    assert!(sender.endpoints().prove(created.id).await.unwrap().is_enabled());
    running.stop().await;
}

#[tokio::test]
async fn a_target_that_allows_the_origin_is_served() {
    let allows = Arc::new(AtomicBool::new(false));
    let answer = allows.clone();
    let server = Server::start(move |request| match request.method {
        http::Method::OPTIONS if answer.load(Ordering::SeqCst) => {
            assert_eq!(request.headers["webhook-request-origin"], "events.example.com");
            Reply::status(200).header("webhook-allowed-origin", "events.example.com")
        }
        _ => Reply::status(200).header("webhook-allowed-origin", "other.example.com"),
    })
    .await;
    let sender = sender();
    let created = sender.endpoints().create(endpoint(&server).tenant("cloud")).await.unwrap();
    assert!(sender.endpoints().prove(created.id).await.is_err());
    allows.store(true, Ordering::SeqCst);
    assert!(sender.endpoints().prove(created.id).await.unwrap().is_enabled());
}

#[tokio::test]
async fn ownership_is_confirmed_by_hand_or_not_required() {
    let server = Server::start(|_| Reply::status(200)).await;
    let sender = sender();
    let created = sender.endpoints().create(endpoint(&server).tenant("people")).await.unwrap();
    assert!(sender.endpoints().prove(created.id).await.is_err());
    assert!(sender.endpoints().mark_proved(created.id).await.unwrap().is_enabled());
    assert!(sender.endpoints().create(endpoint(&server)).await.unwrap().is_enabled());
    assert!(server.requests().is_empty());
}
