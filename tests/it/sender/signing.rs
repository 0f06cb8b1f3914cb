//! The signature schemes of requests, and the other headers that endpoints ask for.

use std::time::Duration;

use hookwire::clock::{Clock, SystemClock};
use hookwire::endpoint::CustomHeaders;
use hookwire::event::NewEvent;
use hookwire::id::EventId;
use hookwire::provider::{GITHUB, STANDARD, STRIPE, Scheme};
use hookwire::retry::{Policy, Schedule};
use hookwire::secret::{Key, Keyring};
use hookwire::sender::egress::EgressPolicy;
use hookwire::sender::{EndpointChange, Endpoints, Sender, SenderBuilder, SenderConfigError};
use hookwire::signature::http_message::{self, candidates};
use hookwire::signature::{Outgoing, Received, SignError, SignRequest, Trust};
use hookwire::store::{MemoryStore, SqliteStore};
use http::{HeaderMap, HeaderName};

use super::{Running, endpoint, event, finished, sender};
use crate::support::server::{Reply, Request, Server};

fn verifies(scheme: &Scheme, request: &Request, keys: &Keyring) -> bool {
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
async fn one_request_is_signed_by_all_schemes_that_the_endpoint_names() {
    let server = Server::start(|_| Reply::status(200)).await;
    let sender = sender(MemoryStore::new());
    let created = sender.endpoints().create(endpoint(&server).schemes(["stripe", "github", "standard"])).await.unwrap();
    let request = sent(&sender, &server, 1).await.remove(0);
    for scheme in [&STANDARD as &Scheme, &STRIPE, &GITHUB] {
        assert!(verifies(scheme, &request, &created.keys), "{scheme:?}");
    }
}

#[tokio::test]
async fn a_new_key_of_a_stripe_like_endpoint_is_a_text() {
    let server = Server::start(|_| Reply::status(200)).await;
    let directory = tempfile::tempdir().unwrap();
    let sender = sender(SqliteStore::open(directory.path().join("hookwire.db")).await.unwrap());
    let created = sender.endpoints().create(endpoint(&server).schemes(["stripe"])).await.unwrap();
    let secret = created.keys.entries()[0].key.expose_text().unwrap();
    assert!(secret.starts_with("whsec_"));
    let request = sent(&sender, &server, 1).await.remove(0);
    // A Stripe library takes this text as its secret.
    assert!(verifies(&STRIPE, &request, &Keyring::new(STRIPE.key(&secret).unwrap())));
    assert!(!request.headers.contains_key("webhook-signature"));
}

/// What the library of Svix, which customers have, would compute.
fn signed_by_standardwebhooks(request: &Request, secret: &str) -> String {
    let header = |name: &str| request.headers[name].to_str().unwrap();
    let library = standardwebhooks::Webhook::new(secret).unwrap();
    library.sign(header("svix-id"), header("svix-timestamp").parse().unwrap(), &request.body).unwrap()
}

#[tokio::test]
async fn a_customer_who_verified_svix_headers_gets_the_same_bytes_as_before() {
    let server = Server::start(|_| Reply::status(200)).await;
    let sender = sender(MemoryStore::new());
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let new = endpoint(&server).schemes(["svix"]).keys(Keyring::new(Key::parse(secret).unwrap()));
    sender.endpoints().create(new).await.unwrap();
    let body = r#"{"event": "invoice.paid", "data": {"cents": 9900}}"#;
    let event = NewEvent::raw("invoice.paid", "application/json", body).unwrap();
    let id = EventId::new("msg_2mlFIXVYs1nXCEu9xRYzXvKmpwT").unwrap();
    let running = Running::start(&sender);
    sender.dispatch(event.tenant("acme").id(id.clone())).await.unwrap();
    finished(&sender, 1).await;
    running.stop().await;
    let request = server.requests().remove(0);
    assert_eq!(request.body, body);
    assert_eq!(request.headers["svix-id"], id.as_str());
    assert_eq!(request.headers["svix-signature"], signed_by_standardwebhooks(&request, secret));
    assert!(!request.headers.contains_key("webhook-signature"), "{:?}", request.headers);
}

#[tokio::test]
async fn a_new_key_of_an_endpoint_with_svix_headers_is_one_that_the_library_of_svix_reads() {
    let server = Server::start(|_| Reply::status(200)).await;
    let sender = sender(MemoryStore::new());
    let created = sender.endpoints().create(endpoint(&server).schemes(["svix"])).await.unwrap();
    let request = sent(&sender, &server, 1).await.remove(0);
    let secret = Endpoints::secret(&created);
    assert_eq!(request.headers["svix-signature"], signed_by_standardwebhooks(&request, &secret));
}

#[tokio::test]
async fn a_custom_signer_is_found_by_its_name_and_unknown_names_are_refused() {
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
async fn the_owners_headers_are_on_every_request_and_shown_nowhere() {
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

/// A signer that reads the event's type and the attempt's number from the headers and writes both into its own header.
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
async fn event_type_and_attempt_number_are_in_the_headers_that_the_application_names() {
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
fn headers_with_another_meaning_are_refused_for_the_type_and_the_attempt() {
    for name in ["content-length", "host", "webhook-id"] {
        let refused = marked().attempt_header(name.parse().unwrap()).build();
        assert!(matches!(refused, Err(SenderConfigError::Header { name: found }) if found == name));
    }
}
