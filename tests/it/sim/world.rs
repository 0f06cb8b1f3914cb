//! The endpoints, the network to them, and the record of what happened.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use hookwire::clock::{Clock, Timestamp};
use hookwire::delivery::{DeliveryState, Leased, Settlement};
use hookwire::event::Order;
use hookwire::id::{DeliveryId, EndpointId, EventId, LaneId, Work};
use hookwire::outcome::{Outcome, Report};
use hookwire::retry::{Decision, Policy, RetryPolicy, Schedule};
use hookwire::store::{Append, History, MemoryStore, StoreError};
use hookwire::testing::{FaultyStore, TokioClock};
use hookwire::worker::{Deliver, LanePolicy, Maintenance};

pub const ENDPOINTS: u32 = 5;
pub const CONCURRENCY: u32 = 4;

/// `SplitMix64`.
#[derive(Clone, Debug)]
pub struct Rng(pub u64);

impl Rng {
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub const fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.next() % (to - from)
    }

    pub const fn chance(&mut self, per_mille: u64) -> bool {
        self.next() % 1_000 < per_mille
    }
}

/// Ids that are the same in every run: they are the source of jitter.
pub fn delivery_id(number: u32) -> DeliveryId {
    DeliveryId::from_bytes(bytes(1, number))
}

pub fn endpoint_id(number: u32) -> EndpointId {
    EndpointId::from_bytes(bytes(2, number))
}

fn bytes(kind: u8, number: u32) -> [u8; 16] {
    let mut rng = Rng(u64::from(kind) << 32 | u64::from(number));
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    bytes[8..].copy_from_slice(&rng.next().to_be_bytes());
    bytes[4] = kind;
    bytes
}

/// A policy of seven attempts in about seven hours.
pub fn policy() -> Policy {
    let seconds = [5, 60, 600, 3_600, 7_200, 14_400];
    Policy::new(seconds.map(Duration::from_secs).into_iter().collect::<Schedule>())
}

/// One request that an endpoint has seen.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Printed in the trace.
    #[expect(dead_code, reason = "printed")]
    pub at: Timestamp,
    pub delivery: DeliveryId,
    pub endpoint: LaneId,
    pub event: EventId,
    pub order: Option<Order>,
    pub attempt: u32,
    pub succeeded: bool,
}

#[derive(Debug, Default)]
pub struct Known {
    pub attempted: HashSet<EventId>,
    pub acknowledged: BTreeMap<DeliveryId, (EventId, LaneId)>,
    /// Event ids in the order of their appends, for checking the order of keys.
    pub appended: Vec<EventId>,
    pub sent: Vec<Sent>,
    /// The time of the next attempt of a delivery, as the store recorded it.
    pub due: HashMap<DeliveryId, Timestamp>,
    /// Final states, with the time at which each was recorded.
    pub finals: HashMap<DeliveryId, (DeliveryState, Option<Timestamp>)>,
    keys_in_flight: HashMap<(LaneId, Order), u32>,
}

#[derive(Debug)]
pub struct World {
    pub store: FaultyStore<MemoryStore>,
    pub clock: TokioClock,
    pub known: Mutex<Known>,
    rng: Mutex<Rng>,
    peace: Mutex<bool>,
}

/// The behaviour of an endpoint for a while.
#[derive(Clone, Copy, Debug)]
enum Mood {
    Well,
    Slow,
    Failing,
    Hanging,
    Busy,
    Lost,
    Panicking,
    Local,
}

impl World {
    pub fn new(store: FaultyStore<MemoryStore>, clock: TokioClock, seed: u64) -> Self {
        Self { store, clock, known: Mutex::default(), rng: Mutex::new(Rng(seed)), peace: Mutex::new(false) }
    }

    pub fn make_peace(&self) {
        *self.peace.lock().unwrap() = true;
    }

    pub fn attempted(&self, append: &Append) {
        let mut known = self.known.lock().unwrap();
        known.attempted.insert(append.event.id.clone());
        known.appended.push(append.event.id.clone());
    }

    pub fn acknowledged(&self, append: &Append) {
        let mut known = self.known.lock().unwrap();
        for delivery in &append.deliveries {
            known.acknowledged.insert(delivery.id, (append.event.id.clone(), delivery.lane));
        }
    }

    /// An endpoint's behaviour changes every few hours, and is the same for both workers.
    fn mood(&self, lane: LaneId) -> Mood {
        if *self.peace.lock().unwrap() {
            return Mood::Well;
        }
        let hours = self.clock.now().as_secs() / (3 * 3_600);
        let mut rng = self.rng.lock().unwrap().clone();
        rng.0 ^= hours.unsigned_abs() << 8 ^ u64::from(lane.endpoint().unwrap().as_bytes()[3]);
        match rng.between(0, 14) {
            0 => Mood::Slow,
            1 | 2 => Mood::Failing,
            3 => Mood::Hanging,
            4 => Mood::Busy,
            5 => Mood::Lost,
            6 => Mood::Panicking,
            7 => Mood::Local,
            _ => Mood::Well,
        }
    }

    /// The whole run as text.
    pub fn trace(&self) -> String {
        format!("{:?}", self.known.lock().unwrap().sent)
    }
}

/// The network, from the side of one worker.
#[derive(Debug)]
pub struct Transport {
    world: Arc<World>,
    worker: usize,
    policy: Arc<Policy>,
    in_flight: Mutex<HashMap<LaneId, u32>>,
}

/// Decrements the counts of requests in flight, however the attempt ends.
struct Flight<'a>(&'a Transport, LaneId, Option<Order>);

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        *self.0.in_flight.lock().unwrap().entry(self.1).or_default() -= 1;
        if let Some(order) = self.2.take() {
            let mut known = self.0.world.known.lock().unwrap();
            *known.keys_in_flight.entry((self.1, order)).or_default() -= 1;
        }
    }
}

impl Transport {
    pub fn new(world: Arc<World>, worker: usize) -> Self {
        Self { world, worker, policy: Arc::new(policy()), in_flight: Mutex::default() }
    }

    /// Checks every invariant that concerns a request at the time when it is sent.
    async fn leave(&self, leased: &Leased) -> Flight<'_> {
        let now = self.world.clock.now();
        let id = leased.lease.delivery;
        // I2, I4: read from the inner store, which has no faults.
        let kept = self.world.store.inner().delivery(Work::Sent, id).await.unwrap().expect("I2: it was committed");
        assert!(!kept.state.is_final(), "I4: sent although it is {:?}", kept.state);
        assert!(kept.due > now, "I4: the lease ended at {}, sent at {now}", kept.due);
        let here = {
            let mut in_flight = self.in_flight.lock().unwrap();
            let here = in_flight.entry(leased.lane).or_default();
            *here += 1;
            *here
        };
        assert!(here <= CONCURRENCY, "I7: {here} in flight from worker {}", self.worker);
        let mut known = self.world.known.lock().unwrap();
        if let Some(due) = known.due.get(&id) {
            assert!(*due <= now, "I6: due at {due}, sent at {now}");
        }
        if let Some(order) = &leased.event.order {
            let others = known.keys_in_flight.entry((leased.lane, order.clone())).or_default();
            assert_eq!(*others, 0, "two deliveries of one key in flight");
            *others += 1;
        }
        Flight(self, leased.lane, leased.event.order.clone())
    }

    fn arrived(&self, leased: &Leased, succeeded: bool) {
        let (event, order) = (leased.event.id.clone(), leased.event.order.clone());
        let (delivery, endpoint, attempt) = (leased.lease.delivery, leased.lane, leased.attempt);
        let at = self.world.clock.now();
        self.world.known.lock().unwrap().sent.push(Sent { at, delivery, endpoint, event, order, attempt, succeeded });
    }
}

#[async_trait]
impl Deliver for Transport {
    fn work(&self) -> Work {
        Work::Sent
    }

    fn group(&self) -> &'static str {
        "simulated"
    }

    async fn deliver(&self, leased: &Leased) -> Option<Report> {
        let flight = self.leave(leased).await;
        let seconds = Duration::from_secs;
        let answer = |code, after| Report::new(Outcome::Status(code), after);
        let report = match self.world.mood(leased.lane) {
            Mood::Local => return Some(Report::new(Outcome::Local, Duration::ZERO)),
            Mood::Hanging => {
                tokio::time::sleep(seconds(20)).await;
                self.arrived(leased, false);
                Report::new(Outcome::Timeout, seconds(20))
            }
            Mood::Lost => {
                // The receiver has the request; the response never arrives.
                self.arrived(leased, true);
                tokio::time::sleep(seconds(3)).await;
                Report::new(Outcome::Reset, seconds(3))
            }
            Mood::Panicking => {
                self.arrived(leased, false);
                // A panic that the panic hook does not print.
                std::panic::resume_unwind(Box::new("on purpose"))
            }
            Mood::Busy => {
                self.arrived(leased, false);
                let until = self.world.clock.now() + seconds(600);
                answer(429, Duration::ZERO).retry_after(Some(until))
            }
            Mood::Failing => {
                self.arrived(leased, false);
                answer(503, Duration::ZERO)
            }
            mood => {
                let takes = if matches!(mood, Mood::Slow) { seconds(15) } else { Duration::from_millis(80) };
                tokio::time::sleep(takes).await;
                self.arrived(leased, true);
                answer(200, takes)
            }
        };
        drop(flight);
        Some(report)
    }

    async fn lane_policy(&self, _: LaneId) -> Result<LanePolicy, StoreError> {
        Ok(LanePolicy::open(NonZeroU32::new(CONCURRENCY).unwrap()))
    }

    async fn retry_policy(&self, _: &Leased) -> Arc<dyn RetryPolicy> {
        self.policy.clone()
    }

    fn settled(&self, settlement: &Settlement) {
        let id = settlement.lease.delivery;
        let mut known = self.world.known.lock().unwrap();
        match settlement.decision {
            Decision::Retry { at: due, .. } | Decision::RetryUncounted { at: due } => {
                known.due.insert(id, due);
            }
            Decision::Delivered => {
                known.finals.insert(id, (DeliveryState::Delivered, Some(settlement.at)));
            }
            Decision::Fail { .. } => {
                known.finals.insert(id, (DeliveryState::Failed, Some(settlement.at)));
            }
            _ => {}
        }
    }

    async fn maintain(&self) -> Result<Maintenance, StoreError> {
        Ok(Maintenance::default())
    }
}
