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
use super::slots::Slots;
use super::turns::Turns;
use crate::clock::Timestamp;
use crate::delivery::{Lease, Leased};
use crate::endpoint::OnFailure;
use crate::id::{DeliveryId, LaneId, Tenant};
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
    /// Lanes with a backlog in the store and room to take some, in turn.
    backlogged: Turns,
    timers: BTreeSet<(Timestamp, LaneId)>,
    /// Every lease this worker answers for, unsettled ones included.
    leases: HashMap<DeliveryId, (u64, Timestamp)>,
    reserved: u32,
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
            backlogged: Turns::default(),
            timers: BTreeSet::new(),
            leases: HashMap::new(),
            reserved: 0,
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
        self.timers.clear();
        self.lanes.retain(|_, lane| lane.held() > 0);
        for lane in self.lanes.values_mut() {
            (lane.backlog, lane.listed, lane.timer) = (false, false, None);
            (lane.queued, lane.waiting) = (false, false);
        }
    }

    /// What the lane holds and has not started is to be given back.
    fn return_ready(&mut self, id: LaneId) {
        let Some(lane) = self.lanes.get_mut(&id) else { return };
        for leased in lane.ready.drain(..) {
            self.leases.remove(&leased.lease.delivery);
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
        if !self.open || self.lease_room() == 0 {
            return false;
        }
        self.lanes.entry(id).or_insert_with(Lane::assumed);
        self.agree(id, terms, now);
        let Some(lane) = self.lanes.get_mut(&id) else { return false };
        if lane.backlog || lane.gate.shut_until(now).is_some() || lane.room() == 0 {
            self.tidy(id, now);
            return false;
        }
        lane.reserved += 1;
        self.reserved += 1;
        true
    }

    /// Ends a reservation that came to nothing.
    pub(super) fn unreserve(&mut self, id: LaneId, now: Timestamp) {
        self.end_reservation(id);
        self.list(id);
        self.tidy(id, now);
    }

    fn end_reservation(&mut self, id: LaneId) {
        self.reserved = self.reserved.saturating_sub(1);
        if let Some(lane) = self.lanes.get_mut(&id) {
            lane.reserved = lane.reserved.saturating_sub(1);
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
        self.leases.insert(leased.lease.delivery, (leased.lease.fence, leased.until));
        self.lanes.entry(id).or_insert_with(Lane::assumed).ready.push_back(leased);
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
        self.slots.recount(before, (lane.gate.standing(), lane.in_flight));
    }

    /// This worker's part of these terms is what counts in the lane from now on.
    fn agree(&mut self, id: LaneId, terms: &Terms, now: Timestamp) {
        let part = self.crowd.part(terms);
        self.recount(id, |lane| lane.agree(&part, now));
    }

    /// The next delivery to start: tenants and their lanes take turns, each lane within its own limits and all within the
    /// worker's.
    pub(super) fn next(&mut self, now: Timestamp) -> Option<Leased> {
        while self.open {
            let id = self.slots.pop()?;
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
        let Lease { delivery, fence } = leased.lease;
        if !self.leases.get(&delivery).is_some_and(|(held, until)| *held == fence && *until > now) {
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
        while let Some(waiting) = self.slots.next_waiting() {
            if self.stop_waiting(waiting) {
                self.enqueue(waiting);
                break;
            }
        }
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
        if self.leases.get(&lease.delivery).is_some_and(|(fence, _)| *fence == lease.fence) {
            self.leases.remove(&lease.delivery);
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

    fn list(&mut self, id: LaneId) {
        if let Some(lane) = self.lanes.get_mut(&id)
            && lane.backlog
            && !lane.listed
            && lane.room() > 0
        {
            lane.listed = true;
            self.backlogged.push(lane.terms.tenant.clone(), id);
        }
    }

    /// Whether a claim would have something to ask for.
    pub(super) fn wants_claim(&self) -> bool {
        !self.backlogged.is_empty() && self.lease_room() > 0
    }

    /// When the next lane falls due.
    pub(super) fn next_timer(&self) -> Option<Timestamp> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// Takes the lanes whose turn it is to be claimed from: those with due work and room.
    pub(super) fn take_backlogged(&mut self, now: Timestamp) -> Vec<LaneId> {
        while let Some((at, id)) = self.timers.first().copied().filter(|(at, _)| *at <= now) {
            self.timers.remove(&(at, id));
            if let Some(lane) = self.lanes.get_mut(&id) {
                (lane.timer, lane.backlog) = (None, true);
            }
            self.enqueue(id);
            self.list(id);
        }
        let count = self.backlogged.len().min(MAX_CLAIM_LANES).min(self.lease_room() as usize);
        let ids: Vec<_> = std::iter::from_fn(|| self.backlogged.pop()).take(count).collect();
        for id in &ids {
            if let Some(lane) = self.lanes.get_mut(id) {
                lane.listed = false;
            }
        }
        ids
    }

    /// The quotas of a claim for these lanes under fresh terms. Closed, shut and full lanes are left out.
    pub(super) fn quotas(&mut self, lanes: &[(LaneId, Terms)], now: Timestamp) -> Vec<LaneClaim> {
        let share = (self.lease_room() / u32::try_from(lanes.len()).unwrap_or(u32::MAX).max(1)).clamp(1, MAX_QUOTA);
        lanes.iter().filter_map(|(id, terms)| self.quota(*id, terms, share, now)).collect()
    }

    fn quota(&mut self, id: LaneId, terms: &Terms, share: u32, now: Timestamp) -> Option<LaneClaim> {
        self.agree(id, terms, now);
        let lane = self.lanes.get_mut(&id)?;
        if let Some(until) = lane.gate.shut_until(now) {
            lane.backlog = false;
            self.set_timer(id, until);
        } else if lane.room() > 0 {
            (lane.claiming, lane.backlog, lane.due_since) = (true, false, None);
            return Some(LaneClaim { lane: id, max: lane.room().min(share) });
        } else if lane.is_closed() {
            (lane.backlog, lane.due_since) = (false, None);
            self.tidy(id, now);
        }
        None
    }

    /// Takes in what a claim from these lanes found.
    pub(super) fn claimed(&mut self, from: &[LaneId], claimed: Claimed, now: Timestamp) {
        for leased in claimed.leased {
            self.push(leased);
        }
        for LaneDue { lane, due } in claimed.next {
            self.due(lane, due, now);
        }
        for id in from {
            if let Some(lane) = self.lanes.get_mut(id) {
                lane.claiming = false;
            }
            self.tidy(*id, now);
        }
    }

    /// A claim from these lanes came to nothing: they still have a backlog.
    pub(super) fn put_back(&mut self, lanes: &[LaneId]) {
        for id in lanes {
            if let Some(lane) = self.lanes.get_mut(id) {
                (lane.claiming, lane.backlog) = (false, true);
            }
            self.list(*id);
        }
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
        let ends = |(delivery, (fence, until)): (&DeliveryId, &(u64, Timestamp))| {
            (*until < deadline).then_some(Lease { delivery: *delivery, fence: *fence })
        };
        self.leases.iter().filter_map(ends).collect()
    }

    /// These leases now end then.
    pub(super) fn extended(&mut self, lease: Lease, until: Timestamp) {
        if let Some((fence, end)) = self.leases.get_mut(&lease.delivery)
            && *fence == lease.fence
        {
            *end = until;
        }
    }

    /// Every lease still answered for is to be given back. Answers how many.
    pub(super) fn abandon_all(&mut self) -> usize {
        let left = self.leases.drain().map(|(delivery, (fence, _))| Lease { delivery, fence });
        let before = self.give_back.len();
        self.give_back.extend(left);
        self.give_back.len() - before
    }

    fn lease_room(&self) -> u32 {
        let held = self.reserved.saturating_add(u32::try_from(self.leases.len()).unwrap_or(u32::MAX));
        self.limits.leases.saturating_sub(held)
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

#[cfg(test)]
mod tests;
