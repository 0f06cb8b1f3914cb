//! The worker over the memory store, with a scripted `Deliver`, in tokio's paused time.

mod drain;
mod idle;
mod limits;
mod trouble;

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::task::JoinHandle;

use hookwire::clock::{Clock, Timestamp};
use hookwire::delivery::{Delivery, DeliveryState, Leased, NewDelivery, Settlement};
use hookwire::event::NewEvent;
use hookwire::id::{DeliveryId, EndpointId, LaneId, Work};
use hookwire::outcome::{Outcome, Report};
use hookwire::retry::{Decision, Facts, FailReason, Policy, RetryPolicy, Schedule};
use hookwire::store::{Append, Appended, History, MemoryStore, Outbox, StoreError, StoreErrorKind};
use hookwire::testing::{Fault, FaultyStore};
use hookwire::worker::{CancellationToken, Config, Deliver, LanePolicy, Maintenance, Worker, WorkerError};

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

/// The result of an attempt in a lane.
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
    acts: Mutex<HashMap<LaneId, Act>>,
    lane_policy: Mutex<HashMap<LaneId, LanePolicy>>,
    log: Mutex<Vec<(LaneId, DeliveryId, Timestamp)>>,
    concurrency: NonZeroU32,
    policy: Policy,
    clock: Arc<PausedClock>,
    in_flight: Mutex<HashMap<LaneId, u32>>,
    most_in_lane: AtomicU32,
    most: AtomicU32,
    started: AtomicU32,
    /// The number of attempts that began after the end of their first lease.
    late: AtomicU32,
    /// The number of calls of `maintain`, and whether they fail.
    maintained: AtomicU32,
    breaks: AtomicBool,
}

impl Script {
    fn enter(&self, lane: LaneId) {
        self.started.fetch_add(1, Ordering::SeqCst);
        let mut in_flight = self.in_flight.lock().unwrap();
        let here = in_flight.entry(lane).or_default();
        *here += 1;
        self.most_in_lane.fetch_max(*here, Ordering::SeqCst);
        self.most.fetch_max(in_flight.values().sum(), Ordering::SeqCst);
    }

    fn act(&self, lane: LaneId) -> Act {
        self.acts.lock().unwrap().get(&lane).copied().unwrap_or(Act::Answer(200, Duration::from_millis(1)))
    }
}

/// Decrements the count of attempts in flight, however the attempt ends.
struct Leave<'a>(&'a Script, LaneId);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        *self.0.in_flight.lock().unwrap().entry(self.1).or_default() -= 1;
    }
}

#[async_trait]
impl Deliver for Script {
    fn work(&self) -> Work {
        Work::Sent
    }

    fn group(&self) -> &'static str {
        "script"
    }

    async fn deliver(&self, leased: &Leased) -> Option<Report> {
        self.enter(leased.lane);
        self.log.lock().unwrap().push((leased.lane, leased.lease.delivery, self.clock.now()));
        self.late.fetch_add(u32::from(leased.until <= self.clock.now()), Ordering::SeqCst);
        let _leave = Leave(self, leased.lane);
        match self.act(leased.lane) {
            Act::Answer(code, after) => {
                tokio::time::sleep(after).await;
                Some(Report::new(Outcome::Status(code), after))
            }
            Act::Hang => std::future::pending().await,
            Act::Panic => panic!("on purpose"),
            Act::Refuse => None,
            Act::AskForRest(span) => {
                let until = self.clock.now() + span;
                Some(Report::new(Outcome::Status(429), Duration::ZERO).retry_after(Some(until)))
            }
        }
    }

    async fn lane_policy(&self, lane: LaneId) -> Result<LanePolicy, StoreError> {
        let lane_policy = self.lane_policy.lock().unwrap().get(&lane).cloned();
        Ok(lane_policy.unwrap_or_else(|| LanePolicy::open(self.concurrency)))
    }

    async fn retry_policy(&self, _: &Leased) -> Arc<dyn RetryPolicy> {
        Arc::new(self.policy.clone())
    }

    fn settled(&self, _: &Settlement) {}

    async fn maintain(&self) -> Result<Maintenance, StoreError> {
        self.maintained.fetch_add(1, Ordering::SeqCst);
        match self.breaks.load(Ordering::SeqCst) {
            true => Err(StoreError::new(StoreErrorKind::Unavailable)),
            false => Ok(Maintenance::default()),
        }
    }
}

struct Bench {
    store: MemoryStore,
    script: Arc<Script>,
    worker: Worker,
    clock: Arc<PausedClock>,
}

impl Bench {
    fn new(config: Config) -> Self {
        let clock = Arc::new(PausedClock(tokio::time::Instant::now()));
        let schedule: Schedule = [1, 2, 4].map(Duration::from_secs).into_iter().collect();
        let script = Arc::new(Script {
            acts: Mutex::default(),
            lane_policy: Mutex::default(),
            log: Mutex::default(),
            concurrency: NonZeroU32::new(4).unwrap(),
            policy: Policy::new(schedule),
            clock: clock.clone(),
            in_flight: Mutex::default(),
            most_in_lane: AtomicU32::default(),
            most: AtomicU32::default(),
            started: AtomicU32::default(),
            late: AtomicU32::default(),
            maintained: AtomicU32::default(),
            breaks: AtomicBool::default(),
        });
        let store = MemoryStore::new();
        let worker = Worker::new(Arc::new(store.clone()), script.clone(), clock.clone(), config);
        Self { store, script, worker, clock }
    }

    fn lane(&self, act: Act) -> LaneId {
        let lane = LaneId::from(EndpointId::generate(self.clock.now()));
        self.script.acts.lock().unwrap().insert(lane, act);
        lane
    }

    fn set(&self, lane: LaneId, act: Act) {
        self.script.acts.lock().unwrap().insert(lane, act);
    }

    /// Appends as another process does: the worker gets no notification.
    async fn append(&self, lane: LaneId, count: usize) -> Vec<DeliveryId> {
        let mut ids = Vec::new();
        for _ in 0..count {
            ids.push(self.append_event(lane, NewEvent::json("a.b", &1).unwrap()).await);
        }
        ids
    }

    async fn append_event(&self, lane: LaneId, event: NewEvent) -> DeliveryId {
        let now = self.clock.now();
        let event = Arc::new(event.seal(now));
        let delivery = NewDelivery::new(lane, now);
        let append = Append { event, deliveries: vec![delivery], now };
        assert_eq!(self.store.append(vec![append]).await.unwrap(), [Appended::Stored]);
        delivery.id
    }

    fn lane_under(&self, act: Act, lane_policy: LanePolicy) -> LaneId {
        let lane = self.lane(act);
        self.script.lane_policy.lock().unwrap().insert(lane, lane_policy);
        lane
    }

    /// The attempts that were started, in order.
    fn started(&self) -> Vec<(LaneId, DeliveryId, Timestamp)> {
        self.script.log.lock().unwrap().clone()
    }

    fn run(&self) -> (CancellationToken, JoinHandle<Result<(), WorkerError>>) {
        let stop = CancellationToken::new();
        (stop.clone(), tokio::spawn(self.worker.clone().run(stop)))
    }

    fn clock_now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn delivery(&self, id: DeliveryId) -> Delivery {
        self.store.delivery(Work::Sent, id).await.unwrap().unwrap()
    }

    async fn until_finished(&self, ids: &[DeliveryId]) {
        for id in ids {
            for turn in 0.. {
                if self.delivery(*id).await.state.is_final() {
                    break;
                }
                assert!(turn < 100_000, "the delivery never becomes final");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn f_48_a_hanging_lane_holds_only_its_own_slots() {
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
async fn f_42_a_panic_in_an_attempt_uses_one_attempt_and_does_not_stop_the_worker() {
    let bench = Bench::new(Config::default());
    let (bad, good) = (bench.lane(Act::Panic), bench.lane(Act::Answer(200, Duration::ZERO)));
    let bad = bench.append(bad, 1).await[0];
    let good = bench.append(good, 1).await[0];
    let (stop, worker) = bench.run();
    bench.until_finished(&[bad, good]).await;
    let failed = bench.delivery(bad).await;
    assert_eq!((failed.state, failed.reason), (DeliveryState::Failed, Some(FailReason::Exhausted)));
    let attempts = bench.store.attempts(Work::Sent, &[bad]).await.unwrap().concat();
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
    let at: Vec<_> =
        bench.store.attempts(Work::Sent, &[id]).await.unwrap().concat().iter().map(|attempt| attempt.at).collect();
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
    assert_eq!(bench.script.started.load(Ordering::SeqCst), 1, "the lane is paused");
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
    assert_eq!(untouched, 46, "claimable by the next worker at once, with no attempt used");
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
    assert_eq!(bench.script.started.load(Ordering::SeqCst), 1, "no other worker took it over");
    assert_eq!(bench.delivery(id).await.attempts, 1);
    stop.cancel();
    worker.await.unwrap().unwrap();
}

/// If an extension fails, the lease counts as lost: a delivery that was not started before the end of its lease is left to the next
/// claim.
#[tokio::test(start_paused = true)]
async fn f_45_when_leases_cannot_be_extended_nothing_starts_after_their_end() {
    let lease = Duration::from_secs(8);
    let faulty = FaultyStore::new(MemoryStore::new());
    let mut bench = Bench::new(Config { lease, ..Config::default() });
    bench.store = faulty.inner().clone();
    let config = Config { lease, ..Config::default() };
    bench.worker = Worker::new(Arc::new(faulty.clone()), bench.script.clone(), bench.clock.clone(), config);
    faulty.fail_every("extend", Some(Fault::Refused(StoreErrorKind::Unavailable)));
    // Sixteen leases, four at a time, three seconds each: the last one would start after nine seconds.
    let lane = bench.lane(Act::Answer(200, Duration::from_secs(3)));
    let ids = bench.append(lane, 16).await;
    let (stop, worker) = bench.run();
    bench.until_finished(&ids).await;
    assert_eq!(bench.script.late.load(Ordering::SeqCst), 0);
    for id in ids {
        assert_eq!(
            bench.store.attempts(Work::Sent, &[id]).await.unwrap().concat().len(),
            1,
            "an attempt in flight at the end counts once"
        );
    }
    faulty.fail_every("extend", None);
    stop.cancel();
    worker.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn f_43_a_delivery_claimed_too_often_fails_without_being_sent() {
    let bench = Bench::new(Config::default());
    let lane = bench.lane(Act::Answer(200, Duration::ZERO));
    let id = bench.append(lane, 1).await[0];
    // Four claims of processes that died.
    for _ in 0..4 {
        let now = bench.clock.now();
        let lanes = vec![(lane, 1)];
        let claim = hookwire::store::Claim { lanes, now, until: now };
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
async fn a_refused_delivery_is_returned_without_using_an_attempt() {
    let bench = Bench::new(Config::default());
    let lane = bench.lane(Act::Refuse);
    let id = bench.append(lane, 1).await[0];
    let (stop, worker) = bench.run();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    bench.set(lane, Act::Answer(200, Duration::ZERO));
    bench.until_finished(&[id]).await;
    assert_eq!(bench.store.attempts(Work::Sent, &[id]).await.unwrap().concat().len(), 1);
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

#[test]
fn a_policy_decides_by_the_facts_of_the_attempt() {
    let report = Report::new(Outcome::Status(200), Duration::ZERO);
    let facts = Facts::new(1, Timestamp::EPOCH, &report);
    assert_eq!(Policy::default().decide(&facts), Decision::Delivered);
}
