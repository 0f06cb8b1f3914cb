//! Endpoints that fail are probed, slowed, disabled and reported; enabling one sends its held deliveries.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use hookwire::clock::Clock as _;
use hookwire::delivery::DeliveryState;
use hookwire::endpoint::{DisableReason, Endpoint, EndpointState, Limits, Rate};
use hookwire::id::DeliveryId;
use hookwire::outcome::Outcome;
use hookwire::retry::{Policy, Schedule};
use hookwire::sender::egress::EgressPolicy;
use hookwire::sender::{EndpointChange, Notice, NoticeKind, Notices, Sender};
use hookwire::store::Store;
use hookwire::store::{MemoryStore, SqliteStore, StoreErrorKind};
use hookwire::testing::{Fault, FaultyStore, ManualClock};
use hookwire::worker::Config;

use super::{Running, endpoint, event, finished};
use crate::support::server::{Reply, Server};
use crate::support::until;

const HOUR: Duration = Duration::from_secs(3_600);

/// A sender with a clock that the test moves, and one endpoint that answers with a status that the test sets.
struct World {
    clock: ManualClock,
    status: Arc<AtomicU16>,
    server: Server,
    sender: Sender,
    endpoint: Endpoint,
    notices: Notices,
    deliveries_told: u32,
}

impl World {
    async fn new(store: impl Store + 'static, retries: usize) -> Self {
        let clock = ManualClock::default();
        let status = Arc::new(AtomicU16::new(500));
        let answer = status.clone();
        let server = Server::start(move |_| Reply::status(answer.load(Ordering::SeqCst))).await;
        let schedule: Schedule = std::iter::repeat_n(HOUR, retries).collect();
        let config = Config { poll: Duration::from_millis(10), ..Config::default() };
        let sender = Sender::builder(store)
            .egress(EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback())
            .retry(Policy::new(schedule))
            .clock(clock.clone())
            .worker(config)
            .notices_to("operator")
            .build()
            .unwrap();
        let notices = sender.notices();
        let endpoint = sender.endpoints().create(endpoint(&server)).await.unwrap();
        Self { clock, status, server, sender, endpoint, notices, deliveries_told: 0 }
    }

    /// Moves the clock until `count` requests have been made.
    async fn until_requests(&self, count: usize, step: Duration) {
        for _ in 0..1_000 {
            if self.server.requests().len() >= count {
                return;
            }
            self.clock.advance(step);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{} requests", self.server.requests().len());
    }

    /// Moves the clock to each attempt, until `count` attempts are recorded; never during an attempt, because its lease would end.
    async fn until_attempts(&self, delivery: DeliveryId, count: usize) {
        until(|| async {
            let recorded = self.sender.history().attempts(delivery).await.unwrap().len();
            let delivery = self.sender.history().delivery(delivery).await.unwrap().unwrap();
            if recorded < count && usize::try_from(delivery.attempts) == Ok(recorded) {
                // A retry comes a little before or after its hour; the health rules count whole hours.
                let left = delivery.due.since(self.clock.now());
                self.clock.advance(left + HOUR / 2);
            }
            recorded >= count
        })
        .await;
    }

    async fn next_notice(&mut self) -> Arc<Notice> {
        let next = tokio::time::timeout(Duration::from_secs(60), self.notices.next());
        let Some(notice) = next.await.unwrap() else { panic!("no notice") };
        notice
    }

    /// The next notice of the endpoint itself; the notices of deliveries are counted.
    async fn next_of_endpoint(&mut self) -> Arc<Notice> {
        loop {
            let notice = self.next_notice().await;
            if !matches!(notice.kind, NoticeKind::DeliveryFailing { .. }) {
                return notice;
            }
            self.deliveries_told += 1;
        }
    }

    /// One attempt a minute is made, whatever number of events is dispatched.
    async fn is_slow(&self) {
        // The rate may be used up: after at most one request there are no more.
        self.clock.advance(Duration::from_secs(61));
        let before = self.server.requests().len();
        for n in 100..110 {
            self.sender.dispatch(event(n)).await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        let made = self.server.requests().len() - before;
        assert!(made <= 1, "{made} attempts at a slowed endpoint at once");
    }

    async fn state(&self) -> EndpointState {
        self.sender.endpoints().get(self.endpoint.id).await.unwrap().state
    }
}

async fn fails_for_days_and_is_disabled(store: impl Store + 'static) {
    let mut world = World::new(store, 1_000).await;
    let running = Running::start(&world.sender);
    world.sender.dispatch(event(1)).await.unwrap();
    let mut told: Vec<Arc<Notice>> = Vec::new();
    while told.len() < 3 {
        if told.last().is_some_and(|notice| matches!(notice.kind, NoticeKind::EndpointSlowed { .. })) {
            world.is_slow().await;
        }
        let clock = world.clock.clone();
        let moving = tokio::spawn(async move {
            for _ in 0..100_000 {
                tokio::time::sleep(Duration::from_millis(20)).await;
                clock.advance(HOUR / 2);
            }
        });
        told.push(world.next_of_endpoint().await);
        moving.abort();
    }
    assert!(world.deliveries_told > 0, "the notice of a delivery that failed three times");
    let kinds: Vec<_> = told.iter().map(|notice| notice.kind.event_type()).collect();
    let since_first = |n: usize| told[n].at.since(world.endpoint.created_at);
    assert_eq!(kinds[..], ["hookwire.endpoint.failing", "hookwire.endpoint.slowed", "hookwire.endpoint.disabled"]);
    assert!(since_first(1) >= HOUR * 24 && since_first(2) >= HOUR * 24 * 5, "{told:?}");
    assert!(matches!(world.state().await, EndpointState::Disabled { reason: DisableReason::Failing, .. }));

    assert_eq!(world.sender.history().counts(None).await.unwrap().pending, 0, "all deliveries are held");
    let held = world.sender.dispatch(event(2)).await.unwrap();
    let delivery = world.sender.history().delivery(held.deliveries[0]).await.unwrap().unwrap();
    assert_eq!(delivery.state, DeliveryState::Held);
    world.status.store(200, Ordering::SeqCst);
    world.sender.endpoints().update(world.endpoint.id, EndpointChange::new().enabled()).await.unwrap();
    assert_eq!(world.next_of_endpoint().await.kind, NoticeKind::EndpointEnabled);
    world.clock.advance(HOUR * 2);
    let owed = world.sender.history().counts(None).await.unwrap();
    for _ in 0..100 {
        world.clock.advance(HOUR);
        tokio::time::sleep(Duration::from_millis(20)).await;
        if world.sender.history().counts(None).await.unwrap().delivered >= owed.delivered + owed.pending {
            break;
        }
    }
    finished(&world.sender, 12).await;
    let health = world.sender.stats(world.endpoint.id).await.unwrap().health;
    assert_eq!((health.failures, health.failing_since), (0, None));
    running.stop().await;
}

#[tokio::test]
async fn an_endpoint_that_fails_for_days_is_reported_slowed_and_disabled_in_memory() {
    fails_for_days_and_is_disabled(MemoryStore::new()).await;
}

#[tokio::test]
async fn an_endpoint_that_fails_for_days_is_reported_slowed_and_disabled_in_sqlite() {
    let directory = tempfile::tempdir().unwrap();
    fails_for_days_and_is_disabled(SqliteStore::open(directory.path().join("hookwire.db")).await.unwrap()).await;
}

/// The last allowed attempt succeeds, long after the endpoint would have been disabled.
#[tokio::test]
async fn a_success_on_the_last_allowed_attempt_never_disables_the_endpoint() {
    let mut world = World::new(MemoryStore::new(), 2).await;
    let running = Running::start(&world.sender);
    let delivery = world.sender.dispatch(event(1)).await.unwrap().deliveries[0];
    world.until_attempts(delivery, 2).await;
    // The endpoint's health is decided a moment after the failure was recorded.
    let failing = world.next_notice().await;
    assert!(matches!(failing.kind, NoticeKind::EndpointFailing { .. }), "{failing:?}");
    // The status is set before the clock is moved, because the attempt begins at once then.
    world.status.store(200, Ordering::SeqCst);
    world.clock.advance(HOUR * 24 * 30);
    world.until_attempts(delivery, 3).await;
    finished(&world.sender, 1).await;
    assert_eq!(world.state().await, EndpointState::Enabled);
    assert_eq!(world.sender.history().counts(None).await.unwrap().delivered, 1);
    assert_eq!(world.next_notice().await.kind, NoticeKind::EndpointRecovered);
    running.stop().await;
}

#[tokio::test]
async fn notices_reach_the_operators_endpoints_and_cause_no_further_notices() {
    let mut world = World::new(MemoryStore::new(), 0).await;
    let operator = Server::start(|_| Reply::status(500)).await;
    let of_operator = endpoint(&operator).tenant("operator").events(["hookwire.delivery.*"]).unwrap();
    world.sender.endpoints().create(of_operator).await.unwrap();
    let running = Running::start(&world.sender);
    let receipt = world.sender.dispatch(event(1)).await.unwrap();
    let notice = world.next_notice().await;
    assert!(matches!(notice.kind, NoticeKind::DeliveryFailed { delivery, .. } if delivery == receipt.deliveries[0]));
    finished(&world.sender, 2).await;
    // The failure of this endpoint is in the stream of notices, and is not sent to it.
    assert_eq!(world.next_notice().await.tenant, Some("operator".into()));
    tokio::time::sleep(Duration::from_millis(100)).await;
    running.stop().await;
    let requests = operator.requests();
    assert_eq!(requests.len(), 1);
    let body: serde_json::Value = serde_json::from_slice(&requests[0].body).unwrap();
    assert_eq!(body["type"], "hookwire.delivery.failed");
    assert_eq!(body["data"]["delivery"], receipt.deliveries[0].to_string());
    assert_eq!((&body["data"]["reason"], &body["data"]["tenant"]), (&"exhausted".into(), &"acme".into()));
}

#[tokio::test]
async fn held_deliveries_are_sent_oldest_first_and_one_at_a_time_at_first() {
    let mut world = World::new(MemoryStore::new(), 3).await;
    world.status.store(200, Ordering::SeqCst);
    world.sender.endpoints().update(world.endpoint.id, EndpointChange::new().disabled()).await.unwrap();
    assert!(matches!(world.next_notice().await.kind, NoticeKind::EndpointDisabled { reason: DisableReason::Operator }));
    let running = Running::start(&world.sender);
    for n in 0..30 {
        world.sender.dispatch(event(n)).await.unwrap();
        world.clock.advance(Duration::from_millis(1));
    }
    world.sender.endpoints().update(world.endpoint.id, EndpointChange::new().enabled()).await.unwrap();
    finished(&world.sender, 30).await;
    running.stop().await;
    let bodies: Vec<_> = world.server.requests().iter().map(|request| request.body.clone()).collect();
    assert!(bodies[0].ends_with(br#"{"n":0}}"#), "the oldest first");
}

#[tokio::test]
async fn a_retry_after_is_stored_and_obeyed_by_a_new_process() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hookwire.db");
    let clock = ManualClock::default();
    let server = Server::start(|_| Reply::status(429).header("retry-after", "600")).await;
    let build = |store| {
        let config = Config { poll: Duration::from_millis(10), ..Config::default() };
        let builder = Sender::builder(store).clock(clock.clone()).worker(config);
        builder.egress(EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback()).build().unwrap()
    };
    {
        let sender = build(SqliteStore::open(&path).await.unwrap());
        sender.endpoints().create(endpoint(&server)).await.unwrap();
        let running = Running::start(&sender);
        sender.dispatch(event(1)).await.unwrap();
        until(|| async { sender.history().counts(None).await.unwrap().pending == 1 && server.requests().len() == 1 })
            .await;
        running.stop().await;
    }
    let sender = build(SqliteStore::open(&path).await.unwrap());
    sender.dispatch(event(2)).await.unwrap();
    let running = Running::start(&sender);
    clock.advance(Duration::from_secs(598));
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(server.requests().len(), 1, "neither the first delivery again nor the second one");
    clock.advance(Duration::from_secs(3));
    until(|| async { server.requests().len() >= 2 }).await;
    running.stop().await;
}

#[tokio::test]
async fn policies_are_chosen_by_endpoint_and_by_type() {
    let server = Server::start(|_| Reply::status(422)).await;
    let once = || Policy::new(Schedule::from_iter([]));
    let sender = Sender::builder(MemoryStore::new())
        .egress(EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback())
        .retry(Policy::new([Duration::from_millis(1); 3].into_iter().collect::<Schedule>()))
        .retry_named("once", once())
        .retry_for("user.*".parse().unwrap(), once().permanent([422]))
        .build()
        .unwrap();
    let unknown = sender.endpoints().create(endpoint(&server).retry("nobody")).await.unwrap_err();
    assert!(unknown.to_string().starts_with("retry"));
    sender.endpoints().create(endpoint(&server)).await.unwrap();
    sender.endpoints().create(endpoint(&server).retry("once")).await.unwrap();
    let running = Running::start(&sender);
    let paid = sender.dispatch(event(1)).await.unwrap();
    let made = hookwire::event::NewEvent::json("user.made", &1).unwrap().tenant("acme");
    let made = sender.dispatch(made).await.unwrap();
    finished(&sender, 4).await;
    running.stop().await;
    let mut ends = Vec::new();
    for id in paid.deliveries.iter().chain(&made.deliveries) {
        let delivery = sender.history().delivery(*id).await.unwrap().unwrap();
        let attempts = sender.history().attempts(*id).await.unwrap();
        assert!(attempts.iter().all(|attempt| attempt.outcome == Outcome::Status(422)));
        ends.push((delivery.reason.unwrap().as_str(), attempts.len()));
    }
    assert_eq!(ends, [("exhausted", 4), ("exhausted", 1), ("permanent", 1), ("exhausted", 1)]);
}

/// The store fails when the notice is made: the event of the notice is dispatched later.
#[tokio::test]
async fn a_notice_is_sent_later_if_the_store_fails_at_first() {
    let store = FaultyStore::new(MemoryStore::new());
    let mut world = World::new(store.clone(), 0).await;
    let operator = Server::start(|_| Reply::status(200)).await;
    world.sender.endpoints().create(endpoint(&operator).tenant("operator")).await.unwrap();
    world.sender.endpoints().update(world.endpoint.id, EndpointChange::new().disabled()).await.unwrap();
    world.next_notice().await;
    // The next twenty calls of the worker fail, whatever they are.
    for _ in 0..20 {
        store.fail_next(Fault::Refused(StoreErrorKind::Unavailable));
    }
    let running = Running::start(&world.sender);
    until(|| async { operator.requests().len() == 1 }).await;
    running.stop().await;
    let body: serde_json::Value = serde_json::from_slice(&operator.requests()[0].body).unwrap();
    assert_eq!(body["type"], "hookwire.endpoint.disabled");
}

#[tokio::test]
async fn limits_are_changed_while_the_worker_runs() {
    let world = World::new(MemoryStore::new(), 0).await;
    world.status.store(200, Ordering::SeqCst);
    let running = Running::start(&world.sender);
    let rate = Rate { count: NonZeroU32::MIN, per: HOUR };
    let limited = EndpointChange::new().limits(Limits::default().with_rate(Some(rate)));
    world.sender.endpoints().update(world.endpoint.id, limited).await.unwrap();
    for n in 0..5 {
        world.sender.dispatch(event(n)).await.unwrap();
    }
    finished(&world.sender, 1).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(world.server.requests().len(), 1);
    let free = EndpointChange::new().limits(Limits::default());
    world.sender.endpoints().update(world.endpoint.id, free).await.unwrap();
    world.until_requests(5, HOUR).await;
    running.stop().await;
}
