//! What the worker holds and what it may start: fairness and limits, in memory, without I/O.
//!
//! A lane holds leased deliveries: *reserved* (being appended, born leased), *ready* (leased, not started) and *in
//! flight*. It asks the store for more only while it has room, and only when it knows or suspects due work there.

use std::collections::{BTreeSet, HashMap, VecDeque};

use super::config::Limits;
use super::deliver::Terms;
use crate::clock::Timestamp;
use crate::delivery::{Lease, Leased};
use crate::id::{DeliveryId, EndpointId};
use crate::store::{Claimed, LaneClaim, LaneDue};

/// How many leases a lane may hold for each attempt it may have in flight: enough to cover the time in which a settled
/// attempt is followed by a claim, few enough that another process finds work in a busy lane.
const LEASES_PER_SLOT: u32 = 4;

/// Most a single claim asks of one lane, so that one claim serves many lanes.
const MAX_QUOTA: u32 = 64;

/// Most lanes a single claim names.
const MAX_CLAIM_LANES: usize = 256;

#[derive(Debug)]
struct Lane {
    terms: Terms,
    ready: VecDeque<Leased>,
    reserved: u32,
    in_flight: u32,
    /// Due work is known or suspected in the store.
    backlog: bool,
    /// Listed in `Lanes::backlogged`.
    listed: bool,
    /// Listed in `Lanes::runnable`.
    queued: bool,
    /// The one entry of this lane in `Lanes::timers`.
    timer: Option<Timestamp>,
    paused_until: Timestamp,
}

impl Lane {
    fn new(terms: Terms) -> Self {
        Self {
            terms,
            ready: VecDeque::new(),
            reserved: 0,
            in_flight: 0,
            backlog: false,
            listed: false,
            queued: false,
            timer: None,
            paused_until: Timestamp::EPOCH,
        }
    }

    fn held(&self) -> u32 {
        self.reserved + self.in_flight + u32::try_from(self.ready.len()).unwrap_or(u32::MAX)
    }

    fn room(&self) -> u32 {
        self.terms.concurrency().saturating_mul(LEASES_PER_SLOT).saturating_sub(self.held())
    }

    fn can_start(&self) -> bool {
        self.in_flight < self.terms.concurrency() && !self.ready.is_empty()
    }

    fn is_idle(&self, now: Timestamp) -> bool {
        self.held() == 0 && !self.backlog && self.timer.is_none() && self.paused_until <= now
    }
}

/// All lanes of one worker.
#[derive(Debug)]
pub(super) struct Lanes {
    limits: Limits,
    open: bool,
    lanes: HashMap<EndpointId, Lane>,
    /// Lanes that have something ready and a free slot, in turn.
    runnable: VecDeque<EndpointId>,
    /// Lanes with a backlog in the store and room to take some, in turn.
    backlogged: VecDeque<EndpointId>,
    timers: BTreeSet<(Timestamp, EndpointId)>,
    in_flight: u32,
    /// Every lease this worker answers for, unsettled ones included.
    leases: HashMap<DeliveryId, (u64, Timestamp)>,
    reserved: u32,
}

impl Lanes {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            open: false,
            lanes: HashMap::new(),
            runnable: VecDeque::new(),
            backlogged: VecDeque::new(),
            timers: BTreeSet::new(),
            in_flight: 0,
            leases: HashMap::new(),
            reserved: 0,
        }
    }

    /// Starts to accept work.
    pub(super) fn open(&mut self) {
        self.open = true;
    }

    /// Stops accepting work; answers what was leased but not started.
    pub(super) fn close(&mut self) -> Vec<Lease> {
        self.open = false;
        let ready: Vec<_> = self.lanes.values_mut().flat_map(|lane| lane.ready.drain(..)).map(|it| it.lease).collect();
        for lease in &ready {
            self.leases.remove(&lease.delivery);
        }
        self.runnable.clear();
        self.backlogged.clear();
        self.timers.clear();
        self.lanes.retain(|_, lane| lane.held() > 0);
        for lane in self.lanes.values_mut() {
            (lane.backlog, lane.listed, lane.queued, lane.timer) = (false, false, false, None);
        }
        ready
    }

    /// Room for one more delivery that is about to be appended? A lane with a backlog has none: what is older goes
    /// first.
    pub(super) fn reserve(&mut self, id: EndpointId, terms: Terms, now: Timestamp) -> bool {
        if !self.open || self.lease_room() == 0 {
            return false;
        }
        let lane = self.lanes.entry(id).or_insert_with(|| Lane::new(terms));
        lane.terms = terms;
        if lane.backlog || lane.paused_until > now || lane.room() == 0 {
            return false;
        }
        lane.reserved += 1;
        self.reserved += 1;
        true
    }

    /// Ends a reservation that came to nothing.
    pub(super) fn unreserve(&mut self, id: EndpointId, now: Timestamp) {
        self.end_reservation(id);
        self.list(id);
        self.tidy(id, now);
    }

    fn end_reservation(&mut self, id: EndpointId) {
        self.reserved = self.reserved.saturating_sub(1);
        if let Some(lane) = self.lanes.get_mut(&id) {
            lane.reserved = lane.reserved.saturating_sub(1);
        }
    }

    /// Takes in a delivery whose place was reserved. Given back when the worker no longer accepts work.
    pub(super) fn hand_over(&mut self, leased: Leased) -> Result<(), Lease> {
        self.end_reservation(leased.endpoint);
        if !self.open {
            return Err(leased.lease);
        }
        self.push(leased);
        Ok(())
    }

    fn push(&mut self, leased: Leased) {
        let id = leased.endpoint;
        self.leases.insert(leased.lease.delivery, (leased.lease.fence, leased.until));
        self.lanes.entry(id).or_insert_with(|| Lane::new(Terms::default())).ready.push_back(leased);
        self.enqueue(id);
    }

    fn enqueue(&mut self, id: EndpointId) {
        if let Some(lane) = self.lanes.get_mut(&id)
            && lane.can_start()
            && !lane.queued
        {
            lane.queued = true;
            self.runnable.push_back(id);
        }
    }

    /// The next delivery to start: lanes take turns, each within its own limit and all within the worker's.
    pub(super) fn next(&mut self) -> Option<Leased> {
        while self.open && self.in_flight < self.limits.in_flight {
            let id = self.runnable.pop_front()?;
            let Some(lane) = self.lanes.get_mut(&id) else { continue };
            lane.queued = false;
            if !lane.can_start() {
                continue;
            }
            let leased = lane.ready.pop_front()?;
            lane.in_flight += 1;
            self.in_flight += 1;
            self.enqueue(id);
            return Some(leased);
        }
        None
    }

    /// An attempt has ended: its slot is free, its lease is kept until it is settled.
    pub(super) fn ended(&mut self, id: EndpointId) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if let Some(lane) = self.lanes.get_mut(&id) {
            lane.in_flight = lane.in_flight.saturating_sub(1);
        }
        self.enqueue(id);
        self.list(id);
    }

    /// The store has recorded the end, or said that the lease was lost.
    pub(super) fn settled(&mut self, lease: Lease, id: EndpointId, now: Timestamp) {
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
    pub(super) fn pause(&mut self, id: EndpointId, until: Timestamp) {
        if let Some(lane) = self.lanes.get_mut(&id) {
            lane.paused_until = lane.paused_until.max(until);
        }
    }

    /// The lane has something due then (or a lease that ends).
    pub(super) fn due(&mut self, id: EndpointId, at: Timestamp, now: Timestamp) {
        if !self.open {
            return;
        }
        let lane = self.lanes.entry(id).or_insert_with(|| Lane::new(Terms::default()));
        let at = at.max(lane.paused_until);
        if at <= now {
            lane.backlog = true;
            self.list(id);
        } else if lane.timer.is_none_or(|timer| at < timer) {
            if let Some(timer) = lane.timer.replace(at) {
                self.timers.remove(&(timer, id));
            }
            self.timers.insert((at, id));
        }
    }

    fn list(&mut self, id: EndpointId) {
        if let Some(lane) = self.lanes.get_mut(&id)
            && lane.backlog
            && !lane.listed
            && lane.room() > 0
        {
            lane.listed = true;
            self.backlogged.push_back(id);
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
    pub(super) fn take_backlogged(&mut self, now: Timestamp) -> Vec<EndpointId> {
        while let Some((at, id)) = self.timers.first().copied().filter(|(at, _)| *at <= now) {
            self.timers.remove(&(at, id));
            if let Some(lane) = self.lanes.get_mut(&id) {
                (lane.timer, lane.backlog) = (None, true);
            }
            self.list(id);
        }
        let count = self.backlogged.len().min(MAX_CLAIM_LANES).min(self.lease_room() as usize);
        let ids: Vec<_> = self.backlogged.drain(..count).collect();
        for id in &ids {
            if let Some(lane) = self.lanes.get_mut(id) {
                lane.listed = false;
            }
        }
        ids
    }

    /// The quotas of a claim for these lanes under fresh terms. Closed, paused and full lanes are left out.
    pub(super) fn quotas(&mut self, lanes: &[(EndpointId, Terms)], now: Timestamp) -> Vec<LaneClaim> {
        let share = (self.lease_room() / u32::try_from(lanes.len()).unwrap_or(u32::MAX).max(1)).clamp(1, MAX_QUOTA);
        lanes.iter().filter_map(|(id, terms)| self.quota(*id, *terms, share, now)).collect()
    }

    fn quota(&mut self, id: EndpointId, terms: Terms, share: u32, now: Timestamp) -> Option<LaneClaim> {
        let lane = self.lanes.get_mut(&id)?;
        lane.terms = terms;
        if lane.paused_until > now {
            let until = lane.paused_until;
            lane.backlog = false;
            self.due(id, until, now);
        } else if lane.room() > 0 {
            lane.backlog = false;
            return Some(LaneClaim { endpoint: id, max: lane.room().min(share) });
        } else if terms.concurrency() == 0 {
            lane.backlog = false;
            self.tidy(id, now);
        }
        None
    }

    /// Takes in what a claim from these lanes found; answers leases to give back when the worker has stopped meanwhile.
    pub(super) fn claimed(&mut self, from: &[EndpointId], claimed: Claimed, now: Timestamp) -> Vec<Lease> {
        if !self.open {
            return claimed.leased.into_iter().map(|leased| leased.lease).collect();
        }
        for leased in claimed.leased {
            self.push(leased);
        }
        for LaneDue { endpoint, due } in claimed.next {
            self.due(endpoint, due, now);
        }
        for id in from {
            self.tidy(*id, now);
        }
        Vec::new()
    }

    /// A claim from these lanes came to nothing: they still have a backlog.
    pub(super) fn put_back(&mut self, lanes: &[EndpointId]) {
        for id in lanes {
            if let Some(lane) = self.lanes.get_mut(id) {
                lane.backlog = true;
            }
            self.list(*id);
        }
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

    /// Every lease still answered for: what a hard stop gives back.
    pub(super) fn all_leases(&mut self) -> Vec<Lease> {
        self.leases.drain().map(|(delivery, (fence, _))| Lease { delivery, fence }).collect()
    }

    fn lease_room(&self) -> u32 {
        let held = self.reserved.saturating_add(u32::try_from(self.leases.len()).unwrap_or(u32::MAX));
        self.limits.leases.saturating_sub(held)
    }

    /// Forgets a lane that has nothing to remember, so that memory follows what is active.
    fn tidy(&mut self, id: EndpointId, now: Timestamp) {
        if self.lanes.get(&id).is_some_and(|lane| lane.is_idle(now)) {
            self.lanes.remove(&id);
        }
    }

    /// The lane's terms have changed; answers what was not started when it is now closed.
    pub(super) fn change_terms(&mut self, id: EndpointId, terms: Terms, now: Timestamp) -> Vec<Lease> {
        let Some(lane) = self.lanes.get_mut(&id) else {
            // Nothing is held, but an opened lane may have work waiting in the store.
            self.due(id, now, now);
            return Vec::new();
        };
        lane.terms = terms;
        if terms.concurrency() > 0 {
            self.enqueue(id);
            self.due(id, now, now);
            return Vec::new();
        }
        let unstarted: Vec<_> = lane.ready.drain(..).map(|leased| leased.lease).collect();
        for lease in &unstarted {
            self.leases.remove(&lease.delivery);
        }
        unstarted
    }

    /// After a hard stop: nothing is in flight any more.
    pub(super) fn reset(&mut self) {
        *self = Self::new(self.limits);
    }
}
