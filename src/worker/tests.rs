//! The worker over the memory store, with a `Deliver` that does as it is told, in tokio's paused time.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::task::JoinHandle;

use super::{CancellationToken, Config, Deliver, Engine, Tended, Terms, Worker, WorkerError};
use crate::clock::{Clock, Timestamp};
use crate::delivery::{Delivery, DeliveryState, Leased, NewDelivery, Settlement};
use crate::endpoint::{OnFailure, Rate};
use crate::event::NewEvent;
use crate::id::{DeliveryId, EndpointId};
use crate::outcome::{Outcome, Report};
use crate::retry::{Decision, Facts, FailReason, Policy, RetryPolicy, Schedule};
use crate::store::{Append, Appended, History, MemoryStore, Outbox, StoreError};

/// Wall clock and uptime from tokio's time.
#[derive(Debug)]
struct PausedClock(tokio::time::Instant);

impl Clock for PausedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_secs(1_700_000_000) + self.uptime()
    }

    fn uptime(&self) -> Duration {
        self.0.elapsed()
    }
}

/// What happens to an attempt in a lane.
#[derive(Clone, Copy, Debug)]
enum Act {
    Answer(u16, Duration),
    Hang,
    Panic,
    Refuse,
    AskForRest(Duration),
}

#[derive(Debug)]
struct Script {
    acts: Mutex<HashMap<EndpointId, Act>>,
    terms: Mutex<HashMap<EndpointId, Terms>>,
    log: Mutex<Vec<(EndpointId, DeliveryId, Timestamp)>>,
    concurrency: NonZeroU32,
    policy: Policy,
    clock: Arc<PausedClock>,
    in_flight: Mutex<HashMap<EndpointId, u32>>,
    most_in_lane: AtomicU32,
    most: AtomicU32,
    started: AtomicU32,
}

impl Script {
    fn enter(&self, lane: EndpointId) {
        self.started.fetch_add(1, Ordering::SeqCst);
        let mut in_flight = self.in_flight.lock().unwrap();
        let here = in_flight.entry(lane).or_default();
        *here += 1;
        self.most_in_lane.fetch_max(*here, Ordering::SeqCst);
        self.most.fetch_max(in_flight.values().sum(), Ordering::SeqCst);
    }

    fn act(&self, lane: EndpointId) -> Act {
        self.acts.lock().unwrap().get(&lane).copied().unwrap_or(Act::Answer(200, Duration::from_millis(1)))
    }
}

/// Counts an attempt out however it ends.
struct Leave<'a>(&'a Script, EndpointId);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        *self.0.in_flight.lock().unwrap().entry(self.1).or_default() -= 1;
    }
}

#[async_trait]
impl Deliver for Script {
    async fn deliver(&self, leased: &Leased) -> Option<Report> {
        self.enter(leased.endpoint);
        self.log.lock().unwrap().push((leased.endpoint, leased.lease.delivery, self.clock.now()));
        let _leave = Leave(self, leased.endpoint);
        match self.act(leased.endpoint) {
            Act::Answer(code, after) => {
                tokio::time::sleep(after).await;
                Some(Report::new(Outcome::Status(code), after))
            }
            Act::Hang => std::future::pending().await,
            Act::Panic => panic!("on purpose"),
            Act::Refuse => None,
            Act::AskForRest(span) => {
                let until = self.clock.now() + span;
                Some(Report::new(Outcome::Status(429), Duration::ZERO).with_retry_after(Some(until)))
            }
        }
    }

    async fn terms(&self, lane: EndpointId) -> Result<Terms, StoreError> {
        let terms = self.terms.lock().unwrap().get(&lane).cloned();
        Ok(terms.unwrap_or_else(|| Terms::open(self.concurrency)))
    }

    async fn policy(&self, _: &Leased) -> Arc<dyn RetryPolicy> {
        Arc::new(self.policy.clone())
    }

    fn settled(&self, _: &Settlement) {}

    async fn tend(&self) -> Result<Tended, StoreError> {
        Ok(Tended::default())
    }
}

struct Bench {
    store: MemoryStore,
    script: Arc<Script>,
    engine: Arc<Engine>,
    clock: Arc<PausedClock>,
}

impl Bench {
    fn new(config: Config) -> Self {
        let clock = Arc::new(PausedClock(tokio::time::Instant::now()));
        let schedule: Schedule = [1, 2, 4].map(Duration::from_secs).into_iter().collect();
        let script = Arc::new(Script {
            acts: Mutex::default(),
            terms: Mutex::default(),
            log: Mutex::default(),
            concurrency: NonZeroU32::new(4).unwrap(),
            policy: Policy::new(schedule),
            clock: clock.clone(),
            in_flight: Mutex::default(),
            most_in_lane: AtomicU32::default(),
            most: AtomicU32::default(),
            started: AtomicU32::default(),
        });
        let store = MemoryStore::new();
        let engine = Engine::new(Arc::new(store.clone()), script.clone(), clock.clone(), config);
        Self { store, script, engine, clock }
    }

    fn lane(&self, act: Act) -> EndpointId {
        let lane = EndpointId::generate(self.clock.now());
        self.script.acts.lock().unwrap().insert(lane, act);
        lane
    }

    fn set(&self, lane: EndpointId, act: Act) {
        self.script.acts.lock().unwrap().insert(lane, act);
    }

    /// Appends as another process would: nobody tells the worker.
    async fn append(&self, lane: EndpointId, count: usize) -> Vec<DeliveryId> {
        let mut ids = Vec::new();
        for _ in 0..count {
            ids.push(self.append_event(lane, NewEvent::json("a.b", &1).unwrap()).await);
        }
        ids
    }

    async fn append_event(&self, lane: EndpointId, event: NewEvent) -> DeliveryId {
        let now = self.clock.now();
        let event = Arc::new(event.seal(now));
        let delivery = NewDelivery { id: DeliveryId::generate(now), endpoint: lane, leased_until: None };
        let append = Append { event, deliveries: vec![delivery], now };
        assert_eq!(self.store.append(vec![append]).await.unwrap(), [Appended::Stored]);
        delivery.id
    }

    fn lane_under(&self, act: Act, terms: Terms) -> EndpointId {
        let lane = self.lane(act);
        self.script.terms.lock().unwrap().insert(lane, terms);
        lane
    }

    /// What was started, in order.
    fn started(&self) -> Vec<(EndpointId, DeliveryId, Timestamp)> {
        self.script.log.lock().unwrap().clone()
    }

    fn run(&self) -> (CancellationToken, JoinHandle<Result<(), WorkerError>>) {
        let stop = CancellationToken::new();
        (stop.clone(), tokio::spawn(Worker::new(self.engine.clone()).run(stop)))
    }

    async fn delivery(&self, id: DeliveryId) -> Delivery {
        self.store.delivery(id).await.unwrap().unwrap()
    }

    async fn until_finished(&self, ids: &[DeliveryId]) {
        for id in ids {
            for turn in 0.. {
                if self.delivery(*id).await.state.is_final() {
                    break;
                }
                assert!(turn < 100_000, "it never ends");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn f_48_a_hanging_lane_holds_its_own_slots_and_nothing_else() {
    let bench = Bench::new(Config { in_flight: 8, leases: 64, ..Config::default() });
    let hanging = bench.lane(Act::Hang);
    let healthy = bench.lane(Act::Answer(200, Duration::from_millis(5)));
    bench.append(hanging, 100).await;
    let fine = bench.append(healthy, 100).await;
    let (stop, worker) = bench.run();
    bench.until_finished(&fine).await;
    let held = bench.script.in_flight.lock().unwrap()[&hanging];
    assert!((1..=4).contains(&held), "{held}");
    stop.cancel();
    worker.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn neither_a_lane_nor_the_worker_exceeds_its_limit() {
    let bench = Bench::new(Config { in_flight: 10, leases: 40, ..Config::default() });
    let mut ids = Vec::new();
    for _ in 0..8 {
        let lane = bench.lane(Act::Answer(200, Duration::from_millis(7)));
        ids.extend(bench.append(lane, 30).await);
    }
    let (stop, worker) = bench.run();
    bench.until_finished(&ids).await;
    assert!(bench.script.most_in_lane.load(Ordering::SeqCst) <= 4);
    let most = bench.script.most.load(Ordering::SeqCst);
    assert!((8..=10).contains(&most), "{most}");
    assert_eq!(bench.script.started.load(Ordering::SeqCst), 240, "each once");
    stop.cancel();
    worker.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn f_42_a_panicking_attempt_costs_one_attempt_and_not_the_worker() {
    let bench = Bench::new(Config::default());
    let (bad, good) = (bench.lane(Act::Panic), bench.lane(Act::Answer(200, Duration::ZERO)));
    let bad = bench.append(bad, 1).await[0];
    let good = bench.append(good, 1).await[0];
    let (stop, worker) = bench.run();
    bench.until_finished(&[bad, good]).await;
    let failed = bench.delivery(bad).await;
    assert_eq!((failed.state, failed.reason), (DeliveryState::Failed, Some(FailReason::Exhausted)));
    let attempts = bench.store.attempts(bad).await.unwrap();
    assert!(attempts.iter().all(|attempt| attempt.outcome == Outcome::Panic) && attempts.len() == 4);
    assert_eq!(bench.delivery(good).await.state, DeliveryState::Delivered);
    stop.cancel();
    worker.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn retries_come_when_they_are_due_and_not_before() {
    let bench = Bench::new(Config::default());
    let lane = bench.lane(Act::Answer(500, Duration::ZERO));
    let id = bench.append(lane, 1).await[0];
    let (stop, worker) = bench.run();
    bench.until_finished(&[id]).await;
    let at: Vec<_> = bench.store.attempts(id).await.unwrap().iter().map(|attempt| attempt.at).collect();
    let gaps: Vec<_> = at.windows(2).map(|pair| pair[1].since(pair[0]).as_secs_f64()).collect();
    for (gap, wanted) in gaps.iter().zip([1.0, 2.0, 4.0]) {
        assert!((wanted * 0.9..wanted * 1.1 + 0.01).contains(gap), "{gaps:?}");
    }
    stop.cancel();
    worker.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn f_23_a_retry_after_pauses_the_whole_lane() {
    let bench = Bench::new(Config::default());
    let lane = bench.lane(Act::AskForRest(Duration::from_secs(600)));
    let first = bench.append(lane, 1).await;
    let (stop, worker) = bench.run();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(bench.script.started.load(Ordering::SeqCst), 1);
    bench.set(lane, Act::Answer(200, Duration::ZERO));
    let later = bench.append(lane, 3).await;
    tokio::time::sleep(Duration::from_secs(590)).await;
    assert_eq!(bench.script.started.load(Ordering::SeqCst), 1, "the lane rests");
    bench.until_finished(&[first, later].concat()).await;
    stop.cancel();
    worker.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn f_55_stopping_finishes_what_is_in_flight_and_gives_back_the_rest() {
    let bench = Bench::new(Config::default());
    let lane = bench.lane(Act::Answer(200, Duration::from_secs(10)));
    let ids = bench.append(lane, 50).await;
    let (stop, worker) = bench.run();
    tokio::time::sleep(Duration::from_secs(1)).await;
    stop.cancel();
    worker.await.unwrap().unwrap();
    let mut states = Vec::new();
    for id in ids {
        let delivery = bench.delivery(id).await;
        states.push((delivery.state, delivery.attempts, delivery.due <= bench.clock.now()));
    }
    let delivered = states.iter().filter(|it| it.0 == DeliveryState::Delivered).count();
    assert_eq!(delivered, 4, "those in flight");
    let untouched = states.iter().filter(|it| **it == (DeliveryState::Pending, 0, true)).count();
    assert_eq!(untouched, 46, "free for the next worker at once, without an attempt used up");
}

#[tokio::test(start_paused = true)]
async fn f_55_attempts_that_outlast_the_grace_are_given_back() {
    let bench = Bench::new(Config { grace: Duration::from_secs(3), ..Config::default() });
    let lane = bench.lane(Act::Hang);
    let id = bench.append(lane, 1).await[0];
    let (stop, worker) = bench.run();
    tokio::time::sleep(Duration::from_secs(1)).await;
    stop.cancel();
    worker.await.unwrap().unwrap();
    assert_eq!(bench.script.in_flight.lock().unwrap()[&lane], 0, "cut off");
    let delivery = bench.delivery(id).await;
    assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Pending, 0));

    bench.set(lane, Act::Answer(200, Duration::ZERO));
    let (stop, worker) = bench.run();
    bench.until_finished(&[id]).await;
    stop.cancel();
    worker.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn f_44_a_lease_is_extended_while_the_attempt_lasts() {
    let bench = Bench::new(Config { lease: Duration::from_secs(8), ..Config::default() });
    let lane = bench.lane(Act::Answer(200, Duration::from_secs(100)));
    let id = bench.append(lane, 1).await[0];
    let (stop, worker) = bench.run();
    bench.until_finished(&[id]).await;
    assert_eq!(bench.script.started.load(Ordering::SeqCst), 1, "nobody took it over");
    assert_eq!(bench.delivery(id).await.attempts, 1);
    stop.cancel();
    worker.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn f_43_a_delivery_claimed_too_often_is_failed_unsent() {
    let bench = Bench::new(Config::default());
    let lane = bench.lane(Act::Answer(200, Duration::ZERO));
    let id = bench.append(lane, 1).await[0];
    // Four claims whose processes died.
    for _ in 0..4 {
        let now = bench.clock.now();
        let lanes = vec![crate::store::LaneClaim { endpoint: lane, max: 1 }];
        let claim = crate::store::Claim { lanes, now, until: now };
        assert_eq!(bench.store.claim(claim).await.unwrap().leased.len(), 1);
    }
    let (stop, worker) = bench.run();
    bench.until_finished(&[id]).await;
    assert_eq!(bench.delivery(id).await.reason, Some(FailReason::Poison));
    assert_eq!(bench.script.started.load(Ordering::SeqCst), 0);
    stop.cancel();
    worker.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_goes_back_without_an_attempt() {
    let bench = Bench::new(Config::default());
    let lane = bench.lane(Act::Refuse);
    let id = bench.append(lane, 1).await[0];
    let (stop, worker) = bench.run();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    bench.set(lane, Act::Answer(200, Duration::ZERO));
    bench.until_finished(&[id]).await;
    assert_eq!(bench.store.attempts(id).await.unwrap().len(), 1);
    stop.cancel();
    worker.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_second_worker_on_the_same_sender_is_refused_until_the_first_has_stopped() {
    let bench = Bench::new(Config::default());
    let (stop, worker) = bench.run();
    tokio::task::yield_now().await;
    let (_, second) = bench.run();
    assert!(matches!(second.await.unwrap(), Err(WorkerError::AlreadyRunning)));
    stop.cancel();
    worker.await.unwrap().unwrap();
    let (stop, third) = bench.run();
    stop.cancel();
    third.await.unwrap().unwrap();
}

const fn some(count: u32) -> NonZeroU32 {
    NonZeroU32::new(count).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_pause_gives_back_what_was_claimed_and_is_kept_to_the_second() {
    let bench = Bench::new(Config::default());
    let lane = bench.lane_under(Act::AskForRest(Duration::from_secs(100)), Terms::open(NonZeroU32::MIN));
    let ids = bench.append(lane, 4).await;
    let asked = bench.clock.now();
    let (stop, worker) = bench.run();
    tokio::time::sleep(Duration::from_secs(2)).await;
    bench.set(lane, Act::Answer(200, Duration::ZERO));
    for id in &ids[1..] {
        let waiting = bench.delivery(*id).await;
        assert_eq!((waiting.attempts, waiting.due <= bench.clock.now()), (0, true), "free for others");
    }
    bench.until_finished(&ids).await;
    let next = bench.started()[1].2.since(asked).as_secs_f64();
    assert!((100.0..101.1).contains(&next), "{next}");
    stop.cancel();
    worker.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_the_store_remembers_of_a_lane_counts_after_a_restart() {
    let bench = Bench::new(Config::default());
    let until = bench.clock.now() + Duration::from_secs(50);
    let resting = Terms::open(some(4)).resting_until(Some(until));
    let resting = bench.lane_under(Act::Answer(200, Duration::ZERO), resting);
    let failing = Terms::open(some(4)).known_as_failing(true);
    let failing = bench.lane_under(Act::Answer(200, Duration::from_secs(1)), failing);
    let ids = [bench.append(resting, 1).await, bench.append(failing, 9).await].concat();
    let began = bench.clock.now();
    let (stop, worker) = bench.run();
    bench.until_finished(&ids).await;
    let seconds = |of: EndpointId| -> Vec<_> {
        let mine = bench.started().into_iter().filter(|it| it.0 == of);
        mine.map(|it| it.2.since(began).as_secs()).collect()
    };
    assert_eq!(seconds(resting), [50]);
    assert_eq!(seconds(failing)[..5], [0, 1, 1, 2, 2], "one, then two, then four");
    stop.cancel();
    worker.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn f_47_after_an_outage_a_backlog_drains_by_one_then_two_then_four_and_never_over_the_cap() {
    let bench = Bench::new(Config::default());
    let lane = bench.lane(Act::Answer(503, Duration::from_millis(100)));
    let ids = bench.append(lane, 300).await;
    let (stop, worker) = bench.run();
    tokio::time::sleep(Duration::from_millis(1_450)).await;
    let (before, recovered) = (bench.started().len(), bench.clock.now());
    assert!(before < 30, "{before} attempts at a dead endpoint in a second and a half");
    bench.set(lane, Act::Answer(200, Duration::from_millis(100)));
    bench.until_finished(&ids).await;
    assert!(bench.script.most_in_lane.load(Ordering::SeqCst) <= 4);
    let later: Vec<_> = bench.started()[before..].iter().map(|it| it.2.since(recovered).as_millis() / 100).collect();
    let in_tenth = |tenth: u128| later.iter().filter(|at| **at == tenth).count();
    assert!(in_tenth(0) <= 1 && in_tenth(1) <= 2 && in_tenth(9) <= 4, "{:?}", &later[..12]);
    let delivered = bench.store.counts(None).await.unwrap().delivered;
    assert!(delivered >= 290, "{delivered}");
    stop.cancel();
    worker.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_lane_keeps_to_its_rate() {
    let bench = Bench::new(Config::default());
    let rate = Rate { count: some(2), per: Duration::from_secs(10) };
    let lane = bench.lane_under(Act::Answer(200, Duration::ZERO), Terms::open(some(4)).with_rate(Some(rate)));
    let ids = bench.append(lane, 8).await;
    let began = bench.clock.now();
    let (stop, worker) = bench.run();
    bench.until_finished(&ids).await;
    let at: Vec<_> = bench.started().iter().map(|it| it.2.since(began).as_secs()).collect();
    assert_eq!(at, [0, 0, 5, 10, 15, 20, 25, 30]);
    stop.cancel();
    worker.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn lanes_that_fail_use_at_most_half_of_the_slots() {
    let bench = Bench::new(Config { in_flight: 8, leases: 512, ..Config::default() });
    let mut hanging = Vec::new();
    for _ in 0..20 {
        let lane = bench.lane(Act::Answer(500, Duration::from_secs(30)));
        bench.append(lane, 1).await;
        hanging.push(lane);
    }
    let (stop, worker) = bench.run();
    // Each has failed once and is due again; all of them would fill every slot three times over.
    tokio::time::sleep(Duration::from_secs(110)).await;
    let terms = Terms::open(some(4)).known_to_succeed(true);
    let healthy = bench.lane_under(Act::Answer(200, Duration::from_millis(5)), terms);
    let began = bench.clock.now();
    let ids = bench.append(healthy, 40).await;
    bench.until_finished(&ids).await;
    assert!(bench.clock.now().since(began) < Duration::from_secs(5));
    assert!(bench.script.in_flight.lock().unwrap().values().sum::<u32>() >= 4, "the others went on");
    stop.cancel();
    worker.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn f_48_a_third_of_many_endpoints_hangs_and_the_others_do_not_notice() {
    let bench = Bench::new(Config::default());
    let mut healthy = Vec::new();
    for n in 0..900 {
        if n % 3 == 0 {
            let lane = bench.lane(Act::Hang);
            bench.append(lane, 9).await;
        } else {
            healthy.push(bench.lane(Act::Answer(200, Duration::from_millis(20))));
        }
    }
    let (stop, worker) = bench.run();
    // Those of which the worker knows that they answer; that of the others it does not know yet is not their fault.
    let terms = Terms::open(some(4)).known_to_succeed(true);
    for lane in &healthy {
        bench.script.terms.lock().unwrap().insert(*lane, terms.clone());
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    let began = bench.clock.now();
    let mut ids = Vec::new();
    for lane in &healthy {
        ids.extend(bench.append(*lane, 1).await);
    }
    bench.until_finished(&ids).await;
    let took = bench.clock.now().since(began);
    assert!(took < Duration::from_secs(3), "{took:?} for what takes a moment, a poll included");
    stop.cancel();
    worker.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_tenant_with_many_lanes_does_not_hold_up_one_with_a_single_lane() {
    let bench = Bench::new(Config { in_flight: 1, leases: 512, ..Config::default() });
    let terms = |tenant: &str| Terms::open(some(4)).of_tenant(tenant.into());
    for _ in 0..30 {
        let lane = bench.lane_under(Act::Answer(200, Duration::from_millis(10)), terms("many"));
        bench.append(lane, 5).await;
    }
    let single = bench.lane_under(Act::Answer(200, Duration::from_millis(10)), terms("single"));
    let ids = bench.append(single, 5).await;
    let (stop, worker) = bench.run();
    bench.until_finished(&ids).await;
    assert!(bench.started().len() < 60, "{} before it", bench.started().len());
    stop.cancel();
    worker.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_ordering_key_is_delivered_in_order_through_failures() {
    let bench = Bench::new(Config::default());
    let lane = bench.lane(Act::Answer(500, Duration::from_millis(20)));
    let mut ids = Vec::new();
    for n in 0..6 {
        let event = NewEvent::json("a.b", &n).unwrap().ordered_by("cart-1").unwrap();
        ids.push(bench.append_event(lane, event).await);
    }
    let (stop, worker) = bench.run();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    bench.set(lane, Act::Answer(200, Duration::from_millis(20)));
    bench.until_finished(&ids).await;
    let mut started: Vec<_> = bench.started().iter().map(|it| it.1).collect();
    started.dedup();
    assert_eq!(started, ids);
    assert_eq!(bench.script.most.load(Ordering::SeqCst), 1, "one at a time");
    stop.cancel();
    worker.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_failed_head_is_skipped_or_parks_its_key_as_the_endpoint_says() {
    for (rule, second) in [(OnFailure::Skip, DeliveryState::Delivered), (OnFailure::Park, DeliveryState::Pending)] {
        let bench = Bench::new(Config::default());
        let lane = bench.lane_under(Act::Answer(500, Duration::ZERO), Terms::open(some(4)).on_failure(rule));
        let event = || NewEvent::json("a.b", &1).unwrap().ordered_by("cart-1").unwrap();
        let ids = [bench.append_event(lane, event()).await, bench.append_event(lane, event()).await];
        let (stop, worker) = bench.run();
        while bench.delivery(ids[0]).await.reason.is_none() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        bench.set(lane, Act::Answer(200, Duration::ZERO));
        tokio::time::sleep(Duration::from_secs(60)).await;
        let head = bench.delivery(ids[0]).await;
        let expected = if rule == OnFailure::Park { DeliveryState::Held } else { DeliveryState::Failed };
        assert_eq!((head.state, head.reason), (expected, Some(FailReason::Exhausted)));
        assert_eq!(bench.delivery(ids[1]).await.state, second);
        stop.cancel();
        worker.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_past_its_deadline_is_not_sent() {
    let bench = Bench::new(Config::default());
    let lane = bench.lane(Act::Answer(500, Duration::ZERO));
    let deadline = |seconds| bench.clock.now() + Duration::from_secs(seconds);
    let event = |at| NewEvent::json("a.b", &1).unwrap().expires_at(at);
    let late = bench.append_event(lane, event(deadline(0))).await;
    let soon = bench.append_event(lane, event(deadline(2))).await;
    let (stop, worker) = bench.run();
    bench.until_finished(&[late, soon]).await;
    for (id, attempts) in [(late, 0), (soon, 2)] {
        assert_eq!(bench.delivery(id).await.reason, Some(FailReason::Expired));
        assert_eq!(bench.store.attempts(id).await.unwrap().len(), attempts);
    }
    stop.cancel();
    worker.await.unwrap().unwrap();
}

#[test]
fn a_policy_is_asked_with_the_facts_of_the_attempt() {
    let report = Report::new(Outcome::Status(200), Duration::ZERO);
    let facts = Facts::new(1, Timestamp::EPOCH, &report);
    assert_eq!(Policy::default().decide(&facts), Decision::Delivered);
}
