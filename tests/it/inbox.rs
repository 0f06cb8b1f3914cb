//! The inbox: stores events, answers 202, and handles them later.

use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use hookwire::clock::{Clock, SystemClock};
use hookwire::delivery::DeliveryState;
use hookwire::event::NewEvent;
use hookwire::provider::STANDARD;
use hookwire::receiver::inbox::{Inbox, InboxBuilder, Job, JobError, Queue};
use hookwire::receiver::{Receiver, ReceiverConfigError, Source};
use hookwire::retry::{FailReason, Policy, Schedule};
use hookwire::secret::Keyring;
use hookwire::signature::Signing;
use hookwire::store::{
    Dedup, DeliveryQuery, MemoryDedup, MemoryStore, Page, Settled, SqliteStore, Store, StoreErrorKind,
};
use hookwire::testing::{Fault, FaultyStore};
use hookwire::worker::{CancellationToken, WorkerError};
use http::{Request, StatusCode};
use http_body_util::Full;
use serde_json::Value;
use tower::ServiceExt;

use crate::support::until;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn request(id: &str, body: &str) -> Request<Full<Bytes>> {
    request_of(id, Bytes::from(body.to_owned()))
}

fn request_of(id: &str, body: Bytes) -> Request<Full<Bytes>> {
    let mut request = Request::post("/in").body(Full::new(body.clone())).unwrap();
    let signing = Signing { id, timestamp: SystemClock.now(), body: &body };
    STANDARD.sign(&signing, &Keyring::new(STANDARD.key(SECRET).unwrap()), request.headers_mut()).unwrap();
    request
}

/// Posts through receiver and inbox.
async fn post(inbox: &Inbox, dedup: impl Dedup, request: Request<Full<Bytes>>) -> StatusCode {
    let source = Source::standard(SECRET).unwrap().tenant("acme");
    let receiver = Receiver::builder(dedup).source(source).build().unwrap();
    receiver.store("standard", inbox).unwrap().oneshot(request).await.unwrap().status()
}

/// What was handled, in order.
type Log = Arc<Mutex<Vec<(String, String)>>>;

fn soon() -> Policy {
    Policy::new([5, 10].map(Duration::from_millis).into_iter().collect::<Schedule>())
}

fn queue(name: &str, log: &Log) -> Queue {
    let log = log.clone();
    let handle = move |job: Job| {
        let log = log.clone();
        async move {
            log.lock().unwrap().push((job.queue().to_owned(), job.event_id().unwrap_or_default().to_owned()));
            Ok(())
        }
    };
    Queue::new(name, handle).retry(soon())
}

struct Running(CancellationToken, tokio::task::JoinHandle<Result<(), WorkerError>>);

impl Running {
    fn start(inbox: &Inbox) -> Self {
        let stop = CancellationToken::new();
        Self(stop.clone(), tokio::spawn(inbox.worker().run(stop)))
    }

    async fn stop(self) {
        self.0.cancel();
        self.1.await.unwrap().unwrap();
    }
}

async fn finished(inbox: &Inbox, count: u64) {
    until(|| async {
        let counts = inbox.history().counts(None).await.unwrap();
        counts.delivered + counts.failed >= count
    })
    .await;
}

async fn what_is_kept_is_handled_after_a_restart(store: impl Store + Clone + 'static) {
    let log = Log::default();
    let build = || Inbox::builder(store.clone()).queue(queue("all", &log)).build().unwrap();
    let inbox = build();
    let dedup = MemoryDedup::new();
    for n in 0..20 {
        let status = post(&inbox, dedup.clone(), request(&format!("msg_{n}"), r#"{"type":"a.b"}"#)).await;
        assert_eq!(status, StatusCode::ACCEPTED);
    }
    let again = post(&inbox, dedup, request("msg_3", r#"{"type":"a.b"}"#)).await;
    assert_eq!(again, StatusCode::ACCEPTED, "answered as before");
    let forgotten = post(&inbox, MemoryDedup::new(), request("msg_3", r#"{"type":"a.b"}"#)).await;
    assert_eq!(forgotten, StatusCode::ACCEPTED, "the dedup record is gone, the event is not");
    assert!(log.lock().unwrap().is_empty(), "no handler was called while the provider waited");
    drop(inbox);
    let inbox = build();
    let running = Running::start(&inbox);
    finished(&inbox, 20).await;
    running.stop().await;
    let mut ids: Vec<_> = log.lock().unwrap().iter().map(|it| it.1.clone()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!((ids.len(), log.lock().unwrap().len()), (20, 20));
}

#[tokio::test]
async fn what_is_kept_is_handled_after_a_restart_from_memory() {
    what_is_kept_is_handled_after_a_restart(MemoryStore::new()).await;
}

#[tokio::test]
async fn what_is_kept_is_handled_after_a_restart_from_sqlite() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path().join("inbox.db")).await.unwrap();
    what_is_kept_is_handled_after_a_restart(store).await;
}

/// The store keeps the bytes that were signed, and no header that says how they are compressed.
#[tokio::test]
async fn a_compressed_body_is_kept_as_it_was_signed_and_read_as_json_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("inbox.db");
    let plain = br#"{"type":"a.b","data":{"n":7}}"#;
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(plain).unwrap();
    let mut deflate = ZlibEncoder::new(Vec::new(), Compression::fast());
    deflate.write_all(plain).unwrap();
    let bodies = [("gzip", Bytes::from(gzip.finish().unwrap())), ("deflate", Bytes::from(deflate.finish().unwrap()))];
    let read: Arc<Mutex<Vec<(Bytes, Value, Value)>>> = Arc::default();
    let build = async || {
        let read = read.clone();
        let handle = move |job: Job| {
            let all = (job.body().clone(), job.json().unwrap(), job.strict_json().unwrap());
            read.lock().unwrap().push(all);
            async { Ok(()) }
        };
        Inbox::builder(SqliteStore::open(&path).await.unwrap()).queue(Queue::new("all", handle)).build().unwrap()
    };
    let inbox = build().await;
    for (coding, body) in &bodies {
        let mut request = request_of(coding, body.clone());
        request.headers_mut().insert("content-encoding", coding.parse().unwrap());
        assert_eq!(post(&inbox, MemoryDedup::new(), request).await, StatusCode::ACCEPTED);
    }
    drop(inbox);
    let inbox = build().await;
    let running = Running::start(&inbox);
    finished(&inbox, 2).await;
    running.stop().await;
    let read = read.lock().unwrap();
    assert_eq!(read.len(), 2);
    for (_, body) in bodies {
        let (_, json, strict) = read.iter().find(|it| it.0 == body).expect("the bytes that were signed");
        assert_eq!((&json["data"]["n"], json), (&Value::from(7), strict));
    }
}

#[tokio::test]
async fn nothing_is_acknowledged_that_could_not_be_kept() {
    let store = FaultyStore::new(MemoryStore::new());
    let inbox = Inbox::builder(store.clone()).queue(queue("all", &Log::default())).build().unwrap();
    let dedup = MemoryDedup::new();
    // The first event of a minute also asks for live workers. The faults below are for the append.
    assert_eq!(post(&inbox, dedup.clone(), request("msg_0", "{}")).await, StatusCode::ACCEPTED);
    for fault in [Fault::Refused(StoreErrorKind::Full), Fault::AnswerLost] {
        store.fail_next(fault);
        assert_eq!(post(&inbox, dedup.clone(), request("msg_1", "{}")).await, StatusCode::SERVICE_UNAVAILABLE);
    }
    assert_eq!(post(&inbox, dedup, request("msg_1", "{}")).await, StatusCode::ACCEPTED);
    let all = inbox.history().deliveries(&DeliveryQuery::default(), Page::default()).await.unwrap().items;
    assert_eq!(all.len(), 2, "the second event was stored by the lost answer, and not twice");
}

#[tokio::test]
async fn events_go_to_the_first_queue_that_fits_and_to_nobody_else() {
    let log = Log::default();
    let inbox = Inbox::builder(MemoryStore::new())
        .queue(queue("urgent", &log).types("ticket.escalated".parse().unwrap()))
        .queue(queue("stripe", &log).source("stripe"))
        .queue(queue("tickets", &log).types("ticket.*".parse().unwrap()))
        .build()
        .unwrap();
    for (id, kind) in [("a", "ticket.escalated"), ("b", "ticket.opened"), ("c", "invoice.paid")] {
        let body = serde_json::json!({ "type": kind }).to_string();
        assert_eq!(post(&inbox, MemoryDedup::new(), request(id, &body)).await, StatusCode::ACCEPTED);
    }
    let running = Running::start(&inbox);
    finished(&inbox, 2).await;
    running.stop().await;
    let mut handled = log.lock().unwrap().clone();
    handled.sort();
    assert_eq!(handled, [("tickets".into(), "b".into()), ("urgent".into(), "a".into())]);
}

#[tokio::test]
async fn a_failing_handler_is_called_again_and_what_is_given_up_is_a_dead_letter() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = calls.clone();
    let handle = move |job: Job| {
        let turn = counter.fetch_add(1, Ordering::SeqCst);
        async move {
            match (job.body().as_ref(), turn) {
                (b"bad", _) => Err(JobError::reject("no such ticket\u{1b}[2J")),
                (b"slow", _) => std::future::pending().await,
                (b"worse", _) => panic!("on purpose"),
                (_, turn) if turn < 2 => Err(std::io::Error::other("not yet"))?,
                _ => Ok(()),
            }
        }
    };
    let queue = Queue::new("all", handle).retry(soon()).timeout(Duration::from_millis(20));
    let inbox = Inbox::builder(MemoryStore::new()).queue(queue).build().unwrap();
    let running = Running::start(&inbox);
    for (done, body) in (1..).zip(["fine", "bad", "slow", "worse"]) {
        post(&inbox, MemoryDedup::new(), request(body, body)).await;
        finished(&inbox, done).await;
    }
    let dead = inbox.dead_letters("all", Page::default()).await.unwrap().items;
    let reasons: Vec<_> = dead.iter().map(|job| (job.reason.unwrap(), job.attempts)).collect();
    use FailReason::{Exhausted, Permanent};
    assert_eq!(reasons, [(Permanent, 1), (Exhausted, 3), (Exhausted, 3)]);
    let attempts = inbox.history().attempts(dead[0].id).await.unwrap();
    assert_eq!(attempts[0].excerpt.as_deref(), Some("no such ticket [2J"));
    assert!(inbox.dead_letters("nobody", Page::default()).await.unwrap().items.is_empty());

    let before = calls.load(Ordering::SeqCst);
    assert!(inbox.resend(dead[0].id).await.unwrap());
    until(|| async { calls.load(Ordering::SeqCst) > before }).await;
    running.stop().await;
}

#[tokio::test]
async fn jobs_of_one_key_are_handled_in_order() {
    let log = Log::default();
    let key =
        |verified: &hookwire::receiver::Verified| Some(verified.json::<Value>().ok()?["ticket"].as_str()?.repeat(200));
    let inbox = Inbox::builder(MemoryStore::new()).queue(queue("all", &log).ordered_by(key)).build().unwrap();
    for n in 0..30 {
        let body = format!(r#"{{"ticket":"t{}"}}"#, n % 3);
        post(&inbox, MemoryDedup::new(), request(&format!("{n:02}"), &body)).await;
    }
    let running = Running::start(&inbox);
    finished(&inbox, 30).await;
    running.stop().await;
    for ticket in 0..3 {
        let log = log.lock().unwrap();
        let mine: Vec<_> = log.iter().map(|it| it.1.parse::<usize>().unwrap()).filter(|n| n % 3 == ticket).collect();
        assert!(mine.is_sorted() && mine.len() == 10, "{mine:?}");
    }
}

#[tokio::test]
async fn a_job_that_is_too_late_is_given_up() {
    let log = Log::default();
    let queue = queue("all", &log).expires_after(Duration::ZERO);
    let inbox = Inbox::builder(MemoryStore::new()).queue(queue).build().unwrap();
    post(&inbox, MemoryDedup::new(), request("a", "{}")).await;
    let running = Running::start(&inbox);
    finished(&inbox, 1).await;
    running.stop().await;
    let dead = inbox.dead_letters("all", Page::default()).await.unwrap().items;
    assert_eq!((dead[0].reason, log.lock().unwrap().len()), (Some(FailReason::Expired), 0));
}

/// The handler's own rows and the record that the job is done, in one transaction.
#[tokio::test]
async fn a_handler_may_finish_its_job_in_its_own_transaction() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("shop.db");
    let file = rusqlite::Connection::open(&path).unwrap();
    file.execute_batch("CREATE TABLE ticket (id TEXT)").unwrap();
    let store = SqliteStore::open_in_application_database(&path).await.unwrap();
    let (of_handler, turn) = (store.clone(), Arc::new(AtomicUsize::new(0)));
    let file = Arc::new(Mutex::new(file));
    let shop = file.clone();
    let handle = move |job: Job| {
        let (store, shop, turn) = (of_handler.clone(), shop.clone(), turn.fetch_add(1, Ordering::SeqCst));
        async move {
            let mut shop = shop.lock().unwrap();
            let transaction = shop.transaction()?;
            transaction.execute("INSERT INTO ticket VALUES (?1)", [job.event_id()])?;
            let settled = store.settle_in(&transaction, &job.done(SystemClock.now()))?;
            assert_eq!(settled, Settled::Done);
            if turn == 0 {
                // The process might die here: neither the row nor the record is there.
                return Err(JobError::retry("rolled back"));
            }
            transaction.commit()?;
            job.finished_elsewhere();
            Ok(())
        }
    };
    let inbox = Inbox::builder(store.clone()).queue(Queue::new("all", handle).retry(soon())).build().unwrap();
    post(&inbox, store, request("a", "{}")).await;
    let running = Running::start(&inbox);
    finished(&inbox, 1).await;
    running.stop().await;
    let rows: u32 = file.lock().unwrap().query_row("SELECT count(*) FROM ticket", [], |row| row.get(0)).unwrap();
    let job = inbox.history().deliveries(&DeliveryQuery::default(), Page::default()).await.unwrap().items.remove(0);
    assert_eq!((rows, job.state, job.attempts), (1, DeliveryState::Delivered, 2));
}

#[tokio::test]
async fn a_sender_and_an_inbox_share_a_store_and_leave_each_other_alone() {
    let (store, log) = (MemoryStore::new(), Log::default());
    let inbox = Inbox::builder(store.clone()).queue(queue("all", &log)).build().unwrap();
    let sender = hookwire::sender::Sender::builder(store).build().unwrap();
    let endpoint = hookwire::endpoint::NewEndpoint::https("https://hooks.example.com/").unwrap().tenant("acme");
    sender.endpoints().create(endpoint).await.unwrap();
    let sent = sender.dispatch(NewEvent::json("a.b", &1).unwrap().tenant("acme")).await.unwrap();
    post(&inbox, MemoryDedup::new(), request("a", "{}")).await;
    let running = Running::start(&inbox);
    finished(&inbox, 1).await;
    running.stop().await;
    assert_eq!(inbox.history().delivery(sent.deliveries[0]).await.unwrap(), None);
    let waiting = sender.history().delivery(sent.deliveries[0]).await.unwrap().unwrap();
    assert_eq!((waiting.state, waiting.attempts), (DeliveryState::Pending, 0));
    assert_eq!(log.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn what_cannot_be_set_up_is_refused_by_name() {
    let build =
        |queues: Vec<Queue>| queues.into_iter().fold(Inbox::builder(MemoryStore::new()), InboxBuilder::queue).build();
    let named = |name| Queue::new(name, |_| async { Ok(()) });
    assert!(matches!(build(vec![]).unwrap_err(), ReceiverConfigError::NoQueue));
    assert_eq!(build(vec![named("a"), named("a")]).unwrap_err().to_string(), "queue: a is the name of two queues");
    let slow = build(vec![named("a").timeout(Duration::from_secs(31))]).unwrap_err();
    assert!(slow.to_string().starts_with("lease"), "{slow}");
    for name in ["", "paid invoices", &"q".repeat(33), &"é".repeat(99)] {
        let error = build(vec![named(name)]).unwrap_err().to_string();
        assert!(error.ends_with("must be 1 to 32 bytes of A-Z a-z 0-9 _ . -"), "{error}");
        assert!(error.starts_with("queue `") && error.len() < 300, "{error}");
    }
}

#[tokio::test]
async fn what_was_not_verified_is_not_kept() {
    let inbox = Inbox::builder(MemoryStore::new()).queue(queue("all", &Log::default())).build().unwrap();
    let unsigned = Request::post("/in").body(Full::new(Bytes::from("{}"))).unwrap();
    assert_eq!(post(&inbox, MemoryDedup::new(), unsigned).await, StatusCode::UNAUTHORIZED);
    assert!(inbox.history().deliveries(&DeliveryQuery::default(), Page::default()).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn a_forgotten_event_is_kept_and_handled_again() {
    let inbox = Inbox::builder(MemoryStore::new()).queue(queue("all", &Log::default())).build().unwrap();
    let jobs =
        async || inbox.history().deliveries(&DeliveryQuery::default(), Page::default()).await.unwrap().items.len();
    for _ in 0..2 {
        assert_eq!(post(&inbox, MemoryDedup::new(), request("a", "{}")).await, StatusCode::ACCEPTED);
    }
    assert_eq!(jobs().await, 1, "the second is a duplicate, whatever dedup store the receiver has");
    assert_eq!(inbox.forget(&"acme".into(), "standard", &["a", "b"]).await.unwrap(), [1, 0]);
    assert_eq!(inbox.forget(&"bolt".into(), "standard", &["a"]).await.unwrap(), [0], "another tenant");
    for _ in 0..2 {
        assert_eq!(post(&inbox, MemoryDedup::new(), request("a", "{}")).await, StatusCode::ACCEPTED);
    }
    assert_eq!(jobs().await, 2);
}

/// A provider that signs the time and not the id.
#[tokio::test]
async fn a_captured_request_under_an_invented_id_is_not_kept_twice() {
    let described = r#"{"name":"tickets","signature":{"algorithm":"hmac-sha256","encoding":"hex","headers":["X-Signature"],
        "signed":"{ts}.{body}","time":{"header":"X-Time"}},"id":["header:x-id"]}"#;
    let tickets = serde_json::from_str::<hookwire::provider::SchemeConfig>(described).unwrap().scheme().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path().join("inbox.db")).await.unwrap();
    let inbox = Inbox::builder(store.clone()).queue(queue("all", &Log::default())).build().unwrap();
    let keyring = || Keyring::new(tickets.key("a secret of some length").unwrap());
    let source = Source::new("tickets", tickets, keyring());
    let service = Receiver::builder(store).source(source).build().unwrap().store("tickets", &inbox).unwrap();
    let now = SystemClock.now();
    for (id, secs, duplicate) in [("1", 0, false), ("2", 0, true), ("1", 1, true), ("2", 2, false)] {
        let mut request = Request::post("/in").header("x-id", id).body(Full::new(Bytes::from("{}"))).unwrap();
        let signing = Signing { id, timestamp: now + Duration::from_secs(secs), body: b"{}" };
        tickets.sign(&signing, &keyring(), request.headers_mut()).unwrap();
        let answer = service.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::ACCEPTED);
        assert_eq!(answer.headers().contains_key("webhook-duplicate"), duplicate, "{id} at {secs}");
    }
}

#[tokio::test]
async fn a_kept_event_and_its_duplicate_are_answered_with_the_header_that_the_provider_wants_back() {
    let inbox = Inbox::builder(MemoryStore::new()).queue(queue("all", &Log::default())).build().unwrap();
    let source = Source::adobe_sign("CBJCHBCAABAA").unwrap();
    let receiver = Receiver::builder(MemoryDedup::new()).source(source).build().unwrap();
    let service = receiver.store("adobe_sign", &inbox).unwrap();
    for duplicate in [false, true] {
        let body = Bytes::from(r#"{"webhookNotificationId":"n1","event":"AGREEMENT_CREATED"}"#);
        let request =
            Request::post("/in").header("X-AdobeSign-ClientId", "CBJCHBCAABAA").body(Full::new(body)).unwrap();
        let answer = service.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::ACCEPTED);
        assert_eq!(answer.headers()["x-adobesign-clientid"], "CBJCHBCAABAA");
        assert_eq!(answer.headers().contains_key("webhook-duplicate"), duplicate);
    }
}

#[tokio::test]
async fn a_job_tells_what_its_provider_said_as_it_was_said() {
    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let tell = {
        let told = told.clone();
        move |job: Job| {
            let said = [job.source(), job.event_id().unwrap(), job.provider_type().unwrap(), job.event_type().as_str()];
            told.lock().unwrap().push(said.join(" | "));
            async { Ok(()) }
        }
    };
    let inbox = Inbox::builder(MemoryStore::new()).queue(Queue::new("all", tell)).build().unwrap();
    let long = "x".repeat(120);
    for id in ["shop-1042_paid", &long] {
        let body = r#"{"type":"orders/paid (v2)"}"#;
        assert_eq!(post(&inbox, MemoryDedup::new(), request(id, body)).await, StatusCode::ACCEPTED);
    }
    let running = Running::start(&inbox);
    finished(&inbox, 2).await;
    running.stop().await;
    let mut told = told.lock().unwrap().clone();
    told.sort();
    let line = |id: &str| format!("standard | {id} | orders/paid (v2) | orders_paid__v2_");
    assert_eq!(told, [line("shop-1042_paid"), line(&long)]);
}

/// A policy of the application's own that tries everything again.
#[derive(Debug)]
struct Stubborn;

impl hookwire::retry::RetryPolicy for Stubborn {
    fn max_attempts(&self) -> u32 {
        9
    }

    fn decide(&self, facts: &hookwire::retry::Facts<'_>) -> hookwire::retry::Decision {
        hookwire::retry::Decision::retry(facts.now)
    }
}

#[tokio::test]
async fn a_rejected_job_is_not_handled_again_under_any_policy() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let reject = move |_: Job| {
        counted.fetch_add(1, Ordering::SeqCst);
        async { Err(JobError::reject("never")) }
    };
    let inbox = Inbox::builder(MemoryStore::new()).queue(Queue::new("all", reject).retry(Stubborn)).build().unwrap();
    post(&inbox, MemoryDedup::new(), request("msg_1", "{}")).await;
    let running = Running::start(&inbox);
    finished(&inbox, 1).await;
    running.stop().await;
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn jobs_are_counted_apart_from_attempts_over_http() {
    let sums = crate::sender::trace::Sums::default();
    // One thread runs all of it.
    let _here = metrics::set_default_local_recorder(&sums);
    let handle = |job: Job| async move {
        match job.event_id() {
            Some("good") => Ok(()),
            Some("bad") => Err(JobError::reject("no")),
            _ => Err(JobError::retry("later")),
        }
    };
    let inbox = Inbox::builder(MemoryStore::new()).queue(Queue::new("all", handle).retry(soon())).build().unwrap();
    for id in ["good", "bad", "ugly"] {
        post(&inbox, MemoryDedup::new(), request(id, "{}")).await;
    }
    let running = Running::start(&inbox);
    finished(&inbox, 3).await;
    running.stop().await;
    sums.assert_described();
    let sums = sums.0.lock().unwrap();
    assert!(sums.contains_key("hookwire_inbox_workers_alive"), "{sums:?}");
    let is_counted = |name: &str| !name.contains("duration") && name != "hookwire_inbox_workers_alive";
    let found: Vec<_> = sums.iter().filter(|(name, _)| is_counted(name)).collect();
    let expected = [
        ("hookwire_jobs_given_up_total reason=exhausted", 1),
        ("hookwire_jobs_given_up_total reason=permanent", 1),
        ("hookwire_jobs_total outcome=handled", 1),
        ("hookwire_jobs_total outcome=handler_failed", 3),
        ("hookwire_jobs_total outcome=handler_rejected", 1),
        ("hookwire_receipt_to_job_seconds", 3),
    ];
    assert_eq!(found.into_iter().map(|(name, sum)| (name.as_str(), *sum)).collect::<Vec<_>>(), expected);
}
