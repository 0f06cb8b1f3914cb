//! How attempts were sent and answered.

use std::time::Duration;

use hookwire::delivery::DeliveryState;
use hookwire::endpoint::{CustomHeaders, NewEndpoint, Target};
use hookwire::event::NewEvent;
use hookwire::id::DeliveryId;
use hookwire::retry::{Policy, Schedule};
use hookwire::sender::egress::EgressPolicy;
use hookwire::sender::{AttemptDetail, Scope, Sender, SenderBuilder};
use hookwire::store::{MemoryStore, SqliteStore, Store, StoreErrorKind};
use hookwire::testing::{Fault, FaultyStore};
use hookwire::worker::CancellationToken;

use crate::support::server::{Reply, Request, Server};
use crate::support::until;

fn sender(store: impl Store) -> SenderBuilder {
    let egress = EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback();
    let twice = Policy::new([Duration::from_millis(5)].into_iter().collect::<Schedule>());
    Sender::builder(store).egress(egress).retry(twice)
}

/// Sends one event to a server that replies in this way. Returns the details of its attempts, as an operator and as the tenant sees them.
async fn details(
    sender: &Sender,
    reply: impl Fn(&Request) -> Reply + Send + Sync + 'static,
) -> [Vec<AttemptDetail>; 2] {
    let server = Server::start(reply).await;
    let target = Target::parse(&server.url("/in?key=1")).unwrap();
    let headers = CustomHeaders::new().bearer("my-token").unwrap();
    let endpoint = NewEndpoint::at(target).tenant("acme").headers(headers);
    sender.endpoints().create(endpoint).await.unwrap();
    let event = NewEvent::json("invoice.paid", &"payload").unwrap().tenant("acme");
    let delivery = sender.dispatch(event).await.unwrap().deliveries[0];
    let stop = CancellationToken::new();
    let worker = tokio::spawn(sender.worker().run(stop.clone()));
    let state = async || sender.history().delivery(delivery).await.unwrap().unwrap().state;
    until(async || matches!(state().await, DeliveryState::Delivered | DeliveryState::Failed)).await;
    stop.cancel();
    worker.await.unwrap().unwrap();
    let of = async |scope: Scope, id: DeliveryId| sender.scoped(scope).attempt_details(id).await.unwrap();
    assert!(of(Scope::tenant("other"), delivery).await.is_none());
    let kept = of(Scope::operator(), delivery).await.unwrap();
    for (detail, received) in kept.iter().zip(server.requests()) {
        for (name, value) in &detail.request_headers {
            let received = received.headers[&**name].to_str().unwrap();
            assert!(&**value == "(hidden)" || &**value == received, "{name}: {value} was kept, {received} was sent");
        }
    }
    [kept, of(Scope::tenant("acme"), delivery).await.unwrap()]
}

fn value<'a>(headers: &'a [(Box<str>, Box<str>)], wanted: &str) -> Option<&'a str> {
    headers.iter().find(|(name, _)| &**name == wanted).map(|(_, value)| &**value)
}

/// Like a page for developers, it repeats the credentials of the request.
fn refusal(request: &Request) -> Reply {
    let token = request.headers["authorization"].to_str().unwrap();
    let body = format!("first line\nsecond line {token} {}", "x".repeat(10_000));
    Reply::status(422).header("x-reason", "unknown customer").header("set-cookie", "session=secret").body(&body)
}

async fn check_failures(sender: Sender) {
    let [operator, tenant] = details(&sender, refusal).await;
    assert_eq!(operator.iter().map(|detail| detail.attempt).collect::<Vec<_>>(), [1, 2]);
    let first = &operator[0];
    assert!(first.url.ends_with("/in?key=1"), "{}", first.url);
    assert_eq!(value(&first.request_headers, "authorization"), Some("(hidden)"));
    assert_eq!(value(&first.request_headers, "webhook-signature"), Some("(hidden)"), "it would still be valid");
    assert!(value(&first.request_headers, "webhook-id").unwrap().starts_with("evt_"));
    assert!(value(&first.request_headers, "user-agent").is_some());
    assert_eq!(value(&first.response_headers, "x-reason"), Some("unknown customer"));
    assert_eq!(value(&first.response_headers, "set-cookie"), Some("(hidden)"));
    assert!(first.response_body.starts_with("first line\nsecond line (hidden) xxx"), "{}", first.response_body);
    assert!((4_000..=4_096).contains(&first.response_body.len()));
    assert_eq!((first.version.as_deref(), first.address), (Some("HTTP/1.1"), Some("127.0.0.1".parse().unwrap())));
    assert_eq!((&*first.method, first.status), ("POST", Some(422)));
    assert!(first.connect.is_some() && first.first_byte.is_some());
    assert_eq!((first.dns, first.tls, &first.tls_version), (None, None, &None), "the URL has an address, and no TLS");
    assert_eq!(operator[1].connect, None, "the second attempt used the same connection");
    assert!(operator[1].first_byte.is_some());
    let hidden: Vec<_> = operator
        .iter()
        .cloned()
        .map(|mut detail| {
            (detail.address, detail.dns, detail.tls_resumed) = (None, None, None);
            detail
        })
        .collect();
    assert_eq!(tenant, hidden);
    let text = format!("{operator:?}");
    assert!(!text.contains("my-token") && !text.contains("session=secret") && !text.contains("payload"), "{text}");
}

#[tokio::test]
async fn the_details_of_failures_are_kept_without_credentials() {
    check_failures(sender(MemoryStore::new()).build().unwrap()).await;
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path().join("hookwire.db")).await.unwrap();
    check_failures(sender(store).build().unwrap()).await;
}

#[tokio::test]
async fn the_details_of_successes_are_kept_on_request() {
    let well = |_: &Request| Reply::status(204).header("x-request-id", "7");
    let [kept, _] = details(&sender(MemoryStore::new()).keep_all_details().build().unwrap(), well).await;
    assert_eq!(value(&kept[0].response_headers, "x-request-id"), Some("7"));
    let [nothing, _] = details(&sender(MemoryStore::new()).build().unwrap(), well).await;
    assert!(nothing.is_empty());
    let [nothing, _] = details(&sender(MemoryStore::new()).keep_no_details().build().unwrap(), refusal).await;
    assert!(nothing.is_empty());
}

#[tokio::test]
async fn as_much_of_a_response_is_kept_as_is_set() {
    let long = |_: &Request| Reply::status(500).body(&"x".repeat(20_000));
    let builder = || sender(MemoryStore::new());
    let [by_default, _] = details(&builder().build().unwrap(), long).await;
    assert_eq!(by_default[0].response_body.len(), 4_096);
    for bytes in [0, 100, 16_384] {
        let [kept, _] = details(&builder().max_response_body(bytes).build().unwrap(), long).await;
        assert_eq!(kept[0].response_body.len(), bytes);
    }
    let refused = builder().max_response_body(16_385).build().unwrap_err().to_string();
    let expected =
        "max_response_body: must be at most 16384 bytes, because no more of a response is read; set a smaller number";
    assert_eq!(refused, expected);
}

#[tokio::test]
async fn an_attempt_is_made_although_its_details_cannot_be_stored() {
    let store = FaultyStore::new(MemoryStore::new());
    store.fail_every("note", Some(Fault::Refused(StoreErrorKind::Full)));
    let [nothing, _] =
        details(&sender(store.clone()).keep_all_details().build().unwrap(), |_: &Request| Reply::status(200)).await;
    assert!(nothing.is_empty() && store.calls("note") > 0);
}
