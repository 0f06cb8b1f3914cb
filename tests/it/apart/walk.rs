//! Every public call of one side, while the other side is busy.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use hookwire::clock::{Clock, SystemClock, Timestamp};
use hookwire::delivery::{Attempt, Delivery, DeliveryState};
use hookwire::endpoint::{NewEndpoint, Target};
use hookwire::event::{Audience, EventType, NewEvent};
use hookwire::id::{DeliveryId, EndpointId, EventId, LaneId, Tenant, Work};
use hookwire::mcp::WebhookTools;
use hookwire::outcome::Outcome;
use hookwire::provider::STANDARD;
use hookwire::receiver::inbox::{Inbox, Job, JobError, Queue};
use hookwire::receiver::{Receiver, Source};
use hookwire::retry::{FailReason, Policy, Schedule};
use hookwire::secret::{Key, Keyring};
use hookwire::sender::a2a::PushConfig;
use hookwire::sender::egress::EgressPolicy;
use hookwire::sender::{DeliveryError, Scope, Sender};
use hookwire::signature::Signing;
use hookwire::store::{Counts, Dedup, DeliveryQuery, EventQuery, MemoryDedup, Page, Retention, RetentionCutoff, Store};
use hookwire::worker::{CancellationToken, Config, Worker};
use http::{Request, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::agent::{Agent, Answer, links};
use super::api::Api;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const TENANTS: [&str; 2] = ["acme", "umbrella"];
const QUEUES: [&str; 2] = ["mail", "bill"];

/// What must not be found on the other side.
const RECEIVED: &str = "payload-of-a-provider";
const SENT: &str = "payload-of-our-own";

/// Nothing is listened on there: attempts fail.
const NOWHERE: &str = "http://127.0.0.1:9009/in";

fn sender_on(store: impl Store + 'static) -> Sender {
    let egress = EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback();
    Sender::builder(store).egress(egress).build().unwrap()
}

fn soon() -> Policy {
    Policy::new([5, 5].map(Duration::from_millis).into_iter().collect::<Schedule>())
}

/// Handles what says `done`, fails at what says `fail`, rejects what says `reject`.
async fn handle(job: Job) -> Result<(), JobError> {
    let text = String::from_utf8_lossy(job.body()).into_owned();
    match () {
        () if text.contains("reject") => Err(JobError::reject("never")),
        () if text.contains("fail") => Err(JobError::retry("not now")),
        () => Ok(()),
    }
}

fn inbox_on(store: impl Store + 'static) -> Inbox {
    let config = Config { delivery_retention: None, ..Config::default() };
    let queue = |name: &str| Queue::new(name, handle).types(format!("{name}.*").parse().unwrap()).retry(soon());
    Inbox::builder(store).worker(config).queue(queue("mail")).queue(queue("bill")).build().unwrap()
}

fn request(id: &str, kind: &str) -> Request<Full<Bytes>> {
    let body = Bytes::from(json!({"type": kind, "id": id, "text": RECEIVED}).to_string());
    let mut request = Request::post("/in").body(Full::new(body.clone())).unwrap();
    let signing = Signing { id, timestamp: SystemClock.now(), body: &body };
    STANDARD.sign(&signing, &Keyring::new(Key::parse(SECRET).unwrap()), request.headers_mut()).unwrap();
    request
}

async fn receive(inbox: &Inbox, tenant: &str, id: &str, kind: &str) {
    let source = Source::standard(SECRET).unwrap().tenant(tenant);
    let receiver = Receiver::builder(MemoryDedup::new()).source(source).build().unwrap();
    let service = receiver.store("standard", inbox).unwrap();
    assert_eq!(service.oneshot(request(id, kind)).await.unwrap().status(), StatusCode::ACCEPTED);
}

async fn until(ready: impl AsyncFn() -> bool) {
    for _ in 0..6_000 {
        if ready().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it did not come to pass");
}

/// Runs a worker until then.
async fn run_until(worker: Worker, ready: impl AsyncFn() -> bool) {
    let stop = CancellationToken::new();
    let running = tokio::spawn(worker.run(stop.clone()));
    until(ready).await;
    stop.cancel();
    running.await.unwrap().unwrap();
}

/// Everything that the store has of one kind of work.
#[derive(Debug, PartialEq)]
struct Snapshot {
    deliveries: Vec<Delivery>,
    attempts: Vec<Vec<Attempt>>,
    payloads: Vec<(EventId, Bytes)>,
    counts: Counts,
}

impl Snapshot {
    async fn of(store: &impl Store, work: Work) -> Self {
        let deliveries = store.deliveries(&DeliveryQuery::of(work), Page::of(10_000)).await.unwrap().items;
        let mut attempts = Vec::new();
        for one in &deliveries {
            attempts.push(store.attempts(work, &[one.id]).await.unwrap().concat());
        }
        let mut payloads = Vec::new();
        for tenant in TENANTS {
            let query = match work {
                Work::Sent => EventQuery::of(tenant),
                Work::Received => EventQuery::of(tenant).audience(Audience::Inbox),
            };
            for event in store.events(&query, Page::of(10_000)).await.unwrap().items {
                let kept = store.event(work, &tenant.into(), &event.id).await.unwrap().unwrap();
                payloads.push((event.id, kept.payload.clone()));
            }
        }
        Self { deliveries, attempts, payloads, counts: store.counts(work, None).await.unwrap() }
    }

    /// What would tell of it in an answer.
    fn marks(&self) -> Vec<String> {
        let ids = self.deliveries.iter().map(|one| one.id.to_string());
        ids.chain(self.payloads.iter().map(|(id, _)| id.to_string())).collect()
    }
}

struct Both<S> {
    store: S,
    sender: Sender,
    inbox: Inbox,
    endpoints: Vec<EndpointId>,
}

/// Two tenants, each with an endpoint that is owed events, and with jobs in two queues: done, failed, rejected and pending.
async fn busy<S: Store + Dedup + Clone + 'static>(store: S) -> Both<S> {
    let (sender, inbox) = (sender_on(store.clone()), inbox_on(store.clone()));
    let mut endpoints = Vec::new();
    for tenant in TENANTS {
        let new = NewEndpoint::at(Target::parse(NOWHERE).unwrap()).tenant(tenant);
        endpoints.push(sender.endpoints().create(new).await.unwrap().id);
        for n in 0..3 {
            let event = NewEvent::json("mail.in", &json!({"n": n, "text": SENT})).unwrap().tenant(tenant);
            let receipt = sender.dispatch(event).await.unwrap();
            if n == 0 {
                assert!(sender.cancel(receipt.deliveries[0]).await.unwrap());
            }
        }
        for queue in QUEUES {
            for what in ["done", "fail", "reject"] {
                receive(&inbox, tenant, &format!("{tenant}-{queue}-{what}"), &format!("{queue}.in")).await;
            }
        }
        receive(&inbox, tenant, &format!("{tenant}-unwanted"), "other.in").await;
    }
    run_until(inbox.worker(), async || {
        let Counts { delivered, failed, .. } = inbox.history().counts(None).await.unwrap();
        (delivered, failed) == (4, 8)
    })
    .await;
    for tenant in TENANTS {
        for queue in QUEUES {
            receive(&inbox, tenant, &format!("{tenant}-{queue}-pending"), &format!("{queue}.in")).await;
        }
    }
    Both { store, sender, inbox, endpoints }
}

pub async fn all<S: Store + Dedup + Clone + 'static>(store: S) {
    let both = busy(store).await;
    both.outcomes().await;
    both.the_sender_sees_and_changes_nothing_of_the_inbox().await;
    both.the_inbox_sees_and_changes_nothing_of_the_sender().await;
}

impl<S: Store + Dedup + Clone + 'static> Both<S> {
    /// A handler's results are its own.
    async fn outcomes(&self) {
        let mut met = Vec::new();
        for job in self.inbox.dead_letters("mail", Page::default()).await.unwrap().items {
            let attempts = self.inbox.history().attempts(job.id).await.unwrap();
            met.push((job.reason, attempts.len(), attempts.last().unwrap().outcome));
        }
        met.sort_by_key(|it| it.1);
        let rejected = (Some(FailReason::Permanent), 1, Outcome::HandlerRejected);
        let failed = (Some(FailReason::Exhausted), 3, Outcome::HandlerFailed);
        assert_eq!(met, [rejected, rejected, failed, failed]);
    }

    async fn the_sender_sees_and_changes_nothing_of_the_inbox(&self) {
        let before = Snapshot::of(&self.store, Work::Received).await;
        assert_eq!((before.deliveries.len(), before.payloads.len()), (16, 18));
        self.by_the_sender(&before).await;
        for scope in [Scope::operator(), Scope::tenant("acme")] {
            self.by_a_scope(scope, &before).await;
        }
        self.by_replay().await;
        for who in ["*", "acme"] {
            self.by_manage(who, &before).await;
        }
        self.by_mcp(&before).await;
        self.by_a2a().await;
        self.by_removals(&before).await;
        run_until(self.sender.worker(), async || {
            let sent =
                self.sender.history().deliveries(&DeliveryQuery::default(), Page::of(10_000)).await.unwrap().items;
            sent.iter().any(|delivery| delivery.attempts > 0)
        })
        .await;
        Retention::prune(&self.store, Work::Sent, RetentionCutoff::before(Timestamp::MAX), 10_000).await.unwrap();
        let start = (Timestamp::from_micros(i64::MIN), DeliveryId::from_bytes([0; 16]));
        self.store.drop_payloads(Work::Sent, start, Timestamp::MAX, 10_000).await.unwrap();
        assert_eq!(Snapshot::of(&self.store, Work::Received).await, before);
        let sent = Snapshot::of(&self.store, Work::Sent).await;
        assert!(sent.payloads.iter().all(|(_, payload)| !text(payload).contains(RECEIVED)));
        assert!(sent.deliveries.iter().all(|delivery| delivery.endpoint().is_some()));
    }

    /// Queries of every field, and the one that asks for the other kind.
    fn queries(other: &Snapshot, work: Work) -> Vec<DeliveryQuery> {
        let job = &other.deliveries[0];
        let mut all = vec![DeliveryQuery::default(), DeliveryQuery::of(work)];
        let mut with = |set: &dyn Fn(&mut DeliveryQuery)| {
            let mut query = DeliveryQuery::of(work);
            set(&mut query);
            all.push(query);
        };
        with(&|query| query.tenant = Some(job.tenant.clone()));
        with(&|query| query.event = Some(job.event.clone()));
        with(&|query| (query.tenant, query.event) = (Some(job.tenant.clone()), Some(job.event.clone())));
        with(&|query| query.lane = Some(job.lane));
        with(&|query| query.state = Some(job.state));
        with(&|query| query.event_type = Some(job.event_type.clone()));
        with(&|query| query.from = Some(job.created_at));
        all
    }

    async fn by_the_sender(&self, inbox: &Snapshot) {
        let history = self.sender.history();
        for query in Self::queries(inbox, Work::Received) {
            let found = history.deliveries(&query, Page::of(10_000)).await.unwrap().items;
            assert!(found.iter().all(|one| one.lane.work() == Work::Sent), "{query:?}: {found:?}");
        }
        for job in &inbox.deliveries {
            assert!(!self.sender.resend(job.id).await.unwrap());
            assert!(!self.sender.cancel(job.id).await.unwrap());
            assert_eq!(history.delivery(job.id).await.unwrap(), None);
            assert_eq!(history.attempts(job.id).await.unwrap(), []);
            assert_eq!(history.counts(Some(job.lane)).await.unwrap(), Counts::default());
        }
        for (event, _) in &inbox.payloads {
            for tenant in TENANTS {
                assert!(history.event(&tenant.into(), event).await.unwrap().is_none());
                assert!(!self.sender.expunge(&tenant.into(), event).await.unwrap());
            }
        }
        let Counts { pending, delivered, failed, cancelled, .. } = history.counts(None).await.unwrap();
        assert_eq!((pending, delivered, failed, cancelled), (4, 0, 0, 2));
        for (tenant, endpoint) in TENANTS.into_iter().zip(&self.endpoints) {
            let stats = self.sender.stats(*endpoint).await.unwrap();
            assert_eq!((stats.counts.pending, stats.counts.cancelled), (2, 1));
            let kind = EventType::new("mail.in").unwrap();
            assert_eq!(self.sender.explain(&Tenant::from(tenant), &kind).await.unwrap().len(), 1);
        }
    }

    async fn by_a_scope(&self, scope: Scope, inbox: &Snapshot) {
        let scoped = self.sender.scoped(scope);
        for query in Self::queries(inbox, Work::Received) {
            let found = scoped.deliveries(query, Page::of(10_000)).await.unwrap().items;
            assert!(found.iter().all(|one| one.lane.work() == Work::Sent));
        }
        for job in &inbox.deliveries {
            assert_eq!(scoped.delivery(job.id).await.unwrap(), None);
            assert_eq!(scoped.attempts(job.id).await.unwrap(), None);
            assert!(matches!(scoped.resend(job.id).await, Err(DeliveryError::NotFound)));
            assert!(matches!(scoped.cancel(job.id).await, Err(DeliveryError::NotFound)));
        }
        for (event, _) in &inbox.payloads {
            assert!(scoped.event(&"acme".into(), event).await.unwrap().is_none());
        }
        for audience in [None, Some(Audience::Subscribers), Some(Audience::Direct), Some(Audience::Inbox)] {
            let mut query = EventQuery::of("acme");
            query.audience = audience;
            let found = scoped.events(&query, Page::of(10_000)).await.unwrap().items;
            assert!(found.iter().all(|event| event.audience != Audience::Inbox), "{audience:?}");
        }
    }

    /// To an endpoint that was there, and to one that has missed all.
    async fn by_replay(&self) {
        let new = NewEndpoint::at(Target::parse(NOWHERE).unwrap()).tenant("acme");
        let late = self.sender.endpoints().create(new).await.unwrap().id;
        self.sender.test(self.endpoints[0]).await.unwrap();
        for (endpoint, missed) in [(self.endpoints[0], 0), (late, 3)] {
            assert_eq!(self.sender.replay(endpoint).never_owed().count().await.unwrap(), missed);
            assert_eq!(self.sender.replay(endpoint).all().count().await.unwrap(), 3, "neither jobs nor tests");
        }
        for endpoint in [self.endpoints[0], late] {
            self.sender.replay(endpoint).never_owed().run().await.unwrap();
            self.sender.replay(endpoint).all().under_fresh_ids().run().await.unwrap();
            self.sender.replay(endpoint).unfinished().run().await.unwrap();
        }
    }

    /// Every operation of the description, with the ids of jobs and received events wherever one is asked for.
    async fn by_manage(&self, who: &'static str, inbox: &Snapshot) {
        let api = Api::over(self.sender.clone());
        let description = api.manage.openapi();
        let (mut walked, endpoint) = (0, self.endpoints[0].to_string());
        for (path, item) in description["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let body = (!operation["requestBody"].is_null()).then(|| body_for(method, path));
                for line in lines(&method.to_uppercase(), path, who, &endpoint, inbox) {
                    // An endpoint that is removed could not be asked about after it: see `by_removals`.
                    if method == "delete" && path.starts_with("/endpoints/") {
                        continue;
                    }
                    let answer = api.ask_with(Some(who), &line, &[("if-match", "*")], body.as_ref()).await;
                    clean(&line, &answer.text, inbox);
                    let by_id = path.starts_with("/deliveries/{id}") || path.starts_with("/events/{id}");
                    assert!(!by_id || answer.status == 404, "{line}: {answer:?}");
                }
                walked += 1;
            }
        }
        assert!(walked >= 22, "{walked}");
    }

    /// Every tool, with the ids of received events and of a queue's jobs.
    async fn by_mcp(&self, inbox: &Snapshot) {
        let tools = WebhookTools::new(self.sender.clone(), links()).calls_per_minute(NonZeroU32::new(10_000).unwrap());
        let agent = Agent::of(&tools, "acme").await;
        let callback = self.endpoints[0].to_string();
        let names = agent.tools().await;
        for tool in names.as_array().unwrap() {
            let name = tool["name"].as_str().unwrap();
            let all = match name {
                // A test waits for an attempt, which a worker makes, and what is removed cannot be asked about: see `by_removals`.
                "webhook_test" | "webhook_unregister" => vec![],
                "webhook_register" => vec![json!({"url": "http://127.0.0.1:9009/other"})],
                "webhook_list" => vec![json!({})],
                "webhook_list_deliveries" => {
                    let jobs = inbox.deliveries.iter().map(|job| json!({"delivery_id": job.id.to_string()}));
                    jobs.chain([json!({}), json!({"callback_id": callback}), json!({"status": "failed"})]).collect()
                }
                "webhook_list_audit" => {
                    let jobs = inbox.deliveries.iter().map(|job| json!({"object": job.id.to_string()}));
                    jobs.chain([json!({}), json!({"object": callback})]).collect()
                }
                "webhook_resend" => inbox.payloads.iter().map(|(id, _)| json!({"message_id": id.as_str()})).collect(),
                _ => vec![json!({"callback_id": callback})],
            };
            for arguments in all {
                let answer = agent.call(name, arguments.clone()).await;
                clean(name, &format!("{answer:?}"), inbox);
                let by_id = name == "webhook_resend" || !arguments["delivery_id"].is_null();
                assert!(!by_id || matches!(&answer, Answer::Failed(_)), "{answer:?}");
            }
        }
        assert!(names.as_array().unwrap().len() >= 9);
    }

    /// What ends an endpoint, or waits for a worker, on endpoints that are owed an event and were made for it.
    async fn by_removals(&self, inbox: &Snapshot) {
        let new = async || {
            let new = NewEndpoint::at(Target::parse(NOWHERE).unwrap()).tenant("acme");
            let endpoint = self.sender.endpoints().create(new).await.unwrap().id;
            self.sender.test(endpoint).await.unwrap();
            endpoint.to_string()
        };
        let api = Api::over(self.sender.clone());
        for who in ["*", "acme"] {
            let line = format!("DELETE /endpoints/{}", new().await);
            let answer = api.ask_with(Some(who), &line, &[("if-match", "*")], None).await;
            assert_eq!(answer.status, 204, "{line}: {answer:?}");
            clean(&line, &answer.text, inbox);
        }
        let tools = WebhookTools::new(self.sender.clone(), links()).calls_per_minute(NonZeroU32::new(10_000).unwrap());
        let agent = Agent::of(&tools, "acme").await;
        let (stop, callback) = (CancellationToken::new(), json!({"callback_id": new().await}));
        let running = tokio::spawn(self.sender.worker().run(stop.clone()));
        for name in ["webhook_test", "webhook_unregister"] {
            let answer = agent.call(name, callback.clone()).await;
            assert!(matches!(answer, Answer::Done(_)), "{name}: {answer:?}");
            clean(name, &format!("{answer:?}"), inbox);
        }
        stop.cancel();
        running.await.unwrap().unwrap();
    }

    /// An inbox forgets what it has kept and nothing else, and a receiver whose records are in the same store what it has handled.
    async fn by_forgetting(&self, sent: &Snapshot) {
        let tenant = Tenant::from("acme");
        let of_sender: Vec<_> = sent.payloads.iter().map(|(id, _)| id.as_str()).collect();
        let kept = Snapshot::of(&self.store, Work::Received).await;
        let none = self.inbox.forget(&tenant, "standard", &of_sender).await.unwrap();
        assert!(none.len() == of_sender.len() && none.iter().all(|count| *count == 0), "{none:?}");
        let source = Source::standard(SECRET).unwrap().tenant("acme");
        let receiver = Receiver::builder(self.store.clone()).source(source).build().unwrap();
        let gate = receiver.gate("standard").unwrap();
        for _ in 0..2 {
            let answer = gate.receive(request("acme-mail-done", "mail.in"), |_| async { StatusCode::OK }).await;
            assert_eq!(answer.status(), StatusCode::OK);
        }
        let ids = [of_sender.as_slice(), &["acme-mail-done", "acme-bill-done"]].concat();
        let forgotten = gate.forget(&tenant, &ids).await.unwrap();
        assert_eq!(forgotten.iter().sum::<u64>(), 1, "what it has handled itself: {forgotten:?}");
        assert_eq!(Snapshot::of(&self.store, Work::Received).await, kept);
        assert_eq!(Snapshot::of(&self.store, Work::Sent).await, *sent);
        assert_eq!(self.inbox.forget(&tenant, "standard", &["acme-mail-done"]).await.unwrap(), [1]);
        receive(&self.inbox, "acme", "acme-mail-done", "mail.in").await;
        let again = Snapshot::of(&self.store, Work::Received).await;
        assert_eq!(again.payloads.len(), kept.payloads.len() + 1, "it is kept again");
    }

    async fn by_a2a(&self) {
        let a2a = self.sender.a2a("acme");
        let push = a2a.set(PushConfig::new("task-1", NOWHERE)).await.unwrap();
        assert_eq!(a2a.list("task-1").await.unwrap().len(), 1);
        assert!(a2a.get("task-1", push.id).await.unwrap().is_some());
        a2a.task(&json!({"id": "task-1", "contextId": "c", "status": {"state": "working"}})).await.unwrap();
        assert_eq!(a2a.forget("task-1").await.unwrap(), 1, "it is owed something");
        a2a.delete("task-1", push.id).await.unwrap();
    }

    async fn the_inbox_sees_and_changes_nothing_of_the_sender(&self) {
        let before = Snapshot::of(&self.store, Work::Sent).await;
        assert!(!before.deliveries.is_empty() && !before.payloads.is_empty());
        let history = self.inbox.history();
        for query in Self::queries(&before, Work::Sent) {
            let found = history.deliveries(&query, Page::of(10_000)).await.unwrap().items;
            assert!(found.iter().all(|one| one.lane.work() == Work::Received), "{query:?}: {found:?}");
        }
        for delivery in &before.deliveries {
            assert!(!self.inbox.resend(delivery.id).await.unwrap());
            assert!(!self.inbox.cancel(delivery.id).await.unwrap());
            assert_eq!(history.delivery(delivery.id).await.unwrap(), None);
            assert_eq!(history.attempts(delivery.id).await.unwrap(), []);
            assert_eq!(history.counts(Some(delivery.lane)).await.unwrap(), Counts::default());
        }
        for (event, _) in &before.payloads {
            for tenant in TENANTS {
                assert!(history.event(&tenant.into(), event).await.unwrap().is_none());
            }
        }
        for queue in QUEUES.into_iter().chain(["no such queue", "other"]) {
            let dead = self.inbox.dead_letters(queue, Page::of(10_000)).await.unwrap().items;
            assert!(dead.iter().all(|job| job.lane.work() == Work::Received));
        }
        self.by_forgetting(&before).await;
        run_until(self.inbox.worker(), async || history.counts(None).await.unwrap().pending == 0).await;
        Retention::prune(&self.store, Work::Received, RetentionCutoff::before(Timestamp::MAX), 10_000).await.unwrap();
        assert_eq!(history.counts(None).await.unwrap(), Counts::default());
        assert_eq!(Snapshot::of(&self.store, Work::Sent).await, before);
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// An answer says nothing of the inbox.
fn clean(what: &str, answer: &str, inbox: &Snapshot) {
    assert!(!answer.contains(RECEIVED), "{what}: {answer}");
    // Where an id was asked for, a refusal may repeat it.
    let requested = |mark: &&String| !what.contains(mark.as_str()) && answer.contains(mark.as_str());
    let told = inbox.marks();
    assert_eq!(told.iter().find(requested), None, "{what}: {answer}");
}

fn body_for(method: &str, path: &str) -> Value {
    match (method, path) {
        ("post", "/endpoints") => json!({"url": "http://127.0.0.1:9009/", "tenant": "acme"}),
        ("post", "/events") => json!({"type": "a.b", "data": 1, "tenant": "acme"}),
        ("post", path) if path.ends_with("/replay") => json!({"what": "all", "dry_run": false}),
        _ => json!({}),
    }
}

/// The requests by which an operation could reach a job or a received event.
fn lines(method: &str, path: &str, who: &str, endpoint: &str, inbox: &Snapshot) -> Vec<String> {
    let of = |id: &str, query: &str| format!("{method} {}{query}", path.replace("{id}", id));
    let tenant = if who == "*" { "?tenant=acme" } else { "" };
    match path {
        path if path.starts_with("/deliveries/") => {
            inbox.deliveries.iter().map(|job| of(&job.id.to_string(), "")).collect()
        }
        path if path.starts_with("/events/") => inbox.payloads.iter().map(|(id, _)| of(id.as_str(), tenant)).collect(),
        path if path.starts_with("/endpoints/") => vec![of(endpoint, "")],
        "/deliveries" => {
            let job = &inbox.deliveries[0];
            vec![of("", ""), of("", "?limit=100"), of("", "?state=failed"), of("", &format!("?event={}", job.event))]
        }
        "/explain" => vec![of("", &format!("{}type=mail.in", if who == "*" { "?tenant=acme&" } else { "?" }))],
        "/events" => vec![of("", tenant)],
        _ => vec![of("", "")],
    }
}

/// What an earlier version has left of a sender and an inbox, both busy, in one store.
pub async fn classified<S: Store + Clone + 'static>(store: S) {
    let sender = sender_on(store.clone());
    let sent = sender.history().deliveries(&DeliveryQuery::default(), Page::of(100)).await.unwrap().items;
    assert_eq!(sent.len(), 11);
    let counts = sender.history().counts(None).await.unwrap();
    assert_eq!((counts.pending, counts.cancelled, counts.delivered, counts.failed), (9, 2, 0, 0));
    let audiences = async |audience| -> Vec<String> {
        let query = EventQuery::of("acme").audience(audience);
        let found = store.events(&query, Page::of(100)).await.unwrap().items;
        found.into_iter().map(|event| event.event_type.to_string()).collect()
    };
    let subscribed = ["order.paid", "order.paid", "order.paid", "order.odd", "order.raw"];
    assert_eq!(audiences(Audience::Subscribers).await, subscribed);
    assert_eq!(audiences(Audience::Direct).await, ["hookwire.test", "hookwire.a2a.task", "hookwire.mcp.gap"]);
    assert_eq!(audiences(Audience::Inbox).await.len(), 9);
    let new = NewEndpoint::at(Target::parse(NOWHERE).unwrap()).tenant("acme");
    let late = sender.endpoints().create(new).await.unwrap().id;
    assert_eq!(
        sender.replay(late).never_owed().count().await.unwrap(),
        5,
        "neither what was received nor what was direct"
    );
    left_by_an_inbox(store).await;
    assert_eq!(sender.history().deliveries(&DeliveryQuery::default(), Page::of(100)).await.unwrap().items, sent);
}

/// What waited is handled, what was given up is listed and can be brought back, under the names of the queues.
async fn left_by_an_inbox<S: Store + Clone + 'static>(store: S) {
    let handled: Arc<Mutex<Vec<String>>> = Arc::default();
    let queue = |name: &'static str| {
        let handled = handled.clone();
        let handle = move |job: Job| {
            handled.lock().unwrap().push(format!("{} {}", job.queue(), job.event_id().unwrap()));
            async { Ok(()) }
        };
        Queue::new(name, handle)
    };
    let config = Config { delivery_retention: None, ..Config::default() };
    let inbox = Inbox::builder(store.clone()).worker(config).queue(queue("mail")).queue(queue("bill")).build().unwrap();
    let counts = inbox.history().counts(None).await.unwrap();
    assert_eq!((counts.pending, counts.delivered, counts.failed), (4, 4, 8));
    for name in QUEUES {
        let dead = inbox.dead_letters(name, Page::default()).await.unwrap().items;
        assert_eq!(dead.len(), 4, "{name}");
        assert!(dead.iter().all(|job| job.state == DeliveryState::Failed && matches!(job.lane, LaneId::Queue(_))));
        let pages = [Page::of(3), Page::of(3).after(dead[2].id)];
        let mut paged = Vec::new();
        for page in pages {
            paged.extend(inbox.dead_letters(name, page).await.unwrap().items);
        }
        assert_eq!(paged, dead);
        assert!(inbox.resend(dead[0].id).await.unwrap());
    }
    run_until(inbox.worker(), async || inbox.history().counts(None).await.unwrap().pending == 0).await;
    let mut handled = handled.lock().unwrap().clone();
    handled.sort();
    let expected = [
        "bill acme-bill-pending",
        "bill acme-bill-reject",
        "bill umbrella-bill-pending",
        "mail acme-mail-pending",
        "mail acme-mail-reject",
        "mail umbrella-mail-pending",
    ];
    assert_eq!(handled, expected);
    // A new event goes to the lane that bears the queue's name, and old ones stay where they were.
    receive(&inbox, "acme", "new", "mail.in").await;
    let mut query = DeliveryQuery::of(Work::Received);
    query.state = Some(DeliveryState::Pending);
    let pending = store.deliveries(&query, Page::of(9)).await.unwrap().items;
    assert_eq!(pending[0].lane.queue().unwrap().as_str(), "mail");
}
