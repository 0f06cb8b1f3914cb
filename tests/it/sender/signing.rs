//! By which schemes requests are signed, and what else their owners want on them.

use std::time::Duration;

use hookwire::clock::{Clock, SystemClock};
use hookwire::endpoint::CustomHeaders;
use hookwire::retry::{Policy, Schedule};
use hookwire::secret::{Key, Keyring};
use hookwire::sender::egress::EgressPolicy;
use hookwire::sender::{BuildError, EndpointChange, Sender, SenderBuilder};
use hookwire::signature::http_message::{self, candidates};
use hookwire::signature::providers::{GITHUB, STRIPE};
use hookwire::signature::{Outgoing, Received, STANDARD, SignError, SignRequest, Trust, Verify};
use hookwire::store::{MemoryStore, SqliteStore};
use http::{HeaderMap, HeaderName};

use super::{Running, endpoint, event, finished, sender};
use crate::support::server::{Reply, Request, Server};

fn verifies(scheme: &dyn Verify, request: &Request, keys: &Keyring) -> bool {
    let received =
        Received { method: &request.method, uri: &request.uri, headers: &request.headers, body: &request.body };
    scheme.verify(&received, &Trust::new(keys, SystemClock.now())).is_ok()
}

async fn sent(sender: &Sender, server: &Server, count: usize) -> Vec<Request> {
    let running = Running::start(sender);
    for n in 0..count {
        sender.dispatch(event(n)).await.unwrap();
    }
    finished(sender, count as u64).await;
    running.stop().await;
    server.requests()
}

#[tokio::test]
async fn an_endpoint_is_served_by_the_schemes_it_names_all_on_one_request() {
    let server = Server::start(|_| Reply::status(200)).await;
    let sender = sender(MemoryStore::new());
    let created = sender.endpoints().create(endpoint(&server).schemes(["stripe", "github", "standard"])).await.unwrap();
    let request = sent(&sender, &server, 1).await.remove(0);
    for scheme in [&STANDARD as &dyn Verify, &STRIPE, &GITHUB] {
        assert!(verifies(scheme, &request, &created.keys), "{scheme:?}");
    }
}

#[tokio::test]
async fn a_fresh_key_of_a_stripe_like_endpoint_is_a_text_as_its_owner_expects() {
    let server = Server::start(|_| Reply::status(200)).await;
    let directory = tempfile::tempdir().unwrap();
    let sender = sender(SqliteStore::open(directory.path().join("hookwire.db")).await.unwrap());
    let created = sender.endpoints().create(endpoint(&server).schemes(["stripe"])).await.unwrap();
    let secret = created.keys.entries()[0].key.expose_text().unwrap();
    assert!(secret.starts_with("whsec_"));
    let request = sent(&sender, &server, 1).await.remove(0);
    // What a Stripe library is given is that text.
    assert!(verifies(&STRIPE, &request, &Keyring::new(STRIPE.key(&secret).unwrap())));
    assert!(!request.headers.contains_key("webhook-signature"));
}

#[tokio::test]
async fn a_signer_of_ones_own_is_used_by_its_name_and_unknown_names_are_refused() {
    let server = Server::start(|_| Reply::status(200)).await;
    let egress = EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback();
    let builder = Sender::builder(MemoryStore::new()).egress(egress);
    let sender = builder.signer("rfc9421", &http_message::WEBHOOK).build().unwrap();
    let unknown = sender.endpoints().create(endpoint(&server).schemes(["nobody"])).await.unwrap_err();
    assert!(unknown.to_string().starts_with("schemes"));
    let many = sender.endpoints().create(endpoint(&server).schemes(["standard"; 5])).await.unwrap_err();
    assert!(many.to_string().starts_with("schemes"));
    let key = Keyring::new(Key::generate_ed25519().unwrap());
    let created = sender.endpoints().create(endpoint(&server).keys(key).schemes(["rfc9421"])).await.unwrap();
    let migrating = EndpointChange::new().schemes(["standard", "rfc9421"]);
    sender.endpoints().update(created.id, migrating).await.unwrap();
    let request = sent(&sender, &server, 1).await.remove(0);
    let found = candidates(&request.headers).unwrap();
    assert_eq!(found.len(), 1);
    let id = created.keys.entries()[0].key.public().unwrap().id();
    assert!(request.headers["signature-input"].to_str().unwrap().contains(&format!("keyid=\"{id}\"")));
    assert!(request.headers["webhook-signature"].to_str().unwrap().starts_with("v1a,"));
    let jwks: serde_json::Value = serde_json::from_str(&created.keys.jwks(SystemClock.now())).unwrap();
    assert_eq!((&jwks["keys"][0]["kid"], jwks["keys"].as_array().unwrap().len()), (&id.into(), 1));
}

#[tokio::test]
async fn its_owners_headers_are_on_every_request_and_shown_nowhere() {
    let server = Server::start(|_| Reply::status(200)).await;
    let directory = tempfile::tempdir().unwrap();
    let sender = sender(SqliteStore::open(directory.path().join("hookwire.db")).await.unwrap());
    let headers = CustomHeaders::new().bearer("hush-hush").unwrap().with("x-env", "prod").unwrap();
    let created = sender.endpoints().create(endpoint(&server).headers(headers)).await.unwrap();
    let request = sent(&sender, &server, 1).await.remove(0);
    assert_eq!(request.headers["authorization"], "Bearer hush-hush");
    assert_eq!(request.headers["x-env"], "prod");
    let read = sender.endpoints().get(created.id).await.unwrap();
    assert_eq!(read.headers.names().collect::<Vec<_>>(), ["authorization", "x-env"]);
    assert!(!format!("{read:?}").contains("hush"));
    sender.endpoints().update(created.id, EndpointChange::new().headers(CustomHeaders::new())).await.unwrap();
    let second = sent(&sender, &server, 2).await.pop().unwrap();
    assert!(!second.headers.contains_key("authorization"));
}

#[tokio::test]
async fn rotation_keeps_ten_keys_at_most() {
    let server = Server::start(|_| Reply::status(200)).await;
    let sender = sender(MemoryStore::new());
    let created = sender.endpoints().create(endpoint(&server)).await.unwrap();
    let day = Duration::from_secs(86_400);
    for _ in 1..10 {
        sender.endpoints().rotate_key(created.id, Key::generate().unwrap(), day).await.unwrap();
    }
    assert!(sender.endpoints().rotate_key(created.id, Key::generate().unwrap(), day).await.is_err());
    let request = sent(&sender, &server, 1).await.remove(0);
    let signatures = request.headers["webhook-signature"].to_str().unwrap().split(' ').count();
    assert_eq!(signatures, 10);
}

/// Signs what its endpoint's software wants signed: the event's type and the attempt's number, which it finds among the headers.
#[derive(Debug)]
struct Recites;

impl SignRequest for Recites {
    fn sign_request(&self, _: &Outgoing<'_>, _: &Keyring, headers: &mut HeaderMap) -> Result<(), SignError> {
        let text = |name: &str| headers[name].to_str().unwrap().to_owned();
        let both = format!("{} {}", text("x-acme-event"), text("x-acme-attempt"));
        headers.insert("x-recited", both.parse().unwrap());
        Ok(())
    }
}

fn marked() -> SenderBuilder {
    let egress = EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback();
    let schedule: Schedule = [10, 20].map(Duration::from_millis).into_iter().collect();
    let builder =
        Sender::builder(MemoryStore::new()).egress(egress).retry(Policy::new(schedule)).signer("recites", Recites);
    builder.event_type_header(HeaderName::from_static("x-acme-event"))
}

#[tokio::test]
async fn the_events_type_and_the_attempts_number_stand_in_the_headers_that_the_application_names() {
    let server =
        Server::start(|request| Reply::status(if request.headers["x-acme-attempt"] == "3" { 200 } else { 500 })).await;
    let sender = marked().attempt_header(HeaderName::from_static("x-acme-attempt")).build().unwrap();
    let headers = CustomHeaders::new().with("x-acme-event", "the owner's own").unwrap();
    sender.endpoints().create(endpoint(&server).headers(headers).schemes(["recites"])).await.unwrap();
    let requests = sent(&sender, &server, 1).await;
    let recited: Vec<_> = requests.iter().map(|request| request.headers["x-recited"].to_str().unwrap()).collect();
    assert_eq!(recited, ["invoice.paid 1", "invoice.paid 2", "invoice.paid 3"]);
}

#[test]
fn headers_that_mean_something_else_are_not_given_to_the_type_or_the_attempt() {
    for name in ["content-length", "host", "webhook-id"] {
        let refused = marked().attempt_header(name.parse().unwrap()).build();
        assert!(matches!(refused, Err(BuildError::Header { name: found }) if found == name));
    }
}
