//! All lanes of a worker: the deliveries in them, and the deliveries that the worker may claim and start. This code keeps all state in
//! memory and does no I/O.
//!
//! A lane holds deliveries that are *reserved* (being appended, already leased to this worker), *ready* (leased, not started) or *in
//! flight*. The worker claims more deliveries of a lane if the lane can hold more and due deliveries are known or expected there.
//! [`claims`] selects what to claim, [`starts`] selects what to start.

mod claims;
mod starts;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use super::fair_queue::FairQueue;
use super::lane::Lane;
use super::leases::Leases;
use super::peers::Peers;
use super::policy::LanePolicy;
use super::slots::Slots;
use super::stage::{ClaimStage, SlotStage};
use super::throttle::{LaneHealth, Throttle};
use crate::clock::Timestamp;
use crate::delivery::{Lease, Leased};
use crate::endpoint::OnFailure;
use crate::id::{LaneId, Tenant};

/// A lane with a longer pause releases the deliveries that it has not started, because another lane may need the leases.
const SHORT_PAUSE: Duration = Duration::from_secs(1);

/// All lanes of one worker.
#[derive(Debug)]
pub(super) struct Lanes {
    peers: Peers,
    /// Whether the worker runs and accepts deliveries.
    open: bool,
    lanes: HashMap<LaneId, Lane>,
    slots: Slots,
    leases: Leases,
    /// Lanes to claim from.
    claimable: FairQueue,
    /// Lanes to claim from whose tenants already hold their share of the leases. They are checked again when leases end.
    starved: FairQueue,
    timers: BTreeSet<(Timestamp, LaneId)>,
    /// Leases of deliveries that will not be started here.
    to_release: Vec<Lease>,
}

impl Lanes {
    /// Creates an empty set of lanes. `in_flight` is the number of slots, `leases` the number of leases.
    pub(super) fn new(in_flight: u32, leases: u32, peers: Peers) -> Self {
        Self {
            peers,
            open: false,
            lanes: HashMap::new(),
            slots: Slots::new(in_flight),
            leases: Leases::new(leases),
            claimable: FairQueue::default(),
            starved: FairQueue::default(),
            timers: BTreeSet::new(),
            to_release: Vec::new(),
        }
    }

    /// Returns the peers, which are the workers that share the lanes. A change takes effect with the next claim from a lane.
    pub(super) const fn peers(&mut self) -> &mut Peers {
        &mut self.peers
    }

    /// Starts to accept deliveries.
    pub(super) const fn open(&mut self) {
        self.open = true;
    }

    /// Stops accepting deliveries, and releases those that were not started.
    pub(super) fn close(&mut self) {
        self.open = false;
        self.slots.clear_queues();
        self.claimable.clear();
        self.starved.clear();
        self.timers.clear();
        let mut ids: Vec<_> = self.lanes.keys().copied().collect();
        ids.sort_unstable(); // A simulation repeats a run exactly.
        for id in ids {
            self.release_ready(id);
            self.update(id, |lane| {
                (lane.slot, lane.claim, lane.timer) = (SlotStage::Idle, ClaimStage::Nothing, None);
            });
        }
        self.lanes.retain(|_, lane| lane.held() > 0);
    }

    /// Changes a lane together with the counts of slots and leases, so that the counts are always the sums over the lanes. Returns `None`
    /// if the lane is unknown.
    fn update<T>(&mut self, id: LaneId, change: impl FnOnce(&mut Lane) -> T) -> Option<T> {
        let lane = self.lanes.get_mut(&id)?;
        let (before, had_tenant) = (lane.usage(), lane.tenant().is_some());
        let changed = change(lane);
        let (after, tenant) = (lane.usage(), lane.tenant());
        if had_tenant != tenant.is_some() {
            // The policy names the tenant for the first time. Until now the lane was counted without a tenant.
            self.slots.recount(&None, before, before.nothing());
            self.leases.recount(&None, before.expected, 0);
            self.slots.recount(tenant, before.nothing(), after);
            self.leases.recount(tenant, 0, after.expected);
        } else if before != after {
            self.slots.recount(tenant, before, after);
            self.leases.recount(tenant, before.expected, after.expected);
        }
        Some(changed)
    }

    /// Adopts this worker's part of the policy. A lane that is now closed releases the deliveries that it has not started.
    fn adopt(&mut self, id: LaneId, policy: &LanePolicy, now: Timestamp) {
        self.slots.see(policy.tenant.as_ref());
        self.leases.see(policy.tenant.as_ref());
        let part = self.peers.part(policy);
        let is_closed = self.update(id, |lane| {
            lane.adopt(&part, now);
            lane.is_closed()
        });
        if is_closed == Some(true) {
            self.release_ready(id);
        }
    }

    /// Changes the policy of a lane at once. A lane that is now closed releases the deliveries that it has not started.
    pub(super) fn change_policy(&mut self, id: LaneId, policy: &LanePolicy, now: Timestamp) {
        self.update(id, |lane| {
            if lane.is_closed() && policy.concurrency > 0 {
                lane.throttle = Throttle::default();
            }
        });
        self.adopt(id, policy, now);
        if policy.concurrency == 0 {
            self.drop_if_idle(id, now);
        } else {
            // A lane that is open again may have deliveries in the store.
            self.enqueue(id);
            self.note_due(id, now, now);
        }
    }

    /// Lets a lane start with one attempt at a time, because all held deliveries are released at the same time.
    pub(super) fn start_slowly(&mut self, id: LaneId) {
        if self.open {
            self.lanes.entry(id).or_default().throttle.start_slowly();
        }
    }

    /// Whether a failed delivery continues to block its ordering key in this lane.
    pub(super) fn parks(&self, id: LaneId) -> bool {
        let policy = self.lanes.get(&id).and_then(Lane::policy);
        policy.is_some_and(|policy| policy.on_failure == OnFailure::Park)
    }

    /// Reserves room for a delivery that is about to be appended, and returns whether there was room. A lane with a backlog has no room,
    /// because its older deliveries go first.
    pub(super) fn reserve(&mut self, id: LaneId, policy: &LanePolicy, now: Timestamp) -> bool {
        if !self.open || self.leases.free() == 0 {
            return false;
        }
        self.lanes.entry(id).or_default();
        self.adopt(id, policy, now);
        let Some(lane) = self.lanes.get(&id) else { return false };
        let is_free = !lane.claim.has_backlog() && lane.throttle.paused_until(now).is_none();
        if !is_free || lane.capacity() == 0 || !self.leases.may_hold(lane.tenant()) {
            self.drop_if_idle(id, now);
            return false;
        }
        self.update(id, |lane| lane.reserved += 1);
        true
    }

    /// Ends a reservation whose delivery was not appended.
    pub(super) fn unreserve(&mut self, id: LaneId, now: Timestamp) {
        self.end_reservation(id);
        self.list(id);
        self.drop_if_idle(id, now);
    }

    /// Accepts a delivery for which room was reserved.
    pub(super) fn hand_over(&mut self, leased: Leased) {
        self.end_reservation(leased.lane);
        self.accept(leased);
    }

    fn end_reservation(&mut self, id: LaneId) {
        self.update(id, |lane| lane.reserved = lane.reserved.saturating_sub(1));
    }

    /// Makes a leased delivery ready to start. Releases it if the worker has stopped or the lane was closed meanwhile.
    fn accept(&mut self, leased: Leased) {
        let id = leased.lane;
        if !self.open || self.lanes.get(&id).is_some_and(Lane::is_closed) {
            self.to_release.push(leased.lease);
            // The time does not matter for a closed lane.
            self.drop_if_idle(id, Timestamp::MAX);
            return;
        }
        let lane = self.lanes.entry(id).or_default();
        self.leases.add(leased.lease, leased.until, lane.tenant().clone());
        lane.ready.push_back(leased);
        self.enqueue(id);
    }

    /// Starts nothing in this lane before `until`.
    pub(super) fn pause(&mut self, id: LaneId, until: Timestamp, now: Timestamp) {
        if let Some(lane) = self.lanes.get_mut(&id) {
            lane.throttle.pause(until);
            self.wait_until(id, until, now);
        }
    }

    /// Checks a paused lane again when the pause ends. After a long pause its deliveries are claimed again.
    fn wait_until(&mut self, id: LaneId, until: Timestamp, now: Timestamp) {
        if until.since(now) > SHORT_PAUSE {
            self.release_ready(id);
        }
        self.set_timer(id, until);
    }

    /// Checks the lane again at this time, or earlier if a timer is already set.
    fn set_timer(&mut self, id: LaneId, at: Timestamp) {
        if let Some(lane) = self.lanes.get_mut(&id)
            && lane.timer.is_none_or(|timer| at < timer)
        {
            if let Some(timer) = lane.timer.replace(at) {
                self.timers.remove(&(timer, id));
            }
            self.timers.insert((at, id));
        }
    }

    /// Returns the time of the next timer.
    pub(super) fn next_timer(&self) -> Option<Timestamp> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// Handles a settlement that the store has recorded, or whose lease was lost.
    pub(super) fn settled(&mut self, lease: Lease, id: LaneId, now: Timestamp) {
        self.forget(lease);
        self.drop_if_idle(id, now);
    }

    /// Drops a lease, unless its delivery was claimed again since then.
    pub(super) fn forget(&mut self, lease: Lease) {
        if self.leases.forget(lease) {
            self.list_waiting();
        }
    }

    /// Drops and releases a lease of this lane, because no attempt was made.
    pub(super) fn release_unattempted(&mut self, lease: Lease, id: LaneId, now: Timestamp) {
        self.forget(lease);
        self.to_release.push(lease);
        self.drop_if_idle(id, now);
    }

    /// Drops and releases the deliveries that the lane has not started.
    fn release_ready(&mut self, id: LaneId) {
        let Some(lane) = self.lanes.get_mut(&id) else { return };
        for leased in std::mem::take(&mut lane.ready) {
            self.leases.end(leased.lease.delivery);
            self.to_release.push(leased.lease);
        }
    }

    /// Drops and releases all leases, and returns how many there were.
    pub(super) fn release_all(&mut self) -> usize {
        let all = self.leases.take_all();
        let count = all.len();
        self.to_release.extend(all);
        count
    }

    /// Takes the leases that must be released in the store.
    pub(super) fn take_to_release(&mut self) -> Vec<Lease> {
        std::mem::take(&mut self.to_release)
    }

    /// Puts back leases that could not be released.
    pub(super) fn put_back_to_release(&mut self, leases: Vec<Lease>) {
        self.to_release.extend(leases);
    }

    pub(super) const fn has_to_release(&self) -> bool {
        !self.to_release.is_empty()
    }

    /// Returns whether the worker holds no delivery and no delivery is due in the store.
    pub(super) fn is_quiet(&self, now: Timestamp) -> bool {
        let is_due = self.wants_claim() || self.next_timer().is_some_and(|timer| timer <= now);
        !is_due && !self.has_to_release() && self.lanes.values().all(|lane| lane.held() == 0)
    }

    /// Returns the leases that end before `deadline`.
    pub(super) fn ending(&self, deadline: Timestamp) -> Vec<Lease> {
        self.leases.ending(deadline)
    }

    /// Records that the store has extended this lease.
    pub(super) fn extended(&mut self, lease: Lease, until: Timestamp) {
        self.leases.extend(lease, until);
    }

    /// Returns the number of failing lanes.
    pub(super) fn failing(&self) -> usize {
        self.lanes.values().filter(|lane| lane.throttle.health() == LaneHealth::Failing).count()
    }

    /// Returns, for each lane with due deliveries in the store, its tenant and the due time of its oldest delivery.
    pub(super) fn overdue(&self) -> Vec<(Option<Tenant>, Timestamp)> {
        self.lanes.values().filter_map(|lane| Some((lane.tenant().clone(), lane.due_since?))).collect()
    }

    /// Drops an idle lane, so that the memory depends only on the active lanes.
    fn drop_if_idle(&mut self, id: LaneId, now: Timestamp) {
        if self.lanes.get(&id).is_some_and(|lane| lane.is_idle(now)) {
            self.lanes.remove(&id);
        }
    }

    /// Drops everything after a hard stop, which has cut off the attempts in flight.
    pub(super) fn reset(&mut self, in_flight: u32, leases: u32) {
        *self = Self::new(in_flight, leases, Peers::alone(self.peers.me));
    }
}
