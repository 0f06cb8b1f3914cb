//! A drain over a real store and real sockets: an endpoint that never answers, and an inbox.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hookwire::clock::{Clock, SystemClock};
use hookwire::delivery::DeliveryState;
use hookwire::endpoint::{NewEndpoint, Target};
use hookwire::event::NewEvent;
use hookwire::provider::STANDARD;
use hookwire::receiver::inbox::{Inbox, InboxResult, Queue};
use hookwire::receiver::{Accepted, Receiver, Source};
use hookwire::secret::Keyring;
use hookwire::sender::Sender;
use hookwire::store::SqliteStore;
use hookwire::testing::endpoint::{Behaviour, ScriptedEndpoint};
use hookwire::testing::signed_request;
use hookwire::worker::Config;

async fn sender(path: &std::path::Path) -> Sender {
    let store = SqliteStore::open(path).await.unwrap();
    let config = Config { grace: Duration::from_millis(200), ..Config::default() };
    Sender::builder(store).for_tests().worker(config).build().unwrap()
}

#[tokio::test]
async fn a_silent_endpoint_is_left_to_the_next_drain_and_the_others_are_served() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hooks.db");
    let silent = ScriptedEndpoint::start([Behaviour::Hang, Behaviour::status(204)]).await.unwrap();
    let good = ScriptedEndpoint::start([Behaviour::status(204)]).await.unwrap();
    let first = sender(&path).await;
    for server in [&silent, &good] {
        let target = Target::parse(&server.url("/hooks")).unwrap();
        first.endpoints().create(NewEndpoint::at(target).tenant("acme")).await.unwrap();
    }
    let receipt = first.dispatch(NewEvent::json("a.b", &1).unwrap().tenant("acme")).await.unwrap();
    let drained = first.worker().drain(Duration::from_millis(500), None).await.unwrap();
    assert_eq!((drained.delivered, drained.failed, drained.cut_off), (1, 0, 1), "{drained:?}");
    assert!(drained.next.is_some(), "the delivery to the silent endpoint is still pending");
    drop(first);

    let second = sender(&path).await;
    let drained = second.worker().drain(Duration::from_secs(20), None).await.unwrap();
    assert_eq!((drained.delivered, drained.cut_off, drained.next), (1, 0, None), "{drained:?}");
    for delivery in receipt.deliveries {
        let delivery = second.history().delivery(delivery).await.unwrap().unwrap();
        assert_eq!(delivery.state, DeliveryState::Delivered);
    }
}

#[tokio::test]
async fn an_inbox_is_drained_by_a_process_that_did_not_receive_the_events() {
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hooks.db");
    let handled = Arc::new(AtomicUsize::new(0));
    let inbox = async || {
        let counter = handled.clone();
        let queue = Queue::new("all", move |_| {
            counter.fetch_add(1, Ordering::SeqCst);
            async { Ok(()) }
        });
        Inbox::builder(SqliteStore::open(&path).await.unwrap()).queue(queue).build().unwrap()
    };
    let receiving = inbox().await;
    let store = SqliteStore::open(&path).await.unwrap();
    let receiver = Receiver::builder(store).source(Source::standard(SECRET).unwrap()).build().unwrap();
    let gate = receiver.gate("standard").unwrap();
    let keys = Keyring::new(STANDARD.key(SECRET).unwrap());
    for number in 0..3 {
        let now = SystemClock.now() + Duration::from_micros(number);
        let request = signed_request(&STANDARD, &keys, "/hooks", "{}", now).unwrap();
        let Accepted::Event(verified) = gate.verify(request).await.unwrap() else { panic!("one event") };
        assert_eq!(receiving.store(&verified).await.unwrap(), InboxResult::Stored);
    }
    drop(receiving);
    let drained = inbox().await.worker().drain(Duration::from_secs(20), None).await.unwrap();
    assert_eq!((drained.delivered, drained.next, handled.load(Ordering::SeqCst)), (3, None, 3), "{drained:?}");
}
