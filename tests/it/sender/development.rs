//! Development mode, and what the log says when something fails.

use std::time::Duration;

use hookwire::endpoint::{NewEndpoint, Target};
use hookwire::event::NewEvent;
use hookwire::retry::{Exponential, Policy};
use hookwire::sender::Sender;
use hookwire::store::MemoryStore;
use hookwire::testing::endpoint::{Behaviour, ScriptedEndpoint};

use crate::support::log::Log;
use crate::support::until;

#[tokio::test]
async fn a_refused_local_target_names_the_remedy() {
    let sender = Sender::builder(MemoryStore::new()).build().unwrap();
    for url in ["http://127.0.0.1:3000/hook", "https://127.0.0.1/hook", "https://localhost/hook", "http://[::1]/"] {
        let target = NewEndpoint::at(Target::parse(url).unwrap());
        let error = sender.endpoints().create(target).await.unwrap_err();
        // A program whose `main` returns the error prints this.
        assert!(format!("{error:?}").contains("in development call `for_development()`"), "{url}: {error:?}");
        assert!(!error.to_string().contains("127.0.0.1"), "a stranger sees this: {error}");
    }
}

#[tokio::test]
async fn development_mode_delivers_to_this_machine_and_warns() {
    let (log, _guard) = Log::of_this_thread();
    let server = ScriptedEndpoint::start([Behaviour::status(204)]).await.unwrap();
    let sender =
        Sender::builder(MemoryStore::new()).for_development().dangerous_development_in_release().build().unwrap();
    assert!(log.text().contains("WARN hookwire::sender::development: development mode"), "{}", log.text());
    let target = Target::parse(&server.url("/hook")).unwrap();
    sender.endpoints().create(NewEndpoint::at(target)).await.unwrap();
    sender.dispatch(NewEvent::json("a", &1).unwrap()).await.unwrap();
    let worker = tokio::spawn(sender.worker().run_until(std::future::pending::<()>()));
    until(async || sender.history().counts(None).await.unwrap().delivered == 1).await;
    worker.abort();
}

#[tokio::test]
async fn a_test_gets_its_retries_at_once() {
    let server =
        ScriptedEndpoint::start([Behaviour::status(500), Behaviour::status(500), Behaviour::status(204)]).await;
    let server = server.unwrap();
    let sender = Sender::builder(MemoryStore::new()).for_tests().dangerous_development_in_release().build().unwrap();
    sender.endpoints().create(NewEndpoint::at(Target::parse(&server.url("/hook")).unwrap())).await.unwrap();
    let receipt = sender.dispatch(NewEvent::json("a", &1).unwrap()).await.unwrap();
    let worker = tokio::spawn(sender.worker().run_until(std::future::pending::<()>()));
    until(async || sender.history().counts(None).await.unwrap().delivered == 1).await;
    worker.abort();
    let delivery = sender.history().delivery(receipt.deliveries[0]).await.unwrap().unwrap();
    assert_eq!(delivery.attempts, 3);
}

#[tokio::test]
async fn the_egress_policy_of_the_application_still_denies() {
    let strict = hookwire::sender::egress::EgressPolicy::default().deny_network("127.0.0.0/8").unwrap();
    let sender = Sender::builder(MemoryStore::new())
        .egress(strict)
        .for_development()
        .dangerous_development_in_release()
        .build()
        .unwrap();
    let target = NewEndpoint::at(Target::parse("http://127.0.0.1:3000/").unwrap());
    assert!(sender.endpoints().create(target).await.is_err());
}

#[tokio::test]
async fn failed_attempts_and_what_is_given_up_are_logged_with_the_delivery_and_the_reason() {
    let (log, _guard) = Log::of_this_thread();
    let server = ScriptedEndpoint::start([Behaviour::status(500)]).await.unwrap();
    let retry = Policy::new(Exponential::from(Duration::from_millis(1)).retries(1));
    let sender = Sender::builder(MemoryStore::new())
        .for_development()
        .dangerous_development_in_release()
        .retry(retry)
        .build()
        .unwrap();
    let endpoint = NewEndpoint::at(Target::parse(&server.url("/hook")).unwrap());
    let endpoint = sender.endpoints().create(endpoint).await.unwrap();
    let receipt = sender.dispatch(NewEvent::json("invoice.paid", &1).unwrap()).await.unwrap();
    let worker = tokio::spawn(sender.worker().run_until(std::future::pending::<()>()));
    until(async || sender.history().counts(None).await.unwrap().failed == 1).await;
    worker.abort();
    let (text, delivery) = (log.text(), receipt.deliveries[0]);
    let lines =
        |level: &str| text.lines().filter(|line| line.contains(level) && line.contains(&delivery.to_string())).count();
    assert_eq!(lines("DEBUG hookwire::worker::journal"), 2, "{text}");
    let given_up =
        text.lines().find(|line| line.contains("WARN") && line.contains("the delivery is given up")).unwrap();
    for part in [&endpoint.id.to_string(), "invoice.paid", "Status(500)", "exhausted"] {
        assert!(given_up.contains(part), "{part}: {given_up}");
    }
}
