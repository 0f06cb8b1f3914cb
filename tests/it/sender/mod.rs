//! The sender's main purpose, end to end, over real sockets.

mod a2a;
mod audit;
mod clocks;
mod details;
mod development;
mod drain;
mod health;
mod jobs;
mod operate;
mod outbox;
mod ownership;
mod scoped;
mod senders;
mod signing;
mod timings;
pub mod trace;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hookwire::clock::Timestamp;
use hookwire::delivery::DeliveryState;
use hookwire::endpoint::{DisableReason, EndpointState, NewEndpoint, Target};
use hookwire::event::NewEvent;
use hookwire::id::EventId;
use hookwire::outcome::Outcome;
use hookwire::provider::STANDARD;
use hookwire::retry::{FailReason, Policy, Schedule};
use hookwire::secret::{Key, Keyring};
use hookwire::sender::egress::{EgressPolicy, RefusalReason};
use hookwire::sender::http::HttpOptions;
use hookwire::sender::{DispatchError, EndpointChange, EndpointError, Sender};
use hookwire::signature::{Received, Trust};
use hookwire::store::Store;
use hookwire::store::{MemoryStore, SqliteStore};
use hookwire::worker::{CancellationToken, WorkerError};

use crate::ssrf::fake::FakeResolver;
use crate::support::server::{Reply, Request, Server};
use crate::support::until;

/// A sender that may send to this machine and retries at once.
fn sender(store: impl Store + 'static) -> Sender {
    let egress = EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback();
    let schedule: Schedule = [10, 20, 40].map(Duration::from_millis).into_iter().collect();
    Sender::builder(store).egress(egress).retry(Policy::new(schedule)).build().unwrap()
}

/// Runs a worker until the end of the test.
struct Running {
    stop: CancellationToken,
    worker: tokio::task::JoinHandle<Result<(), WorkerError>>,
}

impl Running {
    fn start(sender: &Sender) -> Self {
        let stop = CancellationToken::new();
        Self { worker: tokio::spawn(sender.worker().run(stop.clone())), stop }
    }

    async fn stop(self) {
        self.stop.cancel();
        self.worker.await.unwrap().unwrap();
    }
}

fn endpoint(server: &Server) -> NewEndpoint {
    NewEndpoint::at(Target::parse(&server.url("/in")).unwrap()).tenant("acme")
}

fn event(n: usize) -> NewEvent {
    NewEvent::json("invoice.paid", &serde_json::json!({ "n": n })).unwrap().tenant("acme")
}

fn verifies(request: &Request, keys: &Keyring) -> bool {
    let received =
        Received { method: &request.method, uri: &request.uri, headers: &request.headers, body: &request.body };
    let now = std::time::SystemTime::now().into();
    STANDARD.verify(&received, &Trust::new(keys, now)).is_ok()
}

async fn finished(sender: &Sender, count: u64) {
    until(|| async {
        let counts = sender.history().counts(None).await.unwrap();
        counts.delivered + counts.failed >= count
    })
    .await;
}

/// The policy that was set on the builder applies, whether it is set before or after the client's options.
#[tokio::test]
async fn the_egress_policy_of_the_builder_overrides_that_of_the_client_options() {
    let strict = EgressPolicy::default();
    let loose =
        || HttpOptions::default().egress(EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback());
    let target = || NewEndpoint::at(Target::parse("http://127.0.0.1:9000/").unwrap());
    let before = Sender::builder(MemoryStore::new()).egress(strict.clone()).http(loose()).build().unwrap();
    let after = Sender::builder(MemoryStore::new()).http(loose()).egress(strict).build().unwrap();
    for sender in [before, after] {
        assert!(matches!(sender.endpoints().create(target()).await, Err(EndpointError::Target(_))));
    }
    let options_alone = Sender::builder(MemoryStore::new()).http(loose()).build().unwrap();
    assert!(options_alone.endpoints().create(target()).await.is_ok());
}

#[tokio::test]
async fn a_time_outside_the_years_of_rfc_3339_is_refused() {
    let sender = sender(MemoryStore::new());
    for micros in [i64::MIN, -62_167_219_200_000_001, 253_402_207_201_000_000, i64::MAX] {
        let refused = sender.dispatch(event(1).occurred_at(Timestamp::from_micros(micros))).await;
        assert!(matches!(refused, Err(DispatchError::OccurredAt)), "{micros}: {refused:?}");
    }
    for micros in [-62_167_219_200_000_000, 0, 253_402_207_200_999_999] {
        assert!(sender.dispatch(event(1).occurred_at(Timestamp::from_micros(micros))).await.is_ok(), "{micros}");
    }
}

async fn delivers_what_is_dispatched(store: impl Store + 'static) {
    let server = Server::start(|_| Reply::status(204)).await;
    let sender = sender(store);
    let all = sender.endpoints().create(endpoint(&server)).await.unwrap();
    let some = sender.endpoints().create(endpoint(&server).events(["user.*"]).unwrap()).await.unwrap();
    let other = sender.endpoints().create(endpoint(&server).tenant("umbrella")).await.unwrap();
    let running = Running::start(&sender);
    for n in 0..50 {
        let receipt = sender.dispatch(event(n)).await.unwrap();
        assert_eq!(receipt.deliveries.len(), 1);
    }
    sender.dispatch(NewEvent::json("user.made", &1).unwrap().tenant("acme")).await.unwrap();
    finished(&sender, 52).await;
    running.stop().await;

    let requests = server.requests();
    assert_eq!(requests.len(), 52);
    let by = |keys: &Keyring| requests.iter().filter(|request| verifies(request, keys)).count();
    assert_eq!((by(&all.keys), by(&some.keys), by(&other.keys)), (51, 1, 0), "each verified with its own key");
    for request in &requests {
        assert_eq!(request.headers["content-type"], "application/json");
        assert_eq!(request.headers["accept-encoding"], "identity");
        assert!(request.headers["user-agent"].to_str().unwrap().starts_with("hookwire/"));
    }
}

#[tokio::test]
async fn events_are_delivered_signed_to_subscribed_endpoints_from_memory() {
    delivers_what_is_dispatched(MemoryStore::new()).await;
}

#[tokio::test]
async fn events_are_delivered_signed_to_subscribed_endpoints_from_sqlite() {
    let directory = tempfile::tempdir().unwrap();
    delivers_what_is_dispatched(SqliteStore::open(directory.path().join("hookwire.db")).await.unwrap()).await;
}

#[tokio::test]
async fn f_22_f_25_a_failing_endpoint_is_tried_again_under_the_same_id() {
    let tries = Arc::new(AtomicUsize::new(0));
    let counter = tries.clone();
    let server = Server::start(move |_| match counter.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::status(500).body("no\u{1b}[2Jt yet"),
        1 => Reply::status(302).header("location", "/elsewhere"),
        _ => Reply::status(200),
    })
    .await;
    let sender = sender(MemoryStore::new());
    sender.endpoints().create(endpoint(&server)).await.unwrap();
    let running = Running::start(&sender);
    let receipt = sender.dispatch(event(1)).await.unwrap();
    finished(&sender, 1).await;
    running.stop().await;

    let requests = server.requests();
    assert_eq!(requests.len(), 3, "a redirect is a failure and is not followed");
    assert!(requests.iter().all(|request| request.headers["webhook-id"] == receipt.event.as_str()));
    let attempts = sender.history().attempts(receipt.deliveries[0]).await.unwrap();
    let outcomes: Vec<_> = attempts.iter().map(|attempt| (attempt.number, attempt.outcome)).collect();
    assert_eq!(outcomes, [(1, Outcome::Status(500)), (2, Outcome::Status(302)), (3, Outcome::Status(200))]);
    assert_eq!(attempts[0].excerpt.as_deref(), Some("no [2Jt yet"));
}

#[tokio::test]
async fn f_24_a_410_disables_the_endpoint_holds_the_rest_and_enabling_releases_it() {
    let gone = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let answer = gone.clone();
    let server = Server::start(move |_| Reply::status(if answer.load(Ordering::SeqCst) { 410 } else { 200 })).await;
    let sender = sender(MemoryStore::new());
    let created = sender.endpoints().create(endpoint(&server)).await.unwrap();
    let running = Running::start(&sender);
    let first = sender.dispatch(event(0)).await.unwrap();
    finished(&sender, 1).await;
    let delivery = sender.history().delivery(first.deliveries[0]).await.unwrap().unwrap();
    assert_eq!((delivery.state, delivery.reason), (DeliveryState::Failed, Some(FailReason::Gone)));
    let disabled = sender.endpoints().get(created.id).await.unwrap();
    assert!(matches!(disabled.state, EndpointState::Disabled { reason: DisableReason::Gone, .. }));

    for n in 1..=20 {
        let receipt = sender.dispatch(event(n)).await.unwrap();
        let delivery = sender.history().delivery(receipt.deliveries[0]).await.unwrap().unwrap();
        assert_eq!(delivery.state, DeliveryState::Held);
    }
    assert_eq!(server.requests().len(), 1, "nothing more is sent");
    gone.store(false, Ordering::SeqCst);
    sender.endpoints().update(created.id, EndpointChange::new().enabled()).await.unwrap();
    finished(&sender, 21).await;
    running.stop().await;
    assert_eq!(server.requests().len(), 21);
}

#[tokio::test]
async fn f_24_after_a_410_nothing_more_is_sent_however_much_is_ready() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(|_| Reply::status(410)).await;
    let sender = sender(SqliteStore::open(directory.path().join("hookwire.db")).await.unwrap());
    let limits = hookwire::endpoint::Limits::default().with_concurrency(1.try_into().unwrap());
    sender.endpoints().create(endpoint(&server).limits(limits)).await.unwrap();
    for n in 0..50 {
        sender.dispatch(event(n)).await.unwrap();
    }
    let running = Running::start(&sender);
    finished(&sender, 1).await;
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    running.stop().await;
    assert_eq!(server.requests().len(), 1);
    let counts = sender.history().counts(None).await.unwrap();
    assert_eq!((counts.failed, counts.held), (1, 49));
}

#[tokio::test]
async fn dispatch_is_idempotent_for_the_callers_id() {
    let sender = sender(MemoryStore::new());
    let id = EventId::new("invoice-7-paid").unwrap();
    let first = sender.dispatch(event(7).id(id.clone())).await.unwrap();
    let second = sender.dispatch(event(7).id(id.clone())).await.unwrap();
    assert_eq!((first.duplicate, second.duplicate), (false, true));
    let conflict = sender.dispatch(event(8).id(id.clone())).await.unwrap_err();
    assert!(matches!(conflict, DispatchError::IdConflict(conflicting) if conflicting == id));
}

#[tokio::test]
async fn f_46_f_60_bad_input_is_refused_with_its_field_name_and_is_not_stored() {
    let sender = Sender::builder(MemoryStore::new()).max_payload(100).build().unwrap();
    let long = NewEvent::json("a.b", &"x".repeat(100)).unwrap();
    assert!(sender.dispatch(long).await.unwrap_err().to_string().starts_with("payload"));
    let nobody = NewEvent::json("a.b", &1).unwrap().tenant("");
    assert!(sender.dispatch(nobody).await.unwrap_err().to_string().starts_with("tenant"));
    let private = NewEndpoint::https("https://10.0.0.1/").unwrap();
    let error = sender.endpoints().create(private).await.unwrap_err();
    assert!(matches!(error, EndpointError::Target(_)));
    assert!(!error.to_string().contains("10.0.0.1"), "the tenant gets no detail");
    assert_eq!(sender.history().counts(None).await.unwrap(), hookwire::store::Counts::default());
}

#[tokio::test]
async fn rotation_signs_with_both_keys_in_the_very_next_attempt() {
    let server = Server::start(|_| Reply::status(200)).await;
    let sender = sender(MemoryStore::new());
    let created = sender.endpoints().create(endpoint(&server)).await.unwrap();
    let running = Running::start(&sender);
    sender.dispatch(event(1)).await.unwrap();
    finished(&sender, 1).await;
    let new = Key::generate().unwrap();
    sender.endpoints().rotate_key(created.id, new.clone(), Duration::from_secs(86_400)).await.unwrap();
    sender.dispatch(event(2)).await.unwrap();
    finished(&sender, 2).await;
    running.stop().await;
    let requests = server.requests();
    let new = Keyring::new(new);
    assert!(verifies(&requests[0], &created.keys) && !verifies(&requests[0], &new));
    assert!(verifies(&requests[1], &created.keys) && verifies(&requests[1], &new));
}

#[tokio::test]
async fn events_that_were_accepted_without_a_worker_are_delivered_by_the_next_worker() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hookwire.db");
    let server = Server::start(|_| Reply::status(200)).await;
    {
        let sender = sender(SqliteStore::open(&path).await.unwrap());
        sender.endpoints().create(endpoint(&server)).await.unwrap();
        for n in 0..30 {
            sender.dispatch(event(n)).await.unwrap();
        }
    }
    let sender = sender(SqliteStore::open(&path).await.unwrap());
    let running = Running::start(&sender);
    finished(&sender, 30).await;
    running.stop().await;
    assert_eq!(server.requests().len(), 30);
}

#[tokio::test]
async fn a_removed_endpoint_gets_nothing_more() {
    let server = Server::start(|_| Reply::status(500)).await;
    let sender = sender(MemoryStore::new());
    let created = sender.endpoints().create(endpoint(&server)).await.unwrap();
    let receipt = sender.dispatch(event(1)).await.unwrap();
    sender.endpoints().remove(created.id).await.unwrap();
    let delivery = sender.history().delivery(receipt.deliveries[0]).await.unwrap().unwrap();
    assert_eq!(delivery.state, DeliveryState::Cancelled);
    assert!(sender.dispatch(event(2)).await.unwrap().deliveries.is_empty());
    assert!(matches!(sender.endpoints().get(created.id).await, Err(EndpointError::NotFound)));
}

#[tokio::test]
async fn a_target_that_turns_out_to_be_forbidden_fails_and_flags_the_endpoint() {
    let store = MemoryStore::new();
    let lenient = sender(store.clone());
    let server = Server::start(|_| Reply::status(200)).await;
    let created = lenient.endpoints().create(endpoint(&server)).await.unwrap();
    let strict = Sender::builder(store).build().unwrap();
    let running = Running::start(&strict);
    let receipt = strict.dispatch(event(1)).await.unwrap();
    finished(&strict, 1).await;
    running.stop().await;
    let delivery = strict.history().delivery(receipt.deliveries[0]).await.unwrap().unwrap();
    assert_eq!(delivery.reason, Some(FailReason::Blocked));
    assert!(strict.endpoints().get(created.id).await.unwrap().flagged_at.is_some());
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_target_whose_name_has_only_refused_addresses_is_refused_when_it_is_registered() {
    let (inside, outside) = ([10, 0, 0, 7].into(), [93, 184, 216, 34].into());
    let metadata = [169, 254, 169, 254].into();
    let at = || NewEndpoint::at(Target::parse("https://hooks.example.com/in").unwrap());
    for (addresses, is_allowed) in [
        (vec![inside], false),
        (vec![metadata, inside], false),
        (vec![outside], true),
        (vec![inside, outside], true),
        (vec![], true),
    ] {
        let http = HttpOptions::default().resolver(FakeResolver::new([addresses.clone()]));
        let sender = Sender::builder(MemoryStore::new()).http(http).build().unwrap();
        let created = sender.endpoints().create(at()).await;
        assert_eq!(created.is_ok(), is_allowed, "{addresses:?}: {created:?}");
        let Err(EndpointError::Target(refusal)) = created else { continue };
        assert!(matches!(refusal.reason(), RefusalReason::Private(_) | RefusalReason::CloudMetadata(_)), "{refusal:?}");
    }
}
