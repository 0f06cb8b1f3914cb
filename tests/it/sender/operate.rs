//! Operations that an operator starts by hand.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use hookwire::delivery::DeliveryState;
use hookwire::endpoint::{Rate, Verdict};
use hookwire::event::{EventType, NewEvent};
use hookwire::sender::{EndpointChange, Sender, TEST_EVENT};
use hookwire::store::Store;
use hookwire::store::{DeliveryQuery, MemoryStore, Page, SqliteStore};

use super::{Running, endpoint, event, finished, sender};
use crate::support::server::{Reply, Server};

async fn made(sender: &Sender) -> u64 {
    sender.dispatch(NewEvent::json("user.made", &1).unwrap().tenant("acme")).await.unwrap();
    1
}

async fn an_endpoint_created_later_gets_what_it_missed(store: impl Store + 'static) {
    let server = Server::start(|_| Reply::status(200)).await;
    let sender = sender(store);
    for n in 0..300 {
        sender.dispatch(event(n)).await.unwrap();
    }
    made(&sender).await;
    let late = sender.endpoints().create(endpoint(&server).events(["invoice.*"]).unwrap()).await.unwrap();
    let running = Running::start(&sender);
    let replay = sender.replay(late.id).never_owed();
    assert_eq!(replay.count().await.unwrap(), 300);
    assert!(sender.history().counts(None).await.unwrap() == hookwire::store::Counts::default(), "a dry run");
    assert_eq!(replay.clone().types("nothing.*".parse().unwrap()).count().await.unwrap(), 0);
    assert_eq!(replay.clone().limit(7).run().await.unwrap(), 7);
    assert_eq!(replay.clone().run().await.unwrap(), 293);
    assert_eq!(replay.run().await.unwrap(), 0, "nothing twice");
    finished(&sender, 300).await;
    running.stop().await;
    let requests = server.requests();
    let ids: std::collections::HashSet<_> =
        requests.iter().map(|request| request.headers["webhook-id"].clone()).collect();
    assert_eq!((requests.len(), ids.len()), (300, 300));
}

#[tokio::test]
async fn an_endpoint_created_later_gets_the_events_that_it_missed_from_memory() {
    an_endpoint_created_later_gets_what_it_missed(MemoryStore::new()).await;
}

#[tokio::test]
async fn an_endpoint_created_later_gets_the_events_that_it_missed_from_sqlite() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path().join("hookwire.db")).await.unwrap();
    an_endpoint_created_later_gets_what_it_missed(store).await;
}

#[tokio::test]
async fn failed_deliveries_are_resent_after_an_outage() {
    let status = Arc::new(AtomicU16::new(500));
    let answer = status.clone();
    let server = Server::start(move |_| Reply::status(answer.load(Ordering::SeqCst))).await;
    let sender = sender(MemoryStore::new());
    let created = sender.endpoints().create(endpoint(&server)).await.unwrap();
    let running = Running::start(&sender);
    for n in 0..3 {
        sender.dispatch(event(n)).await.unwrap();
    }
    finished(&sender, 3).await;
    let stats = sender.stats(created.id).await.unwrap();
    assert_eq!((stats.counts.failed, stats.health.failures), (3, 12));
    assert_eq!(stats.recent_attempts, 12);
    status.store(200, Ordering::SeqCst);
    let before = server.requests().len();
    assert_eq!(sender.replay(created.id).unfinished().count().await.unwrap(), 3);
    assert_eq!(sender.replay(created.id).unfinished().run().await.unwrap(), 3);
    crate::support::until(|| async { sender.history().counts(None).await.unwrap().delivered == 3 }).await;
    assert_eq!(server.requests().len(), before + 3);
    running.stop().await;
}

#[tokio::test]
async fn a_resend_of_everything_can_be_spread_over_time_and_use_fresh_ids() {
    let server = Server::start(|_| Reply::status(200)).await;
    let sender = sender(MemoryStore::new());
    let created = sender.endpoints().create(endpoint(&server)).await.unwrap();
    for n in 0..4 {
        sender.dispatch(event(n)).await.unwrap();
    }
    let rate = Rate { count: NonZeroU32::new(2).unwrap(), per: Duration::from_secs(60) };
    assert_eq!(sender.replay(created.id).all().at_most(rate).run().await.unwrap(), 4);
    let all = sender.history().deliveries(&DeliveryQuery::default(), Page::default()).await.unwrap().items;
    let mut due: Vec<_> = all[4..].iter().map(|delivery| delivery.due.since(all[4].due).as_secs()).collect();
    due.sort_unstable();
    assert_eq!(due, [0, 30, 60, 90]);
    for delivery in &all[4..] {
        assert!(sender.cancel(delivery.id).await.unwrap());
    }
    let running = Running::start(&sender);
    assert_eq!(sender.replay(created.id).all().under_fresh_ids().run().await.unwrap(), 4);
    finished(&sender, 8).await;
    running.stop().await;
    let requests = server.requests();
    let ids: std::collections::HashSet<_> =
        requests.iter().map(|request| request.headers["webhook-id"].clone()).collect();
    let bodies: std::collections::HashSet<_> = requests.iter().map(|request| request.body.clone()).collect();
    assert_eq!((requests.len(), ids.len(), bodies.len()), (8, 8, 4));
}

#[tokio::test]
async fn a_delivery_is_resent_or_cancelled_by_hand() {
    let server = Server::start(|_| Reply::status(200)).await;
    let sender = sender(MemoryStore::new());
    sender.endpoints().create(endpoint(&server)).await.unwrap();
    let (first, second) = (sender.dispatch(event(1)).await.unwrap(), sender.dispatch(event(2)).await.unwrap());
    let (first, second) = (first.deliveries[0], second.deliveries[0]);
    assert!(!sender.resend(first).await.unwrap(), "it is pending");
    assert!(sender.cancel(second).await.unwrap());
    assert!(!sender.cancel(second).await.unwrap());
    let running = Running::start(&sender);
    finished(&sender, 1).await;
    assert!(sender.resend(first).await.unwrap());
    crate::support::until(|| async { server.requests().len() == 2 }).await;
    finished(&sender, 1).await;
    running.stop().await;
    let state = sender.history().delivery(second).await.unwrap().unwrap().state;
    assert_eq!(state, DeliveryState::Cancelled);
}

#[tokio::test]
async fn explain_returns_the_endpoints_that_would_get_an_event_and_why_the_others_would_not() {
    let server = Server::start(|_| Reply::status(200)).await;
    let sender = sender(MemoryStore::new());
    let gets = sender.endpoints().create(endpoint(&server)).await.unwrap();
    let other = sender.endpoints().create(endpoint(&server).events(["user.*"]).unwrap()).await.unwrap();
    let off = sender.endpoints().create(endpoint(&server)).await.unwrap();
    sender.endpoints().update(off.id, EndpointChange::new().disabled()).await.unwrap();
    sender.endpoints().create(endpoint(&server).tenant("umbrella")).await.unwrap();
    let paid = EventType::new("invoice.paid").unwrap();
    let explained = sender.explain(&"acme".into(), &paid).await.unwrap();
    let mut found: Vec<_> = explained.iter().map(|(endpoint, verdict)| (endpoint.id, *verdict)).collect();
    found.sort_by_key(|one| one.0);
    let mut expected = [(gets.id, Verdict::Receives), (other.id, Verdict::NotSubscribed), (off.id, Verdict::Holds)];
    expected.sort_by_key(|one| one.0);
    assert_eq!(found, expected);
    let receipt = sender.dispatch(event(1)).await.unwrap();
    assert_eq!(receipt.deliveries.len(), 2, "and the dispatch does the same");
}

#[tokio::test]
async fn a_test_event_reaches_one_endpoint_whatever_its_subscription() {
    let server = Server::start(|_| Reply::status(200)).await;
    let sender = sender(MemoryStore::new());
    let tested = sender.endpoints().create(endpoint(&server).events(["user.*"]).unwrap()).await.unwrap();
    sender.endpoints().create(endpoint(&server)).await.unwrap();
    let running = Running::start(&sender);
    sender.test(tested.id).await.unwrap();
    finished(&sender, 1).await;
    running.stop().await;
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    let body: serde_json::Value = serde_json::from_slice(&requests[0].body).unwrap();
    assert_eq!((&body["type"], &body["data"]["endpoint"]), (&TEST_EVENT.into(), &tested.id.to_string().into()));
}

#[tokio::test]
async fn an_expunged_event_is_not_sent_any_more() {
    let server = Server::start(|_| Reply::status(200)).await;
    let sender = sender(MemoryStore::new());
    sender.endpoints().create(endpoint(&server)).await.unwrap();
    let receipt = sender.dispatch(event(1)).await.unwrap();
    assert!(sender.expunge(&"acme".into(), &receipt.event).await.unwrap());
    let delivery = sender.history().delivery(receipt.deliveries[0]).await.unwrap().unwrap();
    assert_eq!(delivery.state, DeliveryState::Cancelled);
    assert!(!sender.resend(receipt.deliveries[0]).await.unwrap());
}

/// Failed and cancelled deliveries and events that were never sent to the endpoint are sent; delivered and pending ones are not.
#[tokio::test]
async fn a_replay_sends_everything_that_did_not_arrive() {
    let status = Arc::new(AtomicU16::new(500));
    let answers = status.clone();
    let server = Server::start(move |_| Reply::status(answers.load(Ordering::SeqCst))).await;
    let sender = sender(MemoryStore::new());
    let never_owed = sender.dispatch(event(1)).await.unwrap().event;
    let created = sender.endpoints().create(endpoint(&server)).await.unwrap();
    let running = Running::start(&sender);
    let failed = sender.dispatch(event(2)).await.unwrap().event;
    finished(&sender, 1).await;
    status.store(204, Ordering::SeqCst);
    sender.dispatch(event(3)).await.unwrap();
    crate::support::until(|| async { sender.history().counts(None).await.unwrap().delivered == 1 }).await;
    running.stop().await;
    let cancelled = sender.dispatch(event(4)).await.unwrap();
    assert!(sender.cancel(cancelled.deliveries[0]).await.unwrap());
    sender.dispatch(event(5)).await.unwrap();

    let before = server.requests().len();
    let replay = sender.replay(created.id);
    assert_eq!(replay.count().await.unwrap(), 3);
    assert_eq!(replay.clone().limit(1).run().await.unwrap(), 1, "the failed one comes first");
    assert_eq!(replay.clone().run().await.unwrap(), 2);
    assert_eq!(replay.run().await.unwrap(), 0, "all deliveries are pending");
    let running = Running::start(&sender);
    crate::support::until(|| async { sender.history().counts(None).await.unwrap().delivered == 5 }).await;
    running.stop().await;
    let sent: Vec<_> =
        server.requests()[before..].iter().map(|request| request.headers["webhook-id"].clone()).collect();
    assert_eq!(sent.len(), 4, "including the one that was pending");
    for event in [never_owed, failed, cancelled.event] {
        assert!(sent.iter().any(|id| id == event.as_str()), "{event}");
    }
}

/// If another delivery of the event succeeded, a failed delivery of it is not sent again.
#[tokio::test]
async fn a_replay_skips_an_event_that_has_arrived_by_another_delivery() {
    let status = Arc::new(AtomicU16::new(500));
    let answers = status.clone();
    let server = Server::start(move |_| Reply::status(answers.load(Ordering::SeqCst))).await;
    let sender = sender(MemoryStore::new());
    let created = sender.endpoints().create(endpoint(&server)).await.unwrap();
    let running = Running::start(&sender);
    sender.dispatch(event(1)).await.unwrap();
    finished(&sender, 1).await;
    status.store(204, Ordering::SeqCst);
    assert_eq!(sender.replay(created.id).all().run().await.unwrap(), 1);
    finished(&sender, 2).await;
    running.stop().await;
    assert_eq!(sender.replay(created.id).count().await.unwrap(), 0);
    assert_eq!(sender.replay(created.id).unfinished().count().await.unwrap(), 1, "which needs a delivery");
}

/// An event that was addressed to certain endpoints was not missed by another one.
#[tokio::test]
async fn a_replay_does_not_send_the_test_events_of_other_endpoints() {
    let server = Server::start(|_| Reply::status(204)).await;
    let sender = sender(MemoryStore::new());
    let tested = sender.endpoints().create(endpoint(&server)).await.unwrap();
    sender.test(tested.id).await.unwrap();
    let late = sender.endpoints().create(endpoint(&server)).await.unwrap();
    assert_eq!(sender.replay(late.id).never_owed().count().await.unwrap(), 0);
    sender.dispatch(event(1)).await.unwrap();
    let later = sender.endpoints().create(endpoint(&server)).await.unwrap();
    assert_eq!(sender.replay(later.id).never_owed().count().await.unwrap(), 1);
}
