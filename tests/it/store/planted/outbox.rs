//! Appending, claiming and settling, with faults.

use std::collections::HashSet;

use hookwire::clock::Timestamp;
use hookwire::delivery::{Attempt, DeliveryState, Lease, Leased, Settlement};
use hookwire::event::Event;
use hookwire::id::{DeliveryId, LaneId, Work};
use hookwire::outcome::Outcome;
use hookwire::retry::Decision;
use hookwire::store::{Append, Appended, Claim, Claimed, Settled};
use std::time::Duration;

use super::bug::Bug;
use super::db::{Db, EventRow, Row, Taken};

impl Db {
    /// The result of an append, before anything is stored.
    pub fn check(&self, append: &Append) -> Option<Appended> {
        let event = &append.event;
        let replay = event
            .replay_digest()
            .filter(|_| !self.has(Bug::ReplayIsIgnored))
            .map(|digest| self.replay_key(event, *digest));
        let key = self.key_of(event);
        if let Some(taken) = self.ids.get(&key).filter(|_| !self.has(Bug::DuplicateIsStored)) {
            let same = taken.fingerprint == event.fingerprint || self.has(Bug::ConflictIsDuplicate);
            return Some(if same || replay.is_some_and(|replay| self.replays.contains_key(&replay)) {
                Appended::Duplicate
            } else {
                Appended::Conflict
            });
        }
        replay.is_some_and(|replay| self.replays.contains_key(&replay)).then_some(Appended::Duplicate)
    }

    fn replay_key(&self, event: &Event, digest: [u8; 32]) -> (String, [u8; 32]) {
        let tenant = if self.has(Bug::ReplaySharedByTenants) { String::new() } else { self.key(event.tenant.as_str()) };
        (tenant, digest)
    }

    pub fn append(&mut self, append: &Append) -> Appended {
        match self.check(append) {
            Some(found) => {
                self.append_again(append, found);
                found
            }
            None => {
                self.store(append);
                Appended::Stored
            }
        }
    }

    fn append_again(&mut self, append: &Append, found: Appended) {
        let event = &append.event;
        let seq = self.find(event.audience.work(), &event.tenant, &event.id);
        if found == Appended::Duplicate
            && self.has(Bug::DuplicateAddsDeliveries)
            && let Some(seq) = seq
        {
            self.store_deliveries(append, seq);
        }
        if found == Appended::Conflict
            && self.has(Bug::ConflictOverwrites)
            && let Some(kept) = seq.and_then(|seq| self.events.get_mut(&seq))
        {
            kept.event.payload = event.payload.clone();
        }
        if found == Appended::Duplicate && self.has(Bug::ReplayTakesTheId) {
            let taken = Taken { fingerprint: event.fingerprint, appended_at: append.now };
            self.ids.entry(self.key_of(event)).or_insert(taken);
        }
    }

    pub fn store(&mut self, append: &Append) {
        let seq = self.store_event(append);
        self.store_deliveries(append, seq);
    }

    pub fn store_event(&mut self, append: &Append) -> i64 {
        let event = &append.event;
        self.last_seq += 1;
        if self.has(Bug::UnwantedEventIsLost) && append.deliveries.is_empty() {
            return self.last_seq;
        }
        let key = self.key_of(event);
        let appended_at = self.time(append.now);
        self.ids.insert(key.clone(), Taken { fingerprint: event.fingerprint, appended_at });
        if let Some(digest) = event.replay_digest() {
            self.replays.insert(self.replay_key(event, *digest), key);
        }
        let (event, wanted) = (self.kept(event), !append.deliveries.is_empty());
        self.events.insert(self.last_seq, EventRow { event, appended_at, has_payload: true, wanted });
        self.last_seq
    }

    pub fn store_deliveries(&mut self, append: &Append, seq: i64) {
        let mut lanes = HashSet::new();
        let count =
            append.deliveries.len() - usize::from(self.has(Bug::LastDeliveryIsLost) && append.deliveries.len() > 1);
        for delivery in append.deliveries.iter().take(count) {
            if self.has(Bug::OneDeliveryPerLane) && !lanes.insert(delivery.lane) {
                continue;
            }
            let now = self.time(append.now);
            let mut row = Row::pending(seq, delivery.lane, now, now);
            let is_ordered = append.event.order.is_some() && !self.has(Bug::OrderedIsBornLeased);
            if let Some(until) = delivery.leased_until.filter(|_| !is_ordered && !self.has(Bug::BornLeaseIsIgnored)) {
                let attempts = u32::from(!self.has(Bug::BornLeaseIsNoAttempt));
                let fence = u64::from(!self.has(Bug::BornLeaseHasFenceZero));
                (row.due, row.attempts, row.fence, row.leased) = (self.time(until), attempts, fence, true);
            }
            self.deliveries.insert(delivery.id, row);
            self.arrange(delivery.id, now);
        }
    }

    /// The deliveries that a claim takes from a lane, before they are leased.
    pub fn claimable(&self, lane: LaneId, max: u32, now: Timestamp) -> Vec<DeliveryId> {
        let max = match self.bug {
            Some(Bug::ClaimTakesOneTooMany) if max > 0 => max + 1,
            Some(Bug::ClaimOfZeroTakesOne) => max.max(1),
            Some(Bug::ClaimIgnoresMax) => u32::MAX,
            _ => max,
        };
        let is_due = |row: &Row| match self.bug {
            Some(Bug::ClaimIgnoresDue) => !row.leased && row.due < Timestamp::MAX,
            Some(Bug::ClaimAtDueIsTooEarly) => row.due < now,
            Some(Bug::EndedLeaseIsLost) => row.due <= now && !row.leased,
            _ => row.due <= now,
        };
        let is_open = |row: &Row| match row.state {
            DeliveryState::Pending => true,
            DeliveryState::Held => self.has(Bug::HeldIsClaimed),
            DeliveryState::Failed => self.has(Bug::FailedIsClaimed),
            _ => false,
        };
        let of_lane =
            |row: &Row| row.lane == lane || self.has(Bug::ClaimIgnoresTheLane) && row.lane.work() == lane.work();
        let mut due: Vec<_> = self
            .deliveries
            .iter()
            .filter(|(_, row)| of_lane(row) && is_open(row) && is_due(row))
            .map(|(id, row)| (row.due, *id))
            .collect();
        due.sort();
        if self.has(Bug::ClaimLatestFirst) {
            due.reverse();
        }
        due.into_iter().take(max as usize).map(|(_, id)| id).collect()
    }

    pub fn is_served(&self, lane: LaneId) -> bool {
        match lane.endpoint().map(|id| self.endpoints.get(&id)) {
            Some(Some(None)) => self.has(Bug::RemovedIsClaimed),
            Some(Some(Some(endpoint))) => endpoint.is_enabled() || self.has(Bug::DisabledIsClaimed),
            Some(None) => !self.has(Bug::UnknownLaneIsNotServed),
            None => !self.has(Bug::QueuesAreNotServed),
        }
    }

    pub fn lease(&mut self, id: DeliveryId, claim: &Claim) -> Leased {
        let until = self.time(claim.until);
        let (bug, row) = (self.bug, self.deliveries.get_mut(&id).unwrap());
        let is_ended = row.leased;
        row.leased = true;
        if bug != Some(Bug::ClaimKeepsTheFence) || row.fence == 0 {
            row.fence += if bug == Some(Bug::ClaimSkipsAFence) && is_ended { 2 } else { 1 };
        }
        row.attempts += u32::from(bug != Some(Bug::ClaimDoesNotCount) || row.attempts == 0);
        match bug {
            Some(Bug::EndedLeaseCountsFromOne) if is_ended => row.attempts = 1,
            Some(Bug::LeaseEndIsNotWritten) => {}
            Some(Bug::LeaseEndsTooLate) => row.due = until + Duration::from_micros(1),
            _ => {}
        }
        if !matches!(bug, Some(Bug::LeaseEndIsNotWritten | Bug::LeaseEndsTooLate)) {
            row.due = until;
        }
        let row = row.clone();
        let kept = match bug {
            Some(Bug::ClaimMixesUpEvents) => {
                self.events.values().find(|kept| kept.event.audience == self.event_of(&row).event.audience).unwrap()
            }
            _ => self.event_of(&row),
        };
        let created_at = if self.has(Bug::CreatedAtIsClaimTime) { claim.now } else { row.created_at };
        let lease = Lease { delivery: id, fence: row.fence };
        let leased = Leased::new(lease, row.lane, kept.event.clone().into(), claim.until);
        leased.made_at(created_at).with_counts(row.attempts, row.faults)
    }

    pub fn claim(&mut self, claim: &Claim) -> Claimed {
        let mut claimed = Claimed::default();
        let mut quota = if self.has(Bug::ClaimSharesOneQuota) {
            claim.lanes.iter().map(|(_, max)| *max).max().unwrap_or(0)
        } else {
            u32::MAX
        };
        let now = self.time(claim.now).max(claim.now);
        for &(lane, max) in &claim.lanes {
            if self.is_removed(lane) && !self.has(Bug::RemovedStaysInLanes) && !self.has(Bug::RemovedIsClaimed) {
                self.cancel_lane(lane, now);
            }
            if self.is_served(lane) {
                for id in self.claimable(lane, max.min(quota), now) {
                    quota = quota.saturating_sub(1);
                    let leased = self.lease(id, claim);
                    claimed.leased.push(leased);
                }
            }
            let is_disabled = !self.is_served(lane) && (!self.has(Bug::DisabledIsNext) || self.is_removed(lane));
            if !is_disabled {
                claimed.next.extend(self.next_due(lane, now));
            }
        }
        claimed
    }

    fn next_due(&self, lane: LaneId, now: Timestamp) -> Option<(LaneId, Timestamp)> {
        let pending = self.deliveries.values().filter(|row| row.lane == lane && row.is_pending());
        let pending = pending.filter(|row| !(row.leased && self.has(Bug::NextLeavesLeasedOut))).map(|row| row.due);
        let due = if self.has(Bug::NextIsTheLatest) { pending.max() } else { pending.min() }?;
        match self.bug {
            Some(Bug::NextIsMissing) => None,
            Some(Bug::NextIsTheClaimTime) => Some((lane, now)),
            _ => Some((lane, due)),
        }
    }

    pub fn cancel_lane(&mut self, lane: LaneId, now: Timestamp) {
        let of_lane =
            |row: &Row| row.lane == lane || self.has(Bug::RemoveCancelsOthers) && row.lane.work() == lane.work();
        let is_owed = |row: &Row| match row.state {
            DeliveryState::Pending => !(self.has(Bug::RemoveLeavesRetries) && row.attempts > 0 && !row.leased),
            DeliveryState::Held => !self.has(Bug::RemoveLeavesHeld),
            DeliveryState::Failed => self.has(Bug::RemoveTouchesFinal),
            _ => false,
        };
        let owed: Vec<_> =
            self.deliveries.iter().filter(|(_, row)| of_lane(row) && is_owed(row)).map(|(id, _)| *id).collect();
        for id in owed {
            self.finish(id, DeliveryState::Cancelled, None, now);
        }
    }

    pub fn is_leased_by(&self, lease: Lease) -> bool {
        let Some(row) = self.deliveries.get(&lease.delivery) else { return false };
        let is_open = row.is_pending() || self.has(Bug::SettleOfFinalCounts);
        let is_claimed = row.fence > 0
            && (row.leased || self.has(Bug::SettleKeepsTheLease) || self.has(Bug::ReleaseKeepsTheLease))
            || self.has(Bug::NeverClaimedIsLeased);
        let is_fenced = row.fence == lease.fence
            || self.has(Bug::SettleIgnoresTheFence)
            || self.has(Bug::SettleTakesOlderFences) && lease.fence < row.fence
            || self.has(Bug::SettleOfFinalCounts) && row.state.is_final();
        is_open && (is_claimed || self.has(Bug::SettleOfFinalCounts)) && is_fenced
    }

    /// Records the end of an attempt: the delivery, the attempt, the endpoint.
    pub fn settle(&mut self, settlement: &Settlement) -> Settled {
        let lease = settlement.lease;
        let is_valid = self.is_leased_by(lease)
            && !(self.has(Bug::SettleOfEndedIsLost) && self.deliveries[&lease.delivery].due <= settlement.at);
        if !is_valid {
            if self.has(Bug::HealthCountsLostLeases) {
                self.affect(settlement);
            }
            if self.has(Bug::NotesOfLostLeases) {
                self.note(settlement);
            }
            if self.has(Bug::AttemptOfLostLease) && self.deliveries.contains_key(&lease.delivery) {
                self.record(settlement);
            }
            return Settled::LeaseLost;
        }
        self.decide(settlement);
        self.record(settlement);
        self.affect(settlement);
        if !self.has(Bug::SplitNote) {
            self.note(settlement);
        }
        Settled::Done
    }

    pub fn decide(&mut self, settlement: &Settlement) {
        let (id, at) = (settlement.lease.delivery, settlement.at);
        match settlement.decision {
            Decision::Retry { at: due, .. } => self.retry(id, due, at, true),
            Decision::RetryUncounted { at: due } => self.retry(id, due, at, false),
            Decision::Delivered => {
                self.finish(id, DeliveryState::Delivered, None, at);
                if self.has(Bug::IdsFreeOnceDelivered) {
                    let key = self.key_of(&self.event_of(&self.deliveries[&id]).event.clone());
                    self.ids.remove(&key);
                }
            }
            Decision::Hold { reason } => {
                self.finish(id, DeliveryState::Held, Some(reason).filter(|_| !self.has(Bug::HoldReasonIsLost)), at);
                let keeps = self.has(Bug::HoldHasAnEnd);
                let row = self.deliveries.get_mut(&id).unwrap();
                row.finished_at = row.finished_at.filter(|_| keeps);
            }
            Decision::Fail { reason } | Decision::Disable { reason } => {
                self.finish(id, DeliveryState::Failed, Some(reason).filter(|_| !self.has(Bug::FailReasonIsLost)), at);
            }
            _ => {}
        }
        if !self.has(Bug::SplitFollow) {
            self.follow(settlement);
        }
    }

    /// Lets the next delivery of the ordering key follow.
    pub fn follow(&mut self, settlement: &Settlement) {
        self.let_the_next_follow(settlement.lease.delivery, settlement);
    }

    fn let_the_next_follow(&mut self, id: DeliveryId, settlement: &Settlement) {
        let (state, at) = (self.deliveries[&id].state, settlement.at);
        let is_retry = matches!(settlement.decision, Decision::Retry { .. } | Decision::RetryUncounted { .. });
        if self.has(Bug::FifoFailedBlocks) && state == DeliveryState::Failed
            || is_retry && self.has(Bug::LatestRetryIsSent)
        {
            return;
        }
        if self.has(Bug::FifoHeldLetsPass) && state == DeliveryState::Held {
            let order = self.event_of(&self.deliveries[&id]).event.order.clone();
            let (seq, lane) = (self.deliveries[&id].seq, self.deliveries[&id].lane);
            let next = self
                .deliveries
                .iter_mut()
                .find(|(_, row)| row.seq > seq && row.lane == lane && row.due == Timestamp::MAX);
            if let Some((_, next)) = next.filter(|_| order.is_some()) {
                next.due = at;
            }
            return;
        }
        self.arrange(id, at);
    }

    fn retry(&mut self, id: DeliveryId, due: Timestamp, at: Timestamp, counts: bool) {
        let due = if self.has(Bug::RetryIsDueAtOnce) { at } else { self.time(due) };
        let (bug, row) = (self.bug, self.deliveries.get_mut(&id).unwrap());
        row.due = due;
        row.leased = false;
        row.fence += u64::from(bug != Some(Bug::SettleKeepsTheLease));
        if counts {
            row.faults = if bug == Some(Bug::RetryKeepsFaults) { row.faults } else { 0 };
            row.attempts += u32::from(bug == Some(Bug::RetryCountsTwice));
        } else {
            row.attempts -= u32::from(bug != Some(Bug::FaultUsesUpAnAttempt));
            row.faults += u32::from(bug != Some(Bug::FaultIsNotCounted));
        }
    }

    pub fn record(&mut self, settlement: &Settlement) {
        let Some(attempt) = settlement.attempt.clone().filter(|_| !self.has(Bug::AttemptIsLost)) else { return };
        let id = settlement.lease.delivery;
        let count = self.attempts.iter().filter(|(of, _)| *of == id).count();
        if self.has(Bug::AttemptsStopAt20) && count >= 20 {
            return;
        }
        if self.has(Bug::AttemptsOverwrite) {
            self.attempts.retain(|(of, old)| *of != id || old.number != attempt.number);
        }
        let kept = self.kept_attempt(attempt);
        self.attempts.push((id, kept));
    }

    fn kept_attempt(&self, attempt: Attempt) -> Attempt {
        let Attempt { number, at, duration, outcome, excerpt, .. } = attempt;
        let duration = match self.bug {
            Some(Bug::AttemptLosesDuration) => Duration::ZERO,
            Some(Bug::AttemptRoundsDuration) => Duration::from_millis(duration.as_millis().try_into().unwrap()),
            _ => duration,
        };
        let outcome = match outcome {
            Outcome::Status(code) if self.has(Bug::AttemptLosesTheStatus) => Outcome::Status(code / 100 * 100),
            outcome => outcome,
        };
        let excerpt = excerpt.map(|text| self.text(&text)).map(|text| match self.bug {
            Some(Bug::AttemptCutAt255) => text.chars().take(255).collect(),
            _ => text,
        });
        let is_lost =
            |text: &String| self.has(Bug::AttemptLosesExcerpt) || self.has(Bug::EmptyTextIsNull) && text.is_empty();
        let excerpt = excerpt.filter(|text| !is_lost(text)).map(Into::into);
        Attempt::new(number, self.time(at), duration, outcome).with_excerpt(excerpt)
    }

    pub fn extend(&mut self, lease: Lease, until: Timestamp) -> Settled {
        let exists = self.deliveries.get(&lease.delivery).is_some_and(|row| row.leased && row.is_pending());
        let ended = exists
            && self.has(Bug::ExtendOfEndedIsLost)
            && self.deliveries[&lease.delivery].due < until - Duration::from_secs(61);
        let is_taken = self.is_leased_by(lease) || exists && self.has(Bug::ExtendIgnoresTheFence);
        if !is_taken || ended {
            return Settled::LeaseLost;
        }
        let until = self.time(until);
        let (bug, row) = (self.bug, self.deliveries.get_mut(&lease.delivery).unwrap());
        match bug {
            Some(Bug::ExtendOnlyAnswers) => {}
            Some(Bug::ExtendOnlyLater) => row.due = row.due.max(until),
            _ => row.due = until,
        }
        row.attempts += u32::from(bug == Some(Bug::ExtendIsAnAttempt));
        Settled::Done
    }

    pub fn release(&mut self, lease: Lease, due: Timestamp) -> Settled {
        let exists = self.deliveries.get(&lease.delivery).is_some_and(|row| row.leased && row.is_pending());
        let is_taken = self.is_leased_by(lease) || exists && self.has(Bug::ReleaseIgnoresTheFence);
        if !is_taken {
            return Settled::LeaseLost;
        }
        let due = if self.has(Bug::ReleaseIsDueLater) { due + Duration::from_secs(1) } else { self.time(due) };
        let (bug, row) = (self.bug, self.deliveries.get_mut(&lease.delivery).unwrap());
        row.due = due;
        row.leased = false;
        row.attempts -= u32::from(bug != Some(Bug::ReleaseKeepsTheAttempt) && row.attempts > 0);
        row.faults += u32::from(bug == Some(Bug::ReleaseIsAFault));
        row.faults = if bug == Some(Bug::ReleaseForgivesFaults) { 0 } else { row.faults };
        row.fence += u64::from(bug != Some(Bug::ReleaseKeepsTheLease));
        self.arrange(lease.delivery, due);
        Settled::Done
    }

    pub fn lanes(&self, work: Work, after: Option<LaneId>, limit: u32) -> Vec<(LaneId, Timestamp)> {
        let is_open = |row: &Row| row.is_pending() || self.has(Bug::LanesKeepFinished);
        let is_listed = |row: &Row| is_open(row) && !(row.leased && self.has(Bug::LanesLeaveLeasedOut));
        let is_kind = |row: &Row| row.lane.work() == work || self.has(Bug::LanesMixKinds);
        let is_after = |lane: LaneId| match after {
            Some(after) if self.has(Bug::LanesRepeatTheCursor) => lane >= after,
            Some(after) => lane > after,
            None => true,
        };
        let mut lanes: std::collections::BTreeMap<LaneId, Timestamp> = std::collections::BTreeMap::new();
        for row in self.deliveries.values().filter(|row| is_kind(row) && is_listed(row) && is_after(row.lane)) {
            let due = lanes.entry(row.lane).or_insert(row.due);
            *due = if self.has(Bug::LanesShowTheLatest) { (*due).max(row.due) } else { (*due).min(row.due) };
        }
        let limit = if self.has(Bug::LanesIgnoreTheLimit) { usize::MAX } else { limit as usize };
        lanes.into_iter().take(limit).collect()
    }
}
