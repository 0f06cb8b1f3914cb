//! What the worker holds and what it may start: fairness and limits, in memory, without I/O.
//!
//! A lane holds leased deliveries: *reserved* (being appended, born leased), *ready* (leased, not started) and *in
//! flight*. It asks the store for more only while it has room, and only when it knows or suspects due work there.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use super::config::Limits;
use super::crowd::Crowd;
use super::deliver::Terms;
use super::gate::{Gate, Standing};
use super::lane::Lane;
use super::leases::Leases;
use super::slots::Slots;
use super::turns::Turns;
use crate::clock::Timestamp;
use crate::delivery::{Lease, Leased};
use crate::endpoint::OnFailure;
use crate::id::{LaneId, Tenant};
use crate::outcome::Outcome;
use crate::store::{Claimed, LaneClaim, LaneDue};

/// Most a single claim asks of one lane, so that one claim serves many lanes.
const MAX_QUOTA: u32 = 64;

/// Most lanes a single claim names.
const MAX_CLAIM_LANES: usize = 256;

/// A lane that may start nothing for longer than this gives back what it holds: somebody else may need the leases.
const SHORT_WAIT: Duration = Duration::from_secs(1);

/// All lanes of one worker.
#[derive(Debug)]
pub(super) struct Lanes {
    limits: Limits,
    crowd: Crowd,
    open: bool,
    lanes: HashMap<LaneId, Lane>,
    slots: Slots,
    /// Lanes with a backlog whose tenants hold their share of the leases: listed again when leases end.
    starved: Turns,
    /// Lanes with a backlog in the store and room to take some, in turn.
    backlogged: Turns,
    timers: BTreeSet<(Timestamp, LaneId)>,
    leases: Leases,
    /// Leases of deliveries that will not be started here.
    give_back: Vec<Lease>,
}

impl Lanes {
    pub(super) fn new(limits: Limits, crowd: Crowd) -> Self {
        Self {
            limits,
            crowd,
            open: false,
            lanes: HashMap::new(),
            slots: Slots::new(limits.in_flight),
            starved: Turns::default(),
            backlogged: Turns::default(),
            timers: BTreeSet::new(),
            leases: Leases::new(limits.leases),
            give_back: Vec::new(),
        }
    }

    /// Who shares the lanes. A lane's part is agreed anew before every claim from it.
    pub(super) const fn crowd(&mut self) -> &mut Crowd {
        &mut self.crowd
    }

    /// Starts to accept work.
    pub(super) fn open(&mut self) {
        self.open = true;
    }

    /// Stops accepting work; what was leased but not started is to be given back.
    pub(super) fn close(&mut self) {
        self.open = false;
        let ids: Vec<_> = self.lanes.keys().copied().collect();
        for id in ids {
            self.return_ready(id);
        }
        self.slots.clear();
        self.backlogged.clear();
        self.starved.clear();
        self.timers.clear();
        let asked: Vec<_> = self.lanes.iter().filter(|(_, lane)| lane.asked > 0).map(|(id, _)| *id).collect();
        asked.into_iter().for_each(|id| self.end_asking(id));
        self.lanes.retain(|_, lane| lane.held() > 0);
        for lane in self.lanes.values_mut() {
            (lane.backlog, lane.listed, lane.timer) = (false, false, None);
            (lane.queued, lane.waiting) = (false, false);
        }
    }

    /// What the lane holds and has not started is to be given back.
    fn return_ready(&mut self, id: LaneId) {
        let Some(lane) = self.lanes.get_mut(&id) else { return };
        let ready = std::mem::take(&mut lane.ready);
        for leased in ready {
            self.leases.end(leased.lease.delivery);
            self.give_back.push(leased.lease);
        }
    }

    /// This delivery will not be started here.
    pub(super) fn refuse(&mut self, lease: Lease) {
        self.forget(lease);
        self.give_back.push(lease);
    }

    /// Leases to be given back now.
    pub(super) fn take_give_back(&mut self) -> Vec<Lease> {
        std::mem::take(&mut self.give_back)
    }

    /// They could not be given back yet.
    pub(super) fn put_back_leases(&mut self, leases: Vec<Lease>) {
        self.give_back.extend(leases);
    }

    pub(super) const fn has_give_back(&self) -> bool {
        !self.give_back.is_empty()
    }

    /// Room for one more delivery that is about to be appended? A lane with a backlog has none: what is older goes
    /// first.
    pub(super) fn reserve(&mut self, id: LaneId, terms: &Terms, now: Timestamp) -> bool {
        if !self.open || self.leases.room() == 0 {
            return false;
        }
        self.lanes.entry(id).or_insert_with(Lane::assumed);
        self.agree(id, terms, now);
        let Some(lane) = self.lanes.get_mut(&id) else { return false };
        let may_hold = lane.room() > 0 && self.leases.may_hold(&lane.terms.tenant);
        if lane.backlog || lane.gate.shut_until(now).is_some() || !may_hold {
            self.tidy(id, now);
            return false;
        }
        lane.reserved += 1;
        self.leases.reserve(&lane.terms.tenant, 1);
        true
    }

    /// Ends a reservation that came to nothing.
    pub(super) fn unreserve(&mut self, id: LaneId, now: Timestamp) {
        self.end_reservation(id);
        self.list(id);
        self.tidy(id, now);
    }

    fn end_reservation(&mut self, id: LaneId) {
        if let Some(lane) = self.lanes.get_mut(&id) {
            lane.reserved = lane.reserved.saturating_sub(1);
            self.leases.unreserve(&lane.terms.tenant, 1);
        }
    }

    /// Takes in a delivery whose place was reserved. Given back when the worker no longer accepts work.
    pub(super) fn hand_over(&mut self, leased: Leased) {
        self.end_reservation(leased.lane);
        self.push(leased);
    }

    fn push(&mut self, leased: Leased) {
        if !self.open {
            self.give_back.push(leased.lease);
            return;
        }
        let id = leased.lane;
        let lane = self.lanes.entry(id).or_insert_with(Lane::assumed);
        self.leases.add(leased.lease, leased.until, lane.terms.tenant.clone());
        lane.ready.push_back(leased);
        self.enqueue(id);
    }

    fn enqueue(&mut self, id: LaneId) {
        if let Some(lane) = self.lanes.get_mut(&id)
            && lane.can_start()
            && !lane.queued
            && !lane.waiting
        {
            lane.queued = true;
            self.slots.push(lane.gate.standing(), lane.terms.tenant.clone(), id);
        }
    }

    /// Changes a lane, and counts its attempts in flight where they belong then.
    fn recount(&mut self, id: LaneId, change: impl FnOnce(&mut Lane)) {
        let Some(lane) = self.lanes.get_mut(&id) else { return };
        let before = (lane.gate.standing(), lane.in_flight);
        change(lane);
        self.slots.recount(&lane.terms.tenant, before, (lane.gate.standing(), lane.in_flight));
    }

    /// This worker's part of these terms is what counts in the lane from now on.
    fn agree(&mut self, id: LaneId, terms: &Terms, now: Timestamp) {
        self.slots.see(terms.tenant.as_ref());
        self.leases.see(terms.tenant.as_ref());
        let part = self.crowd.part(terms);
        let is_found_out = |lane: &&Lane| lane.in_flight > 0 && lane.terms.tenant.is_none() && part.tenant.is_some();
        if let Some(lane) = self.lanes.get(&id).filter(is_found_out) {
            self.slots.remove(&lane.terms.tenant, lane.gate.standing(), lane.in_flight);
            self.slots.add(&part.tenant, lane.gate.standing(), lane.in_flight);
        }
        self.recount(id, |lane| lane.agree(&part, now));
    }

    /// The next delivery to start: tenants and their lanes take turns, each lane within its own limits and all within the
    /// worker's.
    pub(super) fn next(&mut self, now: Timestamp) -> Option<Leased> {
        while self.open {
            let Some(id) = self.slots.pop() else {
                // Nothing is under way whose end would have those looked at that wait.
                if self.slots.used() > 0 || !self.wake_waiting() {
                    return None;
                }
                continue;
            };
            if let Some(leased) = self.start(id, now) {
                self.enqueue(id);
                return Some(leased);
            }
        }
        None
    }

    /// Starts one attempt of this lane, if its gate and its share of the slots let it.
    fn start(&mut self, id: LaneId, now: Timestamp) -> Option<Leased> {
        let is_alone = self.lanes.len() == 1;
        let lane = self.lanes.get_mut(&id)?;
        lane.queued = false;
        let standing = lane.gate.standing();
        if !lane.can_start() {
            return None;
        }
        if self.slots.free(standing) == 0 {
            // It has moved to another line since it was listed.
            self.enqueue(id);
            return None;
        }
        if !self.slots.may_start(&lane.terms.tenant, standing) {
            lane.waiting = true;
            self.slots.hold_back(lane.terms.tenant.clone(), id);
            return None;
        }
        // A first slot it always may have, and a lone lane all of them.
        if lane.in_flight > 0 && !is_alone && lane.in_flight >= self.slots.share(standing) {
            lane.waiting = true;
            self.slots.wait(id);
            return None;
        }
        if let Err(until) = lane.gate.take(now) {
            self.wait(id, until, now);
            return None;
        }
        let leased = lane.ready.pop_front()?;
        if !self.leases.is_valid(leased.lease, now) {
            // Lost, or as good as lost: whoever claims it next makes the attempt. That may have been this worker.
            self.forget(leased.lease);
            self.enqueue(id);
            return None;
        }
        self.recount(id, |lane| lane.in_flight += 1);
        Some(leased)
    }

    /// Nothing of this lane starts until then.
    fn wait(&mut self, id: LaneId, until: Timestamp, now: Timestamp) {
        if until.since(now) > SHORT_WAIT {
            self.return_ready(id);
        }
        self.set_timer(id, until);
    }

    /// An attempt has ended: its slot is free, its lease is kept until it is settled.
    pub(super) fn ended(&mut self, id: LaneId, outcome: Option<Outcome>) {
        self.recount(id, |lane| {
            lane.in_flight = lane.in_flight.saturating_sub(1);
            if let Some(outcome) = outcome {
                lane.gate.learn(outcome, lane.terms.concurrency);
            }
        });
        self.stop_waiting(id);
        self.enqueue(id);
        self.list(id);
        let tenant = self.lanes.get(&id).map(|lane| lane.terms.tenant.clone());
        self.wake_one(Slots::next_waiting);
        if let Some(tenant) = tenant {
            self.wake_one(|slots| slots.next_held_back(Some(&tenant)));
        }
        self.wake_one(|slots| slots.next_held_back(None));
    }

    /// Looks again at one that waits, if there is one.
    fn wake_one(&mut self, next: impl Fn(&mut Slots) -> Option<LaneId>) -> bool {
        while let Some(waiting) = next(&mut self.slots) {
            if self.stop_waiting(waiting) {
                self.enqueue(waiting);
                return true;
            }
        }
        false
    }

    /// Looks again at all that wait. Whether there were any.
    fn wake_waiting(&mut self) -> bool {
        let mut any = false;
        while self.wake_one(Slots::next_waiting) || self.wake_one(|slots| slots.next_held_back(None)) {
            any = true;
        }
        any
    }

    /// Whether it did wait for a larger share.
    fn stop_waiting(&mut self, id: LaneId) -> bool {
        self.lanes.get_mut(&id).is_some_and(|lane| std::mem::take(&mut lane.waiting))
    }

    /// Whether the head of an ordering key that has failed in this lane stays in the way.
    pub(super) fn parks(&self, id: LaneId) -> bool {
        self.lanes.get(&id).is_some_and(|lane| lane.terms.on_failure == OnFailure::Park)
    }

    /// The store has recorded the end, or said that the lease was lost.
    pub(super) fn settled(&mut self, lease: Lease, id: LaneId, now: Timestamp) {
        self.forget(lease);
        self.tidy(id, now);
    }

    /// Forgets a lease, unless the delivery has been claimed anew since.
    pub(super) fn forget(&mut self, lease: Lease) {
        if self.leases.forget(lease) {
            self.feed_starved();
        }
    }

    /// The lane is left alone until then.
    pub(super) fn pause(&mut self, id: LaneId, until: Timestamp, now: Timestamp) {
        if let Some(lane) = self.lanes.get_mut(&id) {
            lane.gate.shut(until);
            self.wait(id, until, now);
        }
    }

    /// The lane has something due then (or a lease that ends). What waits for its turn in an ordering key is due never.
    pub(super) fn due(&mut self, id: LaneId, at: Timestamp, now: Timestamp) {
        if !self.open || at == Timestamp::MAX {
            return;
        }
        let lane = self.lanes.entry(id).or_insert_with(Lane::assumed);
        if at <= now {
            lane.due_since = Some(lane.due_since.map_or(at, |since| since.min(at)));
        }
        let at = lane.gate.shut_until(now).map_or(at, |until| at.max(until));
        if at <= now {
            lane.backlog = true;
            self.list(id);
        } else {
            self.set_timer(id, at);
        }
    }

    /// Looks at the lane again then, or sooner where that was planned.
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

    /// When the next lane falls due.
    pub(super) fn next_timer(&self) -> Option<Timestamp> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// How many lanes fail.
    pub(super) fn failing(&self) -> usize {
        self.lanes.values().filter(|lane| lane.gate.standing() == Standing::Failing).count()
    }

    /// Of each lane that has due work waiting in the store: whose it is, and since when.
    pub(super) fn late(&self) -> Vec<(Option<Tenant>, Timestamp)> {
        self.lanes.values().filter_map(|lane| Some((lane.terms.tenant.clone(), lane.due_since?))).collect()
    }

    /// Leases that end before `deadline`.
    pub(super) fn ending(&self, deadline: Timestamp) -> Vec<Lease> {
        self.leases.ending(deadline)
    }

    /// These leases now end then.
    pub(super) fn extended(&mut self, lease: Lease, until: Timestamp) {
        self.leases.extend(lease, until);
    }

    /// Every lease still answered for is to be given back. Answers how many.
    pub(super) fn abandon_all(&mut self) -> usize {
        let left = self.leases.take_all();
        let count = left.len();
        self.give_back.extend(left);
        count
    }

    /// Forgets a lane that has nothing to remember, so that memory follows what is active.
    fn tidy(&mut self, id: LaneId, now: Timestamp) {
        if self.lanes.get(&id).is_some_and(|lane| lane.is_idle(now)) {
            self.lanes.remove(&id);
        }
    }

    /// The lane's terms have changed. What was not started is given back when it is now closed.
    pub(super) fn change_terms(&mut self, id: LaneId, terms: &Terms, now: Timestamp) {
        self.recount(id, |lane| {
            if lane.is_closed() && terms.concurrency > 0 {
                lane.gate = Gate::default();
            }
        });
        self.agree(id, terms, now);
        if terms.concurrency == 0 {
            self.return_ready(id);
        } else {
            // An opened lane may have work waiting in the store.
            self.enqueue(id);
            self.due(id, now, now);
        }
    }

    /// What was held while the endpoint was disabled is released: one attempt at a time at first.
    pub(super) fn release_held(&mut self, id: LaneId) {
        if self.open {
            self.lanes.entry(id).or_insert_with(Lane::assumed).gate.begin_narrow();
        }
    }

    /// After a hard stop: nothing is in flight any more.
    pub(super) fn reset(&mut self) {
        *self = Self::new(self.limits, Crowd::alone(self.crowd.me));
    }
}

mod claims;
#[cfg(test)]
mod tests;
