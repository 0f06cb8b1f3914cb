//! In every sequence of events, slots and leases are counted correctly, and no delivery is left behind.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::{Just, Strategy, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::test_runner::TestCaseError;

use super::Lanes;
use crate::clock::Timestamp;
use crate::delivery::{Leased, NewDelivery};
use crate::event::NewEvent;
use crate::id::{EndpointId, LaneId, WorkerId};
use crate::outcome::Outcome;
use crate::store::Claimed;
use crate::worker::peers::Peers;
use crate::worker::policy::LanePolicy;
use crate::worker::stage::ClaimStage;

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
const LEASE: Duration = Duration::from_secs(1_000_000_000);
const LEASES: u32 = 64;

fn lanes() -> Lanes {
    let mut lanes = Lanes::new(8, LEASES, Peers::alone(WorkerId::generate(NOW)));
    lanes.open();
    lanes
}

fn policy() -> LanePolicy {
    LanePolicy::open(NonZeroU32::new(4).unwrap()).proven(true).tenant("acme".into())
}

fn leased(lane: LaneId) -> Leased {
    let delivery = NewDelivery::new(lane, NOW);
    let event = NewEvent::json("a.b", &1).unwrap().seal(NOW);
    Leased::first(&delivery, NOW + LEASE, NOW, Arc::new(event))
}

fn lane() -> LaneId {
    EndpointId::generate(NOW).into()
}

fn begin_claim(lanes: &mut Lanes, lane: LaneId) {
    lanes.note_due(lane, NOW, NOW);
    assert_eq!(lanes.select(NOW), [lane]);
    assert_eq!(lanes.quotas(&[(lane, policy())], NOW).len(), 1);
}

fn end(lanes: &mut Lanes, leased: &Leased) {
    lanes.ended(leased.lane, Some(Outcome::Status(200)));
    lanes.settled(leased.lease, leased.lane, NOW);
}

/// The last delivery of a lane is settled while the next delivery is being claimed.
#[test]
fn a_lane_that_is_being_claimed_from_is_not_forgotten() {
    let (mut lanes, lane) = (lanes(), lane());
    let [first, second] = [leased(lane), leased(lane)];
    begin_claim(&mut lanes, lane);
    lanes.claimed(&[lane], Claimed { leased: vec![first], next: Vec::new() }, NOW);
    let first = lanes.next(NOW).unwrap();
    begin_claim(&mut lanes, lane);
    end(&mut lanes, &first);
    lanes.claimed(&[lane], Claimed { leased: vec![second], next: Vec::new() }, NOW);
    assert_eq!(lanes.lanes[&lane].policy(), Some(&policy()));
    let second = lanes.next(NOW).unwrap();
    end(&mut lanes, &second);
    assert!(lanes.lanes.is_empty(), "an idle lane is dropped");
}

/// An attempt of an unknown lane is in flight when the lane succeeds.
#[test]
fn a_slot_is_freed_where_it_is_counted_whatever_is_learnt_meanwhile() {
    let mut lanes = lanes();
    for _ in 0..16 {
        let lane = lane();
        lanes.accept(leased(lane));
        let started = lanes.next(NOW).expect("all slots are free");
        begin_claim(&mut lanes, lane);
        lanes.claimed(&[lane], Claimed::default(), NOW);
        end(&mut lanes, &started);
        assert_eq!(lanes.slots.used(), 0);
    }
}

/// The endpoint of a lane is removed during a claim, while deliveries are being appended and others are in flight.
#[test]
fn a_lane_that_is_closed_frees_its_slots_and_leases() {
    let (mut lanes, lane) = (lanes(), lane());
    assert!(lanes.reserve(lane, &policy(), NOW) && lanes.reserve(lane, &policy(), NOW));
    lanes.hand_over(leased(lane));
    let started = lanes.next(NOW).unwrap();
    begin_claim(&mut lanes, lane);
    assert!(lanes.leases.free() < LEASES - 2);
    lanes.change_policy(lane, &LanePolicy::closed(), NOW);
    lanes.claimed(&[lane], Claimed::default(), NOW);
    lanes.unreserve(lane, NOW);
    end(&mut lanes, &started);
    assert_eq!((lanes.leases.free(), lanes.slots.used()), (LEASES, 0));
    assert!(lanes.lanes.is_empty());
}

#[test]
fn a_delivery_that_is_claimed_or_appended_while_its_lane_is_closed_is_released() {
    let (mut lanes, lane) = (lanes(), lane());
    assert!(lanes.reserve(lane, &policy(), NOW));
    begin_claim(&mut lanes, lane);
    lanes.change_policy(lane, &LanePolicy::closed(), NOW);
    lanes.claimed(&[lane], Claimed { leased: vec![leased(lane)], next: Vec::new() }, NOW);
    lanes.hand_over(leased(lane));
    assert_eq!((lanes.take_to_release().len(), lanes.leases.free()), (2, LEASES));
}

/// Another process may open the endpoint, and this worker gets no report of it.
#[test]
fn the_policy_of_a_closed_lane_is_read_again_although_the_lane_has_failed() {
    let (mut lanes, lane) = (lanes(), lane());
    lanes.accept(leased(lane));
    let started = lanes.next(NOW).unwrap();
    lanes.ended(lane, Some(Outcome::Status(410)));
    lanes.note_due(lane, NOW, NOW);
    lanes.change_policy(lane, &LanePolicy::closed(), NOW);
    lanes.settled(started.lease, lane, NOW);
    lanes.note_due(lane, NOW, NOW);
    assert_eq!(lanes.select(NOW), [lane]);
}

/// The events of lanes. Numbers select one of the existing objects.
#[derive(Clone, Debug)]
enum Step {
    Due(usize),
    BeginClaim,
    EndClaim(u32),
    FailClaim,
    Reserve(usize),
    Unreserve,
    HandOver,
    Start,
    EndAttempt(usize, Option<Outcome>),
    Settle,
    Change(usize, LanePolicy),
    Pause(usize, u64),
    Wait(u64),
    Stop,
}

fn any_policy() -> impl Strategy<Value = LanePolicy> {
    let open = |concurrency, proven: bool, failures| {
        LanePolicy::open(NonZeroU32::new(concurrency).unwrap()).proven(proven).failures(failures)
    };
    prop_oneof![
        Just(LanePolicy::closed()),
        (1u32..6, proptest::bool::ANY, 0u32..5).prop_map(move |(c, proven, failures)| open(c, proven, failures)),
        (1u32..6, proptest::bool::ANY, 0u32..5)
            .prop_map(move |(c, proven, failures)| open(c, proven, failures).tenant("acme".into())),
    ]
}

fn any_step() -> impl Strategy<Value = Step> {
    let outcome = prop_oneof![
        Just(None),
        Just(Some(Outcome::Status(200))),
        Just(Some(Outcome::Status(500))),
        Just(Some(Outcome::Local)),
    ];
    prop_oneof![
        (0usize..5).prop_map(Step::Due),
        Just(Step::BeginClaim),
        (0u32..9).prop_map(Step::EndClaim),
        Just(Step::FailClaim),
        (0usize..5).prop_map(Step::Reserve),
        Just(Step::Unreserve),
        Just(Step::HandOver),
        Just(Step::Start),
        Just(Step::Start),
        (0usize..9, outcome).prop_map(|(which, outcome)| Step::EndAttempt(which, outcome)),
        Just(Step::Settle),
        (0usize..5, any_policy()).prop_map(|(lane, policy)| Step::Change(lane, policy)),
        (0usize..5, 0u64..5).prop_map(|(lane, seconds)| Step::Pause(lane, seconds)),
        (0u64..5).prop_map(Step::Wait),
        Just(Step::Stop),
    ]
}

type Quotas = Vec<(LaneId, u32)>;

/// The lanes, and the expected state outside of them.
struct World {
    lanes: Lanes,
    ids: [LaneId; 5],
    policies: [LanePolicy; 5],
    now: Timestamp,
    claim: Option<(Vec<LaneId>, Quotas)>,
    reserved: Vec<LaneId>,
    in_flight: Vec<Leased>,
    ended: Vec<Leased>,
}

impl World {
    fn new() -> Self {
        Self {
            lanes: lanes(),
            ids: std::array::from_fn(|_| lane()),
            policies: std::array::from_fn(|_| policy()),
            now: NOW,
            claim: None,
            reserved: Vec::new(),
            in_flight: Vec::new(),
            ended: Vec::new(),
        }
    }

    fn take(&mut self, step: Step) {
        let now = self.now;
        match step {
            Step::Due(n) => self.lanes.note_due(self.ids[n], now, now),
            Step::BeginClaim => self.begin_claim(),
            Step::EndClaim(found) => self.end_claim(found),
            Step::FailClaim => {
                if let Some((selected, _)) = self.claim.take() {
                    self.lanes.claim_failed(&selected, now);
                }
            }
            Step::Reserve(n) => {
                if self.lanes.reserve(self.ids[n], &self.policies[n], now) {
                    self.reserved.push(self.ids[n]);
                }
            }
            Step::Unreserve => {
                if let Some(lane) = self.reserved.pop() {
                    self.lanes.unreserve(lane, now);
                }
            }
            Step::HandOver => {
                if let Some(lane) = self.reserved.pop() {
                    self.lanes.hand_over(leased(lane));
                }
            }
            Step::Start => self.in_flight.extend(self.lanes.next(now)),
            Step::EndAttempt(which, outcome) => self.end_attempt(which, outcome),
            Step::Settle => {
                if let Some(leased) = self.ended.pop() {
                    self.lanes.settled(leased.lease, leased.lane, now);
                }
            }
            Step::Change(n, policy) => {
                self.lanes.change_policy(self.ids[n], &policy, now);
                self.policies[n] = policy;
            }
            Step::Pause(n, seconds) => self.lanes.pause(self.ids[n], now + Duration::from_secs(seconds), now),
            Step::Wait(seconds) => self.now = now + Duration::from_secs(seconds),
            Step::Stop => {
                self.lanes.close();
                self.lanes.open();
                // The requested deliveries are accepted and no longer expected.
                self.claim.iter_mut().for_each(|claim| claim.1.clear());
            }
        }
    }

    fn begin_claim(&mut self) {
        if self.claim.is_some() {
            return;
        }
        let selected = self.lanes.select(self.now);
        let policy = |id: &LaneId| (*id, self.policies[self.ids.iter().position(|it| it == id).unwrap()].clone());
        let policies: Vec<_> = selected.iter().map(policy).collect();
        let quotas = self.lanes.quotas(&policies, self.now);
        self.claim = Some((selected, quotas));
    }

    /// Each lane finds up to `found` deliveries.
    fn end_claim(&mut self, found: u32) {
        let Some((selected, quotas)) = self.claim.take() else { return };
        let of = |(lane, max): &(LaneId, u32)| (0..(*max).min(found)).map(|_| leased(*lane)).collect::<Vec<_>>();
        let leased = quotas.iter().flat_map(of).collect();
        self.lanes.claimed(&selected, Claimed { leased, next: Vec::new() }, self.now);
    }

    fn end_attempt(&mut self, which: usize, outcome: Option<Outcome>) {
        if self.in_flight.is_empty() {
            return;
        }
        let leased = self.in_flight.swap_remove(which % self.in_flight.len());
        self.lanes.ended(leased.lane, outcome);
        if outcome.is_some() {
            self.ended.push(leased);
        } else {
            self.lanes.release_unattempted(leased.lease, leased.lane, self.now);
        }
    }

    /// Checks that the worker's counts are equal to the expected ones.
    fn check(&self) -> Result<(), TestCaseError> {
        prop_assert_eq!(self.lanes.slots.used() as usize, self.in_flight.len());
        let ready: usize = self.lanes.lanes.values().map(|lane| lane.ready.len()).sum();
        let requested: u32 = self.claim.iter().flat_map(|(_, quotas)| quotas).map(|(_, max)| *max).sum();
        let held = ready + self.in_flight.len() + self.ended.len() + self.reserved.len() + requested as usize;
        prop_assert_eq!((LEASES - self.lanes.leases.free()) as usize, held);
        Ok(())
    }

    /// Ends all attempts, claims and settlements.
    fn finish(&mut self) -> Result<(), TestCaseError> {
        self.end_claim(0);
        while let Some(lane) = self.reserved.pop() {
            self.lanes.unreserve(lane, self.now);
        }
        // More than one round for each pause and each probe of a failing lane.
        for _ in 0..200 {
            self.now = self.now + Duration::from_secs(10);
            self.begin_claim();
            self.end_claim(0);
            self.in_flight.extend(self.lanes.next(self.now));
            self.end_attempt(0, Some(Outcome::Status(200)));
            self.take(Step::Settle);
        }
        prop_assert_eq!((self.lanes.slots.used(), self.lanes.leases.free()), (0, LEASES));
        for lane in self.lanes.lanes.values() {
            prop_assert!(lane.ready.is_empty() && lane.reserved == 0 && lane.in_flight == 0, "{lane:?}");
            prop_assert!(lane.claim != ClaimStage::Due, "the lane is due and was never claimed: {lane:?}");
        }
        Ok(())
    }
}

proptest! {
    #[test]
    fn slots_and_leases_are_counted_as_what_is_held_and_nothing_is_left(
        steps in proptest::collection::vec(any_step(), 0..200),
    ) {
        let mut world = World::new();
        for step in steps {
            world.take(step);
            world.check()?;
        }
        world.finish()?;
    }
}
