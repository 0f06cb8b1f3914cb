//! What must hold whatever happens while the store is being asked.

use std::num::NonZeroU32;
use std::sync::Arc;

use super::{Claimed, Crowd, Duration, LaneId, Lanes, Leased, Limits, Outcome, Terms, Timestamp};
use crate::delivery::NewDelivery;
use crate::event::NewEvent;
use crate::id::{DeliveryId, WorkerId};

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
const LEASE: Duration = Duration::from_secs(60);

fn lanes() -> Lanes {
    let mut lanes = Lanes::new(Limits { in_flight: 8, leases: 64 }, Crowd::alone(WorkerId::generate(NOW)));
    lanes.open();
    lanes
}

fn terms() -> Terms {
    Terms::open(NonZeroU32::new(4).unwrap()).known_to_succeed(true).of_tenant("acme".into())
}

fn leased(lane: LaneId) -> Leased {
    let delivery = NewDelivery { id: DeliveryId::generate(NOW), lane, leased_until: None };
    let event = NewEvent::json("a.b", &1).unwrap().seal(NOW);
    Leased::first(&delivery, NOW + LEASE, NOW, Arc::new(event))
}

fn begin_claim(lanes: &mut Lanes, lane: LaneId) {
    lanes.due(lane, NOW, NOW);
    assert_eq!(lanes.take_backlogged(NOW), [lane]);
    assert_eq!(lanes.quotas(&[(lane, terms())], NOW).len(), 1);
}

fn end(lanes: &mut Lanes, leased: &Leased) {
    lanes.ended(leased.lane, Some(Outcome::Status(200)));
    lanes.settled(leased.lease, leased.lane, NOW);
}

/// Its last delivery is settled while the next is being claimed.
#[test]
fn a_lane_that_is_being_claimed_from_is_not_forgotten() {
    let (mut lanes, lane) = (lanes(), LaneId::from(crate::id::EndpointId::generate(NOW)));
    let [first, second] = [leased(lane), leased(lane)];
    begin_claim(&mut lanes, lane);
    lanes.claimed(&[lane], Claimed { leased: vec![first], next: Vec::new() }, NOW);
    let first = lanes.next(NOW).unwrap();
    begin_claim(&mut lanes, lane);
    end(&mut lanes, &first);
    lanes.claimed(&[lane], Claimed { leased: vec![second], next: Vec::new() }, NOW);
    assert_eq!(lanes.lanes[&lane].terms, terms());
    let second = lanes.next(NOW).unwrap();
    end(&mut lanes, &second);
    assert!(lanes.lanes.is_empty(), "nor is it kept for ever");
}

/// An attempt of a lane of which nothing was known is under way when it turns out that the lane succeeds.
#[test]
fn a_slot_is_freed_where_it_is_counted_whatever_is_learnt_meanwhile() {
    let mut lanes = lanes();
    for _ in 0..16 {
        let lane = LaneId::from(crate::id::EndpointId::generate(NOW));
        lanes.push(leased(lane));
        let started = lanes.next(NOW).expect("all slots are free");
        begin_claim(&mut lanes, lane);
        lanes.claimed(&[lane], Claimed::default(), NOW);
        end(&mut lanes, &started);
        assert_eq!(lanes.slots.used(), 0);
    }
}

/// Its endpoint is removed while a claim from it is under way, deliveries are being appended, and others are under way.
#[test]
fn what_a_lane_holds_is_given_back_to_its_tenant_although_it_is_closed_meanwhile() {
    let (mut lanes, lane) = (lanes(), LaneId::from(crate::id::EndpointId::generate(NOW)));
    assert!(lanes.reserve(lane, &terms(), NOW) && lanes.reserve(lane, &terms(), NOW));
    lanes.hand_over(leased(lane));
    let started = lanes.next(NOW).unwrap();
    begin_claim(&mut lanes, lane);
    assert!(lanes.leases.room() < 64 - 2);
    lanes.change_terms(lane, &Terms::closed(), NOW);
    lanes.claimed(&[lane], Claimed::default(), NOW);
    lanes.unreserve(lane, NOW);
    end(&mut lanes, &started);
    assert_eq!((lanes.leases.room(), lanes.slots.used()), (64, 0));
    assert!(lanes.lanes.is_empty());
}
